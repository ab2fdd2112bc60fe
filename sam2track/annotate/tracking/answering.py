"""Answers to prompts on one frame, at once: the mask that they give, and other candidates.

A frame is encoded once, and any number of prompts are answered on it. The answer to an object's
first prompts is what tracking gives there. So is that to a correction of a tracked mask, if the
frame was reached as tracking reaches it (``reaching.py``); else a correction sees the tracked mask
as if the user had given it, but not the memory of other frames.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...device import autocast, model_threads
from ...masks import encode_runs, mask_box
from ...prompts import Prompt, tokens
from ...track import TrackingSession
from ...track.objects import TrackedObject
from ...track.prompt_response import check_prompt
from ...types import Frame, WindowBox
from ..database import ProjectMask, pack_prompt
from ..engine import Engine
from ..recent import Recent
from ..tracks import area_of

_WINDOWS = 24  # encoded parts of the frame that are kept
_KNOWN = 32  # answers that are kept


@dataclass(frozen=True, slots=True)
class Answer:
    """A mask that the model gives for prompts.

    COCO's compressed run lengths, the predicted IoU, 0..1, and the logit that the object is in
    the frame.
    """

    counts: str
    score: float
    presence: float


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What the model is asked about an object on a frame.

    Attributes:
        number: of the object in its video, for messages.
        prompts: all of the frame, in order.
        previous: the tracked mask that they correct; None = there is none. It is not looked at if
            the object was followed onto the frame.
    """

    number: int
    prompts: tuple[Prompt, ...]
    previous: ProjectMask | None = None


class FrameAnswers:
    """One frame, ready to be clicked on. One thread may use it at a time.

    If the session has followed an object onto the frame, that is ``reached``: all prompts are about
    it then, and correct what was tracked. ValueError if the session is no :class:`TrackingSession`.
    """

    def __init__(
        self, session: object, frame: Frame, *, reached: TrackedObject | None = None
    ) -> None:
        if not isinstance(session, TrackingSession):
            raise ValueError("clicks are answered by TrackingSession; use load_engine")
        self.session, self.frame, self.reached = session, frame, reached
        self.answerer = replace(session.answerer, remember=False)
        self._last: tuple[list[str], TrackedObject] | None = None
        self._known = Recent[list[Answer]](_KNOWN)

    @classmethod
    def of(cls, engine: Engine, frame: Frame, length: int) -> FrameAnswers:
        """A frame of a video of ``length`` frames, on its own."""
        return cls(engine.start(length=length), frame)

    @torch.inference_mode()
    def encode(self) -> None:
        """Encode the frame now, so that the first answer need not wait for it."""
        with model_threads(self.session.model.small_on_cpu):
            self.session.encoder.features(self.frame)

    def answer(self, asked: Question) -> Answer:
        """The mask that prompts give, one after the other. What was asked before is not made again.

        ValueError if a prompt does not fit the frame, or the first says only where the object is
        not.
        """

        def make(tracked: TrackedObject) -> list[Answer]:
            own = tracked.pending[self.frame.index].resolved
            return self._draw(own.logits[:, 0], own.scores, own.presence[:, 0], own.window)

        (found,) = self._made("answer", asked, make)
        return found

    def candidates(self, asked: Question) -> list[Answer]:
        """What else the prompts may mean: up to three masks, the largest first.

        Errors as for :meth:`answer`. A mask prompt has none.
        """
        merged = reduce(tokens.merge_prompts, asked.prompts)
        if merged.mask is not None:
            return []

        def make(tracked: TrackedObject) -> list[Answer]:
            window = tracked.pending[self.frame.index].resolved.window
            masks = self._alternatives(merged, window)
            distinct = list({own.counts: own for own in masks}.values())
            areas = {own.counts: area_of(own.counts, self.frame.size) for own in distinct}
            ordered = sorted(distinct, key=lambda own: -areas[own.counts])
            return [own for own in ordered if areas[own.counts]]

        return self._made("candidates", asked, make)

    @torch.inference_mode()
    def _made(
        self, what: str, asked: Question, make: Callable[[TrackedObject], list[Answer]]
    ) -> list[Answer]:
        """What is made of the object after its prompts, unless it is known."""
        if self.reached is not None:
            asked = replace(asked, previous=None)
        told = ["" if asked.previous is None else asked.previous.counts]
        told += [json.dumps(pack_prompt(prompt)) for prompt in asked.prompts]
        key = json.dumps([what, told])
        known = self._known.get(key)
        if known is None:
            with model_threads(self.session.model.small_on_cpu):
                known = make(self._respond(asked, told))
        return self._known.put(key, known)

    def _respond(self, asked: Question, told: list[str]) -> TrackedObject:
        """The object after its prompts. Those that were answered last are not answered again."""
        session, frame = self.session, self.frame
        if len(session.encoder.known) and len(session.encoder.known[0][1]) > _WINDOWS:
            session.encoder.known.clear()
        if self._last is not None and told[: len(self._last[0])] == self._last[0]:
            tracked, done = self._last[1], len(self._last[0]) - 1
        else:
            tracked, done = self._begin(asked.previous), 0
        self._last = None
        for place, prompt in enumerate(asked.prompts[done:], done):
            known = tracked.pending or tracked.last or place
            check_prompt(asked.number, tracked if known else None, prompt, frame)
            tracked.pending[frame.index] = self.answerer.respond(tracked, prompt, frame)
        self._last = told, tracked
        return tracked

    def _begin(self, previous: ProjectMask | None) -> TrackedObject:
        """The object before the first prompt on this frame."""
        session = self.session
        if self.reached is not None:
            tracked = copy(self.reached)
            tracked.pending = {}
            tracked.anchors = {k: v for k, v in tracked.anchors.items() if k != self.frame.index}
            return tracked
        memory = session.memory(span=session.span, slots=session.model.variant.slots, archive=None)
        tracked = TrackedObject(memory, None)
        if previous is not None:
            mask = Prompt.from_mask(previous.pixels())
            tracked.pending[self.frame.index] = self.answerer.respond(tracked, mask, self.frame)
        return tracked

    def _alternatives(self, merged: Prompt, window: WindowBox | None) -> list[Answer]:
        """The three masks that prompts may mean, as the decoder gives them."""
        model, transform = self.session.model, self.session.model.transform_of(window)
        features = self.session.encoder.features(self.frame, (window,))
        given = tokens.prompt_tokens(
            merged, self.frame.size, transform=transform, device=model.device
        )
        with autocast(model.device, model.precision):
            found = model.decode_picture(features, given, multimask=True)
        presence = found.presence[0].expand(found.scores.shape[1]).float()
        return self._draw(found.masks[0].float(), found.scores[0].float(), presence, window)

    def _draw(
        self,
        logits: Float[Tensor, "N h w"],
        scores: Float[Tensor, " N"],
        presence: Float[Tensor, " N"],
        window: WindowBox | None,
    ) -> list[Answer]:
        """Masks of the video's size; only the part that the window covers is drawn."""
        masks, (x0, y0, x1, y1) = self.session.renderer.draw_part(logits, window, self.frame)
        found = []
        for mask, score, here in zip(masks.cpu().numpy(), scores, presence, strict=True):
            whole, box = np.zeros(self.frame.size, bool), mask_box(mask)
            whole[y0:y1, x0:x1] = mask
            if box is not None:
                box = box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0
            found.append(Answer(encode_runs(whole, box)["counts"], float(score), float(here)))
        return found
