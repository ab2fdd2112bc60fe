"""One sequence of a box dataset: the first box is given, the box around each mask is the result.

A sequence goes in; text files in the format of its server, and a record, come out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..data.readers.sequence import BoxSequence
from ..files import write_text
from ..masks.boxes import main_box
from ..metrics import complete_boxes, got10k_overlaps, overlap, score_boxes, score_overlaps
from ..metrics.vot import box_track, score_long_term
from ..prompts import PlacedPrompt, Prompt
from ..track import track
from ..types import FrameResult
from .datasets import BoxDataset
from .files import measure_memory, write_record
from .protocols import frames_of
from .trackers import StartSession

Boxes = Float[np.ndarray, "T 4"]

LARGEST_MARGIN = 0.1  # of the mask's side; beyond it the first mask is wrong, not the box


@dataclass(frozen=True, slots=True)
class BoxRule:
    """How boxes are made of masks.

    Attributes:
        margins: people draw boxes with margins round the object, or leave parts of it out. So each
            box around a mask gets this share of the margins that the first box has around the first
            mask, both trimmed; 0 = none.
        trim: a few wrong pixels must not enlarge the box, see
            :func:`sam2track.masks.boxes.main_box`; 0 = it is tight around the whole mask.
    """

    margins: float
    trim: float


def run_boxes(
    dataset: BoxDataset, sequence: BoxSequence, start: StartSession, out: Path, *, rule: BoxRule
) -> None:
    """Track, write and score one sequence.

    Raises:
        ValueError: if it has an error: a picture that cannot be read, no box on the first frame.
    """
    first = sequence.boxes[0]
    if not np.isfinite(first).all():
        raise ValueError(f"{sequence.name} has no box on its first frame: nothing to begin with")
    size = sequence.frame(0).size
    began = time.perf_counter()
    with measure_memory() as memory:
        found, sure = track_box(start, sequence, rule)
    seconds = time.perf_counter() - began
    times = [seconds / len(found)] * len(found)
    for name, text in submission(sequence.name, found, sure, times, dataset.layout).items():
        write_text(out / "boxes" / name, text)
    write_record(
        out,
        sequence,
        len(found),
        seconds,
        memory=memory,
        size=list(size),
        boxes=[None if np.isnan(box).any() else np.round(box, 3).tolist() for box in found],
        confidence=np.round(sure, 6).tolist(),
        objects={"1": describe(found, sequence, size)} if dataset.has_truth else {},
    )


def track_box(
    start: StartSession, sequence: BoxSequence, rule: BoxRule
) -> tuple[Boxes, Float[np.ndarray, " T"]]:
    """Track the thing in a sequence's first box, which is the first result too.

    A box for each frame comes back, NaN where there is none, and the confidence in it, 0..1.
    """
    first = sequence.boxes[0]
    placed = [PlacedPrompt(1, 0, Prompt.from_box(_corners(first, sequence.frame(0).size)))]
    tracked = track(start(length=len(sequence)), partial(frames_of, sequence), placed)
    results = [_outcome(result.cpu(), rule.trim) for _, result in tracked]
    found = with_margins(np.array([box for box, _ in results]), first, rule.margins)
    found[0] = first
    return found, np.array([sure for _, sure in results])


def with_margins(found: Boxes, given: Float[np.ndarray, "4"], share: float) -> Boxes:
    """Boxes with a share of the margins of the ``given`` box around the first one.

    A margin is relative to the box's side, and at most ``LARGEST_MARGIN`` of it.
    """
    low, sides = found[:, :2], found[:, 2:]
    if np.isnan(found[0]).any():
        return found
    outside = np.stack((given[:2] - low[0], given[:2] + given[2:] - low[0] - sides[0]))
    margins = np.clip(share * outside / sides[0], -LARGEST_MARGIN, LARGEST_MARGIN)
    return np.concatenate((low + margins[0] * sides, (1 + margins[1] - margins[0]) * sides), axis=1)


def _outcome(result: FrameResult, trim: float) -> tuple[list[float], float]:
    """The box around the mask, NaN if it is empty, and the tracker's confidence in it, 0..1."""
    box = main_box(result.masks[0].numpy(), trim)
    sure = float((result.presence.sigmoid() * result.scores.clamp(0, 1))[0])
    if box is None:
        return [math.nan] * 4, sure
    x0, y0, x1, y1 = box
    return [float(x0), float(y0), float(x1 - x0), float(y1 - y0)], sure


