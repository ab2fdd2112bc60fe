"""The tracker on training clips: the same network and memory as at run time, with losses.

A row is one object of one clip. All rows go through the frames together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ..memory import FifoMemory, best_candidate
from ..model.sam2 import SAM2
from ..types import Candidates, FrameFeatures, PromptTokens, Recall, Resolved
from .losses import Losses, mask_iou, prediction_losses
from .prompting import box_tokens, click_tokens, corrected

NOTHING = Recall((), (), (), ())


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """A batch of clips.

    Attributes:
        frames: RGB.
        masks: what is visible of each object.
        valid: which of the K places hold an object.
    """

    frames: UInt8[Tensor, "B T 3 S S"]
    masks: Bool[Tensor, "B T K S S"]
    valid: Bool[Tensor, "B K"]


@dataclass(frozen=True, slots=True)
class PromptMix:
    """How often each kind of prompt opens a clip, and how often a later frame is corrected."""

    mask: float = 0.6
    box: float = 0.2
    click: float = 0.2
    correction: float = 0.3
    clicks: int = 2


class Rollout:
    """One pass over a batch of clips; ``losses`` and ``ious`` fill as it goes.

    Args:
        model: in training mode, or not.
        clips: on the model's device.
        random: chooses prompts and frames.
        mix: how often what.
    """

    def __init__(
        self, model: SAM2, clips: Clips, random: np.random.Generator, mix: PromptMix
    ) -> None:
        self.model = model
        self.random = random
        self.mix = mix
        self.clip, self.object = clips.valid.nonzero(as_tuple=True)  # (R,)
        self.truth = clips.masks.transpose(1, 2)[self.clip, self.object]  # (R, T, S, S)
        frames = clips.frames.flatten(0, 1).float() / 255
        encoded = model.encode((frames - model.mean) / model.std)
        self.length = clips.frames.shape[1]
        self.encoded = encoded
        self.memories = [FifoMemory() for _ in self.clip]
        self.losses: list[Losses] = []
        self.ious: list[Float[Tensor, " R"]] = []  # of every tracked frame

    def features(self, index: int, rows: Int[Tensor, " Q"]) -> FrameFeatures:
        """The features of one frame for some rows."""
        picture = self.clip[rows] * self.length + index
        e = self.encoded
        return FrameFeatures(e.stride16[picture], e.stride8[picture], e.stride4[picture])

    def run(self) -> Float[Tensor, ""]:
        """Prompt the first frame, follow through the others; the mean loss."""
        self.first_frame()
        corrects = self.random.random() < self.mix.correction
        correction = int(self.random.integers(1, self.length)) if corrects else 0
        for index in range(1, self.length):
            self.follow(index, correct=index == correction)
        return torch.cat([losses.total() for losses in self.losses]).mean()

    def judge(self, candidates: Candidates, index: int, rows: Int[Tensor, " Q"]) -> None:
        """Compare at stride 2: finer than the logits, a quarter of the pixels."""
        truth = F.avg_pool2d(self.truth[rows, index].float()[:, None], 2)[:, 0]
        self.losses.append(prediction_losses(candidates, truth))

    def first_frame(self) -> None:
        kinds = torch.from_numpy(
            self.random.choice(3, len(self.clip), p=[self.mix.mask, self.mix.box, self.mix.click])
        )
        resolved, order = [], []
        for kind in range(3):
            rows = (kinds == kind).nonzero()[:, 0].to(self.clip.device)
            if not len(rows):
                continue
            features, truth = self.features(0, rows), self.truth[rows, 0]
            if kind == 0:
                outcome = self.model.adopt(features, truth[:, None])
            else:
                ask = box_tokens if kind == 1 else click_tokens
                conditioned = self.model.attend(features, [NOTHING] * len(rows))
                prompts = ask(truth, self.random, truth.device)
                outcome = self.ask(conditioned, features, prompts, index=0, rows=rows)
                for _ in range(int(self.random.integers(0, self.mix.clicks + 1))):
                    prompts = corrected(prompts, outcome.logits, truth, self.random)
                    outcome = self.ask(conditioned, features, prompts, index=0, rows=rows)
            resolved.append(outcome)
            order.append(rows)
        place = torch.cat(order).argsort()
        self.remember(_join(resolved, place), index=0, prompted=True)

    def follow(self, index: int, *, correct: bool) -> None:
        rows = torch.arange(len(self.clip), device=self.clip.device)
        features = self.features(index, rows)
        recalls = [memory.recall(index, 1)[0] for memory in self.memories]
        conditioned = self.model.attend(features, recalls)
        outcome = self.ask(conditioned, features, None, index=index, rows=rows)
        truth = self.truth[:, index]
        self.ious.append(mask_iou(_enlarged(outcome.logits, truth), truth.float()))
        if correct:
            prompts: PromptTokens | None = None
            for _ in range(int(self.random.integers(1, self.mix.clicks + 1))):
                prompts = corrected(prompts, outcome.logits, truth, self.random)
                outcome = self.ask(conditioned, features, prompts, index=index, rows=rows)
        self.remember(outcome, index=index, prompted=correct)

    def ask(
        self,
        conditioned: Float[Tensor, "Q C h w"],
        features: FrameFeatures,
        prompts: PromptTokens | None,
        *,
        index: int,
        rows: Int[Tensor, " Q"],
    ) -> Resolved:
        """Decode, judge, and take the best candidate."""
        candidates = self.model.decode(conditioned, features, prompts)
        self.judge(candidates, index, rows)
        return self.model.resolve(candidates, best_candidate(candidates))

    def remember(self, resolved: Resolved, *, index: int, prompted: bool) -> None:
        rows = torch.arange(len(self.clip), device=self.clip.device)
        memories = self.model.memorise(
            self.features(index, rows),
            resolved,
            index=index,
            from_prompt=torch.full_like(rows, prompted, dtype=torch.bool),
        )
        for memory, frame in zip(self.memories, memories, strict=True):
            memory.remember([frame], anchor=prompted)


def _join(parts: list[Resolved], place: Int[Tensor, " R"]) -> Resolved:
    """Rows of several outcomes, brought into order."""
    return Resolved(
        *(
            torch.cat([getattr(part, name) for part in parts])[place]
            for name in ("logits", "pointers", "scores", "presence")
        )
    )


def _enlarged(logits: Float[Tensor, "R 1 _ _"], like: Tensor) -> Float[Tensor, "R S S"]:
    return F.interpolate(logits.detach(), like.shape[-2:], mode="bilinear")[:, 0]
