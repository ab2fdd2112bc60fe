"""The sound of the source video, copied into the overlay packet by packet, without decoding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError

CODECS = ("aac", "mp3", "opus", "flac")  # codecs that MP4 can hold and browsers play
EARLIEST = -0.5  # seconds; an encoder's first packet is a little before the first picture


class Sound:
    """Copies a file's first sound track into another file.

    A track whose codec is not among ``CODECS`` is left out, and a damaged one ends where it is
    damaged, so that the pictures are still written.

    Args:
        path: the file that has the sound.
        output: the file that gets it; nothing may be written to it before.
    """

    def __init__(self, path: str | Path, output: OutputContainer) -> None:
        self._output = output
        self._packets = self._read(path)
        self._next = next(self._packets, None)  # this adds the track to the output

    def copy(self, until: float) -> None:
        """Write the sound before ``until``, in seconds from the first picture."""
        while self._next is not None and self._next[0] < until:
            self._output.mux(self._next[1])
            self._next = next(self._packets, None)

    def _read(self, path: str | Path) -> Iterator[tuple[float, av.Packet]]:
        """The packets, each with its time in seconds from the first picture."""
        # ValueError: PyAV's for a file that is no video, such as a TIFF stack.
        with suppress(OSError, ValueError, FFmpegError), av.open(f"file:{path}") as source:
            pictures, track = source.streams.video[0], next(iter(source.streams.audio), None)
            if track is None or track.codec_context.name not in CODECS:
                return
            copied = self._output.add_stream_from_template(track)
            start = (pictures.start_time or 0) * pictures.time_base
            shift = round(start / track.time_base)
            for packet in source.demux(track):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                time = float(packet.pts * packet.time_base)
                if time >= EARLIEST:
                    packet.stream = copied
                    yield time, packet
