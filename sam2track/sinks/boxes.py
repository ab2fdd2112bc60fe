"""Boxes in the text format of the MOT Challenge."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from ..types import Frame, FrameResult
from .sink import OutputFile, Sink, check_result


class BoxSink(Sink):
    """One line per object and frame: ``frame, id, x, y, width, height, score, -1, -1, -1``.

    The box is the tight one around the mask, in pixels. Frames and coordinates count from 1, as
    in motchallenge.net/instructions. An object that is not visible has no line.

    Args:
        path: the ``.txt`` to write.
    """

    def __init__(self, path: str | Path) -> None:
        self._output = OutputFile(path)
        self._file: IO[str] | None = None

    def write(self, frame: Frame, result: FrameResult) -> None:
        check_result(frame, result)
        with self._output.guarded():
            if self._file is None:
                self._file = self._output.start().open("w", encoding="ascii")
            scores = result.scores.tolist()
            for object_id, box, score in zip(
                result.object_ids, result.boxes(), scores, strict=True
            ):
                if box is not None:
                    x0, y0, x1, y1 = box
                    self._file.write(
                        f"{result.index + 1},{object_id},{x0 + 1},{y0 + 1},{x1 - x0},{y1 - y0},"
                        f"{score:.4f},-1,-1,-1\n"
                    )

    def close(self) -> None:
        if self._file is None or self._output.failed:
            return
        with self._output.guarded():
            file, self._file = self._file, None
            file.close()
            self._output.commit()
