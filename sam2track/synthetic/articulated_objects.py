"""Articulated figures for training clips: people, animals, riders, and random bodies with limbs.

Gives the picture of a body and its limbs (:class:`sam2track.synthetic.compositing.Limb`), alpha not
premultiplied, textured from photographs. A tracker trained only on sprites loses thin parts that
have their own colour and motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import photo_objects as objects
from .assets import Assets
from .compositing import Limb
from .motion import Waves
from .shapes import RGB, RGBA

SKIN = np.array([[224, 172, 140], [198, 134, 98], [141, 85, 56], [90, 56, 38]])


@dataclass(frozen=True, slots=True, eq=False)
class Gait:
    """How limbs swing: all with one frequency."""

    rng: np.random.Generator  # decides the rest
    frequency: float  # radians per frame
    reach: float  # radians

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Gait:
        """From standing still to running."""
        reach = 0.0 if rng.random() < 0.12 else rng.uniform(0.08, 0.8)
        return cls(rng, 2 * np.pi / float(np.exp(rng.uniform(np.log(9), np.log(45)))), reach)

    def swing(self, phase: float, share: float = 1.0) -> Waves:
        """A limb's swing; ``share`` of the gait's reach."""
        phase += float(self.rng.normal(0, 0.2))
        return Waves(*(np.array([[v]]) for v in (self.reach * share, self.frequency, phase)))


def articulated_figure(
    assets: Assets, rng: np.random.Generator, side: int
) -> tuple[RGBA, tuple[Limb, ...]]:
    """A random body with limbs; with them its longer side is about ``side`` pixels."""
    side = max(side, 32)
    kind = rng.random()
    if kind < 0.5:
        return person(assets, rng, side)
    return quadruped(assets, rng, side) if kind < 0.85 else creature(assets, rng, side)


def person(
    assets: Assets, rng: np.random.Generator, side: int, *, upside_down: bool = False
) -> tuple[RGBA, tuple[Limb, ...]]:
    """A torso with head, arms and legs; ``side`` is from head to foot, pixels.

    ``upside_down`` is for a rider, whose torso is itself a limb: limbs hang down from their hinge,
    so the torso is drawn upside down, to be turned upright by its angle.
    """
    gait, up = Gait.draw(rng), (-1 if upside_down else 1)
    down = np.pi if upside_down else 0.0
    tall = rng.uniform(0.28, 0.36) * side  # of the torso
    broad = tall * rng.uniform(0.4, 0.75)
    thick = broad * rng.uniform(0.32, 0.5)  # of a thigh
    shirt, trousers, flesh = cloth(assets, rng, side), cloth(assets, rng, side), skin(rng, side)
    if rng.random() < 0.15:
        trousers = shirt
    socks = flesh if rng.random() < 0.2 else trousers
    cuffs = shirt if rng.random() < 0.5 else flesh
    facing = float(rng.choice([-1.0, 1.0]))
    crouch = rng.uniform(0, 0.6) * (rng.random() < 0.4)
    long, arm = tall * rng.uniform(0.68, 0.85), tall * rng.uniform(0.5, 0.62)
    limbs = []
    for far in (True, False):
        phase, aside = np.pi * far, -0.5 if far else 0.5
        thigh = Limb(
            tube(trousers, rng, long, thick, thick * 0.8),
            (aside * (broad - thick) / tall * rng.uniform(0.3, 1.0), 0.42 * up),
            long / tall,
            down - facing * crouch + rng.normal(0, 0.08),
            gait.swing(phase),
            behind=far,
        )
        shin = _with_shoe(tube(socks, rng, long, thick * 0.75, thick * 0.55), rng)
        bend = facing * (0.15 * gait.reach + crouch)
        limbs.append(_two_part_limb(thigh, shin, bend, gait.swing(phase - facing, 0.5)))
        lift = rng.uniform(0.5, 3.0) * rng.choice([-1, 1]) if rng.random() < 0.3 else 0.0
        thin = thick * rng.uniform(0.5, 0.75)
        upper = Limb(
            tube(shirt, rng, arm, thin, thin * 0.8),
            (aside * broad / tall * rng.uniform(0.4, 1.0), -0.42 * up),
            arm / tall,
            down + lift + rng.normal(0, 0.25),
            gait.swing(phase + np.pi, 0.9),
            behind=far,
        )
        lower = tube(cuffs, rng, arm, thin * 0.8, thin * 0.6)
        held = _held_object(assets, rng, tall, arm) if rng.random() < 0.15 else ()
        bend = -facing * rng.uniform(0.0, 1.8)
        limbs.append(_two_part_limb(upper, lower, bend, gait.swing(phase, 0.4), held))
    head = _head(assets, rng, tall * rng.uniform(0.4, 0.55))
    lean = np.pi - down + rng.normal(0, 0.15)
    limbs.append(Limb(head, (0.0, -0.46 * up), head.shape[0] / tall, lean, gait.swing(0, 0.1)))
    body = tube(shirt, rng, tall, broad, broad * rng.uniform(0.6, 1.0))
    return np.ascontiguousarray(body[::up]), tuple(limbs)


def quadruped(assets: Assets, rng: np.random.Generator, side: int) -> tuple[RGBA, tuple[Limb, ...]]:
    """A trunk on four legs, with head and tail, sometimes with a rider."""
    gait = Gait.draw(rng)
    long, tall = side * rng.uniform(0.45, 0.65), side * rng.uniform(0.2, 0.34)
    fur = cloth(assets, rng, side)
    other = fur if rng.random() < 0.7 else cloth(assets, rng, side)
    trunk = tube(fur.transpose(1, 0, 2), rng, long, tall, tall * rng.uniform(0.7, 1.0))
    body = np.ascontiguousarray(trunk.transpose(1, 0, 2))
    tall = body.shape[0]
    front, half = float(rng.choice([-1.0, 1.0])), long / tall / 2
    thick, leg = tall * rng.uniform(0.16, 0.42), tall * rng.uniform(0.45, 1.1)
    limbs = []
    for number in range(4):
        fore, far = number < 2, number % 2 == 0
        phase = np.pi * (number in (0, 3))
        upper = Limb(
            tube(fur, rng, leg, thick, thick * 0.75),
            (front * (1 if fore else -1) * half * rng.uniform(0.6, 0.85), 0.25),
            leg / tall,
            rng.normal(0, 0.12),
            gait.swing(phase),
            behind=far,
        )
        foot = tube(other, rng, leg, thick * 0.7, thick * rng.uniform(0.4, 0.7))
        limbs.append(_two_part_limb(upper, foot, rng.normal(0, 0.15), gait.swing(phase - 1, 0.7)))
    skull = tall * rng.uniform(0.5, 0.8)
    neck = Limb(
        tube(fur, rng, skull, tall * rng.uniform(0.35, 0.7), tall * rng.uniform(0.3, 0.45)),
        (front * half * 0.75, -0.15),
        skull / tall,
        -front * rng.uniform(1.2, 2.7),
        gait.swing(0.5, 0.2),
        behind=bool(rng.random() < 0.5),
    )
    head = tube(other, rng, skull, skull * rng.uniform(0.5, 0.8), skull * rng.uniform(0.3, 0.55))
    limbs.append(_two_part_limb(neck, head, front * rng.uniform(0.3, 1.6), gait.swing(0.0, 0.15)))
    tail = tube(other, rng, tall * rng.uniform(0.4, 1.1), thick * 0.5, thick * 0.4)
    place, turn = (-front * half * 0.9, -0.25), front * rng.uniform(0.2, 2.2)
    limbs.append(Limb(tail, place, tail.shape[0] / tall, turn, gait.swing(1.0, 0.6), behind=True))
    if rng.random() < 0.25:
        rider, parts = person(assets, rng, round(side * rng.uniform(0.6, 0.9)), upside_down=True)
        seat, lean = (front * half * rng.uniform(-0.3, 0.3), -0.3), np.pi + rng.normal(0, 0.2)
        limbs.append(Limb(rider, seat, rider.shape[0] / tall, lean, limbs=parts))
    return body, tuple(limbs)


def creature(assets: Assets, rng: np.random.Generator, side: int) -> tuple[RGBA, tuple[Limb, ...]]:
    """A random object with one to five limbs anywhere on it."""
    gait = Gait.draw(rng)
    body = objects.random_object(assets, rng, round(side * rng.uniform(0.4, 0.75)))
    height, width = body.shape[:2]
    limbs = []
    hide = cloth(assets, rng, side)
    for _ in range(int(rng.integers(1, 6))):
        if rng.random() < 0.4:
            hide = cloth(assets, rng, side)
        way = rng.uniform(0, 2 * np.pi)
        length, thick = height * rng.uniform(0.25, 0.7), height * rng.uniform(0.06, 0.25)
        limb = Limb(
            tube(hide, rng, length, thick, thick * 0.8),
            (-np.sin(way) * 0.36 * width / height, np.cos(way) * 0.36),
            length / height,
            way + rng.normal(0, 0.4),
            gait.swing(rng.uniform(0, 6)),
            behind=bool(rng.random() < 0.6),
        )
        if rng.random() < 0.7:
            end = tube(hide, rng, length, thick * 0.8, thick * rng.uniform(0.4, 0.9))
            limb = _two_part_limb(limb, end, rng.normal(0, 0.6), gait.swing(rng.uniform(0, 6), 0.8))
        limbs.append(limb)
    return body, tuple(limbs)


def tube(surface: RGB, rng: np.random.Generator, length: float, top: float, bottom: float) -> RGBA:
    """A rounded, tapered piece of a surface; ``length``, ``top`` and ``bottom`` width in pixels."""
    height, widest = max(6, round(length)), max(top, bottom, 4.0)
    width = round(widest) + 2
    rows = np.arange(height)[:, None] + 0.5
    radius = (top + (bottom - top) * rows / height) / 2
    radius = np.maximum(radius, 1.8)
    bulge = 1 + rng.uniform(-0.15, 0.25) * np.sin(np.pi * rows / height)
    cap = np.minimum(rows, height - rows) / np.minimum(radius, height / 2)
    radius = np.minimum(radius * bulge, width / 2) * np.sqrt(1 - (1 - np.clip(cap, 0, 1)) ** 2)
    across = np.abs(np.arange(width)[None] + 0.5 - width / 2)
    alpha = np.clip((radius - across) + 0.5, 0, 1)
    shade = 1 - rng.uniform(0.1, 0.6) * np.clip(across / np.maximum(radius, 1), 0, 1) ** 2
    y, x = (
        int(rng.integers(max(1, n - m + 1)))
        for n, m in ((surface.shape[0], height), (surface.shape[1], width))
    )
    piece = surface[y : y + height, x : x + width]
    if piece.shape[:2] != (height, width):
        piece = cv2.resize(np.ascontiguousarray(piece), (width, height))
    rgb = (piece * shade[..., None]).astype(np.uint8)
    return np.dstack([rgb, (255 * alpha).astype(np.uint8)])


def _two_part_limb(
    upper: Limb, lower: RGBA, bend: float, swing: Waves, held: tuple[Limb, ...] = ()
) -> Limb:
    """A limb of two parts of the same length; the lower may hold something."""
    return replace(upper, limbs=(Limb(lower, (0.0, 0.44), 1.0, bend, swing, limbs=held),))


def _held_object(assets: Assets, rng: np.random.Generator, tall: float, arm: float) -> tuple[Limb]:
    sprite = objects.resize(assets.sprite(rng), max(8, round(tall * rng.uniform(0.3, 1.2))))
    return (Limb(sprite, (0.0, 0.4), sprite.shape[0] / arm, rng.uniform(-2, 2)),)


def cloth(assets: Assets, rng: np.random.Generator, side: int) -> RGB:
    """A surface ``side`` pixels wide to cut limbs from: textured, or of nearly one colour."""
    piece = np.ascontiguousarray(objects.texture_patch(assets, rng, side))
    if rng.random() < 0.55:
        colour = piece.reshape(-1, 3)[int(rng.integers(len(piece) ** 2))].astype(np.float32)
        share = rng.uniform(0.6, 0.95)
        piece = (piece * (1 - share) + colour * share).astype(np.uint8)
    return piece


def skin(rng: np.random.Generator, side: int) -> RGB:
    """A surface of somebody's skin, ``side`` pixels wide."""
    grain = cv2.resize(rng.normal(0, 10, (8, 8, 3)).astype(np.float32), (side, side))
    return np.clip(rng.choice(SKIN) + grain, 0, 255).astype(np.uint8)


def _head(assets: Assets, rng: np.random.Generator, size: float) -> RGBA:
    """A head, attached by its neck; its far end is hair, a hat or a helmet."""
    face = skin(rng, max(16, round(size)))
    picture = tube(face, rng, size, size * rng.uniform(0.45, 0.6), size * rng.uniform(0.7, 0.9))
    hair = tube(cloth(assets, rng, max(16, round(size))), rng, *(3 * [float(len(picture))]))
    hair = cv2.resize(hair, picture.shape[1::-1])
    begins = round(len(picture) * rng.uniform(0.45, 0.9))
    picture[begins:, :, :3] = hair[begins:, :, :3]
    return picture


def _with_shoe(shin: RGBA, rng: np.random.Generator) -> RGBA:
    """The shin with a shoe of another colour at its end."""
    if rng.random() < 0.7:
        begins = round(len(shin) * rng.uniform(0.75, 0.92))
        shin[begins:, :, :3] = rng.integers(10, 240, 3)
    return shin
