"""Small packs of the pictures in training clips, in the layout that the scripts write."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from sam2track.synthetic.shapes import blob, noise_texture

VIEWS, HEIGHT, WIDTH = 4, 40, 60  # of a film
COLUMNS = ("offset", "bytes", "height", "width", "model", "source", "step_ms", "rider")


def write_pictures(folder: Path) -> None:
    """Four pictures of each kind; only the even ones have a weight."""
    rng, index = np.random.default_rng(0), {}
    for kind in ("sprites", "photos", "textures"):
        pictures = [noise_texture(rng, 150, 150 if kind != "photos" else 240) for _ in range(4)]
        if kind == "sprites":
            pictures = [np.dstack([p, blob(rng, 150)]) for p in pictures]
        rows, offset = [], 0
        for number, picture in enumerate(pictures):
            rows.append((offset, *picture.shape[:2], number % 2))
            offset += picture.nbytes
        (folder / f"{kind}.bin").write_bytes(b"".join(p.tobytes() for p in pictures))
        index[kind] = np.array(rows, np.int64)
    np.savez(folder / "index.npz", **index)
    about = [{"name": "even", "weight": 1.0}, {"name": "odd", "weight": 0.0}]
    (folder / "manifest.json").write_text(json.dumps(dict.fromkeys(index, about)))


def write_films(folder: Path) -> None:
    """Two films of one model, each with one of its rider; view ``k`` is ``50 + 50 k`` grey."""
    data, rows = b"", []
    for number in range(4):
        strip = np.zeros((VIEWS, HEIGHT, WIDTH, 4), np.uint8)
        strip[:, 4:36, 4 : 20 if number % 2 else 56, 3] = 255
        strip[..., :3] = (50 + 50 * np.arange(VIEWS))[:, None, None, None]
        file = io.BytesIO()
        Image.fromarray(strip.reshape(-1, WIDTH, 4)).save(file, "WEBP", lossless=True, exact=True)
        rows.append((len(data), file.tell(), HEIGHT, WIDTH, 7, 0, 42, number % 2))
        data += file.getvalue()
    (folder / "films.bin").write_bytes(data)
    np.savez(folder / "films.npz", films=np.array(rows, np.int64))
    about = {"views": VIEWS, "columns": COLUMNS, "sources": [{"name": "fauna"}]}
    (folder / "films.json").write_text(json.dumps(about))
