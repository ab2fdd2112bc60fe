"""What is chosen and told when annotations are written, and pictures beside them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import HEIGHT, LENGTH, WIDTH, square_clip
from exchange_samples import sample
from PIL import Image

from sam2track.annotate import Annotations, ObjectClass, Track, TrackFrame, Video, VideoTracks
from sam2track.annotate.exchange import FEATURES, FORMATS, read, write
from sam2track.annotate.exchange.label_maps import COVERED
from sam2track.annotate.exchange.losses import NO_MASK

DOCS = Path(__file__).parents[3] / "docs/formats.md"


def square_track(clip_path, **values):
    """The square of the tests' clip, with its masks."""
    frames = {}
    for index in range(LENGTH):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[20:44, 20 + 4 * index : 44 + 4 * index] = True
        frames[index] = TrackFrame.from_mask(mask)
    video = Video("square", WIDTH, HEIGHT, LENGTH, path=clip_path, fps=10.0, **values)
    own = VideoTracks(video, (Track(1, 1, frames),), accepted=frozenset({2, 3}))
    return Annotations((ObjectClass(1, "red square"),), (own,))


def indices(annotations):
    return [set(track.frames) for own in annotations.videos for track in own.tracks]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("all", {*range(8)}),
        ("every 3", {0, 3, 6}),
        ("accepted", {2, 3}),
        ("annotated", {*range(8)}),
    ],
)
def test_frames_are_chosen(frames, expected, clip_path, tmp_path):
    write("coco", square_track(clip_path), tmp_path / "out", frames=frames)
    back, _ = read("coco", tmp_path / "out")
    assert indices(back) == [expected]
    assert back.videos[0].video.length == LENGTH


def test_annotated_frames_are_those_with_something_on_them(tmp_path):
    own = sample()
    track = own.videos[0].tracks[0]
    part = replace(own.videos[0], tracks=(replace(track, frames={3: track.frames[2]}),))
    write("davis", replace(own, videos=(part,)), tmp_path / "out", frames="annotated")
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["00003.png"]


def test_classes_are_chosen(tmp_path):
    own = sample()
    write("coco", own, tmp_path / "out", classes=[own.classes[1].name])
    back, _ = read("coco", tmp_path / "out")
    assert [one.name for one in back.classes] == [own.classes[1].name]
    assert {track.class_id for one in back.videos for track in one.tracks} == {2}


