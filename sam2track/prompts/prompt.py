"""Prompts: clicks, a box or a mask for an object on a frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A prompt for one object on one frame: clicks, a box, or a mask.

    Clicks and a box may be combined; a mask may not.

    Attributes:
        points: clicks ``(x, y)`` in video pixels.
        labels: one per click, 1 = on the object, 0 = not on the object.
        box: ``(x0, y0, x1, y1)`` in video pixels, ``x0 < x1`` and ``y0 < y1``.
        mask: ``(H, W)``, True on the object.

    Raises:
        ValueError: if the parts contradict each other; the message names the value.
    """

    points: Float[np.ndarray, "P 2"] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    labels: Int[np.ndarray, " P"] = field(default_factory=lambda: np.zeros(0, np.int32))
    box: Float[np.ndarray, "4"] | None = None
    mask: Bool[np.ndarray, "H W"] | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 2:
            raise ValueError(f"points must be pairs [[x, y], ...], got shape {self.points.shape}")
        if len(self.points) != len(self.labels):
            counts = f"points: {len(self.points)}, labels: {len(self.labels)}"
            raise ValueError(f"{counts}; give one label for each point")
        for label in self.labels.tolist():
            if label not in (0, 1):
                raise ValueError(f"label {label} is neither 1 (on the object) nor 0 (not on it)")
        if not np.isfinite(self.points).all():
            raise ValueError(f"points must be finite, got {self.points.tolist()}")
        if self.box is not None:
            if self.box.shape != (4,) or not np.isfinite(self.box).all():
                raise ValueError(f"box must be [x0, y0, x1, y1], got {self.box.tolist()}")
            x0, y0, x1, y1 = self.box.tolist()
            if x1 <= x0 or y1 <= y0:
                raise ValueError(
                    f"box [{x0:g}, {y0:g}, {x1:g}, {y1:g}] is empty; "
                    "give [x0, y0, x1, y1] with x0 < x1 and y0 < y1"
                )
        if self.mask is not None:
            if len(self.points) or self.box is not None:
                raise ValueError("a mask prompt comes alone: remove its points and box")
            if self.mask.ndim != 2:
                raise ValueError(
                    f"the mask has {self.mask.ndim} dimensions, of shape {self.mask.shape}; "
                    "give (height, width)"
                )
            if not self.mask.any():
                raise ValueError("the mask is empty: it has no pixel on the object")
        elif not len(self.points) and self.box is None:
            raise ValueError("an empty prompt: give points, a box, or a mask")

    @property
    def only_negative(self) -> bool:
        """Whether it has only clicks off the object."""
        return self.mask is None and self.box is None and not self.labels.any()

    @classmethod
    def click(cls, x: float, y: float, label: int = 1) -> Prompt:
        """One click, on the object (1) or off it (0)."""
        return cls.clicks([[x, y]], [label])

    @classmethod
    def clicks(cls, points, labels=None, box=None) -> Prompt:
        """Several clicks, with a box if there is one; without labels all are on the object."""
        points = np.asarray(points, np.float32).reshape(-1, 2)
        labels = np.ones(len(points)) if labels is None else np.asarray(labels)
        whole = labels.astype(np.int32)
        # A label such as 0.5 must not become 0 or 1, so that it is an error.
        whole = np.where(whole == labels, whole, -1).astype(np.int32)
        return cls(points, whole, None if box is None else np.asarray(box, np.float32))

    @classmethod
    def from_box(cls, box, points=(), labels=()) -> Prompt:
        """A box ``(x0, y0, x1, y1)``, with clicks if there are any."""
        return cls.clicks(points, labels, box)

    @classmethod
    def from_mask(cls, mask) -> Prompt:
        """A mask ``(H, W)``: True or a number above 0 on the object, False or 0 elsewhere.

        Raises:
            ValueError: for logits or probabilities, which have no defined threshold.
        """
        mask = np.asarray(mask)
        if mask.dtype != bool and not np.isin(np.unique(mask), (0, 1, 255)).all():
            values = f"from {np.nanmin(mask):g} to {np.nanmax(mask):g}"
            if np.issubdtype(mask.dtype, np.floating):
                raise ValueError(
                    f"the mask holds numbers {values}; cut them first: logits > 0, or "
                    "probabilities > 0.5"
                )
            if mask.min() < 0:
                raise ValueError(f"the mask holds numbers {values}; give True on the object")
        return cls(mask=mask.astype(bool))


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPrompt:
    """A prompt with its object and its frame.

    Attributes:
        object_id: a whole number from 1.
        frame: index in the video.
        prompt: the prompt.
        source: where it was given, for messages: ``click=[320,240]``, ``prompts.json, entry 2``.
    """

    object_id: int
    frame: int
    prompt: Prompt
    source: str = "a prompt"
