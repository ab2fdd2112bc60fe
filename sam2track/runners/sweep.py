"""Settings that give several runs: values with commas, and lists, patterns or folders of videos.

Settings come in; out come settings in Hydra's grammar, and a name for each job of the sweep.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hydra.types import RunMode

from ..files import stem_of
from .compose import PATHS
from .loader import Loader, SettingError, parse


def paths_of(key: str, value: str, *, multirun: bool) -> list[str] | None:
    """The paths that a setting gives, or None if it is a single value.

    ``video=`` takes a list, a pattern and a folder of videos; with ``-m`` every path but ``out=``
    takes several, separated by commas. If the whole text is an existing path, it is one path.
    """
    if key not in PATHS or key == "out":
        return None
    path = os.path.expanduser(value)
    if os.path.exists(path):
        return _videos_in(Path(path)) if key == "video" else None
    if key == "video" and value.startswith("[") and value.endswith("]"):
        parts = [
            part if os.path.exists(part) else part.strip(" '\"") for part in value[1:-1].split(",")
        ]
        if parts == [""]:
            raise SettingError(f"{key}={value}: name at least one video")
    elif multirun and "," in value and "://" not in value:
        parts = value.split(",")
    elif key == "video" and any(sign in value for sign in "*?["):
        return _matching(path) or None
    else:
        return None
    paths = [path for part in parts for path in paths_of(key, part, multirun=False) or [part]]
    return list(dict.fromkeys(paths))


def job_labels(
    loader: Loader, verb: str, overrides: Sequence[str], listed: Sequence[str] = ()
) -> dict[str, str]:
    """The part of a job's name for each value of each varied setting.

    ``overrides`` are settings in Hydra's grammar; those that are also ``listed`` are varied
    even with one value.

    Returns:
        By a job's override, such as ``memory=fifo``. If only videos vary, it is their names.

    Raises:
        ValueError: if nothing varies, or a value is wrong; nothing was run.
    """
    fixed, varied = [], {}
    for one in (parse(text, loader) for text in overrides):
        key = one.get_key_element()
        if one.is_sweep_override():
            if not one.is_discrete_sweep():
                advice = f"give the values themselves, such as {key}=1,2,3"
                raise SettingError(f"{one.input_line}: {advice}")
            varied[key] = [f"{key}={value}" for value in one.sweep_string_iterator()]
        elif one.input_line in listed:
            varied[key] = [one.input_line]
        else:
            fixed.append(str(one.input_line))
    if not varied:
        raise SettingError("-m: no value stands for several; write memory=fifo,motion")
    labels = {}
    for key, texts in varied.items():
        others = [values[0] for other, values in varied.items() if other != key]
        for text in texts[:1] if key in PATHS else texts:
            loader.load_configuration(verb, [*fixed, *others, text], RunMode.RUN)
        names = list(_video_names(texts)) if key == "video" else map(_path, texts)
        prefix = "" if list(varied) == ["video"] else f"{key}="
        for text, name in zip(texts, names, strict=True):
            labels[text] = (prefix + name).replace("/", "_")
    return labels


def job_name(overrides: Sequence[str], labels: Mapping[str, str]) -> str:
    """A job's name: its varied settings."""
    return ",".join(label for text, label in labels.items() if text in overrides)


def _videos_in(folder: Path) -> list[str] | None:
    """The videos of a folder; None if it is one video itself, a picture for each frame.

    Pictures may lie beside the videos, such as masks, if their names begin with that of one.
    Folders of pictures count as videos only where the files alone do not make sense: beside videos
    they may be masks.
    """
    if not folder.is_dir():
        return None
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    videos: list[Path] = []
    if any(_strays(paths, videos)) or not videos:
        videos = [path for path in paths if _holds_pictures(path)]
        if any(_strays(paths, videos)):
            return None
    return [str(path) for path in sorted(videos)] or None


def _matching(pattern: str) -> list[str]:
    """The paths of a pattern, without pictures whose names begin with that of a video of it."""
    found = sorted(glob.glob(pattern, recursive=True))
    videos = [path for path in map(Path, found) if _holds_pictures(path)]
    kept = {*_strays(map(Path, found), videos), *videos}
    return [own for own in found if not _is_picture(Path(own)) or Path(own) in kept]


def _strays(paths: Iterable[Path], videos: list[Path]) -> Iterator[Path]:
    """The pictures whose names begin with that of no video.

    ``videos``: folders of pictures, to which the files of videos are added.
    """
    from ..video import VIDEO_SUFFIXES, is_stack

    files: list[tuple[int, bool, bool, Path]] = []
    for path in set(paths) - set(videos):
        video, picture = path.suffix.lower() in VIDEO_SUFFIXES, _is_picture(path)
        if video or picture:
            files.append((len(path.stem), picture, not video, path))
    names = [str(own) for own in videos]
    # A video comes before pictures with its name. Of many TIFF files of one page one is opened.
    for _, picture, no_video, path in sorted(files):
        if not no_video and (not picture or is_stack(path)):
            videos.append(path)
            names.append(str(path.with_suffix("")))
        elif not str(path).startswith(tuple(names)):
            yield path


def _is_picture(path: Path) -> bool:
    from ..video import PICTURE_SUFFIXES

    return path.suffix.lower() in PICTURE_SUFFIXES


def _holds_pictures(path: Path) -> bool:
    from ..video import list_pictures

    return path.is_dir() and bool(list_pictures(path))


def _video_names(texts: Iterable[str]) -> Iterator[str]:
    """A name for each video, another one for each."""
    taken: set[str] = set()
    for path in map(Path, map(_path, texts)):
        name = stem = stem_of(path)
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        yield name


def _path(text: str) -> str:
    """The value of an override; a path as the user wrote it."""
    key, _, value = text.partition("=")
    return str(parse(text).value()).replace(r"\${", "${") if key in PATHS else value
