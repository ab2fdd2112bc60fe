"""Draws a tracker's worst sequences for the report: pictures and short clips, as data URLs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from ..data.readers.sequence import BoxSequence, MaskSequence
from ..masks import read_labels, split_labels
from ..masks.drawing import draw_caption, draw_objects
from ..masks.palette import object_colour
from .datasets import BoxDataset, Dataset, frame_name, object_names
from .results import Record, measures_of

CASES = 6
PICTURE_WIDTH, CLIP_WIDTH = 480, 400
CLIP_FRAMES, CLIP_FPS = 48, 12


@dataclass(frozen=True, slots=True)
class Case:
    """One sequence for the report."""

    sequence: str  # its name
    title: str  # the object and its scores
    pictures: tuple[str, ...]  # data URLs of JPEGs, in order of time
    clip: str  # data URL of an MP4


def worst_cases(
    dataset: Dataset | BoxDataset, out: Path, records: list[Record], measure: str
) -> list[Case]:
    """The sequences with the worst objects by a measure; without ground truth, the first ones."""
    ranked = []
    for record in records:
        worst = min(record["objects"].items(), key=lambda item: item[1][measure], default=None)
        ranked.append((worst[1][measure] if worst else 0.0, record, worst))
    ranked.sort(key=lambda item: item[0])
    cases = []
    for _, record, worst in ranked[:CASES]:
        name = record["sequence"]
        if isinstance(dataset, BoxDataset):
            boxes = next(one for one in dataset.sequences if one.name == name)
            drawn = _Boxes(boxes, record["boxes"])
        else:
            sequence = next(one for one in dataset.sequences if one.name == name)
            drawn = _Masks(dataset, sequence, out / "masks" / name)
        cases.append(_case(name, drawn, worst))
    return cases


def _case(name: str, drawn: _Masks | _Boxes, worst: tuple[str, dict[str, Any]] | None) -> Case:
    written = drawn.written()
    if worst is None:
        title = "no public ground truth"
        places = [written[round(share * (len(written) - 1))] for share in (0, 1 / 3, 2 / 3, 1)]
        middle = len(written) // 2
    else:
        object_id, row = worst
        scores = ", ".join(f"{name} {row[name]:.1f}" for name in measures_of(row)[:3])
        title = f"object {object_id}: {scores}"
        places = _informative_frames(row, written)
        middle = written.index(places[2])
    start = max(0, min(middle - CLIP_FRAMES // 2, len(written) - CLIP_FRAMES))
    pictures = tuple(_jpeg(_picture(drawn, index, PICTURE_WIDTH)) for index in places)
    clip = [_picture(drawn, i, CLIP_WIDTH) for i in written[start : start + CLIP_FRAMES]]
    return Case(name, title, pictures, _mp4(clip))


def _informative_frames(row: dict[str, Any], written: list[int]) -> list[int]:
    """Four frames: the first, where it first fails, its worst, the last that is scored."""
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
        self.names = object_names(sequence)
        self.known = frozenset(sequence.annotated)

    def written(self) -> list[int]:
        """The frames that have masks."""
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
        return dict(split_labels(labels))

    def draw(self, image: UInt8[np.ndarray, "h w 3"], index: int, scale: float) -> None:
        """Filled: the prediction. White line: the ground truth."""
        size = (image.shape[1], image.shape[0])
        masks = {k: _shrink(mask, size) for k, mask in self.masks(index).items()}
        if masks:
            draw_objects(image, tuple(masks), np.stack(list(masks.values())))
        if index in self.known:
            for mask in self.sequence.masks(index).values():
                shape = _shrink(mask, size).view(np.uint8)
                lines, _ = cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
                cv2.drawContours(image, lines, -1, (255, 255, 255), 1, cv2.LINE_AA)


def _shrink(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    return cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


class _Boxes:
    """Draws the boxes of a finished sequence over its pictures, and the true ones."""

    def __init__(self, sequence: BoxSequence, boxes: list[list[float] | None]) -> None:
        self.sequence, self.boxes = sequence, boxes

    def written(self) -> list[int]:
        """All frames."""
        return list(range(len(self.boxes)))

    def draw(self, image: UInt8[np.ndarray, "h w 3"], index: int, scale: float) -> None:
        """Coloured: the prediction. White: the ground truth."""
        both = (self.sequence.boxes[index], (255, 255, 255)), (self.boxes[index], object_colour(1))
        for box, colour in both:
            if box is not None and np.isfinite(box).all():
                x, y, width, height = np.rint(np.multiply(box, scale)).astype(int).tolist()
                cv2.rectangle(image, (x, y), (x + width, y + height), colour, 2, cv2.LINE_AA)


def _picture(drawn: _Masks | _Boxes, index: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """A frame of that width and an even height, drawn into."""
    image = drawn.sequence.frame(index).image
    scale = width / image.shape[1]
    height = round(image.shape[0] * scale / 2) * 2
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    drawn.draw(image, index, scale)
    draw_caption(image, f"frame {index}")
    return image


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
