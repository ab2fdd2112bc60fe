"""The log of a run: ``log.jsonl``, one line per step, and ``tensorboard/``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ..files import write_text

LOG = "log.jsonl"


class RunLog:
    """A context manager that writes the log.

    Args:
        out: the run's folder.
        step: that the run goes on from; entries of later steps are removed.

    Raises:
        ValueError: if TensorBoard is not installed.
    """

    def __init__(self, out: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ValueError(
                "TensorBoard is not installed: pip install 'sam2track[train]'"
            ) from None
        kept = [json.dumps(entry) + "\n" for entry in read_log(out) if entry["step"] <= step]
        write_text(out / LOG, "".join(kept))
        self.file = (out / LOG).open("a", encoding="utf-8")
        self.board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.board.close()

    def write(self, entry: Mapping[str, Any], *, group: str) -> None:
        """Add a line: ``step`` and other numbers; None where nothing was measured."""
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        for name, value in entry.items():
            if name != "step" and value is not None:
                self.board.add_scalar(f"{group}/{name}", value, entry["step"])

    def picture(self, image: UInt8[np.ndarray, "H W 3"] | None, step: int) -> None:
        """Show a picture in TensorBoard."""
        if image is not None:
            self.board.add_image("pictures", image, step, dataformats="HWC")


def read_log(out: Path) -> list[dict[str, Any]]:
    """The entries of a run's log; a last line that is incomplete is left out."""
    if not (out / LOG).is_file():
        return []
    entries = []
    for line in (out / LOG).read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries
