"""The journal of a run: every result and, now and then, the state to go on from.

A run that was killed goes on from its journal: the results in it are given to the sinks again, then
tracking continues from the last state. The state names its frame; lines beyond it, which a kill may
have cut, do not count. A finished run has no journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from ..files import write_whole
from ..masks import decode_runs, encode_runs
from ..types import Frame, FrameResult
from .sink import OutputFile, Sink

RESULTS, STATE = "results.jsonl", "state.pt"


@dataclass(frozen=True, slots=True)
class SavedState:
    """What a run can go on from.

    Attributes:
        index: the frame after which it was saved.
        inputs: what the run was about, such as a hash of its video and prompts.
        session: bytes of the session's state.
    """

    index: int
    inputs: str
    session: bytes


class JournalSink(Sink):
    """Writes the journal, a line for each frame.

    Args:
        folder: where it lies; made with the first frame.
        inputs: what the run is about, kept in its states.
        after: a frame of the journal that is there: results up to it come again and are passed
            over; lines beyond it are dropped. None = a new journal.
    """

    def __init__(self, folder: str | Path, inputs: str = "", after: int | None = None) -> None:
        self.folder = Path(folder)
        self._file = OutputFile(self.folder / RESULTS)
        self._inputs = inputs
        self._first = self._after = after
        self._lines: IO[bytes] | None = None
        self._state: tuple[int, bytes] | None = None  # that is not written yet, with its frame

    def offer(self, index: int, state: bytes) -> None:
        """Take the session's state after frame ``index``; it is written after that frame's line."""
        self._state = index, state

    def write(self, frame: Frame, result: FrameResult) -> None:
        offered = self._state
        with self._file.guarded():
            if self._after is not None:
                self._after = None if self._after == result.index else self._after
                return
            if self._lines is None:
                self._lines = self._open()
            self._lines.write(json.dumps(_entry(result)).encode("ascii") + b"\n")
            self._lines.flush()
            if offered is not None:
                self._state = None
                header = f"{offered[0]} {self._inputs}\n".encode()
                write_whole(self.folder / STATE, lambda file: file.write(header + offered[1]))

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _open(self) -> IO[bytes]:
        self._file.start()
        if self._first is None:
            remove_journal(self.folder, keep_folder=True)
            return self._file.path.open("wb")
        lines = self._file.path.open("r+b")
        for line in iter(lines.readline, b""):
            if json.loads(line)["index"] == self._first:
                break
        lines.truncate(lines.tell())
        return lines


def remove_journal(folder: Path, *, keep_folder: bool = False) -> None:
    """Remove a journal, when its run is finished; there may be none."""
    for name in (STATE, RESULTS):
        (folder / name).unlink(missing_ok=True)
    if not keep_folder and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def read_state(folder: Path) -> SavedState | None:
    """The state that a run can go on from; None if there is none."""
    if not (folder / STATE).exists() or not (folder / RESULTS).exists():
        return None
    header, _, session = (folder / STATE).read_bytes().partition(b"\n")
    index, inputs = header.decode().split(" ")
    return SavedState(int(index), inputs, session)


def read_results(folder: Path, last: int) -> Iterator[FrameResult]:
    """The results of a journal, up to frame ``last``.

    Raises:
        ValueError: if they are damaged.
    """
    with (folder / RESULTS).open(encoding="ascii") as lines:
        for line in lines:
            result = _result(json.loads(line), str(folder / RESULTS))
            yield result
            if result.index == last:
                return
    raise ValueError(f"{folder / RESULTS} ends before frame {last}; run again without resume=true")


def _entry(result: FrameResult) -> dict[str, Any]:
    owner, masks, owned = result.owner.numpy(), [], []
    boxes = [box or (0, 0, 1, 1) for box in result.boxes()]
    for place, (x0, y0, x1, y1) in enumerate(boxes):
        where = slice(y0, y1), slice(x0, x1)
        mask, own = result.masks[place].numpy()[where], owner[where] == place
        masks.append(encode_runs(mask))
        overlaps = np.count_nonzero(own) < np.count_nonzero(mask)
        owned.append(encode_runs(own) if overlaps else None)
    return {
        "index": result.index,
        "objects": result.object_ids,
        "scores": result.scores.tolist(),
        "presence": result.presence.tolist(),
        "size": owner.shape,
        "boxes": boxes,  # the runs are of these parts, which takes a tenth of the time
        "masks": masks,
        "owned": owned,  # what each object has of the label map, where others overlap it
    }


def _result(entry: dict[str, Any], where: str) -> FrameResult:
    masks = np.zeros((len(entry["objects"]), *entry["size"]), bool)
    owner = np.full(entry["size"], -1, np.int16)
    for place, (x0, y0, x1, y1) in enumerate(entry["boxes"]):
        part = slice(y0, y1), slice(x0, x1)
        masks[place][part] = decode_runs(entry["masks"][place], where)
        own = entry["owned"][place]
        owner[part][masks[place][part] if own is None else decode_runs(own, where)] = place
    return FrameResult(
        entry["index"],
        tuple(entry["objects"]),
        torch.from_numpy(masks),
        torch.from_numpy(owner),
        torch.tensor(entry["scores"], dtype=torch.float32),
        torch.tensor(entry["presence"], dtype=torch.float32),
        torch.zeros(len(masks), 4, 4),  # no sink needs them
    )
