"""Writes predicted masks in the format of each evaluation server, and packs them into a zip."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..files import whole_file
from ..masks import check_palette_id, davis_palette
from ..types import FrameResult


def write_masks(
    folder: Path, stem: str, result: FrameResult, layout: str, names: Mapping[int, str]
) -> None:
    """Write one frame.

    Args:
        folder: of the sequence.
        stem: of the picture's name.
        result: on the host.
        layout: ``palette``: one PNG, each pixel its object's id, as DAVIS 2017, YouTube-VOS, MOSE
            and LVOS have it; ``binary``: one PNG, 0 and 255, as DAVIS 2016; ``objects``: a binary
            PNG for each object in a folder of its own, as SA-V, where objects may overlap.
        names: of the objects' folders.

    Raises:
        ValueError: if an id does not fit a palette.
    """
    if layout == "objects":
        # The evaluator needs a file for every object, also before it appears.
        found = dict(zip(result.object_ids, result.masks.numpy(), strict=True))
        nothing = np.zeros(result.owner.shape, bool)
        for object_id, name in names.items():
            _save(folder / name / f"{stem}.png", found.get(object_id, nothing) * np.uint8(255))
        return
    for object_id in result.object_ids:
        check_palette_id(object_id)
    labels, palette = result.label_map(), layout == "palette"
    pixels = labels if palette else (labels > 0) * np.uint8(255)
    _save(folder / f"{stem}.png", pixels, palette=palette)


def _save(path: Path, pixels: UInt8[np.ndarray, "H W"], *, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if palette:
        picture.putpalette(davis_palette().tobytes())
    picture.save(path, compress_level=1)  # three times as fast as the default


def pack(folder: Path, names: Sequence[str], archive: Path) -> None:
    """Put finished sequences into a zip, with the layout of ``folder``; no partial zip is left."""
    wanted = set(names)
    with whole_file(archive) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            inside = path.relative_to(folder)
            if wanted.isdisjoint((*inside.parts, path.stem)):
                continue
            # A fixed date: the same results make the same zip.
            entry = zipfile.ZipInfo(inside.as_posix())
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
