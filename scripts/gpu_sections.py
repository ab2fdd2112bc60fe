"""The sections of ``gpu_check.py``: each gives the rows of one table, one after another."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import cv2
import torch
from gpu_waits import profiled, waits
from reference import replay
from reference.scenarios import clip
from reference.small import SMALL
from tiny import TINY
from trackers import CONFIGS, Work, take_turns

from sam2track import Frame, FrameResult, Prompt, TrackingSession, load_model
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import Variant, find_variant
from sam2track.synthetic.video import SyntheticVideo

ROOT = Path(__file__).parents[1]
CUP, CUP_CLICK = ROOT / "videos" / "cup.mp4", (340, 220)
TINY_NAME = "sam2.1_hiera_tiny"
FULL = 8  # frames after which the memory is full
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What the sections need: the device, the size, and when the time is over."""

    device: torch.device
    tiny: bool
    deadline: float  # time.monotonic()

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def until(self, seconds: float) -> float:
        """The end of a measurement of so many seconds, as a ``time.monotonic()``."""
        return min(self.deadline, time.monotonic() + seconds)

    def wait(self) -> None:
        """Until the device has done everything."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its rows come from a function; ``needs`` = seconds without which it is skipped."""

    name: str
    title: str
    needs: int
    columns: tuple[str, ...]
    rows: Callable[[Check], Iterator[Row]]


def random_model(name: str, check: Check) -> SAM2:
    """Random weights, fp32, on the CPU; with ``--tiny`` a small variant instead."""
    torch.manual_seed(0)
    variant = TINY if check.tiny else find_variant(name)
    return SAM2(variant).eval().requires_grad_(False)


def real_nano(device: torch.device, precision: str) -> SAM2:
    return load_model("nano", device=device, precision=precision)


def cup_frames(count: int) -> list[Frame]:
    """The first frames of a real clip, by OpenCV's decoder."""
    capture, frames = cv2.VideoCapture(str(CUP)), []
    while len(frames) < count:
        good, picture = capture.read()
        if not good:
            raise ValueError(f"{CUP.name}: frame {len(frames)} cannot be read")
        frames.append(Frame.from_bgr(len(frames), picture))
    return frames


def tests(check: Check) -> Iterator[Row]:
    """What pytest says of the files with tests for a GPU, in a process of its own."""
    files = [p for p in (ROOT / "tests").rglob("test_*.py") if "mark.gpu" in p.read_text("utf-8")]
    files.append(ROOT / "tests" / "test_device.py")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=line", "-m", "not slow"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, *map(str, files)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=max(check.left(), 1),
    )
    lines = done.stdout.splitlines()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in ("FAILED", "ERROR", "SKIPPED") or (word == "PASSED" and "gpu" in rest):
            yield word, rest
    yield "all", lines[-1] if lines else done.stderr
    if done.returncode:
        raise AssertionError(f"pytest ended with {done.returncode}")


def track(model: SAM2, frames: list[Frame], prompts: list[Prompt], **options) -> list[FrameResult]:
    """Results on the CPU, one object for each prompt on the first frame."""
    session = TrackingSession(model, length=len(frames), **options)
    for number, prompt in enumerate(prompts, 1):
        session.prompt(number, prompt, frames[0])
    return [session.step(frame).cpu() for frame in frames]


def deviation(theirs: list[FrameResult], ours: list[FrameResult]) -> Row:
    """Largest and median difference of logits where both see the object, IoU, and disagreements."""
    logits, ious, flips = [], [], 0
    for a, b in zip(theirs, ours, strict=True):
        for row in range(len(a.object_ids)):
            if bool(a.presence[row] > 0) != bool(b.presence[row] > 0):
                flips += 1
                continue
            logits.append((a.logits[row] - b.logits[row]).abs())
            union = int((a.masks[row] | b.masks[row]).sum())
            ious.append(int((a.masks[row] & b.masks[row]).sum()) / union if union else 1.0)
    seen = torch.stack(logits) if logits else torch.zeros(1)
    least, mean = (min(ious), statistics.mean(ious)) if ious else (0.0, 0.0)
    return (
        f"{seen.max():.2g}",
        f"{seen.median():.2g}",
        f"{least:.5f}",
        f"{mean:.5f}",
        f"{flips} of {flips + len(ious)}",
    )


def parity(check: Check) -> Iterator[Row]:
    """The device against the CPU in fp32, with seeded weights and with nano's own."""
    variant: Variant = SMALL["small_2.1"].variant() if check.tiny else find_variant(TINY_NAME)
    bias = SMALL["small_2.1"].presence_bias if check.tiny else 3.8
    side, count = variant.image_size, 4 if check.tiny else 5
    pictures = clip(count, side, side).images
    frames = [Frame(index, picture) for index, picture in enumerate(pictures)]
    prompts = [Prompt.click(0.42 * side, 0.45 * side)]
    prompts.append(Prompt.from_box([0.55 * side, 0.12 * side, 0.93 * side, 0.55 * side]))

    def seeded(device: torch.device, precision: str) -> SAM2:
        seed = SMALL["small_2.1"].seed if check.tiny else 0
        model = replay.build(variant, seed=seed, presence_bias=bias).to(device)
        model.lower(torch.bfloat16 if precision == "bf16" else torch.float32)
        return model

    yield from _parity(check, f"{TINY_NAME}, seeded", seeded, frames, prompts)
    frames = cup_frames(4 if check.tiny else 40)
    yield from _parity(check, "nano, cup.mp4", real_nano, frames, [Prompt.click(*CUP_CLICK)])


