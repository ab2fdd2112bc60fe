"""Counting over a sequence, on label maps and on folders, against vos-benchmark and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from folder_scores import score_folders
from PIL import Image

from sam2track.metrics import (
    DAVIS_2016,
    DAVIS_2017,
    SA_V,
    VOS_BENCHMARK,
    collect_spans,
    score_frame,
    score_sequence,
    statistics,
)

SIZE = (48, 64)


def label_map(**objects):
    """A map of 20 x 20 squares, ``o3=(y, x)`` for object 3."""
    labels = np.zeros(SIZE, np.uint8)
    for name, (y, x) in objects.items():
        labels[y : y + 20, x : x + 20] = int(name[1:])
    return labels


NOTHING = label_map()
HERE, THERE = label_map(o1=(2, 2)), label_map(o1=(2, 42))


def random_sequence(random, length=7, ids=(1, 2, 5, 255)):
    """Label maps in which objects come, go, overlap and never show."""
    maps = []
    for _ in range(length):
        labels = np.zeros(SIZE, np.uint8)
        for label in ids:
            if random.random() < 0.7:
                y, x = random.integers(-8, 40), random.integers(-8, 56)
                labels[max(y, 0) : y + 18, max(x, 0) : x + 22] = label
        maps.append(labels)
    return maps


def write(folder, maps, *, palette=True):
    folder.mkdir(parents=True)
    for index, labels in enumerate(maps):
        image = Image.fromarray(labels)
        if palette:
            image.putpalette(list(range(256)) * 3)  # all of them, or Pillow stores fewer bits
        image.save(folder / f"{index:05d}.png")


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(4))
def test_folders_equal_vos_benchmark(tmp_path, seed):
    benchmark = pytest.importorskip("vos_benchmark.benchmark").benchmark
    random = np.random.default_rng(seed)
    for name in ("a", "b", "c"):
        write(tmp_path / "truth" / name, random_sequence(random))
        write(tmp_path / "masks" / name, random_sequence(random), palette=name != "b")
    ours = score_folders(tmp_path / "truth", tmp_path / "masks", VOS_BENCHMARK, workers=2)
    _, (mean_j,), (mean_f,), (theirs,) = benchmark(
        [str(tmp_path / "truth")], [str(tmp_path / "masks")], num_processes=1, verbose=False
    )
    assert ours.keys() == theirs.keys()
    for name, objects in ours.items():
        regions = {label: 100 * scores.region.mean for label, scores in objects.items()}
        boundaries = {label: 100 * scores.boundary.mean for label, scores in objects.items()}
        assert regions == pytest.approx(theirs[name][0], abs=1e-10)
        assert boundaries == pytest.approx(theirs[name][1], abs=1e-10)
    everything = [scores for objects in ours.values() for scores in objects.values()]
    assert 100 * np.mean([s.region.mean for s in everything]) == pytest.approx(mean_j, abs=1e-10)
    assert 100 * np.mean([s.boundary.mean for s in everything]) == pytest.approx(mean_f, abs=1e-10)


def test_first_and_last_frame_are_not_counted():
    truth = [HERE] * 5
    masks = [THERE, HERE, THERE, HERE, THERE]
    scores = score_sequence(zip(masks, truth, strict=True), DAVIS_2017)[1]
    np.testing.assert_array_equal(scores.j, [np.nan, 1, 0, 1, 0])
    np.testing.assert_array_equal(scores.f, [np.nan, 1, 0, 1, 0])
    assert scores.region.mean == scores.boundary.mean == scores.j_and_f == pytest.approx(2 / 3)
    assert scores.region.recall == pytest.approx(2 / 3)


def test_davis_counts_the_first_frames_objects_on_every_frame():
    truth = [label_map(o2=(2, 2))] + [NOTHING] * 2 + [label_map(o2=(2, 2), o3=(2, 42))] * 2
    masks = [NOTHING] * 5
    scores = score_sequence(zip(masks, truth, strict=True), DAVIS_2017)
    assert scores.keys() == {1, 2}  # 1 up to the largest label; 3 came later
    np.testing.assert_array_equal(scores[1].j[1:], [1, 1, 1, 1])
    np.testing.assert_array_equal(scores[2].j[1:], [1, 1, 0, 0])


def test_vos_benchmark_counts_an_object_from_where_it_is_first_seen():
    late = label_map(o3=(2, 42))
    truth = [HERE, NOTHING, NOTHING, NOTHING, late, NOTHING, NOTHING]
    masks = [HERE, NOTHING, late, NOTHING, late, NOTHING, NOTHING]
    scores = score_sequence(zip(masks, truth, strict=True), VOS_BENCHMARK)
    assert scores.keys() == {3}  # 1 shows only in the first frame
    np.testing.assert_array_equal(scores[3].j, [np.nan, np.nan, 0, 1, 1, 1, 1])
    assert scores[3].region.mean == pytest.approx(3 / 4)


def test_an_object_that_only_the_prediction_has_is_not_averaged():
    masks = [label_map(o1=(2, 2), o9=(2, 42))] * 4
    assert score_sequence(zip(masks, [HERE] * 4, strict=True), VOS_BENCHMARK).keys() == {1}


def test_binary_takes_any_label():
    frame = score_frame(HERE * 255, HERE, DAVIS_2016)
    assert frame.scores == {1: (1, 1)}
    assert score_frame(HERE * 255, HERE, VOS_BENCHMARK).scores == {1: (0, 0), 255: (0, 0)}


def test_davis_2017_takes_void_as_background():
    truth = label_map(o1=(2, 2), o255=(2, 42))
    frame = score_frame(HERE, truth, DAVIS_2017)
    assert (frame.in_truth, frame.scores) == ({1}, {1: (1, 1)})


def test_decay_is_first_quarter_less_last():
    # Eight values: the quarters end at 1, 2.75, 4.5, 6.25, 8, which rounds to 1, 3, 5, 6, 8.
    values = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    result = statistics(values)
    assert result.mean == pytest.approx(0.55)
    assert result.recall == 4 / 8  # 0.5 itself is not above one half
    assert result.decay == pytest.approx(0.8 - 0.3)
    assert statistics(np.array([np.nan, 0.4])).mean == 0.4
    assert np.isnan(statistics(np.array([np.nan])).mean)


def test_fewer_than_three_frames():
    with pytest.raises(ValueError, match="2 annotated frames"):
        score_sequence([(HERE, HERE)] * 2, DAVIS_2017)


def test_lvos_counts_each_object_over_every_fifth_frame_of_its_span():
    moved = label_map(o1=(2, 12))
    frames = {number: score_frame(HERE, HERE, VOS_BENCHMARK) for number in range(1, 40)}
    frames[11] = score_frame(moved, HERE, VOS_BENCHMARK)
    frames[12] = score_frame(THERE, HERE, VOS_BENCHMARK)  # between two that count
    scores = collect_spans(frames, {1: (1, 22), 2: (6, 36)})
    np.testing.assert_array_equal(scores[1].j, [np.nan, 1, 1 / 3, 1, 1])  # 1, 6, 11, 16, 21
    assert scores[1].region.mean == pytest.approx((1 + 1 / 3 + 1) / 3)
    np.testing.assert_array_equal(scores[2].j[1:], [1] * 5)  # shows in neither: right
    with pytest.raises(ValueError, match="frame 41 is not annotated, though object 3"):
        collect_spans(frames, {3: (31, 60)})
    with pytest.raises(ValueError, match="object 4 counts on 2 frames"):
        collect_spans(frames, {4: (1, 11)})


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(3))
def test_void_as_background_equals_vos_benchmark_on_masks_without_it(tmp_path, seed):
    benchmark = pytest.importorskip("vos_benchmark.benchmark").benchmark
    random = np.random.default_rng(seed)
    truth, masks = (random_sequence(random, ids=(1, 2)) for _ in range(2))
    for labels in (truth[0], truth[1], truth[-1]):
        labels[2:12, 2:12], labels[30:40, 30:40] = 1, 2  # all there from the first frame on
    holed = [np.where(random.random(SIZE) < 0.05, 255, labels).astype(np.uint8) for labels in truth]
    without = [np.where(labels == 255, 0, labels).astype(np.uint8) for labels in holed]
    write(tmp_path / "truth" / "a", without)
    write(tmp_path / "masks" / "a", masks)
    ours = score_sequence(zip(masks, holed, strict=True), DAVIS_2017)
    *_, (theirs,) = benchmark(
        [str(tmp_path / "truth")], [str(tmp_path / "masks")], num_processes=1, verbose=False
    )
    regions, boundaries = theirs["a"]
    for label, scores in ours.items():
        assert 100 * scores.region.mean == pytest.approx(regions[label], abs=1e-10)
        assert 100 * scores.boundary.mean == pytest.approx(boundaries[label], abs=1e-10)


def test_a_folder_for_each_object(tmp_path):
    for root, third in (("truth", HERE), ("masks", THERE)):
        write(tmp_path / root / "clip" / "000", [HERE] * 4, palette=False)
        write(tmp_path / root / "clip" / "007", [HERE * 255, HERE * 255, third, HERE])
    scores = score_folders(tmp_path / "truth", tmp_path / "masks", SA_V)
    assert {label: s.region.mean for label, s in scores["clip"].items()} == {0: 1, 7: 0.5}


def test_further_predicted_frames_are_ignored(tmp_path):
    write(tmp_path / "truth" / "a", [HERE] * 4)
    write(tmp_path / "masks" / "a", [HERE] * 9)
    write(tmp_path / "masks" / "b", [HERE] * 9)
    scores = score_folders(tmp_path / "truth", tmp_path / "masks", VOS_BENCHMARK)
    assert list(scores) == ["a"]
    assert len(scores["a"][1].j) == 4


def test_what_is_wrong_is_named(tmp_path):
    write(tmp_path / "truth" / "a", [HERE] * 4)
    write(tmp_path / "masks" / "a", [HERE] * 4)

    def score(names=None):
        return score_folders(tmp_path / "truth", tmp_path / "masks", VOS_BENCHMARK, names=names)

    with pytest.raises(FileNotFoundError, match="missing"):
        score(["missing"])
    path = tmp_path / "masks" / "a" / "00002.png"
    Image.fromarray(HERE.T.copy()).save(path)
    with pytest.raises(ValueError, match=r"00002\.png.*\(64, 48\).*\(48, 64\)"):
        score()
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"00002\.png"):
        score()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"no prediction .*00002\.png"):
        score()
    write(tmp_path / "truth" / "b" / "000", [HERE, NOTHING, NOTHING, HERE])
    write(tmp_path / "masks" / "b" / "000", [HERE] * 4)
    with pytest.raises(ValueError, match="000 never shows its object"):
        score(["b"])
