"""What a person said about an object: on which frames, by prompts or by a mask.

These frames are the object's anchors. Prompts that are undone, or taken back, do not count. A
person's own mask (brush, import) replaces the prompts before it on its frame.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as coco

from ...files import digest_of
from ...masks import decode_runs, encode_runs, pack_runs
from ...prompts import Prompt
from .store import Store

# Entries that bring masks along; in SQL.
MOVED = "'import', 'merge', 'split', 'swap'"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An object on a frame where a person said where it is.

    Attributes:
        first: id of the first log entry that it comes from.
        digest: a hash of what was said.
        given: prompts as the log holds them, or a mask, in order.
        mask: whether it is a person's own mask, which propagation does not replace.
        restart: whether what was tracked before it is not remembered beyond it. So it is for masks
            that were imported or accepted, of which there may be one on every frame.
    """

    frame: int
    first: int
    digest: str
    given: tuple[Mapping[str, Any], ...]
    mask: bool = False
    restart: bool = False

    def prompts(self) -> list[Prompt]:
        """For a session, in order."""
        return [unpack_prompt(data) for data in self.given]

    @property
    def only_negative(self) -> bool:
        """Whether it says only where the object is not."""
        return not any(
            "mask" in data or "box" in data or any(data["labels"]) for data in self.given
        )


def pack_prompt(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON takes it."""
    data: dict[str, Any] = {}
    if prompt.mask is not None:
        return {"mask": encode_runs(np.ascontiguousarray(prompt.mask))}
    data = {"points": prompt.points.tolist(), "labels": prompt.labels.tolist()}
    return data if prompt.box is None else data | {"box": prompt.box.tolist()}


def unpack_prompt(data: Mapping[str, Any]) -> Prompt:
    """The prompt that :func:`pack_prompt` was given."""
    if "mask" in data:
        return Prompt.from_mask(decode_runs(data["mask"], "a prompt of the project"))
    return Prompt.clicks(data["points"], data["labels"], data.get("box"))


def find_anchors(store: Store, object_id: int, size: tuple[int, int]) -> dict[int, Anchor]:
    """An object's anchors by frame, in the order in which they were given; ``size`` = height and
    width.

    A person's empty mask (the object is not there) is none.
    """
    given: dict[int, list[tuple[int, dict[str, Any], str]]] = {}
    masks = {
        row["entry_id"]: row
        for row in store.rows(
            "SELECT edited.* FROM edited JOIN log ON log.id = entry_id "
            "WHERE edited.object_id = ? AND NOT undone AND what = 'mask'",
            object_id,
        )
    }
    entries = store.rows(
        "SELECT id, what, frame, data FROM log WHERE object_id = ? AND NOT undone AND what IN "
        "('prompt', 'unprompt', 'mask') ORDER BY id",
        object_id,
    )
    imported = store.rows(
        "SELECT edited.frame, entry_id, counts FROM edited JOIN log ON log.id = entry_id "
        f"WHERE edited.object_id = ? AND NOT undone AND what IN ({MOVED}) ORDER BY entry_id",
        object_id,
    )
    for row in imported:
        runs = {"size": list(size), "counts": row["counts"]}
        given[row["frame"]] = [(row["entry_id"], {"mask": runs}, "imported")]
    for row in entries:
        here = given.setdefault(row["frame"], [])
        if here and row["id"] < here[-1][0]:
            continue  # an import came later
        if row["what"] != "prompt":
            here.clear()
        if row["what"] == "mask":
            counts = masks[row["id"]]["counts"]
            here.append((row["id"], {"mask": {"size": list(size), "counts": counts}}, "brush"))
        elif row["what"] == "prompt":
            here[:] = [one for one in here if not one[2]]  # a prompt replaces a mask
            here.append((row["id"], json.loads(row["data"])["prompt"], ""))
    found = [_anchor(frame, parts) for frame, parts in given.items() if parts]
    what = "a mask of the project"
    runs = {own.frame: pack_runs(own.given[0]["mask"], what) for own in found if own.mask}
    kept = [one for one in found if one.frame not in runs or coco.area(runs[one.frame])]
    return {one.frame: one for one in sorted(kept, key=lambda one: one.first)}


def _anchor(frame: int, parts: list[tuple[int, dict[str, Any], str]]) -> Anchor:
    data = tuple(part[1] for part in parts)
    source = parts[-1][2]
    digest = digest_of([data, source])
    return Anchor(frame, parts[0][0], digest, data, bool(source), source == "imported")
