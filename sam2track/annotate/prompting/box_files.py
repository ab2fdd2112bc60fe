"""Reads boxes and masks of another program as prompts: text of the MOT Challenge, or COCO's JSON.

With track ids every track is an object, prompted on its first frame and on frames after that.
Without them (ids of -1, or none) they are detections, which begin objects where none is yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from ...prompts import PlacedPrompt, Prompt
from ...track import Find, Proposal
from ...types import Frame
from ..database import ProjectVideo
from ..exchange import read
from ..exchange.clips import DEFAULT_CLASS
from ..exchange.untrusted import read_json
from ..tracks import Annotations, Track, TrackFrame, Video, VideoTracks


@dataclass(frozen=True, slots=True)
class Given:
    """What a file says of a video.

    Prompts of its objects, or a function that gives the detections on a frame.
    """

    placed: Sequence[PlacedPrompt] = ()
    find: Find | None = None


def is_box_file(path: Path) -> bool:
    """Whether a file holds boxes, not prompts: text, or JSON that is COCO's.

    Raises:
        ValueError: for COCO's results, which do not say what their images are.
    """
    if path.suffix.lower() == ".txt":
        return True
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        data = read_json(path)
    except ValueError:
        return False  # whoever reads prompts says what is wrong
    if isinstance(data, list) and data and isinstance(data[0], dict) and "image_id" in data[0]:
        raise ValueError(
            f"{path} holds COCO's results, which do not name their images; put them under "
            "'annotations' of a COCO file with 'images' and 'categories'"
        )
    return isinstance(data, dict)


def read_box_file(
    path: Path, video: ProjectVideo, *, every: int = 10, least_score: float = 0.0
) -> Given:
    """What a file says of a video; ValueError if it is damaged or does not fit the video.

    ``every``: frames from prompt to prompt of a track; 0 = only its first. Boxes of a score below
    ``least_score`` are left out; those without a score stay.
    """
    known = Video(
        video.name, video.width, video.height, video.length, frame_names=video.frame_names
    )
    text = path.suffix.lower() == ".txt"
    if text:
        annotations, _ = read("mot", path, videos=[known])
    else:
        annotations = _read_coco(path, path.stat().st_mtime_ns)
    found = _of_video(annotations, video, path)
    labels = {own.id: "" if own.name == DEFAULT_CLASS else own.name for own in annotations.classes}
    late = max((index for track in found.tracks for index in track.frames), default=-1)
    if late >= video.length:
        raise ValueError(f"{path}: frame {late}: video {video.name!r} has {video.length} frames")
    if any(len(track.frames) > 1 for track in found.tracks):
        tracks = ((track, labels[track.class_id]) for track in found.tracks)
        return Given(
            [
                PlacedPrompt(track.id, index, prompt, f"{path.name}, track {track.id}", label)
                for track, label in tracks
                for index, prompt in _on_keyframes(track, video.size, every)
            ]
        )
    seen: dict[int, list[tuple[float, Proposal]]] = {}
    for track in found.tracks:
        for index, own in track.frames.items():
            prompt = _prompt(own, video.size)
            score = 1.0 if own.score is None else own.score
            if prompt is not None and score >= least_score:
                proposal = Proposal(prompt, labels[track.class_id])
                seen.setdefault(index, []).append((score, proposal))
    for proposals in seen.values():
        proposals.sort(key=lambda own: -own[0])

    def find(frame: Frame, where: Bool[np.ndarray, "H W"]) -> list[Proposal]:
        return [proposal for _, proposal in seen.get(frame.index, [])]

    return Given(find=find)


@lru_cache(maxsize=1)  # it may hold all videos, which are read one after another
def _read_coco(path: Path, changed: int) -> Annotations:
    """A file that was last changed at a time, in nanoseconds."""
    return read("coco", path)[0]


def _of_video(annotations: Annotations, video: ProjectVideo, path: Path) -> VideoTracks:
    """What a file says of a video: that of its name, or the only one."""
    videos = list(annotations.videos)
    named = [own for own in videos if own.video.name == video.name]
    if not named and len(videos) != 1:
        there = ", ".join(own.video.name for own in videos[:5]) or "-"
        raise ValueError(f"{path} has no video {video.name!r}; there are: {there}")
    (found,) = named or videos
    if found.video.size != video.size:
        of_file = f"{found.video.width}x{found.video.height}"
        raise ValueError(
            f"{path}: its pictures are {of_file}, but {video.name!r} is "
            f"{video.width}x{video.height}"
        )
    return found


def _on_keyframes(track: Track, size: tuple[int, int], every: int) -> list[tuple[int, Prompt]]:
    """A track's first prompt, and others at least ``every`` frames apart."""
    kept: list[tuple[int, Prompt]] = []
    for index in sorted(track.frames):
        if kept and (not every or index - kept[-1][0] < every):
            continue
        prompt = _prompt(track.frames[index], size)
        if prompt is not None:
            kept.append((index, prompt))
    return kept


def _prompt(own: TrackFrame, size: tuple[int, int]) -> Prompt | None:
    """A mask or a box, cut off at the picture's borders; None if nothing is left."""
    if own.box is None:
        mask = own.mask(size)
        return None if mask is None or not mask.any() else Prompt.from_mask(mask)
    (x0, y0, x1, y1), (height, width) = own.box, size
    x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    return Prompt.from_box([x0, y0, x1, y1]) if x1 - x0 >= 1 and y1 - y0 >= 1 else None
