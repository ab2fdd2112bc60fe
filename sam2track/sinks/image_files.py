"""Writes the masks of a single image: a label map, an overlay, and run lengths as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from ..files import write_text, write_whole
from ..masks import (
    check_palette_id,
    davis_palette,
    decode_runs,
    draw_objects,
    draw_prompt,
    encode_runs,
    flatten,
    mask_box,
)
from ..prompts import Prompt

MASK, OVERLAY, RESULT = "mask.png", "overlay.png", "masks.json"


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedObject:
    """One object on an image.

    Attributes:
        object_id: 1 to 255.
        mask: True on the object.
        score: predicted IoU.
        prompt: what was said about it.
        source: where, such as ``click=[320,240]``.
    """

    object_id: int
    mask: Bool[np.ndarray, "H W"]
    score: float
    prompt: Prompt
    source: str


def write_image(
    folder: Path,
    name: str,
    image: UInt8[np.ndarray, "H W 3"],
    objects: Sequence[SegmentedObject],
) -> None:
    """Write ``mask.png``, ``overlay.png`` and, last, ``masks.json``; each whole or not at all.

    In ``mask.png`` a pixel is the id of the smallest object there, 0 = none. ``masks.json`` is laid
    out as the files of SA-1B: ``image`` and ``annotations``, one for each object.

    Raises:
        ValueError: for an id that no palette PNG holds.
        OSError: if a file cannot be written.
    """
    for own in objects:
        check_palette_id(own.object_id)
    height, width = image.shape[:2]
    labels = Image.fromarray(flatten({own.object_id: own.mask for own in objects}, (height, width)))
    labels.putpalette(davis_palette().tobytes())
    _write_picture(folder / MASK, labels)
    drawn = image.copy()
    ids = [own.object_id for own in objects]
    draw_objects(drawn, ids, [own.mask for own in objects])  # a stack would be a copy
    for own in objects:
        prompt = own.prompt
        draw_prompt(drawn, own.object_id, prompt.points, prompt.labels, prompt.box)
    _write_picture(folder / OVERLAY, Image.fromarray(drawn))
    _write_document(folder, name, (height, width), [_annotation(own) for own in objects])


def write_annotations(
    folder: Path,
    name: str,
    image: UInt8[np.ndarray, "H W 3"],
    annotations: Sequence[Mapping[str, Any]],
) -> None:
    """Write ``overlay.png``, small masks over large ones, and then ``masks.json``.

    A ``mask.png`` of an earlier run is removed.

    Args:
        annotations: in COCO's layout, with run lengths.

    Raises:
        OSError: if a file cannot be written.
    """
    (folder / MASK).unlink(missing_ok=True)
    drawn = image.copy()
    for number, own in enumerate(sorted(annotations, key=lambda own: -own["area"]), 1):
        mask = decode_runs(own["segmentation"], f"annotation {own['id']}")
        draw_objects(drawn, [number], mask[None], with_ids=False)
    _write_picture(folder / OVERLAY, Image.fromarray(drawn))
    _write_document(folder, name, (image.shape[0], image.shape[1]), annotations)


def _write_document(
    folder: Path, name: str, size: tuple[int, int], annotations: Sequence[Mapping[str, Any]]
) -> None:
    about = {"file_name": name, "width": size[1], "height": size[0]}
    document = {"image": about, "annotations": [*annotations]}
    write_text(folder / RESULT, json.dumps(document) + "\n")


def _write_picture(path: Path, picture: Image.Image) -> None:
    write_whole(path, lambda file: picture.save(file, format="PNG", compress_level=1))


def _annotation(own: SegmentedObject) -> dict[str, Any]:
    x0, y0, x1, y1 = mask_box(own.mask) or (0, 0, 0, 0)
    return {
        "id": own.object_id,
        "segmentation": encode_runs(own.mask),
        "area": int(np.count_nonzero(own.mask)),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "predicted_iou": round(own.score, 4),
        "prompt": {"source": own.source, **_prompt(own.prompt)},
    }


def _prompt(prompt: Prompt) -> Mapping[str, Any]:
    """A prompt as the entries of prompt files have it; a mask as run lengths."""
    parts: dict[str, Any] = {}
    if len(prompt.points):
        parts |= {"points": prompt.points.tolist(), "labels": prompt.labels.tolist()}
    if prompt.box is not None:
        parts["box"] = prompt.box.tolist()
    if prompt.mask is not None:
        parts["mask"] = encode_runs(prompt.mask)
    return parts
