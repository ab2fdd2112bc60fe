"""The trackers: a session of the model, or a baseline without learning with the same methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float

from ..memory import AutoSettings, MemoryFactory
from ..model import load_model
from ..prompts import Prompt
from ..track import Rendering, Session, TrackingSession
from ..types import Frame, FrameOutcome, FrameResult

TRACKERS = ("session", "copy", "flow")


class StartSession(Protocol):
    """Makes a session for a video."""

    def __call__(self, *, length: int | None, archive: bool = False) -> Session:
        """``length``: of the video, None if unknown; ``archive``: earlier frames will change."""
        ...


@dataclass(frozen=True, slots=True)
class Tracker:
    """The settings of a tracker; it is sent to other processes.

    Attributes:
        kind: ``session`` (the model), or a baseline: ``copy`` or ``flow``.
        model, checkpoint, precision, compile, memory_pool, image_size: see
            :func:`sam2track.load_model`.
        memory, rendering, zoom, stability_delta, stability_threshold: see
            :class:`sam2track.TrackingSession`.
    """

    kind: str = "session"
    model: str = "nano"
    checkpoint: str | None = None
    precision: str = "auto"
    compile: bool = False
    memory_pool: int | None = None
    image_size: int | None = None
    memory: MemoryFactory | AutoSettings | None = None
    rendering: Rendering = field(default_factory=Rendering)
    zoom: float | str = "auto"
    stability_delta: float = 0.05
    stability_threshold: float = 0.98

    def load(self, device: str) -> StartSession:
        """Load the model onto a device; returns a function that makes sessions.

        Raises:
            ValueError: an unknown model, device or precision, or other weights.
        """
        if self.kind != "session":
            baseline = {"copy": CopySession, "flow": FlowSession}[self.kind]
            return lambda *, length, archive=False: baseline()
        model = load_model(
            self.model,
            self.checkpoint,
            device=device,
            precision=self.precision,
            compile=self.compile,
            memory_pool=self.memory_pool,
            image_size=self.image_size,
        )
        return lambda *, length, archive=False: TrackingSession(
            model,
            length=length,
            memory=self.memory,
            archive=archive,
            rendering=self.rendering,
            zoom=self.zoom,
            stability_delta=self.stability_delta,
            stability_threshold=self.stability_threshold,
        )


class CopySession:
    """The first mask, on every frame."""

    lag = 0

    def __init__(self) -> None:
        self.soft: dict[int, Float[np.ndarray, "H W"]] = {}  # 0..1
        self.last: FrameOutcome | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order in which they were first prompted."""
        return tuple(self.soft)

    def prompt(self, object_id: int, prompt: Prompt, frame: Frame) -> Bool[np.ndarray, "H W"]:
        """Take an object's mask, or its box as a mask; ValueError if it is neither."""
        if prompt.mask is not None:
            mask = prompt.mask
        elif prompt.box is not None:
            x0, y0, x1, y1 = np.rint(prompt.box).astype(int).tolist()
            mask = np.zeros(frame.size, bool)
            mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
        else:
            raise ValueError("a baseline cannot make a mask of a click; give prompt=mask or box")
        self.soft[object_id] = mask.astype(np.float32)
        return mask

    def remove(self, object_id: int) -> None:
        """Forget an object."""
        del self.soft[object_id]

    def advance(self, frame: Frame, *, direction: int = 1) -> FrameOutcome:
        """The masks as they are; above one half is the object."""
        masks = np.stack([*self.soft.values()]) if self.soft else np.zeros((0, *frame.size))
        logits, sure = torch.from_numpy(masks - 0.5), torch.ones(len(self.soft))
        self.last = FrameOutcome(frame.index, self.object_ids, logits, sure, sure)
        return self.last

    def render(self, outcome: FrameOutcome, frame: Frame) -> FrameResult:
        """The masks at the video's size; a pixel's owner is the most confident object."""
        background = torch.zeros(1, *frame.size)
        owner = torch.cat((background, outcome.logits)).argmax(0) - 1
        ids, logits, sure = outcome.object_ids, outcome.logits, outcome.scores
        return FrameResult(outcome.index, ids, logits > 0, owner, sure, outcome.presence, logits)

    def settled(self) -> Iterator[FrameOutcome]:
        """The last outcome: nothing is decided later."""
        assert self.last is not None
        yield self.last

    def flush(self) -> Iterator[FrameOutcome]:
        """Does nothing."""
        return iter(())


class FlowSession(CopySession):
    """The first mask, warped from frame to frame by DIS optical flow (OpenCV, medium preset).

    For each pixel of a new frame the flow gives its position in the previous one. Masks stay soft
    between frames, so that small parts are not lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.before: np.ndarray | None = None
        self.fresh: set[int] = set()  # prompted on the next frame: not warped yet

    def prompt(self, object_id: int, prompt: Prompt, frame: Frame) -> Bool[np.ndarray, "H W"]:
        """Take an object's mask on the frame that is stepped onto next."""
        mask = super().prompt(object_id, prompt, frame)
        self.fresh.add(object_id)
        return mask

    def advance(self, frame: Frame, *, direction: int = 1) -> FrameOutcome:
        """The masks, warped by the flow of the picture."""
        now = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        if self.before is not None and self.soft.keys() - self.fresh:
            where = self.flow.calc(now, self.before, None)  # type: ignore[call-overload]
            across, down = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in now.shape[::-1]))
            across, down = across + where[..., 0], down + where[..., 1]
            for object_id in self.soft.keys() - self.fresh:
                soft = self.soft[object_id]
                self.soft[object_id] = cv2.remap(soft, across, down, cv2.INTER_LINEAR)
        self.before = now
        self.fresh.clear()
        return super().advance(frame, direction=direction)
