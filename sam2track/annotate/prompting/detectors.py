"""Detectors of objects in single pictures: plug-ins, ONNX files, and boxes from a file.

A detector is a function of an RGB picture, ``uint8`` ``(H, W, 3)``, that returns
:class:`Detections`. Another package adds one by an entry point of the group
``sam2track.detectors``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ...prompts import Prompt
from ...prompts.prompt import as_numbers
from ...track import Find, Proposal
from ...types import Frame

GROUP = "sam2track.detectors"


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector sees in a picture.

    Attributes:
        boxes: ``(x0, y0, x1, y1)`` in pixels of the picture.
        labels: the class of each.
        scores: of each, 0..1; a higher one is surer.
    """

    boxes: Float[np.ndarray, "N 4"]
    labels: tuple[str, ...]
    scores: Float[np.ndarray, " N"]


Detector = Callable[[UInt8[np.ndarray, "H W 3"]], Detections]


def find_detector(name: str, classes: Sequence[str] = ()) -> Detector:
    """The detector that a setting names.

    Args:
        name: of an entry point, or the path of an ONNX file (see :mod:`.yolo`).
        classes: names for an ONNX file; empty = those in the file.

    Raises:
        ValueError: if there is none, or it cannot be loaded.
    """
    if name.endswith(".onnx"):
        from .yolo import YoloDetector

        return YoloDetector(Path(name).expanduser(), classes)
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise ValueError(
            f"detector={name}: no such detector; installed plug-ins: {there}; or give an .onnx file"
        )
    try:
        return known[name].load()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"detector={name} cannot be loaded: {reason}") from error


def detected(detector: Detector, name: str, least_score: float = 0.0) -> Find:
    """What a detector, whose ``name`` is for messages, sees on a frame.

    Proposals of boxes, the best first, without those below ``least_score``.
    """

    def find(frame: Frame, where: Bool[np.ndarray, "H W"]) -> list[Proposal]:
        what = f"detector {name}, frame {frame.index}"
        try:
            seen = detector(frame.image)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(f"{what}: {reason}") from error
        return proposals(seen, frame.size, what, least_score)

    return find


def proposals(seen: Any, size: tuple[int, int], what: str, least_score: float) -> list[Proposal]:
    """:class:`Detections` cut off at the borders of a picture, without those that have no area.

    Args:
        size: height and width of the picture, in pixels.

    Raises:
        ValueError: for anything else; it begins with ``what``.
    """
    parts = [getattr(seen, key, None) for key in ("boxes", "labels", "scores")]
    if any(part is None for part in parts):
        kind = type(seen).__name__
        raise ValueError(f"{what}: it returned {kind}; return Detections(boxes, labels, scores)")
    try:
        boxes = as_numbers(seen.boxes, "boxes", "an array (N, 4)").astype(np.float32)
        scores = as_numbers(seen.scores, "scores", "an array of N numbers").astype(np.float64)
        labels = [str(label).strip() for label in seen.labels]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what}: {error}") from None
    boxes = boxes.reshape(-1, 4) if not boxes.size else boxes
    if boxes.shape != (len(labels), 4) or scores.shape != (len(labels),):
        shapes = f"boxes of shape {boxes.shape}, {len(labels)} labels, scores {scores.shape}"
        raise ValueError(f"{what}: {shapes}; give (N, 4), N and N")
    if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
        raise ValueError(f"{what}: boxes and scores must be finite numbers")
    wrong = next((label for label in labels if not label.isprintable()), None)
    if wrong is not None:
        raise ValueError(f"{what}: the label {wrong[:40]!r} has control characters")
    height, width = size
    boxes = boxes.clip(0, np.array([width, height] * 2, np.float32))
    whole = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1) & (scores >= least_score)
    order = [place for place in np.argsort(-scores, kind="stable").tolist() if whole[place]]
    return [Proposal(Prompt.from_box(boxes[place]), labels[place]) for place in order]
