"""The deviation of a device and a precision from the CPU in fp32."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import torch
from reference import replay
from reference.scenarios import clip
from reference.small import SMALL

from sam2track import Frame, FrameResult, Prompt, TrackingSession
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import Variant, find_variant

from .shared import CUP_CLICK, TINY_NAME, Check, Row, cup_frames, real_nano


def track(model: SAM2, frames: list[Frame], prompts: list[Prompt], **options) -> list[FrameResult]:
    """Results on the CPU, one object for each prompt on the first frame."""
    session = TrackingSession(model, length=len(frames), **options)
    for number, prompt in enumerate(prompts, 1):
        session.prompt(number, prompt, frames[0])
    return [session.step(frame).cpu() for frame in frames]


def deviation(theirs: list[FrameResult], ours: list[FrameResult]) -> Row:
    """Largest and median difference of logits where both see the object, IoU, and disagreements."""
    logits, ious, flips = [], [], 0
    for a, b in zip(theirs, ours, strict=True):
        for row in range(len(a.object_ids)):
            if bool(a.presence[row] > 0) != bool(b.presence[row] > 0):
                flips += 1
                continue
            logits.append((a.logits[row] - b.logits[row]).abs())
            union = int((a.masks[row] | b.masks[row]).sum())
            ious.append(int((a.masks[row] & b.masks[row]).sum()) / union if union else 1.0)
    seen = torch.stack(logits) if logits else torch.zeros(1)
    least, mean = (min(ious), statistics.mean(ious)) if ious else (0.0, 0.0)
    return (
        f"{seen.max():.2g}",
        f"{seen.median():.2g}",
        f"{least:.5f}",
        f"{mean:.5f}",
        f"{flips} of {flips + len(ious)}",
    )


def parity(check: Check) -> Iterator[Row]:
    """The device against the CPU in fp32, with seeded weights and with nano's own."""
    variant: Variant = SMALL["small_2.1"].variant() if check.tiny else find_variant(TINY_NAME)
    # Objects stay present: one that only one side sees would hide how far logits differ.
    bias = SMALL["small_2.1"].presence_bias if check.tiny else 8.0
    side, count = variant.image_size, 4 if check.tiny else 5
    pictures = clip(count, side, side).images
    frames = [Frame(index, picture) for index, picture in enumerate(pictures)]
    prompts = [Prompt.click(0.42 * side, 0.45 * side)]
    prompts.append(Prompt.from_box([0.55 * side, 0.12 * side, 0.93 * side, 0.55 * side]))

    def seeded(device: torch.device, precision: str) -> SAM2:
        seed = SMALL["small_2.1"].seed if check.tiny else 0
        model = replay.build(variant, seed=seed, presence_bias=bias).to(device)
        model.lower(torch.bfloat16 if precision == "bf16" else torch.float32)
        return model

    yield from _parity(check, f"{TINY_NAME}, seeded", seeded, frames, prompts)
    frames = cup_frames(4 if check.tiny else 40)
    yield from _parity(check, "nano, cup.mp4", real_nano, frames, [Prompt.click(*CUP_CLICK)])


def _parity(
    check: Check,
    name: str,
    build: Callable[[torch.device, str], SAM2],
    frames: list[Frame],
    prompts: list[Prompt],
) -> Iterator[Row]:
    expected = track(build(torch.device("cpu"), "fp32"), frames, prompts)
    kind = check.device.type
    cases = [(f"{kind} fp32", "fp32", True), (f"{kind} bf16", "bf16", True)]
    if kind == "cuda":
        cases.insert(0, ("cuda fp32, no TF32 in convolutions", "fp32", False))
    for case, precision, tf32 in cases:
        before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, tf32
        try:
            found = track(build(check.device, precision), frames, prompts)
        finally:
            torch.backends.cudnn.allow_tf32 = before
        yield name, case, len(frames), *deviation(expected, found)
