"""The tracker on training clips: the same network and memory as at run time, with losses.

Room: TRAIN. A batch of clips enters, the losses of every step of the interaction leave (SAM 2,
2408.00714, appendix D.2.2). A row is one object of one clip. All rows go through the frames
together: first the anchors, each prompted for itself, then every other frame in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..memory import FifoMemory, best_candidate
from ..model.sam2 import SAM2
from ..track.simulated_user import PROMPTS
from ..types import FrameFeatures, PromptTokens, Recall, Resolved
from .losses import Losses, mask_iou, prediction_losses
from .memory_noise import Mistake
from .prompting import PromptMix, PromptPlan, box_tokens, click_tokens, corrected

NOTHING = Recall((), (), (), ())
T = TypeVar("T")
Said = tuple[tuple[Int[Tensor, " Q"], PromptTokens | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """A batch of clips.

    Attributes:
        frames: RGB.
        masks: what is visible of each object.
        valid: which of the K places hold an object; each shows in frame 0.
    """

    frames: UInt8[Tensor, "B T 3 S S"]
    masks: Bool[Tensor, "B T K S S"]
    valid: Bool[Tensor, "B K"]


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """One step of the interaction.

    Attributes:
        frame: the frame.
        losses: of the rows that took part.
    """

    frame: int
    losses: Losses


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one frame ended with, for pictures.

    Attributes:
        logits: mask logits at stride 4.
        prompts: which rows were prompted, and how; None = with their mask.
    """

    logits: Float[Tensor, "R 1 _ _"]
    prompts: Said


