"""Encodes a video whose pictures come in reverse order, once and with little memory.

Pictures of a backward run go in, packets in the order of time come out. A block of
pictures is reversed in memory and encoded with a key frame at its head, so that it can be decoded
alone. The packets are kept in an unnamed file, and at the end the blocks are put in order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile

import av
from av.video.frame import PictureType

_BLOCK_BYTES = 64 << 20
_BLOCK_PICTURES = 32  # at most: key frames are large


class ReversedVideo:
    """Encodes pictures that come in reverse order.

    Args:
        stream: encodes without B-frames: one packet per picture, in the order of its pictures.
        folder: for the file of packets.
        picture_bytes: of one picture.
    """

    def __init__(self, stream: av.VideoStream, folder: Path, picture_bytes: int) -> None:
        self._stream = stream
        self._spool = TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this
        self._block = min(max(_BLOCK_BYTES // picture_bytes, 1), _BLOCK_PICTURES)
        self._held: list[av.VideoFrame] = []
        self._count = 0
        self._ends = array("q", [0])  # where each packet ends in the spool, after the first's start

    def add(self, picture: av.VideoFrame) -> None:
        """Take the picture that is shown before all those so far."""
        self._held.append(picture)
        if len(self._held) == self._block:
            self._encode()

    def packets(self) -> Iterator[av.Packet]:
        """Every packet, in the order of time; no picture can be added later."""
        self._encode()
        self._keep(self._stream.encode(None))
        spans = list(pairwise(self._ends))
        shown = 0
        for first in reversed(range(0, len(spans), self._block)):
            for place in range(first, min(first + self._block, len(spans))):
                start, end = spans[place]
                self._spool.seek(start)
                packet = av.Packet(self._spool.read(end - start))
                packet.stream = self._stream
                packet.pts = packet.dts = shown
                packet.duration = 1
                packet.time_base = self._stream.codec_context.time_base
                packet.is_keyframe = place == first
                yield packet
                shown += 1
        self._spool.close()

    def _encode(self) -> None:
        for place, picture in enumerate(reversed(self._held)):
            picture.pts = self._count
            picture.pict_type = PictureType.NONE if place else PictureType.I
            self._count += 1
            self._keep(self._stream.encode(picture))
        self._held.clear()

    def _keep(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            self._spool.seek(self._ends[-1])
            self._ends.append(self._ends[-1] + self._spool.write(bytes(packet)))
