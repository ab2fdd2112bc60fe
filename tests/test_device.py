"""Devices and precisions by name."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading

import cv2
import pytest
import torch

from sam2track.device import (
    autocast,
    cpu_threads,
    model_threads,
    pick_device,
    pick_precision,
    use_threads,
)

CPU = torch.device("cpu")


def test_auto():
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("told", "dtype"),
    [
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_on_a_cpu_asks_whether_it_knows_bf16(monkeypatch, told, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert pick_precision("auto", CPU) == dtype


def test_auto_on_a_cpu_is_fp32_where_pytorch_cannot_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert pick_precision("auto", CPU) == torch.float32


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_precisions(name, dtype):
    assert pick_precision(name, CPU) == dtype


@pytest.mark.parametrize("name", ["toaster", "gpu"])
def test_unknown_devices(name):
    with pytest.raises(ValueError, match=f"{name}.*auto, cpu, cuda"):
        pick_device(name)


def test_unknown_precision():
    with pytest.raises(ValueError, match=r"'int3'.*fp32, bf16, fp16"):
        pick_precision("int3", CPU)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(ValueError, match="no CUDA device"):
        pick_device("cuda")


def test_threads():
    before, opencv = torch.get_num_threads(), cv2.getNumThreads()
    try:
        use_threads(before + 1)
        assert torch.get_num_threads() == before + 1
        use_threads(None)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(opencv)


def test_threads_for_a_while():
    before = torch.get_num_threads(), cv2.getNumThreads()
    for _ in range(2):
        with cpu_threads(before[0] + 2):
            assert torch.get_num_threads() == cv2.getNumThreads() == before[0] + 2
        assert (torch.get_num_threads(), cv2.getNumThreads()) == before


def counts() -> tuple[int, int]:
    return torch.get_num_threads(), cv2.getNumThreads()


def test_threads_for_a_while_in_two_threads_at_once():
    """The second begins and ends later than the first, and starts with the first's count."""
    before, seen = counts(), []
    first_ended, second_began = threading.Event(), threading.Event()

    def second():
        with cpu_threads(before[0] + 3):
            second_began.set()
            first_ended.wait(10)
            seen.append(counts())
        seen.append(counts())

    thread = threading.Thread(target=second)
    with cpu_threads(before[0] + 2):
        thread.start()
        second_began.wait(10)
    first_ended.set()
    thread.join()
    assert counts() == before
    assert seen[0][0] == before[0] + 3
    assert seen[1] == before


@pytest.mark.parametrize("small", [True, False])
def test_a_small_model_on_a_cpu_is_computed_on_one_thread(small):
    before = counts()
    with cpu_threads(2), model_threads(small):
        assert counts() == (2, 2)  # the caller has decided
    with model_threads(small):
        assert counts() == ((1, 1) if small else before)
    assert counts() == before


RELEASE = """
import resource, torch
from sam2track.device import keep_freed_memory
if {keep}:
    keep_freed_memory()
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before = resident()
blocks = [torch.ones(7_500_000) for _ in range(3)]  # 30 MB each
del blocks
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize("keep", [False, True])
def test_freed_memory_is_kept_if_asked(keep):
    left = int(subprocess.check_output([sys.executable, "-c", RELEASE.format(keep=keep)]))
    assert (left > 60e6) == keep


@pytest.mark.parametrize("threads", [0, -2])
def test_threads_that_cannot_be(threads):
    with pytest.raises(ValueError, match=f"threads={threads}: must be a whole number from 1"):
        use_threads(threads)


def test_fp32_runs_everything_as_it_is():
    x = torch.randn(4, 4)
    with autocast(CPU, torch.float32):
        assert (x @ x).dtype == torch.float32
    with autocast(CPU, torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