def _parity(
    check: Check,
    name: str,
    build: Callable[[torch.device, str], SAM2],
    frames: list[Frame],
    prompts: list[Prompt],
) -> Iterator[Row]:
    expected = track(build(torch.device("cpu"), "fp32"), frames, prompts)
    kind = check.device.type
    cases = [(f"{kind} fp32", "fp32", True), (f"{kind} bf16", "bf16", True)]
    if kind == "cuda":
        cases.insert(0, ("cuda fp32, no TF32 in convolutions", "fp32", False))
    for case, precision, tf32 in cases:
        before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, tf32
        try:
            found = track(build(check.device, precision), frames, prompts)
        finally:
            torch.backends.cudnn.allow_tf32 = before
        yield name, case, len(frames), *deviation(expected, found)


def _running(check: Check, name: str, objects: int) -> tuple[TrackingSession, Iterator[Frame]]:
    """A session in bf16 with full memory, and frames to go on with, without end."""
    nano = name == "nano" and not check.tiny
    model = real_nano(check.device, "bf16") if nano else random_model(name, check)
    if not nano:
        model = model.to(check.device)
        model.lower(torch.bfloat16)
    pictures = [frame.image for frame in SyntheticVideo((480, 854), 8, seed=0)]
    frames = (Frame(index, picture) for index, picture in enumerate(cycle(pictures)))
    first = next(frames)
    session = TrackingSession(model)
    for number, box in enumerate(Work(name, model, [first], objects, "").boxes(), 1):
        session.prompt(number, Prompt.from_box(box), first)
    for frame in (first, *islice(frames, FULL)):
        session.step(frame)
    check.wait()
    return session, frames


def syncs(check: Check) -> Iterator[Row]:
    """Which lines of a step wait for the device."""
    steps = 4
    for name in (TINY_NAME, "nano"):
        for objects in (1, 4):
            session, frames = _running(check, name, objects)
            with waits(check.device) as places:
                for frame in islice(frames, steps):
                    session.step(frame)
            yield name, objects, f"{sum(places.values()) / steps:g}", "all"
            for place, count in places.most_common(8):
                yield name, objects, f"{count / steps:g}", place


def profile(check: Check) -> Iterator[Row]:
    """Whether the device or Python is the limit: its busy time and the time by the clock."""
    for name, objects in ((TINY_NAME, 1), (TINY_NAME, 16), ("nano", 1), ("nano", 16)):
        session, frames = _running(check, name, objects)
        yield name, objects, *profiled(session, islice(frames, 8), check.wait)


def _speed(
    check: Check, name: str, counts: tuple[int, ...], others: list[str], *, compiled: bool = False
) -> Iterator[Row]:
    """Rows of one model; ``others`` take part where they are installed."""
    for objects in counts:
        if check.left() < 5:
            return
        video = list(SyntheticVideo((480, 854), FULL + (4 if check.tiny else 24), seed=0))
        work = Work(
            name,
            random_model(name, check),
            video,
            objects,
            str(check.device),
            torch.bfloat16,
            compiled,
        )
        here = [o for o in others if importlib.util.find_spec(o) and name in CONFIGS]
        names = ["ours", *([] if check.tiny else here)]
        # The compiled ones are compiled again for each number of memories.
        until = check.until(600 if compiled else 10)
        try:
            seconds = take_turns(names, work, range(FULL, len(video)), until=until)
        except Exception as error:  # the others' too
            yield name, objects, "+".join(names), "", "", f"{type(error).__name__}: {error}"
            continue
        for who, times in seconds.items():
            ratio = [mine / own for mine, own in zip(seconds["ours"], times, strict=True)]
            middle = statistics.median(times)
            kind = f"{who}, compiled" if compiled else who
            per_second, times_ours = f"{1 / middle:.1f}", f"{statistics.median(ratio):.2f}"
            yield name, objects, kind, f"{1000 * middle:.1f}", per_second, times_ours


def speed(check: Check) -> Iterator[Row]:
    yield from _speed(check, TINY_NAME, (1,) if check.tiny else (1, 16), ["sam2"])
    yield from _speed(check, "nano", (1,) if check.tiny else (1, 16), [])


def speed_all(check: Check) -> Iterator[Row]:
    """The other sizes and numbers of objects, and transformers."""
    counts = (1,) if check.tiny else (1, 4, 16, 64)
    yield from _speed(check, TINY_NAME, counts[:2], ["transformers"])
    for name in (*CONFIGS, "nano"):
        own = counts if name not in (TINY_NAME, "nano") else counts[1::2]
        yield from _speed(check, name, own, ["sam2"])


