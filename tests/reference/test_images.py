"""Ours against what the official image predictors did (``scripts/record_image_reference.py``)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from reference.image_cases import CASES, PICTURES, SAM2_SEED, Answer, picture
from reference.image_replay import answer, build_sam
from reference.recorded import RECORDED, SCALE, keep_logits, keep_mask, mask_iou
from reference.replay import build
from reference.small import SMALL
from reference.small_sam import SMALL_SAM

pytestmark = pytest.mark.reference
MODELS = (SMALL_SAM.name, "small_2.1")


@cache
def answers(name: str, shown: str) -> dict[str, Answer]:
    if name == SMALL_SAM.name:
        model, side = build_sam(SMALL_SAM.variant(), SMALL_SAM.seed), SMALL_SAM.image_size
    else:
        small = SMALL[name]
        model = build(small.variant(), seed=SAM2_SEED, presence_bias=small.presence_bias)
        side = small.image_size
    return answer(model, picture(shown, side))


@cache
def recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(RECORDED / f"images_{name}.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shown", PICTURES)
@pytest.mark.parametrize("case", CASES)
def test_the_image_predictor_answers_as_the_official_one(name: str, shown: str, case: str) -> None:
    found = answers(name, shown)[case]
    parts = ("scores", "logits", "masks")
    kept = {part: recorded(name)[f"{shown}/{case}/{part}"] for part in parts}
    assert found.scores.shape == kept["scores"].shape
    np.testing.assert_allclose(found.scores, kept["scores"], rtol=0, atol=1e-2)
    for ours, theirs in zip(found.logits.flatten(0, 1), kept["logits"], strict=True):
        assert np.abs(keep_logits(ours).astype(int) - theirs).max() / SCALE <= 1e-2
    for ours, theirs in zip(found.masks.flatten(0, 1), kept["masks"], strict=True):
        packed = keep_mask(ours)
        # A pixel may lie within the logits' tolerance of zero.
        few = np.unpackbits(packed ^ theirs).sum() <= 2
        assert few or mask_iou(packed, theirs) >= 0.999
