"""Answers to prompts on one frame, at once: the mask that they give, and other candidates.

A frame is encoded once, and any number of prompts are answered on it. The answer to an object's
first prompts is what tracking gives there. A correction of a tracked mask is answered without the
memory of other frames, so tracking may draw it a little differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..device import autocast, model_threads
from ..masks import encode_runs, mask_box
from ..prompts import Prompt, tokens
from ..track import TrackingSession
from ..track.objects import TrackedObject
from ..track.prompt_response import check_prompt
from ..types import Frame, FrameOutcome, Resolved, WindowBox
from .anchors import pack_prompt
from .engine import Engine
from .tracks import area_of

_WINDOWS = 24  # encoded parts of the frame that are kept


@dataclass(frozen=True, slots=True)
class Answer:
    """A mask that the model gives for prompts.

    Attributes:
        counts: COCO's compressed run lengths.
        score: predicted IoU, 0..1.
        presence: logit that the object is in the frame.
    """

    counts: str
    score: float
    presence: float


class FrameAnswers:
    """One frame, ready to be clicked on. One thread may use it at a time.

    Args:
        length: of the video, in frames.

    Raises:
        ValueError: if the engine's sessions are of another kind than :class:`TrackingSession`.
    """

    def __init__(self, engine: Engine, frame: Frame, length: int) -> None:
        session = engine.start(length=length)
        if not isinstance(session, TrackingSession):
            raise ValueError("clicks are answered by TrackingSession; use load_engine")
        self.session, self.frame = session, frame
        self._last: tuple[list[Any], TrackedObject] | None = None

    @torch.inference_mode()
    def encode(self) -> None:
        """Encode the frame now, so that the first answer need not wait for it."""
        with model_threads(self.session.model.small_on_cpu):
            self.session.encoder.features(self.frame)

    def answer(
        self,
        number: int,
        prompts: Sequence[Prompt],
        previous: Bool[np.ndarray, "H W"] | None = None,
    ) -> Answer:
        """The mask that prompts give, one after the other.

        Args:
            number: of the object, for messages.
            previous: the tracked mask that they correct.

        Raises:
            ValueError: if a prompt does not fit the frame, or the first says only where the object
                is not.
        """
        tracked = self._respond(number, prompts, previous)
        resolved = tracked.pending[self.frame.index].resolved
        return self._render(
            resolved.logits[:, 0], resolved.scores, resolved.presence[:, 0], resolved.window
        )[0]

    @torch.no_grad()
    def candidates(
        self,
        number: int,
        prompts: Sequence[Prompt],
        previous: Bool[np.ndarray, "H W"] | None = None,
    ) -> list[Answer]:
        """What else the prompts may mean: up to three masks, the largest first.

        Arguments and errors as for :meth:`answer`. A mask prompt has none.
        """
        tracked = self._respond(number, prompts, previous)
        anchor = tracked.pending[self.frame.index]
        model, window = self.session.model, anchor.resolved.window
        merged = reduce(tokens.merge_prompts, prompts)
        if merged.mask is not None:
            return []
        transform = model.transform_of(window)
        with torch.inference_mode(), model_threads(model.small_on_cpu):
            features = self.session.encoder.features(self.frame, (window,))
            given = tokens.prompt_tokens(
                merged, self.frame.size, transform=transform, device=model.device
            )
            with autocast(model.device, model.precision):
                found = model.decode_picture(features, given, multimask=True)
        presence = found.presence[0].expand(found.scores.shape[1]).float()
        masks = self._render(found.masks[0].float(), found.scores[0].float(), presence, window)
        distinct = list({own.counts: own for own in masks}.values())
        areas = {own.counts: area_of(own.counts, self.frame.size) for own in distinct}
        ordered = sorted(distinct, key=lambda own: -areas[own.counts])
        return [own for own in ordered if areas[own.counts]]

    @torch.inference_mode()
    def _respond(
        self, number: int, prompts: Sequence[Prompt], previous: np.ndarray | None
    ) -> TrackedObject:
        """The object after its prompts. Those that were answered last are not answered again."""
        session, frame = self.session, self.frame
        if len(session.encoder.known) and len(session.encoder.known[0][1]) > _WINDOWS:
            session.encoder.known.clear()
        told: list[Any] = [None if previous is None else encode_runs(previous)]
        told += [pack_prompt(prompt) for prompt in prompts]
        if self._last is not None and told[: len(self._last[0])] == self._last[0]:
            tracked, done = self._last[1], len(self._last[0]) - 1
        else:
            memory = session.memory(
                span=session.span, slots=session.model.variant.slots, archive=None
            )
            tracked, done = TrackedObject(memory, None), 0
            if previous is not None:
                tracked.last = frame.index, self._resolved(previous)
        self._last = None
        for place, prompt in enumerate(prompts[done:], done):
            known = tracked if place or previous is not None else None
            check_prompt(number, known, prompt, frame)
            with model_threads(session.model.small_on_cpu):
                anchor = session.answerer.respond(tracked, prompt, frame)
            tracked.pending[frame.index] = anchor
        self._last = told, tracked
        return tracked

    def _resolved(self, mask: np.ndarray) -> Resolved:
        """A mask of the video as what tracking decided on this frame."""
        model = self.session.model
        window = self.session.zoom.around(mask_box(mask), self.frame.size)
        transform = model.transform_of(window)
        logits = tokens.mask_logits(mask, transform=transform, device=model.device)[None]
        one = torch.ones(1, device=model.device)
        pointers = torch.zeros(1, model.variant.width, device=model.device)
        return Resolved(logits, pointers, one, one[:, None], window=window)

    def _render(
        self,
        logits: Float[Tensor, "N h w"],
        scores: Float[Tensor, " N"],
        presence: Float[Tensor, " N"],
        window: WindowBox | None,
    ) -> list[Answer]:
        """Masks at the video's size."""
        count = len(logits)
        outcome = FrameOutcome(
            self.frame.index,
            tuple(range(1, count + 1)),
            logits.clone(),
            scores.clone(),
            presence.clone(),
            (window,) * count,
        )
        drawn = self.session.render(outcome, self.frame).cpu()
        return [
            Answer(
                encode_runs(drawn.masks[row].numpy())["counts"],
                float(drawn.scores[row]),
                float(drawn.presence[row]),
            )
            for row in range(count)
        ]
