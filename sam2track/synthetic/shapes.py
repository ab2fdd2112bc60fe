"""Random shapes and textures, and the form in which layers want their pictures."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

RIM = 2  # pixels that premultiply() puts around a picture


def premultiply(rgba: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "h w 4"]:
    """The picture with colours multiplied by alpha, and a clear rim so that its edge is soft."""
    out = cv2.copyMakeBorder(rgba, RIM, RIM, RIM, RIM, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    alpha = cv2.cvtColor(cv2.extractChannel(out, 3), cv2.COLOR_GRAY2RGB)
    rgb = cv2.multiply(cv2.cvtColor(out, cv2.COLOR_RGBA2RGB), alpha, scale=1 / 255)
    return np.ascontiguousarray(np.dstack([rgb, out[..., 3]]))


def blob(rng: np.random.Generator, size: int, *, rough: float = 0.35) -> np.ndarray:
    """A random closed smooth shape: ``(size, size)`` uint8 alpha, 255 inside."""
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


def noise_texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A random coloured texture ``(height, width, 3)`` uint8: octaves of noise between colours."""
    field_ = np.zeros((height, width), np.float32)
    cells = rng.uniform(2, 5)
    for octave in range(5):
        n = round(cells * 2**octave)
        coarse = rng.random((n + 1, round(n * width / height) + 1), np.float32) - 0.5
        field_ += 0.6**octave * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.4:  # bands, as in wood or cloth
        field_ = np.sin(field_ * rng.uniform(6, 20))
    field_ = (field_ - field_.min()) / (np.ptp(field_) + 1e-6)
    colours = rng.uniform(20, 235, (4, 3))
    steps = np.stack([np.interp(field_, np.linspace(0, 1, 4), colours[:, c]) for c in range(3)], -1)
    return np.clip(steps, 0, 255).astype(np.uint8)
