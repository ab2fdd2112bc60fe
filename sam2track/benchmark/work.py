"""One sequence: tracked, written, scored. What a process of the benchmark does.

A dataset and a tracker go in; ``masks/<sequence>/`` and ``sequences/<name>.json`` come out, the
latter last: a sequence that has it is finished.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.readers.sequence import MaskSequence
from ..files import whole_folder
from ..types import FrameResult
from .boxes import BoxRule, run_boxes
from .data_engine import annotate_in_phases, records_of
from .datasets import BoxDataset, Dataset, OpenDataset, frame_name, object_names
from .files import measure_memory, write_record
from .layouts import write_masks
from .pool import Work
from .protocols import INTERACTIVE, Starts, Tracked, semi_supervised
from .scoring import SequenceScorer
from .trackers import StartSession, Tracker


@dataclass(frozen=True, slots=True)
class Task:
    """The settings of every process; :meth:`prepare` prepares it on a device."""

    open_dataset: OpenDataset  # each process opens the dataset for itself
    tracker: Tracker
    protocol: str  # one of sam2track.benchmark.protocols.PROTOCOLS
    prompt: str  # the first prompt if the protocol is "semi" and the dataset has masks
    rounds: int  # most frames that a user annotates, if it is interactive
    out: Path  # the folder of the run
    boxes: BoxRule  # of a box dataset

    def prepare(self, device: str) -> Work:
        """Load the model; returns a function that tracks, writes and scores a sequence by name."""
        start, dataset = self.tracker.load(device), self.open_dataset()
        if isinstance(dataset, BoxDataset):
            boxes = {sequence.name: sequence for sequence in dataset.sequences}
            return lambda name: run_boxes(dataset, boxes[name], start, self.out, rule=self.boxes)
        sequences = {sequence.name: sequence for sequence in dataset.sequences}
        run = run_engine if self.protocol == "engine" else run_sequence
        return lambda name: run(self, dataset, sequences[name], start)


def run_sequence(task: Task, dataset: Dataset, sequence: MaskSequence, start: StartSession) -> None:
    """Track, write and score one sequence.

    Raises:
        ValueError: if it has an error: a picture or an annotation that cannot be read, an object
            that never appears.
    """
    interactive = task.protocol != "semi"
    scorers: list[SequenceScorer] = []
    frames, seconds = 0, 0.0
    with _written_masks(task, dataset, sequence) as write:
        with measure_memory() as memory:
            for tracked, took in _timed(_track(task, sequence, start)):
                if tracked.round == len(scorers):
                    scorers.append(SequenceScorer(sequence, dataset, apart=interactive))
                write(tracked.result)
                scorers[-1].add(tracked.result)
                frames, seconds = frames + 1, seconds + took
        objects = _objects(scorers, object_names(sequence))
    write_record(task.out, sequence, frames, seconds, memory=memory, objects=objects)


def run_engine(task: Task, dataset: Dataset, sequence: MaskSequence, start: StartSession) -> None:
    """:func:`run_sequence` in the phases of the data engine; the masks are of the last one."""
    starts, names = _starts(sequence), object_names(sequence)
    began = time.perf_counter()
    with _written_masks(task, dataset, sequence) as write, measure_memory() as memory:
        found = annotate_in_phases(
            start, dataset, sequence, starts, rounds=task.rounds, shown=write
        )
    objects = {
        names.get(object_id, str(object_id)): found["full"][object_id].scores | {"engine": own}
        for object_id, own in records_of(found)
        if found["full"][object_id].scores  # else its ground truth is not scored
    }
    seconds = time.perf_counter() - began
    write_record(task.out, sequence, len(sequence), seconds, memory=memory, objects=objects)


@contextmanager
def _written_masks(
    task: Task, dataset: Dataset, sequence: MaskSequence
) -> Iterator[Callable[[FrameResult], None]]:
    """Writes the masks of a sequence, frame by frame; its folder is there if there was no error."""
    submitted, names = submitted_frames(sequence, dataset), object_names(sequence)
    folder = task.out / "masks" / sequence.name
    shutil.rmtree(folder, ignore_errors=True)  # of a killed run: it has no record
    with whole_folder(folder) as part:

        def write(result: FrameResult) -> None:
            if submitted is None or result.index in submitted:
                stem = frame_name(sequence, result.index)
                write_masks(part, stem, result, dataset.layout, names)

        yield write


def submitted_frames(sequence: MaskSequence, dataset: Dataset) -> frozenset[int] | None:
    """The frames whose masks are written: those that the server needs; None = all."""
    wanted = set(getattr(sequence, "submitted", ()))
    if wanted:
        return frozenset(i for i in range(len(sequence)) if frame_name(sequence, i) in wanted)
    return frozenset(sequence.annotated) if dataset.layout == "objects" else None


def _track(task: Task, sequence: MaskSequence, start: StartSession) -> Iterator[Tracked]:
    """The protocol's frames; ValueError if objects are missing."""
    starts = _starts(sequence)
    if task.protocol == "semi":
        return semi_supervised(start, sequence, starts, prompt=task.prompt)
    return INTERACTIVE[task.protocol](start, sequence, starts, rounds=task.rounds)


def _starts(sequence: MaskSequence) -> Starts:
    """The objects by their first frames; ValueError if some are missing."""
    starts = sequence.starts()
    appearing = {object_id for masks in starts.values() for object_id in masks}
    listed = {k for key in ("groups", "spans", "object_names") for k in getattr(sequence, key, ())}
    if not appearing:
        raise ValueError(f"{sequence.name} shows no object in any annotated frame")
    if listed - appearing:
        raise ValueError(
            f"object {min(listed - appearing)} of {sequence.name} is listed, but never appears in "
            "an annotation"
        )
    return starts


def _timed(items: Iterator[Tracked]) -> Iterator[tuple[Tracked, float]]:
    """Each item with the seconds that it took."""
    while True:
        start = time.perf_counter()
        item = next(items, None)
        if item is None:
            return
        yield item, time.perf_counter() - start


def _objects(scorers: Sequence[SequenceScorer], names: Mapping[int, str]) -> dict[str, Any]:
    """Each object's scores by the last round, and J&F by round if there are several."""
    rounds = [scorer.scores() for scorer in scorers]
    objects = {}
    for object_id, row in rounds[-1].items():
        if len(rounds) > 1:
            row["rounds"] = [rows[object_id]["J&F"] for rows in rounds]
        objects[names.get(object_id, str(object_id))] = row
    return objects
