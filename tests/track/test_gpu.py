"""On a CUDA device: the same results, and a frame loop that never waits for the device."""

from __future__ import annotations

import pytest
import torch
from tiny import noise_frames, square_mask, tiny_model

from sam2track import Prompt, Rendering, TrackingSession

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def track(model, frames):
    session = TrackingSession(model)
    session.prompt(1, Prompt.click(20, 20), frames[0])
    session.prompt(2, Prompt.from_mask(square_mask()), frames[0])
    return [session.step(frame) for frame in frames]


def test_cuda_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # convolutions in real fp32
    frames = noise_frames(10)
    ours = track(tiny_model().cuda(), frames)
    for a, b in zip(ours, track(tiny_model(), frames), strict=True):
        torch.testing.assert_close(a.logits.cpu(), b.logits, rtol=1e-2, atol=1e-2)


def test_bf16_is_close():
    model = tiny_model().cuda()
    model.precision = torch.bfloat16
    frames = noise_frames(6)
    for a, b in zip(track(model, frames), track(tiny_model(), frames), strict=True):
        assert (a.masks.cpu() == b.masks).float().mean() > 0.9


def test_the_frame_loop_never_waits():
    frames = noise_frames(30)
    # Edges are fitted to the picture, and specks removed, on the host.
    on_device = Rendering(sharpen=False, remove_specks=0)
    session = TrackingSession(tiny_model().cuda(), rendering=on_device)
    session.prompt(1, Prompt.click(20, 20), frames[0])
    for frame in frames[:24]:  # until the memory is full and the steps are recorded
        session.step(frame)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for frame in frames[24:]:
            session.step(frame)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_recorded_steps_are_the_same(precision):
    frames = noise_frames(30)

    def run(graphs):
        model = tiny_model().cuda()
        model.lower(precision)
        model.cuda_graphs = graphs
        return track(model, frames)

    for a, b in zip(run(True), run(False), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_a_model_that_moved_is_recorded_again():
    model, frames = tiny_model().cuda(), noise_frames(24)
    first = track(model, frames)
    track(model.cpu(), frames[:2])
    for a, b in zip(first, track(model.cuda(), frames), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_weights_that_changed_in_place_are_seen():
    """As averaged weights do, between the scores of a training run."""
    model, frames = tiny_model().cuda(), noise_frames(24)
    track(model, frames)
    with torch.no_grad():
        for own in model.parameters():
            own.mul_(0.9)
    recorded = track(model, frames)
    model.cuda_graphs = False
    for a, b in zip(recorded, track(model, frames), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_compiled_steps_are_close():
    model, frames = tiny_model().cuda(), noise_frames(24)
    model.compile_parts()
    for a, b in zip(track(model, frames), track(tiny_model().cuda(), frames), strict=True):
        torch.testing.assert_close(a.logits, b.logits, rtol=1e-2, atol=1e-2)
