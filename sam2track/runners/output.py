"""Where results go: a folder, refused before the work begins if it can't be used, and the sinks."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from ..files import write_text
from ..prompts import Prompt
from ..prompts.prompt_files import PlacedPrompt
from ..sinks import Sink
from ..video import VideoSource
from .compose import flat, literal, plain

RUN_FILE = "run.yaml"
LOCK_FILE = ".lock"  # while a run writes into the folder
FINISHED = ".finished"  # a run that came to its end


def default_folder(folder: Path, video: str) -> Path:
    """``folder``, or ``folder-2`` and so on if it holds results of another video.

    Args:
        folder: such as ``outputs/<name of the video>``.
        video: as the user wrote it; a later run of the same video replaces an earlier one.
    """
    found, number = folder, 1
    while _video_of(found) not in (None, os.path.abspath(os.path.expanduser(video))):
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found


def claim_folder(path: str | Path) -> Path:
    """Check that results can go to a folder; nothing stays behind.

    It may be missing, empty, or hold an earlier run (a ``run.yaml``), which will be replaced.

    Raises:
        ValueError: if it can't be used; the message says why.
    """
    folder = Path(os.path.expanduser(path))
    if other_files(folder) and not (folder / RUN_FILE).is_file():
        raise ValueError(
            f"out={folder} holds other files and no earlier run (no {RUN_FILE}); give a new folder"
        )
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise ValueError(f"out={folder}: {existing} is a file, not a folder")
    try:
        # Permissions alone do not tell: a disk may be read-only, or no disk at all, as /proc is.
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        reason = "no permission" if isinstance(error, PermissionError) else error.strerror
        raise ValueError(
            f"out={folder} can't be written: {existing} takes no files ({reason}); "
            "give another folder"
        ) from None
    return folder


def other_files(folder: Path) -> bool:
    """Whether a folder holds anything but what a run makes before its ``run.yaml``."""
    own = (LOCK_FILE, f".{RUN_FILE}.part")  # what a run leaves that is killed as it begins
    return folder.is_dir() and any(path.name not in own for path in folder.iterdir())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder; it is made if need be, and removed if nothing is left in it.

    The operating system gives the lock back when the process ends, however it ends.

    Raises:
        ValueError: if another run writes there, or the folder can't be written.
    """
    from filelock import FileLock, Timeout

    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"out={folder} is in use by another run; wait for its end, or give another folder"
        ) from None
    except OSError as error:
        raise ValueError(f"out={folder} can't be written: {error.strerror}") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            (folder / LOCK_FILE).unlink()
        lock.release()
        with suppress(OSError):  # those that hold something stay
            for path in missing:
                path.rmdir()


def prepare_folder(folder: Path, config: DictConfig, *, keep_results: bool = False) -> None:
    """Make the folder, take an earlier run's results out of it, and write ``run.yaml``.

    With ``keep_results`` they stay, to go on from them.

    Raises:
        ValueError: if the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / RUN_FILE).is_file() and not keep_results:
            _remove_results(folder)
        write_settings(folder, config)
    except OSError as error:
        raise ValueError(f"out={folder} can't be written: {error.strerror}") from None


def write_settings(folder: Path, config: DictConfig) -> None:
    """Write ``run.yaml``: the configuration, to run it again; OSError if it can't be written."""
    write_text(folder / RUN_FILE, OmegaConf.to_yaml(config))


def changed_settings(
    earlier: DictConfig, now: DictConfig, free: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Each setting that an earlier run had otherwise: its full name, that value, the value now.

    Values are as one gives them on the command line.

    Args:
        free: options that may differ.
    """
    had, has = (flat(cast(dict, OmegaConf.to_container(own))) for own in (earlier, now))
    for key in dict.fromkeys((*has, *had)):
        if key.split(".")[0] not in free and had.get(key) != has.get(key):
            yield key, _written(had.get(key)), _written(has.get(key))


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def make_sinks(
    config: DictConfig, folder: Path, source: VideoSource, placed: Sequence[PlacedPrompt]
) -> list[Sink]:
    """The chosen sinks. Their settings say ``${run.folder}`` and so on for what is known by now.

    Args:
        config: of a run of ``track``.
        folder: where the results go.
        source: the video.
        placed: the prompts; a sink that is partial (``_partial_: true``) is given them.
    """
    sound_from = None if config.fps else getattr(source, "path", None)
    facts: dict[str, Any] = {
        "folder": literal(str(folder)),
        "name": literal(source.name),
        "fps": config.fps or source.fps,
        "direction": config.direction or 1,
        "pixel_aspect": str(source.pixel_aspect),
        "sound_from": None if sound_from is None else literal(str(sound_from)),
        # An array, which stays as it is: OmegaConf is slow with long lists.
        "times": None if config.fps else getattr(source, "times", None),
    }
    settings = {"sinks": config.get("sinks") or {}, "run": facts}
    known = OmegaConf.create(settings, flags={"allow_objects": True})
    prompts: dict[int, list[tuple[int, Prompt]]] = defaultdict(list)
    for item in placed:
        prompts[item.frame].append((item.object_id, item.prompt))
    made = []
    for settings in plain(known)["sinks"].values():
        sink = get_object(settings.pop("_target_"))
        given = {"prompts": prompts} if settings.pop("_partial_", False) else {}
        made.append(sink(**settings, **given))
    return made


def _video_of(folder: Path) -> str | None:
    """The whole path of the video of the run in a folder; None if there is no run."""
    try:
        config = OmegaConf.load(folder / RUN_FILE)
    except FileNotFoundError:
        return None
    except Exception:  # not written by us, or half of it is missing
        return ""
    return os.path.abspath(os.path.expanduser(str(OmegaConf.select(config, "video"))))


def _remove_results(folder: Path) -> None:
    """Remove what an earlier run left, so that two runs never mix; nothing else is touched."""
    settings = (folder / RUN_FILE).read_text(encoding="utf-8")
    # Where its sinks wrote to; a slash at the end tells that a whole folder is a sink's.
    for name, whole in re.findall(r"\$\{run\.folder\}/([\w-][\w.-]*)(/?)", settings):
        if whole:
            shutil.rmtree(folder / name, ignore_errors=True)
            continue
        path, unfinished = folder / name, folder / f".{name}.part"
        for file in path.glob("*.png") if path.is_dir() else (path, unfinished):
            file.unlink(missing_ok=True)
    for file in (FINISHED, ".journal/results.jsonl", ".journal/state.pt"):
        (folder / file).unlink(missing_ok=True)
