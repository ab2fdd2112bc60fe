"""Draws masks, ids, prompts and captions into a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from .boxes import mask_box
from .palette import object_colour

_FILL = 0.45
_FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_objects(
    image: UInt8[np.ndarray, "H W 3"],
    object_ids: Sequence[int],
    masks: Bool[np.ndarray, "N H W"] | Sequence[Bool[np.ndarray, "H W"]],
    boxes: Sequence[tuple[int, int, int, int] | None] | None = None,
    *,
    with_ids: bool = True,
) -> None:
    """Draw each object in its colour, in place: translucent fill, outline, id above it.

    Only the pixels of an object's box are changed, so small objects are fast. The boxes of the
    masks are found here unless they are given.
    """
    line = _line(image)
    boxes = [mask_box(mask) for mask in masks] if boxes is None else boxes
    order = sorted(range(len(object_ids)), key=lambda place: object_ids[place])
    labels = []
    for place in order:
        box = boxes[place]
        if box is None:
            continue
        top, left = max(0, box[1] - 2 * line), max(0, box[0] - 2 * line)  # room for the outline
        where = slice(top, box[3] + 2 * line), slice(left, box[2] + 2 * line)
        _fill(image, masks[place], where, object_colour(object_ids[place]), line)
        if with_ids:
            labels.append((object_ids[place], box))
    for object_id, box in labels:  # after every fill, so that none is covered
        _label(image, object_id, box)


def draw_prompt(
    image: UInt8[np.ndarray, "H W 3"],
    object_id: int,
    points: Float[np.ndarray, "P 2"],
    labels: Int[np.ndarray, " P"],
    box: Float[np.ndarray, "4"] | None,
) -> None:
    """Draw clicks (white ring, filled with green = on, red = off the object) and the box."""
    line = _line(image)
    if box is not None:
        corners = np.rint(box).astype(int).tolist()
        cv2.rectangle(image, corners[:2], corners[2:], object_colour(object_id), line, cv2.LINE_AA)
    for point, label in zip(np.rint(points).astype(int), labels, strict=True):
        inside = (40, 200, 60) if label else (230, 40, 40)
        cv2.circle(image, point.tolist(), 3 * line + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, point.tolist(), 2 * line + 1, inside, -1, cv2.LINE_AA)


def draw_caption(image: UInt8[np.ndarray, "H W 3"], text: str) -> None:
    """Write small text on a dark background in the lower left corner, in place; shrunk to fit."""
    scale = 0.2 + 0.2 * _line(image)
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    scale *= min(1, (image.shape[1] - 10) / max(width, 1))
    (width, height), base = cv2.getTextSize(text, _FONT, scale, 1)
    top, right = max(0, image.shape[0] - height - base - 6), min(width + 10, image.shape[1])
    image[top:, :right] = image[top:, :right] // 4
    place = (5, image.shape[0] - base - 2)
    cv2.putText(image, text, place, _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _line(image: np.ndarray) -> int:
    """Width of a line: 1 for small pictures, 2 at 480p, 4 at 1080p."""
    return max(1, round(min(image.shape[:2]) / 240))


def _fill(
    image: np.ndarray,
    mask: np.ndarray,
    where: tuple[slice, slice],
    colour: tuple[int, int, int],
    line: int,
) -> None:
    """Tint a mask and draw its outline; dark around the bright line, visible on any background."""
    patch = np.ascontiguousarray(image[where])
    inside = np.ascontiguousarray(mask[where]).view(np.uint8)
    cv2.copyTo(cv2.LUT(patch, _tint(colour)), inside, patch)
    # Bands of pixels: to draw contours as smooth lines takes ten times as long.
    core, middle = cv2.erode(inside, _disc(line // 2)), cv2.dilate(inside, _disc((line + 1) // 2))
    outer = cv2.dilate(middle, _disc((line + 1) // 2))
    for band, ink in ((middle - core, colour), (outer - middle, (20, 20, 20))):
        # Of a whole patch in one colour: NumPy takes ten times as long to make one.
        flat = cv2.rectangle(np.empty_like(patch), (0, 0), inside.shape[::-1], ink, cv2.FILLED)
        cv2.copyTo(flat, band, patch)
    image[where] = patch


@cache
def _tint(colour: tuple[int, int, int]) -> UInt8[np.ndarray, "1 256 3"]:
    """What each value of each channel becomes when it is mixed with a colour."""
    shade = np.arange(256)[:, None] * (1 - _FILL) + np.array(colour) * _FILL
    return np.rint(shade).astype(np.uint8)[None]


@cache
def _disc(radius: int) -> UInt8[np.ndarray, "D D"]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)


def _label(image: np.ndarray, object_id: int, box: tuple[int, int, int, int]) -> None:
    """The id on a patch of the object's colour above its box, or where there is space."""
    colour, text = object_colour(object_id), str(object_id)
    line = _line(image)
    scale, pad = 0.2 + 0.2 * line, 2 * line
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, 1)
    x0 = int(np.clip((box[0] + box[2] - width) // 2 - pad, 0, image.shape[1] - 1))
    tall = height + 2 * pad
    places = (box[1] - tall - 2 * line, box[3] + 2 * line)
    fitting = [y for y in places if 0 <= y <= image.shape[0] - tall]
    y0 = fitting[0] if fitting else int(np.clip(box[1] + line, 0, image.shape[0] - 1))
    x1, y1 = x0 + width + 2 * pad, y0 + tall
    cv2.rectangle(image, (x0 - 1, y0 - 1), (x1 + 1, y1 + 1), (20, 20, 20), -1)
    cv2.rectangle(image, (x0, y0), (x1, y1), colour, -1)
    luminance = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
    ink = (0, 0, 0) if luminance > 110 else (255, 255, 255)
    cv2.putText(image, text, (x0 + pad, y1 - pad), _FONT, scale, ink, 1, cv2.LINE_AA)
