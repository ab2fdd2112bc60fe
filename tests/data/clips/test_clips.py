"""Training clips: masks stay on their objects, chance alone decides, errors name files."""

from __future__ import annotations

import json
import pickle
import re
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from data import layouts
from data.layouts import COLOURS, HEIGHT, WIDTH
from hydra.utils import instantiate
from pycocotools import mask as coco_masks

from sam2track.data.clips.augment import Augment, Jitter
from sam2track.data.clips.clip import SMALLEST, Clip, ClipDataset, ClipSource, Mixture
from sam2track.data.clips.still_clips import StillClips, _are_whole, _filled
from sam2track.data.clips.video_clips import VideoClips, choose_separate
from sam2track.data.readers.davis import davis
from sam2track.data.readers.folder import folder
from sam2track.data.readers.sav import sav, sav_train
from sam2track.data.readers.still_images import CocoStills, FolderStills, SA1BStills, Still
from sam2track.data.readers.youtube_vos import youtube_vos
from sam2track.synthetic.motion import Motion

SIZE = 64
PLAIN = {"augment": None}


def video_clips(root, **more):
    return VideoClips(davis(layouts.davis17(root)), SIZE, frames=4, objects=2, **more)


def still_clips(root, **more):
    return StillClips(FolderStills(layouts.stills(root)), SIZE, frames=4, objects=2, **more)


SOURCES = {"video": video_clips, "still": still_clips}


def draw(source, count, **more):
    return [source.clip(np.random.default_rng([7, n]), **more) for n in range(count)]


def kind_of(frame):
    """By pixel 1 where it is rather red, 2 where it is rather blue: the objects of the layouts."""
    smooth = cv2.GaussianBlur(frame, (3, 3), 0).astype(int)
    red, green, blue = smooth[..., 0], smooth[..., 1], smooth[..., 2]
    found = np.zeros(frame.shape[:2], np.uint8)
    found[(red > 150) & (red > 2 * np.maximum(green, blue))] = 1
    found[(blue > 150) & (blue > 2 * np.maximum(red, green))] = 2
    return found


def assert_on_objects(clip, *, mirrored=False):
    """Inside a mask is one object's colour, and beyond it that colour is not seen.

    If the camera may see an object's ``mirrored`` image: around it that colour is not seen.
    """
    core, wide = np.ones((5, 5), np.uint8), np.ones((9, 9), np.uint8)
    for label in set(np.unique(clip.masks)) - {0}:
        colours = set()
        for frame, labels in zip(clip.frames, clip.masks, strict=True):
            kinds, mask = kind_of(frame), (labels == label).astype(np.uint8)
            inside = kinds[cv2.erode(mask, core) > 0]
            if len(inside) > 10:
                assert (inside > 0).mean() > 0.9
                colours |= set(inside.tolist()) - {0}
        assert len(colours) <= 1
        for frame, labels in zip(clip.frames, clip.masks, strict=True):
            mask = (labels == label).astype(np.uint8)
            beyond = cv2.dilate(mask, core) == 0
            if mirrored:
                beyond &= cv2.dilate(mask, wide) > 0
            assert np.isin(kind_of(frame)[beyond], [*colours]).sum() < 0.01 * mask.size


@pytest.mark.parametrize("name", SOURCES)
def test_masks_stay_on_their_objects(tmp_path, name):
    more = {"paste": 0} if name == "still" else {}
    source = SOURCES[name](tmp_path, augment=Augment(grey=0.0, mosaic=0.0), **more)
    for clip in draw(source, 25):
        assert clip.frames.shape == (4, SIZE, SIZE, 3)
        assert clip.aspect == WIDTH / HEIGHT  # windows are squares in video pixels
        assert clip.frames.dtype == clip.masks.dtype == np.uint8
        assert_on_objects(clip, mirrored=name == "still")
        counts = np.bincount(clip.masks[0].ravel(), minlength=3)[1:]
        shown = np.flatnonzero(counts >= SMALLEST * SIZE * SIZE) + 1
        assert shown.tolist() == list(range(1, clip.masks.max() + 1))


