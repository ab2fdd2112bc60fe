"""Compositing of layers into a frame, with the exact label of every pixel.

Takes pictures with alpha (sprites) and smooth functions of time. No state is kept: a frame
depends only on its time, so that frames can be drawn in any order.

Three coordinate systems: an object's own (its centre is the origin, its height is 1), the world
(what the camera looks at; the frame's height is 1), and the screen (pixels, pixel centres on
integers). Matrices are 3x3 and act on column vectors ``(x, y, 1)``. Time ``t`` counts frames and
need not be whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import Float

from .films import Film
from .motion import Deformation, Motion, Waves
from .shapes import RGB, RGBA

FARTHEST = 22.0  # pixels of motion blur


@dataclass(frozen=True, slots=True, eq=False)
class Limb:
    """A part of an articulated figure: its upper end is hinged to a parent part."""

    picture: RGBA  # RGBA with colours already multiplied by alpha, hanging down
    hinge: tuple[float, float]  # where it is attached, in the parent's own coordinates
    length: float  # its height in those coordinates
    angle: float = 0.0  # radians at rest, 0 = down, positive turns towards the left of the picture
    swing: Waves | None = None  # one channel, radians around that, or None
    behind: bool = False  # whether it is drawn behind its parent
    limbs: tuple[Limb, ...] = ()  # the parts attached to it

    def matrix(self, t: float) -> Float[np.ndarray, "3 3"]:
        """Own coordinates to the parent's, at time ``t``; the ends overlap."""
        angle = self.angle + (0.0 if self.swing is None else float(self.swing(t)[0]))
        cos, sin = self.length * np.cos(angle), self.length * np.sin(angle)
        turned = np.array([[cos, -sin, self.hinge[0]], [sin, cos, self.hinge[1]], [0, 0, 1.0]])
        return turned @ np.array([[1, 0, 0], [0, 1, 0.44], [0, 0, 1.0]])


