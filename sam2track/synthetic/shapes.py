"""Random silhouettes and textures, and the picture format that layers take.

Layers take RGBA pictures whose colours are already multiplied by alpha ("premultiplied").
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

RGB = UInt8[np.ndarray, "h w 3"]
RGBA = UInt8[np.ndarray, "h w 4"]
RIM = 2  # pixels that premultiply() puts around a picture


def premultiply(rgba: RGBA) -> RGBA:
    """The picture with colours multiplied by alpha, and a clear rim so that its edge is soft."""
    out = cv2.copyMakeBorder(rgba, RIM, RIM, RIM, RIM, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    alpha = cv2.cvtColor(cv2.extractChannel(out, 3), cv2.COLOR_GRAY2RGB)
    rgb = cv2.multiply(cv2.cvtColor(out, cv2.COLOR_RGBA2RGB), alpha, scale=1 / 255)
    return np.ascontiguousarray(np.dstack([rgb, out[..., 3]]))


def to_premultiplied(rgb: Float[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> RGBA:
    """A premultiplied picture without a rim, from colours (0..255, clipped) and alpha (0..1)."""
    rgb = np.clip(rgb, 0, 255) * alpha[..., None]
    return np.dstack([rgb, 255 * alpha]).round().astype(np.uint8)


def desaturate(rgb: RGB, saturation: float) -> RGB:
    """The picture with other colours: 0 = grey, 1 = as they are, above 1 stronger."""
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(rgb, saturation, grey, 1 - saturation, 0)


def overlap(canvas, piece, left: int, top: int):
    """Views of the same pixels in a canvas and in a piece whose corner is at ``(left, top)``.

    They are empty if the piece is outside the canvas.
    """
    y0, x0 = max(top, 0), max(left, 0)
    y1 = max(y0, min(top + piece.shape[0], canvas.shape[0]))
    x1 = max(x0, min(left + piece.shape[1], canvas.shape[1]))
    return canvas[y0:y1, x0:x1], piece[y0 - top : y1 - top, x0 - left : x1 - left]


def blob(rng: np.random.Generator, size: int, *, rough: float = 0.35) -> np.ndarray:
    """A random smooth silhouette, ``(size, size)`` uint8 alpha, 255 inside."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones(64)
    for k in range(2, 8):
        radius += rough / k**0.8 * rng.normal() * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, None)
    points = np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.5, 1.0)], 1) * radius[:, None]
    turn = rng.uniform(0, 2 * np.pi)
    points = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    low, high = points.min(0), points.max(0)
    points = (points - (low + high) / 2) / (high - low).max() * (size - 3) + size / 2
    alpha = np.zeros((size, size), np.uint8)
    cv2.fillPoly(alpha, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return alpha


def noise_texture(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A random texture: octaves of noise, coloured by a ramp of four random colours."""
    cells = rng.uniform(2, 5)
    counts = (round(cells * 2**octave) for octave in range(5))
    grids = ((n + 1, round(n * width / height) + 1) for n in counts)
    noise = _octaves(rng, height, width, grids, 0.6)
    if rng.random() < 0.4:  # bands, as in wood or cloth
        noise = np.sin(noise * rng.uniform(6, 20))
    noise = (noise - noise.min()) / (np.ptp(noise) + 1e-6)
    colours = rng.uniform(20, 235, (4, 3))
    rgb = np.stack([np.interp(noise, np.linspace(0, 1, 4), colours[:, c]) for c in range(3)], -1)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, cells: float, *, octaves: int = 4
) -> Float[np.ndarray, "h w"]:
    """Smooth noise of mean 0 and deviation 1, ``cells`` bumps high, with finer ones on it."""
    counts = (max(2, round(cells * 2**octave)) for octave in range(octaves))
    grids = ((n, max(2, round(n * width / height))) for n in counts)
    out = _octaves(rng, height, width, grids, 0.55)
    return (out - out.mean()) / (out.std() + 1e-6)


def _octaves(rng: np.random.Generator, height: int, width: int, grids, falloff: float):
    """Sum of random grids of these shapes, enlarged; the k-th is weighted by ``falloff**k``."""
    out = np.zeros((height, width), np.float32)
    for octave, grid in enumerate(grids):
        coarse = rng.random(grid, np.float32) - 0.5
        out += falloff**octave * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return out


def perspective_floor(texture: np.ndarray, corners, width: int, height: int) -> np.ndarray:
    """A texture seen in perspective, ``width`` x ``height`` pixels; beyond its edge it is mirrored.

    ``corners`` (4, 2) are the texture's pixels at the picture's corners, clockwise from the upper
    left.
    """
    onto = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(onto, np.asarray(corners, np.float32))
    return cv2.warpPerspective(
        np.ascontiguousarray(texture), matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
