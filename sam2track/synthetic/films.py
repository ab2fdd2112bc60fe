"""Films of three-dimensional models, which turn, walk and show another side.

Takes the films that ``scripts/render_assets.py`` wrote beside the other assets. Gives the views of
one film, one after another, as RGBA pictures. Two films of one model show objects that look alike.
The pixels stay in the system's page cache, so that all worker processes share them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from .shapes import RGBA, RIM, premultiply

Views = UInt8[np.ndarray, "V h w 4"]
WEIGHTS = {
    "fauna": 3.0,
    "units": 3.0,
    "props": 0.7,
    "furniture": 2.3,
}  # of the sources; others have 1
RATE = 24  # frames per second of a clip's time


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A sequence of pictures of one object that turns or moves its limbs."""

    # RGBA with colours already multiplied by alpha, all of one size
    views: UInt8[np.ndarray, "V h w 4"]
    times: Float[np.ndarray, " V"]  # when each is shown, ascending; the nearest one is shown
    order: Int[np.ndarray, " V"]  # the index of each view in the film it comes from
    number: int = 0  # the number of that film, see synthetic.films.Films
    mirrored: bool = False  # whether left and right were exchanged

    def __call__(self, t: float) -> RGBA:
        """The view at time ``t``."""
        return self.views[int(np.abs(self.times - t).argmin())]

    def repainted(self, paint: Callable[[RGBA], RGBA]) -> Film:
        """The film with ``paint`` applied to all views at once; a rim that it adds is removed."""
        count, height, width = self.views.shape[:3]
        strip = paint(self.views.reshape(count * height, width, 4))
        rim = (strip.shape[1] - width) // 2
        strip = np.ascontiguousarray(strip[rim : rim + count * height, rim : rim + width])
        return replace(self, views=strip.reshape(self.views.shape))


class Films:
    """A pack of films, drawn at random with the weights of their sources.

    Args:
        folder: what ``scripts/render_assets.py`` wrote.

    Raises:
        FileNotFoundError: if the folder holds no films.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "films.npz").is_file():
            raise FileNotFoundError(
                f"no films in {self.folder}: run `python scripts/render_assets.py --out "
                f"{self.folder}` first"
            )
        about = json.loads((self.folder / "films.json").read_text())
        self.count: int = about["views"]
        with np.load(self.folder / "films.npz") as stored:
            columns = dict(zip(about["columns"], stored["films"].T, strict=True))
        self.columns: dict[str, np.ndarray] = columns
        self.kinds = [source["name"] for source in about["sources"]]
        self.whole = np.flatnonzero(columns["rider"] == 0)  # without films of a rider alone
        source = columns["source"][self.whole]
        weight = np.array([WEIGHTS.get(name, 1.0) for name in self.kinds])
        share = weight / np.maximum(np.bincount(source, minlength=len(weight)), 1)
        self._chances = np.cumsum(share[source]) / share[source].sum()
        self._bytes: np.memmap | None = None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_bytes": None}  # a worker maps the file itself

    def draw(self, rng: np.random.Generator) -> int:
        """The number of a random film."""
        return int(self.whole[np.searchsorted(self._chances, rng.random(), side="right")])

    def another(self, number: int, rng: np.random.Generator) -> int:
        """Another film of the same model; the same one if there is only one."""
        models = self.columns["model"][self.whole]
        same = self.whole[models == self.columns["model"][number]]
        others = same[same != number]
        return int(rng.choice(others)) if len(others) else number

    def rider(self, number: int) -> int | None:
        """The film of the rider alone; None if there is no rider."""
        after = number + 1
        if after < len(self.columns["rider"]) and self.columns["rider"][after]:
            return after
        return None

    def model(self, number: int) -> int:
        """The number of the model that a film shows."""
        return int(self.columns["model"][number])

    def film(
        self, number: int, rng: np.random.Generator, side: int, times: Float[np.ndarray, " T"]
    ) -> Film:
        """A film as it is seen at some times, from a random view on, at random mirrored.

        It runs at its own speed or slower, to its end, then backwards, and so on. It runs slower
        where the frames are further apart: the object must stay recognisable from one to the next.
        Alpha is straight, not premultiplied.

        Args:
            number: of the film.
            rng: decides where it begins, its speed and whether it is mirrored.
            side: largest length of a view's longer side, pixels.
            times: ascending.
        """
        mirrored = bool(rng.random() < 0.5)
        rate = 1000 / RATE / float(self.columns["step_ms"][number]) * rng.uniform(0.5, 1.0)
        rate /= max(1.0, float(np.diff(times).max(initial=1.0)) / 2) ** 0.5
        place = np.round(rng.uniform(0, self.count) + rate * times).astype(int)
        place %= 2 * (self.count - 1)
        order = np.minimum(place, 2 * (self.count - 1) - place)
        views = self.views(number, side, order)[:, :, :: -1 if mirrored else 1]
        return Film(np.ascontiguousarray(views), times, order, number, mirrored)

    def rider_in(self, film: Film) -> Film | None:
        """The rider alone, cut out of a film; None if there is no rider.

        ``film`` has the colours that the rider gets; its alpha is premultiplied.
        """
        number = self.rider(film.number)
        if number is None:
            return None
        side = max(film.views.shape[1:3])
        alone = self.views(number, side, film.order)[:, :, :: -1 if film.mirrored else 1, 3]
        share = np.minimum(alone / np.maximum(film.views[..., 3], 1.0), 1)
        return replace(film, views=(film.views * share[..., None]).astype(np.uint8))

    def views(self, number: int, side: int, order: Int[np.ndarray, " T"]) -> Views:
        """Some views, alpha not premultiplied, the longer side at most ``side`` pixels."""
        if self._bytes is None:
            self._bytes = np.memmap(self.folder / "films.bin", np.uint8, "r")
        start, length, height, width = (
            int(self.columns[name][number]) for name in ("offset", "bytes", "height", "width")
        )
        coded = self._bytes[start : start + length].tobytes()
        strip = np.asarray(Image.open(io.BytesIO(coded)).convert("RGBA"))
        views = strip.reshape(self.count, height, width, 4)[order]
        scale = side / max(height, width)
        if scale >= 1:
            return views
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        strip = premultiply(views.reshape(-1, width, 4))[RIM:-RIM, RIM:-RIM]
        small = [
            cv2.resize(view, size, interpolation=cv2.INTER_AREA)
            for view in strip.reshape(views.shape)
        ]
        return _unpremultiplied(np.stack(small))


def _unpremultiplied(views: Views) -> Views:
    """Views whose colours are no longer multiplied by alpha."""
    alpha = views[..., 3:].astype(np.float32)
    rgb = np.minimum(views[..., :3] * (255 / np.maximum(alpha, 1)), 255).astype(np.uint8)
    return np.concatenate([rgb, views[..., 3:]], -1)
