"""The API of ``sam2.sam2_video_predictor`` on :class:`sam2track.TrackingSession`.

Frames are read when they are needed, and memories that no next frame needs lie on disk. So the
state does not grow in RAM or on the device, however long the video is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..memory import MemoryFactory
from ..model import SAM2
from ..prompts import Prompt
from ..track import TrackingSession, follow, walk
from .precision import callers_precision
from .prompts import as_mask, as_prompt
from .settings import Settings, policy_of_state
from .tracked_video import PreparedFrames, TrackedVideo, check_index, open_source
from .video_masks import Masks, Shown, full_logits, shown_of, without_overlaps

State = dict[str, Any]
ObjIds = list[Any]


class SAM2VideoPredictor(nn.Module):
    """Tracks objects through videos, by the official calls. See docs/compat.md for differences.

    Args:
        fill_hole_area: holes of up to that many low-resolution pixels are filled; 0 = none.
        non_overlap_masks: whether each pixel belongs to one object at most.
        clear_non_cond_mem_around_input, add_all_frames_to_correct_as_cond: other values than these
            have no effect.
        model: see :func:`sam2track.load_model`.
        memory: makes each object's memory policy; None = a session's own.
        stability_delta, stability_threshold: see :class:`sam2track.TrackingSession`.
        binarise: whether a mask from clicks is remembered as shown, without its logits.

    Attributes:
        keep_all_frames: whether any frame can be corrected after it was tracked. For this, 0.75 MB
            for each object and frame (at 1024 pixels) lie in a temporary file; set it to False
            before the first prompt to save this space.
    """

    keep_all_frames = True
    model: SAM2

    def __init__(
        self,
        fill_hole_area: int = 0,
        non_overlap_masks: bool = False,
        clear_non_cond_mem_around_input: bool = False,
        add_all_frames_to_correct_as_cond: bool = True,
        *,
        model: SAM2,
        memory: MemoryFactory | None = None,
        stability_delta: float = 0.05,
        stability_threshold: float = 0.98,
        binarise: bool = True,
    ) -> None:
        super().__init__()
        self.fill_hole_area, self.non_overlap_masks = fill_hole_area, non_overlap_masks
        Settings(  # warns of what has no effect
            clear_non_cond_mem_around_input=clear_non_cond_mem_around_input,
            add_all_frames_to_correct_as_cond=add_all_frames_to_correct_as_cond,
        )
        self.model, self.memory, self.binarise = model, memory, binarise
        self.stability_delta, self.stability_threshold = stability_delta, stability_threshold
        self.image_size = model.variant.image_size
        self.train(model.training)

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> SAM2VideoPredictor:
        """The predictor of a repository on the Hugging Face hub; see
        :func:`build_sam2_video_predictor_hf`."""
        from .sam2_build import build_sam2_video_predictor_hf

        return build_sam2_video_predictor_hf(model_id, **kwargs)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    def init_state(
        self,
        video_path: Any,
        offload_video_to_cpu: bool = False,
        offload_state_to_cpu: bool = False,
        async_loading_frames: bool = False,
    ) -> State:
        """Open a video; nothing of it is read yet.

        Args:
            video_path: a video file of any format, a folder of pictures, or RGB ``uint8`` arrays.
            offload_video_to_cpu, offload_state_to_cpu, async_loading_frames: have no effect.

        Returns:
            A dictionary with the official keys ``num_frames``, ``video_height``, ``video_width``,
            ``images``, ``obj_ids``, ``device``, ``storage_device`` and the two ``offload_...``.

        Raises:
            VideoError: if it cannot be opened.
        """
        source = open_source(video_path)
        return {
            "images": PreparedFrames(self.model, source),
            "num_frames": len(source),
            "offload_video_to_cpu": offload_video_to_cpu,
            "offload_state_to_cpu": offload_state_to_cpu,
            "video_height": source.size[0],
            "video_width": source.size[1],
            "device": self.device,
            "storage_device": self.device,
            "obj_ids": [],
            "tracked": None,
        }

    def add_new_points_or_box(
        self,
        inference_state: State,
        frame_idx: int,
        obj_id: Any,
        points: Any = None,
        labels: Any = None,
        clear_old_points: bool = True,
        normalize_coords: bool = True,
        box: Any = None,
    ) -> tuple[int, ObjIds, Masks]:
        """Click on an object, or draw a box around it.

        Args:
            inference_state: from :meth:`init_state`.
            frame_idx: index of the frame.
            obj_id: any number or text; a new one adds an object.
            points, labels: ``(P, 2)`` clicks ``(x, y)`` in pixels; ``(P,)``, 1 = on it, 0 = off it.
            clear_old_points: whether these replace the points before them on the frame.
            normalize_coords: False = coordinates in 0..1 of the frame.
            box: ``(x0, y0, x1, y1)`` in pixels.

        Returns:
            The frame, all objects, and their mask logits on it at the video's size, ``float32``;
            -1024 for an object of which nothing is known there.

        Raises:
            ValueError: if the prompt is incomplete or does not fit the frame.
        """
        if box is not None and not clear_old_points:
            raise ValueError(
                "a box comes before the points of its frame; give it with clear_old_points=True"
            )
        size = inference_state["video_height"], inference_state["video_width"]
        prompt = as_prompt(points, labels, box, size, in_pixels=normalize_coords)
        return self._prompt(inference_state, frame_idx, obj_id, prompt, clear_old_points)

    def add_new_points(self, *args: Any, **kwargs: Any) -> tuple[int, ObjIds, Masks]:
        """:meth:`add_new_points_or_box` under its older name."""
        return self.add_new_points_or_box(*args, **kwargs)

    def add_new_mask(
        self, inference_state: State, frame_idx: int, obj_id: Any, mask: Any
    ) -> tuple[int, ObjIds, Masks]:
        """Say by a mask ``(H, W)`` where an object is; see :meth:`add_new_points_or_box`.

        A mask that is empty or has not two dimensions is a ValueError.
        """
        size = inference_state["video_height"], inference_state["video_width"]
        prompt = Prompt.from_mask(as_mask(mask, size))
        return self._prompt(inference_state, frame_idx, obj_id, prompt, True)

    def propagate_in_video_preflight(self, inference_state: State) -> None:
        """Check that every object has a prompt; RuntimeError if not."""
        tracked: TrackedVideo | None = inference_state["tracked"]
        if tracked is None or not tracked.numbers:
            raise RuntimeError("no object has points, a box or a mask; add them first")
        for obj_id, number in tracked.numbers.items():
            if number not in tracked.session.objects:
                raise RuntimeError(f"object {obj_id} has no points, box or mask; add them first")

    def propagate_in_video(
        self,
        inference_state: State,
        start_frame_idx: int | None = None,
        max_frame_num_to_track: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[int, ObjIds, Masks]]:
        """Follow all objects through the video.

        Args:
            start_frame_idx: None = the first prompted frame.
            max_frame_num_to_track: frames after the first one; None = to the end of the video.
            reverse: back in time.

        Returns:
            An iterator over the frame's index, the objects, and their mask logits as of
            :meth:`add_new_points_or_box`.

        Raises:
            RuntimeError: as :meth:`propagate_in_video_preflight`.
            ValueError: there is no such frame; or one cannot be read, and what was tracked before
                it comes first.
        """
        self.propagate_in_video_preflight(inference_state)
        tracked: TrackedVideo = inference_state["tracked"]
        if start_frame_idx is None:
            start_frame_idx = min(min(frames) for frames in tracked.prompted.values() if frames)
        start_frame_idx = check_index(start_frame_idx, "start_frame_idx", tracked.source)
        rest = start_frame_idx if reverse else len(tracked.source) - 1 - start_frame_idx
        most = rest if max_frame_num_to_track is None else min(rest, max_frame_num_to_track)
        if most < 0 or (reverse and not start_frame_idx):
            return  # as in the official predictor
        direction = -1 if reverse else 1
        read = partial(walk, tracked.source, start_frame_idx, direction, most + 1)
        frames = follow(tracked.session, read, [], direction=direction)
        with tqdm(total=most + 1, desc="propagate in video") as bar:
            while True:
                with callers_precision(self.model):
                    frame, outcome = next(frames, (None, None))
                    if frame is None or outcome is None:
                        return
                    masks = self._masks(inference_state, shown_of(outcome))
                bar.update()
                yield frame.index, inference_state["obj_ids"], masks

    def clear_all_prompts_in_frame(
        self, inference_state: State, frame_idx: int, obj_id: Any, need_output: bool = True
    ) -> tuple[int, ObjIds, Masks] | None:
        """Take the prompts of an object on a frame back.

        Returns what :meth:`add_new_points_or_box` does, or None without ``need_output``.
        """
        tracked = self._tracked(inference_state)
        tracked.unprompt(obj_id, frame_idx)
        return self._on_frame(inference_state, frame_idx) if need_output else None

    def remove_object(
        self, inference_state: State, obj_id: Any, strict: bool = False, need_output: bool = True
    ) -> tuple[ObjIds, list[tuple[int, Masks]]]:
        """Stop following an object.

        Returns:
            The objects that are left, and for each frame on which it was prompted their masks.

        Raises:
            RuntimeError: with ``strict``, if there is no such object.
        """
        obj_ids: ObjIds = inference_state["obj_ids"]
        if obj_id not in obj_ids:
            if strict:
                raise RuntimeError(f"there is no object {obj_id}; there are: {obj_ids}")
            return obj_ids, []
        frames = self._tracked(inference_state).remove(obj_id)
        obj_ids.remove(obj_id)
        shown = frames if need_output and obj_ids else []
        return obj_ids, [(index, self._on_frame(inference_state, index)[2]) for index in shown]

    def reset_state(self, inference_state: State) -> None:
        """Remove all objects; the video stays open."""
        inference_state["obj_ids"].clear()
        inference_state["tracked"] = None

    def _prompt(
        self, state: State, index: int, obj_id: Any, prompt: Prompt, replace: bool
    ) -> tuple[int, ObjIds, Masks]:
        with callers_precision(self.model):
            self._tracked(state).prompt(obj_id, prompt, index, replace=replace)
        if obj_id not in state["obj_ids"]:
            state["obj_ids"].append(obj_id)
        return self._on_frame(state, index)

    def _tracked(self, state: State) -> TrackedVideo:
        """The video's objects; the session begins with the first prompt."""
        if state["tracked"] is None:
            source, memory = state["images"].source, policy_of_state(state) or self.memory
            make = TrackingSession if memory is None else partial(TrackingSession, memory=memory)
            session = make(
                self.model,
                length=len(source),
                archive=self.keep_all_frames,
                stability_delta=self.stability_delta,
                stability_threshold=self.stability_threshold,
            )
            session.answerer = replace(session.answerer, binarise=self.binarise)
            state["tracked"] = TrackedVideo(source, session)
        return state["tracked"]

    def _on_frame(self, state: State, index: int) -> tuple[int, ObjIds, Masks]:
        return index, state["obj_ids"], self._masks(state, self._tracked(state).shown(index))

    def _masks(self, state: State, shown: Shown) -> Masks:
        """Mask logits of all objects at the video's size."""
        numbers = list(self._tracked(state).numbers.values())
        size = state["video_height"], state["video_width"]
        masks = full_logits(self.model, shown, numbers, size, self.fill_hole_area)
        return self._apply_non_overlapping_constraints(masks) if self.non_overlap_masks else masks

    def _apply_non_overlapping_constraints(self, pred_masks: Masks) -> Masks:
        """Where objects overlap, the one with the highest logit stays. The official script for
        video object segmentation calls this."""
        return without_overlaps(pred_masks)


class SAM2VideoPredictorVOS(SAM2VideoPredictor):
    """:class:`SAM2VideoPredictor` with a compiled model; the first frames are slow."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.model.compiled:
            self.model.compile_parts()
