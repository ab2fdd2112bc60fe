"""Every dataset's miniature: what is read, what a tracker is given, what is said when it breaks."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
from data import layouts
from data.layouts import DATA, HEIGHT, LATE, LENGTH, WIDTH, pictures

from sam2track.data.readers.davis import davis
from sam2track.data.readers.folder import folder
from sam2track.data.readers.lvos import lvos
from sam2track.data.readers.mose import mose
from sam2track.data.readers.sav import sav, sav_train
from sam2track.data.readers.sequence import MaskSequence
from sam2track.data.readers.youtube_vos import youtube_vos


def davis16(root, **more):
    return davis(root, 2016, **more)


# Written by, read by, frames in the clip, its frames from one of the sequence's to the next,
# frame of the sequence on which object 2 appears.
KINDS = {
    "davis16": (layouts.davis16, davis16, LENGTH, 1, None),
    "davis17": (layouts.davis17, davis, LENGTH, 1, 0),
    "youtube_vos": (layouts.youtube_vos, youtube_vos, 5 * LENGTH - 4, 5, LATE),
    "mose": (layouts.mose, mose, LENGTH, 1, 0),
    "lvos": (layouts.lvos, lvos, LENGTH, 1, LATE),
    "sav": (layouts.sav, sav, 4 * LENGTH - 3, 1, 4 * LATE),
    "sav_train": (layouts.sav_train, sav_train, 4 * LENGTH - 3, 1, 4 * LATE),
    "folder": (layouts.folder, folder, LENGTH, 1, 0),
    "videos": (layouts.videos, folder, LENGTH, 1, 0),
}
ANNOTATED = {
    "youtube_vos": (0, LATE),
    "mose": (0,),
    "sav": tuple(range(0, 4 * LENGTH - 3, 4)),
    "sav_train": tuple(range(0, 4 * LENGTH - 3, 4)),
    "folder": (0, 1, 2, 4, 5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_layout_is_read(tmp_path, kind):
    write, read, length, every, late = KINDS[kind]
    sequences = read(write(tmp_path))
    assert len(sequences) == 2
    for seed, sequence in enumerate(sequences):
        sequence = pickle.loads(pickle.dumps(sequence))  # as another process gets it
        assert isinstance(sequence, MaskSequence)
        clip, truth = pictures(length, late=every * (late or 0), seed=seed)
        assert len(sequence) == len(clip[::every])
        assert sequence.annotated == ANNOTATED.get(kind, tuple(range(LENGTH)))
        for index in sequence.annotated:
            frame = sequence.frame(index)
            assert (frame.index, frame.size, frame.image.dtype) == (index, (HEIGHT, WIDTH), "uint8")
            assert np.abs(frame.image.astype(int) - clip[index * every]).mean() < 12
            masks = sequence.masks(index)
            assert set(masks) == set(np.unique(sequence.labels(index))) - {0}
            for k, mask in truth[index * every].items():
                if k == 1 or kind != "davis16":
                    np.testing.assert_array_equal(masks[k], mask)
    only = sequences[1].name
    assert [sequence.name for sequence in read(tmp_path, names=[only])] == [only]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tracker_is_given_the_first_mask_of_each_object(tmp_path, kind):
    write, read, _, _, late = KINDS[kind]
    sequence = read(write(tmp_path))[0]
    starts = sequence.starts()
    expected = {0: {1}}
    if late is not None:
        expected.setdefault(late, set()).add(2)
    if kind == "sav":
        expected[0].add(3)
    assert {index: set(masks) for index, masks in starts.items()} == expected
    for index, masks in starts.items():
        for k, mask in masks.items():
            np.testing.assert_array_equal(mask, sequence.masks(index)[k])


def test_davis_knows_attributes_where_the_archive_does(tmp_path):
    layouts.davis16(tmp_path)
    assert davis16(tmp_path)[0].attributes == ("OCC", "FM")
    (tmp_path / "Annotations/db_info.yml").write_text("sequences: 3")
    with pytest.raises(ValueError, match=r"db_info\.yml"):
        davis16(tmp_path)
    (tmp_path / "Annotations/db_info.yml").unlink()
    assert davis16(tmp_path)[0].attributes == ()


def test_davis_void_is_nobody(tmp_path):
    cat = davis(layouts.davis17(tmp_path))[0]
    assert cat.labels(2)[0, 0] == 0
    assert set(cat.masks(2)) == {1, 2}


def test_davis_gives_only_the_first_frames_objects(tmp_path):
    layouts.davis17(tmp_path)
    path = tmp_path / "Annotations/480p/cat/00003.png"
    labels = np.full((HEIGHT, WIDTH), 7, np.uint8)
    layouts.save_labels(path, labels)
    cat = davis(tmp_path, names=["cat"])[0]
    assert set(cat.masks(3)) == {7}
    assert list(cat.starts()) == [0]


def test_davis_test_dev_has_the_first_mask_only(tmp_path):
    layouts.davis17(tmp_path, split="test-dev")
    cat = davis(tmp_path, 2017, "test-dev")[0]
    assert (len(cat), cat.annotated) == (LENGTH, (0,))
    with pytest.raises(KeyError):
        cat.labels(1)


def test_youtube_vos_knows_what_the_server_wants(tmp_path):
    layouts.youtube_vos(tmp_path, dense=True)
    sparse = youtube_vos(tmp_path)[0]
    assert sparse.submitted == tuple(f"{index:05d}" for index in range(0, 26, 5))
    assert [sparse.frame_name(index) for index in range(len(sparse))] == list(sparse.submitted)
    dense = youtube_vos(tmp_path, all_frames=True)[0]
    assert (len(dense), dense.annotated) == (26, (0, 5 * LATE))
    assert dense.submitted == sparse.submitted
    shutil.rmtree(tmp_path / "all_frames")
    with pytest.raises(FileNotFoundError, match=r"valid_all_frames\.zip"):
        youtube_vos(tmp_path, all_frames=True)


def test_youtube_vos_groups_objects_by_category(tmp_path):
    layouts.youtube_vos(tmp_path)
    assert youtube_vos(tmp_path)[0].groups == {}
    (tmp_path / "seen.txt").write_text("cat\nbig dog\n")
    groups = {1: "seen", 2: "unseen"}
    assert youtube_vos(tmp_path, seen=tmp_path / "seen.txt")[0].groups == groups
    layouts.youtube_vos(tmp_path, split="train")
    path = tmp_path / "train/meta.json"
    path.write_text(path.read_text().replace("unicorn", "dog"))
    assert youtube_vos(tmp_path)[0].groups == groups


def test_lvos_counts_objects_in_spans(tmp_path):
    layouts.lvos(tmp_path)
    first, second = lvos(tmp_path, unseen=tmp_path / "unseen_videos.txt")
    assert first.spans == {1: (1, 31), 2: (11, 31)}
    assert (first.groups[1], second.groups[1]) == ("seen", "unseen")
    assert first.frame_name(LATE) == "00000011"
    (tmp_path / "valid/valid_meta.json").rename(tmp_path / "valid/meta.json")
    assert lvos(tmp_path)[0].spans == first.spans


def test_sav_objects_may_overlap(tmp_path):
    sequence = sav(layouts.sav(tmp_path))[0]
    assert sequence.object_names == {1: "000", 2: "001", 3: "002"}
    masks, labels = sequence.masks(8), sequence.labels(8)
    both = masks[1] & masks[3]
    assert both.any()
    assert (labels[both] == 3).all()  # the part shows on the whole
    assert (labels[masks[1] & ~both] == 1).all()
    assert 2 not in sequence.masks(4)  # a file without the object is no object
    with pytest.raises(KeyError):
        sequence.masks(1)
    assert sav(tmp_path / "sav_val")[0].annotated == sequence.annotated


@pytest.mark.skipif(not (DATA / "sav").is_dir(), reason="no SA-V here")
@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_a_real_masklet(tmp_path, kind):
    path = DATA / "sav" / f"sav_000001_{kind}.json"
    about = json.loads(path.read_text())
    (tmp_path / path.name).write_text(path.read_text())
    clip = np.zeros((int(about["video_frame_count"]) // 10, 848, 480, 3), np.uint8)
    layouts.write_video(tmp_path / "sav_000001.mp4", clip)
    (sequence,) = sav_train(tmp_path, kind)
    assert len(sequence.annotated) == 121
    areas = [mask.sum() for index in sequence.annotated for mask in sequence.masks(index).values()]
    assert sum(areas) == pytest.approx(
        sum(a * n for a, n in zip(about["masklet_size_abs"], _shown(about), strict=True)), rel=0.02
    )


def _shown(about):
    """On how many frames each masklet has a pixel: what its mean size is over."""
    frames = np.array([[len(one["counts"]) > 5 for one in frame] for frame in about["masklet"]])
    return frames.sum(0)


# -- broken datasets


def remove(path):
    def break_(root):
        shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()

    return break_


def write(path, text="nonsense"):
    def break_(root):
        (root / path).write_text(text)

    return break_


def shrink(path):
    def break_(root):
        layouts.save_labels(root / path, np.ones((HEIGHT // 2, WIDTH), np.uint8))

    return break_


def truncate(path):
    def break_(root):
        (root / path).write_bytes((root / path).read_bytes()[:-20])

    return break_


def nobody(root):
    """Both the picture and its mask are lost."""
    for path in root.rglob("00002.*"):
        path.unlink()


def shorten(root):
    """The video stops before its masks do."""
    clip, _ = pictures(7)
    layouts.write_video(root / "sav_000/sav_1.mp4", clip)


BROKEN = [
    ("davis17", remove("ImageSets/2017/val.txt"), r"no list .*val\.txt"),
    ("davis17", write("ImageSets/2017/val.txt", "\n"), r"val\.txt lists no sequence"),
    ("davis17", remove("JPEGImages/480p/cat"), r"no folder .*JPEGImages/480p/cat"),
    ("davis17", remove("Annotations/480p/cat"), r"no folder .*Annotations/480p/cat"),
    ("davis17", remove("JPEGImages/480p/cat/00003.jpg"), r"has no picture 00003"),
    ("davis17", remove("JPEGImages/480p/cat/00005.jpg"), r"00005\.png belongs to no picture"),
    ("davis17", nobody, r"cat has no picture 00002"),
    ("davis17", remove("Annotations/480p/cat/00003.png"), r"has no 00003\.png.*5 of 6"),
    ("davis17", shrink("Annotations/480p/cat/00000.png"), r"00000\.png is 64x24 but .* 64x48"),
    ("davis17", truncate("Annotations/480p/cat/00000.png"), r"00000\.png is not an undamaged PNG"),
    ("davis17", write("JPEGImages/480p/cat/00000.jpg"), r"00000\.jpg: not a picture"),
    ("youtube_vos", remove("valid/meta.json"), r"no list .*meta\.json"),
    ("youtube_vos", write("valid/meta.json"), r"meta\.json lists no videos"),
    ("youtube_vos", write("valid/meta.json", '{"videos": {"a": {}}}'), r"meta\.json lists no"),
    (
        "youtube_vos",
        remove("valid/JPEGImages/0a1b/00015.jpg"),
        r"0a1b has no picture 00015, which meta\.json lists",
    ),
    ("mose", remove("valid/JPEGImages"), r"no folder .*valid/JPEGImages: check root="),
    ("mose", remove("valid/Annotations/aaa"), r"no folder .*Annotations/aaa"),
    ("lvos", remove("valid/valid_meta.json"), r"no list .*meta\.json"),
    ("lvos", remove("valid/JPEGImages/xYz"), r"no folder .*JPEGImages/xYz"),
    ("sav", remove("sav_val/sav_val.txt"), r"no list .*sav_val\.txt"),
    ("sav", remove("sav_val/Annotations_6fps/sav_1"), r"no folder .*Annotations_6fps/sav_1"),
    (
        "sav",
        shrink("sav_val/Annotations_6fps/sav_1/001/00000.png"),
        r"001/00000\.png is 64x24 but .* 64x48",
    ),
    ("sav_train", remove("sav_000"), r"has no \*_manual\.json"),
    ("sav_train", remove("sav_000/sav_1.mp4"), r"no video .*sav_1\.mp4"),
    ("sav_train", write("sav_000/sav_1.mp4"), r"sav_1\.mp4"),
    ("sav_train", shorten, r"sav_1\.mp4 has no frame 8, for which there is a mask"),
    ("sav_train", write("sav_000/sav_1_manual.json"), r"sav_1_manual\.json holds no masklets"),
    ("sav_train", write("sav_000/sav_1_manual.json", '{"masklet": []}'), r"holds no masklets"),
    (
        "sav_train",
        write("sav_000/sav_1_manual.json", '{"masklet": [[{"size": [48, 64], "counts": "1"}]]}'),
        r"object 1 of frame 0 in .*manual\.json: its runs cover 1 pixels, but 64x48 has 3072",
    ),
    ("folder", remove("Annotations"), r"neither JPEGImages/ and Annotations/ nor"),
    ("folder", remove("Annotations/kitchen"), r"no folder .*Annotations/kitchen, though"),
    ("folder", remove("JPEGImages/kitchen"), r"no folder .*JPEGImages/kitchen, though"),
    ("folder", remove("JPEGImages/kitchen/00001.jpg"), r"00001\.png belongs to no picture"),
    ("folder", shrink("Annotations/kitchen/00000.png"), r"00000\.png is 64x24 but"),
]


def read_all(read, root):
    for sequence in read(root):
        sequence.check()
        for index in sequence.annotated:
            sequence.frame(index)
            sequence.masks(index)


@pytest.mark.parametrize(("kind", "break_", "message"), BROKEN)
def test_what_is_broken_is_named(tmp_path, kind, break_, message):
    write_, read, *_ = KINDS[kind]
    write_(tmp_path)
    break_(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_all(read, tmp_path)


def test_a_broken_sequence_stops_no_other(tmp_path):
    layouts.davis17(tmp_path)
    shutil.rmtree(tmp_path / "JPEGImages/480p/cat")
    cat, dog = davis(tmp_path)
    assert len(dog) == LENGTH
    with pytest.raises(FileNotFoundError):
        len(cat)


@pytest.mark.parametrize("kind", ["youtube_vos", "mose", "lvos", "sav_train", "folder"])
def test_an_unknown_video_is_refused(tmp_path, kind):
    write_, read, *_ = KINDS[kind]
    with pytest.raises(ValueError, match="no video 'nobody'"):
        read(write_(tmp_path), names=["nobody"])


def test_settings_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(ValueError, match="2015"):
        davis(tmp_path, 2015)
    with pytest.raises(ValueError, match="'both'"):
        sav_train(tmp_path, "both")


def test_a_folder_may_have_splits_and_resolutions(tmp_path):
    layouts.folder(tmp_path / "valid")
    assert len(folder(tmp_path, "valid")) == 2
    layouts.davis17(tmp_path / "davis")
    assert [sequence.name for sequence in folder(tmp_path / "davis")] == ["cat", "dog"]