@dataclass(frozen=True, slots=True, eq=False)
class Reflection:
    """The reflection in a polished surface: it rotates partly with the object, and slides on it."""

    # RGBA with colours already multiplied by alpha, as high as the object. Beyond its edge it is
    # mirrored
    picture: RGBA
    rotation: float  # the fraction of the object's angle by which it rotates
    drift: Waves  # two channels, where its centre is in own coordinates

    def matrix(self, motion: Motion, t: float) -> Float[np.ndarray, "3 3"]:
        """Own coordinates to world at time ``t``, on an object with this motion."""
        x, y = self.drift(t)
        place = motion.with_rotation(self.rotation).matrix(t)
        return place @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One sprite and how it moves.

    Attributes:
        picture: RGBA with colours already multiplied by alpha.
        motion: where it is.
        deformation: how it deforms, or None.
        label: the label of its pixels; 0 = not tracked.
        gain: one channel, how much brighter it gets (0 = unchanged), or None.
        shadow: ``(dx, dy, blur, darkness)``: offset and blur in world units, darkness 0..1.
        limbs: the parts attached to it. They do not deform, mirror or cast a shadow.
        reflection: what it mirrors, or None.
        film: what is shown in place of the picture, or None; of the picture's size.
    """

    picture: RGBA
    motion: Motion
    deformation: Deformation | None = None
    label: int = 0
    gain: Waves | None = None
    shadow: tuple[float, float, float, float] | None = None
    limbs: tuple[Limb, ...] = ()
    reflection: Reflection | None = None
    film: Film | None = None

    def repainted(self, paint: Callable[[RGBA], RGBA]) -> Layer:
        """The layer with ``paint`` applied to its picture, film and limbs."""
        if self.film is not None:
            film = self.film.repainted(paint)
            return replace(self, picture=film(0.0), film=film)
        return _repainted(self, paint)

    def draw(self, frame, labels, camera, t: float, *, blur=(0.0, 0.0)) -> None:
        """Put the layer over ``frame`` (H, W, 3) uint8 and its label into ``labels`` (H, W).

        ``camera`` maps world to screen; ``blur`` is how far (pixels) the layer moves while the
        shutter is open.
        """
        scale = float(camera[1, 1])
        for picture, place in _parts_in_order(self, camera @ self.motion.matrix(t), t):
            body = picture is self.picture
            if body and self.film is not None:
                picture = self.film(t)
            deformation, shadow = (self.deformation, self.shadow) if body else (None, None)
            half = np.array([picture.shape[1] / picture.shape[0] / 2, 0.5])
            half = half + (0.14 if deformation else 0)
            pad = abs(blur[0]) + abs(blur[1])
            pad += 0 if shadow is None else scale * sum(map(abs, shadow[:3]))
            box = _screen_box(place, half, pad, frame.shape)
            if box is None:
                continue
            x0, y0, x1, y1 = box
            seen = sample(picture, place, box, deformation=deformation, t=t, blur=blur)
            if body and self.reflection is not None:
                place = camera @ self.reflection.matrix(self.motion, t)
                light = sample(self.reflection.picture, place, box, blur=blur, repeat=True)
                seen = _with_reflection(seen, light)
            if self.gain is not None:
                g = float(1 + self.gain(t)[0])
                seen = cv2.transform(seen, np.diag([g, g, g, 1.0]))
            _paint(frame[y0:y1, x0:x1], seen, shadow, scale)
            labels[y0:y1, x0:x1][cv2.extractChannel(seen, 3) > 127] = self.label

    def displacement(
        self, camera_before, camera_after, t: float, shutter: float
    ) -> tuple[float, float]:
        """How far (pixels) its centre moves on the screen while the shutter is open."""
        before = camera_before @ self.motion.matrix(t - shutter / 2)
        after = camera_after @ self.motion.matrix(t + shutter / 2)
        return displacement(before, after, np.array([0.0, 0.0, 1.0]))


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A picture that fills the frame; beyond its edge it is mirrored."""

    picture: RGB
    to_world: Float[np.ndarray, "3 3"]  # its own coordinates to the world
    deformation: Deformation | None = None  # how it ripples, or None

    @classmethod
    def around_view(
        cls, paint: Callable[[int, int], RGB], height: int, aspect: float, margin: float
    ) -> Background:
        """A picture that reaches ``margin`` (world units) beyond a view of this aspect.

        ``paint`` makes it, of a height and a width; ``height`` is that of the view, pixels.
        """
        size = 1 + 2 * margin
        picture = paint(round(size * height), round((aspect + 2 * margin) * height))
        return cls(picture, np.array([[size, 0, aspect / 2], [0, size, 0.5], [0, 0, 1.0]]))

    def draw(self, camera, size: tuple[int, int], t: float, *, blur: tuple[float, float]) -> RGB:
        """A frame of ``size`` (height, width); ``camera`` and ``blur`` as in :meth:`Layer.draw`."""
        box = (0, 0, size[1], size[0])
        place = camera @ self.to_world
        return sample(
            self.picture, place, box, deformation=self.deformation, t=t, blur=blur, repeat=True
        )


Part = TypeVar("Part", Layer, Limb)


def _parts_in_order(part: Layer | Limb, place, t: float) -> Iterator[tuple[RGBA, np.ndarray]]:
    """The pictures of a part and of its limbs, from back to front, and the matrices that map each
    to the screen."""
    for behind in (True, False):
        if not behind:
            yield part.picture, place
        for limb in part.limbs:
            if limb.behind == behind:
                yield from _parts_in_order(limb, place @ limb.matrix(t), t)


def _repainted(part: Part, paint: Callable[[RGBA], RGBA]) -> Part:
    limbs = tuple(_repainted(limb, paint) for limb in part.limbs)
    return replace(part, picture=paint(part.picture), limbs=limbs)


def _with_reflection(seen, light):
    """A sampled picture with its reflection on it; its alpha does not change."""
    covered, lit = (cv2.merge([cv2.extractChannel(image, 3)] * 4) for image in (seen, light))
    kept = cv2.multiply(seen, cv2.bitwise_not(lit), scale=1 / 255)
    return cv2.add(kept, cv2.multiply(light, covered, scale=1 / 255))


def _paint(region, seen, shadow, scale: float) -> None:
    """Put a sampled picture, and below it its shadow, over a part of the frame."""
    alpha = cv2.extractChannel(seen, 3)
    if shadow is not None:
        _darken(region, alpha, shadow, scale)
    under = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    over = cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB)
    cv2.add(cv2.multiply(region, under, scale=1 / 255), over, dst=over)
    region[:] = over


def displacement(before, after, point) -> tuple[float, float]:
    """How far (pixels, at most ``FARTHEST``) a point moves from one matrix to another."""
    from_, to = before @ point, after @ point
    way = to[:2] / to[2] - from_[:2] / from_[2]
    way = way * min(1.0, FARTHEST / (np.hypot(*way) + 1e-9))
    return float(way[0]), float(way[1])


