"""Video files.

Room: SOURCE. A path enters, frames leave.

Through PyAV, not decord, which was measured first (decord2 3.4). It decodes ahead without bound:
whoever reads more slowly than it decodes, as every tracker does, soon holds the whole video (4.2 GB
of RAM after 1,000 frames at 480p; dmlc/decord issues 157 and 208). Of a file that was cut off it
loses up to thirty frames that do decode, a different number each time; of a file with an edit list
it repeats the last frame in place of the hidden ones; of an MPEG transport stream it skips the
first group of pictures; frames less than about 130 pixels wide it may give in a wrong shape; all
without a word. PyAV gives the same pixels for half a millisecond more at 480p.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from itertools import count
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from ..types import Frame
from .scan import Facts, survey, upright, video_stream
from .source import SeekableSource, TruncatedVideo, VideoError

_HELD_BYTES = 64 << 20
_NEAR = 16  # frames that are sooner decoded than jumped over


class VideoFile(SeekableSource):
    """A video file: MP4, MOV, MKV, WebM, AVI, TS and what else FFmpeg reads.

    Opening reads the file once, to list its frames, and decodes a few. Reading in order decodes
    each frame once, a jump seeks, and reading backwards decodes a block at a time and holds it
    (64 MB at most, or two frames). Rotation that the file asks for (phones) is applied. Frames are
    counted as they are shown, whatever their times.

    Raises:
        VideoError: if there is no such file, or no video in it, or no frame of it can be decoded.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        facts = survey(self.path)
        self.name = self.path.stem
        self.size = facts.size
        self.fps = facts.fps
        self.length = facts.length
        self._last = facts.length - 1
        self._lock = threading.Lock()
        self._decoder = _Decoder(self.path, facts)
        self._given = -1  # the frame given last
        self._held: dict[int, np.ndarray] = {}  # decoded for reading backwards

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index <= self._last:
            raise IndexError(f"{self.name} has frames 0 to {self._last}, not {index}")
        with self._lock:
            if index == self._given - 1:
                image = self._backwards(index)
            else:
                self._held.clear()
                image = self._decoder.read(index)
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
                self._held[earlier] = self._decoder.read(earlier)
        return self._held.pop(index)

    def close(self) -> None:
        with self._lock:
            self._decoder.close()
            self._held.clear()


class _Decoder:
    """Frames by number, in order cheaply, elsewhere by seeking.

    A frame is known by its time, so that one that the decoder loses is noticed. Threads lose good
    frames that are in flight when another fails; so the first loss is looked at again with one
    thread, and only then believed.
    """

    def __init__(self, path: Path, facts: Facts) -> None:
        self._path = path
        self._facts = facts
        self._frames: Generator[tuple[int, av.VideoFrame]] | None = None
        self._next = 0
        self._careful = False

    def read(self, index: int) -> np.ndarray:
        """Frame ``index`` as RGB.

        Raises:
            TruncatedVideo: if it is missing and the container lists it.
            IndexError: if it is missing and nobody promised it.
        """
        if index >= len(self._facts.times):
            raise self._missing(len(self._facts.times))
        frame = self._find(index)
        if frame is None and not self._careful:
            self._careful = True
            self.close()
            frame = self._find(index)
        if frame is None:
            raise self._missing(index)
        self._next = index + 1
        return upright(frame)

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()  # and with it the file
            self._frames = None

    def _missing(self, index: int) -> Exception:
        self.close()
        if not self._facts.listed:
            return IndexError(f"{self._path.stem} has frames 0 to {index - 1}")
        return TruncatedVideo(
            f"{self._path} stops at frame {index} of {self._facts.length}: it is cut off or "
            "damaged there; the frames before it are good",
            index,
        )

    def _find(self, index: int) -> av.VideoFrame | None:
        """Decode up to a frame; None if it does not come."""
        time = self._facts.times[index]
        try:
            for shown, frame in self._from(index):
                if shown >= time:
                    # Where nothing says how many there are, what decodes is what there is.
                    passed = shown > time and (self._facts.listed or not self._careful)
                    damaged = frame.is_corrupt and self._facts.listed
                    return None if passed or damaged else frame
        except FFmpegError:
            self.close()
        return None

    def _from(self, index: int) -> Generator[tuple[int, av.VideoFrame]]:
        """Frames from one at or before ``index`` on: those under way, or begun anew."""
        if self._frames is None or not self._next <= index < self._next + _NEAR:
            self.close()
            early = index - _NEAR  # a keyframe's neighbours may need the one before it
            start = self._facts.times[early] if early > 0 and self._facts.timed else None
            if start is not None and not self._lands_before(start):
                start = None
            self._frames = self._decode(start)
        return self._frames

    def _lands_before(self, start: int) -> bool:
        """Whether seeking works: in some files it goes too far."""
        trial = self._decode(start)
        try:
            landed = next(trial, None)
        except FFmpegError:
            return False
        finally:
            trial.close()
        return landed is not None and landed[0] <= start

    def _decode(self, start: int | None) -> Generator[tuple[int, av.VideoFrame]]:
        """Frames with their times, all of them or from the keyframe before ``start``."""
        with av.open(str(self._path)) as container:
            stream = video_stream(container, self._path)
            stream.thread_type = "NONE" if self._careful else "AUTO"
            if start is not None:
                container.seek(start, stream=stream)
            number = count()
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        shown = frame.pts if self._facts.timed else None
                        yield (next(number) if shown is None else shown), frame
                except FFmpegError:
                    if self._facts.listed:
                        break
            else:
                return  # the demuxer's last, empty packet has drained the decoder
            for frame in stream.codec_context.decode(None):
                shown = frame.pts if self._facts.timed else None
                yield (next(number) if shown is None else shown), frame
