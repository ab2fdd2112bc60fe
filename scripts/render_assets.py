"""Render three-dimensional models into films: short sequences of RGBA views.

Takes Debian's packages ``0ad-data`` (people, riders, animals, tools; with animations) and
``sweethome3d-furniture`` (furniture, vehicles, instruments, people who stand still). Writes into
the folder of the other assets: ``films.bin`` (one WebP after another; each is a strip of views,
one below the other), ``films.npz`` (``films``: see :data:`COLUMNS`) and ``films.json`` (packages,
versions, licences, counts). :class:`sam2track.synthetic.films.Films` reads them.

Each model is filmed in several takes, with different animations, camera paths and speeds, but in
the same colours and light. So two takes of a model show two objects that look alike. A model with a
rider gets a second film, of the rider alone. Needs ``moderngl``, ``trimesh``,
Pillow and OpenCV, and OpenGL by EGL (Debian: ``libegl1 libgl1-mesa-dri``)::

    python scripts/render_assets.py --debs DIR     # takes the .deb files from DIR, or fetches them
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from fetch_assets import fetch
from film_subjects import KINDS, SOURCES, Subject, furniture_subjects, game_subjects, recoloured
from PIL import Image
from rendering import Look, Renderer, camera, framed, straightened

SIDE, VIEWS = 192, 16  # longest side of a view, pixels; views of a film
COLUMNS = ("offset", "bytes", "height", "width", "model", "source", "step_ms", "rider")


@dataclass(frozen=True)
class Take:
    """How a subject is filmed: its animation, and the path of the camera around it.

    Attributes:
        name, pick: of the animation.
        start, step: seconds of the animation at the first view and between two views.
        azimuth, elevation, roll: radians at each view.
        distance: of the camera, in sizes of the subject.
    """

    name: str
    pick: int
    start: float
    step: float
    azimuth: np.ndarray
    elevation: np.ndarray
    roll: np.ndarray
    distance: float

    @classmethod
    def draw(cls, subject: Subject, rng: np.random.Generator) -> Take:
        """A random take; the camera is calmer for a subject with animations."""
        moving = len(subject.names) > 1
        weights = np.array([_interest(name) for name in subject.names])
        name = str(rng.choice(subject.names, p=weights / weights.sum()))
        step = float(np.exp(rng.uniform(np.log(0.035), np.log(0.12))))
        seconds = step * np.arange(VIEWS)
        calm = rng.random() < (0.35 if moving else 0.1)
        speed = rng.normal(0, 0.15 if calm else 0.9 if rng.random() < 0.7 else 2.5)
        wave = rng.uniform(0, 0.5) * np.sin(seconds * rng.uniform(1, 5) + rng.uniform(0, 6))
        height = rng.uniform(-0.05, 0.4) if rng.random() < 0.8 else rng.uniform(0.4, 1.0)
        rise = rng.normal(0, 0.25) * np.sin(seconds * rng.uniform(0.5, 4) + rng.uniform(0, 6))
        roll = np.zeros(VIEWS)
        if not moving and rng.random() < 0.5:  # as in a hand, or thrown
            roll = rng.normal(0, 1.0) * seconds + rng.normal(0, 0.5)
            rise = rise + rng.normal(0, 1.0) * seconds
        return cls(
            name, int(rng.integers(8)), rng.uniform(0, 3), step,
            rng.uniform(0, 2 * np.pi) + speed * seconds + wave,
            np.clip(height + rise, -1.3, 1.3), roll, float(np.exp(rng.uniform(0.9, 2.2))),
        )  # fmt: skip


def _interest(name: str) -> float:
    if name in ("walk", "run", "gallop", "trot"):
        return 5.0
    return 0.5 if "death" in name else 1.0


def film(
    renderer: Renderer, subject: Subject, take: Take, look: Look
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The views of a take as one strip ``(VIEWS * h, w, 4)``, and the rider's; None if too thin."""
    moments = [
        subject.at(take.name, take.start + number * take.step, take.pick)
        for number in range(VIEWS if len(subject.names) > 1 else 1)
    ]
    points = [np.concatenate([s.positions for s in moment]) for moment in moments]
    low, high = points[0].min(0), points[0].max(0)
    size = float(np.linalg.norm(high - low)) / 2
    views = []
    for number in range(VIEWS):
        lens, eye = camera(
            (low + high) / 2,
            azimuth=take.azimuth[number],
            elevation=take.elevation[number],
            distance=size * take.distance,
            reach=size,
        )
        cos, sin = np.cos(take.roll[number]), np.sin(take.roll[number])
        rolled = np.eye(4)
        rolled[:2, :2] = [[cos, -sin], [sin, cos]]
        views.append((rolled @ lens, eye))
    seen = np.concatenate([_in_picture(v[0], points[k % len(points)]) for k, v in enumerate(views)])
    if not np.isfinite(seen).all():
        return None
    fit = framed(np.eye(4), np.column_stack([seen, np.zeros(len(seen))]))
    pictures, riders = [], []
    for number, (lens, eye) in enumerate(views):
        picture, rider = renderer.draw(moments[number % len(moments)], fit @ lens, eye, look)
        pictures.append(picture)
        riders.append(rider)
    return _strips(np.stack(pictures), np.stack(riders))


