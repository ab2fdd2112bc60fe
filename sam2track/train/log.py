"""What a run says while it goes: a line a step, TensorBoard, and pictures of what it does.

Room: TRAIN. Numbers and rollouts enter; ``log.jsonl`` and ``tensorboard/`` in the run's folder
leave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, UInt8

from ..files import write_text
from ..types import PromptTokens
from .rollout import Rollout

LOG = "log.jsonl"
TILE = 128  # side of a frame in a picture, pixels
ROWS = 3  # objects in a picture
COLOURS = {1: (60, 220, 60), 0: (230, 50, 50)}  # clicks on and off the object


class RunLog:
    """The log of a run; closing it is the caller's, as a context manager does.

    Args:
        out: the run's folder.
        step: that the run goes on from; what the log says about later steps is taken out.

    Raises:
        ValueError: if TensorBoard is not installed.
    """

    def __init__(self, out: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ValueError(
                "TensorBoard is not installed: pip install 'sam2track[train]'"
            ) from None
        kept = [entry for entry in read_log(out) if entry["step"] <= step]
        text = "".join(json.dumps(entry) + "\n" for entry in kept)
        write_text(out / LOG, text)
        self.file = (out / LOG).open("a", encoding="utf-8")
        self.board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.board.close()

    def write(self, entry: Mapping[str, Any], *, group: str) -> None:
        """One line: ``step`` and other numbers; None where there is nothing to say."""
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        for name, value in entry.items():
            if name != "step" and value is not None:
                self.board.add_scalar(f"{group}/{name}", value, entry["step"])

    def picture(self, rollout: Rollout, step: int) -> None:
        """Prompts, prediction and truth of a few objects, for TensorBoard."""
        if len(rollout.rows):
            self.board.add_image("objects", draw_rollout(rollout), step, dataformats="HWC")


def read_log(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's log so far; a last one that was cut off is left out."""
    if not (out / LOG).is_file():
        return []
    entries = []
    for line in (out / LOG).read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries


def draw_rollout(rollout: Rollout) -> UInt8[np.ndarray, "H W 3"]:
    """Frames from left to right; for each object three strips: prompts, prediction, truth."""
    strips = []
    for row in range(min(ROWS, len(rollout.rows))):
        columns = []
        for index in range(rollout.length):
            frame = rollout.clips.frames[rollout.clip[row], index].permute(1, 2, 0).cpu().numpy()
            outcome = rollout.outcomes[index]
            logits = outcome.logits[row : row + 1].float()
            shown = F.interpolate(logits, frame.shape[:2], mode="bilinear")[0, 0] > 0
            truth = rollout.truth[row, index].cpu().numpy()
            tiles = (
                _draw_prompts(frame.copy(), rollout, row=row, index=index),
                _tint(frame, shown.cpu().numpy()),
                _tint(frame, truth),
            )
            columns.append(np.vstack([_tile(tile) for tile in tiles]))
        strips.append(np.hstack(columns))
    return np.vstack(strips)


def _draw_prompts(
    frame: UInt8[np.ndarray, "S S 3"], rollout: Rollout, *, row: int, index: int
) -> UInt8[np.ndarray, "S S 3"]:
    """A frame with what the simulated user said about one row."""
    radius = max(2, frame.shape[0] // 40)
    for rows, prompts in rollout.outcomes[index].prompts:
        place = (rows == row).nonzero()
        if not len(place):
            continue
        if prompts is None:
            truth = rollout.truth[row, index].cpu().numpy().astype(np.uint8)
            outlines, _ = cv2.findContours(truth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(frame, outlines, -1, COLOURS[1], max(1, radius // 2))
        else:
            _draw_tokens(frame, prompts, int(place[0, 0]), radius)
    return frame


def _draw_tokens(
    frame: UInt8[np.ndarray, "S S 3"], prompts: PromptTokens, place: int, radius: int
) -> None:
    labels = prompts.labels[place].tolist()
    points = [(round(x), round(y)) for x, y in prompts.coords[place].tolist()]
    corners = [point for point, label in zip(points, labels, strict=True) if label > 1]
    if corners:
        cv2.rectangle(frame, corners[0], corners[1], COLOURS[1], max(1, radius // 2))
    for point, label in zip(points, labels, strict=True):
        if label in COLOURS:
            cv2.circle(frame, point, radius, (255, 255, 255), -1)
            cv2.circle(frame, point, max(1, radius - 1), COLOURS[label], -1)


def _tint(
    frame: UInt8[np.ndarray, "S S 3"], mask: Bool[np.ndarray, "S S"]
) -> UInt8[np.ndarray, "S S 3"]:
    """A frame with a mask laid over it."""
    tinted = frame.copy()
    tinted[mask] = (frame[mask] * 0.4 + np.array([255, 140, 0]) * 0.6).astype(np.uint8)
    return tinted


def _tile(image: UInt8[np.ndarray, "S S 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """At the size of a picture's tile, with a line around it."""
    small = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA)
    small[[0, -1]] = 0
    small[:, [0, -1]] = 0
    return small
