"""A sink that writes the results of tracking in an exchange format."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...prompts import Prompt
from ...sinks import Sink
from ...sinks.sink import OutputFile, check_result
from ...types import Frame, FrameResult
from ..tracks import Annotations, ObjectClass, Track, TrackFrame, Video, VideoTracks, check_name
from .clips import DEFAULT_CLASS
from .exchange import find_format, write


class ExchangeSink(Sink):
    """Writes a folder in any format of :data:`FORMATS` but overlays and cut-outs, at the end.

    Until then run lengths are in memory, about half a KB for an object on a frame. A warning tells
    what the format cannot hold.

    Attributes:
        remarks: these lines, after the end; ``sam2track track`` prints them.

    Args:
        folder: for the files; it may hold nothing.
        format: a name in ``FORMATS``.
        name: of the video.
        fps: frames a second; None = unknown.
        times: of all frames of the video, in seconds; None = at a constant rate.
        label: the class of the objects.
        prompts: by frame, ``(object id, prompt)`` pairs.

    Raises:
        ValueError: if there is no such format, or a name cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        format: str = "coco",
        *,
        name: str = "video",
        fps: float | None = None,
        times: Sequence[float] | None = None,
        label: str = DEFAULT_CLASS,
        prompts: Mapping[int, Sequence[tuple[int, Prompt]]] | None = None,
    ) -> None:
        if find_format(format).needs_video:
            raise ValueError(
                f"format {format!r} needs the video, not only its results; give another format, or "
                "use sam2track.annotate.exchange.write"
            )
        self.folder, self._format = Path(folder), format
        self._name, self._fps = check_name(name, "a video's name"), fps
        self._times = times
        self._prompted = {
            (object_id, index) for index, pairs in (prompts or {}).items() for object_id, _ in pairs
        }
        self._class = ObjectClass(1, label)  # refused now, not at the end
        self.remarks: list[str] = []
        self._output = OutputFile(folder)
        self._size = (0, 0)
        self._names: dict[int, str | None] = {}
        self._frames: dict[int, dict[int, TrackFrame]] = {}

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take one frame; in addition to SinkError, ValueError if the folder is not empty."""
        check_result(frame, result)
        if not self._names and self.folder.exists() and any(self.folder.iterdir()):
            raise ValueError(f"{self.folder} holds files already; give another folder")
        self._size = frame.size
        self._names[frame.index] = frame.name
        results = zip(result.object_ids, result.masks.numpy(), result.scores.tolist(), strict=True)
        for object_id, mask, score in results:
            frames = self._frames.setdefault(object_id, {})
            frames.pop(frame.index, None)  # of two results for a frame the later one counts
            if mask.any():
                made = "prompt" if (object_id, frame.index) in self._prompted else "propagated"
                frames[frame.index] = TrackFrame.from_mask(mask, score=score, made=made)

    def close(self) -> None:
        if not self._names or self._output.failed:
            return
        names, length = self._names, max(self._names) + 1
        self._names = {}
        files = [name for _, name in sorted(names.items()) if name is not None]
        times = None if self._times is None else tuple(self._times[:length])
        height, width = self._size
        video = Video(
            self._name,
            width,
            height,
            length,
            fps=self._fps,
            times=times if times and len(times) == length else None,
            frame_names=tuple(files) if len(files) == length else None,
        )
        tracks = tuple(Track(k, 1, frames) for k, frames in sorted(self._frames.items()))
        own = VideoTracks(video, tracks, accepted=frozenset(names))
        annotations = Annotations((self._class,), (own,))
        with self._output.guarded():
            losses = write(self._format, annotations, self.folder, frames="accepted")
        for loss in losses:
            self.remarks.append(f"{self.folder} ({self._format}), not kept: {loss}")
            warnings.warn(self.remarks[-1], stacklevel=2)
