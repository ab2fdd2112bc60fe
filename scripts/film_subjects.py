"""What is filmed for training: models of people, animals and things from packages."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from models3d import Surface, still_model, unpacked
from zeroad import Archive, fitting_animations, part, surfaces

SOURCES = (
    ("fauna", "0ad-data", "CC-BY-SA-3.0"),
    ("units", "0ad-data", "CC-BY-SA-3.0"),
    ("props", "0ad-data", "CC-BY-SA-3.0"),
    ("furniture", "sweethome3d-furniture", "CC0-1.0, CC-BY-3.0 (by library)"),
)
KINDS = [name for name, _, _ in SOURCES]
PROPS = r"/(shield|basket|tool|amphora|jar|statue|wagon|cart|barrel|crate|boat|sail|pot|bench|tent)"


@dataclass(frozen=True)
class Subject:
    """Something to be filmed.

    Attributes:
        kind: one of :data:`KINDS`.
        names: of its animations; one name without animations.
        at: its surfaces by the name of an animation, seconds, and a number that picks one of
            several animations of this name.
    """

    kind: str
    names: tuple[str, ...]
    at: Callable[[str, float, int], list[Surface]]


def game_subjects(package: Path, share: float, rng: np.random.Generator) -> Iterator[Subject]:
    """Actors of 0 A.D.: all animals twice, many units, some props; ``share`` of them."""
    archive = Archive(next(package.rglob("public.zip")))
    listed = [("fauna", name) for name in 2 * archive.actors("fauna")]
    units = [n for n in archive.actors("units") if not n.endswith("_r.xml")]
    listed += [("units", name) for name in rng.permutation(units)[: round(len(units) * 0.6)]]
    listed += [("props", n) for n in archive.actors("props") if _matches(n)][::3]
    order = rng.permutation(len(listed))
    for number in order[: round(share * len(listed))]:
        kind, name = listed[number]
        root = part(archive, name, rng)
        if root is None:
            continue
        names = tuple(fitting_animations(archive, root)) if kind != "props" else ()

        def at(name, seconds, pick, root=root):
            return surfaces(archive, root, name, seconds, pick=pick)

        yield Subject(kind, names or ("still",), at)


def _matches(name: str) -> bool:
    return re.search(PROPS, name) is not None


def furniture_subjects(package: Path, share: float, rng: np.random.Generator) -> Iterator[Subject]:
    """Models of the furniture libraries; ``share`` of them."""
    with tempfile.TemporaryDirectory() as folder:
        models = []
        for library in sorted(package.rglob("*.sh3f")):
            models += unpacked(library, Path(folder) / library.stem)
        for number in rng.permutation(len(models))[: round(share * len(models))]:
            try:
                found = still_model(models[number])
            except Exception as error:  # some materials name files that are not there
                print(f"{models[number].name}: {error}", file=sys.stderr)
                continue
            if found:
                yield Subject("furniture", ("still",), lambda *_, found=found: found)


def patches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Where a texture has its second colour, ``(height, width, 1)``, 0..1."""
    cells = rng.integers(2, 9, 2)
    noise = cv2.resize(rng.normal(0, 1, cells).astype(np.float32), (width, height))
    return np.clip((noise - rng.normal(0, 0.4)) * rng.uniform(4, 20), 0, 1)[..., None]


def recoloured(subject: Subject, rng: np.random.Generator) -> Subject:
    """The subject, its textures tinted at random: clothes and coats in more colours."""
    if rng.random() < (0.75 if subject.kind == "fauna" else 0.35):
        return subject
    seed, known = int(rng.integers(2**32)), {}

    def paint(texture: np.ndarray) -> np.ndarray:
        if id(texture) not in known:
            own = np.random.default_rng([seed, len(known)])
            tone = own.uniform(0.1, 1.0, 3) * own.uniform(0.5, 1.6)
            share = own.uniform(0.2, 0.9) * (own.random() < 0.6)
            rgb = texture[..., :3].astype(np.float32)
            grey = rgb.mean(-1, keepdims=True)
            rgb = rgb * (1 - share) + grey * tone * share
            if own.random() < 0.5:  # spots, patches, stripes, trousers
                spots = patches(own, *rgb.shape[:2])
                rgb = rgb * (1 - spots) + grey * own.uniform(0.1, 1.4, 3) * spots
            painted = np.dstack([np.clip(rgb, 0, 255).astype(np.uint8), texture[..., 3]])
            known[id(texture)] = (texture, painted)
        return known[id(texture)][1]

    def at(*when):
        return [replace(s, texture=paint(s.texture)) for s in subject.at(*when)]

    return replace(subject, at=at)
