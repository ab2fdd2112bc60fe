"""Ours against the official generators' masks (``scripts/record_automatic_reference.py``)."""

from __future__ import annotations

import json
from functools import cache

import pytest

from reference.automatic_cases import RECORDED_MODELS, cases_of, matched_iou, settings
from reference.automatic_replay import generate, ours
from reference.image_cases import picture
from reference.recorded import RECORDED
from sam2track.masks import decode_runs

pytestmark = pytest.mark.reference


@cache
def recorded() -> dict[str, list]:
    return json.loads((RECORDED / "automatic.json").read_text())


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name in RECORDED_MODELS for case in cases_of(name)]
)
def test_everything_is_what_the_official_generator_finds(name, case):
    theirs = recorded()[f"{name} {case}"]
    found = generate(ours(name), settings(name, case), picture("wide", 256))
    assert len(found) == len(theirs)
    masks = [decode_runs(one["segmentation"], "recorded") for one in theirs]
    assert min(matched_iou(masks, [one.mask() for one in found])) >= 0.99
    for mine, one in zip(found, theirs, strict=True):
        record = mine.record(runs=True)
        assert record.keys() == one.keys()
        assert record["bbox"] == pytest.approx(one["bbox"], abs=1)
        assert record["crop_box"] == one["crop_box"]
        assert record["area"] == pytest.approx(one["area"], rel=0.01, abs=2)
        assert record["point_coords"][0] == pytest.approx(one["point_coords"][0], abs=1e-2)
        assert record["predicted_iou"] == pytest.approx(one["predicted_iou"], abs=1e-3)
        assert record["stability_score"] == pytest.approx(one["stability_score"], abs=1e-2)
