"""Where the prompts of many videos come from: ``first``, a file, or a file for each video."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..files import expand_home
from ..prompts import PlacedPrompt, Prompt
from ..prompts.prompt_files import read_masks, read_prompts_file
from .jobs import PromptSource
from .records import ProjectVideo

FIRST = "first"
FIELDS = ("{name}", "{folder}", "{video}")
_PICTURES = (".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def prompt_source(spec: str) -> PromptSource:
    """The source that a setting names.

    Args:
        spec: ``first``: the masks of the first frame, in a picture beside the video that has its
            name, ``clip.png`` for ``clip.mp4``; a file of prompts or a picture of masks, the same
            for all videos; or a template of such a path, in which ``{name}`` is the video's name,
            ``{folder}`` its folder, and ``{video}`` its path.

    Raises:
        ValueError: if the file of all videos cannot be read.
    """
    if spec == FIRST:
        return _first
    if any(field in spec for field in FIELDS):
        return partial(_from_template, spec)
    placed = read_placed(expand_home(spec))
    return lambda video, place: placed


def read_placed(path: Path) -> list[PlacedPrompt]:
    """The prompts in a JSON file, or the masks in a picture, on frame 0."""
    if path.suffix.lower() not in _PICTURES:
        return read_prompts_file(path)
    masks = read_masks(path)
    return [PlacedPrompt(k, 0, Prompt.from_mask(mask), path.name) for k, mask in masks.items()]


def _first(video: ProjectVideo, place: Path) -> Sequence[PlacedPrompt]:
    stem = place.name if place.is_dir() else place.stem
    for suffix in _PICTURES:
        path = place.with_name(stem + suffix)
        if path.is_file():
            return read_placed(path)
    raise ValueError(f"prompts=first: there is no {stem}.png beside it with the masks of frame 0")


def _from_template(template: str, video: ProjectVideo, place: Path) -> Sequence[PlacedPrompt]:
    stem = place.name if place.is_dir() else place.stem
    path = template.replace("{name}", stem).replace("{folder}", str(place.parent))
    return read_placed(expand_home(path.replace("{video}", str(place))))
