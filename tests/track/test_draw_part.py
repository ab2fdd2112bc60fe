"""The part of a frame that a window covers is drawn as in the whole frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import tiny_model

from sam2track import Frame, Rendering, TrackingSession
from sam2track.types import FrameOutcome

SIZE = (120, 160)


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("window", [None, (40, 20, 110, 90), (0, 0, 64, 64)])
def test_a_part_is_that_of_the_whole_frame(sharp, window):
    rng = np.random.default_rng(0)
    session = TrackingSession(tiny_model(), rendering=Rendering(sharpen=sharp, remove_specks=0.3))
    frame = Frame(0, rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
    logits = torch.from_numpy(rng.normal(-1, 2, (3, 16, 16)).astype(np.float32))
    logits = torch.nn.functional.avg_pool2d(logits[None], 3, 1, 1)[0]
    three = torch.ones(3)
    whole = session.render(
        FrameOutcome(0, (1, 2, 3), logits, three, three, (window,) * 3), frame
    ).masks.clone()
    part, (x0, y0, x1, y1) = session.renderer.draw_part(logits, window, frame)
    assert part.any()
    assert (part == whole[:, y0:y1, x0:x1]).all()
    whole[:, y0:y1, x0:x1] = False
    assert not whole.any()
