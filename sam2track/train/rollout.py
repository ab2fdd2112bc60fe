"""Tracking of training clips: the same network and memory as in inference, with losses.

A batch of clips goes in, the losses of every step of the interaction come out (SAM 2, 2408.00714,
appendix D.2.2). One row is one object of one clip. All rows go through the frames together: first
the anchors, each prompted without memory, then every other frame in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..memory import FifoMemory, best_candidate
from ..model.sam2 import SAM2
from ..prompts.simulated_user import (
    PROMPTS,
    PromptMix,
    PromptPlan,
    corrected_tokens,
    first_tokens,
)
from ..types import FrameFeatures, PromptTokens, Recall, Resolved
from .losses import LOSS_TERMS, Losses, mask_iou, prediction_losses
from .memory_noise import Mistake, put_mistakes

NO_MEMORY = Recall((), (), (), ())
T = TypeVar("T")
GivenPrompts = tuple[tuple[Int[Tensor, " Q"], PromptTokens | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """A batch of clips."""

    frames: UInt8[Tensor, "B T 3 S S"]  # RGB
    masks: Bool[Tensor, "B T K S S"]  # the visible part of each object
    valid: Bool[Tensor, "B K"]  # which of the K channels hold an object; each is visible in frame 0


@dataclass(frozen=True, slots=True, eq=False)
class FramePrediction:
    """The last prediction for one frame, for pictures."""

    logits: Float[Tensor, "R 1 _ _"]  # mask logits at stride 4
    prompts: GivenPrompts  # which rows were prompted, and how; None = by their mask


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """The settings of a rollout.

    Attributes:
        mix: which prompts the simulated user gives.
        stride: at which masks are compared, see :func:`sam2track.train.losses.prediction_losses`.
        checkpointing: keep the inputs of each part of the network instead of all activations, and
            compute these again for the gradient: a third more time, much less memory.
        memory_noise: fraction of the rows whose memories get mistakes, see
            :mod:`sam2track.train.memory_noise`.
    """

    mix: PromptMix = field(default_factory=PromptMix)
    stride: int = 2
    checkpointing: bool = False
    memory_noise: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Some rows on one frame, with the decoder's inputs except prompts."""

    index: int
    truth: Bool[Tensor, "Q S S"]
    generators: list[np.random.Generator]
    features: FrameFeatures
    conditioned: Float[Tensor, "Q C h w"]


