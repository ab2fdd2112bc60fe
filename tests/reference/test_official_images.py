"""Ours against the official image predictors, live, where both are installed.

``pip install segment-anything==1.0`` and ``sam2==1.1.0`` (they need torchvision); else skipped.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reference.image_cases import CASES, SAM2_SEED, picture
from reference.image_replay import answer, build_sam
from reference.replay import build
from reference.small import SMALL
from reference.small_sam import SMALL_SAM

pytest.importorskip("segment_anything")
pytest.importorskip("sam2")
pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning"),
]


@pytest.fixture
def official(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    import image_official

    yield image_official
    del sys.modules["image_official"]


@pytest.mark.parametrize("size", [(256, 256), (1, 1), (3, 400), (331, 47), (700, 900)])
@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_pictures_of_any_shape(official, name, size):
    image = picture("wide", 256)
    image = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    image = torch.nn.functional.interpolate(image, size).byte()[0].permute(1, 2, 0).numpy()
    if name == "sam":
        theirs = official.answer_sam(official.build_small_sam(SMALL_SAM), image)
        ours = answer(build_sam(SMALL_SAM.variant(), SMALL_SAM.seed), image)
    else:
        small = replace(SMALL["small_2.1"], seed=SAM2_SEED)
        theirs = official.answer_sam2(official.build_small_sam2(small), image)
        model = build(small.variant(), seed=SAM2_SEED, presence_bias=small.presence_bias)
        ours = answer(model, image)
    for case in CASES:
        one, other = ours[case], theirs[case]
        assert float((one.scores - other.scores).abs().max()) <= 1e-2, case
        difference = one.logits.clamp(-32, 32) - other.logits.clamp(-32, 32)
        assert float(difference.abs().max()) <= 1e-2, case
        assert float((one.masks ^ other.masks).float().mean()) <= 1e-3, case
