"""Random figures built from capsules: animals, people, cars, vases, toys.

Takes a seeded generator. Gives capsules from back to front, for
:mod:`sam2track.synthetic.drawn_objects`. Coordinates are those of the picture: -0.5 to 0.5, y down.
Palette colours: 0 is the body's and 1 one close to it (both take markings), 2 another, 3 dark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Capsule:
    """The points within ``radius`` of a segment."""

    # start, end: of the segment, `(x, y)`
    start: tuple[float, float]
    end: tuple[float, float]
    radius: tuple[float, float]  # at the start and at the end
    colour: int = 0  # which of the palette
    flat: float = 0.0  # 0 = round, near 1 = a flat plate with a narrow rim
    lift: float = 0.0  # how far in front of the others it lies


Capsules = tuple[Capsule, ...]


def _ball(x: float, y: float, radius: float, colour: int, *, flat=0.0, lift=0.0) -> Capsule:
    return Capsule((x, y), (x, y), (radius, radius), colour, flat, lift)


def quadruped(rng: np.random.Generator) -> Capsules:
    """An animal with four legs, a body, a neck with a head, ears, a tail; seen from the side."""
    girth, neck, leg = rng.uniform(0.12, 0.17), rng.uniform(0.0, 0.12), rng.uniform(0.035, 0.05)
    hip, chest, ground = -0.20, 0.14, 0.42
    head, droop = (0.28, -0.16 - neck), rng.uniform(-0.25, 0.2)
    muzzle = (head[0] + 0.09, head[1] + 0.05)
    ear = (head[0] - 0.04, head[1] - 0.05), (head[0] - 0.07, head[1] - 0.12)
    stance = rng.normal(0, 0.03, 4)
    far = [
        Capsule((x + 0.06, 0.06), (x + 0.06 + dx, ground - 0.03), (leg * 1.3, leg), 1)
        for x, dx in zip((hip, chest), stance[:2], strict=True)
    ]
    near = [
        Capsule((x - 0.02, 0.06), (x - 0.02 + dx, ground), (leg * 1.6, leg), 0, 0.0, 0.02)
        for x, dx in zip((hip, chest), stance[2:], strict=True)
    ]
    return (
        *far,
        Capsule((hip - 0.05, -0.04), (hip - 0.20, droop), (leg * 0.8, leg * 0.5), 1),
        Capsule((hip, 0.0), (chest, -0.02), (girth, girth * rng.uniform(0.9, 1.15))),
        Capsule((chest + 0.04, -0.05), head, (girth * 0.7, 0.07)),
        Capsule(head, muzzle, (0.085, 0.05), int(rng.integers(2))),
        Capsule(*ear, (0.03, 0.015), 1),
        _ball(muzzle[0] + 0.035, muzzle[1] - 0.01, 0.02, 3, lift=0.06),
        _ball(head[0] + 0.03, head[1] - 0.03, 0.014, 3, lift=0.1),
        *near,
    )


def bird(rng: np.random.Generator) -> Capsules:
    """A bird: a body with a wing, a head with a beak, two thin legs."""
    girth, head = rng.uniform(0.18, 0.23), (0.22, -0.24 - rng.uniform(0, 0.12))
    return (
        Capsule((0.0, 0.1), (-0.02, 0.44), (0.03, 0.022), 2),
        Capsule((0.07, 0.1), (0.09, 0.44), (0.03, 0.022), 2),
        Capsule((-0.10, 0.05), (-0.38, 0.02 + rng.uniform(-0.1, 0.1)), (girth * 0.6, 0.04), 1),
        Capsule((-0.08, 0.03), (0.10, 0.0), (girth, girth)),
        Capsule((0.12, -0.04), head, (girth * 0.6, 0.09)),
        Capsule((head[0] + 0.06, head[1]), (head[0] + 0.17, head[1] + 0.03), (0.045, 0.012), 2),
        Capsule((0.04, 0.0), (-0.22, 0.05), (girth * 0.6, 0.03), 1, 0.5, 0.12),
        _ball(head[0] + 0.03, head[1] - 0.03, 0.018, 3, lift=0.1),
    )


def person(rng: np.random.Generator) -> Capsules:
    """A person: legs, arms, a trunk, a head with hair."""
    spread, girth = rng.uniform(0.05, 0.11), rng.uniform(0.10, 0.14)
    reach = rng.uniform(0.08, 0.16, 2)
    hand = rng.uniform(-0.05, 0.10, 2)
    return (
        Capsule((-0.04, 0.10), (-spread, 0.42), (0.08, 0.055), 2),
        Capsule((0.05, 0.10), (spread + 0.02, 0.42), (0.08, 0.055), 2, 0.0, 0.01),
        Capsule((-0.09, -0.17), (-0.09 - reach[0], hand[0]), (0.06, 0.045), 1),
        Capsule((0.0, -0.17), (0.0, 0.10), (girth, girth * 0.9)),
        Capsule((0.09, -0.17), (0.09 + reach[1], hand[1]), (0.06, 0.045), 1, 0.0, 0.06),
        _ball(0.0, -0.34, 0.10, 1),
        Capsule((-0.03, -0.38), (0.03, -0.39), (0.09, 0.08), 3, 0.0, 0.02),
    )


def car(rng: np.random.Generator) -> Capsules:
    """A car: a body, a cabin with windows, wheels, a lamp."""
    roof, back = -0.14 - rng.uniform(0, 0.06), rng.uniform(-0.26, -0.12)
    front = rng.uniform(0.08, 0.2)
    middle, top = (back + front) / 2, roof + 0.01  # of the windows
    return (
        Capsule((back, roof), (front, roof), (0.10, 0.10), 0, 0.7),
        Capsule((-0.34, 0.02), (0.34, 0.04), (0.13, 0.12), 0, 0.6, 0.02),
        Capsule((back + 0.01, top), (middle - 0.05, top), (0.06, 0.06), 3, 0.8, 0.1),
        Capsule((middle + 0.05, top), (front - 0.01, top), (0.06, 0.06), 3, 0.8, 0.1),
        Capsule((-0.40, 0.08), (0.40, 0.08), (0.03, 0.03), 2, 0.5, 0.12),
        _ball(0.41, 0.0, 0.035, 1, lift=0.12),
        _ball(-0.25, 0.15, 0.095, 3, flat=0.6, lift=0.12),
        _ball(-0.25, 0.15, 0.045, 1, lift=0.2),
        _ball(0.25, 0.15, 0.095, 3, flat=0.6, lift=0.12),
        _ball(0.25, 0.15, 0.045, 1, lift=0.2),
    )


def vase(rng: np.random.Generator) -> Capsules:
    """A bottle, a vase or a jug."""
    belly, neck = rng.uniform(0.17, 0.27), rng.uniform(0.05, 0.10)
    shoulder = rng.uniform(-0.15, 0.02)
    parts = [
        Capsule((0.0, 0.22), (0.0, shoulder), (belly * rng.uniform(0.6, 0.95), belly)),
        Capsule((0.0, shoulder), (0.0, -0.36), (belly * 0.8, neck)),
        Capsule((-neck * 0.7, -0.39), (neck * 0.7, -0.39), (0.04, 0.04), 2, 0.0, 0.04),
        Capsule((-belly * 0.55, 0.40), (belly * 0.55, 0.40), (0.05, 0.05), 1),
    ]
    if rng.random() < 0.6:
        bow = 0.16 + belly
        parts[:0] = [
            Capsule((neck, -0.30), (bow, -0.20), (0.03, 0.03), 2),
            Capsule((bow, -0.20), (belly * 0.9, 0.05), (0.03, 0.03), 2),
        ]
    return tuple(parts)


def toy(rng: np.random.Generator) -> Capsules:
    """A sitting toy: a belly, a big head with ears and a nose, four paws."""
    head, ear = rng.uniform(0.15, 0.20), rng.uniform(0.05, 0.09)
    tall = rng.uniform(0.02, 0.16)
    return (
        Capsule((-0.11, -0.30), (-0.15, -0.34 - tall * 0.5), (ear, ear * 0.8), 1),
        Capsule((0.11, -0.30), (0.15, -0.34 - tall * 0.5), (ear, ear * 0.8), 1),
        Capsule((-0.15, -0.02), (-0.27, 0.14), (0.07, 0.065), 1, 0.0, 0.03),
        Capsule((0.15, -0.02), (0.27, 0.14), (0.07, 0.065), 1, 0.0, 0.03),
        _ball(0.0, 0.16, rng.uniform(0.20, 0.25), 0),
        _ball(0.0, -0.19, head, 0, lift=0.04),
        Capsule((-0.15, 0.33), (-0.20, 0.38), (0.09, 0.08), 1, 0.0, 0.10),
        Capsule((0.15, 0.33), (0.20, 0.38), (0.09, 0.08), 1, 0.0, 0.10),
        Capsule((-0.02, -0.13), (0.02, -0.13), (0.06, 0.06), 2, 0.0, 0.18),
        _ball(0.0, -0.16, 0.022, 3, lift=0.26),
        _ball(-0.07, -0.23, 0.02, 3, lift=0.22),
        _ball(0.07, -0.23, 0.02, 3, lift=0.22),
    )


FIGURES = {figure.__name__: figure for figure in (quadruped, bird, car, person, toy, vase)}
