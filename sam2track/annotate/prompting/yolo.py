"""Runs a YOLO detector from an ONNX file with OpenCV's DNN module.

A picture goes in (fitted into the network's square with grey borders), boxes with class names come
out. Two layouts of the network's output are known, both with centre, width and height in pixels of
the square: ``(1, 4 + classes, N)`` (YOLOv8, YOLO11), and ``(1, N, 5 + classes)``, whose fifth value
is the score that there is an object at all (YOLOv5, YOLOv7).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ...masks.boxes import suppress
from .detectors import Detections

SIDE = 640  # of the square, unless the file says it
GREY = 114  # of the borders, as in training
LEAST_SCORE, MOST_OVERLAP = 0.25, 0.45


class YoloDetector:
    """A detector (see :mod:`.detectors`) from an ONNX file; ValueError if it cannot be read.

    Without names of ``classes`` those count that the file's metadata has.
    """

    def __init__(self, path: Path, classes: Sequence[str] = ()) -> None:
        self.path = path
        try:
            content = path.read_bytes()
            self.net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        except OSError as error:
            raise ValueError(f"detector {path} cannot be read: {error.strerror}") from None
        except cv2.error as error:
            reason = " ".join(str(error).split())[:160]
            raise ValueError(f"detector {path}: OpenCV cannot read it: {reason}") from None
        model = memoryview(content)
        told = dict(_metadata(model))
        self.classes = tuple(classes) or _names(told.get("names", ""))
        self.size = _input_size(model)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"]) -> Detections:
        square, scale, left, top = letterbox(image, self.size)
        blob = cv2.dnn.blobFromImage(square, 1 / 255)
        try:
            self.net.setInput(blob)
            output = self.net.forward()
        except cv2.error as error:
            raise ValueError(" ".join(str(error).split())[:160]) from None
        boxes, scores, numbers = decode(output, len(self.classes))
        boxes = (boxes - np.array([left, top] * 2, np.float32)) / np.float32(scale)
        kept = _without_overlaps(boxes, scores, numbers)
        numbers = numbers[kept].tolist()
        labels = tuple(self.classes[n] if self.classes else f"class {n + 1}" for n in numbers)
        return Detections(boxes[kept], labels, scores[kept])


def letterbox(
    image: UInt8[np.ndarray, "H W 3"], size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w 3"], float, int, int]:
    """A picture fitted into ``size`` (height, width) with grey borders.

    The picture, the factor it was scaled by, and its left and top edges there come back.
    """
    high, wide = size
    scale = min(high / image.shape[0], wide / image.shape[1])
    height, width = round(image.shape[0] * scale), round(image.shape[1] * scale)
    top, left = (high - height) // 2, (wide - width) // 2
    square = np.full((high, wide, 3), GREY, np.uint8)
    square[top : top + height, left : left + width] = cv2.resize(image, (width, height))
    return square, scale, left, top


def decode(
    output: np.ndarray, classes: int
) -> tuple[Float[np.ndarray, "N 4"], Float[np.ndarray, " N"], np.ndarray]:
    """Boxes ``(x0, y0, x1, y1)`` in pixels of the square, scores and class numbers; ValueError if
    the output is in none of the layouts of this module.

    If the number of ``classes`` is unknown (0), the longer side of the output counts the boxes.
    """
    shape = output.shape
    if output.ndim == 3 and shape[0] == 1 and min(shape[1:]) >= 5:
        _, rows, columns = shape
        if rows == 4 + classes if classes else rows < columns:
            return _boxes(output[0].T, None)
        if columns == 5 + classes if classes else 5 < columns < rows:
            return _boxes(output[0], output[0][:, 4:5])
    told = f" for {classes} classes" if classes else ""
    raise ValueError(
        f"its output has the shape {shape}{told}; known are "
        "(1, 4 + classes, N) as of YOLOv8 and YOLO11, (1, N, 5 + classes) as of YOLOv5"
    )


def _boxes(
    values: np.ndarray, objectness: np.ndarray | None
) -> tuple[Float[np.ndarray, "N 4"], Float[np.ndarray, " N"], np.ndarray]:
    each = values[:, 4:] if objectness is None else values[:, 5:] * objectness
    numbers = each.argmax(axis=1)
    scores = each.max(axis=1).astype(np.float32)
    sure = scores >= LEAST_SCORE
    centre, half = values[sure, :2], values[sure, 2:4] / 2
    boxes = np.concatenate((centre - half, centre + half), axis=1).astype(np.float32)
    return boxes, scores[sure], numbers[sure]


def _without_overlaps(
    boxes: Float[np.ndarray, "N 4"], scores: Float[np.ndarray, " N"], numbers: np.ndarray
) -> np.ndarray:
    """The places of the boxes that stay; boxes of different classes may overlap."""
    kept = [np.zeros(0, np.intp)]
    for number in np.unique(numbers):
        own = np.flatnonzero(numbers == number)
        kept.append(own[suppress(boxes[own], scores[own], MOST_OVERLAP)])
    return np.concatenate(kept)


def _names(text: str) -> tuple[str, ...]:
    """Class names as Ultralytics writes them: ``{0: 'person', 1: 'car'}``; empty if it is not."""
    try:
        told = ast.literal_eval(text)
        return tuple(str(told[number]) for number in range(len(told)))
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        return ()


def _metadata(model: memoryview) -> Iterator[tuple[str, str]]:
    """The metadata of an ONNX file."""
    for entry in _parts(model, 14):
        parts = {number: _text(part) for number, part in _fields(entry)}
        yield parts.get(1, ""), parts.get(2, "")


def _input_size(model: memoryview) -> tuple[int, int]:
    """Height and width of the pictures that an ONNX file is for; 640 where it takes any."""
    path = (7, 11, 2, 1, 2, 1)  # graph, input, type, tensor, shape, dimension
    found = [model]
    for number in path:
        found = [part for one in found for part in _parts(one, number)]
    sides = [dict(_fields(one)).get(1) for one in found[2:4]]
    if len(sides) == 2 and all(isinstance(side, int) and 32 <= side <= 8192 for side in sides):
        return int(str(sides[0])), int(str(sides[1]))
    return SIDE, SIDE


def _parts(message: memoryview, number: int) -> list[memoryview]:
    return [p for n, p in _fields(message) if n == number and isinstance(p, memoryview)]


def _text(part: memoryview | int) -> str:
    return str(part) if isinstance(part, int) else bytes(part).decode("utf-8", "replace")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of a protocol buffer with their numbers: bytes or whole numbers."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        if key & 7 == 2:
            length, place = _varint(message, place)
            yield key >> 3, message[place : place + length]
            place += length
        elif key & 7 == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
        else:  # a number of 8 or 4 bytes
            place += {1: 8, 5: 4}.get(key & 7, len(message))


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message):
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            break
    return value, place
