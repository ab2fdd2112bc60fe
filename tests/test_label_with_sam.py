"""``scripts/label_with_sam.py`` on made pictures; the network itself is fetched, and not tested."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import label_with_sam

    yield label_with_sam
    sys.modules.pop("label_with_sam")


def found(script, rows, columns, score=0.95, size=(60, 80)):
    logits = np.full(size, -9.0, np.float32)
    logits[slice(*rows), slice(*columns)] = 9
    return script.Found(logits, score)


def test_the_largest_motion_is_found(script):
    frames = [np.zeros((60, 80, 3), np.uint8) for _ in range(9)]
    for index, frame in enumerate(frames):
        left = 5 * index if index < 5 else 20  # it stands still at the end
        frame[20:40, left : left + 15] = 200

    first, moved = script.motion(frames)

    assert first in (2, 3, 4)
    assert moved[20:40, 5 * first : 5 * first + 15].mean() > 0.5
    assert not moved[:15].any()


def test_a_clip_ends_where_its_objects_are_lost(script):
    mask = np.ones((2, 2), bool)
    seen = {1: range(10), 2: range(2, 8), 3: range(5, 7)}
    agreed = {i: {k: mask for k, run in seen.items() if i in run} for i in range(10)}

    indices, shown = script.longest(agreed, 5)

    assert (indices, shown) == (range(2, 8), [1, 2])  # 6 frames of two, not 10 of one


def test_parts_and_background_are_told_from_things(script):
    man, head = found(script, (10, 50), (20, 40)), found(script, (10, 20), (25, 35))
    sky = found(script, (0, 30), (0, 80))

    assert script.is_part(head, man)
    assert not script.is_part(man, head)
    assert sky.is_background
    assert not man.is_background


class Pieces:
    """Answers as SAM does, from a picture whose pieces are known."""

    def __init__(self, script, pieces):
        self.script, self.pieces = script, pieces

    def see(self, image):
        height, width = image.shape[:2]
        return self.script.Seen(np.zeros(0), (height, width), 1024 / max(height, width))

    def answer(self, seen, inside):
        rows, columns = seen.cells
        logits = np.full((rows, columns), -9.0, np.float32)
        for y0, y1, x0, x1 in self.pieces:
            if inside(y0, y1, x0, x1):
                scale = seen.scale / self.script.CELL
                y0, y1, x0, x1 = (round(v * scale) for v in (y0, y1, x0, x1))
                logits[y0:y1, x0:x1] = 9
                return logits, 0.95
        return logits, 0.1

    def ask(self, seen, points, labels):
        x, y = points[0]
        return self.answer(seen, lambda y0, y1, x0, x1: y0 <= y < y1 and x0 <= x < x1)

    def in_box(self, seen, box):
        x0, y0, x1, y1 = box
        whole = np.array([y0, y1, x0, x1])
        return self.answer(seen, lambda *own: bool(np.abs(whole - own).max() < 3))


def test_things_are_found_once_without_parts_and_background(script):
    # A head, listed first so that clicks on it give it alone; its man; a ball; the ground.
    pieces = [(20, 50, 60, 90), (20, 180, 50, 100), (100, 140, 200, 240), (180, 240, 0, 320)]
    sam = Pieces(script, pieces)
    image = np.zeros((240, 320, 3), np.uint8)
    seen = sam.see(image)

    masks = [seen.full_size(one.logits) for one in script.things(sam, seen, 16, 0.003)]

    assert sorted(mask.sum() for mask in masks) == pytest.approx([1600, 8000], rel=0.05)
