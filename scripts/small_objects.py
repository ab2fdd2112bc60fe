"""How well small objects are shown and followed, with and without zoom.

    python scripts/small_objects.py /data/davis --zoom off auto --frames 20
    python scripts/small_objects.py /data/davis --together

Needs DAVIS 2016 at 480p. Frames of nine sequences are put together to mosaics of three by three, so
that an object of ordinary size becomes one of about 1 % of the frame, with all its pixels. Each
sequence in turn is the one in the middle. Prints the mean IoU of the first frame's mask from a
click, a box and a mask, and the mean IoU of the frames that follow. With ``--together`` the masks
of all nine are given on the first frame of two mosaics, and the nine are followed at a time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from sam2track import Prompt, TrackingSession, load_model
from sam2track.masks.boxes import mask_box
from sam2track.model.sam2 import SAM2
from sam2track.types import Frame
from sam2track.video import read_picture

SHAPE = (480, 854)


def tile(root: Path, name: str, index: int) -> np.ndarray:
    """One picture of a sequence; beyond its end the last."""
    files = sorted((root / "JPEGImages/480p" / name).glob("*.jpg"))
    return cv2.resize(read_picture(files[min(index, len(files) - 1)]), SHAPE[::-1])


def mosaic(root: Path, middle: str, others: list[str], index: int) -> Frame:
    """Nine pictures, the wanted one in the middle."""
    names = [*others[:4], middle, *others[4:8]]
    tiles = [tile(root, name, index) for name in names]
    return Frame(index, np.vstack([np.hstack(tiles[row : row + 3]) for row in (0, 3, 6)]))


def truth(root: Path, name: str, index: int, place: int = 4) -> np.ndarray:
    """The object's mask in the mosaic, in which it is in one of nine places."""
    files = sorted((root / "Annotations/480p" / name).glob("*.png"))
    mask = read_picture(files[min(index, len(files) - 1)]).max(-1)
    mask = cv2.resize(mask, SHAPE[::-1], interpolation=cv2.INTER_NEAREST) > 0
    around = [(k * side, (2 - k) * side) for k, side in zip(divmod(place, 3), SHAPE, strict=True)]
    return np.pad(mask, around)


def prompts(mask: np.ndarray) -> dict[str, Prompt]:
    """A click in the middle of the object, the box around it, and its mask."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    box = mask_box(mask)
    assert box is not None
    return {
        "click": Prompt.click(float(x), float(y)),
        "box": Prompt.from_box(box),
        "mask": Prompt.from_mask(mask),
    }


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def together(
    root: Path, names: list[str], model: SAM2, zoom: str, count: int
) -> tuple[float, float]:
    """Nine objects at a time: the mean IoU of the frames that follow, and CPU seconds a frame."""
    session, found, seconds = TrackingSession(model, zoom=zoom), [], 0.0
    for index in range(count + 1):
        frame = mosaic(root, names[4], names[:4] + names[5:], index)
        masks = {k + 1: truth(root, name, index, k) for k, name in enumerate(names)}
        start = time.process_time()
        for object_id, mask in masks.items() if index == 0 else ():
            session.prompt(object_id, Prompt.from_mask(mask), frame)
        result = session.step(frame)
        seconds += time.process_time() - start
        if index:
            found += [iou(result.mask(k), mask) for k, mask in masks.items() if mask.any()]
    return float(np.mean(found)), seconds / (count + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--checkpoint")
    parser.add_argument("--zoom", nargs="+", default=["off", "auto"])
    parser.add_argument("--names", nargs="+", help="which sequences are in the middle")
    parser.add_argument("--prompts", nargs="+", default=["click", "box", "mask"])
    parser.add_argument("--together", action="store_true", help="nine objects at a time")
    parser.add_argument("--frames", type=int, default=20, help="that are followed")
    args = parser.parse_args()
    every = sorted(path.name for path in (args.root / "JPEGImages/480p").iterdir())
    model = load_model(args.model, args.checkpoint)
    if args.together:
        for zoom in args.zoom:
            for names in (every[:9], every[-9:]):
                score, seconds = together(args.root, names, model, zoom, args.frames)
                print(f"{zoom:7} {names[0]} ...: IoU {100 * score:.1f}, {1000 * seconds:.0f} ms")
        return
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for name in tqdm(args.names or every):
        others = [other for other in every if other != name]
        frames = [mosaic(args.root, name, others, index) for index in range(args.frames + 1)]
        masks = [truth(args.root, name, index) for index in range(args.frames + 1)]
        given = prompts(masks[0])
        for zoom in args.zoom:
            for kind in args.prompts:
                session = TrackingSession(model, zoom=zoom)
                first = iou(session.prompt(1, given[kind], frames[0]), masks[0])
                ious = [
                    iou(session.step(frame).mask(1), mask)
                    for frame, mask in zip(frames, masks, strict=True)
                ]
                scores.setdefault((zoom, kind), []).append((first, float(np.mean(ious[1:]))))
    print("zoom    prompt   first frame   followed")
    for (zoom, kind), found in scores.items():
        first, followed = 100 * np.mean(found, 0)
        print(f"{zoom:7} {kind:7} {first:12.1f} {followed:10.1f}")


if __name__ == "__main__":
    main()