@pytest.mark.parametrize("name", SOURCES)
def test_chance_alone_decides(tmp_path, name):
    source = SOURCES[name](tmp_path)
    assert isinstance(source, ClipSource)
    first, again = draw(source, 6), draw(pickle.loads(pickle.dumps(source)), 6)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.frames, b.frames)
        np.testing.assert_array_equal(a.masks, b.masks)
    assert any((a.frames != first[0].frames).any() for a in first[1:])


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_kept_between_clips(tmp_path, name):
    source = SOURCES[name](tmp_path)
    draw(source, 20)
    tracemalloc.start()
    try:
        draw(source, 5)
        before = tracemalloc.get_traced_memory()[0]
        draw(source, 60)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000  # two clips are as much
    finally:
        tracemalloc.stop()


def test_a_clip_is_the_video_at_some_speed_in_some_direction(tmp_path):
    """Which frame a clip shows can be told by where the red square is."""
    steps = set()
    for clip in draw(video_clips(tmp_path, stride=2, **PLAIN), 40):
        red = int(np.median(clip.masks[0][kind_of(clip.frames[0]) == 1]))
        xs = [np.flatnonzero((masks == red).any(0))[0] for masks in clip.masks]
        moved = np.diff(np.array(xs) * WIDTH / SIZE - 4) / 2  # two pixels a frame
        assert len(set(moved.tolist())) == 1
        steps.add(int(moved[0]))
    # Six frames: at two frames a step four do not fit.
    assert steps == {1, -1}


