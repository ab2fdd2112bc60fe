"""What users' scripts get is what the official packages gave (``scripts/record_compat.py``)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from reference.automatic_cases import settings
from reference.automatic_replay import ours
from reference.image_cases import SAM2_SEED, picture
from reference.image_replay import build_sam
from reference.kept_returns import SCALE, kept
from reference.recorded import RECORDED, mask_iou
from reference.replay import build
from reference.small import SMALL
from reference.small_sam import SMALL_SAM
from reference.user_scripts import (
    VIDEO_SCRIPTS,
    automatic_notebook,
    batched_images,
    film,
    image_notebook,
    sam_tensors,
)

from sam2track.compat import (
    Sam,
    SAM2AutomaticMaskGenerator,
    SAM2ImagePredictor,
    SAM2VideoPredictor,
    SamAutomaticMaskGenerator,
    SamPredictor,
)
from sam2track.model import SAM, SAM2

pytestmark = pytest.mark.reference
SMALL_SAM2 = SMALL["small_2.1"]


@cache
def recorded():
    with np.load(RECORDED.parent / "compat" / "returned.npz") as arrays:
        return dict(arrays)


def network(seed: int) -> SAM2:
    variant, presence_bias = SMALL_SAM2.variant(), SMALL_SAM2.presence_bias
    return build(variant, seed=seed, presence_bias=presence_bias)


def compare(script: str, returned) -> None:
    theirs = {name: a for name, a in recorded().items() if name.startswith(f"{script}/")}
    ours = {f"{script}/{name}": array for name, array in kept(returned).items()}
    assert list(ours) == list(theirs)
    for name, array in theirs.items():
        if name.endswith("|form"):
            assert ours[name].tolist() == array.tolist(), name
        elif name.endswith("|values"):
            assert np.abs(ours[name].astype(int) - array).max() / SCALE <= 1e-2, name
        else:
            few = np.unpackbits(ours[name] ^ array).sum() <= 2  # within the logits' tolerance of 0
            assert few or mask_iou(ours[name], array) >= 0.999, name


@pytest.mark.parametrize("script", VIDEO_SCRIPTS)
def test_a_video_script_gets_the_same(script: str) -> None:
    asked = {"binarise": False, "stability_threshold": 0.0}  # apply_postprocessing=False
    given = asked if script == "vos_inference" else {}
    predictor = SAM2VideoPredictor(model=network(SMALL_SAM2.seed), **given)
    compare(script, VIDEO_SCRIPTS[script](predictor, film().images))


@pytest.mark.parametrize("script", [image_notebook, batched_images])
def test_sam2_image_scripts_get_the_same(script) -> None:
    predictor = SAM2ImagePredictor(network(SAM2_SEED))
    shown = picture("wide", SMALL_SAM.image_size)
    compare(f"sam2/{script.__name__}", script(predictor, shown))


@pytest.mark.parametrize("script", [image_notebook, sam_tensors])
def test_sam_image_scripts_get_the_same(script) -> None:
    predictor = SamPredictor(Sam(build_sam(SMALL_SAM.variant(), SMALL_SAM.seed)))
    shown = picture("wide", SMALL_SAM.image_size)
    compare(f"sam/{script.__name__}", script(predictor, shown))


@pytest.mark.parametrize("name", [SMALL_SAM.name, SMALL_SAM2.name])
def test_automatic_masks_are_the_same(name: str) -> None:
    model = ours(name)

    def make(case: str, mode: str):
        given = {**settings(name, case), "output_mode": mode}
        if isinstance(model, SAM2):
            return SAM2AutomaticMaskGenerator(model, **given)
        assert isinstance(model, SAM)
        del given["use_m2m"]
        return SamAutomaticMaskGenerator(Sam(model), **given)

    shown = picture("wide", SMALL_SAM.image_size)
    compare(f"{name}/automatic_notebook", automatic_notebook(make, shown))