def _screen_box(to_screen, half, pad: float, shape) -> tuple[int, int, int, int] | None:
    """The part of the screen that a picture may touch; None if it is outside or behind."""
    corners = np.array(
        [[-half[0], half[0], half[0], -half[0]], [-half[1], -half[1], half[1], half[1]]]
    )
    seen = to_screen @ np.vstack([corners, np.ones(4)])
    if (seen[2] < 0.05).any():
        return None
    seen = seen[:2] / seen[2]
    x0, y0 = np.floor(seen.min(1) - pad).astype(int)
    x1, y1 = np.ceil(seen.max(1) + pad).astype(int) + 1
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, shape[1]), min(y1, shape[0])
    return None if x1 - x0 < 2 or y1 - y0 < 2 else (int(x0), int(y0), int(x1), int(y1))


def sample(picture, to_screen, box, *, deformation=None, t=0.0, blur=(0.0, 0.0), repeat=False):
    """The picture as the screen's ``box`` (x0, y0, x1, y1) shows it.

    ``to_screen`` maps the picture's own coordinates to pixels. Outside the picture everything is
    zero, or, with ``repeat``, its mirror image.
    """
    x0, y0, x1, y1 = box
    height, width = picture.shape[:2]
    # The inverse map is computed on a coarse grid, one cell beyond the box all around, and
    # interpolated: exact for affine maps, and the deformations are smooth.
    cell = max(4, -(-max(x1 - x0, y1 - y0) // 10))
    cols, rows = -(-(x1 - x0) // cell) + 2, -(-(y1 - y0) // cell) + 2
    xs = x0 + (np.arange(cols) - 0.5) * cell - 0.5
    ys = y0 + (np.arange(rows) - 0.5) * cell - 0.5
    blurred = abs(blur[0]) + abs(blur[1]) > 1.0
    if blurred:  # motion_blur() trails behind by this much
        xs, ys = xs + 7 / 16 * blur[0], ys + 7 / 16 * blur[1]
    inverse = np.linalg.inv(to_screen)
    grid = np.empty((rows, cols, 3))
    grid[..., 0], grid[..., 1], grid[..., 2] = xs[None, :], ys[:, None], 1.0
    own = grid @ inverse.T
    own = own[..., :2] / own[..., 2:]
    if deformation is not None:
        own = deformation(own, t)
    own = own * height + ((width - 1) / 2, (height - 1) / 2)
    fine, inside = (cols * cell, rows * cell), np.s_[cell : cell + y1 - y0, cell : cell + x1 - x0]
    from_x, from_y = (cv2.resize(own[..., c].astype(np.float32), fine)[inside] for c in (0, 1))
    border = cv2.BORDER_REFLECT_101 if repeat else cv2.BORDER_CONSTANT
    seen = cv2.remap(picture, from_x, from_y, cv2.INTER_LINEAR, borderMode=border)
    return motion_blur(seen, blur, repeat=repeat) if blurred else seen


def motion_blur(image, way: tuple[float, float], *, repeat: bool):
    """Motion blur: the mean of eight copies, evenly spread from here to 7/8 of ``way`` (pixels)."""
    border = cv2.BORDER_REPLICATE if repeat else cv2.BORDER_CONSTANT
    for part in (2, 4, 8):
        dx, dy = way[0] / part, way[1] / part
        if abs(dx) + abs(dy) < 0.2:
            break
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
        moved = cv2.warpAffine(image, shift, image.shape[1::-1], borderMode=border)
        image = cv2.addWeighted(image, 0.5, moved, 0.5, 0)
    return image


def _darken(region, alpha, shadow: tuple[float, float, float, float], scale: float) -> None:
    dx, dy, blur, darkness = shadow
    shift = np.array([[1, 0, dx * scale], [0, 1, dy * scale]], np.float64)
    cast = cv2.warpAffine(alpha, shift, alpha.shape[::-1])
    cast = cv2.blur(cast, (2 * int(blur * scale) + 1,) * 2)
    light = cv2.convertScaleAbs(cast, alpha=-darkness, beta=0)  # |-a x| = a x
    light = cv2.cvtColor(cv2.bitwise_not(light), cv2.COLOR_GRAY2RGB)
    region[:] = cv2.multiply(region, light, scale=1 / 255)
