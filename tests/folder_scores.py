"""Scores folders of predicted PNGs against folders of true ones, in parallel.

In: two folders, each ``<sequence>/00000.png`` (label maps) or ``<sequence>/<object>/00000.png``
(a binary mask each, as SA-V's). Out: scores by sequence and object. Frames are scored one by one on
whichever core is free; what needs their order (who counts from when) comes after. Threads do:
nearly all of the time passes inside OpenCV and FFmpeg, which let go of Python's lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from sam2track.masks.label_maps import read_labels
from sam2track.metrics.sequences import FrameScores, ObjectScores, Toolkit, collect, score_frame


def score_folders(
    truth: str | Path,
    masks: str | Path,
    toolkit: Toolkit,
    *,
    names: Sequence[str] | None = None,
    workers: int | None = None,
) -> dict[str, dict[int, ObjectScores]]:
    """Scores every annotated frame; further predicted frames are ignored.

    Args:
        truth: the folder of the true sequences.
        masks: the folder of the predicted ones, laid out alike.
        toolkit: how to count.
        names: only these sequences; by default all of ``truth``.
        workers: how many frames at once; by default one for each core.

    Raises:
        FileNotFoundError: if a folder or a prediction for an annotated frame is missing.
        ValueError: if a PNG is damaged or of another size than its truth, a sequence has fewer
            than three annotated frames, or an object's folder never shows it in a scored frame.
    """
    truth, masks = Path(truth), Path(masks)
    if names is None:
        names = [folder.name for folder in _subfolders(truth)]
        if not names:
            raise FileNotFoundError(f"{truth} has no folders: there is nothing to score")
    clips = [(name, *clip) for name in names for clip in _clips(truth / name)]
    pairs = [(masks / path.relative_to(truth), path) for _, _, paths in clips for path in paths]
    scores: dict[str, dict[int, ObjectScores]] = {name: {} for name in names}
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        frames = pool.map(partial(_score_pair, toolkit), pairs)
        for name, object_id, paths in clips:
            objects = collect(list(islice(frames, len(paths))), toolkit)
            if object_id is None:
                scores[name] = objects
            elif objects:
                scores[name][object_id] = objects[1]
            else:
                raise ValueError(f"{paths[0].parent} never shows its object in a scored frame")
    finally:
        pool.shutdown(cancel_futures=True)
    return scores


def _subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _clips(folder: Path) -> list[tuple[int | None, list[Path]]]:
    """A sequence's PNGs, in order: one list of all objects' (None), or one for each object's id."""
    objects = _subfolders(folder)
    if not objects:
        return [(None, sorted(folder.glob("*.png")))]
    return [(int(path.name), sorted(path.glob("*.png"))) for path in objects]


def _score_pair(toolkit: Toolkit, pair: tuple[Path, Path]) -> FrameScores:
    """One predicted PNG against the true one."""
    mask, truth = pair
    if not mask.is_file():
        raise FileNotFoundError(f"no prediction {mask}: every annotated frame needs one")
    try:
        return score_frame(read_labels(mask), read_labels(truth), toolkit)
    except ValueError as error:
        raise ValueError(f"{mask}: {error}") from error
