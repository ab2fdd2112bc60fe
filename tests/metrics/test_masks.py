"""J and F of single masks: by hand, by property, and against vos-benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sam2track.metrics import boundary, boundary_map, region
from sam2track.metrics.masks import boundary_radius


def rectangle(size, y0, y1, x0, x1):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


SIZE = (60, 90)
EMPTY, FULL = np.zeros(SIZE, bool), np.ones(SIZE, bool)
SQUARE = rectangle(SIZE, 20, 40, 30, 50)
ADVERSARIAL = {
    "empty": EMPTY,
    "full": FULL,
    "square": SQUARE,
    "moved": rectangle(SIZE, 22, 41, 29, 52),
    "far": rectangle(SIZE, 2, 9, 70, 80),
    "ring": SQUARE & ~rectangle(SIZE, 25, 35, 35, 45),
    "left edge": rectangle(SIZE, 10, 30, 0, 12),
    "top edge": rectangle(SIZE, 0, 8, 10, 30),
    "right edge": rectangle(SIZE, 10, 30, 80, 90),
    "bottom edge": rectangle(SIZE, 50, 60, 10, 30),
    "bottom right": rectangle(SIZE, 50, 60, 80, 90),
    "last row": rectangle(SIZE, 59, 60, 0, 90),
    "last column": rectangle(SIZE, 0, 60, 89, 90),
    "all but a corner": ~rectangle(SIZE, 59, 60, 89, 90),
    "one pixel": rectangle(SIZE, 30, 31, 40, 41),
    "first pixel": rectangle(SIZE, 0, 1, 0, 1),
    "last pixel": rectangle(SIZE, 59, 60, 89, 90),
    "chequers": np.indices(SIZE).sum(0) % 2 == 0,
}


@st.composite
def mask_pairs(draw, least=1, most=40):
    shape = draw(st.tuples(st.integers(least, most), st.integers(least, most)))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def reference_scores(mask, truth):
    """J and F of vos-benchmark."""
    evaluator = pytest.importorskip("vos_benchmark.evaluator").Evaluator()
    evaluator.objects_in_gt.add(1)
    evaluator.feed_frame(mask.astype(np.uint8), truth.astype(np.uint8))
    return evaluator.object_iou[1][0], evaluator.boundary_f[1][0]


@pytest.mark.reference
@pytest.mark.parametrize("truth", ADVERSARIAL)
@pytest.mark.parametrize("mask", ADVERSARIAL)
def test_equals_vos_benchmark_on_adversarial_masks(mask, truth):
    mask, truth = ADVERSARIAL[mask], ADVERSARIAL[truth]
    assert (region(mask, truth), boundary(mask, truth)) == reference_scores(mask, truth)


@pytest.mark.reference
@settings(max_examples=100, deadline=None, derandomize=True)
@given(mask_pairs())
def test_equals_vos_benchmark_on_random_masks(pair):
    assert (region(*pair), boundary(*pair)) == reference_scores(*pair)


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(12))
def test_equals_vos_benchmark_on_blobs_at_480p(seed):
    """Rectangles and discs a few radii apart: every distance around the tolerance occurs."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:480, :854]
    masks = []
    for _ in range(2):
        y, x, radius = random.integers(150, 330), random.integers(200, 600), random.integers(5, 150)
        mask = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        masks.append(mask ^ (random.random(mask.shape) < 0.0001))
    assert (region(*masks), boundary(*masks)) == reference_scores(*masks)


def test_region_by_hand():
    assert region(SQUARE, rectangle(SIZE, 20, 40, 40, 60)) == pytest.approx(200 / 600)
    assert region(EMPTY, EMPTY) == 1
    assert region(EMPTY, SQUARE) == region(SQUARE, EMPTY) == 0


def test_boundary_by_hand():
    # A diagonal of 500 gives a radius of 4: a square moved by 4 pixels matches all around, one
    # moved by 5 keeps only the sides it slid along.
    size = (300, 400)
    assert boundary_radius(size) == 4
    truth = rectangle(size, 100, 150, 100, 150)
    assert boundary(rectangle(size, 100, 150, 104, 154), truth) == 1
    assert 0.5 < boundary(rectangle(size, 100, 150, 105, 155), truth) < 0.7
    assert boundary(rectangle(size, 200, 250, 300, 350), truth) == 0


def test_boundary_where_a_mask_has_none():
    assert boundary(EMPTY, EMPTY) == 1
    assert boundary(EMPTY, SQUARE) == boundary(SQUARE, EMPTY) == 0
    # A mask that covers the frame has no boundary either: the frame's edge is none.
    assert not boundary_map(FULL).any()
    assert boundary(FULL, EMPTY) == 1
    assert region(FULL, EMPTY) == 0


def test_boundary_map_by_hand():
    drawn = boundary_map(rectangle((4, 5), 1, 3, 2, 4))
    assert drawn.astype(int).tolist() == [
        [0, 1, 1, 1, 0],
        [0, 1, 0, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]


def test_void_counts_for_neither():
    truth, void = SQUARE, rectangle(SIZE, 0, 60, 40, 90)
    mask = SQUARE | rectangle(SIZE, 20, 40, 50, 80)  # too much, but only where it is void
    assert region(mask, truth) == pytest.approx(20 / 50)
    assert region(mask, truth, void) == 1
    assert boundary(mask, truth, void) == 1
    assert region(mask, truth, FULL) == 1


@pytest.mark.parametrize("measure", [region, boundary])
def test_sizes_must_agree(measure):
    with pytest.raises(ValueError, match=r"\(60, 90\).*\(90, 60\)"):
        measure(SQUARE, SQUARE.T)
    with pytest.raises(ValueError, match="void"):
        measure(SQUARE, SQUARE, SQUARE.T)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(mask_pairs())
def test_symmetric_within_0_and_1_and_perfect_on_itself(pair):
    mask, truth = pair
    for measure in (region, boundary):
        assert 0 <= measure(mask, truth) <= 1
        assert measure(mask, truth) == pytest.approx(measure(truth, mask), abs=1e-15)
        assert measure(mask, mask) == 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(mask_pairs(2, 12), st.integers(1, 30), st.integers(1, 30))
def test_away_from_the_edges_the_place_makes_no_difference(pair, down, right):
    height, width = pair[0].shape

    def placed(y, x):
        scenes = [np.zeros((60, 60), bool) for _ in pair]
        for scene, mask in zip(scenes, pair, strict=True):
            scene[y : y + height, x : x + width] = mask
        return scenes

    here, there = placed(1, 1), placed(1 + down, 1 + right)
    for measure in (region, boundary):
        assert measure(*here) == measure(*there)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(mask_pairs(2, 14), st.integers(0, 16), st.integers(0, 16))
def test_cropping_changes_nothing(pair, y, x):
    """Against the definition, word for word and pixel by pixel, on the whole frame."""
    scenes = [np.zeros((30, 30), bool) for _ in pair]
    for scene, mask in zip(scenes, pair, strict=True):
        scene[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    radius = boundary_radius((30, 30), 0.05)
    lines = [np.argwhere(boundary_map(scene)) for scene in scenes]
    assert boundary(*scenes, tolerance=0.05) == pytest.approx(f_by_distances(*lines, radius))


def f_by_distances(line, other, radius):
    """F from the pixels of the two lines and all the distances between them."""
    if not len(line) or not len(other):
        return float(len(line) == len(other))
    squares = ((line[:, None] - other) ** 2).sum(-1)
    precision = (squares.min(1) <= radius**2).mean()
    recall = (squares.min(0) <= radius**2).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
