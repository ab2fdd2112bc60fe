"""Imports point one way: what a room may know of the others."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sam2track"

# A room may import the ones named here, itself, `types`, `device`, `files` and `moved`.
ALLOWED = {
    "files": set(),
    "moved": set(),
    "spawning": set(),
    "masks": set(),
    "types": {"masks"},
    "device": set(),
    "video": set(),
    "prompts": {"masks", "model"},
    "model": set(),
    "memory": {"masks"},
    "track": {"video", "prompts", "masks", "model", "memory"},
    "image": {"video", "prompts", "masks", "model"},
    "compat": {"video", "prompts", "masks", "model", "memory", "track", "image"},
    "export": {"model"},
    "sinks": {"masks", "prompts"},
    "synthetic": {"masks", "video"},
    "data": {"masks", "video", "synthetic"},
    "metrics": {"masks"},
    "benchmark": {
        "video",
        "prompts",
        "masks",
        "model",
        "memory",
        "track",
        "sinks",
        "data",
        "metrics",
        "spawning",
    },
    "train": {"video", "prompts", "masks", "model", "memory", "track", "data", "metrics"},
    "annotate": {"video", "prompts", "masks", "model", "memory", "track", "sinks", "spawning"},
    "integrations": {"video", "prompts", "masks", "model", "track", "image", "annotate"},
}
HYDRA_ROOMS = {"cli", "runners", "__main__"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Absolute names of the modules that a file imports."""
    package = ("sam2track", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else ())))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(path):
    room = room_of(path)
    names = list(imported(path))
    if room not in HYDRA_ROOMS:
        assert not [name for name in names if name.split(".")[0] in ("hydra", "omegaconf")]
    if room not in ALLOWED:  # the rooms at the top: cli, runners, the package's own face
        return
    rooms = {name.split(".")[1] for name in names if name.startswith("sam2track.")}
    inner = {other for other in rooms if (PACKAGE / other).is_dir() or other in ALLOWED}
    assert inner <= ALLOWED[room] | {room, "types", "device", "files", "moved"}


def test_nothing_imports_what_runs_it():
    for path in FILES:
        if room_of(path) not in HYDRA_ROOMS:
            rooms = {n.split(".")[1] for n in imported(path) if n.startswith("sam2track.")}
            assert not rooms & {"cli", "runners"}, path


def test_every_room_is_in_the_plan():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"runners"} <= ALLOWED.keys()


def test_names_of_the_package_are_imported_when_they_are_used():
    """``import sam2track`` and ``sam2track --help`` do not wait for PyTorch."""
    lines = (
        "import sys, sam2track",
        "from sam2track.cli import main",
        "main(['--help'])",
        "assert 'torch' not in sys.modules",
        "assert all(getattr(sam2track, name) for name in sam2track.__all__)",
        "assert set(sam2track.__all__) <= set(dir(sam2track))",
        "sam2track.memory.FifoMemory",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