def test_speed_is_jittered_where_the_video_is_long_enough(tmp_path):
    sequences = davis(layouts.davis17(tmp_path))
    steps = set()
    for clip in draw(VideoClips(sequences, SIZE, frames=2, stride=3, reverse=0, **PLAIN), 40):
        low = [min(np.flatnonzero((m == k).any(0))[0] for k in (1, 2)) for m in clip.masks]
        steps.add((low[1] - low[0]) // 2)
    assert steps == {1, 2, 3}
    easy = draw(VideoClips(sequences, SIZE, frames=2, stride=3, reverse=0, **PLAIN), 20, hardness=0)
    for clip in easy:
        low = [min(np.flatnonzero((m == k).any(0))[0] for k in (1, 2)) for m in clip.masks]
        assert (low[1] - low[0]) // 2 == 1


def test_only_annotated_frames_are_shown(tmp_path):
    """In SA-V every fourth: the square moves by whole steps of them."""
    for root, sequences in (
        (tmp_path / "val", sav(layouts.sav(tmp_path / "val"))),
        (tmp_path / "train", sav_train(layouts.sav_train(tmp_path / "train"))),
    ):
        shown = set()

        def spy(sequence, indices, *, shown=shown):
            shown.update(indices)
            return type(sequence).frames(sequence, indices)

        for sequence in sequences:
            sequence.frames = partial(spy, sequence)
        clips = draw(VideoClips(sequences, SIZE, frames=3, objects=2, **PLAIN), 10)
        assert shown
        assert not {index % 4 for index in shown} - {0}, root
        assert all(clip.masks[0].any() for clip in clips)


def test_a_short_video_goes_to_and_fro(tmp_path):
    layouts.davis17(tmp_path, ("cat",))
    for index in range(2, 6):
        for path in tmp_path.rglob(f"{index:05d}.*"):
            path.unlink()
    clip = VideoClips(davis(tmp_path), SIZE, frames=5, reverse=0, **PLAIN).clip(
        np.random.default_rng(0)
    )
    assert (clip.masks[0] != clip.masks[1]).any()
    for index in (2, 4):
        np.testing.assert_array_equal(clip.masks[index], clip.masks[0])


def test_an_object_that_is_absent_later_keeps_its_place(tmp_path):
    layouts.davis17(tmp_path, ("cat",))
    for index in (3, 4, 5):
        path = tmp_path / f"Annotations/480p/cat/{index:05d}.png"
        layouts.save_labels(path, np.zeros((HEIGHT, WIDTH), np.uint8))
    source = VideoClips(davis(tmp_path), SIZE, frames=6, objects=3, reverse=0, stride=1, **PLAIN)
    item = ClipDataset(source, length=3)[0]
    assert item["masks"].shape == (6, 3, SIZE, SIZE)
    assert item["valid"].tolist() == [True, True, False]
    assert item["masks"][:3, :2].flatten(2).any(-1).all()
    assert not item["masks"][3:].any()
    reverse = VideoClips(davis(tmp_path), SIZE, frames=6, reverse=1, stride=1, **PLAIN)
    with pytest.raises(ValueError, match=r"none of 100 clips .*'cat'"):
        reverse.clip(np.random.default_rng(0))  # its first frame is always empty


def test_of_a_part_and_its_whole_one_is_taken(tmp_path):
    sequences = sav(layouts.sav(tmp_path))
    source = VideoClips(sequences, SIZE, frames=2, objects=3, **PLAIN)
    assert {int(clip.masks.max()) for clip in draw(source, 30)} <= {1, 2}
    square, part = np.zeros((2, 8, 8), bool)
    square[1:7, 1:7], part[2:4, 2:4] = True, True
    masks = [{1: square, 2: part, 3: ~square}]
    assert choose_separate(masks, [2, 1, 3], 3) == [2, 3]
    assert choose_separate(masks, [1, 2, 3], 3) == [1, 3]
    assert choose_separate(masks, [1, 3, 2], 1) == [1]


def test_late_objects_are_taken_where_they_show(tmp_path):
    sequences = youtube_vos(layouts.youtube_vos(tmp_path, split="train"), "train")
    clips = draw(VideoClips(sequences, SIZE, frames=2, objects=2, **PLAIN), 30)
    assert {int(clip.masks.max()) for clip in clips} == {1, 2}


# -- augmentation


def test_no_augmentation_changes_nothing(tmp_path):
    (clip,) = draw(video_clips(tmp_path, **PLAIN), 1)
    still = Augment(0, 0, 0, 0, 0, 0, clip=Jitter(0, 0, 0), frame=Jitter(0, 0, 0))
    same = still(clip, np.random.default_rng(0))
    np.testing.assert_array_equal(same.frames, clip.frames)
    np.testing.assert_array_equal(same.masks, clip.masks)


def test_a_flip_is_a_flip(tmp_path):
    (clip,) = draw(video_clips(tmp_path, **PLAIN), 1)
    flipped = Augment(flip=1, mosaic=0, grey=1)(clip, np.random.default_rng(0), hardness=0)
    np.testing.assert_array_equal(flipped.masks, clip.masks[:, :, ::-1])
    assert (flipped.frames.max(-1) - flipped.frames.min(-1) <= 1).all()  # grey


def test_what_turns_keeps_its_shape(tmp_path):
    """A circle in a video of 2:1, squashed, turned, and unsquashed, is a circle."""
    y, x = np.mgrid[:65, :65]
    squashed = ((x - 32) * 2) ** 2 + (y - 32) ** 2 <= 24**2
    clip = Clip(np.zeros((1, 65, 65, 3), np.uint8), squashed[None].astype(np.uint8), aspect=2.0)
    turned = Augment(rotation=180, shear=0, zoom=0, mosaic=0)
    for seed in range(5):
        mask = turned(clip, np.random.default_rng(seed)).masks[0] > 0
        assert (mask ^ squashed).mean() < 0.03


def test_a_mosaic_is_tracked_in_one_quarter(tmp_path):
    quarters = set()
    clips = draw(video_clips(tmp_path, augment=Augment(mosaic=1, zoom=0, grey=0)), 20)
    for clip in clips:
        half = SIZE // 2
        found = {
            (row, column)
            for row in (0, 1)
            for column in (0, 1)
            if clip.masks[:, row * half :, column * half :][:, :half, :half].any()
        }
        assert len(found) == 1
        quarters |= found
        upper, lower = clip.frames[:, :half], clip.frames[:, half:]
        np.testing.assert_array_equal(upper, lower)
    assert len(quarters) == 4


# -- mixture and dataset


class Constant:
    """Clips of one value."""

    def __init__(self, value, objects):
        self.value, self.objects = value, objects

    def clip(self, rng, *, hardness=1.0):
        frames = np.full((1, 4, 4, 3), self.value, np.uint8)
        return Clip(frames, np.full((1, 4, 4), self.objects, np.uint8))


def test_a_mixture_draws_by_weight():
    mixture = Mixture([(Constant(10, 1), 3), (Constant(20, 2), 1), (Constant(30, 1), 0)])
    assert mixture.objects == 2
    values = [int(clip.frames[0, 0, 0, 0]) for clip in draw(mixture, 400)]
    assert set(values) == {10, 20}
    assert 0.68 < np.mean([value == 10 for value in values]) < 0.82
    item = ClipDataset(mixture, length=9)[0]
    assert item["masks"].shape == (1, 2, 4, 4)


@pytest.mark.parametrize("weights", [[], [0.0], [-1.0, 2.0], [float("nan")]])
def test_weights_that_mean_nothing_are_refused(weights):
    with pytest.raises(ValueError, match=r"at least one|numbers above zero"):
        Mixture([(Constant(1, 1), weight) for weight in weights])


def test_hardness_ramps(tmp_path):
    seen = []

    class Spy(Constant):
        def clip(self, rng, *, hardness=1.0):
            seen.append(hardness)
            return super().clip(rng)

    dataset = ClipDataset(Spy(1, 1), length=100, ramp=10)
    for index in (0, 5, 50):
        dataset[index]
    assert seen == [0.0, 0.5, 1.0]


def test_a_recipe_names_sources(tmp_path):
    """As Hydra makes them, with what the trainer knows."""
    entries = [
        {
            "_target_": "sam2track.data.clips.video_clips.VideoClips",
            "sequences": {
                "_target_": "sam2track.data.readers.folder.folder",
                "root": str(layouts.folder(tmp_path / "a")),
            },
            "augment": {"_target_": "sam2track.data.clips.augment.Augment", "mosaic": 0.5},
        },
        {
            "_target_": "sam2track.data.clips.still_clips.StillClips",
            "stills": {
                "_target_": "sam2track.data.readers.still_images.SA1BStills",
                "root": str(layouts.sa1b(tmp_path / "b")),
            },
        },
    ]
    made = [instantiate(e, size=SIZE, frames=3, objects=2, _convert_="all") for e in entries]
    assert made[0].augment.mosaic == 0.5
    loader = torch.utils.data.DataLoader(
        ClipDataset(Mixture([(source, 1) for source in made]), length=8), 4, num_workers=1
    )
    for batch in loader:
        assert batch["frames"].shape == (4, 3, 3, SIZE, SIZE)
        assert batch["valid"][:, 0].all()


@pytest.mark.parametrize("name", ["mose", "sav", "coco"])
def test_the_recipe_in_the_docs_works(tmp_path, monkeypatch, name):
    text = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text()
    entry = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1])["data"]["sources"][name]
    layouts.mose(tmp_path / "MOSE", split="train")
    layouts.sav_train(tmp_path / "sav_train")
    layouts.coco_stills(tmp_path / "COCO")
    (tmp_path / "COCO/annotations").mkdir()
    (tmp_path / "COCO/images").rename(tmp_path / "COCO/train2017")
    listed = tmp_path / "COCO/annotations/instances_train2017.json"
    (tmp_path / "COCO/instances.json").rename(listed)
    monkeypatch.chdir(tmp_path)
    assert entry.pop("weight") > 0
    source = instantiate(entry, size=SIZE, frames=3, objects=2, _convert_="all")
    assert draw(source, 1)[0].masks[0].any()


