"""``scripts/label_with_sam.py`` on made pictures; the network itself is fetched, and not tested."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sam2track.data.readers.folder import folder
from sam2track.data.readers.still_images import CocoStills

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
        left = 8 * index if index < 5 else 32  # it stands still at the end
        frame[20:40, left : left + 15] = 200

    first, moved = script.motion(frames)

    assert first in (2, 3, 4)
    assert moved[22:38, 8 * first + 2 : 8 * first + 13].mean() > 0.5
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
        whole, cell = np.array([y0, y1, x0, x1]), self.script.CELL / seen.scale
        return self.answer(seen, lambda *own: bool(np.abs(whole - own).max() < 2 * cell))


def test_things_are_found_once_without_parts_and_background(script):
    # A head, listed first so that clicks on it give it alone; its man; a ball; the ground.
    pieces = [(20, 50, 60, 90), (20, 180, 50, 100), (100, 140, 200, 240), (180, 240, 0, 320)]
    sam = Pieces(script, pieces)
    image = np.zeros((240, 320, 3), np.uint8)
    seen = sam.see(image)

    masks = [seen.full_size(one.logits) for one in script.things(sam, seen, 16, 0.003)]

    assert sorted(mask.sum() for mask in masks) == pytest.approx([1600, 8000], rel=0.05)


def test_a_wide_picture_has_things(script):
    sam = Pieces(script, [(20, 80, 1000, 1060)])
    seen = sam.see(np.zeros((100, 3000, 3), np.uint8))

    (one,) = script.things(sam, seen, 40, 0.003)

    mask = seen.full_size(one.logits)
    assert mask.shape == (100, 3000)
    assert mask.sum() == pytest.approx(3600, rel=0.15)


def arguments(out, **given):
    usual = {"boxes": None, "grid": 16, "least": 0.003, "start": 0, "step": 1}
    usual |= {"frames": 8, "most": 4}
    return Namespace(out=out, **usual | given)


def test_photographs_become_stills(script, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    out.mkdir()
    cv2.imwrite(str(photos / "one.png"), np.zeros((240, 320, 3), np.uint8))
    (photos / "broken.jpg").write_bytes(b"no picture")

    script.label_photographs(Pieces(script, [(20, 180, 50, 100)]), photos, arguments(out))

    (still,) = CocoStills(photos, out / "sam.json")
    assert still.mask(0).sum() == pytest.approx(8000, rel=0.05)
    assert (out / "sam.jpg").is_file()


def test_boxes_become_masks(script, tmp_path):
    photos, boxes = tmp_path / "photos", tmp_path / "boxes.json"
    photos.mkdir()
    cv2.imwrite(str(photos / "one.png"), np.zeros((240, 320, 3), np.uint8))
    cv2.imwrite(str(photos / "two.png"), np.zeros((240, 320, 3), np.uint8))
    images = [{"id": 7, "file_name": "one.png"}]
    # A man, his head, the man once more, and a box that nothing fills.
    given = [(50, 20, 50, 160), (60, 20, 30, 30), (52, 22, 49, 158), (120, 10, 150, 200)]
    annotations = [{"image_id": 7, "bbox": box} for box in given]
    boxes.write_text(json.dumps({"images": images, "annotations": annotations}))
    sam = Pieces(script, [(20, 180, 50, 100), (20, 50, 60, 90), (60, 100, 150, 200)])
    sam.in_box = lambda seen, box: sam.answer(
        seen, lambda y0, y1, x0, x1: box[0] - 4 <= x0 <= x1 <= box[2] + 4 and y1 <= box[3] + 4
    )

    script.label_photographs(sam, photos, arguments(tmp_path, boxes=boxes))

    one, two = json.loads((tmp_path / "sam.json").read_text())["images"]
    (still,) = CocoStills(photos, tmp_path / "sam.json")
    assert (one["file_name"], two["file_name"]) == ("one.png", "two.png")
    assert still.mask(0).sum() == pytest.approx(8000, rel=0.05)


@pytest.mark.parametrize(("content", "message"), [
    ('{"images": []}', "no boxes in COCO's format: KeyError"),
    ("[", "no boxes in COCO's format: JSONDecodeError"),
    ('{"images": [], "annotations": []}', "has no box in a photograph of"),
])  # fmt: skip
def test_boxes_that_cannot_be_used(script, tmp_path, content, message):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(content)
    with pytest.raises(SystemExit, match=message):
        script.label_photographs(Pieces(script, []), tmp_path, arguments(tmp_path, boxes=boxes))


def test_a_video_becomes_a_clip(script, tmp_path):
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(60, 120, (6, 8, 3), np.uint8), (320, 240))
    video, sam = tmp_path / "clip", Pieces(script, [])
    video.mkdir()
    for index in range(8):
        picture = wall.copy()
        cv2.rectangle(picture, (40 + 12 * index, 80), (99 + 12 * index, 159), (240, 240, 240), -1)
        cv2.imwrite(str(video / f"{index:05d}.png"), picture)

    def see(image):  # its answers follow the white block
        columns = np.flatnonzero(image[120, :, 0] > 200)
        sam.pieces = [(80, 160, columns[0], columns[-1] + 1)]
        return Pieces.see(sam, image)

    sam.see = see
    sam.in_box = lambda seen, box: sam.answer(seen, lambda *_: True)
    script.label_video(sam, video, arguments(tmp_path))

    (clip,) = folder(tmp_path)
    areas = [mask.sum() for index in clip.annotated for mask in clip.masks(index).values()]
    assert len(areas) >= script.SHORTEST
    assert areas == pytest.approx([4800] * len(areas), rel=0.1)
    with pytest.raises(SystemExit, match="is there already"):
        script.label_video(sam, video, arguments(tmp_path))
