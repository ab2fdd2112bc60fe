"""Video files.

Room: SOURCE. A path enters, frames leave.

decord decodes what it is sure to decode rightly: MP4 and MOV files whose index says that every
sample is there and is shown. It is fast and its memory does not grow. Elsewhere it is not safe
(measured with decord2 3.4): of a file that was cut off it loses up to thirty frames that do decode,
a different number each time; of a file with an edit list it repeats the last frame in place of the
hidden ones, and of an MPEG transport stream it skips the first group of pictures, both without a
word; pictures less than about 130 pixels wide it may give with a wrong shape. All these go through
PyAV, which gives the same pixels at about half the speed, and so does the rest of a file in the
middle of which decord fails.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import decord
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from sam2track.types import Frame
from sam2track.video.source import SeekableSource, TruncatedVideo, VideoError

decord.logging.set_level(decord.logging.QUIET)

_HELD_BYTES = 64 << 20


class VideoFile(SeekableSource):
    """A video file: MP4, MOV, MKV, WebM, AVI, TS and what else FFmpeg reads.

    Reading in order decodes each frame once, a jump seeks, and reading backwards decodes a block at
    a time and holds it (64 MB at most, or two frames). Rotation that the file asks for (phones)
    is applied. Frames are counted as they are shown, whatever their times.

    Raises:
        VideoError: if there is no such file, or no video in it, or no frame of it can be decoded.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        facts = _inspect(self.path)
        self.name = self.path.stem
        self.size = facts.size
        self.fps = facts.fps
        self.length = facts.length
        self._facts = facts
        self._lock = threading.Lock()
        self._given = -1  # the frame given last
        self._held: dict[int, np.ndarray] = {}  # decoded for reading backwards
        self._next = 0  # the frame that decord gives next
        self._decord = _open_decord(self.path) if facts.intact else None
        self._pyav = _PyAVReader(self.path, facts)

    def __getitem__(self, index: int) -> Frame:
        if index < 0 or (self.length is not None and index >= self.length):
            raise IndexError(f"{self.name} has frames 0 to {(self.length or 1) - 1}, not {index}")
        with self._lock:
            if index == self._given - 1:
                image = self._backwards(index)
            else:
                self._held.clear()
                image = self._decode(index)
            self._given = index
        height, width = image.shape[:2]
        if (height, width) != self.size:
            raise VideoError(
                f"frame {index} of {self.path} is {width}x{height} but frame 0 is "
                f"{self.size[1]}x{self.size[0]}; re-encode the video at one size"
            )
        return Frame(index, image)

    def _backwards(self, index: int) -> np.ndarray:
        """A frame asked for right after the one that follows it; the next may be asked for soon."""
        if index not in self._held:
            height, width = self.size
            block = min(max(_HELD_BYTES // (height * width * 3), 2), 32)
            for earlier in range(max(0, index + 1 - block), index + 1):
                self._held[earlier] = self._decode(earlier)
        return self._held.pop(index)

    def _decode(self, index: int) -> np.ndarray:
        image = self._through_decord(index)
        return self._pyav.read(index) if image is None else image

    def _through_decord(self, index: int) -> np.ndarray | None:
        """A frame as decord gives it, or None if that is PyAV's task from here on."""
        if self._decord is None:
            return None
        try:
            if index != self._next:
                self._decord.seek_accurate(index)
            image = self._decord.next().asnumpy()
        except (decord.DECORDError, RuntimeError, StopIteration):  # damaged between the ends
            self._decord = None
            return None
        if image.shape != (*self.size, 3):
            self._decord = None
            return None
        self._next = index + 1
        return image

    def close(self) -> None:
        with self._lock:
            self._decord = None
            self._pyav.close()


@dataclass(frozen=True, slots=True)
class _Facts:
    """What opening a file tells.

    Attributes:
        size: height and width as shown.
        fps: mean rate.
        length: frames that should be shown.
        indexed: the container lists its samples (MP4, MOV), so that one missing is noticed.
        intact: indexed, and every sample listed is in the file and is shown.
    """

    size: tuple[int, int]
    fps: float
    length: int | None
    indexed: bool
    intact: bool


def _inspect(path: Path) -> _Facts:
    """Open a file, decode its first frame, and look whether all of it is there."""
    if not path.is_file():
        raise VideoError(f"no such video: {path}; check the path")
    bytes_there = path.stat().st_size
    if not bytes_there:
        raise VideoError(f"{path} is empty (0 bytes); export or download the video again")
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            samples, shown, end = _listed(stream) if "mp4" in container.format.name else (0, 0, 0)
            indexed = samples > 0 and samples == stream.frames
            first = next(container.decode(stream), None)
            if first is None:
                raise _without_frames(path)
            image = _upright(first)
            fps = float(stream.average_rate or stream.guessed_rate or 0)
    except FFmpegError as error:
        raise VideoError(f"cannot read {path}: {_reason(path, error)}") from error
    return _Facts(
        size=image.shape[:2],
        fps=fps if 0.1 <= fps <= 1000 else 30.0,
        length=shown if indexed else _count_packets(path),
        indexed=indexed,
        intact=indexed and shown == samples and end <= bytes_there,
    )


def _listed(stream: av.VideoStream) -> tuple[int, int, int]:
    """Of a container's list of samples: how many, how many are shown, and where the last byte is.

    The entries point into FFmpeg's memory, so nothing of them is kept.
    """
    shown = end = samples = 0
    for entry in stream.index_entries:
        samples += 1
        shown += not entry.is_discard
        end = max(end, entry.pos + entry.size)
    return samples, shown, end


def _video_stream(container: InputContainer, path: Path) -> av.VideoStream:
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


def _count_packets(path: Path) -> int | None:
    """Frames of a file that has no list of them: all of it is read, nothing decoded."""
    count = 0
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(_video_stream(container, path)):
                count += packet.size > 0 and not packet.is_discard
    except FFmpegError:
        return None
    return count


def _open_decord(path: Path) -> decord.VideoReader | None:
    try:
        return decord.VideoReader(str(path))
    except (decord.DECORDError, RuntimeError, AssertionError):
        return None


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """A decoded frame as RGB, turned as the file asks, ``(H, W, 3)`` uint8."""
    image = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90 % 4))


