"""What the sections of ``gpu_check.py`` share: the device and the time left, models, frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from tiny import TINY

from sam2track import Frame, load_model
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant

ROOT = Path(__file__).parents[2]
CUP, CUP_CLICK = ROOT / "videos" / "cup.mp4", (340, 220)
TINY_NAME = "sam2.1_hiera_tiny"
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What the sections need: the device, the size, and when the time is over."""

    device: torch.device
    tiny: bool
    deadline: float  # time.monotonic()

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def until(self, seconds: float) -> float:
        """The end of a measurement of so many seconds, as a ``time.monotonic()``."""
        return min(self.deadline, time.monotonic() + seconds)

    def wait(self) -> None:
        """Until the device has done everything."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its rows come from a function; ``needs`` = seconds without which it is skipped."""

    name: str
    title: str
    needs: int
    columns: tuple[str, ...]
    rows: Callable[[Check], Iterator[Row]]


def random_model(name: str, check: Check) -> SAM2:
    """Random weights, fp32, on the CPU; with ``--tiny`` of the tests' small model instead."""
    torch.manual_seed(0)
    variant = TINY if check.tiny else find_variant(name)
    return SAM2(variant).eval().requires_grad_(False)


def real_nano(device: torch.device, precision: str) -> SAM2:
    return load_model("nano", device=device, precision=precision)


def cup_frames(count: int) -> list[Frame]:
    """The first frames of a real clip, by OpenCV's decoder."""
    capture, frames = cv2.VideoCapture(str(CUP)), []
    while len(frames) < count:
        good, picture = capture.read()
        if not good:
            raise ValueError(f"{CUP.name}: frame {len(frames)} cannot be read")
        frames.append(Frame.from_bgr(len(frames), picture))
    return frames
