"""One sequence: tracked, written, scored. What a process of the benchmark does.

Room: BENCHMARK. A dataset and a tracker enter; ``masks/<sequence>/`` and ``sequences/<name>.json``
leave, the latter last: a sequence that has it is finished.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data.sequence import MaskSequence
from ..metrics import ObjectScores
from ..types import Frame, FrameResult
from .datasets import Dataset, OpenDataset, frame_name
from .layouts import write_masks
from .pool import Work
from .prompting import first_prompt
from .scoring import SequenceScorer
from .trackers import Session, StartSession, Tracker


@dataclass(frozen=True, slots=True)
class Task:
    """What every process is given; :meth:`prepare` makes it ready on a device.

    Attributes:
        open_dataset: gives the sequences, and how they are scored and written; each process opens
            the dataset for itself.
        tracker: the settings of the tracker.
        prompt: what begins an object, see :func:`sam2track.benchmark.prompting.first_prompt`.
        out: the folder of the run.
    """

    open_dataset: OpenDataset
    tracker: Tracker
    prompt: str
    out: Path

    def prepare(self, device: str) -> Work:
        """Load the model; the result tracks, writes and scores the sequence of a name."""
        start, dataset = self.tracker.load(device), self.open_dataset()
        sequences = {sequence.name: sequence for sequence in dataset.sequences}
        return lambda name: run_sequence(self, dataset, sequences[name], start)


def record_path(out: Path, name: str) -> Path:
    """Where a finished sequence's record is."""
    return out / "sequences" / f"{name}.json"


def run_sequence(task: Task, dataset: Dataset, sequence: MaskSequence, start: StartSession) -> None:
    """Track, write and score one sequence.

    Raises:
        ValueError: if it is broken: a picture or an annotation that cannot be read, an object that
            never appears.
        OSError: if the disk refuses.
    """
    final = task.out / "masks" / sequence.name
    part = final.with_name(f".{sequence.name}.{os.getpid()}.part")
    scorer = SequenceScorer(sequence, dataset)
    _forget_peaks()
    try:
        session = start(length=len(sequence))
        frames, seconds = 0, 0.0
        for (frame, result), took in _timed(semi_supervised(session, sequence, task.prompt)):
            write_masks(part, frame_name(sequence, frame.index), result, dataset.layout)
            scorer.add(result)
            frames, seconds = frames + 1, seconds + took
        record = {
            "sequence": sequence.name,
            "attributes": list(sequence.attributes),
            "frames": frames,
            "seconds": seconds,
            "fps": frames / seconds,
            "memory": peaks(),
            "annotated": list(scorer.frames),
            "objects": {str(label): describe(s) for label, s in scorer.scores().items()},
        }
        _replace_folder(part, final)
        write_json(record_path(task.out, sequence.name), record)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def semi_supervised(
    session: Session, sequence: MaskSequence, prompt: str
) -> Iterator[tuple[Frame, FrameResult]]:
    """Each frame with its result; an object is prompted once, where it first appears."""
    starts = sequence.starts()
    if not starts:
        raise ValueError(f"{sequence.name} shows no object in any annotated frame")
    for index in range(len(sequence)):
        frame = sequence.frame(index)
        for object_id, mask in starts.get(index, {}).items():
            session.prompt(object_id, first_prompt(prompt, mask), frame)
        yield frame, session.step(frame).cpu()


def _timed(
    items: Iterator[tuple[Frame, FrameResult]],
) -> Iterator[tuple[tuple[Frame, FrameResult], float]]:
    """Each item with the seconds that making it took."""
    while True:
        start = time.perf_counter()
        item = next(items, None)
        if item is None:
            return
        yield item, time.perf_counter() - start


def describe(scores: ObjectScores) -> dict[str, Any]:
    """An object's scores in percent; ``j`` and ``f`` by annotated frame, None = does not count."""
    region, boundary = scores.region, scores.boundary
    return {
        "J&F": 100 * scores.j_and_f,
        "J": 100 * region.mean,
        "F": 100 * boundary.mean,
        "J recall": 100 * region.recall,
        "F recall": 100 * boundary.recall,
        "J decay": 100 * region.decay,
        "F decay": 100 * boundary.decay,
        "j": _percents(scores.j),
        "f": _percents(scores.f),
    }


def _percents(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else round(100 * value, 3) for value in values.tolist()]


def write_json(path: Path, content: Any) -> None:
    """A file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _replace_folder(part: Path, final: Path) -> None:
    """Put a folder in its place; one without a record is what a killed run left."""
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)


def _forget_peaks() -> None:
    """From here on peaks are the next sequence's."""
    with suppress(OSError):  # not Linux, or not allowed: the peak is that of the process then
        Path("/proc/self/clear_refs").write_text("5")
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peaks() -> dict[str, float]:
    """Peak memory in MB: of the process (``ram``), and on its CUDA device (``cuda``), if it has."""
    found = {"ram": _peak_ram()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["cuda"] = torch.cuda.max_memory_allocated() / 1e6
    return found


def _peak_ram() -> float:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
