"""The session owns time: frames and prompts go in, one outcome per frame comes out.

RAM and device memory do not grow with the number of frames, unless ``archive``, or a memory that
settles only at the end, asks for every frame to be kept; then they go to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from numbers import Real

import numpy as np
import torch
from jaxtyping import Bool

from ..device import model_threads
from ..memory import Archive, AutoSettings, MemoryFactory
from ..model.sam2 import SAM2
from ..moved import say_moved
from ..prompts import Prompt
from ..types import Frame, FrameOutcome, FrameResult, expect, known_ids, whole_number
from .delayed_results import DelayedResults
from .following import Follower
from .frame_encoder import FrameEncoder, same_picture
from .objects import TrackedObject
from .prompt_response import PromptAnswerer, check_prompt
from .propagation import Hypotheses, gather
from .rendering import Renderer, Rendering
from .search_window import resolved_box, zoom_of
from .workers import Workers

POINTERS = 16  # as many frames as the released weights measure pointer positions against


class TrackingSession:
    """Follows any number of objects through one video: prompt them, then step through the frames::

        session = TrackingSession(load_model("nano"))
        for frame in video:
            if frame.index == 0:
                session.prompt(1, Prompt.click(320, 240), frame)
            result = session.step(frame)

    Objects may be added, corrected and removed at any time. A prompt makes its frame an anchor of
    the object; on a frame that was tracked before, it corrects that outcome.

    :meth:`step` is :meth:`advance`, which follows the objects, and :meth:`render`. A memory with a
    lag may decide otherwise some frames later: its final outcomes come, in the order of tracking,
    from :meth:`settled` and, at the end, :meth:`flush`. :func:`sam2track.track.track` does it all.

    Args:
        model: see :func:`sam2track.load_model`.
        length: number of frames of the video, None if unknown; matters only below 16 frames.
        memory: makes each object's memory policy; None = the one that suits the model.
        archive: keep every frame's memory (on disk), so that any earlier frame can be corrected
            and tracked on from.
        rendering: how masks of the video's size are made.
        zoom: small objects are looked for in a window around their expected place: ``auto`` (as
            suits the model), ``off``, or the window's side in sides of the object's box.
        stability_delta, stability_threshold: when a mask from several clicks is so unstable that
            the best candidate replaces it (see :func:`sam2track.model.mask_decoder.clear_or_best`);
            threshold 0 = never.
        fill_hole_area: deprecated: the same in ``rendering``.
    """

    def __init__(
        self,
        model: SAM2,
        *,
        length: int | None = None,
        memory: MemoryFactory | AutoSettings | None = None,
        archive: bool = False,
        rendering: Rendering | None = None,
        zoom: float | str = "auto",
        stability_delta: float = 0.05,
        stability_threshold: float = 0.98,
        fill_hole_area: int | None = None,
    ) -> None:
        if fill_hole_area is not None:
            say_moved("fill_hole_area=", "rendering=Rendering(fill_hole_area=)")
            rendering = replace(rendering or Rendering(), fill_hole_area=fill_hole_area)
        expect(model, SAM2, "the model", 'a loaded one, such as load_model("nano")')
        memory = AutoSettings() if memory is None else memory
        if isinstance(memory, AutoSettings):
            memory = memory.of(model.variant.memory, model.variant.recent)
        expect(memory, Callable, "memory", "a policy's class, such as FifoMemory, or a partial")
        expect(rendering, Rendering | None, "rendering", "Rendering(...) or None")
        for value in (stability_delta, stability_threshold):
            expect(value, Real, "a stability", "numbers, such as 0.05 and 0.98")
        self.model = model
        length = POINTERS if length is None else whole_number(length, "length", least=1)
        self.span = min(max(length, 2), POINTERS)
        self.memory = memory
        self.archive = Archive() if archive else None
        self.workers = Workers(torch.get_num_threads() if model.small_on_cpu else 1)
        self.renderer = Renderer(rendering or Rendering(), model, self.workers)
        self.objects: dict[int, TrackedObject] = {}
        self.size: tuple[int, int] | None = None
        self.encoder = FrameEncoder(model)
        self.zoom = zoom_of(zoom, model.variant.zoom, model.variant.image_size)
        self.follower = Follower(model, self.encoder, self.workers, self.zoom)
        self.answerer = PromptAnswerer(
            model, self.encoder, self.zoom, stability_delta, stability_threshold
        )
        self.delayed = DelayedResults()
        # The last frame, direction and outcome; None if something has changed since.
        self.last: tuple[Frame, int, FrameOutcome] | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects, in the order of their first prompts."""
        return tuple(self.objects)

    @property
    def lag(self) -> int | None:
        """How many frames late outcomes are settled; None = when :meth:`flush` is called."""
        lags = [tracked.memory.lag for tracked in self.objects.values()]
        return None if None in lags else max((lag for lag in lags if lag is not None), default=0)

    @torch.inference_mode()
    def prompt(
        self, object_id: int, prompt: Prompt, frame: Frame, *, replace: bool = False
    ) -> Bool[np.ndarray, "H W"]:
        """Say where an object is on a frame; a new id adds an object.

        Prompts of one object on one frame add up: clicks to clicks and box, a mask replaces all.

        The object's mask on this frame comes back.

        Args:
            replace: the prompt replaces those before it on the frame; it still corrects the mask
                that they gave.

        Raises:
            ValueError: if the prompt does not fit the frame; nothing has changed then.
        """
        self._check_frame(frame)
        object_id = whole_number(object_id, "an object's id", least=1)
        tracked = self.objects.get(object_id)
        check_prompt(object_id, tracked, prompt, frame)
        tracked = tracked or TrackedObject(
            self.memory(span=self.span, slots=self.model.variant.slots, archive=self.archive),
            self.archive,
        )
        with model_threads(self.model.small_on_cpu):
            anchor = self.answerer.respond(tracked, prompt, frame, replace=replace)
        tracked.pending[frame.index] = anchor
        self.objects[object_id] = tracked
        self.last = None
        outcome = gather(self.model, frame.index, {object_id: anchor.resolved})
        return self.render(outcome, frame).mask(object_id)

    def unprompt(self, object_id: int, index: int) -> None:
        """Take all prompts of an object on a frame back; without any anchor left it is removed.

        Raises:
            KeyError: if there is no such object, or no prompt of it on that frame.
        """
        tracked = self._object(object_id)
        tracked.forget(index)
        self.last = None
        if not tracked.anchors and not tracked.pending:
            self.remove(object_id)

    def remove(self, object_id: int) -> None:
        """Stop following an object; KeyError if there is no such object."""
        self._object(object_id)
        del self.objects[object_id]
        self.last = None

    def step(self, frame: Frame, *, direction: int = 1) -> FrameResult:
        """:meth:`advance` onto a frame and :meth:`render` it, as things look now."""
        return self.render(self.advance(frame, direction=direction), frame)

    @torch.inference_mode()
    def advance(self, frame: Frame, *, direction: int = 1) -> FrameOutcome:
        """Follow every object onto a frame, forward (1) or back in time (-1).

        An object appears from its first anchor on. A frame that was just tracked, without a change
        since, is not tracked again.

        Raises:
            ValueError: if the frame has another size than those before, or for other directions.
        """
        if not isinstance(direction, (int, np.integer)) or direction not in (1, -1):
            raise ValueError(f"direction {direction!r}: give 1 (forward) or -1 (back in time)")
        self._check_frame(frame)
        if self.last and self.last[1] == direction and same_picture(self.last[0], frame):
            return self.last[2]
        self.encoder.drop_before(frame)
        for tracked in self.objects.values():
            tracked.commit()
        reached = {k: own for k, own in self.objects.items() if own.reached(frame.index, direction)}
        followed = {k: own for k, own in reached.items() if frame.index not in own.anchors}
        found = self.follower.follow(self.objects, followed, frame, direction)
        for k in reached.keys() - followed.keys():
            found[k] = Hypotheses(reached[k].anchors[frame.index].resolved, None)
        found = {k: found[k] for k in reached}
        shown = {k: own.resolved.rows(0, 1) for k, own in found.items()}
        for object_id, tracked in reached.items():
            tracked.keep(frame.index, shown[object_id], direction)
            if self.zoom.factor and object_id in followed:
                box = resolved_box(shown[object_id], frame.size)
                tracked.locate(frame.index, direction, box)
        self.delayed.add(frame.index, direction, found, lag=self.lag)
        outcome = gather(self.model, frame.index, shown)
        self.last = frame, direction, outcome
        return outcome

    def render(self, outcome: FrameOutcome, frame: Frame) -> FrameResult:
        """Masks of the video's size for an outcome of this frame; ValueError for another's."""
        expect(outcome, FrameOutcome, "the outcome", "what advance, settled or flush gave")
        self._check_frame(frame)
        with model_threads(self.model.small_on_cpu):
            return self.renderer.render(outcome, frame)

    def settled(self) -> Iterator[FrameOutcome]:
        """The outcomes that the last frame has made final: with a lag of 0 its own, else those of
        earlier frames. What is not taken before the next frame is dropped."""
        for index, shown in self.delayed.take():
            known = self.last[2] if self.last and self.lag == 0 else None
            yield known if known and known.index == index else gather(self.model, index, shown)

    def flush(self) -> Iterator[FrameOutcome]:
        """All outcomes that are still held back, decided as things look now: at the video's end."""
        self.delayed.settle(len(self.delayed.held))
        yield from self.settled()

    def encode_ahead(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, each encoded for :meth:`prompt` and :meth:`advance` to find.

        Another thread may go through them meanwhile, in the order of tracking.
        """
        for frame in frames:
            self._check_frame(frame)
            self.encoder.encode_ahead(frame)
            yield frame

    def encoded(self, frame: Frame) -> Frame:
        """Deprecated: :meth:`encode_ahead`, which takes any number of frames."""
        say_moved("TrackingSession.encoded", "TrackingSession.encode_ahead")
        return next(self.encode_ahead([frame]))

    def expect(self, frame: Frame | None) -> None:
        """Name the frame after the one that comes next, so that it is encoded beside it."""
        self.follower.next = frame

    def _object(self, object_id: int) -> TrackedObject:
        if object_id not in self.objects:
            raise KeyError(f"no object {object_id}; {known_ids(self.objects)}")
        return self.objects[object_id]

    def _check_frame(self, frame: Frame) -> None:
        advice = "Frame(index, picture), or Frame.from_bgr(index, picture) with OpenCV's picture"
        expect(frame, Frame, "the frame", advice)
        self.size = self.size or frame.size
        if frame.size != self.size:
            raise ValueError(
                f"frame {frame.index} is {frame.size[1]} x {frame.size[0]} pixels, but the video "
                f"began with {self.size[1]} x {self.size[0]}; resize the frames to one size"
            )
