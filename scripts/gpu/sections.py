"""The sections of ``gpu_check.py``: each gives the rows of one table, one after another."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tiny import TINY

from sam2track.model.variants import find_variant

from .parity import parity
from .shared import CUP, CUP_CLICK, ROOT, TINY_NAME, Check, Row, Section
from .speed import compiled, memory, profile, speed, speed_all, syncs


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


def training(check: Check) -> Iterator[Row]:
    """Steps of the trainer on synthetic clips: the settings of recipe=nano, and tiny at 1024."""
    from .training import train_steps  # needs accelerate

    cases = [("nano", 6, 4, "fp32", False), ("nano", 6, 4, "bf16", False)]
    if check.tiny:
        cases = [("test model", 2, 3, "fp32", False)]
    else:
        cases += [(TINY_NAME, 1, 8, "bf16", False), (TINY_NAME, 1, 8, "bf16", True)]
    for name, clips, frames, precision, checkpointing in cases:
        if check.left() < 8:
            return
        variant = TINY if check.tiny else find_variant(name)
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
