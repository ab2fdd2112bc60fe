"""Trackers that take turns: this package, the official ``sam2`` and ``transformers``.

Each is a generator that tracks one frame a turn. All get the same weights, frames and boxes. The
others need ``sam2==1.1.0`` and ``transformers`` beside this package.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from sam2track import Frame, Prompt, TrackingSession
from sam2track.device import autocast
from sam2track.model.sam2 import SAM2
from sam2track.model.weights.names import huggingface_name, to_official

CONFIGS = {
    f"sam2.1_hiera_{size}": f"configs/sam2.1/sam2.1_hiera_{short}.yaml"
    for size, short in (("tiny", "t"), ("small", "s"), ("base_plus", "b+"), ("large", "l"))
}
BOXES = ([100, 80, 300, 260], [400, 100, 600, 300], [200, 200, 500, 400], [50, 300, 250, 460])


@dataclass(frozen=True, slots=True)
class Work:
    """What is tracked, with what.

    Attributes:
        name: of the model, one of ``CONFIGS`` for the official code.
        model: with the weights, fp32; trackers take copies.
        frames: the video; the objects are boxed in its first frame.
        objects: how many.
        device: ``cpu`` or ``cuda``.
        precision: of the computation: ours by ``SAM2.lower``, the official code's by autocast,
            those of transformers by its argument ``dtype``.
        compiled: ours with ``compile_parts``, the official code with ``vos_optimized``.
    """

    name: str
    model: SAM2
    frames: list[Frame]
    objects: int
    device: str
    precision: torch.dtype = torch.float32
    compiled: bool = False

    def boxes(self) -> list[list[int]]:
        """A box xyxy for each object: up to four by hand, more in the cells of a grid."""
        if self.objects <= len(BOXES):
            return list(BOXES[: self.objects])
        side = math.ceil(self.objects**0.5)
        height, width = (length // side for length in self.frames[0].size)
        cells = [(x * width, y * height) for y in range(side) for x in range(side)]
        return [
            [x + width // 8, y + height // 8, x + width, y + height]
            for x, y in cells[: self.objects]
        ]


def ours(work: Work) -> Iterator[None]:
    """One frame a turn."""
    model = copy.deepcopy(work.model).to(work.device)
    model.lower(work.precision)
    if work.compiled:
        model.compile_parts()
    session = TrackingSession(model, length=len(work.frames))
    for number, box in enumerate(work.boxes(), 1):
        session.prompt(number, Prompt.from_box(box), work.frames[0])
    for frame in work.frames:
        session.step(frame)
        yield


def official(work: Work) -> Iterator[None]:
    """The same by PyPI's ``sam2``. It reads the whole video first, which is not timed."""
    import sam2.sam2_video_predictor
    import sam2.utils.misc
    from PIL import Image
    from sam2.build_sam import build_sam2_video_predictor

    for module in (sam2.sam2_video_predictor, sam2.utils.misc):
        module.tqdm = lambda frames, **_: frames  # its progress bars
    config = CONFIGS[work.name]
    predictor = build_sam2_video_predictor(config, device=work.device, vos_optimized=work.compiled)
    predictor.load_state_dict(to_official(work.model.state_dict()))
    predictor.fill_hole_area = 0  # needs its CUDA extension
    device = torch.device(work.device)
    with tempfile.TemporaryDirectory() as folder:
        for frame in work.frames:
            Image.fromarray(frame.image).save(f"{folder}/{frame.index:05d}.jpg", quality=95)
        with autocast(device, work.precision):
            state = predictor.init_state(folder)
    with autocast(device, work.precision):
        for number, box in enumerate(work.boxes(), 1):
            predictor.add_new_points_or_box(state, 0, number, box=np.array(box, np.float32))
    turns = predictor.propagate_in_video(state)
    while True:
        with autocast(device, work.precision):
            if next(turns, None) is None:
                return
        yield


def huggingface(work: Work) -> Iterator[None]:
    """The same by ``transformers``, for ``sam2.1_hiera_tiny``. It too prepares the whole video."""
    from transformers import (
        Sam2ImageProcessorFast,
        Sam2VideoConfig,
        Sam2VideoModel,
        Sam2VideoProcessor,
        Sam2VideoVideoProcessor,
    )

    theirs = Sam2VideoModel(Sam2VideoConfig()).eval()
    state = work.model.state_dict()
    kinds = [f"prompt_encoder.point_embeddings.{kind}.weight" for kind in range(4)]
    renamed = {huggingface_name(n): t for n, t in state.items() if n not in kinds}
    renamed["prompt_encoder.point_embed.weight"] = torch.cat([state[kind] for kind in kinds])
    missing, surplus = theirs.load_state_dict(renamed, strict=False)
    if surplus or set(missing) - {
        "no_memory_positional_encoding",
        "shared_image_embedding.positional_embedding",
    }:
        raise SystemExit(f"transformers' weights differ: {missing} {surplus}")
    theirs = theirs.to(work.device, work.precision)
    processor = Sam2VideoProcessor(Sam2ImageProcessorFast(), Sam2VideoVideoProcessor())
    session = processor.init_video_session(
        video=[frame.image for frame in work.frames],
        inference_device=work.device,
        dtype=work.precision,
    )
    processor.add_inputs_to_inference_session(
        session,
        frame_idx=0,
        obj_ids=list(range(1, work.objects + 1)),
        input_boxes=[[list(map(float, box)) for box in work.boxes()]],
    )
    for output in theirs.propagate_in_video_iterator(session, start_frame_idx=0):
        processor.post_process_masks([output.pred_masks], [list(work.frames[0].size)])
        yield


TRACKERS: dict[str, Callable[[Work], Iterator[None]]] = {
    "ours": ours,
    "sam2": official,
    "transformers": huggingface,
}


def take_turns(
    names: list[str],
    work: Work,
    timed: range,
    *,
    until: float = math.inf,
    least: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each tracker for each of the frames ``timed``, one after another on each frame.

    Args:
        until: a ``time.monotonic()`` at which it ends early, after ``least`` timed frames.
        clock: gives seconds.
    """
    turns = {name: TRACKERS[name](work) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with torch.inference_mode():
        for frame in range(timed.stop):
            if time.monotonic() > until and frame >= timed.start + least:
                break
            for name, tracker in turns.items():
                start = clock()
                next(tracker)
                if work.device.startswith("cuda"):
                    torch.cuda.synchronize()
                if frame in timed:
                    seconds[name].append(clock() - start)
    return seconds
