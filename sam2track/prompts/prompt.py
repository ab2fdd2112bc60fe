"""Prompts: clicks, a box or a mask for an object on a frame."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor


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
        points = as_numbers(self.points, "points", "pairs [[x, y], ...]").astype(np.float32)
        points = points.reshape(-1, 2) if points.shape in ((0,), (2,)) else points
        labels = as_numbers(self.labels, "labels", "a list of 1 (on the object) and 0 (not on it)")
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"points must be pairs [[x, y], ...], got shape {points.shape}")
        if labels.shape != (len(points),):
            counts = f"points: {len(points)}, labels: {labels.size}"
            raise ValueError(f"{counts}; give a list with one label for each point")
        for label in labels.tolist():
            if label not in (0, 1):
                raise ValueError(f"label {label} is neither 1 (on the object) nor 0 (not on it)")
        finite = np.isfinite(points).all(axis=1)
        if not finite.all():
            raise ValueError(f"points must be finite, got {points[~finite][:1].tolist()}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "labels", labels.astype(np.int32))
        if self.box is not None:
            box = as_numbers(self.box, "box", "[x0, y0, x1, y1]").astype(np.float32)
            if box.shape != (4,) or not np.isfinite(box).all():
                found = textwrap.shorten(str(box.tolist()), 60)
                raise ValueError(f"box must be [x0, y0, x1, y1], got {found}")
            x0, y0, x1, y1 = box.tolist()
            if x1 <= x0 or y1 <= y0:
                raise ValueError(
                    f"box [{x0:g}, {y0:g}, {x1:g}, {y1:g}] is empty; "
                    "give [x0, y0, x1, y1] with x0 < x1 and y0 < y1"
                )
            object.__setattr__(self, "box", box)
        if self.mask is not None:
            if len(self.points) or self.box is not None:
                raise ValueError("a mask prompt comes alone: remove its points and box")
            object.__setattr__(self, "mask", _on_object(self.mask))
        elif not len(self.points) and self.box is None:
            raise ValueError("an empty prompt: give points, a box, or a mask")

    @property
    def only_negative(self) -> bool:
        """Whether it has only clicks off the object."""
        return self.mask is None and self.box is None and not self.labels.any()

    def box_in(self, size: tuple[int, int]) -> Float[np.ndarray, "4"] | None:
        """The box as far as it lies in a frame of this height and width, pixels; None without."""
        if self.box is None:
            return None
        return self.box.clip(0, np.array((*size[::-1], *size[::-1]), np.float32))

    @classmethod
    def click(cls, x: float, y: float, label: int = 1) -> Prompt:
        """One click, on the object (1) or off it (0)."""
        return cls.clicks([[x, y]], [label])

    @classmethod
    def clicks(cls, points, labels=None, box=None) -> Prompt:
        """Several clicks, with a box if there is one; without labels all are on the object."""
        points = as_numbers(points, "points", "pairs [[x, y], ...]")
        return cls(points, np.ones(points.size // 2) if labels is None else labels, box)

    @classmethod
    def from_box(cls, box, points=(), labels=()) -> Prompt:
        """A box ``(x0, y0, x1, y1)``, with clicks if there are any."""
        return cls.clicks(points, labels, box)

    @classmethod
    def from_mask(cls, mask) -> Prompt:
        """A mask ``(H, W)``: True or a number above 0 on the object, False or 0 elsewhere.

        Raises:
            ValueError: for logits, probabilities or a label map of several objects.
        """
        return cls(mask=_on_object(mask))


def as_numbers(value: Any, name: str, form: str) -> np.ndarray:
    """Numbers of any kind as an array; ValueError if they are none."""
    array = np.asarray(None)
    with suppress(TypeError, ValueError):  # such as rows of different lengths
        array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be {form}, got {textwrap.shorten(repr(value), 60)}")
    return array


def _on_object(value: Any) -> Bool[np.ndarray, "H W"]:
    """A mask as ``bool``; ValueError if it does not say which pixels are on the object."""
    mask = as_numbers(value, "the mask", "an array (height, width)")
    if mask.ndim != 2:
        raise ValueError(
            f"the mask has {mask.ndim} dimensions, of shape {mask.shape}; give (height, width)"
        )
    if not mask.any():
        raise ValueError("the mask is empty: it has no pixel on the object")
    if mask.dtype != bool:
        values = np.unique(mask)
        shades = values[values != 0]
        whole = shades[0] > 0 and mask.dtype.kind in "iu"
        if len(shades) > 1 or not (whole or shades[0] in (1, 255)):
            raise ValueError(
                f"the mask holds numbers from {values[0]:g} to {values[-1]:g}; give True on the "
                "object: logits > 0, probabilities > 0.5, or label_map == 1"
            )
    return mask.astype(bool)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPrompt:
    """A prompt with its object and its frame.

    Attributes:
        object_id: a whole number from 1.
        frame: index in the video.
        prompt: the prompt.
        source: where it was given, for messages: ``click=[320,240]``, ``prompts.json, entry 2``.
        label: the class of the object; empty = unknown.
    """

    object_id: int
    frame: int
    prompt: Prompt
    source: str = "a prompt"
    label: str = ""