# -- still images


def test_coco_has_polygons_and_runs(tmp_path):
    layouts.coco_stills(tmp_path)
    stills = CocoStills(tmp_path / "images", tmp_path / "instances.json")
    assert len(stills) == 3
    _, truth = layouts.pictures(1, seed=1)
    still = stills[1]
    assert len(still.runs) == 2  # the crowd is left out
    for number, k in enumerate((1, 2)):
        np.testing.assert_array_equal(still.mask(number), truth[0][k])
    assert still.shares() == pytest.approx([400 / (HEIGHT * WIDTH), 196 / (HEIGHT * WIDTH)])
    assert np.abs(still.image[8, 8].astype(int) - COLOURS[1]).max() < 30


def test_sa1b_objects_may_overlap(tmp_path):
    stills = SA1BStills(layouts.sa1b(tmp_path))
    still = stills[0]
    assert (still.mask(0) & still.mask(2)).sum() == 36
    source = StillClips(stills, SIZE, frames=2, objects=3, paste=0, moving=0, augment=None)
    assert {int(clip.masks.max()) for clip in draw(source, 20)} == {2}


def test_some_clips_repeat_one_frame(tmp_path):
    clips = draw(still_clips(tmp_path, moving=0.5, augment=None), 40)
    still = [
        (clip.frames == clip.frames[0]).all() and (clip.masks == clip.masks[0]).all()
        for clip in clips
    ]
    assert 0.3 < np.mean(still) < 0.7


def test_things_pass_in_front(tmp_path):
    """With objects=1 what passes is in nobody's mask but hides the object."""
    stills = FolderStills(layouts.stills(tmp_path))
    areas = {}
    for paste in (0, 1):
        source = StillClips(stills, SIZE, frames=4, objects=1, paste=paste, moving=1, augment=None)
        areas[paste] = np.mean([(clip.masks > 0).mean() for clip in draw(source, 40)])
    assert areas[1] < 0.97 * areas[0]


