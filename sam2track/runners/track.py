"""``sam2track track``: a video and prompts in, masks out.

Everything that can be wrong with the input is found before a file is written; what is finished when
a run breaks off stays and is valid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from ..device import keep_freed_memory, use_threads
from ..model import load_model
from ..prompts import PlacedPrompt
from ..prompts.prompt_files import check, read_prompts
from ..track import Rendering, TrackingSession, track, walk
from ..track.both_directions import follow_both
from ..track.review import Review
from ..types import Frame, FrameResult
from ..video import SeekableSource, VideoSource, open_video
from .compose import plain
from .output import claim_folder, make_sinks, prepare_folder
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
    _check_settings(config)
    keep_freed_memory()
    placed = _prompts(config)
    start = (max if config.direction == -1 else min)(item.frame for item in placed)
    with open_video(config.video) as source:
        check(placed, source.size, source.length, config.direction)
        _check_reach(config, source, placed, start)
        count = _count(config, source, start)
        folder = claim_folder(config.out or f"outputs/{source.name}")
        sinks = make_sinks(
            config.sinks,
            folder,
            name=source.name,
            fps=config.fps or source.fps,
            direction=config.direction or 1,
            placed=placed,
        )
        use_threads(config.threads)
        started, review = time.monotonic(), Review(placed)
        with closing(_track(config, source, placed, start)) as tracked:
            first = next(tracked, None)
            if first is None:
                raise ValueError(f"{config.video} has no frame {start}")
            prepare_folder(folder, config)
            written = write(chain([first], tracked), sinks, review, count)
    report(written, review, folder, time.monotonic() - started)


def _prompts(config: DictConfig) -> list[PlacedPrompt]:
    keys = ["click", "labels", "box", "mask", "prompts", "frame"]
    return read_prompts(**plain(OmegaConf.masked_copy(config, keys)), object_id=config.object)


def _check_settings(config: DictConfig) -> None:
    """Refuse values whose type is right."""
    if OmegaConf.is_missing(config, "video") or config.video is None:
        raise ValueError("video= is missing: sam2track track video=clip.mp4 click=[x,y]")
    if config.direction not in (1, -1, 0):
        raise ValueError(f"direction={config.direction}: 1 = forward, -1 = backward, 0 = both")
    if config.direction == 0 and config.frames is not None:
        raise ValueError(f"frames={config.frames}: with direction=0 the whole video is tracked")


def _check_reach(
    config: DictConfig, source: VideoSource, placed: Sequence[PlacedPrompt], start: int
) -> None:
    """Refuse prompts on frames that are left out, and orders that a live source cannot keep."""
    for item in placed:
        if config.frames is not None and abs(item.frame - start) >= config.frames:
            raise ValueError(
                f"{item.source}: frame {item.frame} is not among the frames={config.frames} "
                f"that are tracked from frame {start}"
            )
    if isinstance(source, SeekableSource):
        return
    if config.direction != 1:
        raise ValueError(
            f"direction={config.direction}: {source.name} is live and only runs forward"
        )
    if config.memory.get("lag", 0) is None:
        raise ValueError(
            f"memory.lag=null decides at the end and then reads the video again, but "
            f"{source.name} is live; give a number of frames, such as memory.lag=10"
        )


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
    config: DictConfig, source: VideoSource, placed: Sequence[PlacedPrompt], start: int
) -> Iterator[tuple[Frame, FrameResult]]:
    """Each frame with its result, in the order of writing."""
    new_session = _sessions(config, source.length)
    if config.direction == 0 and isinstance(source, SeekableSource):
        watch = partial(progress, count=max(item.frame for item in placed) + 1, name="back in time")
        renderer = new_session()
        for frame, outcome in follow_both(new_session, source, placed, watch=watch):
            yield frame, renderer.render(outcome, frame)
        return
    read = partial(walk, source, start, config.direction, config.frames)
    yield from track(new_session(), read, placed, direction=config.direction)


def _sessions(config: DictConfig, length: int | None) -> Callable[[], TrackingSession]:
    """Makes sessions with one model."""
    model = load_model(
        config.model,
        config.checkpoint,
        device=config.device,
        precision=config.precision,
        compile=config.compile,
    )
    return partial(
        TrackingSession,
        model,
        length=length,
        memory=instantiate(config.memory),
        rendering=Rendering(
            fill_hole_area=config.fill_hole_area,
            remove_specks=config.remove_specks,
            sharpen=config.sharpen,
        ),
        zoom=config.zoom,
        stability_delta=config.stability_delta,
        stability_threshold=config.stability_threshold,
    )
