"""Written and read again, annotations are the same, as far as the format can hold them."""

from dataclasses import replace

import numpy as np
import pytest
from exchange_samples import CLASSES, FORMATS_APART, contents, files, held, sample, single_parts
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2track.annotate import Annotations, ObjectClass, Track, TrackFrame, Video, VideoTracks
from sam2track.annotate.exchange import FORMATS, read, write

READABLE = [name for name, own in FORMATS.items() if own.read]
ONE_PART = ("yolo",)


def suited(name):
    """Annotations that a format can hold whole."""
    own = sample(apart=name in FORMATS_APART, boxes=True)
    return single_parts(held(own, FORMATS[name].holds)) if name in ONE_PART else own


def about(annotations, *, classes=True):
    return {
        (own.video.name, track.id): (
            track.class_id if classes else None,
            track.name,
            dict(track.attributes),
        )
        for own in annotations.videos
        for track in own.tracks
    }


@pytest.mark.parametrize("name", READABLE)
def test_what_the_format_holds_comes_back(name, tmp_path):
    holds = FORMATS[name].holds
    kept = held(suited(name), holds)
    losses = write(name, suited(name), tmp_path / "out")
    videos = [own.video for own in kept.videos]
    back, unread = read(name, tmp_path / "out", videos=videos, classes=CLASSES)
    assert contents(back) == contents(kept)
    assert about(back, classes="classes" in holds) == about(kept, classes="classes" in holds)
    assert [own.video for own in back.videos] == videos
    assert not list(unread)
    assert bool(losses) == (holds != FORMATS["coco"].holds)  # COCO holds everything of the sample


@pytest.mark.parametrize("name", READABLE)
def test_export_import_export_gives_the_same_files(name, tmp_path):
    kept = held(suited(name), FORMATS[name].holds)
    losses = write(name, kept, tmp_path / "first")
    videos = [own.video for own in kept.videos]
    back, _ = read(name, tmp_path / "first", videos=videos, classes=CLASSES)
    write(name, back, tmp_path / "second")
    assert files(tmp_path / "first") == files(tmp_path / "second")
    assert {str(own) for own in losses} <= {
        "6 classes of tracks (first: track 1 in cup)",
        "7 classes of tracks (first: track 1 in cup)",
        "1 colour of classes (first: class 'Katze 猫')",
    }


@pytest.mark.parametrize("name", [name for name in READABLE if name != "yolo"])
def test_videos_need_not_be_known(name, tmp_path):
    """Sizes, and mostly lengths, are in the files; only YOLO needs the videos or pictures."""
    write(name, suited(name), tmp_path / "out")
    back, _ = read(name, tmp_path / "out")
    assert contents(back) == contents(held(suited(name), FORMATS[name].holds))
    for own in back.videos:
        assert own.video.size == (24, 37)


def test_yolo_without_sizes_says_what_to_do(tmp_path):
    write("yolo", sample(), tmp_path / "out")
    with pytest.raises(ValueError, match="has no picture in images/, which tells its size"):
        read("yolo", tmp_path / "out")


@pytest.mark.parametrize("name", READABLE)
def test_frames_that_are_chosen_keep_their_index(name, tmp_path):
    kept = held(suited(name), FORMATS[name].holds)
    write(name, kept, tmp_path / "out", frames="every 2")
    videos = [own.video for own in kept.videos]
    back, _ = read(name, tmp_path / "out", videos=videos, classes=CLASSES)
    for own in back.videos:
        before = contents(kept)[own.video.name]
        for track in own.tracks:
            chosen = {index: one for index, one in before[track.id].items() if index % 2 == 0}
            found = dict(track.frames)
            if name == "label_studio_video":  # draws the boxes between key frames
                found = {index: one for index, one in found.items() if index % 2 == 0}
            assert found == chosen