def _corners(box: Float[np.ndarray, "4"], size: tuple[int, int]) -> Float[np.ndarray, "4"]:
    """``(x0, y0, x1, y1)`` inside the picture."""
    low, high = box[:2], box[:2] + box[2:]
    limit = np.array(size[::-1], float)
    return np.concatenate([np.clip(low, 0, limit - 1), np.clip(high, 1, limit)])


def describe(found: Boxes, sequence: BoxSequence, size: tuple[int, int]) -> dict[str, Any]:
    """The object's scores in percent; ``j`` is the overlap of each frame, None where it is absent.

    Success, precision and normalised precision as pysot-toolkit, AO and SR as GOT-10k.
    """
    visible, known = sequence.visible, np.nan_to_num(sequence.boxes)
    whole = complete_boxes(found, known[0])
    scores = score_boxes(whole, known, visible)
    overlaps = got10k_overlaps(whole, known, visible, size=size)
    curve = zip(overlap(whole, known), visible, strict=True)
    return {
        "AUC": 100 * scores.auc,
        "precision": 100 * scores.precision_20,
        "normalised precision": 100 * scores.normalised_20,
        **(_average(overlaps) if len(overlaps) else {}),
        "group": "",
        "frames": list(range(len(known))),
        "j": [round(100 * float(value), 3) if seen else None for value, seen in curve],
    }


def _average(overlaps: Float[np.ndarray, " N"]) -> dict[str, float]:
    scores = score_overlaps(overlaps)
    return {"AO": 100 * scores.ao, "SR50": 100 * scores.sr50, "SR75": 100 * scores.sr75}


def pooled(dataset: BoxDataset, records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Scores that are no means over sequences: GOT-10k's over all frames, VOT's at one threshold.

    In percent; empty if the dataset uses the mean over sequences.
    """
    if not dataset.has_truth or not records or dataset.layout not in ("got10k", "vot"):
        return {}
    sequences = {sequence.name: sequence for sequence in dataset.sequences}
    overlaps, tracks = [], []
    for record in records:
        sequence, size = sequences[record["sequence"]], tuple(record["size"])
        boxes = np.array([box or [np.nan] * 4 for box in record["boxes"]], float)
        truth, sure = sequence.boxes, np.array(record["confidence"])
        if dataset.layout == "vot":
            tracks.append(box_track(boxes, sure, truth, size=size))
        else:
            whole, known = complete_boxes(boxes, truth[0]), np.nan_to_num(truth)
            overlaps.append(got10k_overlaps(whole, known, sequence.visible, size=size))
    if dataset.layout == "got10k":
        return _average(np.concatenate(overlaps))
    scores = score_long_term(tracks)
    precision, recall = scores.precision[scores.best], scores.recall[scores.best]
    return {"F": 100 * scores.f_score, "Pr": 100 * float(precision), "Re": 100 * float(recall)}


def submission(
    name: str, found: Boxes, confidence: Float[np.ndarray, " T"], times: list[float], layout: str
) -> dict[str, str]:
    """The files of one sequence as its toolkit or server reads them, by path.

    ``lasot`` and ``otb``: ``<sequence>.txt``, x,y,w,h per line (OTB counts pixels from 1), the last
    box repeated where there is none. ``got10k``: likewise in a folder, with seconds per frame.
    ``vot``: the long-term layout of the VOT toolkit with confidences; 0 if there is no box.
    """
    seconds = _lines(f"{value:.6f}" for value in times)
    if layout == "vot":
        lines = ["0" if np.isnan(box).any() else _values(box) for box in found]
        lines[0] = "1"  # where it was initialised
        stem = f"longterm/{name}/{name}_001"
        return {
            f"{stem}.txt": _lines(lines),
            f"{stem}_confidence.value": _lines(f"{value:.6f}" for value in confidence),
            f"{stem}_time.value": seconds,
        }
    whole = complete_boxes(found, found[0])
    if layout == "otb":
        whole = np.add(whole, [1, 1, 0, 0])
    text = _lines(map(_values, whole))
    if layout != "got10k":
        return {f"{name}.txt": text}
    return {f"{name}/{name}_001.txt": text, f"{name}/{name}_time.txt": seconds}


def _values(box: Float[np.ndarray, "4"]) -> str:
    return ",".join(f"{value:.3f}" for value in box)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
