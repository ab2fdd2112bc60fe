"""In bf16 our masks are not further from fp32 than those of the official code under autocast."""

from __future__ import annotations

import pytest
import torch

from reference.lowered import deviation, shown, theirs
from reference.replay import build, play
from reference.small import Small

pytestmark = pytest.mark.reference


def ours(small: Small, name: str, lowered: bool):
    model = build(small.variant(), seed=small.seed, presence_bias=small.presence_bias)
    if lowered:
        model.lower(torch.bfloat16)
    return play(model, *shown(small, name))


def test_bf16_is_as_close_to_fp32_as_the_official_code():
    mine, official = deviation(ours), theirs()
    assert mine["iou"] >= official["iou"]
    assert mine["logits"] <= official["logits"]
