"""Writes annotations in a format of :data:`.formats.FORMATS`, and reads them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...files import whole_folder
from ..tracks import Annotations, ObjectClass, Video
from .clips import Clip, Export, choose_classes, choose_clips
from .collecting import Collector
from .formats import FORMATS, Format
from .losses import Losses
from .pictures import write_pictures

# What a reader may run into when a file is damaged in a way that nothing else has found.
_DAMAGE = (KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)


def write(
    format: str,
    annotations: Annotations,
    out: str | Path,
    *,
    frames: str = "all",
    classes: Sequence[str] | None = None,
    images: bool = False,
) -> Losses:
    """Write annotations into a new folder, or nothing if that fails.

    Args:
        format: a name in ``FORMATS``.
        out: the folder; it may be there if it is empty.
        frames: ``all``, ``every N``, ``annotated`` or ``accepted``. File names keep the index.
        classes: names of the classes that are written; None = all.
        images: also write the pictures of these frames, where the format expects them.

    Returns:
        What the format could not hold, counted.

    Raises:
        ValueError: if an argument or a track is wrong, or a video's frames are needed and cannot be
            read. OSError: if the folder cannot be written.
    """
    own, losses = find_format(format), Losses()
    chosen = choose_classes(annotations.classes, classes)
    if images and own.picture is None:
        raise ValueError(f"format {format!r} has no place for pictures; leave out images=true")
    clips = choose_clips(annotations, chosen, frames, own.holds, losses)
    with whole_folder(out) as folder:
        clips = clips if own.divide is None else own.divide(clips)
        clips = _with_pictures(clips, own, folder) if images else clips
        own.write(Export(clips, chosen, folder, losses))
    return losses


def _with_pictures(clips: Iterator[Clip], own: Format, folder: Path) -> Iterator[Clip]:
    for clip in clips:
        yield clip
        assert own.picture is not None
        write_pictures(clip, folder, own.picture)


def read(
    format: str,
    path: str | Path,
    *,
    videos: Iterable[Video] = (),
    classes: Sequence[ObjectClass] = (),
) -> tuple[Annotations, Losses]:
    """Read annotations; ``videos`` of the result is a tuple.

    Args:
        format: a name in ``FORMATS``.
        path: the folder that :func:`write` makes, or the format's file.
        videos: the known ones. If there are any, the file may have no others, and its sizes and
            frames must fit. Some formats do not tell sizes, and most no lengths.
        classes: the known ones; classes of the same names get their ids.

    Returns:
        The annotations, and what could not be taken, counted.

    Raises:
        ValueError: in one line, where the files are damaged, contradict themselves or do not fit.
    """
    own, path = find_format(format), Path(path)
    if own.read is None:
        readable = ", ".join(name for name, other in FORMATS.items() if other.read)
        raise ValueError(f"format {format!r} cannot be read; these can: {readable}")
    if not path.exists():
        raise ValueError(f"no such file or folder: {path}; check the path")
    losses = Losses()
    collector = Collector(videos, classes, losses)
    try:
        own.read(path, collector)
        return collector.result(), losses
    except _DAMAGE as error:
        raise ValueError(f"{path} is not {own.title}, or is damaged ({error!r})") from error


def find_format(format: str) -> Format:
    """A format by its name; ValueError if there is none."""
    if format not in FORMATS:
        close = difflib.get_close_matches(format, FORMATS, n=1)
        hint = f"did you mean {close[0]!r}? There" if close else "there"
        raise ValueError(f"no format {format!r}; {hint} are: {', '.join(FORMATS)}")
    return FORMATS[format]
