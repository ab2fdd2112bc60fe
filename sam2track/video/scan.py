"""A look through a video file: what is in it, and whether all of it is there.

Room: SOURCE. A path enters, facts leave.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from .source import VideoError


@dataclass(frozen=True, slots=True)
class Facts:
    """What a look through the file tells.

    Attributes:
        size: height and width as shown.
        fps: mean rate.
        length: frames that should be shown.
        times: when each frame that is there is shown, in the stream's ticks, in order; the
            frames' numbers in a file whose times cannot be trusted.
        timed: whether they are times.
        listed: the container says how many frames there are (MP4, MOV), so that one missing is
            noticed.
    """

    size: tuple[int, int]
    fps: float
    length: int
    times: array[int]
    timed: bool
    listed: bool


def survey(path: Path) -> Facts:
    """Decode the first frames of a file, and list those that are there.

    Raises:
        VideoError: if there is no such file, or no frame of it can be decoded.
    """
    if not path.is_file():
        raise VideoError(f"no such video: {path}; check the path")
    if not path.stat().st_size:
        raise VideoError(f"{path} is empty (0 bytes); export or download the video again")
    try:
        with av.open(str(path)) as container:
            stream = video_stream(container, path)
            fps = float(stream.average_rate or stream.guessed_rate or 0)
            first = next(container.decode(stream), None)
            if first is None:
                raise _without_frames(path)
            size, begin = upright(first).shape[:2], first.pts
        times, missing, listed = _list_frames(path)
    except FFmpegError as error:
        raise VideoError(f"cannot read {path}: {_reason(path, error)}") from error
    if begin in times:  # a recording may begin with frames that lack what they build on
        times = times[times.index(begin) :]
    timed = _as_decoded(path, times)
    return Facts(
        size=size,
        fps=fps if 0.1 <= fps <= 1000 else 30.0,
        length=len(times) + missing,
        times=times if timed else array("q", range(len(times))),
        timed=timed,
        listed=listed,
    )


def _list_frames(path: Path) -> tuple[array[int], int, bool]:
    """The times of the frames that are there, in order; how many the container declares but does
    not hold; whether it declares any. All of the file is read and nothing decoded.
    """
    times: list[int] = []
    packets, last, cut = 0, 0, None
    with av.open(str(path)) as container:
        stream = video_stream(container, path)
        listed = stream.frames > 0
        for packet in container.demux(stream):
            if not packet.size:
                continue
            time = packet.pts if packet.pts is not None else packets
            if listed and packet.is_corrupt:  # half of it is missing, and all after it
                cut = time
                break
            packets += 1
            last = packet.dts if packet.dts is not None else time
            if not packet.is_discard:
                times.append(time)
        hidden = packets - len(times)
        declared = stream.frames - hidden
    times.sort()
    if listed and declared > len(times):
        # Frames are stored in decoding order: one that is there may be shown after one that isn't.
        whole = [time for time in times if (time <= last if cut is None else time < cut)]
        return array("q", whole), declared - len(whole), listed
    return array("q", times), 0, listed


def _as_decoded(path: Path, times: array[int]) -> bool:
    """Whether frames leave the decoder with the times that the file lists, in their order.

    Some writers (OpenCV's among them) store decoding order as the time.
    """
    with av.open(str(path)) as container:
        frames = container.decode(video_stream(container, path))
        try:
            return all(
                frame.pts == time for frame, time in zip(islice(frames, 8), times, strict=False)
            )
        except FFmpegError:
            return True  # damaged, but in order up to there


def video_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """The stream to show; VideoError if there is none."""
    stream = container.streams.best("video")
    # FFmpeg renders plain text as a picture of a terminal ("ansi").
    if not isinstance(stream, av.VideoStream) or stream.codec_context.name == "ansi":
        raise _without_frames(path)
    return stream


def _without_frames(path: Path) -> VideoError:
    return VideoError(
        f"{path} has no video frames in it; give another file, or a folder of pictures"
    )


def _reason(path: Path, error: FFmpegError) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as refusal:
        return f"{refusal.strerror}; make it readable"
    if head[4:] == b"ftyp":
        return (
            "an MP4 whose index is missing or broken, as after an interrupted recording or "
            "download; get the whole file, or repair it"
        )
    return f"{error.strerror or error}; give a video such as MP4, MOV, MKV or WebM"


def upright(frame: av.VideoFrame) -> np.ndarray:
    """A decoded frame as RGB, turned as the file asks, ``(H, W, 3)`` uint8."""
    image = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90 % 4))
