"""Masks as COCO run lengths in one JSON file, laid out as YouTube-VIS lays out its videos."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from ..masks import encode_runs
from ..types import Frame, FrameResult
from .sink import OutputFile, Sink

_ABSENT = -1
_FIELDS = ("segmentations", "bboxes", "areas", "scores")
_NAMES = 0  # the id under which the frames' names are kept; objects have ids from 1


class CocoSink(Sink):
    """One annotation per object, with a list over all frames of each of these:

    - ``segmentations``: compressed run lengths as pycocotools reads them
    - ``bboxes``: ``[x, y, width, height]`` in pixels
    - ``areas``: pixels
    - ``scores``: predicted IoU, 0..1; ``score`` is their mean

    ``review`` holds the lines given to :meth:`note`. A frame on which the object is not seen, or
    that was not tracked, is null. The video has ``file_names``: those of the pictures (null where
    none was tracked), or ``00000.png`` and so on where frames are no files of their own; with
    ``fps`` also that and ``times``, in seconds from the first frame.

    Frames may come in any order; of two results for one frame the later counts. What must wait for
    the end waits in a nameless file beside the output, so that RAM holds eight bytes per object
    and frame.

    Args:
        path: the ``.json`` to write.
        name: name of the video in it.
        fps: frames a second of the video; None = unknown.
        times: of all its frames; None = at a constant rate.
    """

    def __init__(
        self,
        path: str | Path,
        name: str = "video",
        fps: float | None = None,
        times: Sequence[float] | None = None,
    ) -> None:
        self._output = OutputFile(path)
        self._name = name
        self._fps = fps
        self._times = times
        self._size = (0, 0)
        self._length = 0
        self._places: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._notes: defaultdict[int, list[str]] = defaultdict(list)
        self._spool: IO[bytes] | None = None
        self._end = 0  # of the spool

    def write(self, frame: Frame, result: FrameResult) -> None:
        with self._output.guarded():
            if self._spool is None:
                self._spool = tempfile.TemporaryFile(  # noqa: SIM115 - closed with the sink
                    dir=self._output.start().parent
                )
                self._size = frame.size
            self._length = max(self._length, result.index + 1)
            if frame.name is not None:
                self._keep(_NAMES, result.index, json.dumps(frame.name))
            ids, masks = result.object_ids, result.masks.numpy()
            parts = zip(ids, masks, result.boxes(), result.scores.tolist(), strict=True)
            for object_id, mask, box, score in parts:
                line = None if box is None else _encode(mask, box, score)
                self._keep(object_id, result.index, line)

    def note(self, object_id: int, text: str) -> None:
        self._notes[object_id].append(text)

    def close(self) -> None:
        if self._spool is None or self._output.failed:
            return
        with self._output.guarded(), self._spool:
            with self._output.temporary.open("w", encoding="ascii") as file:
                file.writelines(self._document())
            self._spool = None
            self._output.commit()

    def _keep(self, key: int, index: int, line: str | None) -> None:
        """Put a frame's line at the end of the spool and note where it is."""
        assert self._spool is not None
        places = self._places[key]
        places.extend([_ABSENT] * (index + 1 - len(places)))
        places[index] = _ABSENT
        if line is not None:
            places[index] = self._end  # to ask the file where it is would empty its buffer
            self._end += self._spool.write(f"{line}\n".encode("ascii"))

    def _document(self) -> Iterator[str]:
        """The file in pieces, so that it is never in memory as a whole."""
        height, width = self._size
        size = {"width": width, "height": height, "length": self._length}
        video = json.dumps({"id": 1, "name": self._name, **size})[:-1]
        yield f'{{"info": {{"description": "sam2track"}},\n"videos": [{video}, "file_names": ['
        yield from _listed(self._file_names())
        if self._fps is not None:
            yield f'], "fps": {float(self._fps)}, "times": ['
            constant = (index / self._fps for index in range(self._length))
            times = constant if self._times is None else self._times
            yield from _listed(f"{time:.4f}" for time in islice(times, self._length))
        yield ']}],\n"categories": [{"id": 1, "name": "object"}],\n"annotations": ['
        for place, object_id in enumerate(sorted(({*self._places, *self._notes}) - {_NAMES})):
            about = {"id": object_id, "video_id": 1, "category_id": 1, "iscrowd": 0, **size}
            yield ",\n" if place else "\n"
            yield json.dumps(about)[:-1]
            for column, field in enumerate(_FIELDS):
                yield f', "{field}": ['
                yield from _listed(self._column(object_id, column))
                yield "]"
            yield f', "score": {self._mean_score(object_id):.4f}'
            yield f', "review": {json.dumps(self._notes[object_id])}}}'
        yield "\n]}\n"

    def _file_names(self) -> Iterable[str]:
        if _NAMES in self._places:
            return self._column(_NAMES, 0)
        return (f'"{index:05d}.png"' for index in range(self._length))

    def _column(self, key: int, column: int) -> Iterator[str]:
        """One field of an object as JSON, frame by frame."""
        assert self._spool is not None
        places = self._places[key]
        for index in range(self._length):
            if index >= len(places) or places[index] == _ABSENT:
                yield "null"
            else:
                self._spool.seek(places[index])
                yield self._spool.readline().decode("ascii").rstrip("\n").split("\t")[column]

    def _mean_score(self, object_id: int) -> float:
        scores = [float(s) for s in self._column(object_id, _FIELDS.index("scores")) if s != "null"]
        return sum(scores) / max(len(scores), 1)


def _encode(mask: np.ndarray, box: tuple[int, int, int, int], score: float) -> str:
    """One line of the spool: the fields as JSON with tabs between."""
    x0, y0, x1, y1 = box
    runs, place = json.dumps(encode_runs(mask, box)), json.dumps([x0, y0, x1 - x0, y1 - y0])
    return f"{runs}\t{place}\t{np.count_nonzero(mask[y0:y1, x0:x1])}\t{score:.4f}"


def _listed(items: Iterable[str]) -> Iterator[str]:
    """Items of a JSON list with commas between."""
    for place, item in enumerate(items):
        yield f", {item}" if place else item
