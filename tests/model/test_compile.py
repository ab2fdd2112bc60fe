"""Compiled, the network says the same."""

from __future__ import annotations

import pytest
import torch
from tiny import noise_frames, tiny_model

from sam2track import Prompt, TrackingSession


@pytest.mark.slow
def test_compiled_is_eager():
    frames = noise_frames(4)

    def run(model):
        session = TrackingSession(model)
        session.prompt(1, Prompt.click(20, 20), frames[0])
        return [session.step(frame) for frame in frames]

    compiled = tiny_model()
    compiled.compile_parts()
    for a, b in zip(run(compiled), run(tiny_model()), strict=True):
        torch.testing.assert_close(a.logits, b.logits, rtol=1e-3, atol=1e-3)
