"""Check this package on a CUDA device, in a limited time: is it right, is it fast, does it wait.

    python scripts/gpu_check.py --seconds 480 --out gpu.md
    python scripts/gpu_check.py --only parity,syncs

Prints one Markdown table for each section, row by row as they come, and writes the same to a file.
A section that does not fit into the time left is skipped; one that fails prints its error in one
line, and the others go on. Sections are in the order of what they tell in a second. Compares with
the official ``sam2`` and with ``transformers`` where they are installed. ``--tiny`` takes small
models and few frames, so that it runs on a CPU in seconds. Exits with 1 if a section failed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

import torch
from gpu.sections import SECTIONS
from gpu.shared import Check, Section

from sam2track.device import pick_device

RESERVE = 3.0  # seconds at the end, for a section that has not seen that the time is over


class Report:
    """Markdown lines that are printed and written at once, so that none is lost."""

    def __init__(self, path: Path | None) -> None:
        self.file = path.open("w", encoding="utf-8") if path else None

    def add(self, line: str) -> None:
        print(line, flush=True)
        if self.file:
            self.file.write(line + "\n")
            self.file.flush()

    def row(self, cells: tuple[object, ...]) -> None:
        self.add("| " + " | ".join(one_line(str(cell)).replace("|", "/") for cell in cells) + " |")


def one_line(text: str, most: int = 300) -> str:
    """A text in one line, shortened in the middle."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def machine(device: torch.device) -> str:
    """What the figures belong to."""
    name = platform.processor() or platform.machine()
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        name = f"{torch.cuda.get_device_name(device)} ({memory:.0f} GiB)"
    return (
        f"{name}, torch {torch.__version__}, CUDA {torch.version.cuda}, Python "
        f"{platform.python_version()}, {torch.get_num_threads()} CPU threads"
    )


def run(section: Section, check: Check, report: Report) -> bool:
    """One section; whether it did not fail."""
    report.add(f"\n## {section.title}\n")
    if check.left() < section.needs and not check.tiny:
        report.add(f"skipped: {check.left():.0f} s are left, it needs about {section.needs} s")
        return True
    started, good = time.monotonic(), True
    report.row(section.columns)
    report.add("|" + "---|" * len(section.columns))
    try:
        for row in section.rows(check):
            report.row(row)
    except Exception as error:  # any: the other sections go on
        good = False
        report.add(f"\nfailed: {type(error).__name__}: {one_line(str(error))}{_where(error)}")
    report.add(f"\n{section.name}: {time.monotonic() - started:.1f} s")
    if check.device.type == "cuda":
        torch.cuda.empty_cache()
    return good


def _where(error: BaseException) -> str:
    """The innermost place in this project that an error went through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if {"sam2track", "scripts", "tests"} & set(file.parts[-4:-1]):
            place = f" ({file.parent.name}/{file.name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


def main() -> int:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=480, help="it ends within this time")
    parser.add_argument("--only", default=",".join(names), help=f"default: {','.join(names)}")
    parser.add_argument("--out", type=Path, help="a Markdown file")
    parser.add_argument("--device", default="auto", help="cuda, cpu, or auto (default)")
    parser.add_argument("--tiny", action="store_true", help="small models and few frames")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"--only {','.join(unknown)}: give some of {','.join(names)}")
    try:
        device = pick_device(options.device)
    except ValueError as error:
        parser.error(str(error))
    check = Check(device, options.tiny, time.monotonic() + options.seconds - RESERVE)
    report = Report(options.out)
    report.add(f"# GPU check\n\n{machine(device)}")
    if device.type == "cpu" and not options.tiny:
        report.add("\nThere is no CUDA device: `--tiny` runs the same on a CPU in seconds.")
        return 1

    def give_up() -> None:
        report.add(f"\nthe {options.seconds:.0f} s are over: what had begun was broken off")
        os._exit(1)  # something does not return, such as a compiler

    watchdog = threading.Timer(check.left() + RESERVE - 0.5, give_up)
    watchdog.daemon = True
    watchdog.start()
    good = [run(section, check, report) for section in SECTIONS if section.name in chosen]
    watchdog.cancel()
    report.add(f"\n{good.count(False)} of {len(good)} sections failed")
    return int(not all(good))


if __name__ == "__main__":
    raise SystemExit(main())
