"""Reads through a video file once, to list its frames and to find missing ones."""

from __future__ import annotations

from array import array
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import Colorspace, VideoReformatter

from .source import VideoError

_UNSPECIFIED = 2  # FFmpeg's AVCOL_SPC_UNSPECIFIED
_YUV = ("yuv", "nv", "p0", "p2", "p4")  # beginnings of the pixel formats' names
_LARGEST_SD = 576, 1279  # height and width; larger video is high definition, as in mpv


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The result of :func:`scan_video`.

    Attributes:
        size: height and width as shown.
        fps: mean frames per second.
        pixel_aspect: width of a pixel divided by its height, as shown.
        length: frames that should be shown.
        times: display time of each existing frame, in the stream's time base, ascending; the
            frames' numbers in a file whose times are not in display order.
        keyframes: the times of the frames at which decoding can start, ascending.
        timed: whether ``times`` are times.
        time_base: seconds in one unit of them.
        listed: the container says how many frames there are (MP4, MOV), so that a missing one is
            noticed.
    """

    size: tuple[int, int]
    fps: float
    pixel_aspect: Fraction
    length: int
    times: array[int]
    keyframes: array[int]
    timed: bool
    time_base: float
    listed: bool


def open_container(path: Path) -> InputContainer:
    """Open a file with FFmpeg."""
    return av.open(f"file:{path}")  # else a colon in its name would be read as a protocol's


def scan_video(path: Path) -> VideoInfo:
    """Decode the first frames of a file, and list the existing ones."""
    if not path.is_file():
        raise VideoError(f"no such video: {path}; check the path")
    if not path.stat().st_size:
        raise VideoError(f"{path} is empty (0 bytes); export or download the video again")
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            declared_rate = float(stream.average_rate or 0)
            time_base = float(stream.time_base or 0)
            frames = container.decode(stream)
            first = next(frames, None)
            if first is None:
                raise _without_frames(path)
            size = to_rgb(first).shape[:2]
            aspect = stream.sample_aspect_ratio or Fraction(1)
            aspect = aspect if 0.1 < aspect < 10 else Fraction(1)  # else it is not plausible
            pixel_aspect = 1 / aspect if first.rotation % 180 else aspect
            shown = [first.pts]
            with suppress(FFmpegError):  # a file may be damaged here
                for frame in islice(frames, 7):
                    shown.append(frame.pts)
        times, keyframes, missing, listed = _list_frames(path)
    except FFmpegError as error:
        raise VideoError(f"cannot read {path}: {_reason(path, error)}") from error
    if first.pts in times:  # a recording may begin with frames whose reference frames are missing
        times = times[times.index(first.pts) :]
    # Some writers (OpenCV's among them) store decoding order as the time.
    timed = all(decoded == time for decoded, time in zip(shown, times, strict=False))
    return VideoInfo(
        size=size,
        fps=_mean_rate(times, time_base, declared_rate, trusted=listed or not timed),
        pixel_aspect=pixel_aspect,
        length=len(times) + missing,
        times=times if timed else array("q", range(len(times))),
        keyframes=keyframes,
        timed=timed,
        time_base=time_base,
        listed=listed,
    )


def _mean_rate(times: array[int], time_base: float, declared: float, *, trusted: bool) -> float:
    """Frames per second: as the file declares it, or else from its frames' times.

    WebM files of browsers declare none, and FFmpeg then takes one frame for each tick of the clock.
    """
    span = (times[-1] - times[0]) * time_base if times else 0.0
    measured = (len(times) - 1) / span if span > 0 else 0.0
    if measured and not (declared and (trusted or 0.8 < declared / measured < 1.25)):
        declared = measured
    return declared if 0.001 <= declared <= 1000 else 30.0


def _list_frames(path: Path) -> tuple[array[int], array[int], int, bool]:
    """List the existing frames. The whole file is read, but not decoded.

    Returns:
        their times, the times of keyframes, how many frames the container declares but does not
        hold, and whether it declares any.
    """
    times: list[int] = []
    keyframes: list[int] = []
    packets, last, cut = 0, 0, None
    with open_container(path) as container:
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
            if packet.is_keyframe:
                keyframes.append(time)
            if not packet.is_discard:
                times.append(time)
        hidden = packets - len(times)
        declared = stream.frames - hidden
    times.sort()
    if listed and declared > len(times):
        # Frames are stored in decoding order: an existing one may be shown after a missing one.
        times = [time for time in times if (time <= last if cut is None else time < cut)]
    missing = max(0, declared - len(times)) if listed else 0
    return array("q", times), array("q", sorted(keyframes)), missing, listed


def video_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """The stream to show."""
    stream = container.streams.best("video") or next(iter(container.streams.video), None)
    if isinstance(stream, av.VideoStream) and stream.codec_context is None:
        raise VideoError(
            f"{path}: the codec of its video is unknown to FFmpeg; the file is damaged, or "
            "convert it to H.264"
        )
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


def to_rgb(frame: av.VideoFrame, converter: VideoReformatter | None = None) -> np.ndarray:
    """A decoded frame as RGB, turned as the file asks, ``(H, W, 3)`` uint8.

    A converter that is kept for all frames of a video saves most of the time. A frame that does not
    say which matrix its colours have is read as players read it: BT.709 in high definition, else
    BT.601.
    """
    height, width = _LARGEST_SD
    untagged = frame.colorspace == _UNSPECIFIED and frame.format.name.startswith(_YUV)
    large = frame.height > height or frame.width > width
    matrix = Colorspace.ITU709 if untagged and large else None
    converter = converter or VideoReformatter()
    image = converter.reformat(frame, format="rgb24", src_colorspace=matrix).to_ndarray()
    if _is_mirrored(frame):
        image = image[::-1]
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90 % 4))


def _is_mirrored(frame: av.VideoFrame) -> bool:
    """Whether the file asks to turn the frame over, top to bottom, before it is rotated."""
    # Not frame.side_data, which the frame keeps and which refers to the frame: such frames would
    # hold their buffers until Python's collector of cycles runs.
    display = SideDataContainer(frame).get("DISPLAYMATRIX")  # pyright: ignore[reportCallIssue]
    if display is None:
        return False
    a, b, _, c, d = np.frombuffer(display, np.int32)[:5].tolist()
    return a * d < b * c
