"""Builds SAM 2 models under the names of ``sam2.build_sam``.

The name of an official configuration, or of one of our models, goes in; a model comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..model import SAM2, VARIANTS, find_variant, load_model
from .sam2_video import SAM2VideoPredictor, SAM2VideoPredictorVOS
from .settings import Settings, policy_of_config, read_settings

_SIZES = {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}
HF_MODEL_ID_TO_FILENAMES = {
    f"facebook/{release}-hiera-{size.replace('_', '-')}": (
        f"configs/{release}/{release}_hiera_{letter}.yaml",
        f"{release}_hiera_{size}.pt",
    )
    for release in ("sam2", "sam2.1")
    for letter, size in _SIZES.items()
}


def build_sam2(
    config_file: str,
    ckpt_path: str | Path | None = None,
    device: str | torch.device = "cuda",
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    **kwargs: Any,
) -> SAM2:
    """A SAM 2 model, for :class:`SAM2ImagePredictor` and :class:`SAM2AutomaticMaskGenerator`.

    Args:
        config_file: ``configs/sam2.1/sam2.1_hiera_t.yaml`` and its like, or a name of
            :func:`sam2track.load_model`. The file is not read: only its name counts.
        ckpt_path: an official ``.pt`` or another checkpoint that ``load_model`` reads; None = the
            released weights. (The official function leaves the weights random.)
        device: such as ``cuda`` or ``cpu``.
        mode: ``eval``; with another value the model can be trained.
        hydra_overrides_extra: see docs/compat.md for those that are understood.
        apply_postprocessing: whether, for ``multimask_output=False``, an unstable mask is replaced
            by the best of the others.
        kwargs: ignored, as in the official function.

    Raises:
        ValueError: unknown configuration, override or device.
        CheckpointError: the weights cannot be found, or belong to another model.
    """
    settings = read_settings(hydra_overrides_extra, apply_postprocessing=apply_postprocessing)
    return _load(config_file, ckpt_path, device, mode, settings)


def build_sam2_video_predictor(
    config_file: str,
    ckpt_path: str | Path | None = None,
    device: str | torch.device = "cuda",
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    vos_optimized: bool = False,
    **kwargs: Any,
) -> SAM2VideoPredictor:
    """A predictor for videos.

    A configuration in a folder ``samurai``, as SAMURAI's scripts name them, tracks with our memory
    policy ``motion``.

    Args:
        apply_postprocessing: also fill holes in the masks, and remember clicked masks as shown.
        vos_optimized: compile the model; the first frames are slow.
        config_file, ckpt_path, device, mode, hydra_overrides_extra, kwargs: see
            :func:`build_sam2`.
    """
    settings = read_settings(hydra_overrides_extra, apply_postprocessing=apply_postprocessing)
    model = _load(config_file, ckpt_path, device, mode, settings)
    kind = SAM2VideoPredictorVOS if vos_optimized else SAM2VideoPredictor
    return kind(
        settings.fill_hole_area,
        settings.non_overlap_masks,
        model=model,
        memory=policy_of_config(config_file),
        stability_delta=settings.dynamic_multimask_stability_delta,
        stability_threshold=settings.stability,
        binarise=settings.binarize_mask_from_pts_for_mem_enc,
    )


def build_sam2_hf(model_id: str, **kwargs: Any) -> SAM2:
    """:func:`build_sam2` for a repository on the hub, such as ``facebook/sam2.1-hiera-tiny``."""
    return build_sam2(_config_of(model_id), **kwargs)


def build_sam2_video_predictor_hf(model_id: str, **kwargs: Any) -> SAM2VideoPredictor:
    """:func:`build_sam2_video_predictor` for a repository of the Hugging Face hub."""
    return build_sam2_video_predictor(_config_of(model_id), **kwargs)


def variant_name(config_file: str) -> str:
    """Our name of the model that an official configuration describes, or ValueError."""
    stem = Path(config_file).name.removesuffix(".yaml")
    if stem in VARIANTS:
        return stem
    family, _, size = stem.rpartition("_")
    name = f"{family}_{_SIZES.get(size, size)}"
    find_variant(name if name in VARIANTS else stem)
    return name


def _load(
    config_file: str,
    ckpt_path: str | Path | None,
    device: str | torch.device,
    mode: str,
    settings: Settings,
) -> SAM2:
    model = load_model(
        variant_name(config_file),
        ckpt_path,
        device=device,
        precision="fp32",  # the predictors compute in the dtype of the caller's autocast
        compile=settings.compile_image_encoder,
    )
    model.picture_stability = settings.stability
    return model if mode == "eval" else model.train().requires_grad_(True)


def _config_of(model_id: str) -> str:
    if model_id not in HF_MODEL_ID_TO_FILENAMES:
        known = ", ".join(HF_MODEL_ID_TO_FILENAMES)
        raise ValueError(f"no model {model_id!r} on the hub; there are: {known}")
    return HF_MODEL_ID_TO_FILENAMES[model_id][0]