def compiled(check: Check) -> Iterator[Row]:
    counts = (1,) if check.tiny else (1, 16)
    yield from _speed(check, TINY_NAME, counts, [], compiled=True)
    yield from _speed(check, TINY_NAME, (1,), ["sam2"], compiled=True)
    yield from _speed(check, "nano", counts, [], compiled=True)


def memory(check: Check) -> Iterator[Row]:
    """Peak memory of the device until a tenth of the frames, and in the last nine tenths."""
    for name, wanted, share in (("nano", 3000, 0.4), (TINY_NAME, 300, 0.3)):
        wanted = 20 if check.tiny else wanted
        session, frames = _running(check, name, 2)
        until = check.until(min(60.0, share * check.left()))
        peaks, done = [], 0
        for part in (wanted // 10, wanted - wanted // 10):
            if check.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(check.device)
            for frame in islice(frames, part):
                session.step(frame)
                done += 1
                if time.monotonic() > until:
                    break
            check.wait()
            cuda = check.device.type == "cuda"
            peaks.append(torch.cuda.max_memory_allocated(check.device) / 2**20 if cuda else 0.0)
        change = peaks[1] / peaks[0] - 1 if peaks[0] else 0.0
        yield name, 2, done, *(f"{peak:.1f}" for peak in peaks), f"{change:+.2%}"


def training(check: Check) -> Iterator[Row]:
    """Steps of the trainer on synthetic clips: the settings of recipe=nano, and tiny at 1024."""
    from gpu_training import train_steps

    cases = [("nano", 6, 4, "fp32", False), ("nano", 6, 4, "bf16", False)]
    if not check.tiny:
        cases += [(TINY_NAME, 1, 8, "bf16", False), (TINY_NAME, 1, 8, "bf16", True)]
    for name, clips, frames, precision, checkpointing in cases:
        if check.left() < 8:
            return
        variant = replace(TINY) if check.tiny else find_variant(name)
        found = train_steps(
            variant,
            check.device,
            clips=clips,
            frames=frames,
            precision=precision,
            checkpointing=checkpointing,
        )
        yield name, f"{clips} x {frames}", precision, checkpointing, *found


def command(check: Check) -> Iterator[Row]:
    """``sam2track track`` on a file, with decoding and all default sinks."""
    for name in ("av", "hydra", "pycocotools"):
        if not importlib.util.find_spec(name):
            raise ImportError(f"{name} is not installed")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    for count in (1, 4):
        with tempfile.TemporaryDirectory() as folder:
            points = [(CUP_CLICK[0] + 10 * n, CUP_CLICK[1] + 10 * n) for n in range(count)]
            prompts = Path(folder) / "prompts.json"
            asks = [{"object": n, "points": [[*p]]} for n, p in enumerate(points, 1)]
            prompts.write_text(json.dumps(asks), encoding="utf-8")
            settings = [f"video={CUP}", f"prompts={prompts}", f"out={folder}/out"]
            settings += [f"device={check.device.type}", *(["frames=10"] if check.tiny else [])]
            done = subprocess.run(
                [sys.executable, "-m", "sam2track", "track", *settings],
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                text=True,
                timeout=max(check.left(), 1),
            )
        last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
        if done.returncode:
            raise RuntimeError(f"it ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        speed = re.search(r"([\d.]+) frames a second", last)
        yield "nano", count, speed[1] if speed else last


SPEED = ("model", "objects", "tracker", "ms a frame", "frames a second", "time ours / theirs")
SECTIONS = (  # in the order of what they tell in a second
    Section("tests", "Tests for a GPU", 15, ("outcome", "test"), tests),
    Section(
        "parity",
        "Deviation from the CPU in fp32",
        15,
        (
            "model",
            "device and precision",
            "frames",
            "largest logit difference",
            "median",
            "least IoU",
            "mean IoU",
            "seen by one only",
        ),
        parity,
    ),
    Section(
        "syncs",
        "Where a step waits for the device (bf16)",
        10,
        ("model", "objects", "times a frame", "place"),
        syncs,
    ),
    Section(
        "profile",
        "How busy the device is in a step (bf16)",
        10,
        (
            "model",
            "objects",
            "ms by the clock",
            "ms busy",
            "kernels and copies",
            "cudaMemcpyAsync",
            "cudaStreamSynchronize",
            "longest kernels, ms",
        ),
        profile,
    ),
    Section("speed", "Frames a second (bf16, 854 x 480, memory full)", 15, SPEED, speed),
    Section(
        "memory",
        "Peak memory of the device, MiB (bf16)",
        15,
        ("model", "objects", "frames", "first tenth", "the rest", "change"),
        memory,
    ),
    Section(
        "training",
        "A training step",
        12,
        ("model", "clips x frames", "precision", "checkpointing", "s a step", "peak GiB", "loss"),
        training,
    ),
    Section(
        "command",
        "The command `sam2track track` on videos/cup.mp4",
        15,
        ("model", "objects", "frames a second"),
        command,
    ),
    Section("speed_all", "Frames a second: all sizes (bf16)", 20, SPEED, speed_all),
    Section("compiled", "Frames a second: compiled (bf16)", 90, SPEED, compiled),
)
