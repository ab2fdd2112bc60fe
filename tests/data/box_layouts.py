"""Miniatures of box datasets, laid out as the archives are: a square that moves over noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 64)
TRUTH = np.array([[5.0 + 3 * t, 10 + t, 12, 10] for t in range(8)])  # x, y, width, height; from 0


def write_pictures(folder: Path, pattern: str, *, first: int = 1, count: int = len(TRUTH)) -> None:
    """Frames of a red square at ``TRUTH``; the last place is kept after the truth's end."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for t in range(count):
        image = rng.integers(60, 90, (*SIZE, 3), dtype=np.uint8)
        x, y, width, height = TRUTH[min(t, len(TRUTH) - 1)].astype(int)
        image[y : y + height, x : x + width] = (220, 40, 40)
        Image.fromarray(image).save(folder / (pattern % (first + t)), quality=95)


def lines(boxes, separator: str = ",") -> str:
    """Boxes as text, one a line."""
    return "\n".join(separator.join(f"{value:g}" for value in box) for box in boxes) + "\n"


def write_lasot(root: Path, names=("cup-1", "cup-7"), *, hidden=(3,), outside=(5, 6)) -> Path:
    """LaSOT with absent frames; the list holds the first of the sequences."""
    for name in names:
        folder = root / name.rpartition("-")[0] / name
        write_pictures(folder / "img", "%08d.jpg")
        boxes = TRUTH.copy()
        boxes[list(outside)] = 0
        (folder / "groundtruth.txt").write_text(lines(boxes))
        for kind, frames in (("full_occlusion", hidden), ("out_of_view", outside)):
            flags = ["1" if t in frames else "0" for t in range(len(TRUTH))]
            (folder / f"{kind}.txt").write_text(",".join(flags))
    (root / "testing_set.txt").write_text(f"{names[0]}\n")
    return root


def write_got10k(root: Path, *, split: str = "val", absent=(4,), covered=(2,)) -> Path:
    """One GOT-10k sequence; of ``test`` only the first box is known."""
    name = f"GOT-10k_{split.title()}_000001"
    folder = root / split / name
    write_pictures(folder, "%08d.jpg")
    (root / split / "list.txt").write_text(f"{name}\n")
    if split == "test":
        (folder / "groundtruth.txt").write_text(lines(TRUTH[:1]))
        return root
    (folder / "groundtruth.txt").write_text(lines(TRUTH))
    flags = ["1" if t in absent else "0" for t in range(len(TRUTH))]
    cover = ["0" if t in covered else "8" for t in range(len(TRUTH))]
    (folder / "absence.label").write_text("\n".join(flags) + "\n")
    (folder / "cover.label").write_text("\n".join(cover) + "\n")
    return root


def write_otb(root: Path) -> Path:
    """OTB's varieties: commas, tabs and spaces, two targets, a late start, an early end."""
    boxes = TRUTH + np.array([1, 1, 0, 0])  # OTB counts from 1
    for name in ("Basketball", "BlurCar1", "David", "Diving", "Human4", "Jogging", "Tiger1"):
        (root / name).mkdir(parents=True)
    write_pictures(root / "Basketball" / "img", "%04d.jpg")
    (root / "Basketball" / "groundtruth_rect.txt").write_text(lines(boxes))
    write_pictures(root / "BlurCar1" / "img", "%04d.jpg", first=247)
    mixed = lines(boxes[:4], "\t") + lines(boxes[4:], " ")
    (root / "BlurCar1" / "groundtruth_rect.txt").write_text(mixed)
    write_pictures(root / "David" / "img", "%04d.jpg", first=300, count=3)
    for number in range(1, 300):  # there, but not annotated
        (root / "David" / "img" / f"{number:04d}.jpg").touch()
    (root / "David" / "groundtruth_rect.txt").write_text(lines(boxes[:3], "\t"))
    write_pictures(root / "Diving" / "img", "%04d.jpg")
    (root / "Diving" / "groundtruth_rect.txt").write_text(lines(boxes[:6]))
    write_pictures(root / "Human4" / "img", "%04d.jpg")
    (root / "Human4" / "groundtruth_rect1.txt").write_text("")
    (root / "Human4" / "groundtruth_rect.2.txt").write_text(lines(boxes))
    write_pictures(root / "Jogging" / "img", "%04d.jpg")
    for target in (1, 2):
        moved = boxes + np.array([(target - 1) * 5, 0, 0, 0])
        (root / "Jogging" / f"groundtruth_rect.{target}.txt").write_text(lines(moved))
    write_pictures(root / "Tiger1" / "img", "%04d.jpg")
    (root / "Tiger1" / "groundtruth_rect.txt").write_text(lines(boxes))
    return root


def polygon(box) -> list[float]:
    """A rectangle as VOT's four corners."""
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def mask_line(box) -> str:
    """A rectangle as a VOT mask with an empty column on its left, so that the runs matter."""
    x, y, width, height = (int(value) for value in box)
    runs = [value for _ in range(height) for value in (1, width)]
    return ",".join(str(value) for value in (f"m{x - 1}", y, width + 1, height, *runs))


def write_vot(root: Path) -> Path:
    """VOT's varieties: polygons, masks, NaN where absent, two objects, the old layout."""
    for name in ("bag", "crab", "longboat", "zebras"):
        write_pictures(root / name / "color", "%08d.jpg")
        (root / name / "sequence").write_text(
            f"channels.color=color/%08d.jpg\nfps=30\nformat=default\nname={name}\n"
        )
    (root / "bag" / "groundtruth.txt").write_text(lines([polygon(box) for box in TRUTH]))
    (root / "bag" / "occlusion.tag").write_text("0\n0\n1\n0\n")
    (root / "bag" / "camera_motion.tag").write_text("0\n" * len(TRUTH))
    (root / "crab" / "groundtruth.txt").write_text("\n".join(map(mask_line, TRUTH)) + "\n")
    rows = lines(TRUTH).splitlines()
    rows[2], rows[3] = "nan,nan,nan,nan", "0"
    (root / "longboat" / "groundtruth.txt").write_text("\n".join(rows[:-1]) + "\n")
    for target in (1, 2):
        moved = TRUTH + np.array([(target - 1) * 5, 0, 0, 0])
        (root / "zebras" / f"groundtruth_{target}.txt").write_text(lines(moved))
    write_pictures(root / "old", "%08d.jpg")
    (root / "old" / "groundtruth.txt").write_text(lines(TRUTH))
    (root / "list.txt").write_text("bag\ncrab\nlongboat\nzebras\nold\n")
    return root
