"""The journal of a run: every result and, now and then, the state to go on from.

A run that was killed goes on from its journal: the results in it are given to the sinks again, then
tracking continues from the last state. The state names its frame; lines beyond it, which a kill may
have cut, do not count. A finished run has no journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from ..files import write_whole
from ..masks import decode_runs, encode_runs
from ..types import Frame, FrameResult
from .sink import OutputFile, Sink

RESULTS, STATE = "results.jsonl", "state.pt"


class JournalSink(Sink):
    """Writes the journal, a line for each frame.

    Args:
        folder: where it lies; made with the first frame.
        after: a frame of the journal that is there: results up to it come again and are passed
            over; lines beyond it are dropped. None = a new journal.
    """

    def __init__(self, folder: str | Path, after: int | None = None) -> None:
        self.folder = Path(folder)
        self._file = OutputFile(self.folder / RESULTS)
        self._after = after
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
                header = f"{offered[0]}\n".encode()
                write_whole(self.folder / STATE, lambda file: file.write(header + offered[1]))

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _open(self) -> IO[bytes]:
        self._file.start()
        state = read_state(self.folder)
        if state is None:
            return self._file.path.open("wb")
        lines = self._file.path.open("r+b")
        for line in iter(lines.readline, b""):
            if json.loads(line)["index"] == state[0]:
                break
        lines.truncate(lines.tell())
        return lines


def remove_journal(folder: Path) -> None:
    """Remove a journal, when its run is finished; there may be none."""
    for name in (RESULTS, STATE):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def read_state(folder: Path) -> tuple[int, bytes] | None:
    """The frame and the session's state that a run can go on from; None if there is none."""
    try:
        header, _, state = (folder / STATE).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return int(header), state


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
    masks, owner = result.masks.numpy(), result.owner.numpy()
    shared = masks.sum(0, dtype=np.uint8).max(initial=0) > 1
    owned = [encode_runs(owner == place) for place in range(len(masks))] if shared else None
    return {
        "index": result.index,
        "objects": result.object_ids,
        "scores": result.scores.tolist(),
        "presence": result.presence.tolist(),
        "size": result.owner.shape,
        "masks": [encode_runs(mask) for mask in masks],
        "owned": owned,  # where objects overlap: what each has of the label map
    }


def _result(entry: dict[str, Any], where: str) -> FrameResult:
    size = tuple(entry["size"])
    masks = [decode_runs(runs, where) for runs in entry["masks"]]
    owner = torch.full(size, -1, dtype=torch.int16)
    owned = masks if entry["owned"] is None else [decode_runs(r, where) for r in entry["owned"]]
    for place, mask in enumerate(owned):
        owner[torch.from_numpy(mask)] = place
    return FrameResult(
        entry["index"],
        tuple(entry["objects"]),
        torch.from_numpy(np.array(masks, bool).reshape(-1, *size)),
        owner,
        torch.tensor(entry["scores"], dtype=torch.float32),
        torch.tensor(entry["presence"], dtype=torch.float32),
        torch.zeros(len(masks), 4, 4),  # no sink needs them
    )
