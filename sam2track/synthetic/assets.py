"""The pictures that training clips are made of, mapped into memory.

Takes the folder that ``scripts/fetch_assets.py`` writes. Gives sprites (cut-outs), photographs and
textures as NumPy arrays, at random with the weights of their sources. The pixels stay in the
system's page cache, so that all worker processes share them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .films import Films
from .shapes import RGB, RGBA

KINDS = {"sprites": 4, "photos": 3, "textures": 3}  # and their channels


class Assets:
    """A pack of sprites, photographs and textures.

    Args:
        folder: what ``scripts/fetch_assets.py`` wrote, and optionally ``scripts/render_assets.py``.

    Attributes:
        films: films of three-dimensional models, or None if the folder has none.

    Raises:
        FileNotFoundError: if the folder holds no pack.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "index.npz").is_file():
            raise FileNotFoundError(
                f"no training pictures in {self.folder}: run `python scripts/fetch_assets.py --out "
                f"{self.folder}` first"
            )
        self.manifest: dict = json.loads((self.folder / "manifest.json").read_text())
        with np.load(self.folder / "index.npz") as stored:
            self.index = {kind: stored[kind] for kind in KINDS}
        self._chances = {kind: self._weights(kind) for kind in KINDS}
        self._bytes: dict[str, np.memmap] = {}
        has_films = (self.folder / "films.npz").is_file()
        self.films = Films(self.folder) if has_films else None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_bytes": {}}  # a worker maps the files itself

    def _weights(self, kind: str) -> np.ndarray:
        """The cumulated chance of each picture: its source's weight, shared among the source.

        A source with few pictures has less weight, so that none is used too often.
        """
        source = self.index[kind][:, 3]
        count = np.bincount(source, minlength=len(self.manifest[kind])).astype(np.float64)
        weight = np.array([about["weight"] for about in self.manifest[kind]])
        share = weight * np.sqrt(count) / np.maximum(count, 1)
        chances = np.cumsum(share[source])
        return chances / chances[-1]

    def _draw(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        number = int(np.searchsorted(self._chances[kind], rng.random(), side="right"))
        return self.get(kind, number)

    def get(self, kind: str, number: int) -> np.ndarray:
        """One picture, read-only, ``(height, width, channels)`` uint8."""
        if kind not in self._bytes:
            self._bytes[kind] = np.memmap(self.folder / f"{kind}.bin", np.uint8, "r")
        offset, height, width, _ = (int(v) for v in self.index[kind][number])
        shape = (height, width, KINDS[kind])
        pixels = self._bytes[kind][offset : offset + int(np.prod(shape))]
        return np.asarray(pixels).reshape(shape)

    def sprite(self, rng: np.random.Generator) -> RGBA:
        """A random cut-out, alpha not premultiplied."""
        return self._draw("sprites", rng)

    def photo(self, rng: np.random.Generator) -> RGB:
        """A random photograph."""
        return self._draw("photos", rng)

    def texture(self, rng: np.random.Generator) -> RGB:
        """A random texture."""
        return self._draw("textures", rng)