class _PyAVReader:
    """Frames by number, in order cheaply, backwards by starting over."""

    def __init__(self, path: Path, facts: _Facts) -> None:
        self._path = path
        self._facts = facts
        self._frames: Iterator[av.VideoFrame] | None = None
        self._next = 0

    def read(self, index: int) -> np.ndarray:
        """Frame ``index`` as RGB; past the end TruncatedVideo, or IndexError where no
        list of frames says that there should be more.
        """
        if self._frames is None or index < self._next:
            self.close()
            self._frames = self._decode()
        while True:
            frame = next(self._frames, None)
            if frame is None:
                raise self._ended()
            self._next += 1
            if self._next > index:
                return _upright(frame)

    def close(self) -> None:
        self._frames = None  # ends the generator, which closes the file
        self._next = 0

    def _ended(self) -> Exception:
        index = self._next
        self.close()
        if not self._facts.indexed:
            return IndexError(f"{self._path.stem} has frames 0 to {index - 1}")
        return TruncatedVideo(
            f"{self._path} stops at frame {index} of {self._facts.length}: it is cut off or "
            "damaged there; the frames before it are good",
            index,
        )

    def _decode(self) -> Iterator[av.VideoFrame]:
        """All frames that decode. With a list of samples, up to the first that is damaged, since
        the frames after it could not be numbered; without one, whatever decodes.
        """
        listed = self._facts.indexed
        with av.open(str(self._path)) as container:
            stream = _video_stream(container, self._path)
            # Threads drop the good frames that are in flight when one fails.
            stream.thread_type = "NONE" if listed else "AUTO"
            for packet in container.demux(stream):
                if listed and packet.is_corrupt:
                    break
                try:
                    for frame in packet.decode():
                        if listed and frame.is_corrupt:
                            return
                        yield frame
                except FFmpegError:
                    if listed:
                        break
            else:
                return  # the demuxer's last, empty packet has drained the decoder
            # The decoder still holds frames: good ones up to the one that is shown where it failed.
            for frame in stream.codec_context.decode(None):
                if packet.pts is None or frame.pts >= packet.pts:
                    return
                yield frame
