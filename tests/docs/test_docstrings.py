"""Every public name says what it is, and, where it takes or gives arrays, their shapes and units.

Shapes are in the annotations (``Bool[np.ndarray, "H W"]``), or else in words. Units are asked for
in the folders whose arrays users see; features and memories have none.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[2] / "sam2track"
MODULES = ["sam2track"]
FOLDERS = [
    init.parent.relative_to(PACKAGE.parent) for init in sorted(PACKAGE.rglob("*/__init__.py"))
]
MODULES += [".".join(folder.parts) for folder in FOLDERS]
WITHOUT_UNITS = ("model", "memory", "train", "synthetic", "export")
ARRAY = re.compile(r"\bndarray\b|\bTensor\b")
SHAPED = re.compile(r"\w+\[[^\[\]]*(?:ndarray|Tensor)[^\[\]]*, ?['\"]")
SHAPE_IN_WORDS = re.compile(
    r"\b[A-Z]+(?: ?[x×,] ?[A-Z0-9]+)+\b|shape|array of|scalar|channels|state dict"
)
UNIT = re.compile(
    r"pixel|logit|0\.\.1|uint8|RGB|\bids?\b|True|run length|percent|IoU|x0|seconds|fraction|"
    r"normalised|0 to 1|0 and 1"
)


def public() -> Iterator[tuple[str, Any]]:
    """All classes and functions that an ``__all__`` lists, each once."""
    seen: set[int] = set()
    for module in MODULES:
        room = importlib.import_module(module)
        for name in getattr(room, "__all__", ()):
            value = getattr(room, name)
            if (inspect.isclass(value) or inspect.isroutine(value)) and id(value) not in seen:
                seen.add(id(value))
                yield f"{module}.{name}", value


def callables(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A function, or a class for its attributes, and its public methods and properties."""
    if inspect.isclass(value):
        yield name, value
    members = vars(value) if inspect.isclass(value) else {"": value}
    for own, member in members.items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        function = inspect.unwrap(function)
        if inspect.isfunction(function) and (own == "__call__" or not own.startswith("_")):
            yield f"{name}.{own}".rstrip("."), function


PUBLIC = dict(public())
FUNCTIONS = {own: found for name, value in PUBLIC.items() for own, found in callables(name, value)}
# A method does what the method of this name does in the protocol or the class that describes it.
DESCRIBED = {own.rsplit(".", 1)[1] for own, found in FUNCTIONS.items() if found.__doc__}


def inherited(name: str) -> bool:
    """Whether a class from which a method's class is derived describes it."""
    owner, _, own = name.rpartition(".")
    return any(vars(base)[own].__doc__ for base in PUBLIC[owner].__mro__ if own in vars(base))


def arrays(function: Any) -> dict[str, str]:
    """The parameters (and ``return``), or attributes, that are arrays, with their annotations."""
    found = vars(function).get("__annotations__", {}) if inspect.isclass(function) else None
    found = getattr(function, "__annotations__", {}) if found is None else found
    public = {key: str(kind) for key, kind in found.items() if not key.startswith("_")}
    return {key: kind for key, kind in public.items() if ARRAY.search(kind)}


def described(name: str) -> str:
    """The docstring of a function; for a method that of its class too."""
    owner = PUBLIC.get(name.rpartition(".")[0])
    return f"{FUNCTIONS[name].__doc__ or ''} {owner.__doc__ if owner else ''}"


def test_what_is_missing_would_be_found():
    """A docstring without shape and unit does not pass, as one of a mask would."""

    def bare(mask: np.ndarray) -> None:
        """Do something with it."""

    assert list(arrays(bare)) == ["mask"]
    for kind in arrays(bare).values():
        assert not SHAPED.search(kind)
    for pattern in (SHAPE_IN_WORDS, UNIT):
        assert not pattern.search(bare.__doc__ or "")
    assert SHAPED.search('Bool[np.ndarray, "H W"]')
    assert SHAPE_IN_WORDS.search("a mask, H x W")
    assert UNIT.search("in pixels")


def test_there_are_names():
    assert len(PUBLIC) > 150
    assert len(FUNCTIONS) > 200


@pytest.mark.parametrize("name", PUBLIC)
def test_a_name_has_a_docstring(name):
    assert len((PUBLIC[name].__doc__ or "").split()) >= 3


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_docstring(name):
    own = name.rsplit(".", 1)[1]
    assert FUNCTIONS[name].__doc__ or own in DESCRIBED or inherited(name)


WITH_ARRAYS = [name for name, function in FUNCTIONS.items() if arrays(function)]


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_arrays_have_shapes(name):
    found = arrays(FUNCTIONS[name])
    bare = [key for key, kind in found.items() if not SHAPED.search(kind)]
    assert not bare or SHAPE_IN_WORDS.search(described(name)), bare


@pytest.mark.parametrize("name", [n for n in WITH_ARRAYS if n.split(".")[1] not in WITHOUT_UNITS])
def test_arrays_have_units(name):
    kinds = " ".join(arrays(FUNCTIONS[name]).values())
    assert UNIT.search(described(name)) or re.search(r"\bBool\[|UInt8\[", kinds)
