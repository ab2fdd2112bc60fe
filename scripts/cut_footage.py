"""Cut what moves out of videos of a camera that stands still.

Takes video files. Writes into ``--out`` one folder of frames and masks for each moving object, in
the layout that :func:`sam2track.data.readers.folder.folder` reads, and ``mattes.jpg``, a few frames
of each to be looked at. Delete the folders of bad mattes (under ``JPEGImages`` and
``Annotations``), then pack films of the others beside the rest of the training pictures::

    python scripts/cut_footage.py street.mp4 --out footage
    python scripts/cut_footage.py --out footage --films assets

The background is the median over time of what no object covers; where objects stand still for
long, ``--empty`` names frames without any. What differs from it by more than noise and shadows is
an object; a guided filter moves the edge to the picture's edge. Parts that touch are one object.
Objects with the background's colours have holes.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

LONGEST = 854  # side of the frames, pixels
SIDE, VIEWS = 192, 16  # as in render_assets.py: longest side of a view, pixels; views of a film
COLUMNS = ["offset", "bytes", "height", "width", "model", "source", "step_ms", "rider"]
SLOWEST = 120  # ms between two views of a film
SAMPLES, SHORTEST = 60, 12  # most frames for a background; frames that an object is seen at least


def read(path: Path) -> tuple[np.ndarray, float]:
    """All frames ``(T, H, W, 3)`` RGB, not larger than :data:`LONGEST`, and frames a second."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        scale = min(1.0, LONGEST / max(stream.width, stream.height))
        size = (round(stream.width * scale), round(stream.height * scale))
        decoded = (frame.to_ndarray(format="rgb24") for frame in file.decode(stream))
        frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in decoded]
        return np.stack(frames), float(stream.average_rate or 25)


# ---------------------------------------------------------------- mattes and objects


def disc(size: int) -> np.ndarray:
    """A round structuring element."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def background(frames: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The median over time, without the frames in which a pixel is ``covered`` (T, H, W)."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLES).astype(int))
    found = np.empty(frames.shape[1:], np.uint8)
    for top in range(0, frames.shape[1], 32):  # in strips, for memory
        strip = frames[chosen, top : top + 32].astype(np.int16)
        hidden = covered[chosen, top : top + 32]
        hidden &= (~hidden).sum(0) >= 4  # if it is nearly always covered, all frames count
        strip[hidden] = 256  # sorted to the end
        strip.sort(axis=0)
        middle = ((~hidden).sum(0) // 2)[None, ..., None]
        found[top : top + 32] = np.take_along_axis(strip, middle, 0)[0]
    return found


def as_bright(picture: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The picture in the exposure of the frame: the median ratio of each channel is 1."""
    small = (slice(None, None, 4), slice(None, None, 4))
    ratio = np.median((frame[small] + 4.0) / (picture[small] + 4.0), axis=(0, 1))
    return np.clip((picture + 4.0) * ratio - 4, 0, 255).astype(np.uint8)


def difference(frame: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """How much a frame differs from the background, in levels of Lab; shadows count little."""
    own, other = (
        cv2.cvtColor(cv2.GaussianBlur(p, (3, 3), 0), cv2.COLOR_RGB2LAB).astype(np.float32)
        for p in (frame, empty)
    )
    best = np.full(frame.shape[:2], np.inf, np.float32)
    for shift in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):  # cameras and codecs move edges
        change = np.abs(own - np.roll(other, shift, (0, 1)))
        colour = np.hypot(change[..., 1], change[..., 2])
        ratio = (own[..., 0] + 2) / (np.roll(other[..., 0], shift, (0, 1)) + 2)
        shadow = (ratio < 1) & (ratio > 0.6) & (colour < 7)
        light = np.where(shadow, 0.3, 1.0) * change[..., 0]
        best = np.minimum(best, light + 1.8 * colour)
    return best


def matte(frame: np.ndarray, empty: np.ndarray, noise: np.ndarray, least: int) -> np.ndarray:
    """The pixels that show an object, bool; parts below ``least`` pixels are dropped.

    The edge is where the difference is about half of that beside it: lenses blur edges, and a low
    threshold alone would make masks too large.
    """
    level = difference(frame, as_bright(empty, frame))
    share = (level - noise - 9) / np.maximum(15, 0.7 * cv2.dilate(level, disc(9)))
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    share = guided(grey, np.clip(share, 0, 1).astype(np.float32))
    found = cv2.morphologyEx((share > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, disc(9))
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, disc(5)).astype(bool)
    for part in parts(~found, 0):
        if part.sum() < least:  # a hole
            found |= part
    kept = parts(found, least)
    return np.any(kept, axis=0) if kept else np.zeros_like(found)


def guided(guide: np.ndarray, share: np.ndarray, radius: int = 4, eps: float = 40) -> np.ndarray:
    """``share`` with the edges of a grey picture (He et al.: Guided Image Filtering)."""
    guide, window = guide.astype(np.float32), (2 * radius + 1,) * 2
    mean, level = cv2.blur(guide, window), cv2.blur(share, window)
    slope = cv2.blur(guide * share, window) - mean * level
    slope /= cv2.blur(guide * guide, window) - mean * mean + eps
    return cv2.blur(slope, window) * guide + cv2.blur(level - slope * mean, window)


