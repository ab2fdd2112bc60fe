"""EdgeTAM and EfficientTAM against what the official predictors did (``record_efficient.py``)."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import Tensor

from reference.efficient import PLAYED, SEEDS, small_variant
from reference.recorded import RECORDED, SCALE, keep_logits, keep_mask, mask_iou
from reference.replay import play
from reference.scenarios import clip, frame_size, length, scenario
from reference.seeded import seeded_state
from sam2track.model import SAM2, VARIANTS, CheckpointError, load_model

pytestmark = pytest.mark.reference


@cache
def recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(RECORDED / f"{name}.npz") as arrays:
        return dict(arrays)


def checkpoint(name: str, key: str) -> dict[str, Tensor]:
    """Seeded weights under the official names: of the ``small`` or of the ``released`` size."""
    shapes = json.loads(str(recorded(name)[f"shapes/{key}"]))
    seed = SEEDS[name]
    return seeded_state(shapes, seed.seed, presence_bias=seed.presence_bias)


@pytest.fixture(scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SAM2:
    """A scaled-down model, loaded from an official checkpoint."""
    name = request.param
    path = tmp_path_factory.mktemp("checkpoints") / f"{name}.pt"
    torch.save({"model": checkpoint(name, "small")}, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VARIANTS, name, small_variant(name))
        return load_model(name, path, device="cpu", precision="fp32")


@pytest.mark.parametrize("played", PLAYED)
@pytest.mark.parametrize(
    ("model", "name"), [(name, name) for name in SEEDS], indirect=["model"], ids=list(SEEDS)
)
def test_a_scenario_ends_the_same(model: SAM2, name: str, played: str) -> None:
    kept = {
        part: recorded(name)[f"scenarios/{played}/{part}"]
        for part in ("frames", "presence", "masks", "logits")
    }
    shown = clip(length(played), *frame_size(played, model.variant.image_size))
    outcomes = play(model, shown, scenario(played))
    assert_array_equal([(o.frame, o.object_id) for o in outcomes], kept["frames"])
    for outcome, mask, logits, presence in zip(
        outcomes, kept["masks"], kept["logits"], kept["presence"], strict=True
    ):
        where = f"object {outcome.object_id} on frame {outcome.frame}"
        assert (outcome.presence > 0) == (presence > 0), where
        error = np.abs(keep_logits(outcome.logits).astype(int) - logits) / SCALE
        assert error.max() <= 1e-2, where
        ours = keep_mask(outcome.mask)
        # Memories are rounded to bf16, which decides pixels whose logits are close to zero.
        assert mask_iou(ours, mask) >= 0.995, where


RELEASED = {
    "small_edgetam": ("edgetam",),
    "small_efficienttam": ("efficienttam_ti", "efficienttam_ti_512x512"),
    "small_efficienttam_1": ("efficienttam_ti_1",),
    "small_efficienttam_2": ("efficienttam_ti_2",),
}


@pytest.mark.parametrize("name", RELEASED)
def test_checkpoints_of_the_released_size_load_strictly(name, tmp_path) -> None:
    state, path = checkpoint(name, "released"), tmp_path / "weights.pt"
    torch.save({"model": state}, path)
    for variant in RELEASED[name]:
        load_model(variant, path, device="cpu", precision="fp32")
    with pytest.raises(CheckpointError, match=f"holds {RELEASED[name][0].split('_ti')[0]}"):
        load_model("sam2_hiera_tiny", path)
    variances = [key for key in state if key.endswith("bn.running_var")]
    for key in ("maskmem_tpos_enc", *variances[:1]):
        torch.save({"model": {k: v for k, v in state.items() if k != key}}, path)
        with pytest.raises(CheckpointError, match="lacks"):
            load_model(RELEASED[name][0], path)
