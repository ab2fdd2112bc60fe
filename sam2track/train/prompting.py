"""A user, simulated while training: masks, boxes and clicks to begin with, and corrections.

Room: TRAIN. True and predicted masks enter, prompts leave; SAM 2 (2408.00714, appendix D.2.2).
Which frames are prompted and corrected is drawn once for all rows of a step, so that they run as
one batch; what is drawn for a row (the kind of its prompt, its clicks) comes from the row's own
generator, so that it does not depend on which rows it is batched with, or on which device.
Coordinates are pixels of the model's square input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..masks.boxes import mask_box
from ..prompts.simulated_user import PROMPTS
from ..prompts.tokens import BOX_CORNERS, LARGEST_LOGIT
from ..types import PromptTokens


@dataclass(frozen=True, slots=True)
class PromptMix:
    """What the simulated user does; the defaults are SAM 2's.

    Each corrective click is one more pass of the decoder and each further anchor more memory to
    attend to: with ``anchors=1, corrected=1, clicks=2`` a step costs half as much.

    Attributes:
        mask, box, click: how often each opens an object; they sum to one.
        anchors: most frames that are prompted before tracking begins: the first, and others drawn
            from the clip. From one up, all equally likely.
        corrected: most frames that get corrective clicks, the anchors counted; an anchor whose
            prompt was a mask needs none. From the number of anchors up, all equally likely.
        correct: share of the steps that have corrections at all.
        clicks: corrective clicks on each such frame, one after another.
        truth: share of these that fall anywhere on the object, whatever was predicted.
        centre: share of the others that fall where the error is deepest, and of first clicks that
            fall on the object's middle; the rest fall anywhere in it.
        jitter: how far a box's edges are off at most, as a share of its sides.

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
        if self.anchors < 1 or self.corrected < 0 or self.clicks < 0:
            raise ValueError(
                f"prompts: anchors={self.anchors} must be at least 1, corrected={self.corrected} "
                f"and clicks={self.clicks} at least 0"
            )


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """Which frames of a clip the simulated user attends to.

    Attributes:
        anchors: prompted before tracking begins, in order; the first is frame 0.
        corrected: get corrective clicks.
    """

    anchors: tuple[int, ...]
    corrected: frozenset[int]

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


def inner_point(
    region: Bool[np.ndarray, "S S"], random: np.random.Generator, *, centre: bool
) -> tuple[float, float]:
    """A pixel ``(x, y)`` of a region that is not empty: any, or the farthest from its border."""
    if centre:
        padded = np.pad(region.astype(np.uint8), 1)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        place = int(distance.argmax())
    else:
        place = int(random.choice(np.flatnonzero(region)))
    return float(place % region.shape[1]), float(place // region.shape[1])


def click_tokens(
    masks: Bool[Tensor, "R S S"], randoms: Sequence[np.random.Generator], mix: PromptMix
) -> PromptTokens:
    """One click inside each mask; none of them is empty."""
    points = [
        inner_point(mask, random, centre=random.random() < mix.centre)
        for mask, random in zip(masks.cpu().numpy(), randoms, strict=True)
    ]
    coords = torch.tensor(points, dtype=torch.float32, device=masks.device)[:, None]
    return PromptTokens(coords, torch.ones(len(points), 1, dtype=torch.long, device=masks.device))


def box_tokens(
    masks: Bool[Tensor, "R S S"], randoms: Sequence[np.random.Generator], mix: PromptMix
) -> PromptTokens:
    """A box around each mask, its edges off a little; none of the masks is empty."""
    boxes = []
    for mask, random in zip(masks.cpu().numpy(), randoms, strict=True):
        x0, y0, x1, y1 = mask_box(mask) or (0, 0, *mask.shape[::-1])
        sides = np.array([x1 - x0, y1 - y0] * 2)
        noise = np.clip(random.normal(0, mix.jitter / 2, 4), -mix.jitter, mix.jitter) * sides
        boxes.append(np.clip(np.array([x0, y0, x1 - 1, y1 - 1]) + noise, 0, mask.shape[-1] - 1))
    coords = torch.tensor(np.array(boxes), dtype=torch.float32, device=masks.device)
    labels = torch.tensor(BOX_CORNERS, device=masks.device).expand(len(boxes), 2)
    return PromptTokens(coords.view(-1, 2, 2), labels)


def corrected(
    prompts: PromptTokens | None,
    logits: Float[Tensor, "R 1 _ _"],
    masks: Bool[Tensor, "R S S"],
    randoms: Sequence[np.random.Generator],
    mix: PromptMix,
) -> PromptTokens:
    """The prompts with one more click where the predicted mask is wrong, and that mask itself.

    Args:
        prompts: what was said so far, or None.
        logits: the prediction at stride 4.
        masks: the truth.
        randoms: one a row.
        mix: where clicks fall.
    """
    side = masks.shape[-1]
    shown = torch.nn.functional.interpolate(logits.detach(), (side, side), mode="bilinear") > 0
    points, labels = [], []
    wrongs, trues = (shown[:, 0] ^ masks).cpu().numpy(), masks.cpu().numpy()
    for wrong, true, random in zip(wrongs, trues, randoms, strict=True):
        anywhere = random.random() < mix.truth and true.any()
        # A perfect mask is confirmed by a click off the object, as in the paper.
        region = true if anywhere else wrong if wrong.any() else ~true if not true.all() else true
        x, y = inner_point(region, random, centre=not anywhere and random.random() < mix.centre)
        points.append((x, y))
        labels.append(int(true[int(y), int(x)]))
    coords = torch.tensor(points, dtype=torch.float32, device=logits.device)[:, None]
    kinds = torch.tensor(labels, dtype=torch.long, device=logits.device)[:, None]
    if prompts is not None:
        coords = torch.cat((prompts.coords, coords), dim=1)
        kinds = torch.cat((prompts.labels, kinds), dim=1)
    limit = LARGEST_LOGIT
    return PromptTokens(coords, kinds, mask=logits.detach().float().clamp(-limit, limit))