@pytest.mark.parametrize("top", [12, 0])
def test_the_mirror_image_beyond_the_edge_is_another_object(tmp_path, top):
    """The camera may look beyond the image, which is mirrored there.

    Where an object is cut off by the edge, it and its mirror image are one; what is mirrored
    without meeting it is not.
    """
    image, mask = np.full((60, 80, 3), 90, np.uint8), np.zeros((60, 80), np.uint8)
    cv2.circle(mask, (40, top), 10, 1, -1)
    image[mask > 0] = (230, 20, 20)
    for kind, picture in (("images", image[..., ::-1]), ("masks", mask)):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / "a.png"), picture)
    source = StillClips(
        FolderStills(tmp_path), SIZE, frames=6, objects=1, paste=0, moving=1, augment=None
    )
    shown, whole = 0, 0
    for clip in draw(source, 30):
        for frame, labels in zip(clip.frames, clip.masks, strict=True):
            red, own = (kind_of(frame) == 1).astype(np.uint8), (labels == 1).astype(np.uint8)
            shown = max(shown, cv2.connectedComponents(red)[0] - 1)
            assert cv2.connectedComponents(own)[0] - 1 <= 1
            whole += own.sum() > 0.9 * red.sum() > 0
    assert shown > 1 if top else whole > 100


def moved(clip, label):
    """By how many pixels an object's centre moves beyond what the camera does to the other."""
    centres = [[np.argwhere(m == k).mean(0) for k in (label, 3 - label)] for m in clip.masks]
    first, last = (one - other for one, other in (centres[0], centres[-1]))
    return np.abs(last - first).max()


def test_loose_objects_move_by_themselves(tmp_path):
    apart = {}
    for loose in (0, 1):
        source = still_clips(tmp_path, loose=loose, paste=0, moving=1, augment=None)
        clips = draw(source, 20)
        for clip in clips:
            assert_on_objects(clip, mirrored=True)
        both = [clip for clip in clips if all({1, 2} <= set(np.unique(m)) for m in clip.masks)]
        assert len(both) > 5
        apart[loose] = np.median([moved(clip, 1) for clip in both])
    assert apart[1] > 3 * apart[0]


def test_a_loose_object_has_its_size_and_place(tmp_path):
    """Before it moves it covers what it covered in the photograph."""
    source = still_clips(tmp_path)
    image, mask = np.full((90, 120, 3), 90, np.uint8), np.zeros((90, 120), np.uint8)
    mask[20:44, 50:60] = 255
    place = np.array([[1, 0, 120 / 90 / 2], [0, 1, 0.5], [0, 0, 1.0]])  # the view is the image
    (layer,) = source._loosened(image, [mask], place, np.random.default_rng(0), end=10.0)
    still = replace(layer, motion=Motion(layer.motion.start), deformation=None)
    labels = np.zeros((90, 120), np.uint8)
    still.draw(image, labels, np.diag([90, 90, 1.0]), 0.0)
    covered = np.argwhere(labels == 1)
    assert np.abs(covered.min(0) - (20, 50)).max() <= 1
    assert np.abs(covered.max(0) - (43, 59)).max() <= 1


@pytest.mark.parametrize("edge", [(0, 30), (58, 30), (20, 0), (20, 78)])
def test_parts_and_cut_off_objects_do_not_come_loose(tmp_path, edge):
    image = np.full((60, 80, 3), 90, np.uint8)
    masks = np.zeros((3, 60, 80), bool)
    masks[0, 10:50, 20:60] = True
    masks[1, 20:30, 30:40] = True  # a part of it
    masks[2, edge[0] : edge[0] + 2, edge[1] : edge[1] + 2] = True  # cut off
    runs = tuple(coco_masks.encode(np.asfortranarray(m).view(np.uint8)) for m in masks)
    still = Still(tmp_path / "a.png", image, runs)
    assert [_are_whole(still, [k]) for k in range(3)] == [True, False, False]
    assert not _are_whole(still, [0, 2])


def test_what_was_behind_a_loose_object_looks_like_its_surroundings():
    image = np.full((60, 90, 3), (40, 120, 40), np.uint8)
    mask = np.zeros((60, 90), np.uint8)
    mask[20:40, 30:60] = 255
    image[mask > 0] = (230, 20, 20)
    filled = _filled(image, mask).astype(int)
    assert np.abs(filled - (40, 120, 40)).max() < 12


