"""The transform of ``segment_anything.utils.transforms``."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from ..model.image_transform import PadLongSide

Size = tuple[int, ...]  # height, width, in pixels


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
        self, coords: Float[np.ndarray, "*n 2"], original_size: Size
    ) -> Float[np.ndarray, "*n 2"]:
        """Points ``(x, y)`` of a picture of ``original_size`` in the resized one."""
        return np.asarray(coords, float) * self._factor(original_size)

    def apply_boxes(
        self, boxes: Float[np.ndarray, "*n 4"], original_size: Size
    ) -> Float[np.ndarray, "B 4"]:
        """Boxes ``(x0, y0, x1, y1)`` in the resized picture."""
        return self.apply_coords(np.reshape(boxes, (-1, 2, 2)), original_size).reshape(-1, 4)

    def apply_image_torch(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        """Pictures at their new size, as floating-point numbers."""
        size = self.get_preprocess_shape(image.shape[2], image.shape[3], self.target_length)
        return F.interpolate(image, size, mode="bilinear", antialias=True)

    def apply_coords_torch(
        self, coords: Float[Tensor, "*n 2"], original_size: Size
    ) -> Float[Tensor, "*n 2"]:
        """:meth:`apply_coords` of a tensor."""
        return coords.float() * torch.tensor(self._factor(original_size)).to(coords.device)

    def apply_boxes_torch(
        self, boxes: Float[Tensor, "*n 4"], original_size: Size
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
