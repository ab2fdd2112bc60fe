"""Where results go: a folder, refused before the work begins if it can't be used, and the sinks."""

from __future__ import annotations

import os
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from ..sinks import Sink

RUN_FILE = "run.yaml"


def claim_folder(path: str | Path) -> Path:
    """Check that results can go to a folder; nothing is made yet.

    It may be missing, empty, or hold an earlier run (a ``run.yaml``), which will be replaced.

    Raises:
        ValueError: if it can't be used; the message says why.
    """
    folder = Path(path).expanduser()
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RUN_FILE).is_file():
        raise ValueError(
            f"out={folder} holds other files and no earlier run (no {RUN_FILE}); give a new folder"
        )
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise ValueError(f"out={folder}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"out={folder} can't be written: no permission in {existing}")
    return folder


def prepare_folder(folder: Path, config: DictConfig) -> None:
    """Make the folder, take an earlier run's results out of it, and write ``run.yaml``.

    Raises:
        ValueError: if the folder can't be written.
    """
    text = OmegaConf.to_yaml(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / RUN_FILE).is_file():
            _remove_results(folder)
        partial = folder / f".{RUN_FILE}.partial"
        try:
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, folder / RUN_FILE)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(f"out={folder} can't be written: {error.strerror}") from None


def make_sinks(config: DictConfig, folder: Path, fps: float) -> list[Sink]:
    """The chosen sinks, for a folder; they look up its path and the frame rate as settings."""
    config = OmegaConf.merge(config, {"out": str(folder), "fps": fps})
    return [instantiate(sink) for sink in config.sinks.values()]
