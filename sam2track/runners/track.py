"""``sam2track track``: a video and prompts in, masks out.

The data flow: source -> prefetch -> session -> sinks. Everything that can be wrong with the input
is found before a file is written; what is finished when a run breaks off stays and is valid.
"""

from __future__ import annotations

import math
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from ..device import cpu_threads, keep_freed_memory
from ..model.checkpoint import load_model
from ..model.sam2 import SAM2
from ..prompts.prompt_files import PlacedPrompt, check, read_prompts
from ..sinks import FanOut, Sink
from ..track import TrackingSession
from ..types import Frame, FrameResult
from ..video import Prefetch, SeekableSource, VideoSource, open_video
from . import RunFailed
from .compose import plain
from .output import claim_folder, make_sinks, prepare_folder

Tracked = tuple[Frame, FrameResult]
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
OBJECTS_EACH = 4  # at most, that one worker follows

# tqdm's own, but always frames a second: slow runs would read seconds a frame
BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{remaining} left, {rate_noinv_fmt}{postfix}]"


@dataclass(frozen=True, slots=True)
class Written:
    """What a run came to.

    Attributes:
        frames: how many were written.
        objects: how many different objects were on them.
        last: the last one's index.
        broken_off: why there are no more, or None at the end of the video.
    """

    frames: int
    objects: int
    last: int
    broken_off: ValueError | KeyboardInterrupt | None


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
    placed, direction = _prompts(config), config.direction
    start = (min if direction == 1 else max)(item.frame for item in placed)
    with open_video(config.video) as source:
        check(placed, source.size, source.length)
        _check_reach(placed, start, direction, config.frames)
        if config.memory.get("lag", 0) is None and not isinstance(source, SeekableSource):
            raise ValueError(
                f"memory.lag=null decides at the end and then reads the video again, but "
                f"{source.name} is live; give a number of frames, such as memory.lag=10"
            )
        count = _count(source, start, direction, config.frames)
        folder = claim_folder(config.out or f"outputs/{source.name}")
        fps = config.fps or source.fps
        sinks = make_sinks(
            config.sinks, folder, name=source.name, fps=fps, direction=direction, placed=placed
        )
        model = _model(config)
        threads, workers = config.threads or torch.get_num_threads(), 1
        overlaps = threads > 1 and _overlaps(config, model)
        if overlaps:
            threads, workers = share_out(threads, len({item.object_id for item in placed}))
        session = _session(config, model, source.length, workers)
        each = session.encoded if overlaps else None
        with cpu_threads(threads), Prefetch(_Walk(source, start, direction), each=each) as walk:
            started = time.monotonic()
            frames = islice(walk, config.frames)
            again = partial(_read_again, config.video, start, direction)
            tracked = _settled(_track(session, frames, placed, direction), session, again)
            first = next(tracked, None)
            if first is None:
                raise ValueError(f"{config.video} has no frame {start}")
            prepare_folder(folder, config)
            written = _write(chain([first], tracked), sinks, count)
    _report(written, folder, time.monotonic() - started)


def _prompts(config: DictConfig) -> list[PlacedPrompt]:
    keys = ["click", "labels", "box", "mask", "prompts", "frame"]
    return read_prompts(**plain(OmegaConf.masked_copy(config, keys)), object_id=config.object)


def _check_settings(config: DictConfig) -> None:
    """Refuse values that composing takes: it knows the kind of an option by its default alone."""
    if OmegaConf.is_missing(config, "video") or config.video is None:
        raise ValueError("video= is missing: sam2track track video=clip.mp4 click=[x,y]")
    if config.direction not in (1, -1):
        raise ValueError(f"direction={config.direction}: 1 = forward, -1 = backward")
    for key in ("frames", "threads"):
        value = config[key]
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(f"{key}={value}: must be a whole number from 1")
    if config.fps is not None and not (type(config.fps) in (int, float) and 0 < config.fps <= 1000):
        raise ValueError(f"fps={config.fps}: must be a number above 0, up to 1000")


def _check_reach(
    placed: Sequence[PlacedPrompt], start: int, direction: int, frames: int | None
) -> None:
    """Refuse prompts on frames that ``frames=`` leaves out."""
    for item in placed:
        if frames is not None and (item.frame - start) * direction >= frames:
            raise ValueError(
                f"{item.source}: frame {item.frame} is not among the frames={frames} "
                f"that are tracked from frame {start}"
            )


def _count(source: VideoSource, start: int, direction: int, frames: int | None) -> int | None:
    """How many frames will be tracked, or None if nobody knows."""
    if direction == -1:
        count = start + 1
    elif source.length is None:
        return frames
    else:
        count = source.length - start
    return count if frames is None else min(count, frames)


def _model(config: DictConfig) -> SAM2:
    return load_model(
        config.model,
        config.checkpoint,
        device=config.device,
        precision=config.precision,
        compile=config.compile,
    )


def _overlaps(config: DictConfig, model: SAM2) -> bool:
    """Whether to encode a frame while workers follow the objects on the one before it.

    On a CPU a small model's operations are too short to be shared out between cores one by one.
    Compiling, which the first frame does, cannot be broken off in a thread.
    """
    return model.device.type == "cpu" and model.rows_at_once is None and not config.compile


def share_out(threads: int, objects: int) -> tuple[int, int]:
    """How many threads each worker and the encoder take, and how many workers there are.

    Few objects are followed faster by one worker than by several (measured on two cores).
    """
    workers = min(threads, math.ceil(objects / OBJECTS_EACH))
    return max(1, threads // (workers + 1)), workers


def _session(config: DictConfig, model: SAM2, length: int | None, workers: int) -> TrackingSession:
    return TrackingSession(
        model,
        length=length,
        memory=instantiate(config.memory),
        fill_hole_area=config.fill_hole_area,
        sharpen=config.sharpen,
        stability_delta=config.stability_delta,
        stability_threshold=config.stability_threshold,
        workers=workers,
    )


class _Walk(VideoSource):
    """A source's frames from ``start`` on, forward or backward.

    Raises:
        ValueError: if the source only runs forward, and is asked to run backward.
    """

    def __init__(self, source: VideoSource, start: int, direction: int) -> None:
        self.name, self.size, self.fps = source.name, source.size, source.fps
        self.length = None
        self.source, self.start, self.direction = source, start, direction
        self.seekable = isinstance(source, SeekableSource)
        if direction == -1 and not self.seekable:
            raise ValueError(f"direction=-1: {source.name} is live and only runs forward")

    def __iter__(self) -> Iterator[Frame]:
        if not isinstance(self.source, SeekableSource):
            yield from (frame for frame in self.source if frame.index >= self.start)
            return
        index = self.start
        while index >= 0:
            try:
                frame = self.source[index]
            except IndexError:
                return
            yield frame
            index += self.direction

    def close(self) -> None:
        self.source.close()


def _track(
    session: TrackingSession,
    frames: Iterator[Frame],
    placed: Sequence[PlacedPrompt],
    direction: int,
) -> Iterator[Tracked]:
    """Each frame with its result.

    Raises:
        ValueError: if the video ends before the frame of a prompt.
    """
    due = defaultdict(list)
    for item in placed:
        due[item.frame].append(item)
    for frame in frames:
        items = due.pop(frame.index, [])
        if any(item.object_id in session.object_ids for item in items):
            session.step(frame, direction=direction)  # a correction is about what was tracked
        for item in items:
            session.prompt(item.object_id, item.prompt, frame)
        result = session.step(frame, direction=direction)
        yield replace(frame, features=None), result  # frames wait for the sinks: lighter so
    if due:
        item = next(iter(due.values()))[0]
        raise ValueError(f"{item.source}: the video ended before frame {item.frame}")


def _settled(
    tracked: Iterator[Tracked],
    session: TrackingSession,
    again: Callable[[], Iterator[Frame]],
) -> Iterator[Tracked]:
    """Each frame with the result that its memory settles for, which may be some frames late.

    Frames wait for their results; where that is until the end, they are read again instead.
    """
    waiting: deque[Frame] = deque()
    broken_off = None
    try:
        for frame, _ in tracked:
            if session.lag is not None:
                waiting.append(frame)
            for result in session.settled():
                yield waiting.popleft(), result
    except ValueError as reason:  # what was tracked until then is good
        broken_off = reason
    rest, frames = tee(again() if session.lag is None else waiting)
    for result in session.flush(frames):
        yield next(rest), result
    if broken_off is not None:
        raise broken_off


def _read_again(video: str, start: int, direction: int) -> Iterator[Frame]:
    """The frames of a run once more, in its order."""
    with open_video(video) as source:
        yield from _Walk(source, start, direction)


def _write(tracked: Iterable[Tracked], sinks: Sequence[Sink], count: int | None) -> Written:
    """Send every result to the sinks, with a progress bar, and finish their files.

    Raises:
        RunFailed: if the disk refuses; the sinks have removed what was half-written.
    """
    objects: set[int] = set()
    frames, last, broken_off = 0, -1, None
    listening = {number: signal.getsignal(number) for number in INTERRUPTS}
    bar = tqdm(total=count, unit=" frames", bar_format=BAR if count else None, disable=None)
    try:
        with bar, FanOut(sinks) as fan_out:
            try:
                for frame, result in tracked:
                    fan_out.write(frame, result.cpu())
                    frames, last = frames + 1, frame.index
                    objects.update(result.object_ids)
                    bar.set_postfix_str(f"objects={len(result.object_ids)}", refresh=False)
                    bar.update()
            except (ValueError, KeyboardInterrupt) as reason:
                broken_off = reason
            for number in INTERRUPTS:
                signal.signal(number, signal.SIG_IGN)  # the files are being finished
    except OSError as error:
        raise RunFailed(f"{error}; stopped after frame {last}") from error
    finally:
        for number, handler in listening.items():
            signal.signal(number, handler)
    return Written(frames, len(objects), last, broken_off)


def _report(written: Written, folder: Path, seconds: float) -> None:
    """The last line: where the results are, and why there are not more of them."""
    frames = f"{written.frames} frame{'s' * (written.frames != 1)}"
    if isinstance(written.broken_off, KeyboardInterrupt):
        message = f"interrupted after frame {written.last}; {frames} in {folder}"
        raise type(written.broken_off)(message)
    if written.broken_off is not None:
        raise RunFailed(f"{written.broken_off}; {frames} in {folder}") from written.broken_off
    objects = f"{written.objects} object{'s' * (written.objects != 1)}"
    print(f"{frames}, {objects}, {written.frames / seconds:.1f} frames a second: {folder}")