class Rollout:
    """One pass over a batch of clips; ``judgements``, ``ious`` and ``outcomes`` fill as it goes.

    Args:
        model: in training mode, or not.
        clips: on the model's device.
        mix: what the simulated user does.
        seed: of everything drawn: the run's, then the step's.
        first: the place of the first clip among all clips of the step. What is drawn for a row
            depends on ``seed``, its clip's place and its object alone.
        stride: at which masks are compared, see :func:`sam2track.train.losses.prediction_losses`.
        checkpointing: keep what enters each part of the network instead of all it computes, and
            compute that again for the gradient: a third more time, a fraction of the memory.
        noise: share of the rows whose memories get mistakes, see
            :mod:`sam2track.train.memory_noise`.
    """

    def __init__(
        self,
        model: SAM2,
        clips: Clips,
        mix: PromptMix,
        *,
        seed: Sequence[int],
        first: int = 0,
        stride: int = 2,
        checkpointing: bool = False,
        noise: float = 0.0,
    ) -> None:
        self.model, self.clips, self.mix = model, clips, mix
        self.stride, self.checkpointing = stride, checkpointing
        self.clip, self.object = clips.valid.nonzero(as_tuple=True)  # (R,)
        self.truth = clips.masks.transpose(1, 2)[self.clip, self.object]  # (R, T, S, S)
        self.rows = torch.arange(len(self.clip), device=self.clip.device)
        self.length = clips.frames.shape[1]
        self.plan = PromptPlan.draw(mix, self.length, np.random.default_rng((*seed, 0, 0)))
        self.randoms = [
            np.random.default_rng((*seed, 1 + first + clip, thing))
            for clip, thing in zip(self.clip.tolist(), self.object.tolist(), strict=True)
        ]
        chances = [getattr(mix, kind) for kind in PROMPTS]
        kinds = [int(random.choice(len(PROMPTS), p=chances)) for random in self.randoms]
        self.kinds = torch.tensor(kinds, dtype=torch.long, device=self.clip.device)
        self.mistakes = [
            Mistake.draw(noise, self.length, r) if noise else None for r in self.randoms
        ]
        self.encoded: dict[int, FrameFeatures] = {}
        self.memories = [FifoMemory(slots=model.variant.slots) for _ in self.randoms]
        self.judgements: list[Judgement] = []
        self.ious: list[Float[Tensor, " R"]] = []  # of every tracked frame, before it is corrected
        self.prompted_ious: list[Float[Tensor, " Q"]] = []  # of anchors by box or click, at the end
        self.outcomes: dict[int, Outcome] = {}

    def run(self) -> Float[Tensor, ""]:
        """Go through the clip; the sum of the losses over rows and steps (0 without rows)."""
        if len(self.rows):
            for index in self.plan.anchors:
                self.begin(index)
            for index in range(self.length):
                if index not in self.plan.anchors:
                    self.follow(index)
        totals = [judgement.losses.total().sum() for judgement in self.judgements]
        return torch.stack(totals).sum() if totals else torch.zeros((), device=self.rows.device)

    def begin(self, index: int) -> None:
        """Prompt every row on an anchor, by itself, and correct what a box or a click gave."""
        truth = self.truth[:, index]
        # An object that is not there can neither be boxed nor clicked: an empty mask says so.
        kinds = torch.where(truth.flatten(1).any(1), self.kinds, 0)
        resolved, order, said = [], [], []
        for kind, name in enumerate(PROMPTS):
            rows = (kinds == kind).nonzero()[:, 0]
            if not len(rows):
                continue
            if name == "mask":
                outcome = self._pass(
                    self.model.adopt, self.features(index, rows), truth[rows, None]
                )
                prompts = None
            else:
                outcome, prompts = self.ask_first(index, rows, name)
                shown = _enlarged(outcome.logits, truth)
                self.prompted_ious.append(mask_iou(shown, truth[rows].float()))
            resolved.append(outcome)
            order.append(rows)
            said.append((rows, prompts))
        joined = _join(resolved, torch.cat(order).argsort())
        self.remember(self.features(index, self.rows), joined, index, tuple(said))

    def ask_first(
        self, index: int, rows: Int[Tensor, " Q"], kind: str
    ) -> tuple[Resolved, PromptTokens | None]:
        """A box or a click without memory, then corrections if the plan says so."""
        truth, features = self.truth[rows, index], self.features(index, rows)
        conditioned = self.model.attend(features, [NOTHING] * len(rows))
        tokens = box_tokens if kind == "box" else click_tokens
        prompts = tokens(truth, [self.randoms[row] for row in rows.tolist()], self.mix)
        outcome = self.ask(conditioned, features, prompts, index=index, rows=rows)
        if index not in self.plan.corrected:
            return outcome, prompts
        return self.correct(conditioned, features, outcome, prompts, index=index, rows=rows)

    def follow(self, index: int) -> None:
        """Track every row onto a frame, and correct it there if the plan says so."""
        truth, features, rows = self.truth[:, index], self.features(index, self.rows), self.rows
        recalls = [memory.recall(index, 1)[0] for memory in self.memories]
        conditioned = self._pass(self.model.attend, features, recalls)
        outcome = self.ask(conditioned, features, None, index=index, rows=rows)
        self.ious.append(mask_iou(_enlarged(outcome.logits, truth), truth.float()))
        said: Said = ()
        if index in self.plan.corrected and self.mix.clicks:
            outcome, prompts = self.correct(
                conditioned, features, outcome, None, index=index, rows=rows
            )
            said = ((rows, prompts),)
        self.remember(features, outcome, index, said)

    def correct(
        self,
        conditioned: Float[Tensor, "Q C h w"],
        features: FrameFeatures,
        outcome: Resolved,
        prompts: PromptTokens | None,
        *,
        index: int,
        rows: Int[Tensor, " Q"],
    ) -> tuple[Resolved, PromptTokens | None]:
        """Click after click where the mask is wrong, the mask fed back each time."""
        truth, randoms = self.truth[rows, index], [self.randoms[row] for row in rows.tolist()]
        for _ in range(self.mix.clicks):
            prompts = corrected(prompts, outcome.logits, truth, randoms, self.mix)
            outcome = self.ask(conditioned, features, prompts, index=index, rows=rows)
        return outcome, prompts

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
        candidates = self._pass(self.model.decode, conditioned, features, prompts)
        losses = self._pass(
            prediction_losses, candidates, self.truth[rows, index], stride=self.stride
        )
        self.judgements.append(Judgement(index, losses))
        return self.model.resolve(candidates, best_candidate(candidates))

    def remember(self, features: FrameFeatures, resolved: Resolved, index: int, said: Said) -> None:
        """Memorise a frame of all rows; one that was prompted becomes an anchor."""
        memories = self._pass(
            self.model.memorise,
            features,
            resolved if said else self.mistaken(resolved, index),
            index=index,
            from_prompt=bool(said),
        )
        for memory, frame in zip(self.memories, memories, strict=True):
            memory.remember([frame], anchor=bool(said))
        self.outcomes[index] = Outcome(resolved.logits.detach(), said)

    def mistaken(self, resolved: Resolved, index: int) -> Resolved:
        """What is remembered of a tracked frame: what was predicted, or some of it."""
        if not any(self.mistakes):
            return resolved
        logits = [
            row if mistake is None else mistake(row[0], index)[None]
            for row, mistake in zip(resolved.logits, self.mistakes, strict=True)
        ]
        return replace(resolved, logits=torch.stack(logits))

    def features(self, index: int, rows: Int[Tensor, " Q"]) -> FrameFeatures:
        """The features of one frame for some rows; each clip's picture is encoded once."""
        if index not in self.encoded:
            pictures = self.clips.frames[:, index].float() / 255
            images = (pictures - self.model.mean) / self.model.std
            self.encoded[index] = self._pass(self.model.encode, images)
        every, clip = self.encoded[index], self.clip[rows]
        return FrameFeatures(every.stride16[clip], every.stride8[clip], every.stride4[clip])

    def fault(self) -> str:
        """Which loss of which frame is not finite first; for a message."""
        for judgement in self.judgements:
            for name in ("focal", "dice", "iou", "presence"):
                if not torch.isfinite(getattr(judgement.losses, name)).all():
                    return f"the {name} loss of frame {judgement.frame}"
        return "the gradient"

    def _pass(self, part: Callable[..., T], *args, **kwargs) -> T:
        """Run a part of the network."""
        if not self.checkpointing:
            return part(*args, **kwargs)
        return checkpoint(part, *args, use_reentrant=False, **kwargs)  # type: ignore[return-value]


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
