"""Reads files that may be damaged or made to do harm; every error is a ValueError of one line."""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import os
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
from PIL import Image

T = TypeVar("T")

MAX_BYTES = 4 << 30  # of one text file
MAX_PIXELS = 1 << 28  # of one picture: 16384 x 16384


def read_text(path: Path) -> str:
    """A file as UTF-8 text, without a byte order mark."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} is no regular file; check the path and the format")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"{path} has {size} bytes, more than {MAX_BYTES}; split it")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason}); export it again") from None
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ValueError(f"no file {path}; check the path and the format") from None


def read_json(path: Path) -> Any:
    """The value in a JSON file; NaN and Infinity are refused."""
    text = read_text(path)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply to be annotations") from None
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); it may be cut off") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def parse_xml(text: str, where: str) -> ElementTree.Element:
    """The root of an XML text. A document type is refused, since entities can expand endlessly."""
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError(f"{where} has a document type (DTD), which annotations do not need")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.encode(), True)
        return builder.close()
    except expat.ExpatError as error:
        raise ValueError(f"{where} is not valid XML ({error}); it may be cut off") from None


def picture_path(text: object, where: str) -> PurePosixPath:
    """The path of a picture that a file names. ValueError if it is no text or leads upwards."""
    if not isinstance(text, str):
        raise ValueError(f"{where}: the name of a picture is {str(text)[:40]!r}, not a text")
    path = PurePosixPath(text.replace("\\", "/"))
    if ".." in path.parts or path.is_absolute():
        raise ValueError(f"{where}: {text[:80]!r} leads out of the folder; such a file is not read")
    return path


def find_files(path: Path, *patterns: str) -> list[Path]:
    """The file itself, or those of a folder that fit patterns of :meth:`pathlib.Path.glob`, sorted.

    Raises:
        ValueError: if there are none.
    """
    if not path.is_dir():
        return [path]
    found = [file for pattern in patterns for file in sorted(path.glob(pattern))]
    if not found:
        raise ValueError(f"{path} has no {' or '.join(patterns)}; check the path and the format")
    return found


def inside(folder: Path, relative: str) -> Path:
    """A path in a folder. ValueError if it leads out of the folder, also by a link."""
    parts = relative.replace("\\", "/").split("/")
    path = folder.joinpath(*parts)
    if (
        ".." in parts
        or "\0" in relative
        or Path(relative).is_absolute()
        or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    ):
        raise ValueError(f"{relative[:80]!r} leads out of {folder}; such a file is not read")
    return path


def read_png(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """The values in a PNG: palette indices, or grey of 1, 8 or 16 bits; ``(H, W)``.

    Raises:
        ValueError: if it is damaged, has colours, or is not of the height and width ``size``.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.mode not in ("1", "L", "P", "I", "I;16"):
                raise ValueError(f"{path} has colours ({picture.mode}), but ids are wanted")
            check_size((picture.height, picture.width), size, str(path))
            return np.asarray(picture)
    except FileNotFoundError:
        raise ValueError(f"no file {path}; copy the folder again") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not an undamaged PNG ({error})") from None


def decode_png(text: str, where: str) -> Image.Image:
    """The picture in a PNG that is written as base64; ValueError if it is damaged or too large."""
    try:
        content = io.BytesIO(base64.b64decode(text, validate=True))
        picture = Image.open(content, formats=["PNG"])
        check_size((picture.height, picture.width), None, where)
        picture.load()
        return picture
    except (binascii.Error, OSError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error).splitlines()[0][:80]
        raise ValueError(f"{where} holds no undamaged PNG ({reason})") from None


def check_size(size: tuple[int, int], expected: tuple[int, int] | None, where: str) -> None:
    """ValueError unless a height and width are those expected, and not too large."""
    height, width = size
    if not 0 < height * width <= MAX_PIXELS or min(size) < 1:
        raise ValueError(f"{where} is {width}x{height}; at most {MAX_PIXELS} pixels are read")
    if expected is not None and size != expected:
        high, wide = expected[0], expected[1]
        raise ValueError(f"{where} is {width}x{height}, but its video is {wide}x{high}")


def entry(record: Any, key: str, kind: type[T] | tuple[type[T], ...], where: str) -> T:
    """A value of a JSON object, which must be of a type."""
    if not isinstance(record, dict):
        raise ValueError(f"{where} is a {type(record).__name__}, not an object with {key!r}")
    value = cast("dict[str, Any]", record).get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        found = "missing" if value is None else f"{str(value)[:40]!r}"
        raise ValueError(f"{where}: {key!r} is {found}; it should be {_named(kind)}")
    return cast(T, value)


def _named(kind: object) -> str:
    names = {int: "a whole number", str: "a text", list: "a list", dict: "an object"}
    return names.get(kind, "a number") if isinstance(kind, type) else "a number"


def whole(text: object, where: str, *, least: int = 0) -> int:
    """A whole number that is written as text (or as a number with nothing after its point)."""
    try:
        number = float(str(text))
        if number == int(number) and least <= number < 1 << 53:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{where} is {str(text)[:40]!r}; it should be a whole number from {least}")


def real(text: object, where: str) -> float:
    """A finite number that is written as text."""
    try:
        number = float(str(text))
        if math.isfinite(number) and abs(number) < 1 << 53:
            return number
    except ValueError:
        pass
    raise ValueError(f"{where} is {str(text)[:40]!r}; it should be a number")
