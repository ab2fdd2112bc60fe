"""TRACK: masks at the video's size whose edges are those of the picture.

A small model's mask is coarse: a cell of nano's is as wide as 13 pixels of a 480p video. Within a
few cells, though, colours tell an object from what surrounds it. The guided filter (He, Sun, Tang:
Guided Image Filtering, TPAMI 2013; at low resolution as in Fast Guided Filter, 1505.00996) explains
the mask in every small window as a linear function of colour, and that function is then asked at
every pixel of the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from .boxes import mask_box
from .upscaling import Canvas, Drawn

RADIUS = 2  # of a window, in cells
MARGIN = RADIUS + 1  # around an object, in cells
VARIANCE = 1e-5  # of colour (0..1) that is taken for noise; the filter's epsilon
ENOUGH = 2 / 3  # of a mask's variance: as much as that, and colours are believed
UNMOVED = 1e-4  # a variance of the squashed mask that is none
SOFTNESS = 2.0  # logits are squashed to tanh(logits / SOFTNESS), so that sure cells weigh alike


def sharpen(logits: Float[Tensor, "N h w"], picture: UInt8[np.ndarray, "H W 3"]) -> Drawn:
    """Masks at the picture's size, on the device of the logits, but made on the host.

    Args:
        logits: of masks at stride 4, above 0 on the object.
        picture: RGB, 0..255, at the video's size.

    Returns:
        The masks; sureness is in -1..1.
    """
    cells, (height, width) = logits.shape[1:], picture.shape[:2]
    canvas = Canvas(len(logits), (height, width))
    picture = _smoothed(picture, cells)
    small = _shrunk(picture, cells)
    for place, own in enumerate(logits.float().cpu()):
        box = mask_box((own > 0).numpy())
        if box is None:
            continue
        rows, ys = _around(box[1], box[3], cells[0], height)
        columns, xs = _around(box[0], box[2], cells[1], width)
        planes = _linear_function(own[rows, columns], small[:, rows, columns])
        colours = cv2.split(picture[ys, xs].astype(np.float32))
        size = colours[0].shape[::-1]
        *slopes, value = (cv2.resize(plane, size) for plane in planes.numpy())
        for slope, colour in zip(slopes, colours, strict=True):
            cv2.accumulateProduct(slope, colour, value)
        canvas.draw(place, value, ys, xs)
    return canvas.drawn().to(logits.device)


def _linear_function(
    logits: Float[Tensor, "h w"], colours: Float[Tensor, "3 h w"]
) -> Float[Tensor, "4 h w"]:
    """At each cell the mask as three slopes, for RGB in 0..255, and a constant (-1 to 1 in all).

    The filter smooths what colours do not explain. There, unlike in the paper, the mask stays as it
    is, or small objects in front of others of their colours would fade.
    """
    mask = (logits / SOFTNESS).tanh()
    mean, mean_mask = _window_means(colours), _window_means(mask)
    spread = _window_means(colours[:, None] * colours) - mean[:, None] * mean  # (3, 3, h, w)
    joint = _window_means(colours * mask) - mean * mean_mask  # (3, h, w)
    noisy = spread.permute(2, 3, 0, 1) + VARIANCE * torch.eye(3)
    slopes = torch.linalg.solve(noisy, joint.permute(1, 2, 0)).permute(2, 0, 1)
    constant = mean_mask - (slopes * mean).sum(0)
    variance = _window_means(mask.square()) - mean_mask.square()
    explained = _window_means((slopes * joint).sum(0)) / (_window_means(variance) + UNMOVED)
    slopes = _window_means(slopes)
    unsmoothed = mask - (slopes * colours).sum(0)
    constant = unsmoothed.lerp(_window_means(constant), (explained / ENOUGH).clamp(0, 1))
    return torch.cat((slopes / 255, constant[None]))


def _window_means(x: Float[Tensor, "*batch h w"]) -> Float[Tensor, "*batch h w"]:
    """The mean of each cell's window. By OpenCV: of so few cells, several times as fast."""
    planes = x.reshape(-1, *x.shape[-2:]).numpy()
    side = 2 * RADIUS + 1
    means = np.stack([cv2.blur(plane, (side, side)) for plane in planes])
    return torch.from_numpy(means).view(x.shape)


def _smoothed(
    picture: UInt8[np.ndarray, "H W 3"], cells: tuple[int, ...]
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture without what is finer than two thirds of a cell, which would make specks."""
    finest = min(picture.shape[0] // cells[0], picture.shape[1] // cells[1]) * 2 // 3 | 1  # odd
    return np.asarray(cv2.blur(picture, (finest, finest)), np.uint8)


def _shrunk(picture: UInt8[np.ndarray, "H W 3"], cells: tuple[int, ...]) -> Float[Tensor, "3 h w"]:
    """The picture with a pixel a cell, in 0..1."""
    colours = torch.from_numpy(picture).permute(2, 0, 1)[None]
    return F.interpolate(colours, cells, mode="bilinear", antialias=True)[0].float() / 255


def _around(first: int, stop: int, cells: int, pixels: int) -> tuple[slice, slice]:
    """Some cells with the windows around them, and their pixels: to the nearest, one at least."""
    first, stop = max(0, first - MARGIN), min(cells, stop + MARGIN)
    begin = min(round(first * pixels / cells), pixels - 1)
    return slice(first, stop), slice(begin, max(round(stop * pixels / cells), begin + 1))
