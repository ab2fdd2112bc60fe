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
import io
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

import cv2
import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None

SPRITE_SIDE = 224  # longest side of a sprite, pixels
PHOTO_SIDE = 512  # shorter side of a photograph
TEXTURE_SIDE = 256  # both sides of a texture


@dataclass(frozen=True)
class Source:
    """One package and what is taken from it.

    Attributes:
        package: name in its registry (``@...`` is npm's, all others Debian's).
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
    Source("emoji", "@lobehub/fluent-emoji-3d", "sprites", 1.0, r"assets/.*\.webp$",
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
    if package.startswith("@"):
        name = _run(["npm", "pack", "--silent", package], folder).strip().splitlines()[-1]
        target.mkdir(exist_ok=True)
        _run(["tar", "xzf", str(folder / name), "-C", str(target)], folder)
        return target, re.search(r"-(\d[\w.]*)\.tgz", name).group(1)
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
            members = _resource_members(path)
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


def _resource_members(path: Path):
    """Pictures in a Qt resource bundle: each stored with its length, big-endian, before it."""
    data = path.read_bytes()
    magic = re.compile(rb"RIFF....WEBP|\xff\xd8\xff|\x89PNG\r\n\x1a\n", re.DOTALL)
    for match in magic.finditer(data):
        start = match.start()
        length = int.from_bytes(data[start - 4 : start], "big")
        if 2000 < length <= len(data) - start:
            yield f"{start:08d}", lambda s=start, n=length: data[s : s + n]


# ---------------------------------------------------------------- judging and shaping


def decode(data: bytes) -> np.ndarray | None:
    """RGBA uint8, at most 2048 pixels wide and high; None if Pillow cannot read it."""
    try:
        image = Image.open(io.BytesIO(data))
        if min(image.size) < 48 or image.size[0] * image.size[1] > 40_000_000:
            return None
        image.draft("RGB", (2 * PHOTO_SIDE, 2 * PHOTO_SIDE))
        image = image.convert("RGBA")
        image.thumbnail((4 * PHOTO_SIDE, 4 * PHOTO_SIDE), reducing_gap=2.0)
        return np.asarray(image)
    except Exception:
        return None


def shrink(image: np.ndarray, scale: float) -> np.ndarray:
    """The picture scaled down by averaging; never scaled up."""
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def grain(rgb: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Share of the pixels whose surroundings are neither flat nor a hard line: high in photos."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (5, 5)) - cv2.blur(grey, (5, 5)) ** 2, 0))
    good = (spread > 1.5) & (spread < 40)
    return float(good.mean() if mask is None else good[mask].mean())


def sprite(rgba: np.ndarray) -> np.ndarray | None:
    """A cut-out cropped to its object, or None where it is not one solid, filled thing."""
    alpha = rgba[..., 3]
    if (alpha > 127).mean() > 0.97 or (alpha > 127).mean() < 0.02:
        return None
    rows, columns = np.flatnonzero((alpha > 20).any(1)), np.flatnonzero((alpha > 20).any(0))
    rgba = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = rgba.shape[:2]
    if min(height, width) < 64 or max(height, width) > 4 * min(height, width):
        return None
    scale = SPRITE_SIDE / max(height, width)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    weighted = shrink(np.dstack([rgba[..., :3] * alpha, alpha * 255]), scale)  # no dark fringes
    alpha = weighted[..., 3:] / 255
    rgb = weighted[..., :3] / np.maximum(alpha, 1 / 255)
    rgba = np.dstack([rgb, alpha * 255]).round().clip(0, 255).astype(np.uint8)
    solid = (rgba[..., 3] > 127).astype(np.uint8)
    if not 0.15 < solid.mean() < 0.97:
        return None
    side = max(3, round(0.05 * max(solid.shape)))
    if cv2.erode(solid, np.ones((side, side), np.uint8)).sum() < 0.3 * solid.sum():
        return None  # a line drawing, or sparse twigs
    areas = cv2.connectedComponentsWithStats(solid)[2][1:, cv2.CC_STAT_AREA]
    if areas.max() < 0.85 * areas.sum():
        return None
    inside = rgba[..., :3][solid > 0].astype(np.float32)
    pale = (inside.min(1) > 235).mean()
    if pale > 0.6 or inside.std(0).max() < 8:
        return None
    return rgba


def photo(rgba: np.ndarray) -> np.ndarray | None:
    """A photograph at its final size, or None if it is too small, cut out, or a flat drawing."""
    if (rgba[..., 3] < 250).mean() > 0.01 or min(rgba.shape[:2]) < 170:
        return None
    rgb = shrink(rgba[..., :3], PHOTO_SIDE / min(rgba.shape[:2]))
    if max(rgb.shape[:2]) > 2.2 * min(rgb.shape[:2]):
        return None
    if (rgb.min(2) > 245).mean() > 0.8 or grain(rgb) < 0.1:
        return None
    return rgb


def texture(rgba: np.ndarray) -> np.ndarray | None:
    """A square texture, or None for decals, normal maps, charts and flat colours."""
    if (rgba[..., 3] < 250).mean() > 0.01 or min(rgba.shape[:2]) < 128:
        return None
    side = min(rgba.shape[:2])
    rgb = shrink(rgba[:side, :side, :3], TEXTURE_SIDE / side)
    if rgb.shape[0] < TEXTURE_SIDE:
        rgb = cv2.resize(rgb, (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_CUBIC)
    mean = rgb.reshape(-1, 3).mean(0)
    if mean[2] > 170 and mean[2] > mean[:2].max() + 50:  # a normal map
        return None
    if grain(rgb) < 0.55 or mean.max() < 30 or mean.min() > 225:
        return None
    return rgb


def shape(job: tuple[str, bytes]) -> np.ndarray | None:
    """One picture, from its bytes to what is packed; None = not kept."""
    cv2.setNumThreads(0)
    kind, data = job
    rgba = decode(data)
    if rgba is None:
        return None
    return {"sprites": sprite, "photos": photo, "textures": texture}[kind](rgba)


# ---------------------------------------------------------------- objects cut out of photographs


def cutouts(rgb: np.ndarray) -> list[np.ndarray]:
    """Regions of a photograph that hold together, as sprites: GrabCut from nine boxes.

    A region is kept if it is solid, lies inside its box, and if the colours just inside and just
    outside its outline differ.
    """
    cv2.setNumThreads(0)
    small = shrink(rgb, 160 / min(rgb.shape[:2]))
    height, width = small.shape[:2]
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for cx, cy, size in (
        (0.5, 0.5, 0.8), (0.5, 0.5, 0.55), (0.33, 0.5, 0.6), (0.67, 0.5, 0.6), (0.5, 0.65, 0.6),
        (0.3, 0.3, 0.45), (0.7, 0.3, 0.45), (0.3, 0.7, 0.45), (0.7, 0.7, 0.45),
    ):  # fmt: skip
        w, h = int(size * width), int(size * height)
        x = int(np.clip(cx * width - w / 2, 1, width - w - 2))
        y = int(np.clip(cy * height - h / 2, 1, height - h - 2))
        mask = np.zeros((height, width), np.uint8)
        cv2.setRNGSeed(0)
        try:
            cv2.grabCut(small, mask, (x, y, w, h), np.zeros((1, 65)), np.zeros((1, 65)), 4,
                        cv2.GC_INIT_WITH_RECT)  # fmt: skip
        except cv2.error:
            continue
        solid = _largest((mask & 1).astype(np.uint8))
        if solid is None or not _holds(small, solid, (x, y, w, h)):
            continue
        if all((solid & m).sum() < 0.6 * (solid | m).sum() for m, _ in kept):
            kept.append((solid, _lift(rgb, solid)))
    return [cut for _, cut in kept if cut is not None]


def _largest(mask: np.ndarray) -> np.ndarray | None:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    return (labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def _holds(rgb: np.ndarray, mask: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    x, y, w, h = box
    if not 0.02 * mask.size < mask.sum() < 0.85 * w * h:
        return False
    frame = np.concatenate([mask[y], mask[y + h - 1], mask[:, x], mask[:, x + w - 1]])
    if frame.mean() > 0.12:  # cut by the box: not a whole thing
        return False
    kernel = np.ones((5, 5), np.uint8)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    inner, outer = mask - cv2.erode(mask, kernel), cv2.dilate(mask, kernel) - mask
    near = cv2.blur(lab * inner[..., None], (9, 9)) / np.maximum(
        cv2.blur(inner.astype(np.float32), (9, 9)), 1e-3
    )[..., None]  # fmt: skip
    return bool(np.abs(near - lab).sum(2)[outer > 0].mean() > 22)


def _lift(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    size = (rgb.shape[1], rgb.shape[0])
    alpha = cv2.GaussianBlur(mask * 255.0, (0, 0), 1.2)
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_CUBIC)
    alpha = np.clip((alpha - 127.5) * 2 + 127.5, 0, 255).astype(np.uint8)
    return sprite(np.dstack([rgb, alpha]))


# ---------------------------------------------------------------- packing


def unlike(images: list[np.ndarray]) -> list[np.ndarray]:
    """The pictures without those that repeat an earlier one."""
    seen: set[bytes] = set()
    kept = []
    for image in images:
        thumb = cv2.resize(image[..., :3], (6, 6), interpolation=cv2.INTER_AREA)
        key = (thumb // 24).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(image)
    return kept


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
