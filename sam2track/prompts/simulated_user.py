"""The simulated user: gives prompts for objects whose true masks are known.

In evaluation a click is at the pixel farthest from a region's border ("deepest"), as in SAM 2
(2408.00714). In training most clicks are drawn (appendix D.2.2), and prompts are tokens, in pixels
of the model's square input. Which frames are prompted and corrected is drawn once for all rows of a
step, so that they run as one batch. What is drawn for one row (the kind of its prompt, its clicks)
comes from the generator of that row, so that it does not depend on other rows or the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ..masks.boxes import mask_box
from ..model.prompt_encoder import LARGEST_LOGIT
from ..types import PromptTokens
from .prompt import PlacedPrompt, Prompt
from .tokens import BOX_CORNERS

PROMPTS = ("mask", "box", "click")


def first_prompt(kind: str, mask: Bool[np.ndarray, "H W"]) -> Prompt:
    """The first prompt of an object: its mask, the box around it, or one click in its middle.

    Raises:
        ValueError: if the kind is none of these, or the mask is empty.
    """
    given = Prompt.from_mask(mask)  # an error if it is empty
    if kind == "mask":
        return given
    if kind == "box":
        return Prompt.from_box(mask_box(mask))
    if kind == "click":
        return Prompt.click(*inner_point(mask))
    raise ValueError(f"prompt={kind}: choose one of {', '.join(PROMPTS)}")


def first_prompts(
    kind: str, starts: Mapping[int, Mapping[int, Bool[np.ndarray, "H W"]]]
) -> list[PlacedPrompt]:
    """:func:`first_prompt` for the objects that are new in a frame: ``starts[index][id]``."""
    return [
        PlacedPrompt(object_id, index, first_prompt(kind, mask))
        for index, masks in starts.items()
        for object_id, mask in masks.items()
    ]


def corrective_click(mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]) -> Prompt:
    """A click in the middle of the largest error: label 1 for a missing part, 0 for a wrong part.

    Raises:
        ValueError: if there is no error.
    """
    if np.array_equal(mask, truth):
        raise ValueError("the mask is the truth: there is nothing to correct")
    x, y = error_centre(mask, truth)
    return Prompt.click(x, y, int(truth[int(y), int(x)]))


def inner_point(
    region: Bool[np.ndarray, "H W"], random: np.random.Generator | None = None
) -> tuple[float, float]:
    """A pixel ``(x, y)`` of a region that is not empty: the deepest one, or any, if drawn."""
    if random is None:
        return _deepest(region)[1]
    y, x = divmod(int(random.choice(np.flatnonzero(region))), region.shape[1])
    return float(x), float(y)


def error_centre(
    mask: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]
) -> tuple[float, float]:
    """The deepest pixel ``(x, y)`` of the missing or the wrong part of the mask."""
    missed, missed_at = _deepest(truth & ~mask)
    excess, excess_at = _deepest(mask & ~truth)
    return missed_at if missed >= excess else excess_at


def _deepest(region: Bool[np.ndarray, "H W"]) -> tuple[float, tuple[float, float]]:
    """The largest squared distance to the region's border or the frame's, and its first pixel.

    Without any pixel the distance is 0. Squares are whole numbers; OpenCV's roots of equal squares
    may differ in the last bit, which would change the pixel.
    """
    padded = np.pad(region.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    squared = np.rint(distance * distance)
    y, x = np.unravel_index(squared.argmax(), squared.shape)
    return float(squared[y, x]), (float(x), float(y))


@dataclass(frozen=True, slots=True)
class PromptMix:
    """How often the simulated user gives each kind of prompt; defaults as in SAM 2.

    Each corrective click is one more pass of the decoder, and each further anchor is more memory to
    attend to: with ``anchors=1, corrected=1, clicks=2`` a step costs half as much.

    Attributes:
        mask, box, click: fraction of the objects with this first prompt; they sum to one.
        anchors: largest number of frames prompted before tracking begins: the first, and random
            others. All numbers from one are equally likely.
        corrected: largest number of frames with corrective clicks, including anchors; an anchor
            with a mask needs none. All numbers from that of the anchors are equally likely.
        correct: fraction of the steps with corrections.
        clicks: corrective clicks on each such frame, one after another.
        truth: fraction of these sampled anywhere on the object, for any prediction.
        centre: fraction of the others in the middle of the largest error, and of first clicks in
            the object's middle; the rest is sampled anywhere in it.
        jitter: largest shift of an edge of a box, as a fraction of the box's side.

    Raises:
        ValueError: if a value is out of its range.
    """

    mask: float = 0.5
    box: float = 0.25
    click: float = 0.25
    anchors: int = 2
    corrected: int = 2
    correct: float = 1.0
    clicks: int = 7
    truth: float = 0.1
    centre: float = 0.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        kinds = [getattr(self, kind) for kind in PROMPTS]
        if min(kinds) < 0 or abs(sum(kinds) - 1) > 1e-6:
            raise ValueError(
                f"prompts: mask={kinds[0]:g}, box={kinds[1]:g} and click={kinds[2]:g} must be "
                f"shares that sum to 1, not {sum(kinds):g}"
            )
        for name in ("correct", "truth", "centre", "jitter"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"prompts: {name}={getattr(self, name):g} is not within 0 and 1")
        for name, least in (("anchors", 1), ("corrected", 0), ("clicks", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"prompts: {name}={getattr(self, name)}: at least {least}")


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """Which frames of a clip the simulated user prompts and corrects."""

    anchors: tuple[int, ...]  # prompted before tracking begins, in order; the first is frame 0
    corrected: frozenset[int]  # get corrective clicks

    @classmethod
    def draw(cls, mix: PromptMix, frames: int, random: np.random.Generator) -> PromptPlan:
        """A plan for a clip of ``frames`` frames."""
        count = int(random.integers(1, min(mix.anchors, frames), endpoint=True))
        later = 1 + random.permutation(frames - 1)
        anchors = (0, *sorted(int(frame) for frame in later[: count - 1]))
        if not mix.corrected or random.random() >= mix.correct:
            return cls(anchors, frozenset())
        most = max(min(mix.corrected, frames), count)
        total = int(random.integers(count, most, endpoint=True))
        others = (int(frame) for frame in later[count - 1 : total - 1])
        return cls(anchors, frozenset((*anchors[: mix.corrected], *others)))


def first_tokens(
    kind: str,
    masks: Bool[Tensor, "R S S"],
    generators: Sequence[np.random.Generator],
    mix: PromptMix,
) -> PromptTokens:
    """A click inside each mask, or a box around it, each edge moved a little; no mask is empty."""
    points = []
    for mask, random in zip(masks.cpu().numpy(), generators, strict=True):
        if kind == "click":
            points.append(inner_point(mask, None if random.random() < mix.centre else random))
            continue
        x0, y0, x1, y1 = mask_box(mask) or (0, 0, *mask.shape[::-1])
        noise = np.clip(random.normal(0, mix.jitter / 2, 4), -mix.jitter, mix.jitter)
        box = np.array([x0, y0, x1 - 1, y1 - 1]) + noise * np.array([x1 - x0, y1 - y0] * 2)
        points.append(np.clip(box, 0, mask.shape[-1] - 1))
    coords = torch.tensor(np.array(points), dtype=torch.float32, device=masks.device)
    labels = torch.tensor((1,) if kind == "click" else BOX_CORNERS, device=masks.device)
    return PromptTokens(coords.view(len(points), -1, 2), labels.expand(len(points), -1))


def corrected_tokens(
    prompts: PromptTokens | None,
    logits: Float[Tensor, "R 1 _ _"],
    masks: Bool[Tensor, "R S S"],
    generators: Sequence[np.random.Generator],
    mix: PromptMix,
) -> PromptTokens:
    """Earlier prompts and a new click where the mask is wrong, with that mask's logits.

    ``masks`` are the true ones; of ``generators`` there is one per row.
    """
    predicted = F.interpolate(logits.detach(), masks.shape[-2:], mode="bilinear")[:, 0] > 0
    predicted, true = predicted.cpu().numpy(), masks.cpu().numpy()
    points = [_correction(*row, mix) for row in zip(predicted, true, generators, strict=True)]
    labels = [int(true[row, int(y), int(x)]) for row, (x, y) in enumerate(points)]
    coords = torch.tensor(points, dtype=torch.float32, device=logits.device)[:, None]
    kinds = torch.tensor(labels, dtype=torch.long, device=logits.device)[:, None]
    if prompts is not None:
        coords = torch.cat((prompts.coords, coords), dim=1)
        kinds = torch.cat((prompts.labels, kinds), dim=1)
    mask = logits.detach().float().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    return PromptTokens(coords, kinds, mask)


def _correction(
    mask: Bool[np.ndarray, "S S"],
    truth: Bool[np.ndarray, "S S"],
    random: np.random.Generator,
    mix: PromptMix,
) -> tuple[float, float]:
    """Where the user clicks to correct one mask."""
    if random.random() < mix.truth and truth.any():
        return inner_point(truth, random)
    drawn = None if random.random() < mix.centre else random
    wrong = mask ^ truth
    if wrong.any():
        return inner_point(wrong, drawn) if drawn else error_centre(mask, truth)
    # For a perfect mask the click is off the object, as in the paper.
    return inner_point(truth if truth.all() else ~truth, drawn)