def parts(mask: np.ndarray, least: int) -> list[np.ndarray]:
    """The connected parts of a mask that have at least ``least`` pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    return [labels == k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= least]


def mattes(frames: np.ndarray, least: int, empty: np.ndarray | None = None) -> np.ndarray:
    """What moves in each frame, ``(T, H, W)`` bool; ``empty`` is the background, if known."""
    known = empty
    found = covered = np.zeros(frames.shape[:3], bool)
    for _ in range(2 if known is None else 1):
        empty = background(frames, covered) if known is None else known
        sample = frames[:: max(1, len(frames) // 20)]
        noise = np.median([difference(f, as_bright(empty, f)) for f in sample], axis=0)
        noise = np.minimum(2 * noise, 12)
        found = np.stack([matte(frame, empty, noise, least) for frame in frames])
        covered = np.stack([cv2.dilate(m.view(np.uint8), disc(11)) for m in found]).astype(bool)
    return found


def objects(found: np.ndarray, least: int) -> list[dict[int, np.ndarray]]:
    """Parts that overlap from frame to frame, as mask by frame; those seen long enough.

    An object ends where it touches another one or falls into parts. Frames are left out in which
    less than a third of its usual size is seen.
    """
    going, done = [], []
    for number, mask in enumerate(found):
        pieces, following = parts(mask, least), []
        owners: list[list[dict]] = [[] for _ in pieces]
        for track in going:
            last = track[max(track)]
            shared = [k for k, piece in enumerate(pieces) if (piece & last).any()]
            if len(shared) == 1:
                owners[shared[0]].append(track)
            else:  # it is gone, or falls into several
                done.append(track)
        for piece, tracks in zip(pieces, owners, strict=True):
            if len(tracks) == 1:
                tracks[0][number] = piece
                following.append(tracks[0])
            else:  # new, or several that touch
                done += tracks
                following.append({number: piece})
        going = following
    done += going
    for track in done:
        usual = np.median([piece.sum() for piece in track.values()])
        for number in [k for k, piece in track.items() if piece.sum() <= usual / 3]:
            del track[number]
    return [track for track in done if len(track) >= SHORTEST]


def write(out: Path, name: str, frames: np.ndarray, track: dict[int, np.ndarray]) -> None:
    """One object as a folder of pictures and one of masks."""
    folders = [out / kind / name for kind in ("JPEGImages", "Annotations")]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for place, number in enumerate(sorted(track)):
        Image.fromarray(frames[number]).save(folders[0] / f"{place:05d}.jpg", quality=93)
        Image.fromarray(track[number].view(np.uint8)).save(folders[1] / f"{place:05d}.png")


def read_object(out: Path, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What :func:`write` wrote: pictures and masks."""
    masks = sorted((out / "Annotations" / name).glob("*.png"))
    pictures = [out / "JPEGImages" / name / f"{path.stem}.jpg" for path in masks]
    read = [[np.asarray(Image.open(path)) for path in paths] for paths in (pictures, masks)]
    return read[0], [mask > 0 for mask in read[1]]


def review(out: Path) -> None:
    """``mattes.jpg``: six frames of each object, what is no part of it in green."""
    rows = []
    for folder in sorted((out / "JPEGImages").glob("*")):  # none, if nothing moved
        (pictures, masks), row = read_object(out, folder.name), []
        for number in np.linspace(0, len(masks) - 1, 6).astype(int):
            shown = pictures[number].copy()
            shown[~masks[number]] = shown[~masks[number]] // 4 + np.array([0, 140, 0], np.uint8)
            row.append(cv2.resize(shown, (240, 180), interpolation=cv2.INTER_AREA))
        cv2.putText(row[0], folder.name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255,) * 3)
        rows.append(np.hstack(row))
    if rows:
        Image.fromarray(np.vstack(rows)).save(out / "mattes.jpg")


# ---------------------------------------------------------------- films


