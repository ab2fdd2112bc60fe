"""Sprites for training clips, made of cut-outs, photographs and textures.

Gives RGBA pictures, alpha not premultiplied. Their colours, light and edges are made to look like
those of a real video.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from .assets import Assets
from .shapes import RGB, RGBA, blob, desaturate


def random_object(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A random object whose longer side is ``side`` pixels, or 12 if that is more."""
    kind, side = rng.random(), max(side, 12)
    if kind < 0.42:
        picture = resize(assets.sprite(rng), side)
    elif kind < 0.54:
        above = round(side * 0.6)
        picture = join(random_object(assets, rng, side), random_object(assets, rng, above), rng)
    elif kind < 0.72:
        picture = retextured_sprite(assets, rng, side)
    else:
        texture = texture_patch(assets, rng, side)
        picture = textured_shape(texture, silhouette(assets, rng, side), rng)
    return finish(picture, rng)


def finish(picture: RGBA, rng: np.random.Generator) -> RGBA:
    """The picture lit from one side, sometimes mirrored, sometimes with a softer edge."""
    picture = light_from_one_side(picture, rng)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return soften_edge(np.ascontiguousarray(picture), rng)


def resize(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side ``side`` pixels."""
    scale = side / max(picture.shape[:2])
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=way)


def texture_patch(assets: Assets, rng: np.random.Generator, side: int) -> RGB:
    """A square piece of a photograph or a texture, ``side`` pixels wide."""
    source = assets.photo(rng) if rng.random() < 0.65 else assets.texture(rng)
    height, width = source.shape[:2]
    span = round(min(height, width) * rng.uniform(0.2, 0.8))
    y, x = int(rng.integers(height - span + 1)), int(rng.integers(width - span + 1))
    piece = resize(source[y : y + span, x : x + span], side)
    return piece if rng.random() < 0.5 else piece[::-1]


def silhouette(assets: Assets, rng: np.random.Generator, side: int) -> UInt8[np.ndarray, "h w"]:
    """A random silhouette as alpha, its longer side ``side`` pixels."""
    kind = rng.random()
    if kind < 0.35:
        return resize(assets.sprite(rng)[..., 3], side)
    if kind < 0.7:
        return blob(rng, side, rough=rng.uniform(0.1, 0.45))
    if kind < 0.8:  # a corner-cut, slightly rounded box
        alpha = np.zeros((side, side), np.uint8)
        corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
        corners = np.clip(corners + rng.uniform(-0.12, 0.12, (4, 2)), 0.02, 0.98)
        corners[:, int(rng.integers(2))] *= rng.uniform(0.4, 1.0)
        cv2.fillConvexPoly(
            alpha, np.round(corners * side * 16).astype(np.int32), 255, cv2.LINE_AA, 4
        )
        return cv2.blur(alpha, (max(1, side // 24),) * 2)
    coarse = rng.normal(size=(6, 6)).astype(np.float32)  # the largest island of a noise field
    ramp = 1.6 - 4.5 * np.hypot(
        *np.meshgrid(np.linspace(-0.5, 0.5, side), np.linspace(-0.5, 0.5, side))
    )
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC) + ramp
    _, labels, stats, _ = cv2.connectedComponentsWithStats((field > 0).astype(np.uint8))
    if len(stats) < 2:
        return blob(rng, side)
    inside = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.clip(field * side * 6 + 128, 0, 255).astype(np.uint8) * inside


def textured_shape(texture: RGB, alpha: UInt8[np.ndarray, "h w"], rng: np.random.Generator) -> RGBA:
    """A piece of texture in a silhouette, sometimes rounded by light."""
    height, width = alpha.shape
    rgb = texture[:height, :width]
    if rng.random() < 0.5:
        round_ = cv2.blur(alpha, (max(3, min(height, width) // 3),) * 2).astype(np.float32) / 255
        shade = 1 - rng.uniform(0.2, 0.7) * (1 - round_)
        rgb = (rgb * shade[..., None]).astype(np.uint8)
    return np.dstack([rgb, alpha])


def retextured_sprite(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A sprite with another texture: its silhouette and shading are kept."""
    sprite = resize(assets.sprite(rng), side)
    texture = texture_patch(assets, rng, side)[: sprite.shape[0], : sprite.shape[1]]
    grey = cv2.cvtColor(np.ascontiguousarray(sprite[..., :3]), cv2.COLOR_RGB2GRAY).astype(
        np.float32
    )
    inside = grey[sprite[..., 3] > 127]
    centre = float(inside.mean()) if inside.size else 128.0
    shade = 1 + rng.uniform(0.3, 1.0) * (grey - centre) / 128
    rgb = np.clip(texture * np.clip(shade, 0.3, 1.8)[..., None], 0, 255).astype(np.uint8)
    return np.dstack([rgb, sprite[..., 3]])


def join(below: RGBA, above: RGBA, rng: np.random.Generator) -> RGBA:
    """Two objects joined into one, as a rider and a horse are."""
    overhang = above.shape[0] // 2
    height = overhang + max(below.shape[0], above.shape[0] - overhang)
    width = max(below.shape[1], above.shape[1])
    out = np.zeros((height, width, 4), np.uint8)
    x = (width - below.shape[1]) // 2
    out[overhang : overhang + below.shape[0], x : x + below.shape[1]] = below
    x = int(rng.integers(width - above.shape[1] + 1))
    region = out[: above.shape[0], x : x + above.shape[1]]
    np.copyto(region, above, where=(above[..., 3:] > 127))
    longest = max(below.shape[:2])
    return resize(out, longest)


def light_from_one_side(picture: RGBA, rng: np.random.Generator) -> RGBA:
    """The picture with shading across it: one side is lighter."""
    height, width = picture.shape[:2]
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.45)
    x, y = np.linspace(-0.5, 0.5, width)[None], np.linspace(-0.5, 0.5, height)[:, None]
    shade = (1 + depth * (x * np.cos(angle) + y * np.sin(angle))).astype(np.float32)
    rgb = np.clip(picture[..., :3] * shade[..., None], 0, 255).astype(np.uint8)
    return np.dstack([rgb, picture[..., 3]])


