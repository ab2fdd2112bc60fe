"""Builds a release and tries it; everything but the upload.

    python scripts/release.py                                  # this Python, the newest torch
    python scripts/release.py python3.10=2.4.0 python3.13=2.15.0
    python scripts/release.py --pip-options="--extra-index-url https://..." python3.12=

It builds wheel and sdist into dist/, checks their metadata (twine) and that the wheel from the
sdist is the same, that every extra can be resolved alone, and that the wheel tracks in a fresh
environment (``smoke_test.py``) for each PYTHON=TORCH, where ``pip check`` finds nothing. Needs the
extra ``release``.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(*command: object, **options: object) -> str:
    """The output of a command; SystemExit with what it said if it fails."""
    words = [str(word) for word in command]
    print("$", shlex.join(words), flush=True)
    done = subprocess.run(words, capture_output=True, text=True, **options)  # pyright: ignore
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{done.stderr}\nfailed: {shlex.join(words)}")
    return done.stdout


def build(dist: Path) -> tuple[Path, Path]:
    """The wheel and the sdist; the wheel of the sdist has the same files with the same bytes."""
    for old in dist.glob("sam2track-*"):
        old.unlink()
    run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", dist, ROOT)
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", dist, ROOT)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    with tempfile.TemporaryDirectory() as folder:
        run("tar", "-xzf", sdist, "-C", folder)
        (source,) = Path(folder).iterdir()
        run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, source)
        (again,) = Path(folder).glob("*.whl")
        assert contents(again) == contents(wheel), "the sdist makes another wheel"
    return wheel, sdist


def contents(wheel: Path) -> dict[str, int]:
    """Each file of a wheel with its checksum."""
    return {one.filename: one.CRC for one in zipfile.ZipFile(wheel).infolist()}


def extras() -> list[str]:
    """The extras for users, from the project file."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    return [name for name in re.findall(r"^(\w+) = ", section, re.M) if name != "dev"]


def try_wheel(wheel: Path, python: str, torch: str, options: list[str], *, each: bool) -> str:
    """Install into a fresh environment of ``python`` and track. What the smoke test says.

    ``each``: see also whether pip can resolve every extra.
    """
    version = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", f"{folder}/venv")
        inside = f"{folder}/venv/bin/python"
        pip = (inside, "-m", "pip", "--disable-pip-version-check")
        asked = [f"torch=={torch}"] if torch else []
        run(*pip, "install", "--quiet", "--no-cache-dir", *options, *asked, wheel)
        run(*pip, "check")
        for extra in extras() if each else ():
            run(*pip, "install", "--dry-run", "--quiet", *options, *asked, f"{wheel}[{extra}]")
        work = Path(folder, "empty")
        work.mkdir()
        script, clip = ROOT / "scripts" / "smoke_test.py", ROOT / "videos" / "cup.mp4"
        said = run(inside, "-W", "ignore", script, clip, version, cwd=work)
        return said.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pairs", nargs="*", help="PYTHON=TORCH, such as python3.10=2.4.0")
    parser.add_argument("--pip-options", default="", help="for the fresh environments")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    given = parser.parse_args()
    wheel, sdist = build(given.dist)
    said = []
    for place, pair in enumerate(given.pairs or [f"{sys.executable}="]):
        python, _, torch = pair.rpartition("=")
        options = shlex.split(given.pip_options)
        said.append(try_wheel(wheel, python, torch, options, each=place == 0))
    print("\n".join([*said, f"built {wheel} and {sdist}; upload: twine upload {given.dist}/*"]))


if __name__ == "__main__":
    main()