def test_one_frame_is_a_clip(tmp_path):
    source = StillClips(FolderStills(layouts.stills(tmp_path)), SIZE, frames=1, objects=2)
    assert draw(source, 1)[0].frames.shape == (1, SIZE, SIZE, 3)


# -- what is wrong


def broken_stills(root, kind):
    """A damaged collection of stills: how it is opened."""
    if kind == "no mask":
        layouts.stills(root)
        (root / "masks/1.png").unlink()
    elif kind == "no image":
        layouts.stills(root)
        (root / "images/1.jpg").unlink()
    elif kind == "other size":
        layouts.stills(root)
        for path in (root / "masks").iterdir():
            layouts.save_labels(path, np.ones((HEIGHT, WIDTH // 2), np.uint8))
    elif kind == "empty masks":
        layouts.stills(root)
        for path in (root / "masks").iterdir():
            layouts.save_labels(path, np.zeros((HEIGHT, WIDTH), np.uint8))
    elif kind == "not a picture":
        layouts.stills(root)
        for path in (root / "images").iterdir():
            path.write_text("nonsense")
    else:
        (root / "images").mkdir()
    return lambda: draw(StillClips(FolderStills(root), SIZE, frames=2), 1)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no mask", r"images/1\.jpg has no mask .*masks/1\.png"),
        ("no image", r"masks/1\.png belongs to no image"),
        ("other size", r"images/\d\.jpg is 64x48 but a mask of it is 32x48"),
        ("empty masks", r"none of 100 images shows an object .*images/\d\.jpg"),
        ("not a picture", r"images/\d\.jpg: not a picture"),
        ("empty", r"images has no pictures"),
    ],
)
def test_broken_stills_are_named(tmp_path, kind, message):
    use = broken_stills(tmp_path, kind)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        use()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": None}, r"instances\.json is not COCO's"),
        ({"annotations": []}, r"instances\.json has no objects"),
        ({"shape": [[1, 2, 3]]}, r"000000000000\.jpg in .*instances\.json has no valid outline"),
        ({"shape": {"size": [48, 64], "counts": "1"}}, r"an object of .* cover 1 pixels"),
        ({"width": 30}, r"000000000000\.jpg is 64x48 but a mask of it is 30x48"),
        ({"file_name": "gone.jpg"}, r"no image .*gone\.jpg, which .*instances\.json lists"),
    ],
)
def test_broken_coco_is_named(tmp_path, change, message):
    layouts.coco_stills(tmp_path)
    path = tmp_path / "instances.json"
    content = json.loads(path.read_text())
    if "annotations" in change:
        content["annotations"] = change["annotations"]
    elif "shape" in change:
        content["annotations"][0]["segmentation"] = change["shape"]
    else:
        content["images"][0].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        CocoStills(tmp_path / "images", path)[0]


def test_broken_sa1b_is_named(tmp_path):
    layouts.sa1b(tmp_path)
    path = tmp_path / "sa_000000/sa_1.json"
    path.write_text("nonsense")
    with pytest.raises(ValueError, match=r"sa_1\.json is not SA-1B's"):
        SA1BStills(tmp_path)[1]
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"sa_1\.jpg has no sa_1\.json"):
        SA1BStills(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no sa_\*\.jpg"):
        SA1BStills(tmp_path / "nowhere")


def test_broken_videos_are_named_before_training_begins(tmp_path):
    layouts.folder(tmp_path)
    (tmp_path / "JPEGImages/street/00001.jpg").unlink()
    with pytest.raises(ValueError, match=r"street/00001\.png belongs to no picture"):
        VideoClips(folder(tmp_path), SIZE)
    with pytest.raises(ValueError, match="no sequences"):
        VideoClips((), SIZE)
    with pytest.raises(ValueError, match="frames=0: at least 1"):
        VideoClips(folder(tmp_path, names=["kitchen"]), SIZE, frames=0)
    with pytest.raises(ValueError, match="objects=0: at least 1"):
        still_clips(tmp_path / "stills").__init__(
            FolderStills(tmp_path / "stills"), SIZE, objects=0
        )


def test_a_damaged_mask_is_named_when_it_is_drawn(tmp_path):
    layouts.davis17(tmp_path, ("cat",))
    path = tmp_path / "Annotations/480p/cat/00003.png"
    path.write_bytes(path.read_bytes()[:-10])
    source = VideoClips(davis(tmp_path), SIZE, frames=6)
    with pytest.raises(ValueError, match=r"cat/00003\.png is not an undamaged PNG"):
        source.clip(np.random.default_rng(0))