def films(
    pictures: list[np.ndarray], masks: list[np.ndarray], rate: float
) -> Iterator[tuple[np.ndarray, int]]:
    """Strips of views of an object that the picture's edge does not cut, and their step in ms."""
    edges = [np.concatenate([m[0], m[-1], m[:, 0], m[:, -1]]) for m in masks]
    whole = [number for number, edge in enumerate(edges) if not edge.any()]
    for stride in range(1, max(1, int(SLOWEST * rate / 1000)) + 1):
        span = VIEWS * stride
        for start in range(0, len(whole) - span + 1, span // 2):
            chosen = whole[start : start + span : stride]
            if chosen[-1] - chosen[0] == span - stride:  # without a gap
                yield strip([(pictures[k], masks[k]) for k in chosen]), round(1000 * stride / rate)


def strip(views: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Views one below another, RGBA, with a clear rim; the object moves only within its box."""
    boxes = np.array([cv2.boundingRect(mask.astype(np.uint8)) for _, mask in views], float)
    centres = np.pad(boxes[:, :2] + boxes[:, 2:] / 2, ((2, 2), (0, 0)), "edge")
    centres = np.stack([np.convolve(c, np.full(5, 0.2), "valid") for c in centres.T], 1)
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    half = np.ceil(np.maximum(centres - low, high - centres).max(0)).astype(int) + 3
    scale = min(1.0, (SIDE - 4) / (2 * half.max()))
    size = tuple(int(max(8, v)) for v in np.round(2 * half * scale))
    out = []
    for (picture, mask), centre in zip(views, np.round(centres).astype(int), strict=True):
        alpha = cv2.erode(mask.astype(np.uint8) * 255, disc(3))  # the edge has mixed colours
        alpha = cv2.GaussianBlur(alpha, (3, 3), 0)
        solid = (alpha > 200).astype(np.float32)
        near = cv2.GaussianBlur(picture * solid[..., None], (0, 0), 3)
        near /= np.maximum(cv2.GaussianBlur(solid, (0, 0), 3), 1e-3)[..., None]
        colour = np.where(solid[..., None] > 0, picture, np.clip(near, 0, 255))
        shown = np.dstack([colour, alpha]).astype(np.uint8)
        margin = int(half.max())
        shown = np.pad(shown, ((margin, margin), (margin, margin), (0, 0)), "edge")
        x, y = centre + margin - half
        piece = shown[y : y + 2 * half[1], x : x + 2 * half[0]]
        piece = cv2.resize(piece, size, interpolation=cv2.INTER_AREA)
        out.append(np.pad(piece, ((0, 0), (2, 2), (0, 0))))
    return np.concatenate(out)


def pack(out: Path, assets: Path, source: str, licence: str) -> int:
    """Add films of all objects in ``out`` to those in ``assets``; how many were added."""
    about: dict = {"views": VIEWS, "columns": COLUMNS, "sources": []}
    rows: list[list[int]] = []
    if (assets / "films.npz").is_file():
        about = json.loads((assets / "films.json").read_text())
        with np.load(assets / "films.npz") as stored:
            rows = stored["films"].tolist()
    if source in [entry["name"] for entry in about["sources"]]:
        raise SystemExit(f"{assets}/films.json has films of {source}: give another --source")
    model, before = max((row[4] for row in rows), default=0), len(rows)
    rates = json.loads((out / "rates.json").read_text())
    with (assets / "films.bin").open("ab") as file:
        for folder in sorted((out / "JPEGImages").iterdir()):
            model += 1
            for views, step in films(*read_object(out, folder.name), rates[folder.name]):
                coded = io.BytesIO()
                Image.fromarray(views).save(coded, "WEBP", quality=85, alpha_quality=88, method=2)
                height, width = views.shape[0] // VIEWS, views.shape[1]
                place = [file.tell(), len(coded.getvalue()), height, width]
                rows.append([*place, model, len(about["sources"]), step, 0])
                file.write(coded.getvalue())
    about["sources"].append({"name": source, "licence": licence, "films": len(rows) - before})
    np.savez(assets / "films.npz", films=np.array(rows, np.int64).reshape(-1, len(COLUMNS)))
    (assets / "films.json").write_text(json.dumps(about, indent=1) + "\n")
    return len(rows) - before


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="*", help="of a camera that stands still")
    parser.add_argument("--out", type=Path, required=True, help="folder of the frames and masks")
    parser.add_argument(
        "--films", type=Path, help="pack films of what is in --out into this folder"
    )
    parser.add_argument("--source", default="footage", help="name of these films' source")
    parser.add_argument("--licence", default="not stated", help="of the footage, for films.json")
    parser.add_argument("--empty", nargs="+", default=[], help="such as 0:55: frames of no object")
    parser.add_argument("--least", type=float, default=0.004, help="smallest object, of the frame")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    listed = args.out / "rates.json"  # frames a second of each object's video
    rates = json.loads(listed.read_text()) if listed.is_file() else {}
    for path in args.videos:
        frames, rate = read(path)
        least = round(args.least * frames[0, :, :, 0].size)
        still = [frames[slice(*map(int, part.split(":")))] for part in args.empty]
        empty = np.median(np.concatenate(still), axis=0).astype(np.uint8) if still else None
        tracks = objects(mattes(frames, least, empty), least)
        for number, track in enumerate(tracks, 1):
            write(args.out, f"{path.stem}-{number}", frames, track)
            rates[f"{path.stem}-{number}"] = rate
        print(f"{path.name}: {len(tracks)} objects in {len(frames)} frames", file=sys.stderr)
    if args.videos:
        args.out.mkdir(parents=True, exist_ok=True)
        listed.write_text(json.dumps(rates, indent=1) + "\n")
        review(args.out)
    if args.films:
        print(pack(args.out, args.films, args.source, args.licence), "films", file=sys.stderr)


if __name__ == "__main__":
    main()
