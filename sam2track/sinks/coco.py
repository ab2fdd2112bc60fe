"""Masks as COCO run lengths in one JSON file, laid out as YouTube-VIS lays out its videos.

Room: SINKS. Results enter, ``tracks.json`` leaves.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import cv2
import numpy as np
from pycocotools import mask as rle

from ..types import Frame, FrameResult
from .sink import PartFile, Sink

_ABSENT = -1
_FIELDS = ("segmentations", "bboxes", "areas", "scores")


class CocoSink(Sink):
    """One annotation per object, with a list over all frames of each of these:

    - ``segmentations``: compressed run lengths as pycocotools reads them
    - ``bboxes``: ``[x, y, width, height]`` in pixels
    - ``areas``: pixels
    - ``scores``: predicted IoU, 0..1; ``score`` is their mean

    A frame on which the object is not seen, or that was not tracked, is null. Frames may come in
    any order; of two results for one frame the later counts. What must wait for the end waits in a
    nameless file beside the output, so that RAM holds eight bytes per object and frame.

    Args:
        path: the ``.json`` to write.
        name: name of the video in it.
    """

    def __init__(self, path: str | Path, name: str = "video") -> None:
        self._part = PartFile(path)
        self._name = name
        self._size = (0, 0)
        self._length = 0
        self._places: dict[int, array[int]] = {}
        self._spool: IO[bytes] | None = None

    def write(self, frame: Frame, result: FrameResult) -> None:
        with self._part.guarded():
            if self._spool is None:
                self._spool = tempfile.TemporaryFile(  # noqa: SIM115 - closed with the sink
                    dir=self._part.start().parent
                )
                self._size = frame.size
            self._length = max(self._length, result.index + 1)
            scores = result.scores.tolist()
            for place, (object_id, box) in enumerate(
                zip(result.object_ids, result.boxes(), strict=True)
            ):
                line = None
                if box is not None:
                    line = _encode(result.masks[place].numpy(), box, scores[place])
                self._keep(self._spool, object_id, result.index, line)

    def close(self) -> None:
        if self._spool is None or self._part.failed:
            return
        with self._part.guarded(), self._spool as spool:
            self._spool = None
            with self._part.start().open("w", encoding="ascii") as file:
                file.writelines(self._document(spool))
            self._part.commit()

    def _keep(self, spool: IO[bytes], object_id: int, index: int, line: bytes | None) -> None:
        """Put a frame's line at the end of the spool and note where it is."""
        places = self._places.setdefault(object_id, array("q"))
        places.extend([_ABSENT] * (index + 1 - len(places)))
        places[index] = _ABSENT
        if line is not None:
            places[index] = spool.seek(0, 2)
            spool.write(line)

    def _document(self, spool: IO[bytes]) -> Iterator[str]:
        """The file in pieces, so that it is never in memory as a whole."""
        height, width = self._size
        yield '{"info": {"description": "sam2track"},\n"videos": [{"id": 1, '
        yield f'"name": {json.dumps(self._name)}, "width": {width}, "height": {height}, '
        yield f'"length": {self._length}, "file_names": ['
        yield from _listed(f'"{index:05d}.png"' for index in range(self._length))
        yield ']}],\n"categories": [{"id": 1, "name": "object"}],\n"annotations": ['
        for place, object_id in enumerate(sorted(self._places)):
            yield ",\n" if place else "\n"
            yield f'{{"id": {object_id}, "video_id": 1, "category_id": 1, "iscrowd": 0, '
            yield f'"width": {width}, "height": {height}, "length": {self._length}'
            for column, field in enumerate(_FIELDS):
                yield f', "{field}": ['
                yield from _listed(self._column(spool, object_id, column))
                yield "]"
            yield f', "score": {self._mean_score(spool, object_id):.4f}}}'
        yield "\n]}\n"

    def _column(self, spool: IO[bytes], object_id: int, column: int) -> Iterator[str]:
        """One field of an object as JSON, frame by frame."""
        places = self._places[object_id]
        for index in range(self._length):
            if index >= len(places) or places[index] == _ABSENT:
                yield "null"
            else:
                spool.seek(places[index])
                yield spool.readline().decode("ascii").rstrip("\n").split("\t")[column]

    def _mean_score(self, spool: IO[bytes], object_id: int) -> float:
        total, count = 0.0, 0
        for score in self._column(spool, object_id, _FIELDS.index("scores")):
            if score != "null":
                total, count = total + float(score), count + 1
        return total / max(count, 1)


def _encode(mask: np.ndarray, box: tuple[int, int, int, int], score: float) -> bytes:
    """One line of the spool: the fields as JSON with tabs between."""
    # pycocotools wants column-major masks; OpenCV transposes faster than NumPy copies.
    runs = rle.encode(cv2.transpose(mask.view(np.uint8)).T)
    segmentation = {"size": runs["size"], "counts": str(cast(bytes, runs["counts"]), "ascii")}
    x0, y0, x1, y1 = box
    fields = (
        json.dumps(segmentation),
        json.dumps([x0, y0, x1 - x0, y1 - y0]),
        str(int(rle.area(runs))),
        f"{score:.4f}",
    )
    return ("\t".join(fields) + "\n").encode("ascii")


def _listed(items: Iterator[str]) -> Iterator[str]:
    """Items of a JSON list with commas between."""
    for place, item in enumerate(items):
        yield f", {item}" if place else item
