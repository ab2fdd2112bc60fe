"""``scripts/gpu_check.py`` on a CPU, at a tiny size, so that it works when a GPU is there."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).parents[1] / "scripts"


def check(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "gpu_check.py"), "--device", "cpu", *options]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_every_quick_section_fills_its_table(tmp_path):
    names = "parity,syncs,profile,speed,memory,training"
    out = tmp_path / "gpu.md"
    done = check("--tiny", "--seconds", "250", "--only", names, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.read_text(encoding="utf-8") == done.stdout
    text = out.read_text(encoding="utf-8")
    assert f"torch {torch.__version__}" in text
    assert "| cpu fp32 | 4 | 0 | 0 | 1.00000 | 1.00000 | 0 of 8 |" in text  # the same twice
    assert "0 of 6 sections failed" in text
    for section in text.split("\n## ")[1:]:
        assert len([line for line in section.splitlines() if line.startswith("|")]) > 2, section


def test_without_time_a_section_is_skipped(monkeypatch, capsys):
    report, run, section, checking = parts(monkeypatch)
    assert run(section(lambda _: iter([("row",)]), needs=9), checking(seconds=5), report)
    assert "skipped: 5 s are left, it needs about 9 s" in capsys.readouterr().out


def test_rows_before_a_failure_stay_and_the_error_is_one_line(monkeypatch, capsys):
    def rows(_):
        yield ("taken",)
        raise RuntimeError("CUDA error:\nmany lines")

    report, run, section, checking = parts(monkeypatch)
    assert not run(section(rows), checking(seconds=60), report)
    shown = capsys.readouterr().out
    assert "| taken |" in shown
    assert "failed: RuntimeError: CUDA error: many lines (tests/test_gpu_check.py:" in shown


def test_waits_are_counted_by_their_place(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from gpu.waits import WARNING, waits

    from sam2track.masks import boxes

    class Waiting:
        """A mask that warns as PyTorch does."""

        def any(self, axis):
            warnings.warn(f"{WARNING} (Triggered internally)", stacklevel=1)
            return [False]

    with waits(torch.device("cpu")) as places:
        assert boxes.mask_box(Waiting()) is None
        warnings.warn("something else", stacklevel=1)
    ((place, count),) = places.items()
    assert count == 1
    assert place.startswith("masks/boxes.py:")
    assert "mask_box" in place


def parts(monkeypatch):
    """The report, and what makes a section and runs it."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import time

    import gpu_check
    from gpu.shared import Check, Section

    def section(rows, needs=1):
        return Section("name", "Title", needs, ("column",), rows)

    def checking(seconds):
        return Check(torch.device("cpu"), False, time.monotonic() + seconds)

    return gpu_check.Report(None), gpu_check.run, section, checking
