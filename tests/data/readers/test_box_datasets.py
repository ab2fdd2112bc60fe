"""Box datasets: miniatures of their archives, and what is said when something is missing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from data import box_layouts as layouts
from data.box_layouts import TRUTH

from sam2track.data.readers.box_datasets import got10k, lasot, otb, vot
from sam2track.data.readers.box_regions import read_regions
from sam2track.data.readers.sequence import BoxSequence


def test_lasot(tmp_path):
    (sequence,) = lasot(layouts.write_lasot(tmp_path))
    assert isinstance(sequence, BoxSequence)
    assert (sequence.name, len(sequence)) == ("cup-1", 8)
    assert sequence.visible.tolist() == [True, True, True, False, True, False, False, True]
    np.testing.assert_array_equal(sequence.boxes[sequence.visible], TRUTH[sequence.visible])
    assert np.isnan(sequence.boxes[~sequence.visible]).all()
    x, y, width, height = TRUTH[1].astype(int)
    frame = sequence.frame(1)
    assert frame.index == 1
    inside = frame.image[y + 2 : y + height - 2, x + 2 : x + width - 2]
    assert inside[..., 0].min() > 150  # the red square


def test_lasot_by_name_and_without_a_list(tmp_path):
    layouts.write_lasot(tmp_path)
    assert [s.name for s in lasot(tmp_path, names=["cup-7"])] == ["cup-7"]
    (tmp_path / "testing_set.txt").unlink()
    assert [s.name for s in lasot(tmp_path)] == ["cup-1", "cup-7"]


def test_got10k(tmp_path):
    (sequence,) = got10k(layouts.write_got10k(tmp_path))
    assert sequence.name == "GOT-10k_Val_000001"
    assert np.flatnonzero(~sequence.visible).tolist() == [2, 4]
    np.testing.assert_array_equal(sequence.boxes[sequence.visible], TRUTH[sequence.visible])


def test_got10k_test_knows_the_first_box_alone(tmp_path):
    (sequence,) = got10k(layouts.write_got10k(tmp_path, split="test"), "test")
    assert len(sequence) == 8
    assert sequence.visible.tolist() == [True] + [False] * 7
    np.testing.assert_array_equal(sequence.boxes[0], TRUTH[0])


def test_otb(tmp_path):
    found = {sequence.name: sequence for sequence in otb(layouts.write_otb(tmp_path))}
    assert list(found) == [
        "Basketball", "BlurCar1", "David", "Diving", "Human4-2", "Jogging-1", "Jogging-2", "Tiger1"
    ]  # fmt: skip
    for name in ("Basketball", "BlurCar1", "Human4-2", "Jogging-1"):
        np.testing.assert_array_equal(found[name].boxes, TRUTH)
    np.testing.assert_array_equal(found["Jogging-2"].boxes[:, 0], TRUTH[:, 0] + 5)
    assert len(found["Diving"]) == 6  # as far as it is annotated
    assert len(found["David"]) == 3
    assert found["David"].frame(0).name == "0300.jpg"
    assert found["Tiger1"].frame(0).name == "0006.jpg"
    np.testing.assert_array_equal(found["Tiger1"].boxes, TRUTH[5:])
    with pytest.raises(ValueError, match=r"no video 'Jogging'; did you mean 'Jogging-"):
        otb(tmp_path, names=["Jogging"])


def test_vot(tmp_path):
    found = {sequence.name: sequence for sequence in vot(layouts.write_vot(tmp_path))}
    assert list(found) == ["bag", "crab", "longboat", "zebras_1", "zebras_2", "old"]
    for name in ("bag", "crab", "zebras_1", "old"):
        np.testing.assert_array_equal(found[name].boxes, TRUTH)
        assert found[name].visible.all()
        assert len(found[name]) == 8
    assert found["bag"].attributes == ("occlusion",)
    absent = found["longboat"]
    assert np.flatnonzero(~absent.visible).tolist() == [2, 3, 7]  # NaN, a code, not annotated
    assert np.isnan(absent.boxes[[2, 3, 7]]).all()
    np.testing.assert_array_equal(found["zebras_2"].boxes[:, 0], TRUTH[:, 0] + 5)


def test_vot_workspace(tmp_path):
    layouts.write_vot(tmp_path / "sequences")
    assert [s.name for s in vot(tmp_path, names=["crab"])] == ["crab"]


def test_sequences_go_to_other_processes(tmp_path):
    (sequence,) = lasot(layouts.write_lasot(tmp_path))
    copy = pickle.loads(pickle.dumps(sequence))
    np.testing.assert_array_equal(copy.boxes, sequence.boxes)


@pytest.mark.parametrize(
    ("line", "box"),
    [
        ("1,2,3,4", [1, 2, 3, 4]),
        ("1 2\t3,4", [1, 2, 3, 4]),
        ("0,0,10,2,4,8", [0, 0, 10, 8]),
        ("m3,4,4,2,1,2,2,1", [4, 4, 2, 2]),  # .xx. over .x..
        ("m0,0,0,0,0", None),
        ("nan,nan,nan,nan", None),
        ("0,0,0,0", None),
        ("2", None),
    ],
)
def test_regions(tmp_path, line, box):
    path = tmp_path / "groundtruth.txt"
    path.write_text(line + "\n")
    found = read_regions(path)
    np.testing.assert_array_equal(found, [box or [np.nan] * 4])


def test_broken_files_are_named_when_used(tmp_path):
    layouts.write_lasot(tmp_path)
    folder = tmp_path / "cup" / "cup-1"
    good, broken = lasot(tmp_path, names=["cup-7", "cup-1"])
    (folder / "groundtruth.txt").write_text("1,2,3,4\nfour\n")
    with pytest.raises(ValueError, match=r"cup-1.groundtruth\.txt, line 2: 'four'"):
        len(broken)
    assert len(good) == 8
    (folder / "groundtruth.txt").write_text(layouts.lines(np.tile(TRUTH, (2, 1))))
    (folder / "full_occlusion.txt").write_text("0")
    with pytest.raises(ValueError, match=r"full_occlusion\.txt has 1 flags for 16"):
        len(broken)
    (folder / "full_occlusion.txt").write_text(",".join("0" * 16))
    (folder / "out_of_view.txt").write_text(",".join("0" * 16))
    with pytest.raises(ValueError, match="16 boxes for 8 pictures"):
        len(broken)
    (folder / "out_of_view.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"out_of_view\.txt"):
        len(broken)


def test_a_damaged_picture_is_named(tmp_path):
    (sequence,) = got10k(layouts.write_got10k(tmp_path))
    path = tmp_path / "val" / sequence.name / "00000003.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"00000003\.jpg: not a picture"):
        sequence.frame(2)


@pytest.mark.parametrize(
    ("reader", "says"),
    [(lasot, "no LaSOT in"), (got10k, r"list\.txt"), (otb, "no OTB in"), (vot, r"list\.txt")],
)
def test_a_wrong_root_is_named(tmp_path, reader, says):
    with pytest.raises(FileNotFoundError, match=says):
        reader(tmp_path)
