"""Prompts and masks by hand: what a person says of an object on a frame, as entries of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from ...masks import encode_runs
from ...prompts import PlacedPrompt, Prompt
from ...prompts.tokens import check_prompt
from .anchors import find_anchors, pack_prompt
from .log import Log
from .records import Entry, ProjectMask, ProjectObject, ProjectVideo
from .store import ProjectError
from .stored_masks import StoredMasks
from .videos import Videos


class Edits:
    """Prompts and masks by hand; errors as for the methods of :class:`Project`."""

    def __init__(self, log: Log, videos: Videos, masks: StoredMasks) -> None:
        self.log, self.videos, self.masks = log, videos, masks

    def prompt(
        self, thing: ProjectObject, frame: int, prompt: Prompt, told: Mapping[str, Any]
    ) -> Entry:
        """Add a prompt."""
        video = self._video(thing, frame)
        check_prompt(prompt, video.size)
        data = {"prompt": pack_prompt(prompt), **told}
        return self._entry("prompt", data, thing, frame)

    def unprompt(self, thing: ProjectObject, frame: int) -> Entry:
        """Take all prompts and the mask by hand on a frame back."""
        self._video(thing, frame)
        return self._entry("unprompt", {}, thing, frame)

    def withdraw(self, thing: ProjectObject, frame: int) -> Entry:
        """Take the last prompt or mask by hand on a frame back; those before it count again."""
        self._video(thing, frame)
        row = self.log.store.one(
            "SELECT id, what FROM log WHERE object_id = ? AND frame = ? AND NOT undone AND what IN "
            "('prompt', 'mask', 'unprompt') ORDER BY id DESC LIMIT 1",
            *(thing.id, frame),
        )
        if row is None or row["what"] == "unprompt":
            raise ProjectError(
                f"object {thing.number} has no prompt on frame {frame} that could be taken back"
            )
        return self.log.withdraw(self.log.find(row["id"]))

    def mask(self, thing: ProjectObject, frame: int, mask: Bool[np.ndarray, "H W"]) -> Entry:
        """Set a mask by hand."""
        video = self._video(thing, frame)
        if mask.shape != video.size:
            high, wide = mask.shape
            size = f"{video.width} x {video.height}"
            raise ProjectError(f"the mask is {wide} x {high} pixels, but the video {size}")
        counts = encode_runs(np.ascontiguousarray(mask))["counts"]
        with self.log.store.writing():
            entry = self._entry("mask", {"made": "brush"}, thing, frame)
            own = ProjectMask(thing.id, frame, counts, video.size, made="brush")
            self.masks.edit(thing.id, entry.id, [own])
        return entry

    def prompts(self, thing: ProjectObject) -> list[PlacedPrompt]:
        """The prompts and masks by hand that are in force."""
        video = self.videos.find(thing.video_id)
        anchors = find_anchors(self.log.store, thing.id, video.size)
        return [
            PlacedPrompt(thing.number, anchor.frame, prompt)
            for anchor in anchors.values()
            for prompt in anchor.prompts()
        ]

    def _video(self, thing: ProjectObject, frame: int) -> ProjectVideo:
        video = self.videos.find(thing.video_id)
        check_frame(frame, video)
        return video

    def _entry(self, what: str, data: Mapping[str, Any], thing: ProjectObject, frame: int) -> Entry:
        place = {"video_id": thing.video_id, "object_id": thing.id, "frame": frame}
        return self.log.find(self.log.add(what, data, **place))


def check_frame(frame: int, video: ProjectVideo) -> None:
    """Raise ProjectError unless a video has a frame."""
    if not 0 <= frame < video.length:
        raise ProjectError(
            f"frame {frame}: video {video.name!r} has frames 0 to {video.length - 1}"
        )
