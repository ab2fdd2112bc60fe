"""Builds SAM models under the names of ``segment_anything``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from ..device import autocast
from ..model import SAM, load_image_model
from .precision import callers_precision


class ImageEncoder:
    """SAM's image encoder: normalised squares in, embeddings at stride 16 out."""

    def __init__(self, model: SAM) -> None:
        self.model = model
        self.img_size = model.variant.image_size

    def __call__(self, x: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B C h w"]:
        with callers_precision(self.model), autocast(self.model.device, self.model.precision):
            return self.model.encode(x).stride16


class Sam(nn.Module):
    """Our :class:`sam2track.model.SAM`, called as the official ``Sam``.

    Args:
        model: the network.
    """

    mask_threshold: float = 0.0
    image_format: str = "RGB"
    model: SAM

    def __init__(self, model: SAM) -> None:
        super().__init__()
        self.model = model
        self.train(model.training)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    @property
    def image_encoder(self) -> ImageEncoder:
        """The encoder alone: a batch of prepared pictures in, embeddings out."""
        return ImageEncoder(self.model)

    def forward(
        self, batched_input: Sequence[dict[str, Any]], multimask_output: bool
    ) -> list[dict[str, Tensor]]:
        """Masks of pictures with prompts.

        Args:
            batched_input: for each picture ``image`` ``(3, h, w)`` and prompts, both in pixels of
                the picture that :class:`ResizeLongestSide` has resized, and ``original_size``. The
                prompts are ``point_coords`` ``(R, P, 2)`` with ``point_labels`` ``(R, P)``,
                ``boxes`` ``(R, 4)``, ``mask_inputs`` ``(R, 1, h, w)``, or several of these.
            multimask_output: whether each prompt gives three masks.

        Returns:
            For each picture ``masks`` ``(R, M, H, W)``, bool, ``iou_predictions`` ``(R, M)`` and
            ``low_res_logits`` ``(R, M, h, w)``.
        """
        from .sam_image import SamPredictor

        predictor, outputs = SamPredictor(self), []
        names = ("point_coords", "point_labels", "boxes", "mask_inputs")
        for given in batched_input:
            predictor.set_torch_image(given["image"][None], given["original_size"])
            prompts = [given.get(name) for name in names]
            found = predictor.predict_torch(*prompts, multimask_output=multimask_output)
            outputs.append(
                dict(zip(("masks", "iou_predictions", "low_res_logits"), found, strict=True))
            )
        return outputs

    def preprocess(self, x: Shaped[Tensor, "*b 3 h w"]) -> Float[Tensor, "*b 3 S S"]:
        """Normalise a resized picture (RGB, 0..255) and pad it to the square of S pixels."""
        own = self.model
        side = own.variant.image_size
        x = (x - 255 * own.mean) / (255 * own.std)
        return F.pad(x, (0, side - x.shape[-1], 0, side - x.shape[-2]))

    def postprocess_masks(
        self,
        masks: Float[Tensor, "B C h w"],
        input_size: tuple[int, ...],
        original_size: tuple[int, ...],
    ) -> Float[Tensor, "B C H W"]:
        """Low-resolution logits at the picture's size, without the padding.

        Args:
            input_size, original_size: height and width of the resized and of the original picture.
        """
        side = self.model.variant.image_size
        square = F.interpolate(masks, (side, side), mode="bilinear")
        inner = square[..., : input_size[0], : input_size[1]]
        return F.interpolate(inner, tuple(original_size), mode="bilinear")


def build_sam_vit_h(checkpoint: str | Path | None = None) -> Sam:
    """SAM with ViT-H, on the CPU; ``checkpoint`` None = the released weights.

    Raises:
        CheckpointError: the weights cannot be found, or belong to another model.
    """
    return _build("sam_vit_h", checkpoint)


def build_sam_vit_l(checkpoint: str | Path | None = None) -> Sam:
    """SAM with ViT-L; see :func:`build_sam_vit_h`."""
    return _build("sam_vit_l", checkpoint)


def build_sam_vit_b(checkpoint: str | Path | None = None) -> Sam:
    """SAM with ViT-B; see :func:`build_sam_vit_h`."""
    return _build("sam_vit_b", checkpoint)


build_sam = build_sam_vit_h
sam_model_registry: dict[str, Callable[..., Sam]] = {
    "default": build_sam_vit_h,
    "vit_h": build_sam_vit_h,
    "vit_l": build_sam_vit_l,
    "vit_b": build_sam_vit_b,
}


def _build(name: str, checkpoint: str | Path | None) -> Sam:
    model = load_image_model(name, checkpoint, device="cpu", precision="fp32")
    assert isinstance(model, SAM)
    return Sam(model)
