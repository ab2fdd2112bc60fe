"""Record what the official packages give to users' scripts, for the tests of ``sam2track.compat``.

Run where ``segment-anything==1.0`` and ``sam2==1.1.0`` are installed::

    python scripts/record_compat.py

It writes ``tests/compat/signatures.json``, the public names of both packages with their arguments,
and ``tests/compat/returned.npz``, what scaled-down models with seeded weights return to the scripts
of ``tests/reference/user_scripts.py``.
"""

from __future__ import annotations

import importlib
import inspect
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import automatic_official
import image_official  # makes the package ``reference`` of the tests importable
import numpy as np
import reference_official
import sam2.sam2_video_predictor as video_module
import torch
from reference.automatic_cases import settings
from reference.image_cases import SAM2_SEED, picture
from reference.kept_returns import kept
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
from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
from sam2.sam2_image_predictor import SAM2ImagePredictor
from segment_anything import SamAutomaticMaskGenerator, SamPredictor

FOLDER = Path(__file__).parents[1] / "tests" / "compat"
MODULES = (
    "sam2.build_sam",
    "sam2.sam2_video_predictor",
    "sam2.sam2_image_predictor",
    "sam2.automatic_mask_generator",
    "sam2.utils.amg",
    "sam2.utils.misc",
    "sam2.utils.transforms",
    "segment_anything.build_sam",
    "segment_anything.predictor",
    "segment_anything.automatic_mask_generator",
    "segment_anything.modeling.sam",
    "segment_anything.utils.amg",
    "segment_anything.utils.onnx",
    "segment_anything.utils.transforms",
)


def main() -> None:
    warnings.filterwarnings("ignore", message=".*_C.*")
    signatures = {name: _public(importlib.import_module(name)) for name in MODULES}
    path = FOLDER / "signatures.json"
    path.write_text(json.dumps(signatures, indent=1, sort_keys=True) + "\n")
    arrays = {}
    for script in VIDEO_SCRIPTS.values():
        arrays |= _named(script.__name__, script(_video_predictor(script.__name__), ""))
    shown = picture("wide", SMALL_SAM.image_size)
    sam = SamPredictor(image_official.build_small_sam(SMALL_SAM))
    arrays |= _named("sam/image_notebook", image_notebook(sam, shown))
    arrays |= _named("sam/sam_tensors", sam_tensors(sam, shown))
    predictor = _image_predictor()
    arrays |= _named("sam2/image_notebook", image_notebook(predictor, shown))
    arrays |= _named("sam2/batched_images", batched_images(predictor, shown))
    for name in (SMALL_SAM.name, "small_2.1"):
        arrays |= _named(f"{name}/automatic_notebook", automatic_notebook(_maker(name), shown))
    np.savez_compressed(FOLDER / "returned.npz", **arrays)
    size = (FOLDER / "returned.npz").stat().st_size
    print(f"{len(arrays)} arrays, {size / 1e3:.0f} kB")


def _named(script: str, returned: Any) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        return {f"{script}/{name}": array for name, array in kept(returned).items()}


def _video_predictor(script: str) -> video_module.SAM2VideoPredictor:
    small = SMALL["small_2.1"]
    predictor = reference_official.build(
        small.official, small.overrides(), seed=small.seed, presence_bias=small.presence_bias
    )
    if script == "vos_inference":  # which it asks of the builder
        predictor.binarize_mask_from_pts_for_mem_enc = False
        predictor.sam_mask_decoder.dynamic_multimask_via_stability = False
    # Before an object's first prompt there is no pointer, and the official code then gives bf16
    # memories to fp32 weights, which fails without autocast.
    attend = predictor.memory_attention.forward
    predictor.memory_attention.forward = lambda memory, **rest: attend(
        memory=memory.float(), **rest
    )
    shown = film().images
    images = reference_official.loaded(shown, predictor.image_size)
    video_module.load_video_frames = lambda **_: (images, *shown.shape[1:3])
    video_module.tqdm = lambda frames, **_: frames
    return predictor


def _image_predictor() -> SAM2ImagePredictor:
    model = image_official.build_small_sam2(replace(SMALL["small_2.1"], seed=SAM2_SEED))
    predictor = SAM2ImagePredictor(model)
    predictor._bb_feat_sizes = [(model.image_size // s, model.image_size // s) for s in (4, 8, 16)]
    return predictor


def _maker(name: str) -> Any:
    """Makes the official generators of one model."""
    model = automatic_official.build(name)

    def make(case: str, mode: str) -> Any:
        given = {**settings(name, case), "output_mode": mode}
        if name == SMALL_SAM.name:
            del given["use_m2m"]
            return SamAutomaticMaskGenerator(model, **given)
        generator = SAM2AutomaticMaskGenerator(model, **given)
        sides = [model.image_size // stride for stride in (4, 8, 16)]
        generator.predictor._bb_feat_sizes = [(side, side) for side in sides]
        return generator

    return make


def _public(module: Any) -> dict[str, Any]:
    """The functions of a module with their arguments, and the classes with their methods."""
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(value):
            found[name] = {
                own: _arguments(getattr(value, own))
                for own, kind in vars(value).items()
                if (own == "__init__" or not own.startswith("_"))
                and isinstance(kind, (classmethod, staticmethod, property, type(main)))
            }
        elif inspect.isfunction(value):
            found[name] = _arguments(value)
    return found


def _arguments(value: Any) -> list[list[str]] | str:
    """Each argument's name, and its default where it has one; ``property`` for a property."""
    if isinstance(value, property):
        return "property"
    parameters = inspect.signature(value).parameters.values()
    return [
        [own.name] if own.default is own.empty else [own.name, repr(own.default)]
        for own in parameters
        if own.name != "self" and own.kind not in (own.VAR_KEYWORD, own.VAR_POSITIONAL)
    ]


if __name__ == "__main__":
    main()
