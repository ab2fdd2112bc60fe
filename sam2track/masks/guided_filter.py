"""Brings mask logits to the video's size with the edges of the picture.

The masks of a small model are coarse: a cell of nano's grid is 11 pixels of a 480p video wide.
Within a few cells, however, an object differs in colour from its surroundings. The guided filter
describes the mask in every small window as a linear function of colour, and evaluates that function
at every pixel of the picture.

He, Sun, Tang: Guided Image Filtering, TPAMI 2013, section 3.5 (colour); computed at low resolution
as in He, Sun: Fast Guided Filter, arXiv 1505.00996.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from .upscaling import VideoMasks, Window, combine

RADIUS = 2  # of a window, in cells
MARGIN = RADIUS + 1  # around an object, in cells
EPSILON = 1e-5  # variance of colour (0..1) that counts as noise; the paper's regularisation
# The fraction of a mask's variance that colours must explain so that the filter's constant term
# is used unchanged. With a smaller fraction it is mixed with the unfiltered mask.
SUFFICIENT_SHARE = 2 / 3
MASK_EPSILON = 1e-4  # added to the mask's variance, which may be 0
LOGIT_SCALE = 2.0  # logits become tanh(logits / LOGIT_SCALE), so that large ones weigh the same


def sharpen(
    logits: Float[Tensor, "N h w"],
    picture: UInt8[np.ndarray, "H W 3"],
    speck_area: float = 0,
    hole_area: float = 0,
    *,
    onto: VideoMasks | None = None,
    rows: Sequence[int] | None = None,
) -> VideoMasks:
    """Masks at the picture's size, made on the host; confidence is in -1..1.

    Args:
        logits: of masks at stride 4, above 0 on the object.
        picture: RGB, 0..255, at the video's size.
        speck_area, hole_area: see :func:`sam2track.masks.tidy`, in pixels of ``logits``.
        onto, rows: see :func:`sam2track.masks.upscaling.combine`.
    """
    cells, size = logits.shape[1:], (picture.shape[0], picture.shape[1])
    # Without details smaller than two thirds of a cell, which would make small wrong spots.
    finest = min(size[0] // cells[0], size[1] // cells[1]) * 2 // 3 | 1  # odd
    picture = np.asarray(cv2.blur(picture, (finest, finest)), np.uint8)
    small = _shrunk(picture, cells)

    @torch.inference_mode()  # it is faster, and no tensor of it is returned
    def filtered(own: Tensor, coarse: Window, fine: Window) -> np.ndarray:
        planes = _linear_function(own[coarse], small[(..., *coarse)])
        colours = cv2.split(picture[fine].astype(np.float32))
        shape = colours[0].shape[::-1]
        *slopes, value = (cv2.resize(plane, shape) for plane in planes.numpy())
        for slope, colour in zip(slopes, colours, strict=True):
            cv2.accumulateProduct(slope, colour, value)
        return value

    return combine(
        logits,
        size,
        filtered,
        margin=MARGIN,
        speck_area=speck_area,
        hole_area=hole_area,
        onto=onto,
        rows=rows,
    )


def _linear_function(
    logits: Float[Tensor, "h w"], colours: Float[Tensor, "3 h w"]
) -> Float[Tensor, "4 h w"]:
    """The mask at each cell as three slopes, for RGB in 0..255, and a constant (-1 to 1 in all).

    The filter smooths the mask where colours do not explain it. There, unlike in the paper, the
    mask is not changed; else small objects in front of others of the same colour would vanish.
    """
    mask = (logits / LOGIT_SCALE).tanh()
    products = colours[:, None] * colours  # (3, 3, h, w)
    mean, mean_products, mean_with_mask, mean_mask, mean_square = _window_means(
        colours, products, colours * mask, mask, mask.square()
    )
    covariance = mean_products - mean[:, None] * mean  # (3, 3, h, w)
    with_mask = mean_with_mask - mean * mean_mask  # (3, h, w), covariance too
    regularised = covariance.permute(2, 3, 0, 1) + EPSILON * torch.eye(3)
    slopes = torch.linalg.solve(regularised, with_mask.permute(1, 2, 0)).permute(2, 0, 1)
    constant = mean_mask - (slopes * mean).sum(0)
    slopes, constant, explained, variance = _window_means(
        slopes, constant, (slopes * with_mask).sum(0), mean_square - mean_mask.square()
    )
    explained = explained / (variance + MASK_EPSILON)
    unfiltered = mask - (slopes * colours).sum(0)
    constant = unfiltered.lerp(constant, (explained / SUFFICIENT_SHARE).clamp(0, 1))
    return torch.cat((slopes / 255, constant[None]))


def _window_means(*values: Float[Tensor, "... h w"]) -> list[Float[Tensor, "... h w"]]:
    """The mean of each cell's window. OpenCV is several times as fast on few cells, and takes all
    planes as the channels of one picture."""
    planes = torch.cat([value.reshape(-1, *value.shape[-2:]) for value in values])
    channels = planes.permute(1, 2, 0).contiguous().numpy()
    means = torch.from_numpy(cv2.blur(channels, (2 * RADIUS + 1,) * 2))
    means = means.view(channels.shape).permute(2, 0, 1).contiguous()
    parts = means.split([value.shape[:-2].numel() for value in values])
    return [part.view(value.shape) for part, value in zip(parts, values, strict=True)]


def _shrunk(picture: UInt8[np.ndarray, "H W 3"], cells: tuple[int, ...]) -> Float[Tensor, "3 h w"]:
    """The picture with one pixel for each cell, in 0..1."""
    colours = torch.from_numpy(picture).permute(2, 0, 1)[None]
    return F.interpolate(colours, cells, mode="bilinear", antialias=True)[0].float() / 255
