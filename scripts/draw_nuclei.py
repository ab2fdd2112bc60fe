"""Draws films of nuclei as a microscope writes them, to try things on.

    python scripts/draw_nuclei.py films --count 20

Each is a TIFF stack of 16 bits with noise and the values of a camera of 12 bits: nuclei that move,
and some that divide or are dim for a while. Beside film00.tif lies film00_labels.png: the nuclei of
the first frame, each with its number, as programs that segment cells write them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE = (256, 320)  # height, width in pixels
MARGIN = 12  # pixels between a nucleus's centre and the border
DARK, BRIGHTEST = 180, 4095  # grey values


@dataclass(slots=True)
class Nucleus:
    """An ellipse with its motion; ``dims`` is the first frame of a pause in its light, or None."""

    number: int
    centre: np.ndarray  # x, y
    step: np.ndarray  # pixels a frame
    axes: np.ndarray  # half of each, in pixels
    angle: float
    light: float
    dims: int | None

    def move(self, rng: np.random.Generator) -> None:
        limit = np.array(SIZE[::-1]) - MARGIN
        self.centre = np.clip(self.centre + self.step, MARGIN, limit)
        self.step = 0.9 * self.step + rng.normal(0, 0.5, 2)

    def parts(self, first: int) -> list[Nucleus]:
        """Two smaller ones in its place, which move apart."""
        axis = np.array([np.cos(self.angle), np.sin(self.angle)]) * self.axes[0]
        return [
            replace(
                self,
                number=first + place,
                centre=self.centre + sign * 0.55 * axis,
                step=self.step + sign * 0.1 * axis,
                axes=self.axes * 0.73,
            )
            for place, sign in enumerate((1, -1))
        ]

    def mask(self) -> np.ndarray:
        """H x W, boolean."""
        mask, fine = np.zeros(SIZE, np.uint8), 4  # a sixteenth of a pixel
        centre, axes = (tuple(np.int32(v * (1 << fine)).tolist()) for v in (self.centre, self.axes))
        cv2.ellipse(mask, centre, axes, np.degrees(self.angle), 0, 360, 1, -1, shift=fine)
        return mask > 0


def scatter(rng: np.random.Generator) -> list[Nucleus]:
    """Six to ten nuclei that do not touch."""
    found: list[Nucleus] = []
    for number in range(1, rng.integers(7, 12)):
        for _ in range(100):
            centre = rng.uniform(20, np.array(SIZE[::-1]) - 20)
            if all(np.hypot(*(centre - other.centre)) > 34 for other in found):
                break
        axes = np.array([rng.uniform(9, 13), rng.uniform(7, 10)])
        dims = int(rng.integers(3, 9)) if rng.random() < 0.25 else None
        light = rng.uniform(900, 2200)
        motion = rng.normal(0, 0.8, 2)
        found.append(Nucleus(number, centre, motion, axes, rng.uniform(0, np.pi), light, dims))
    return found


def draw(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A film and its labels, both uint16, frames x H x W. Two nuclei divide on the way."""
    rng = np.random.default_rng(seed)
    nuclei = scatter(rng)
    count = len(nuclei)
    dividing = dict(zip(rng.integers(frames // 3, frames, 2), nuclei[:2], strict=True))
    film, labels = np.zeros((2, frames, *SIZE), np.uint16)
    for index in range(frames):
        if index in dividing:
            nuclei.remove(dividing[index])
            nuclei += dividing[index].parts(count + 1)
            count += 2
        light = np.full(SIZE, DARK, np.float32)
        for nucleus in nuclei:
            if index:
                nucleus.move(rng)
            mask = nucleus.mask()
            labels[index][mask] = nucleus.number
            dim = nucleus.dims is not None and nucleus.dims <= index < nucleus.dims + 2
            grain = 1 + 0.6 * cv2.GaussianBlur(rng.normal(0, 1, SIZE).astype(np.float32), (0, 0), 2)
            edge = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.6)
            light += edge * grain * nucleus.light * (0.12 if dim else 1)
        noisy = rng.poisson(np.clip(light, 0, None)) + rng.normal(0, 12, SIZE)
        film[index] = np.clip(noisy, 0, BRIGHTEST)
    return film, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20, help="films")
    parser.add_argument("--frames", type=int, default=24, help="of each")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(given.count):
        film, labels = draw(seed, given.frames)
        name = f"film{seed:02}"
        first, *others = [Image.fromarray(page) for page in film]
        first.save(given.folder / f"{name}.tif", save_all=True, append_images=others)
        Image.fromarray(labels[0]).save(given.folder / f"{name}_labels.png")
    print(f"{given.count} films: {given.folder}")


if __name__ == "__main__":
    main()
