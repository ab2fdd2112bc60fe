"""TRACK: the session owns time.

Frames and prompts enter, one result a frame leaves. RAM and device memory do not grow with the
number of frames, unless ``archive``, or a memory that settles only at the end, asks for every frame
to be kept, and then they go to disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from ..device import autocast
from ..masks.guided_filter import sharpen
from ..masks.holes import fill_holes
from ..masks.upscaling import Drawn, joined, to_video
from ..memory import Archive, FifoMemory, MemoryFactory, best_candidate
from ..model.sam2 import SAM2
from ..prompts.tokens import check_prompt, mask_prompt, merge_prompts, prompt_tokens
from ..types import Frame, FrameFeatures, FrameResult, Prompt, Recall, Resolved, known_ids
from .delayed_results import Branches, LateResults
from .objects import Anchor, TrackedObject
from .propagation import Follower

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

    :meth:`step` shows a frame as things look now. A memory with a lag (see :attr:`lag`) may think
    better of it some frames later; what it settles for is had, in the order of tracking, from
    :meth:`settled` after every step and from :meth:`flush` at the end. That works with any memory::

        for frame in video:
            session.step(frame)
            for result in session.settled():
                ...
        for result in session.flush():
            ...

    Args:
        model: see :func:`sam2track.load_model`.
        length: number of frames of the video, None if unknown. Matters only below 16 frames: the
            released weights measure time against it.
        memory: makes each object's memory policy.
        archive: keep every frame's memory (on disk), so that any earlier frame can be corrected
            and tracked on from.
        fill_hole_area: fill holes of up to that many low-resolution pixels in the output; 0 = off.
        sharpen: whether the output's edges are fitted to the picture's (see
            :func:`sam2track.masks.guided_filter.sharpen`); None = as suits the model: nano's masks are
            coarse and gain by it.
        stability_delta, stability_threshold: when a mask from several clicks is so unstable that
            the best candidate replaces it (see :func:`sam2track.model.mask_decoder.clear_or_best`);
            threshold 0 = never.
        workers: how many threads the objects are shared out among, the caller's included. Meant
            for a small model on a CPU, whose operations are too short to be shared out between
            cores one by one; give PyTorch fewer threads then (:func:`torch.set_num_threads`).
    """

    def __init__(
        self,
        model: SAM2,
        *,
        length: int | None = None,
        memory: MemoryFactory = FifoMemory,
        archive: bool = False,
        fill_hole_area: int = 8,
        sharpen: bool | None = None,
        stability_delta: float = 0.05,
        stability_threshold: float = 0.98,
        workers: int = 1,
    ) -> None:
        self.model = model
        self.follower = Follower(model, workers)
        self.span = POINTERS if length is None else min(max(length, 2), POINTERS)
        self.memory = memory
        self.archive = Archive() if archive else None
        self.fill_hole_area = fill_hole_area
        self.sharpen = model.variant.coarse if sharpen is None else sharpen
        self.stability_delta = stability_delta
        self.stability_threshold = stability_threshold
        self.objects: dict[int, TrackedObject] = {}
        self.size: tuple[int, int] | None = None
        self.seen: tuple[Frame, FrameFeatures] | None = None
        self.late = LateResults()
        self.shown: FrameResult | None = None  # what the last step returned

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order in which they were first prompted."""
        return tuple(self.objects)

    @property
    def lag(self) -> int | None:
        """How many frames late results are settled; None = when :meth:`flush` is called."""
        lags = [tracked.memory.lag for tracked in self.objects.values()]
        return None if None in lags else max((lag for lag in lags if lag is not None), default=0)

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
            self.memory(span=self.span, slots=self.model.variant.slots, archive=self.archive),
            self.archive,
        )
        earlier = tracked.anchor(frame.index)
        prompt = merge_prompts(earlier.prompt if earlier else None, prompt)
        with autocast(self.model.device, self.model.precision):
            features = self._features(frame)
            resolved = self._resolve_prompt(tracked, prompt, frame, features)
            memories = self.model.memorise(features, resolved, index=frame.index, from_prompt=True)
        tracked.pending[frame.index] = Anchor(prompt, resolved, memories)
        self.objects[object_id] = tracked
        result = self._result(frame.index, {object_id: resolved}, frame.image)
        return result.mask(object_id)

    def unprompt(self, object_id: int, index: int) -> None:
        """Take all prompts of an object on a frame back; without any anchor left it is removed.

        Raises:
            KeyError: if there is no such object, or no prompt of it on that frame.
        """
        tracked = self._object(object_id)
        if tracked.anchor(index) is None:
            frames = ", ".join(str(frame) for frame in sorted({*tracked.anchors, *tracked.pending}))
            raise KeyError(
                f"object {object_id} has no prompt on frame {index}; it has on: {frames}"
            )
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
        self._object(object_id)
        del self.objects[object_id]

    def _object(self, object_id: int) -> TrackedObject:
        if object_id not in self.objects:
            raise KeyError(f"no object {object_id}; {known_ids(self.objects)}")
        return self.objects[object_id]

    @torch.inference_mode()
    def step(self, frame: Frame, *, direction: int = 1) -> FrameResult:
        """Follow every object onto a frame, forward (1) or back in time (-1).

        An object appears in the results from its first anchor on, in the direction of tracking.

        Raises:
            ValueError: if the frame has another size than the ones before, or if ``direction`` is
                neither 1 nor -1.
        """
        if direction not in (1, -1):
            raise ValueError(f"direction {direction}: give 1 (forward) or -1 (back in time)")
        self._check_frame(frame)
        for tracked in self.objects.values():
            tracked.commit()
        reached = {
            object_id: tracked
            for object_id, tracked in self.objects.items()
            if tracked.reached(frame.index, direction)
        }
        followed = {
            object_id: tracked
            for object_id, tracked in reached.items()
            if frame.index not in tracked.anchors
        }
        branches: dict[int, Branches] = {}
        if followed:
            with autocast(self.model.device, self.model.precision):
                features = self._features(frame)
            branches = self.follower.follow(followed, features, frame.index, direction)
        for object_id, tracked in reached.items():
            if object_id not in followed:
                branches[object_id] = Branches(tracked.anchors[frame.index].resolved, None)
        branches = {object_id: branches[object_id] for object_id in reached}
        shown = {object_id: own.resolved.rows(0, 1) for object_id, own in branches.items()}
        for object_id, tracked in reached.items():
            tracked.keep(frame.index, shown[object_id], direction)
        self.late.add(frame, direction, branches, lag=self.lag)
        self.shown = self._result(frame.index, shown, frame.image)
        return self.shown

    def settled(self) -> Iterator[FrameResult]:
        """The results that the last step has made final: with a lag of 0 its own, else those of
        earlier frames. What is not taken before the next step is dropped."""
        return self._settled(iter(()))

    def flush(self, frames: Iterable[Frame] = ()) -> Iterator[FrameResult]:
        """All results that are still held back, decided as things look now: at the video's end.

        Args:
            frames: those that were tracked, once more and in that order. Only for a memory that
                settles everything at the end, whose frames are not kept, and only for masks to be
                sharpened.

        Raises:
            ValueError: if they come in another order.
        """
        self.late.settle(len(self.late.held))
        yield from self._settled(iter(frames))

    @torch.inference_mode()
    def _settled(self, again: Iterator[Frame]) -> Iterator[FrameResult]:
        for index, picture, outcomes in self.late.take(self.model.device):
            if self.lag == 0 and self.shown is not None and index == self.shown.index:
                yield self.shown  # it is not made twice
                continue
            if picture is None and (frame := next(again, None)) is not None:
                if frame.index != index:
                    raise ValueError(f"flush: frame {frame.index} came where {index} was tracked")
                picture = frame.image
            yield self._result(index, outcomes, picture)

    def _resolve_prompt(
        self, tracked: TrackedObject, prompt: Prompt, frame: Frame, features: FrameFeatures
    ) -> Resolved:
        """The outcome of a prompt. Memory is attended to only where the frame was tracked before:
        then the prompt corrects, else it stands for itself."""
        transform, device = self.model.transform, self.model.device
        if prompt.mask is not None:
            mask = mask_prompt(prompt.mask, transform=transform, device=device)
            return self.model.adopt(features, mask)
        direction = tracked.tracked.get(frame.index)
        if direction is None:
            recalls = [Recall((), (), (), ())]
        else:
            recalls = tracked.memory.recall(frame.index, direction)[:1]
        tokens = prompt_tokens(
            prompt,
            frame.size,
            transform=transform,
            device=device,
            previous=tracked.outcome(frame.index, device),
        )
        conditioned = self.model.attend(features, recalls)
        candidates = self.model.decode(
            conditioned,
            features,
            tokens,
            stability_delta=self.stability_delta,
            stability_threshold=self.stability_threshold,
        )
        return self.model.resolve(candidates, best_candidate(candidates))

    def _result(
        self,
        index: int,
        outcomes: dict[int, Resolved],
        picture: UInt8[np.ndarray, "H W 3"] | None,
    ) -> FrameResult:
        """Logits as masks of the video's size."""
        side, device = self.model.variant.grid * 4, self.model.device
        assert self.size is not None  # a frame was seen
        if not outcomes:
            nothing = torch.zeros(0, device=device)
            masks = torch.zeros(0, *self.size, dtype=torch.bool, device=device)
            owner = torch.full(self.size, -1, dtype=torch.int16, device=device)
            logits = torch.zeros(0, side, side, device=device)
            return FrameResult(index, (), masks, owner, nothing, nothing, logits)
        rows = list(outcomes.values())
        logits = torch.cat([row.logits for row in rows])[:, 0]
        shares = logits.chunk(self.follower.workers)
        drawn = joined(self.follower.share_out(partial(self._draw, picture=picture), shares))
        return FrameResult(
            index,
            tuple(outcomes),
            drawn.masks,
            drawn.owner,
            torch.cat([row.scores for row in rows]),
            torch.cat([row.presence for row in rows])[:, 0],
            logits,
        )

    @torch.inference_mode()
    def _draw(
        self, logits: Float[Tensor, "N h w"], *, picture: UInt8[np.ndarray, "H W 3"] | None
    ) -> Drawn:
        assert self.size is not None  # a frame was seen
        logits = self.model.transform.to_frame(logits, self.size)
        filled = fill_holes(logits, self.fill_hole_area)
        if self.sharpen and picture is not None:
            return sharpen(filled, picture)
        return to_video(filled, self.size)

    @torch.inference_mode()
    def encoded(self, frame: Frame) -> Frame:
        """The frame with its features, for :meth:`prompt` and :meth:`step` of this model to use.

        Any thread may call this while another tracks, so that the next frame is encoded meanwhile.

        Raises:
            ValueError: if the frame has another size than the ones before.
        """
        self._check_frame(frame)
        with autocast(self.model.device, self.model.precision):
            return replace(frame, features=self._encode(frame))

    def _features(self, frame: Frame) -> FrameFeatures:
        """The frame's features: it may bring them, and those of the last frame are at hand."""
        if frame.features is not None:
            return frame.features
        if self.seen is not None and self.seen[0].index == frame.index:
            earlier = self.seen[0].image
            if earlier is frame.image or np.array_equal(earlier, frame.image):
                return self.seen[1]
        features = self._encode(frame)
        self.seen = frame, features
        return features

    def _encode(self, frame: Frame) -> FrameFeatures:
        image = torch.from_numpy(np.ascontiguousarray(frame.image))
        if self.model.device.type == "cuda":
            image = image.pin_memory()
        return self.model.encode(self.model.prepare(image))

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