def _in_picture(lens: np.ndarray, points: np.ndarray) -> np.ndarray:
    clip = points @ lens[:, :3].T + lens[:, 3]
    return clip[:, :2] / clip[:, 3:]


def _strips(pictures: np.ndarray, riders: np.ndarray):
    """Views cut to what any of them shows, with a clear rim of two pixels, below one another."""
    used = pictures[..., 3].max(0) > 8
    rows, columns = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
    if not len(rows) or min(rows[-1] - rows[0], columns[-1] - columns[0]) < 20:
        return None
    cut = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rim = ((0, 0), (2, 2), (2, 2))
    if (pictures[cut][..., 3] > 127).mean() < 0.14:  # mostly a spear
        return None
    whole = np.pad(pictures[cut], (*rim, (0, 0)))
    strip = straightened(whole.reshape(-1, *whole.shape[2:]))
    share = np.pad(riders[cut], rim).reshape(strip.shape[:2])
    if (share > 127).sum() < 0.05 * (strip[..., 3] > 127).sum():
        return strip, None
    alpha = np.minimum(strip[..., 3], share)
    return strip, np.dstack([strip[..., :3], alpha])


def coded(strip: np.ndarray) -> bytes:
    """The strip as WebP."""
    file = io.BytesIO()
    Image.fromarray(strip).save(file, "WEBP", quality=82, alpha_quality=85, method=2)
    return file.getvalue()


class Pack:
    """Films on their way into ``films.bin``."""

    def __init__(self, out: Path) -> None:
        self.out, self.rows = out, []
        self.file = (out / "films.bin").open("wb")

    def add(self, strip: np.ndarray, model: int, kind: str, step: float, rider: int) -> None:
        """Append a film; ``rider`` is 1 if it shows the rider of the film before."""
        data, offset = coded(strip), self.file.tell()
        self.file.write(data)
        height, width = strip.shape[0] // VIEWS, strip.shape[1]
        row = (
            offset,
            len(data),
            height,
            width,
            model,
            KINDS.index(kind),
            round(1000 * step),
            rider,
        )
        self.rows.append(row)

    def close(self, versions: dict[str, str]) -> None:
        """Write the index and the list of sources."""
        self.file.flush()
        films = np.array(self.rows, np.int64).reshape(-1, len(COLUMNS))
        np.savez(self.out / "films.npz", films=films)
        sources = [
            {"name": name, "package": package, "version": versions[package], "licence": licence,
             "films": int((films[:, 5] == number).sum()),
             "models": len(set(films[films[:, 5] == number, 4].tolist()))}
            for number, (name, package, licence) in enumerate(SOURCES)
        ]  # fmt: skip
        about = {"views": VIEWS, "columns": COLUMNS, "sources": sources}
        (self.out / "films.json").write_text(json.dumps(about, indent=1) + "\n")


def build(out: Path, debs: Path | None, *, share: float, takes: int, seed: int) -> None:
    """Film all subjects and write the pack."""
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    rng, renderer, pack = np.random.default_rng(seed), Renderer(SIDE), Pack(out)
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as temp:
        folders = {}
        for package in ("0ad-data", "sweethome3d-furniture"):
            folders[package], versions[package] = fetch(package, debs, Path(temp))
        game = game_subjects(folders["0ad-data"], share, rng)
        still = furniture_subjects(folders["sweethome3d-furniture"], share, rng)
        for model, subject in enumerate(alternating(game, still), 1):
            subject, look = recoloured(subject, rng), draw_look(rng)
            for _ in range(takes if len(subject.names) > 1 else max(1, takes - 1)):
                take = Take.draw(subject, rng)
                made = film(renderer, subject, take, look)
                if made is not None:
                    pack.add(made[0], model, subject.kind, take.step, 0)
                    if made[1] is not None:
                        pack.add(made[1], model, subject.kind, take.step, 1)
            renderer.forget()
            if model % 50 == 0:
                print(f"{model} models, {len(pack.rows)} films", file=sys.stderr, flush=True)
                pack.close(versions)
    pack.close(versions)


def alternating(first: Iterator, second: Iterator) -> Iterator:
    """Two of the first, one of the second, and so on, until both are through."""
    going = [first, first, second]
    while going:
        for one in list(going):
            item = next(one, None)
            if item is None:
                going = [other for other in going if other is not one]
            else:
                yield item


def draw_look(rng: np.random.Generator) -> Look:
    """Random light and a random colour for clothes."""
    light = np.array([rng.normal(0, 0.7), rng.uniform(0.3, 1.2), rng.normal(0, 0.7)])
    light /= np.linalg.norm(light)
    return Look(
        tuple(light), tuple(rng.uniform(0.05, 0.95, 3)), rng.uniform(0.35, 0.85),
        rng.uniform(0, 0.5) * (rng.random() < 0.4),
    )  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder of the assets")
    parser.add_argument("--debs", type=Path, help="folder of .deb files to use before downloading")
    parser.add_argument("--share", type=float, default=1.0, help="of the models")
    parser.add_argument("--takes", type=int, default=3, help="films of each model that moves")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    build(args.out, args.debs, share=args.share, takes=args.takes, seed=args.seed)


if __name__ == "__main__":
    main()
