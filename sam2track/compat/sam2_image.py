"""The API of ``sam2.sam2_image_predictor`` on :class:`sam2track.ImagePredictor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..image import EncodedImage, ImagePredictor
from ..image.image_masks import concatenate_rows
from ..model import SAM2
from ..model.prompt_encoder import LARGEST_LOGIT
from ..types import Recall
from .precision import callers_precision
from .prompts import as_rows
from .sam2_build import build_sam2_hf
from .sam2_video import SAM2VideoPredictor
from .transforms import SAM2Transforms

Predicted = tuple[np.ndarray, np.ndarray, np.ndarray]  # masks, predicted IoU, low-resolution logits


class SAM2ImagePredictor:
    """Segments pictures from prompts, by the official calls.

    Args:
        sam_model: of :func:`build_sam2`, or a video predictor.
        mask_threshold: logit above which a pixel is on the object.
        max_hole_area, max_sprinkle_area: holes and islands of up to that many low-resolution pixels
            are removed; 0 = none. (The official code needs its CUDA extension for this.)
        kwargs: ignored, as in the official class.
    """

    def __init__(
        self,
        sam_model: SAM2 | SAM2VideoPredictor,
        mask_threshold: float = 0.0,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.model = sam_model.model if isinstance(sam_model, SAM2VideoPredictor) else sam_model
        self.predictor = ImagePredictor(self.model)
        self.mask_threshold = mask_threshold
        side = self.model.variant.image_size
        self._transforms = SAM2Transforms(side, mask_threshold, max_hole_area, max_sprinkle_area)
        self.reset_predictor()

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> SAM2ImagePredictor:
        """The predictor of a repository on the hub, such as ``facebook/sam2.1-hiera-tiny``.

        ``kwargs`` are those of :func:`build_sam2` and of the constructor.
        """
        return cls(build_sam2_hf(model_id, **kwargs), **kwargs)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    def reset_predictor(self) -> None:
        """Forget the pictures."""
        self._encoded: list[EncodedImage] = []
        self._is_batch = False

    def set_image(self, image: Any) -> None:
        """Encode a picture for :meth:`predict`: RGB, ``uint8`` ``(H, W, 3)``, or Pillow's.

        Raises:
            ValueError: for another type or shape.
        """
        self.reset_predictor()
        with callers_precision(self.model):
            self._encoded = [self.predictor.encode(image)]

    def set_image_batch(self, image_list: Sequence[Any]) -> None:
        """Encode several pictures, of any sizes, for :meth:`predict_batch`."""
        self.reset_predictor()
        with callers_precision(self.model):
            self._encoded = self.predictor.encode_batch(image_list)
        self._is_batch = True

    def predict(
        self,
        point_coords: Any = None,
        point_labels: Any = None,
        box: Any = None,
        mask_input: Any = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> Predicted:
        """Masks of a prompt, or of R prompts of one shape.

        Args:
            point_coords, point_labels: ``(P, 2)`` clicks ``(x, y)`` in pixels and ``(P,)``, 1 = on
                the object, 0 = off it; or ``(R, P, 2)`` and ``(R, P)``.
            box: ``(4,)`` or ``(R, 4)``, ``(x0, y0, x1, y1)`` in pixels.
            mask_input: low-resolution logits of an earlier mask, ``(1, h, w)`` or ``(R, 1, h, w)``.
            multimask_output: whether each prompt gives three masks.
            return_logits: logits instead of masks.
            normalize_coords: False = coordinates in 0..1 of the picture.

        Returns:
            Three arrays, ``float32``: masks of 0 and 1 ``(M, H, W)``, predicted IoU ``(M,)``, and
            low-resolution logits from -32 to 32 ``(M, h, w)``; with R > 1 each begins with R.

        Raises:
            RuntimeError: without a picture.
            ValueError: if there is no prompt, or its parts do not fit each other.
        """
        prompt = (point_coords, point_labels, box, mask_input)
        return self._predict(-1, prompt, multimask_output, return_logits, normalize_coords)

    def predict_batch(
        self,
        point_coords_batch: Sequence[Any] | None = None,
        point_labels_batch: Sequence[Any] | None = None,
        box_batch: Sequence[Any] | None = None,
        mask_input_batch: Sequence[Any] | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """:meth:`predict` for each picture of :meth:`set_image_batch`, with a prompt for each.

        For each picture come its masks, scores and logits, of the shapes of :meth:`predict`, which
        says the errors too; another number of prompts is a ValueError.
        """
        if not self._is_batch:
            raise RuntimeError("no pictures; call set_image_batch first")
        batches = (point_coords_batch, point_labels_batch, box_batch, mask_input_batch)
        for batch in batches:
            if batch is not None and len(batch) != len(self._encoded):
                given = f"prompts for {len(batch)} pictures, but there are {len(self._encoded)}"
                raise ValueError(f"{given}; give one for each, None for none")
        masks, scores, logits = [], [], []
        for place in range(len(self._encoded)):
            prompt = tuple(None if batch is None else batch[place] for batch in batches)
            found = self._predict(place, prompt, multimask_output, return_logits, normalize_coords)
            for parts, part in zip((masks, scores, logits), found, strict=True):
                parts.append(part)
        return masks, scores, logits

    def get_image_embedding(self) -> Float[Tensor, "B C h w"]:
        """The embedding of the picture, or of each: a cell for 16 x 16 pixels of the input.

        Raises:
            RuntimeError: without a picture.
        """
        return self._features["image_embed"]

    @property
    def _features(self) -> dict[str, Any]:
        """The official code's embeddings, which its notebook prints."""
        features = [encoded.features for encoded in self._images()]
        with callers_precision(self.model):
            nothing = [Recall((), (), (), ())]
            embeddings = [self.model.attend(own, nothing) for own in features]
        fine = [own.stride4 for own in features if own.stride4 is not None]
        middle = [own.stride8 for own in features if own.stride8 is not None]
        skips = [torch.cat(own) for own in (fine, middle) if own]
        return {"image_embed": torch.cat(embeddings), "high_res_feats": skips}

    @property
    def _orig_hw(self) -> list[tuple[int, int]]:
        return [encoded.size for encoded in self._encoded]

    @property
    def _is_image_set(self) -> bool:
        return bool(self._encoded)

    def _images(self) -> list[EncodedImage]:
        if not self._encoded:
            raise RuntimeError("no picture; call set_image first")
        return self._encoded

    def _predict(
        self, place: int, prompt: Sequence[Any], multimask: bool, as_logits: bool, in_pixels: bool
    ) -> Predicted:
        image = self._images()[place]
        height, width = image.size
        rows = as_rows(*prompt, scale=(1.0, 1.0) if in_pixels else (width, height))
        with callers_precision(self.model):
            found = concatenate_rows(list(self.predictor.decode(image, rows, multimask=multimask)))
            repaired = replace(found, logits=self._transforms.repair(found.logits.float()))
            threshold = self.mask_threshold
            masks = repaired.full_logits() if as_logits else repaired.masks(threshold)
        low = found.logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
        masks, scores, low = (
            part.squeeze(0).float().cpu().numpy() for part in (masks, found.scores, low)
        )
        return masks, scores, low
