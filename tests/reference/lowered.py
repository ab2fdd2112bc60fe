"""How far results in bf16 are from those in fp32, for the official code and for ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from reference.scenarios import SCENARIOS, Outcome, clip, frame_size, length, scenario
from reference.small import SMALL, Small

THEIRS = Path(__file__).with_name("bf16.json")  # written by scripts/record_reference.py
Play = Callable[[Small, str, bool], list[Outcome]]  # a scenario of a model; True = in bf16


def shown(small: Small, name: str):
    """The clip of a scenario, and its steps."""
    return clip(length(name), *frame_size(name, small.image_size)), scenario(name)


def deviation(play: Play) -> dict[str, float]:
    """Over all models and scenarios: the mean IoU of masks, the mean difference of logits.

    Of objects that both precisions see.
    """
    ious, logits = [], []
    for small in SMALL.values():
        for name in SCENARIOS:
            pairs = zip(play(small, name, False), play(small, name, True), strict=True)
            seen = [(a, b) for a, b in pairs if a.presence > 0 and b.presence > 0]
            ious.append(mean(_iou(a, b) for a, b in seen))
            logits.append(mean(float((a.logits - b.logits.float()).abs().mean()) for a, b in seen))
    return {"iou": round(mean(ious), 5), "logits": round(mean(logits), 5)}


def theirs() -> dict[str, float]:
    """That of the official code under autocast on a CPU."""
    return json.loads(THEIRS.read_text())


def _iou(one: Outcome, other: Outcome) -> float:
    union = int((one.mask | other.mask).sum())
    return int((one.mask & other.mask).sum()) / union if union else 1.0
