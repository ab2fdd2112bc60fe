"""The API of ``segment_anything.SamPredictor`` on :class:`sam2track.ImagePredictor`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..device import autocast
from ..image import EncodedImage, ImagePredictor, read_image
from ..image.image_masks import concatenate_rows
from .precision import callers_precision
from .prompts import as_rows
from .sam_build import Sam
from .transforms import ResizeLongestSide

Predicted = tuple[Tensor, Tensor, Tensor]  # masks, predicted IoU, low-resolution logits


class SamPredictor:
    """Segments a picture from prompts, by the official calls.

    Args:
        sam_model: of ``sam_model_registry``.

    Attributes:
        transform: resizes pictures and coordinates for the ``..._torch`` methods.
        original_size, input_size: height and width of the picture, and resized; None without one.
    """

    def __init__(self, sam_model: Sam) -> None:
        self.model = sam_model
        self.transform = ResizeLongestSide(sam_model.image_encoder.img_size)
        self.predictor = ImagePredictor(sam_model.model)
        self.reset_image()

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    @property
    def is_image_set(self) -> bool:
        """Whether a picture was given."""
        return self._encoded is not None

    @property
    def features(self) -> Float[Tensor, "1 C h w"] | None:
        """The picture's embedding at stride 16 (pixels of the input); None without a picture."""
        return None if self._encoded is None else self._encoded.features.stride16

    def reset_image(self) -> None:
        """Forget the picture."""
        self._encoded: EncodedImage | None = None
        self.original_size: tuple[int, int] | None = None
        self.input_size: tuple[int, int] | None = None

    def set_image(self, image: Any, image_format: str = "RGB") -> None:
        """Encode a picture: ``uint8``, ``(H, W, 3)``, in RGB or BGR; else it is a ValueError."""
        if image_format not in ("RGB", "BGR"):
            raise ValueError(f"image_format is {image_format!r}; give RGB or BGR")
        if image_format != self.model.image_format:
            image = read_image(image)[..., ::-1]
        self.reset_image()
        with callers_precision(self.model.model):
            self._set(self.predictor.encode(image))

    def set_torch_image(
        self, transformed_image: Shaped[Tensor, "1 3 h w"], original_image_size: tuple[int, ...]
    ) -> None:
        """Encode a picture that ``transform`` has resized, RGB values 0..255.

        Args:
            original_image_size: its height and width before.

        Raises:
            ValueError: if its longer side is not that of the model's input.
        """
        side, shape = self.transform.target_length, tuple(transformed_image.shape)
        if len(shape) != 4 or shape[:2] != (1, 3) or max(shape[2:]) != side:
            raise ValueError(
                f"the picture is of shape {shape}; give (1, 3, h, w) with a longer side of {side}"
            )
        self.reset_image()
        network = self.model.model
        with callers_precision(network), autocast(network.device, network.precision):
            square = self.model.preprocess(transformed_image.to(network.device))
            features = network.encode(square)
        height, width = original_image_size
        size = int(height), int(width)
        self._set(EncodedImage(features, size, self.predictor.fingerprint))
        self.input_size = shape[2], shape[3]

    def predict(
        self,
        point_coords: Any = None,
        point_labels: Any = None,
        box: Any = None,
        mask_input: Any = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masks of a prompt.

        The arguments are those of :meth:`SAM2ImagePredictor.predict`, in pixels, of one prompt.

        Returns:
            Three arrays: masks ``(M, H, W)``, bool, predicted IoU ``(M,)``, and low-resolution
            logits ``(M, h, w)``, ``float32``.

        Raises:
            RuntimeError: without a picture.
            ValueError: if there is no prompt, or its parts do not fit each other.
        """
        prompt = (point_coords, point_labels, box, mask_input)
        found = self._predict(prompt, (1.0, 1.0), multimask_output, return_logits)
        masks, scores, logits = (part[0].cpu().numpy() for part in found)
        return masks, scores, logits

    def predict_torch(
        self,
        point_coords: Float[Tensor, "R P 2"] | None,
        point_labels: Shaped[Tensor, "R P"] | None,
        boxes: Float[Tensor, "R 4"] | None = None,
        mask_input: Float[Tensor, "R 1 h w"] | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Predicted:
        """Masks of R prompts, whose coordinates ``transform`` has brought to the resized picture.

        Returns:
            Masks ``(R, M, H, W)``, bool, predicted IoU ``(R, M)`` and low-resolution logits
            ``(R, M, h, w)``, on the model's device.

        Raises:
            RuntimeError, ValueError: as :meth:`predict`.
        """
        height, width = self._image().size
        one = np.array([[1.0, 1.0]])
        across, down = self.transform.apply_coords(one, (height, width))[0].tolist()
        prompt = (point_coords, point_labels, boxes, mask_input)
        return self._predict(prompt, (1 / across, 1 / down), multimask_output, return_logits)

    def get_image_embedding(self) -> Float[Tensor, "1 C h w"]:
        """The picture's embedding: a cell for 16 x 16 pixels; RuntimeError without a picture."""
        return self._image().features.stride16

    def _set(self, encoded: EncodedImage) -> None:
        self._encoded, self.original_size = encoded, encoded.size
        self.input_size = self.transform.get_preprocess_shape(
            *encoded.size, self.transform.target_length
        )

    def _image(self) -> EncodedImage:
        if self._encoded is None:
            raise RuntimeError("no picture; call set_image first")
        return self._encoded

    def _predict(
        self,
        prompt: tuple[Any, Any, Any, Any],
        scale: tuple[float, float],
        multimask: bool,
        as_logits: bool,
    ) -> Predicted:
        image, rows = self._image(), as_rows(*prompt, scale=scale)
        with callers_precision(self.model.model):
            parts = list(self.predictor.decode(image, rows, multimask=multimask))
            found = concatenate_rows(parts)
            masks = found.full_logits() if as_logits else found.masks(self.model.mask_threshold)
        return masks, found.scores, found.logits
