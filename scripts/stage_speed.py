"""Time each stage of a frame, and add the figures to the table in ``docs/speed.md``.

    python scripts/stage_speed.py
    python scripts/stage_speed.py --no-table

Runs ``benchmarks/test_stages.py`` with pytest-benchmark, by the time of the processor, and takes
the least of the rounds: what else the machine does makes a round longer, never shorter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import date
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "speed.md"
STAGES = ("encode", "attend", "decode", "memorise", "render")
HEADING = "| date | commit | processor | PyTorch | model | precision |"


def measure(results: Path) -> None:
    """Run the benchmarks."""
    command = [sys.executable, "-m", "pytest", "-q", "benchmarks", f"--benchmark-json={results}"]
    timer = ["--benchmark-timer=time.process_time", "--benchmark-columns=min,median,rounds"]
    subprocess.run([*command, *timer], cwd=ROOT, check=True)


def rows(results: Path) -> list[str]:
    """A line of the table for each model, in milliseconds."""
    found = json.loads(results.read_text(encoding="utf-8"))
    stages: dict[str, dict[str, float]] = defaultdict(dict)
    precisions = {}
    for one in found["benchmarks"]:
        stages[one["param"]][one["name"].partition("[")[0].removeprefix("test_")] = (
            1e3 * one["stats"]["min"]
        )
        precisions[one["param"]] = one["extra_info"]["precision"]
    commit = found["commit_info"]["id"][:7]
    processor = found["machine_info"]["cpu"].get("brand_raw", "?")
    lines = []
    for model, times in stages.items():
        cells = [date.today(), commit, processor, torch.__version__, model, precisions[model]]
        cells += [f"{times[stage]:.1f}" for stage in STAGES]
        lines.append("| " + " | ".join(map(str, [*cells, f"{sum(times.values()):.1f}"])) + " |")
    return lines


def add(text: str, lines: list[str]) -> str:
    """The page with lines at the end of its table."""
    page = text.splitlines()
    end = next(number for number, line in enumerate(page) if line.startswith(HEADING))
    while end < len(page) and page[end].startswith("|"):
        end += 1
    return "\n".join([*page[:end], *lines, *page[end:]]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--no-table", action="store_true", help="print the lines only")
    parser.add_argument("--results", type=Path, help="of a run before, instead of a run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = options.results or Path(folder) / "stages.json"
        if options.results is None:
            measure(results)
        lines = rows(results)
    print("\n".join(lines))
    if not options.no_table:
        DOCS.write_text(add(DOCS.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main()
