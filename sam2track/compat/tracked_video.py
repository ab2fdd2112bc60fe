"""A video with its session: what ``init_state`` gives, and what is tracked in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..model import SAM2
from ..prompts import Prompt
from ..track import TrackingSession
from ..types import whole_number
from ..video import ImageFolder, SeekableSource, VideoError, list_pictures, open_video
from .video_masks import Shown

JPEG = (".jpg", ".jpeg")  # all that the official code reads of a folder


class TrackedVideo:
    """The objects of one video.

    Attributes:
        source: the frames, which are read when they are needed.
        session: follows the objects.
        numbers: the session's object id for each of the user's, in the order of their prompts.
        prompted: the frames on which each of the user's objects was prompted.
    """

    def __init__(self, source: SeekableSource, session: TrackingSession) -> None:
        self.source, self.session = source, session
        self.numbers: dict[Any, int] = {}
        self.prompted: dict[Any, set[int]] = {}

    def prompt(self, obj_id: Any, prompt: Prompt, index: int, *, replace: bool) -> None:
        """Prompt an object on a frame; a new id adds an object. Errors as of the session."""
        index = check_index(index, "frame_idx", self.source)
        number = self.numbers.get(obj_id, max(self.numbers.values(), default=0) + 1)
        self.session.prompt(number, prompt, self.source[index], replace=replace)
        self.session.objects[number].early = True  # as in the official predictor
        self.numbers[obj_id] = number
        self.prompted.setdefault(obj_id, set()).add(index)

    def unprompt(self, obj_id: Any, index: int) -> None:
        """Take an object's prompts on a frame back; nothing happens if there are none."""
        if index in self.prompted.get(obj_id, ()):
            self.session.unprompt(self.numbers[obj_id], index)
            self.prompted[obj_id].remove(index)

    def remove(self, obj_id: Any) -> list[int]:
        """Remove an object. The frames on which it was prompted come back."""
        number = self.numbers.pop(obj_id)
        if number in self.session.objects:
            self.session.remove(number)
        return sorted(self.prompted.pop(obj_id))

    def shown(self, index: int) -> Shown:
        """What is known of the objects on a frame: logits and the window that they cover."""
        found = {k: own.outcome(index) for k, own in self.session.objects.items()}
        return {k: (own[0][0, 0], own[1]) for k, own in found.items() if own is not None}


def check_index(index: Any, name: str, source: SeekableSource) -> int:
    """The index of a frame; ValueError if there is none such."""
    index = whole_number(index, name, least=0)
    if index >= len(source):
        raise ValueError(f"{name}={index}: the video has frames 0 to {len(source) - 1}")
    return index


class PreparedFrames:
    """The frames as the official state holds them, ``(T, 3, S, S)``, but made when asked for."""

    def __init__(self, model: SAM2, source: SeekableSource) -> None:
        self.model, self.source = model, source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Float[Tensor, "3 S S"]:
        image = np.ascontiguousarray(self.source[index].image)
        return self.model.prepare(torch.from_numpy(image))[0]


def open_source(video_path: Any) -> SeekableSource:
    """What ``video_path`` means: a video file, a folder of pictures, or frames in memory.

    Of a folder with JPEG files only these are read, as by the official code.

    Raises:
        VideoError: if it cannot be opened, or its frames cannot be read in any order.
    """
    folder = Path(video_path).expanduser() if isinstance(video_path, (str, Path)) else None
    if folder is not None and folder.is_dir() and list_pictures(folder, JPEG):
        return ImageFolder(folder, suffixes=JPEG)
    source = open_video(video_path)
    if not isinstance(source, SeekableSource):
        source.close()
        raise VideoError(
            f"{video_path} is a camera or a stream, whose frames come only once; "
            "follow it with sam2track.TrackingSession"
        )
    return source
