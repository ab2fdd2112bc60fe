"""Pictures of packages become sprites, photographs and textures, or are refused.

:func:`shape` is for one picture; :func:`cutouts` finds sprites in a photograph.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None

SPRITE_SIDE = 224  # longest side of a sprite, pixels
PHOTO_SIDE = 512  # shorter side of a photograph
TEXTURE_SIDE = 256  # both sides of a texture


def decode(data: bytes) -> np.ndarray | None:
    """RGBA uint8, at most 2048 pixels wide and high; None if Pillow cannot read it."""
    try:
        image = Image.open(io.BytesIO(data))
        if min(image.size) < 48 or image.size[0] * image.size[1] > 40_000_000:
            return None
        image.draft("RGB", (2 * PHOTO_SIDE, 2 * PHOTO_SIDE))
        image = image.convert("RGBA")
        image.thumbnail((4 * PHOTO_SIDE, 4 * PHOTO_SIDE), reducing_gap=2.0)
        return np.asarray(image)
    except Exception:
        return None


def shrink(image: np.ndarray, scale: float) -> np.ndarray:
    """The picture scaled down by averaging; never scaled up."""
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def grain(rgb: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Share of the pixels whose surroundings are neither flat nor a hard line: high in photos."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (5, 5)) - cv2.blur(grey, (5, 5)) ** 2, 0))
    good = (spread > 1.5) & (spread < 40)
    return float(good.mean() if mask is None else good[mask].mean())


def sprite(rgba: np.ndarray) -> np.ndarray | None:
    """A cut-out cropped to its object, or None where it is not one solid, filled thing."""
    alpha = rgba[..., 3]
    if (alpha > 127).mean() > 0.97 or (alpha > 127).mean() < 0.02:
        return None
    rows, columns = np.flatnonzero((alpha > 20).any(1)), np.flatnonzero((alpha > 20).any(0))
    rgba = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = rgba.shape[:2]
    if min(height, width) < 64 or max(height, width) > 4 * min(height, width):
        return None
    scale = SPRITE_SIDE / max(height, width)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    weighted = shrink(np.dstack([rgba[..., :3] * alpha, alpha * 255]), scale)  # no dark fringes
    alpha = weighted[..., 3:] / 255
    rgb = weighted[..., :3] / np.maximum(alpha, 1 / 255)
    rgba = np.dstack([rgb, alpha * 255]).round().clip(0, 255).astype(np.uint8)
    solid = (rgba[..., 3] > 127).astype(np.uint8)
    if not 0.15 < solid.mean() < 0.97:
        return None
    side = max(3, round(0.05 * max(solid.shape)))
    if cv2.erode(solid, np.ones((side, side), np.uint8)).sum() < 0.3 * solid.sum():
        return None  # a line drawing, or sparse twigs
    areas = cv2.connectedComponentsWithStats(solid)[2][1:, cv2.CC_STAT_AREA]
    if areas.max() < 0.85 * areas.sum():
        return None
    inside = rgba[..., :3][solid > 0].astype(np.float32)
    pale = (inside.min(1) > 235).mean()
    if pale > 0.6 or inside.std(0).max() < 8:
        return None
    return rgba


def photo(rgba: np.ndarray) -> np.ndarray | None:
    """A photograph at its final size, or None if it is too small, cut out, or a flat drawing."""
    if (rgba[..., 3] < 250).mean() > 0.01 or min(rgba.shape[:2]) < 170:
        return None
    rgb = shrink(rgba[..., :3], PHOTO_SIDE / min(rgba.shape[:2]))
    if max(rgb.shape[:2]) > 2.2 * min(rgb.shape[:2]):
        return None
    if (rgb.min(2) > 245).mean() > 0.8 or grain(rgb) < 0.1:
        return None
    return rgb


def texture(rgba: np.ndarray) -> np.ndarray | None:
    """A square texture, or None for decals, normal maps, charts and flat colours."""
    if (rgba[..., 3] < 250).mean() > 0.01 or min(rgba.shape[:2]) < 128:
        return None
    side = min(rgba.shape[:2])
    rgb = shrink(rgba[:side, :side, :3], TEXTURE_SIDE / side)
    if rgb.shape[0] < TEXTURE_SIDE:
        rgb = cv2.resize(rgb, (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_CUBIC)
    mean = rgb.reshape(-1, 3).mean(0)
    if mean[2] > 170 and mean[2] > mean[:2].max() + 50:  # a normal map
        return None
    if grain(rgb) < 0.55 or mean.max() < 30 or mean.min() > 225:
        return None
    return rgb


def shape(job: tuple[str, bytes]) -> np.ndarray | None:
    """One picture, from its bytes to what is packed; None = not kept."""
    cv2.setNumThreads(0)
    kind, data = job
    rgba = decode(data)
    if rgba is None:
        return None
    return {"sprites": sprite, "photos": photo, "textures": texture}[kind](rgba)


# ---------------------------------------------------------------- objects cut out of photographs


def cutouts(rgb: np.ndarray) -> list[np.ndarray]:
    """Regions of a photograph that hold together, as sprites: GrabCut from nine boxes.

    A region is kept if it is solid, lies inside its box, and if the colours just inside and just
    outside its outline differ.
    """
    cv2.setNumThreads(0)
    small = shrink(rgb, 160 / min(rgb.shape[:2]))
    height, width = small.shape[:2]
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for cx, cy, size in (
        (0.5, 0.5, 0.8), (0.5, 0.5, 0.55), (0.33, 0.5, 0.6), (0.67, 0.5, 0.6), (0.5, 0.65, 0.6),
        (0.3, 0.3, 0.45), (0.7, 0.3, 0.45), (0.3, 0.7, 0.45), (0.7, 0.7, 0.45),
    ):  # fmt: skip
        w, h = int(size * width), int(size * height)
        x = int(np.clip(cx * width - w / 2, 1, width - w - 2))
        y = int(np.clip(cy * height - h / 2, 1, height - h - 2))
        mask = np.zeros((height, width), np.uint8)
        cv2.setRNGSeed(0)
        try:
            cv2.grabCut(small, mask, (x, y, w, h), np.zeros((1, 65)), np.zeros((1, 65)), 4,
                        cv2.GC_INIT_WITH_RECT)  # fmt: skip
        except cv2.error:
            continue
        solid = _largest((mask & 1).astype(np.uint8))
        if solid is None or not _holds(small, solid, (x, y, w, h)):
            continue
        if all((solid & m).sum() < 0.6 * (solid | m).sum() for m, _ in kept):
            kept.append((solid, _lift(rgb, solid)))
    return [cut for _, cut in kept if cut is not None]


def _largest(mask: np.ndarray) -> np.ndarray | None:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    return (labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def _holds(rgb: np.ndarray, mask: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    x, y, w, h = box
    if not 0.02 * mask.size < mask.sum() < 0.85 * w * h:
        return False
    frame = np.concatenate([mask[y], mask[y + h - 1], mask[:, x], mask[:, x + w - 1]])
    if frame.mean() > 0.12:  # cut by the box: not a whole thing
        return False
    kernel = np.ones((5, 5), np.uint8)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    inner, outer = mask - cv2.erode(mask, kernel), cv2.dilate(mask, kernel) - mask
    near = cv2.blur(lab * inner[..., None], (9, 9)) / np.maximum(
        cv2.blur(inner.astype(np.float32), (9, 9)), 1e-3
    )[..., None]  # fmt: skip
    return bool(np.abs(near - lab).sum(2)[outer > 0].mean() > 22)


def _lift(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    size = (rgb.shape[1], rgb.shape[0])
    alpha = cv2.GaussianBlur(mask * 255.0, (0, 0), 1.2)
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_CUBIC)
    alpha = np.clip((alpha - 127.5) * 2 + 127.5, 0, 255).astype(np.uint8)
    return sprite(np.dstack([rgb, alpha]))


# ---------------------------------------------------------------- packing


def unlike(images: list[np.ndarray]) -> list[np.ndarray]:
    """The pictures without those that repeat an earlier one."""
    seen: set[bytes] = set()
    kept = []
    for image in images:
        thumb = cv2.resize(image[..., :3], (6, 6), interpolation=cv2.INTER_AREA)
        key = (thumb // 24).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(image)
    return kept
