"""Video files, decoded by FFmpeg through PyAV."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Generator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from ..types import Frame
from .scan import VideoInfo, open_container, scan_video, to_rgb, video_stream
from .source import SeekableSource, TruncatedVideo, check_size, frame_index
from .tiff_stack import STACK_SUFFIXES

# Suffixes of videos in a folder of many files; a file that is given by name may have any suffix.
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".ogv"),
    *STACK_SUFFIXES,
)
_BLOCK_BYTES = 64 << 20  # of frames held for reading backwards
_MARGIN = 16  # a seek aims at this number of frames before the wanted one


class VideoFile(SeekableSource):
    """A video file: MP4, MOV, MKV, WebM, AVI, TS and other formats that FFmpeg reads.

    Opening reads the file once, to list its frames, and decodes a few. Reading in order decodes
    each frame once, random access seeks, and reading backwards decodes blocks of frames and keeps
    one (64 MB at most, or two frames). The rotation that a file asks for (phones) is applied.
    Frames are counted in display order.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = self.path.stem
        info = scan_video(self.path)
        self.size, self.fps, self.length = info.size, info.fps, info.length
        self.pixel_aspect = info.pixel_aspect
        self._info = info
        self._lock = threading.Lock()
        self._decoder = _Decoder(self.path, info)
        self._last = -1  # the frame that was read last
        self._block: dict[int, np.ndarray] = {}  # decoded for reading backwards

    @property
    def times(self) -> array[float] | None:
        """Seconds from the first frame to each that is there; None if the file does not say."""
        times, unit = self._info.times, self._info.time_base
        return array("d", ((t - times[0]) * unit for t in times)) if self._info.timed else None

    def read(self, index: int) -> Frame:
        index = frame_index(index)
        with self._lock:
            if index == self._last - 1:
                image = self._read_backwards(index)
            else:
                self._block.clear()
                image = self._decoder.read(index)
            self._last = index
        advice = "re-encode the video at one size"
        check_size(f"frame {index} of {self.path}", image.shape[:2], self.size, advice)
        return Frame(index, image)

    def _read_backwards(self, index: int) -> np.ndarray:
        """A frame that is read backwards: decode a block that ends with it."""
        if index not in self._block:
            height, width = self.size
            count = min(max(_BLOCK_BYTES // (height * width * 3), 2), 32)
            for earlier in range(max(0, index + 1 - count), index + 1):
                self._block[earlier] = self._decoder.read(earlier)
        return self._block.pop(index)

    def close(self) -> None:
        with self._lock:
            self._decoder.close()
            self._block.clear()


class _Decoder:
    """Frames by number; those in order are fastest.

    A frame is identified by its time, so a frame that the decoder loses is noticed. With several
    threads an error also loses good frames; so after the first loss all frames are decoded again
    with one thread, and only frames that are lost then are missing.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        self._path, self._info = path, info
        self._frames: Generator[tuple[int, av.VideoFrame]] | None = None
        self._next = 0
        self._wanted = 0  # the time of the frame that is looked for
        self._one_thread = False
        self._converter = VideoReformatter()

    def read(self, index: int) -> np.ndarray:
        """Frame ``index`` as RGB. See :meth:`_missing` for errors if it is missing."""
        if index >= len(self._info.times):
            raise self._missing(len(self._info.times))
        frame = self._find(index)
        if frame is None and not self._one_thread:
            self._one_thread = True
            self.close()
            frame = self._find(index)
        if frame is None:
            raise self._missing(index)
        self._next = index + 1
        return to_rgb(frame, self._converter)

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()  # closes the file too
            self._frames = None

    def _missing(self, index: int) -> Exception:
        """TruncatedVideo if the container lists the frame, IndexError if it lists none."""
        self.close()
        if not self._info.listed:
            return IndexError(f"{self._path.stem} has frames 0 to {index - 1}")
        return TruncatedVideo(
            f"{self._path} stops at frame {index} of {self._info.length}: it is cut off or "
            "damaged there; the frames before it are good",
            index,
        )

    def _find(self, index: int) -> av.VideoFrame | None:
        """Decode up to a frame; None if it is not found."""
        time = self._wanted = self._info.times[index]
        try:
            for shown, frame in self._from(index):
                if shown >= time:
                    # If the number of frames is unknown, it is the number of decoded frames.
                    passed = shown > time and (self._info.listed or not self._one_thread)
                    damaged = frame.is_corrupt and self._info.listed
                    return None if passed or damaged else frame
        except FFmpegError:
            self.close()
        return None

    def _from(self, index: int) -> Generator[tuple[int, av.VideoFrame]]:
        """Frames from one at or before ``index`` on: from the running decoder, or after a seek."""
        times, keyframes = self._info.times, self._info.keyframes
        # A margin, because the frames around a keyframe may need the keyframe before it.
        aim = times[index - _MARGIN] if index > _MARGIN and self._info.timed else None
        place = 0 if aim is None else bisect_right(keyframes, aim)
        start = keyframes[place - 1] if place else None
        no_gain = start is None or (self._next < len(times) and start <= times[self._next])
        if self._frames is not None and self._next <= index and no_gain:
            return self._frames  # a seek would not reach a later frame
        self.close()
        self._frames = self._start(aim)
        return self._frames

    def _start(self, aim: int | None) -> Generator[tuple[int, av.VideoFrame]]:
        """Frames from the keyframe before a time on, or from the first: a seek may go too far."""
        if aim is not None:
            with closing(self._decode(aim)) as frames:
                first = None
                with suppress(FFmpegError):
                    first = next(frames, None)
                if first is not None and first[0] <= aim:
                    yield first
                    yield from frames
                    return
        yield from self._decode(None)

    def _decode(self, start: int | None) -> Generator[tuple[int, av.VideoFrame]]:
        """Frames with their times, all of them or from the keyframe before ``start`` on."""
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            stream.thread_type = "NONE" if self._one_thread else "AUTO"
            if start is not None:
                container.seek(start, stream=stream)
            # H.264 marks the frames that no other needs; before the wanted one they are left out.
            skips = stream.codec_context.name == "h264" and self._info.timed
            number = count()
            for packet in container.demux(stream):
                if skips:
                    early = packet.pts is not None and packet.pts < self._wanted
                    stream.codec_context.skip_frame = "NONREF" if early else "DEFAULT"
                try:
                    for frame in packet.decode():
                        shown = frame.pts if self._info.timed else None
                        yield (next(number) if shown is None else shown), frame
                except FFmpegError:
                    if self._info.listed:
                        break
            else:
                return  # the demuxer's last, empty packet has drained the decoder
            for frame in stream.codec_context.decode(None):
                shown = frame.pts if self._info.timed else None
                yield (next(number) if shown is None else shown), frame