@pytest.mark.parametrize("name", READABLE)
def test_pictures_of_a_folder_keep_their_names(name, tmp_path):
    names = tuple(f"frame-{k}.png" for k in (3, 1, 10, 7, 8))
    own = held(suited(name), FORMATS[name].holds)
    videos = [replace(v, video=replace(v.video, frame_names=names, fps=None)) for v in own.videos]
    own = replace(own, videos=tuple(videos))
    write(name, own, tmp_path / "out")
    back, _ = read(name, tmp_path / "out", videos=[v.video for v in videos], classes=CLASSES)
    assert contents(back) == contents(own)


def annotated(height, width, names, video, count, density, seed, *, apart):
    """A small video with masks of noise; some are empty, one pixel or full."""
    rng = np.random.default_rng(seed)
    stacks = [rng.random((count, height, width)) < density for _ in range(2)]
    if apart:
        owner = rng.integers(0, max(count, 1), (height, width))
        stacks = [one & (owner == np.arange(count)[:, None, None]) for one in stacks]
    classes = tuple(ObjectClass(k, name) for k, name in enumerate(names, start=1))
    tracks = []
    for k in range(count):
        frames = {index: TrackFrame.from_mask(stack[k]) for index, stack in enumerate(stacks)}
        tracks.append(Track(k + 1, 1 + k % len(classes), frames))
    return Annotations(classes, (VideoTracks(Video(video, width, height, 2), tuple(tracks)),))


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
EXACT = [name for name in READABLE if "masks" in FORMATS[name].holds and name != "yolo"]


@pytest.mark.parametrize("name", EXACT)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    names=st.lists(TEXT, min_size=1, max_size=3, unique=True),
    video=TEXT.filter(lambda own: own not in (".", "..") and not set(own) & set("/\\")),
    count=st.integers(0, 5),
    density=st.sampled_from([0.02, 0.3, 0.7, 1]),
    seed=st.integers(0, 999),
)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_odd_masks_come_back(
    name, height, width, names, video, count, density, seed, tmp_path_factory
):
    apart = name in FORMATS_APART
    own = annotated(height, width, names, video, count, density, seed, apart=apart)
    folder = tmp_path_factory.mktemp("out") / "made"
    write(name, own, folder)
    videos = [one.video for one in own.videos]
    back, unread = read(name, folder, videos=videos, classes=own.classes)
    kept = contents(held(own, FORMATS[name].holds))
    assert {k: v for k, v in contents(back).items() if v} == {k: v for k, v in kept.items() if v}
    assert not list(unread)


@pytest.mark.parametrize("name", ["coco", "tao", "youtube_vis", "burst", "datumaro", "yolo"])
def test_splits_are_kept(name, tmp_path):
    own = suited(name)
    splits = ("val", "train")
    pairs = zip(own.videos, splits, strict=True)
    own = replace(own, videos=tuple(replace(one, split=split) for one, split in pairs))
    write(name, own, tmp_path / "out")
    back, _ = read(name, tmp_path / "out", videos=[one.video for one in own.videos])
    assert tuple(one.split for one in back.videos) == splits


@pytest.mark.parametrize("name", READABLE)
def test_three_hundred_objects(name, tmp_path):
    mask = np.zeros((20, 30), bool)
    tracks = []
    for k in range(300):
        own = mask.copy()
        own.flat[2 * k] = True
        tracks.append(Track(k + 1, 1, {0: TrackFrame.from_mask(own)}))
    video = Video("many", 30, 20, 1)
    own = Annotations((ObjectClass(1, "object"),), (VideoTracks(video, tuple(tracks)),))
    losses = {one.what: one.count for one in write(name, own, tmp_path / "out")}
    back, _ = read(name, tmp_path / "out", videos=[video])
    found = contents(back)["many"]
    if name in ("davis", "youtube_vos"):
        assert losses == {"tracks beyond 254 of a video, left out": 46}
        assert len(found) == 254
    else:
        assert found == contents(held(own, FORMATS[name].holds))["many"]
