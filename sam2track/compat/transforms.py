"""The transforms of ``segment_anything.utils.transforms`` and ``sam2.utils.transforms``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from ..image import read_image
from ..masks.regions import small_holes
from ..model.image_transform import PadLongSide, SmoothSquash, prepare_image
from ..model.variants import IMAGENET_MEAN, IMAGENET_STD

Size = tuple[int, ...]  # height, width, in pixels
REPAIRED = 10.0  # how far above the threshold a filled hole lies, and below it a removed island


class ResizeLongestSide:
    """Scales pictures to a longer side of ``target_length`` pixels, and coordinates with them."""

    def __init__(self, target_length: int) -> None:
        self.target_length = target_length

    def apply_image(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """A picture at its new size, resized as Pillow does."""
        height, width = self.get_preprocess_shape(
            image.shape[0], image.shape[1], self.target_length
        )
        square = PadLongSide(self.target_length).image(
            torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None],
            outside=torch.zeros(3, 1, 1),
        )
        return square[0, :, :height, :width].permute(1, 2, 0).byte().numpy()

    def apply_coords(
        self, coords: Shaped[np.ndarray, "*n 2"], original_size: Size
    ) -> Float[np.ndarray, "*n 2"]:
        """Points ``(x, y)`` of a picture of ``original_size`` in the resized one."""
        return np.asarray(coords, float) * self._factor(original_size)

    def apply_boxes(
        self, boxes: Shaped[np.ndarray, "*n 4"], original_size: Size
    ) -> Float[np.ndarray, "B 4"]:
        """Boxes ``(x0, y0, x1, y1)`` in the resized picture."""
        return self.apply_coords(np.reshape(boxes, (-1, 2, 2)), original_size).reshape(-1, 4)

    def apply_image_torch(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        """Pictures at their new size, as floating-point numbers."""
        size = self.get_preprocess_shape(image.shape[2], image.shape[3], self.target_length)
        return F.interpolate(image, size, mode="bilinear", antialias=True)

    def apply_coords_torch(
        self, coords: Shaped[Tensor, "*n 2"], original_size: Size
    ) -> Float[Tensor, "*n 2"]:
        """:meth:`apply_coords` of a tensor."""
        return coords.float() * torch.tensor(self._factor(original_size)).to(coords.device)

    def apply_boxes_torch(
        self, boxes: Shaped[Tensor, "*n 4"], original_size: Size
    ) -> Float[Tensor, "B 4"]:
        """:meth:`apply_boxes` of a tensor."""
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """Height and width after scaling."""
        return PadLongSide(long_side_length).inner((oldh, oldw))

    def _factor(self, size: Size) -> tuple[float, float]:
        height, width = self.get_preprocess_shape(size[0], size[1], self.target_length)
        return width / size[1], height / size[0]


class SAM2Transforms:
    """SAM 2's square input, and masks back to the picture's size.

    Args:
        resolution: side of the square, in pixels.
        mask_threshold: logit above which a pixel is on the object.
        max_hole_area, max_sprinkle_area: holes and islands of up to that many low-resolution pixels
            are removed; 0 = none.
    """

    def __init__(
        self,
        resolution: int,
        mask_threshold: float,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
    ) -> None:
        self.resolution, self.mask_threshold = resolution, mask_threshold
        self.max_hole_area, self.max_sprinkle_area = max_hole_area, max_sprinkle_area
        self.mean, self.std = list(IMAGENET_MEAN), list(IMAGENET_STD)

    def __call__(self, x: Any) -> Float[Tensor, "3 S S"]:
        """A picture, RGB, as the encoder takes it."""
        mean, std = (torch.tensor(own)[:, None, None] for own in (self.mean, self.std))
        image = torch.from_numpy(read_image(x))
        return prepare_image(image, SmoothSquash(self.resolution), mean, std)[0]

    def forward_batch(self, img_list: Sequence[Any]) -> Float[Tensor, "B 3 S S"]:
        """Several pictures."""
        return torch.stack([self(image) for image in img_list])

    def transform_coords(
        self, coords: Float[Tensor, "*n 2"], normalize: bool = False, orig_hw: Size | None = None
    ) -> Float[Tensor, "*n 2"]:
        """Points in pixels of the square.

        Args:
            normalize: whether they are in pixels of the picture; else in 0..1.
            orig_hw: height and width of the picture.

        Raises:
            ValueError: if its size is needed and missing.
        """
        if not normalize:
            return coords * self.resolution
        if orig_hw is None:
            raise ValueError("normalize=True needs the picture's size; give orig_hw")
        return SmoothSquash(self.resolution).points(coords, (orig_hw[0], orig_hw[1]))

    def transform_boxes(
        self, boxes: Float[Tensor, "*n 4"], normalize: bool = False, orig_hw: Size | None = None
    ) -> Float[Tensor, "B 2 2"]:
        """Boxes as two corners each; see :meth:`transform_coords`."""
        return self.transform_coords(boxes.reshape(-1, 2, 2), normalize, orig_hw)

    def postprocess_masks(
        self, masks: Float[Tensor, "R M h w"], orig_hw: Size
    ) -> Float[Tensor, "R M H W"]:
        """Low-resolution logits at the picture's size."""
        return F.interpolate(self.repair(masks.float()), tuple(orig_hw), mode="bilinear")

    def repair(self, masks: Float[Tensor, "R M h w"]) -> Float[Tensor, "R M h w"]:
        """Logits of masks without small holes and islands."""
        logits, threshold = masks.flatten(0, 1), self.mask_threshold
        if self.max_hole_area > 0:
            holes = small_holes(logits <= threshold, int(self.max_hole_area))
            logits = torch.where(holes, threshold + REPAIRED, logits)
        if self.max_sprinkle_area > 0:
            islands = small_holes(logits > threshold, int(self.max_sprinkle_area))
            logits = torch.where(islands, threshold - REPAIRED, logits)
        return logits.unflatten(0, masks.shape[:2])