def soften_edge(picture: RGBA, rng: np.random.Generator) -> RGBA:
    """The picture with its edge left as it is or blurred, at random."""
    if rng.random() < 0.5:
        return picture
    size = 3 if rng.random() < 0.7 else 5
    edge = cv2.GaussianBlur(np.ascontiguousarray(picture[..., 3]), (size, size), 0)
    return np.dstack([picture[..., :3], edge])


def match_colours(
    picture: RGBA, surroundings: RGB, rng: np.random.Generator, *, pull: float
) -> RGBA:
    """The picture with mean and contrast moved towards those of its surroundings.

    ``pull`` is how far: 0 = not at all, 1 = equal.
    """
    inside = picture[..., 3] > 127
    if not inside.any():
        return picture
    own, around = picture[..., :3][inside].astype(np.float32), surroundings.reshape(-1, 3)
    mean, spread = own.mean(0), own.std(0).mean() + 1
    target_mean = around.mean(0) * pull + mean * (1 - pull)
    target = (around.std(0).mean() + 1) ** (pull * 0.7) * spread ** (1 - pull * 0.7)
    target_mean = target_mean + rng.normal(0, 12, 3) + rng.normal(0, 16)
    gain = np.clip(target / spread, 0.5, 1.6)
    table = np.clip((np.arange(256)[:, None] - mean) * gain + target_mean, 0, 255).astype(np.uint8)
    rgb = cv2.LUT(np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(table[None]))
    if rng.random() < 0.3:
        rgb = desaturate(rgb, rng.uniform(0.2, 0.9))
    return np.dstack([rgb, picture[..., 3]])


def pole(assets: Assets, rng: np.random.Generator, side: int) -> RGBA:
    """A pole, a trunk or a fence: a thin and long foreground occluder."""
    width = max(4, round(side * rng.uniform(0.03, 0.16)))
    rgb = texture_patch(assets, rng, side)[:, :width]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    shade = 1 - rng.uniform(0, 0.5) * across**2
    rgb = (rgb * shade[None, :, None]).astype(np.uint8)
    return np.dstack([rgb, np.full((side, width), 255, np.uint8)])
