"""Draws a tracker's worst sequences for the report: pictures and short clips, as data URLs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from ..data.readers.sequence import BoxSequence, MaskSequence
from ..masks.drawing import draw_caption, draw_objects
from ..masks.label_maps import read_labels
from ..masks.palette import object_colour
from .datasets import BoxDataset, Dataset, frame_name
from .results import Record, measures_of

CASES = 6
PICTURE_WIDTH, CLIP_WIDTH = 480, 400
CLIP_FRAMES, CLIP_FPS = 48, 12


@dataclass(frozen=True, slots=True)
class Case:
    """One sequence for the report.

    Attributes:
        sequence: its name.
        title: the object and its scores.
        pictures: data URLs of JPEGs, in order of time.
        clip: data URL of an MP4.
    """

    sequence: str
    title: str
    pictures: tuple[str, ...]
    clip: str


def worst_cases(
    dataset: Dataset | BoxDataset, out: Path, records: list[Record], measure: str
) -> list[Case]:
    """The sequences with the worst objects by a measure; without ground truth, the first ones."""
    ranked = []
    for record in records:
        worst = min(record["objects"].items(), key=lambda item: item[1][measure], default=None)
        ranked.append((worst[1][measure] if worst else 0.0, record, worst))
    ranked.sort(key=lambda item: item[0])
    return [
        _case(
            record["sequence"],
            "no public ground truth" if worst is None else _title(*worst),
            _drawn(dataset, out, record),
            worst[1] if worst else None,
        )
        for _, record, worst in ranked[:CASES]
    ]


def _drawn(dataset: Dataset | BoxDataset, out: Path, record: Record) -> _Masks | _Boxes:
    name = record["sequence"]
    if isinstance(dataset, BoxDataset):
        return _Boxes(next(one for one in dataset.sequences if one.name == name), record["boxes"])
    sequence = next(one for one in dataset.sequences if one.name == name)
    return _Masks(dataset, sequence, out / "masks" / name)


def _title(object_id: str, row: dict) -> str:
    scores = ", ".join(f"{name} {row[name]:.1f}" for name in measures_of(row)[:3])
    return f"object {object_id}: {scores}"


def _case(name: str, title: str, drawn: _Masks | _Boxes, row: dict | None) -> Case:
    written = drawn.written()
    if row is None:
        places = [written[round(share * (len(written) - 1))] for share in (0, 1 / 3, 2 / 3, 1)]
        middle = len(written) // 2
    else:
        places = _informative_frames(row, written)
        middle = written.index(places[2])
    start = max(0, min(middle - CLIP_FRAMES // 2, len(written) - CLIP_FRAMES))
    pictures = tuple(_jpeg(drawn.draw(index, PICTURE_WIDTH)) for index in places)
    clip = _mp4([drawn.draw(i, CLIP_WIDTH) for i in written[start : start + CLIP_FRAMES]])
    return Case(name, title, pictures, clip)


def _informative_frames(row: dict, written: list[int]) -> list[int]:
    """Four frames: the first, where it first fails, its worst, the last that counts."""
    there = set(written)
    scored = [
        (index, j)
        for index, j in zip(row["frames"], row["j"], strict=True)
        if j is not None and index in there
    ]
    if not scored:
        return [written[0]] * 4
    fails = next((index for index, j in scored if j < 50), scored[len(scored) // 2][0])
    worst = min(scored, key=lambda item: item[1])[0]
    return sorted([written[0], fails, worst, scored[-1][0]])


class _Masks:
    """Draws the masks of a finished sequence over its pictures, and the true outlines."""

    def __init__(self, dataset: Dataset, sequence: MaskSequence, folder: Path) -> None:
        self.dataset, self.sequence, self.folder = dataset, sequence, folder
        self.names: dict[int, str] = getattr(sequence, "object_names", {})
        self.known = frozenset(sequence.annotated)

    def written(self) -> list[int]:
        """The frames whose masks are there."""
        names = [f"{frame_name(self.sequence, index)}.png" for index in range(len(self.sequence))]
        apart = self.dataset.layout == "objects"
        folders = [self.folder / k for k in self.names.values()] if apart else [self.folder]
        there = {path.name for folder in folders for path in folder.glob("*.png")}
        return [index for index, name in enumerate(names) if name in there]

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        file = f"{frame_name(self.sequence, index)}.png"
        if self.dataset.layout == "objects":
            files = {k: self.folder / name / file for k, name in self.names.items()}
            return {k: read_labels(path) > 0 for k, path in files.items() if path.is_file()}
        labels = read_labels(self.folder / file)
        if self.dataset.layout == "binary":
            labels = (labels > 0).astype(np.uint8)
        return {int(k): labels == k for k in np.unique(labels) if k}

    def draw(self, index: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
        """Filled: the prediction. White line: the ground truth."""
        image, _ = _resized(self.sequence.frame(index).image, width)
        size = (image.shape[1], image.shape[0])
        masks = {k: _shrink(mask, size) for k, mask in self.masks(index).items()}
        if masks:
            draw_objects(image, tuple(masks), np.stack(list(masks.values())))
        if index in self.known:
            for mask in self.sequence.masks(index).values():
                shape = _shrink(mask, size).view(np.uint8)
                lines, _ = cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
                cv2.drawContours(image, lines, -1, (255, 255, 255), 1, cv2.LINE_AA)
        draw_caption(image, f"frame {index}")
        return image


class _Boxes:
    """Draws the boxes of a finished sequence over its pictures, and the true ones."""

    def __init__(self, sequence: BoxSequence, boxes: list[list[float] | None]) -> None:
        self.sequence, self.boxes = sequence, boxes

    def written(self) -> list[int]:
        """All frames."""
        return list(range(len(self.boxes)))

    def draw(self, index: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
        """Coloured: the prediction. White: the ground truth."""
        image, scale = _resized(self.sequence.frame(index).image, width)
        truth = self.sequence.boxes[index]
        if np.isfinite(truth).all():
            _rectangle(image, truth * scale, (255, 255, 255))
        if self.boxes[index] is not None:
            _rectangle(image, np.array(self.boxes[index]) * scale, object_colour(1))
        draw_caption(image, f"frame {index}")
        return image


def _rectangle(image: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x, y, width, height = np.rint(box).astype(int).tolist()
    cv2.rectangle(image, (x, y), (x + width, y + height), colour, 2, cv2.LINE_AA)


def _resized(
    image: UInt8[np.ndarray, "H W 3"], width: int
) -> tuple[UInt8[np.ndarray, "h w 3"], float]:
    """A picture of that width and an even height, and its scale."""
    height = round(image.shape[0] * width / image.shape[1] / 2) * 2
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return resized, width / image.shape[1]


def _shrink(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    return cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def _jpeg(image: UInt8[np.ndarray, "h w 3"]) -> str:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _mp4(images: list[UInt8[np.ndarray, "h w 3"]]) -> str:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=CLIP_FPS)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "28"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return "data:video/mp4;base64," + base64.b64encode(buffer.getvalue()).decode()
