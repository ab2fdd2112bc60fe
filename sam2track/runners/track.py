"""``sam2track track``: a video and prompts in, masks out.

Everything that can be wrong with the input is found before a file is written; what is finished when
a run breaks off stays and is valid.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import cast

import torch
from omegaconf import DictConfig, OmegaConf

from ..device import keep_freed_memory, use_threads
from ..prompts import PlacedPrompt
from ..prompts.prompt_files import check, read_prompts
from ..sinks import remove_journal
from ..track import TrackingSession, track, walk
from ..track.both_directions import follow_both
from ..track.review import Review
from ..types import Frame, FrameResult
from ..video import SeekableSource, VideoSource, open_video
from .automatic import AUTO, make_automatic_prompts
from .compose import plain
from .first_masks import with_first_masks
from .output import FINISHED, claim_folder, default_folder, locked, make_sinks, prepare_folder
from .resuming import Resumable, is_finished
from .track_checks import check_ids, check_reach, check_settings, note_boxes_outside
from .tracker import make_tracker
from .writing import progress, report, write


def run(config: DictConfig) -> None:
    """Track objects through one video and write the results.

    Args:
        config: ``configs/track.yaml``, composed.

    Raises:
        ValueError, OSError: bad input; nothing was written.
        RunFailed: the run broke off; the message says where, and what there is.
        KeyboardInterrupt: the user broke it off (Terminated: with SIGTERM).
    """
    if config.direction == "both":
        config = cast(DictConfig, OmegaConf.merge(config, {"direction": 0}))
    check_settings(config)
    keep_freed_memory()
    placed, start = _read_prompts(config)
    with ExitStack() as stack:
        source = stack.enter_context(open_video(config.video, video_reader=config.video_reader))
        check(placed, source.size, source.length, config.direction)
        if source.length is not None and start >= source.length:
            raise ValueError(f"frame={start}: {config.video} has {source.length} frames, from 0")
        check_reach(config, source, placed, start)
        check_ids(config, placed)
        note_boxes_outside(placed, source.size)
        count = _count(config, source, start)
        default = Path("outputs") / source.name
        folder = claim_folder(config.out or default_folder(default, str(config.video)))
        stack.enter_context(locked(folder))
        if is_finished(config, folder):
            print(f"finished before: {folder}")
            return
        resumable = Resumable(config, folder, source, placed)
        sinks = make_sinks(config, folder, source, placed)
        use_threads(config.threads)
        review = Review(placed)
        # Three threads on two cores hinder each other: frames are encoded and written by one.
        beside = ThreadPoolExecutor(1) if torch.get_num_threads() <= 2 else None
        with closing(_track(config, source, placed, start, resumable, beside)) as tracked:
            first = next(tracked, None)
            if first is None:
                raise ValueError(f"{config.video} has no frame {start}")
            started = time.monotonic()  # the model is loaded
            prepare_folder(folder, config, keep_results=resumable.state is not None)
            if config.prompts != AUTO:
                sinks += resumable.sinks
            written = write(chain([first], tracked), sinks, review, count, beside)
        if written.broken_off is None:
            remove_journal(resumable.folder)
            (folder / FINISHED).touch()
    for sink in sinks:
        for line in getattr(sink, "remarks", ()):  # what ExchangeSink could not write
            print(line)
    report(written, review, folder, time.monotonic() - started)


def _read_prompts(config: DictConfig) -> tuple[list[PlacedPrompt], int]:
    """The prompts, none if they are automatic, and the frame on which tracking starts."""
    if config.prompts == AUTO:
        return [], config.frame
    keys = ["click", "labels", "box", "mask", "prompts", "frame"]
    settings = plain(OmegaConf.masked_copy(config, keys))
    placed = read_prompts(**settings, object_id=config.object)
    return placed, (max if config.direction == -1 else min)(item.frame for item in placed)


def _count(config: DictConfig, source: VideoSource, start: int) -> int | None:
    """How many frames will be tracked, or None if nobody knows."""
    if config.direction == -1:
        count = start + 1
    elif source.length is None:
        return config.frames
    else:
        count = source.length - start * config.direction
    return count if config.frames is None else min(count, config.frames)


def _track(
    config: DictConfig,
    source: VideoSource,
    placed: Sequence[PlacedPrompt],
    start: int,
    resumable: Resumable,
    beside: Executor | None,
) -> Generator[tuple[Frame, FrameResult], None, None]:
    """Each frame with its result, in the order of writing."""
    if config.image_model is not None:
        placed = with_first_masks(config, source, placed)
    new_session = partial(make_tracker(config).load(config.device), length=source.length)
    if config.direction == 0 and isinstance(source, SeekableSource):
        watch = partial(progress, count=max(item.frame for item in placed) + 1, name="back in time")
        renderer = new_session()
        for frame, outcome in follow_both(new_session, source, placed, watch=watch):
            yield frame, renderer.render(outcome, frame)
        return
    session = cast(TrackingSession, new_session())
    if beside is not None:
        session.encoder.thread = beside
    if config.prompts == AUTO:
        read = partial(walk, source, start, config.direction, config.frames)
        user = make_automatic_prompts(session.model, config)
        yield from track(session, read, user, direction=config.direction)
        return
    yield from resumable.track(session, source, placed, start=start, config=config)