def test_one_video_is_written_before_the_next_is_made(tmp_path):
    """So memory holds one video, if they are given by a generator."""
    own = sample()

    def videos():
        for number, one in enumerate(own.videos):
            written = {path.parent.name for path in tmp_path.rglob("*.png")}
            assert written == {one.video.name for one in own.videos[:number]}
            yield one

    write("davis", replace(own, videos=videos()), tmp_path / "out")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "coko"}, "no format 'coko'; did you mean 'coco'"),
        ({"frames": "every 0"}, "frames='every 0'; give all, every N"),
        ({"frames": "some"}, "frames='some'; give all, every N"),
        ({"classes": ["dog"]}, "classes= names 'dog'; there are: "),
        ({"format": "sav", "images": True}, "has no place for pictures"),
        ({"images": True}, "has no path, but its frames are wanted"),
        ({"format": "overlay"}, "has no path, but its frames are wanted"),
    ],
)
def test_wrong_choices_are_refused_and_nothing_is_written(values, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write(values.pop("format", "coco"), sample(), tmp_path / "out", **values)
    assert not list(tmp_path.iterdir())


def wrong(annotations, **values):
    track = replace(annotations.videos[0].tracks[0], **values)
    return replace(annotations, videos=(replace(annotations.videos[0], tracks=(track, track)),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda own: wrong(own), "track 1 of video 'cup' is there twice"),
        (lambda own: wrong(own, class_id=9), "has the unknown class 9"),
        (lambda own: wrong(own, frames={9: TrackFrame("0")}), "is on frame 9 of 5"),
        (
            lambda own: replace(own, videos=(replace(own.videos[0], accepted=frozenset({9})),)),
            "video 'cup' has no frame 9, which is accepted",
        ),
        (lambda own: replace(own, videos=own.videos[:1] * 2), "two videos are named 'cup'"),
        (lambda own: replace(own, classes=own.classes[:1] * 2), "two classes have the id 1"),
    ],
)
def test_wrong_annotations_are_refused_and_nothing_is_written(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write("coco", change(sample()), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    write("coco", sample(), tmp_path / "out")  # an empty folder serves
    with pytest.raises(ValueError, match="is there already and not an empty folder"):
        write("coco", sample(), tmp_path / "out")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write("davis", sample(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_is_lost_is_counted(tmp_path):
    own = sample(boxes=True)
    nothing = TrackFrame.from_mask(np.zeros((24, 37), bool))
    empty = replace(own.videos[1].tracks[0], frames={0: nothing})
    own = replace(own, videos=(own.videos[0], replace(own.videos[1], tracks=(empty,))))
    losses = {loss.what: loss for loss in write("davis", own, tmp_path / "out")}
    frames = [one for v in own.videos for track in v.tracks for one in track.frames.values()]
    assert losses[FEATURES["boxes"]].count == 3
    assert losses[FEATURES["empty"]].count == 1
    assert losses[FEATURES["scores"]].count == sum(one.score is not None for one in frames)
    assert losses[FEATURES["names"]].count == 1
    assert losses[NO_MASK].told("davis") == "object 2 in Straße.2 has no mask"
    assert losses[FEATURES["empty"]].told("davis").startswith("davis cannot hold 1 mark that an")
    count = losses[COVERED].count
    assert str(losses[COVERED]) == f"{count} {COVERED} (first: frame 0 of track 1 in cup)"


def test_overlaps_in_a_label_map_are_counted_once_for_each_mask(tmp_path):
    whole, part = np.ones((4, 6), bool), np.zeros((4, 6), bool)
    part[1:3, 1:3] = True
    tracks = tuple(
        Track(k, 1, dict.fromkeys((0, 1), TrackFrame.from_mask(mask)))
        for k, mask in enumerate((whole, part), start=1)
    )
    own = Annotations((ObjectClass(1, "object"),), (VideoTracks(Video("v", 6, 4, 2), tracks),))
    (loss,) = write("mots", own, tmp_path / "out")
    assert (loss.what, loss.count, loss.first) == (COVERED, 2, "frame 0 of track 1 in v")


@pytest.mark.parametrize("name", [name for name, own in FORMATS.items() if own.picture])
def test_pictures_are_written_where_the_format_expects_them(name, clip_path, tmp_path):
    write(name, square_track(clip_path), tmp_path / "out", frames="every 4", images=True)
    pictures = sorted((tmp_path / "out").rglob("*.jpg"))
    assert len(pictures) == 2
    for picture in pictures:
        assert Image.open(picture).size == (WIDTH, HEIGHT)
    # Formats that match pictures by name have a file of the same name, or name them in one.
    clip = square_clip()[0].astype(int)
    assert np.abs(np.asarray(Image.open(pictures[0])).astype(int) - clip).mean() < 20


def test_pictures_of_a_folder_are_copied(tmp_path):
    (tmp_path / "frames").mkdir()
    names = ("a.png", "b.png")
    for name in names:
        Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "frames" / name)
    own = square_track(tmp_path / "frames")
    video = replace(own.videos[0].video, length=2, frame_names=names)
    track = replace(own.videos[0].tracks[0], frames={1: own.videos[0].tracks[0].frames[1]})
    part = replace(own.videos[0], video=video, tracks=(track,), accepted=frozenset())
    own = replace(own, videos=(part,))
    write("yolo", own, tmp_path / "out", images=True)
    copied = tmp_path / "out/images/train/square__b.png"
    assert copied.read_bytes() == (tmp_path / "frames/b.png").read_bytes()
    back, _ = read("yolo", tmp_path / "out", videos=[video])
    assert indices(back) == [{1}]


def test_another_video_is_refused(clip_path, tmp_path):
    own = square_track(clip_path)
    video = replace(own.videos[0].video, width=WIDTH - 1)
    own = replace(own, videos=(replace(own.videos[0], video=video, tracks=()),))
    with pytest.raises(ValueError, match=f"is {WIDTH}x{HEIGHT}, but {WIDTH - 1}x{HEIGHT} was"):
        write("overlay", own, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_overlay(clip_path, tmp_path):
    write("overlay", square_track(clip_path), tmp_path / "out", frames="every 2")
    with av.open(str(tmp_path / "out/square.mp4")) as video:
        frames = list(video.decode(video=0))
    assert len(frames) == 4
    # As long as the whole video: four frames at half of the rate.
    assert frames[1].time == pytest.approx(0.2)


def test_cutouts(clip_path, tmp_path):
    write("cutouts", square_track(clip_path), tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out/cutouts.csv").open()))
    assert len(rows) == LENGTH
    assert rows[1]["file"] == "square/001_red_square/00001.png"
    assert [rows[1][key] for key in ("x", "y", "width", "height")] == ["24", "20", "24", "24"]
    picture = np.asarray(Image.open(tmp_path / "out" / rows[1]["file"]))
    assert picture.shape == (24, 24, 4)
    assert (picture[..., 3] == 255).all()
    assert picture[..., 0].mean() > 190  # it is red


def test_a_format_that_is_only_written_says_so(tmp_path):
    with pytest.raises(ValueError, match="format 'overlay' cannot be read; these can: coco"):
        read("overlay", tmp_path)


def test_results_of_track_are_read(tmp_path, tracked_run):
    """``tracks.json``, palette PNGs and ``boxes.txt`` of ``sam2track track``."""
    video = Video("square", WIDTH, HEIGHT, LENGTH)
    for name, file in (("youtube_vis", "tracks.json"), ("davis", "masks"), ("mot", "boxes.txt")):
        back, losses = read(name, tracked_run / file, videos=[video])
        assert indices(back) == [{*range(LENGTH)}]
        assert not list(losses)


@pytest.fixture
def tracked_run(tmp_path):
    """Files as the sinks of ``sam2track track`` write them."""
    import torch

    from sam2track.sinks import BoxSink, CocoSink, PaletteSink
    from sam2track.types import Frame, FrameResult

    sinks = (
        CocoSink(tmp_path / "tracks.json", name="square", fps=10),
        PaletteSink(tmp_path / "masks"),
        BoxSink(tmp_path / "boxes.txt"),
    )
    one = torch.ones(1)
    for index in range(LENGTH):
        mask = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.bool)
        mask[0, 20:44, 20 + 4 * index : 44 + 4 * index] = True
        owner = torch.where(mask[0], 0, -1)
        result = FrameResult(index, (1,), mask, owner, one, one, torch.zeros(1, 4, 4))
        for sink in sinks:
            sink.write(Frame(index, np.zeros((HEIGHT, WIDTH, 3), np.uint8)), result)
    for sink in sinks:
        sink.close()
    return tmp_path


def test_shapes_without_a_track_are_counted(tmp_path):
    """An ordinary COCO file: each annotation becomes a track, and this is told."""
    write("coco", sample(), tmp_path / "out")
    path = tmp_path / "out/annotations/instances_default.json"
    data = json.loads(path.read_text())
    count = len(data["annotations"])
    for one in data["annotations"]:
        del one["track_id"], one["attributes"], one["video_id"]
    for one in data["images"]:
        del one["video_id"], one["frame_id"], one["frame_index"]
    del data["videos"], data["tracks"]
    data["annotations"][0]["segmentation"] = {"size": [24, 37], "counts": [24 * 37]}
    path.write_text(json.dumps(data))
    back, losses = read("coco", path, videos=[one.video for one in sample().videos])
    assert sum(len(frames) for frames in indices(back)) == count - 1
    told = {loss.what: loss.count for loss in losses}
    assert told.pop("tracks without a frame") == 1
    single = "shapes without a track, each now a track of its own"
    assert told == {single: count, "empty masks": 1}


@pytest.mark.parametrize("name", ["cvat", "cvat_video"])
def test_the_video_of_a_task_of_cvat(name, tmp_path):
    """A person names a task; CVAT adds the file it was made of."""
    own, task = sample(), "<name>cup</name>"
    write(name, replace(own, videos=own.videos[:1]), tmp_path / "out")
    file = tmp_path / "out/cup/annotations.xml"
    text = file.read_text()
    assert task in text

    def names(head, tail=""):
        file.write_text(text.replace(task, head).replace("</task>", f"</task>{tail}"))
        found, _ = read(name, file, videos=[own.videos[0].video])
        return [one.video.name for one in found.videos]

    for head in ("<name>cup.mp4</name>", "<name></name>", ""):
        assert names(head) == ["cup"]
    assert names("<name>batch 3</name>", "<source>cup.mp4</source>") == ["cup"]
    assert names("<name>batch 3</name><source>cup.mp4</source>") == ["cup"]
    for tail in ("", "<source>box.mp4</source>"):
        with pytest.raises(ValueError, match="'box' is not among the known ones: cup; add"):
            names("" if tail else "<name>box.mp4</name>", tail)


def test_the_video_of_a_task_of_label_studio(tmp_path):
    folder = tmp_path / "out"
    write("label_studio_video", sample(boxes=True), folder)
    tasks = json.loads((folder / "tasks.json").read_text())[:1]

    def names(**data):
        tasks[0]["data"] = data
        (folder / "tasks.json").write_text(json.dumps(tasks))
        known = [sample().videos[0].video]
        return [
            own.video.name for own in read("label_studio_video", folder, videos=known)[0].videos
        ]

    assert names(video="/data/upload/2/1a2b3c4d-cup.mp4") == names(name="cup") == names() == ["cup"]
    assert names(name="batch 3", video="s3://films/cup.mp4") == ["cup"]
    with pytest.raises(ValueError, match="'box' is not among the known ones: cup; add"):
        names(video="/films/box.mp4")


def test_binary_masks_of_davis_2016_are_one_object(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:44, 20:44] = 255
    (tmp_path / "cup").mkdir()
    for index in range(2):
        Image.fromarray(mask).save(tmp_path / f"cup/{index:05d}.png")
    back, losses = read("davis", tmp_path)
    assert indices(back) == [{0, 1}]
    assert not list(losses)
    mask[0, 0] = 7  # now 255 is void
    Image.fromarray(mask).save(tmp_path / "cup/00001.png")
    back, losses = read("davis", tmp_path)
    assert [track.id for track in back.videos[0].tracks] == [7]
    assert [str(loss) for loss in losses] == [
        "2 frames with void pixels (255) (first: frame 0 of cup)"
    ]


def test_the_table_of_the_docs_is_that_of_the_code():
    text = DOCS.read_text(encoding="utf-8")
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 2 + len(FEATURES):
            rows[cells[0].strip("`")] = {
                what for what, cell in zip(FEATURES, cells[2:], strict=True) if cell == "yes"
            }
    assert rows == {name: set(own.holds) for name, own in FORMATS.items()}
