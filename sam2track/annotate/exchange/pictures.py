"""What needs the frames themselves: pictures beside annotations, overlay videos and cut-outs.

Overlay: ``<video>.mp4``. Cut-outs: ``<video>/<track>_<class>/<frame>.png``, each object in the box
of its mask, with the mask as alpha; ``cutouts.csv`` tells where each was.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...masks import mask_box
from ...sinks import OverlaySink
from ...types import Frame, FrameResult
from ...video import SeekableSource, open_video
from .clips import Clip, Export

TOGETHER = 8  # frames read at once
JPEG_QUALITY = 95


def read_frames(clip: Clip) -> Iterator[Frame]:
    """The chosen frames of a clip, in order.

    Raises:
        ValueError: if the video has no path, or is not the one that was annotated.
    """
    video = clip.video
    if video.path is None:
        raise ValueError(f"video {video.name!r} has no path, but its frames are wanted; add it")
    with open_video(video.path) as source:
        if not isinstance(source, SeekableSource):
            raise ValueError(f"{video.path} is no file or folder, so its frames cannot be read")
        if source.size != video.size:
            (height, width), (high, wide) = source.size, video.size
            raise ValueError(
                f"{video.path} is {width}x{height}, but {wide}x{high} was annotated; give the "
                "video that was"
            )
        for first in range(0, len(clip.indices), TOGETHER):
            yield from source.read_many(clip.indices[first : first + TOGETHER])


def write_pictures(clip: Clip, folder: Path, name: Callable[[Clip, int], str]) -> None:
    """Write the chosen frames under their names in a folder.

    The files of a folder are copied, frames of a video become JPEG.
    """
    video = clip.video
    if video.frame_names is not None and video.path is not None:
        for index in clip.indices:
            shutil.copyfile(video.path / video.frame_names[index], _new(folder / name(clip, index)))
        return
    for frame in read_frames(clip):
        target = _new(folder / name(clip, frame.index))
        Image.fromarray(frame.image).save(target, quality=JPEG_QUALITY)


def _new(path: Path) -> Path:
    """The path of a new file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_overlay(export: Export) -> None:
    for clip in export.clips:
        video = clip.video
        whole = len(clip.indices) == video.length
        sound = video.path if whole and video.frame_names is None else None
        # Chosen frames are shown for as long as the frames that they stand for.
        fps = (video.fps or 25) * max(1, len(clip.indices)) / max(1, video.length)
        path = export.folder / f"{video.name}.mp4"
        with OverlaySink(path, max(fps, 0.1), sound_from=sound) as sink:
            for frame in read_frames(clip):
                sink.write(frame, _result(clip, frame.index))


def _result(clip: Clip, index: int) -> FrameResult:
    """The masks on a frame as the tracker gives them."""
    found = {track.id: mask for track, mask in clip.masks(index)}
    ids, size = tuple(found), clip.video.size
    owner = np.full(size, -1, np.int16)
    for place in sorted(range(len(ids)), key=lambda k: int(found[ids[k]].sum()), reverse=True):
        owner[found[ids[place]]] = place
    stack = np.array(list(found.values()), bool).reshape(-1, *size)
    ones = torch.ones(len(ids))
    logits = torch.zeros(len(ids), 4, 4)
    masks, owners = torch.from_numpy(stack), torch.from_numpy(owner)
    return FrameResult(index, ids, masks, owners, ones, ones, logits)


def write_cutouts(export: Export) -> None:
    folder, names = export.folder, export.class_names
    with (folder / "cutouts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "video", "frame", "track", "class", "x", "y", "width", "height"))
        for clip in export.clips:
            for frame in read_frames(clip):
                for track, mask in clip.masks(frame.index):
                    label = names[track.class_id]
                    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in label)[:40]
                    inner = f"{clip.video.name}/{track.id:03d}_{plain}"
                    path = f"{inner}/{clip.stems[frame.index]}.png"
                    x0, y0, x1, y1 = mask_box(mask) or (0, 0, 0, 0)
                    part = np.s_[y0:y1, x0:x1]
                    alpha = mask[part][..., None] * np.uint8(255)
                    picture = np.concatenate([frame.image[part], alpha], axis=2)
                    Image.fromarray(picture).save(_new(folder / path), compress_level=1)
                    place = (x0, y0, x1 - x0, y1 - y0)
                    row = (path, clip.video.name, frame.index, track.id, label, *place)
                    table.writerow(row)