class Rollout:
    """One pass over a batch of clips.

    Args:
        model: in training mode, or not.
        clips: on the model's device.
        options: the settings.
        seed: of all random choices: of the run, then of the step.
        first: the index of the first clip among all clips of the step. What is drawn for a row
            depends on ``seed``, the index of its clip and its object alone.

    Attributes:
        losses: of each step of the interaction, with its frame; of the rows that took part.
        ious: of every tracked frame, before it is corrected.
        prompted_ious: of anchors by box or click, after corrections.
        predictions: by frame.
    """

    def __init__(
        self,
        model: SAM2,
        clips: Clips,
        options: RolloutOptions,
        *,
        seed: Sequence[int],
        first: int = 0,
    ) -> None:
        self.model, self.clips, self.options = model, clips, options
        mix = options.mix
        self.clip, self.object = clips.valid.nonzero(as_tuple=True)  # (R,)
        self.truth = clips.masks.transpose(1, 2)[self.clip, self.object]  # (R, T, S, S)
        self.rows = torch.arange(len(self.clip), device=self.clip.device)
        self.length = clips.frames.shape[1]
        self.plan = PromptPlan.draw(mix, self.length, np.random.default_rng((*seed, 0, 0)))
        self.generators = [
            np.random.default_rng((*seed, 1 + first + clip, index))
            for clip, index in zip(self.clip.tolist(), self.object.tolist(), strict=True)
        ]
        chances = [getattr(mix, kind) for kind in PROMPTS]
        kinds = [int(random.choice(len(PROMPTS), p=chances)) for random in self.generators]
        self.kinds = torch.tensor(kinds, dtype=torch.long, device=self.clip.device)
        noise = options.memory_noise
        self.mistakes = [
            Mistake.draw(noise, self.length, random) if noise else None
            for random in self.generators
        ]
        self.encoded: dict[int, FrameFeatures] = {}
        self.memories = [FifoMemory(slots=model.variant.slots) for _ in self.generators]
        self.losses: list[tuple[int, Losses]] = []
        self.ious: list[Float[Tensor, " R"]] = []
        self.prompted_ious: list[Float[Tensor, " Q"]] = []
        self.predictions: dict[int, FramePrediction] = {}

    def run(self) -> Float[Tensor, ""]:
        """Go through the clip; the sum of the losses over rows and steps (0 without rows)."""
        if len(self.rows):
            for index in self.plan.anchors:
                self.prompt_anchor(index)
            for index in range(self.length):
                if index not in self.plan.anchors:
                    self.track(index)
        totals = [losses.total().sum() for _, losses in self.losses]
        return torch.stack(totals).sum() if totals else torch.zeros((), device=self.rows.device)

    def prompt_anchor(self, index: int) -> None:
        """Prompt every row on an anchor without memory, and correct predictions from prompts."""
        truth = self.truth[:, index]
        # An absent object cannot be boxed or clicked; it gets an empty mask.
        kinds = torch.where(truth.flatten(1).any(1), self.kinds, 0)
        resolved, given = [], []
        for kind, name in enumerate(PROMPTS):
            rows = (kinds == kind).nonzero()[:, 0]
            if not len(rows):
                continue
            if name == "mask":
                features, prompts = self.features(index, rows), None
                prediction = self._run_part(self.model.adopt, features, truth[rows, None])
            else:
                some = self._rows(index, rows, [NO_MEMORY] * len(rows))
                prompts = first_tokens(name, some.truth, some.generators, self.options.mix)
                prediction = self.predict(some, prompts)
                if index in self.plan.corrected:
                    prediction, prompts = self.correct(some, prediction, prompts)
                self.prompted_ious.append(_iou(prediction, some.truth))
            resolved.append(prediction)
            given.append((rows, prompts))
        back = torch.cat([rows for rows, _ in given]).argsort()
        tensors = (
            torch.cat([getattr(part, name) for part in resolved])[back]
            for name in ("logits", "pointers", "scores", "presence")
        )
        self.memorise(self.features(index, self.rows), Resolved(*tensors), index, tuple(given))

    def track(self, index: int) -> None:
        """Track every row onto a frame, and correct it there if the plan says so."""
        rows = self._rows(index, self.rows, [m.recall(index, 1)[0] for m in self.memories])
        prediction = self.predict(rows, None)
        self.ious.append(_iou(prediction, rows.truth))
        given: GivenPrompts = ()
        if index in self.plan.corrected and self.options.mix.clicks:
            prediction, prompts = self.correct(rows, prediction, None)
            given = ((self.rows, prompts),)
        self.memorise(rows.features, prediction, index, given)

    def _rows(self, index: int, rows: Int[Tensor, " Q"], recalls: list[Recall]) -> _Rows:
        """Rows on a frame, after memory attention."""
        features = self.features(index, rows)
        conditioned = self._run_part(self.model.attend, features, recalls)
        generators = [self.generators[row] for row in rows.tolist()]
        return _Rows(index, self.truth[rows, index], generators, features, conditioned)

    def correct(
        self, rows: _Rows, prediction: Resolved, prompts: PromptTokens | None
    ) -> tuple[Resolved, PromptTokens | None]:
        """Click where the mask is wrong, several times; each mask is input to the next pass."""
        mix = self.options.mix
        for _ in range(mix.clicks):
            logits = prediction.logits
            prompts = corrected_tokens(prompts, logits, rows.truth, rows.generators, mix)
            prediction = self.predict(rows, prompts)
        return prediction, prompts

    def predict(self, rows: _Rows, prompts: PromptTokens | None) -> Resolved:
        """Decode, compute the losses, and choose the best candidate."""
        candidates = self._run_part(self.model.decode, rows.conditioned, rows.features, prompts)
        stride = self.options.stride
        losses = self._run_part(prediction_losses, candidates, rows.truth, stride=stride)
        self.losses.append((rows.index, losses))
        return self.model.resolve(candidates, best_candidate(candidates))

    def memorise(
        self, features: FrameFeatures, resolved: Resolved, index: int, given: GivenPrompts
    ) -> None:
        """Memorise a frame of all rows; one that was prompted becomes an anchor."""
        memorised = resolved if given else self._with_mistakes(resolved, index)
        memories = self._run_part(
            self.model.memorise, features, memorised, index=index, from_prompt=bool(given)
        )
        for memory, frame in zip(self.memories, memories, strict=True):
            memory.remember([frame], anchor=bool(given))
        self.predictions[index] = FramePrediction(resolved.logits.detach(), given)

    def _with_mistakes(self, resolved: Resolved, index: int) -> Resolved:
        """The prediction for a tracked frame, with the mistakes that are memorised."""
        logits = put_mistakes(resolved.logits[:, 0], self.mistakes, index)
        return replace(resolved, logits=logits[:, None])

    def features(self, index: int, rows: Int[Tensor, " Q"]) -> FrameFeatures:
        """The features of one frame for some rows; each clip's picture is encoded once."""
        if index not in self.encoded:
            pictures = self.clips.frames[:, index].float() / 255
            images = (pictures - self.model.mean) / self.model.std
            self.encoded[index] = self._run_part(self.model.encode, images)
        return self.encoded[index].images(self.clip[rows])

    def first_fault(self) -> str:
        """The first loss that is not finite, with its frame; for a message."""
        for frame, losses in self.losses:
            for term in LOSS_TERMS:
                if not torch.isfinite(getattr(losses, term)).all():
                    return f"the {term} loss of frame {frame}"
        return "the gradient"

    def _run_part(self, part: Callable[..., T], *args, **kwargs) -> T:
        """Run a part of the network; with checkpointing only its inputs are kept."""
        if not self.options.checkpointing:
            return part(*args, **kwargs)
        return checkpoint(part, *args, use_reentrant=False, **kwargs)  # type: ignore[return-value]


def _iou(prediction: Resolved, truth: Bool[Tensor, "R S S"]) -> Float[Tensor, " R"]:
    """IoU at the size of the truth."""
    logits = F.interpolate(prediction.logits.detach(), truth.shape[-2:], mode="bilinear")
    return mask_iou(logits[:, 0], truth.float())
