"""TRACK: the session owns time.

Frames and prompts enter, one result a frame leaves. RAM and device memory do not grow with the
number of frames, unless ``archive`` asks for every frame to be kept, and then they go to disk.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from jaxtyping import Bool

from ..device import autocast
from ..memory import Archive, FifoMemory, MemoryFactory, best_candidate
from ..model.sam2 import SAM2
from ..types import (
    Candidates,
    Choice,
    Frame,
    FrameFeatures,
    FrameResult,
    Prompt,
    Recall,
    Resolved,
)
from .objects import Anchor, TrackedObject
from .postprocess import fill_holes, to_video
from .prompts import check_prompt, mask_prompt, merge_prompts, prompt_tokens

POINTERS = 16  # as many frames as the released weights measure pointer positions against


class TrackingSession:
    """Follows any number of objects through one video.

    Prompt an object on any frame, then step through the frames::

        session = TrackingSession(load_model("nano"))
        for frame in video:
            if frame.index == 0:
                session.prompt(1, Prompt.click(320, 240), frame)
            result = session.step(frame)

    Objects may be added, corrected and removed at any time. A prompt makes its frame an anchor of
    the object; on a frame that was tracked before, it corrects that outcome.

    Args:
        model: see :func:`sam2track.load_model`.
        length: number of frames of the video, None if unknown. Matters only below 16 frames: the
            released weights measure time against it.
        memory: makes each object's memory policy.
        archive: keep every frame's memory (on disk), so that any earlier frame can be corrected
            and tracked on from.
        fill_hole_area: fill holes of up to that many low-resolution pixels in the output; 0 = off.
        stability_delta, stability_threshold: when a mask from several clicks is so unstable that
            the best candidate replaces it (see :func:`sam2track.model.mask_decoder.clear_or_best`);
            threshold 0 = never.
    """

    def __init__(
        self,
        model: SAM2,
        *,
        length: int | None = None,
        memory: MemoryFactory = FifoMemory,
        archive: bool = False,
        fill_hole_area: int = 8,
        stability_delta: float = 0.05,
        stability_threshold: float = 0.98,
    ) -> None:
        self.model = model
        self.span = POINTERS if length is None else min(max(length, 2), POINTERS)
        self.memory = memory
        self.archive = Archive() if archive else None
        self.fill_hole_area = fill_hole_area
        self.stability = {
            "stability_delta": stability_delta,
            "stability_threshold": stability_threshold,
        }
        self.objects: dict[int, TrackedObject] = {}
        self.size: tuple[int, int] | None = None
        self.seen: tuple[Frame, FrameFeatures] | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order in which they were first prompted."""
        return tuple(self.objects)

    @torch.inference_mode()
    def prompt(self, object_id: int, prompt: Prompt, frame: Frame) -> Bool[np.ndarray, "H W"]:
        """Say where an object is on a frame; a new id adds an object.

        Prompts of one object on one frame add up: clicks to clicks and box, a mask replaces all.

        Returns:
            The object's mask on this frame.

        Raises:
            ValueError: if the prompt does not fit the frame; nothing has changed then.
        """
        self._check_frame(frame)
        if object_id < 1:
            raise ValueError(f"object id {object_id} is not allowed; ids are whole numbers from 1")
        check_prompt(prompt, frame.size)
        tracked = self.objects.get(object_id) or TrackedObject(
            self.memory(span=self.span, archive=self.archive), self.archive
        )
        earlier = tracked.anchor(frame.index)
        prompt = merge_prompts(earlier.prompt if earlier else None, prompt)
        with autocast(self.model.device, self.model.precision):
            features = self._features(frame)
            resolved = self._resolve_prompt(tracked, prompt, frame, features)
            memories = self.model.memorise(
                features,
                resolved,
                index=frame.index,
                from_prompt=torch.ones(1, dtype=torch.bool, device=self.model.device),
            )
        tracked.pending[frame.index] = Anchor(prompt, resolved, memories)
        self.objects[object_id] = tracked
        return self._result(frame, {object_id: resolved}).mask(object_id)

    def unprompt(self, object_id: int, index: int) -> None:
        """Take all prompts of an object on a frame back; without any anchor left it is removed.

        Raises:
            KeyError: if there is no such object, or no prompt of it on that frame.
        """
        tracked = self.objects[object_id]
        if tracked.anchor(index) is None:
            raise KeyError(f"object {object_id} has no prompt on frame {index}")
        tracked.pending.pop(index, None)
        if tracked.anchors.pop(index, None):
            tracked.memory.forget(index)
        tracked.tracked.pop(index, None)
        if not tracked.anchors and not tracked.pending:
            self.remove(object_id)

    def remove(self, object_id: int) -> None:
        """Stop following an object.

        Raises:
            KeyError: if there is no such object.
        """
        del self.objects[object_id]

    @torch.inference_mode()
    def step(self, frame: Frame, *, direction: int = 1) -> FrameResult:
        """Follow every object onto a frame, forward (1) or back in time (-1).

        An object appears in the results from its first anchor on, in the direction of tracking.

        Raises:
            ValueError: if the frame has another size than the ones before.
        """
        self._check_frame(frame)
        for tracked in self.objects.values():
            tracked.commit()
        reached = {
            object_id: tracked
            for object_id, tracked in self.objects.items()
            if tracked.reached(frame.index, direction)
        }
        outcomes: dict[int, Resolved] = {}
        with autocast(self.model.device, self.model.precision):
            for batch in self._batches(reached, frame.index, direction):
                outcomes |= self._follow(batch, frame)
        for object_id, tracked in reached.items():
            anchor = tracked.anchors.get(frame.index)
            if anchor is not None:
                outcomes[object_id] = anchor.resolved
            tracked.keep(frame.index, outcomes[object_id], direction)
        return self._result(frame, {object_id: outcomes[object_id] for object_id in reached})

    def _batches(
        self, reached: dict[int, TrackedObject], index: int, direction: int
    ) -> list[dict[int, list[Recall]]]:
        """The objects to follow, with their recalls, those that recall alike together."""
        batches: dict[tuple[int, ...], dict[int, list[Recall]]] = defaultdict(dict)
        most = self.model.rows_at_once or len(reached)
        for place, (object_id, tracked) in enumerate(reached.items()):
            if index not in tracked.anchors:
                recalls = tracked.memory.recall(index, direction)
                batches[(*recalls[0].shape, place // most)][object_id] = recalls
        return list(batches.values())

    def _follow(self, batch: dict[int, list[Recall]], frame: Frame) -> dict[int, Resolved]:
        """One pass of the network over all rows of a batch: attend, decode, choose, memorise."""
        features = self._features(frame)
        recalls = [recall for recalls in batch.values() for recall in recalls]
        conditioned = self.model.attend(features, recalls)
        candidates = self.model.decode(conditioned, features, **self.stability)
        choices, start = [], 0
        for object_id, own in batch.items():
            choice = self.objects[object_id].memory.choose(candidates.rows(start, start + len(own)))
            choices.append(Choice(choice.parents + start, choice.picks))
            start += len(own)
        rows = torch.cat([choice.parents for choice in choices])
        resolved = self.model.resolve(
            candidates, Choice(rows, torch.cat([choice.picks for choice in choices]))
        )
        memories = self.model.memorise(
            features,
            resolved,
            index=frame.index,
            from_prompt=torch.zeros(len(rows), dtype=torch.bool, device=rows.device),
        )
        outcomes, start = {}, 0
        for object_id, choice in zip(batch, choices, strict=True):
            stop = start + len(choice.parents)
            self.objects[object_id].memory.remember(memories[start:stop], anchor=False)
            outcomes[object_id] = resolved.row(start)
            start = stop
        return outcomes

    def _resolve_prompt(
        self, tracked: TrackedObject, prompt: Prompt, frame: Frame, features: FrameFeatures
    ) -> Resolved:
        """The outcome of a prompt. Memory is attended to only where the frame was tracked before:
        then the prompt corrects, else it stands for itself."""
        image_size, device = self.model.variant.image_size, self.model.device
        if prompt.mask is not None:
            mask = mask_prompt(prompt.mask, image_size=image_size, device=device)
            return self.model.adopt(features, mask)
        direction = tracked.tracked.get(frame.index)
        if direction is None:
            recalls = [Recall((), (), (), ())]
        else:
            recalls = tracked.memory.recall(frame.index, direction)[:1]
        tokens = prompt_tokens(
            prompt,
            frame.size,
            image_size=image_size,
            device=device,
            previous=tracked.outcome(frame.index, device),
        )
        conditioned = self.model.attend(features, recalls)
        candidates: Candidates = self.model.decode(conditioned, features, tokens, **self.stability)
        return self.model.resolve(candidates, best_candidate(candidates))

    def _result(self, frame: Frame, outcomes: dict[int, Resolved]) -> FrameResult:
        """Logits as masks of the video's size."""
        side, device = self.model.variant.grid * 4, self.model.device
        if not outcomes:
            nothing = torch.zeros(0, device=device)
            masks = torch.zeros(0, *frame.size, dtype=torch.bool, device=device)
            owner = torch.full(frame.size, -1, dtype=torch.int16, device=device)
            logits = torch.zeros(0, side, side, device=device)
            return FrameResult(frame.index, (), masks, owner, nothing, nothing, logits)
        rows = list(outcomes.values())
        logits = torch.cat([row.logits for row in rows])[:, 0]
        masks, owner = to_video(fill_holes(logits, self.fill_hole_area), frame.size)
        return FrameResult(
            frame.index,
            tuple(outcomes),
            masks,
            owner,
            torch.cat([row.scores for row in rows]),
            torch.cat([row.presence for row in rows])[:, 0],
            logits,
        )

    def _features(self, frame: Frame) -> FrameFeatures:
        """The frame's features; those of the last frame are at hand."""
        if self.seen is not None and self.seen[0].index == frame.index:
            earlier = self.seen[0].image
            if earlier is frame.image or np.array_equal(earlier, frame.image):
                return self.seen[1]
        image = torch.from_numpy(np.ascontiguousarray(frame.image))
        if self.model.device.type == "cuda":
            image = image.pin_memory()
        features = self.model.encode(self.model.prepare(image))
        self.seen = frame, features
        return features

    def _check_frame(self, frame: Frame) -> None:
        image = frame.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"frame {frame.index} is {image.dtype} of shape {image.shape}; "
                "give RGB as uint8 of shape (height, width, 3)"
            )
        self.size = self.size or frame.size
        if frame.size != self.size:
            raise ValueError(
                f"frame {frame.index} is {frame.size[1]} x {frame.size[0]} pixels, but the video "
                f"began with {self.size[1]} x {self.size[0]}; resize the frames to one size"
            )
