"""Miniature datasets of every layout that the package reads, written into a folder.

Each function returns the root that the reader takes. A clip is a few frames of ``WIDTH`` x
``HEIGHT`` noise in which coloured squares move: object 1 right, object 2 (blue, from frame ``LATE``
on where the dataset knows late objects) down; nothing else is coloured.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import numpy as np
from PIL import Image
from pycocotools import mask as coco

WIDTH, HEIGHT, LENGTH, LATE = 64, 48, 6, 2
DATA = Path(os.environ.get("SAM2TRACK_DATA", Path(__file__).parents[3] / "shared" / "data"))
COLOURS = {1: (220, 40, 40), 2: (40, 60, 220)}
PALETTE = list(range(256)) * 3  # a short one would make Pillow store fewer bits than 255 needs


def pictures(
    length: int = LENGTH, *, late: int = 0, seed: int = 0
) -> tuple[np.ndarray, list[dict[int, np.ndarray]]]:
    """A clip ``(length, HEIGHT, WIDTH, 3)`` uint8, and each frame's mask by object."""
    rng = np.random.default_rng(seed)
    clip = rng.integers(90, 120, (length, HEIGHT, WIDTH, 3), dtype=np.uint8)
    truth = []
    for index, frame in enumerate(clip):
        masks = {1: _square(4 + _moved(index, length), 6, 20)}
        if index >= late:
            masks[2] = _square(40, 4 + _moved(index, length), 14)
        for k, mask in masks.items():
            frame[mask] = COLOURS[k]
        truth.append(masks)
    return clip, truth


def _moved(index: int, length: int) -> int:
    """How far the squares have moved, pixels: 10 by the last frame."""
    return 10 * index // max(length - 1, 1)


def _square(x: int, y: int, side: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def label_map(masks: dict[int, np.ndarray]) -> np.ndarray:
    """Masks as ids by pixel."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for k, mask in masks.items():
        labels[mask] = k
    return labels


def save_image(path: Path, image: np.ndarray) -> None:
    """A JPEG or PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95)


def save_labels(path: Path, labels: np.ndarray, *, palette: bool = True) -> None:
    """A PNG of ids, with a palette or grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels)
    if palette:
        image.putpalette(PALETTE)
    image.save(path)


def davis16(root: Path, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    """DAVIS 2016: masks of 0 and 255, every frame; attributes."""
    for seed, name in enumerate(names):
        clip, truth = pictures(seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            save_image(root / f"JPEGImages/480p/{name}/{index:05d}.jpg", image)
            labels = masks[1] * np.uint8(255)
            save_labels(root / f"Annotations/480p/{name}/{index:05d}.png", labels, palette=False)
    _list(root / "ImageSets/2016/val.txt", names)
    listed = [f"- {{name: {name}, attributes: [OCC, FM], num_frames: 6}}" for name in names]
    (root / "Annotations" / "db_info.yml").write_text("\n".join(["sequences:", *listed, ""]))
    return root


def davis17(root: Path, names: tuple[str, ...] = ("cat", "dog"), *, split: str = "val") -> Path:
    """DAVIS 2017: palette ids of two objects, a pixel of void; of test-dev the first mask only."""
    for seed, name in enumerate(names):
        clip, truth = pictures(seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            save_image(root / f"JPEGImages/480p/{name}/{index:05d}.jpg", image)
            labels = label_map(masks)
            labels[0, 0] = 255 if index == 2 else 0
            if split != "test-dev" or index == 0:
                save_labels(root / f"Annotations/480p/{name}/{index:05d}.png", labels)
    _list(root / f"ImageSets/2017/{split}.txt", names)
    return root


def youtube_vos(
    root: Path,
    names: tuple[str, ...] = ("0a1b", "2c3d"),
    *,
    split: str = "valid",
    dense: bool = False,
) -> Path:
    """YouTube-VOS: every fifth frame, a late object, ``meta.json``; ``dense``: all frames too.

    Of ``valid`` only the frames on which objects appear have masks.
    """
    meta = {}
    for seed, name in enumerate(names):
        clip, truth = pictures(5 * LENGTH - 4, late=5 * LATE, seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            if dense:
                folder = root / f"all_frames/{split}_all_frames/JPEGImages/{name}"
                save_image(folder / f"{index:05d}.jpg", image)
            if index % 5:
                continue
            save_image(root / f"{split}/JPEGImages/{name}/{index:05d}.jpg", image)
            if split == "train" or index in (0, 5 * LATE):
                path = root / f"{split}/Annotations/{name}/{index:05d}.png"
                save_labels(path, label_map(masks))
        frames = [f"{index:05d}" for index in range(0, len(clip), 5)]
        meta[name] = {
            "objects": {
                "1": {"category": "cat", "frames": frames},
                "2": {"category": "unicorn", "frames": frames[LATE:]},
            }
        }
    _dump(root / split / "meta.json", {"videos": meta})
    return root


def mose(root: Path, names: tuple[str, ...] = ("aaa", "bbb"), *, split: str = "valid") -> Path:
    """MOSE: two objects; of ``valid`` only the first frame has masks."""
    for seed, name in enumerate(names):
        clip, truth = pictures(seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            save_image(root / f"{split}/JPEGImages/{name}/{index:05d}.jpg", image)
            if split == "train" or index == 0:
                path = root / f"{split}/Annotations/{name}/{index:05d}.png"
                save_labels(path, label_map(masks))
    return root


def lvos(root: Path, names: tuple[str, ...] = ("xYz", "zYx"), *, split: str = "valid") -> Path:
    """LVOS: frames 1, 6, 11, ..., a late object, every frame's masks, a list of spans."""
    meta = {}
    for seed, name in enumerate(names):
        clip, truth = pictures(late=LATE, seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            stem = f"{5 * index + 1:08d}"
            save_image(root / f"{split}/JPEGImages/{name}/{stem}.jpg", image)
            save_labels(root / f"{split}/Annotations/{name}/{stem}.png", label_map(masks))
        end = f"{5 * LENGTH + 1:08d}"
        ranges = {
            "1": {"start": "00000001", "end": end, "frame_nums": str(LENGTH)},
            "2": {"start": f"{5 * LATE + 1:08d}", "end": end, "frame_nums": str(LENGTH - LATE)},
        }
        meta[name] = {"objects": {k: {"frame_range": one} for k, one in ranges.items()}}
    _dump(root / split / f"{split}_meta.json", {"videos": meta})
    (root / "unseen_videos.txt").write_text(f"{names[-1]}\n")
    return root


def sav(root: Path, names: tuple[str, ...] = ("sav_1", "sav_2"), *, split: str = "val") -> Path:
    """SA-V val: every fourth frame annotated, a folder an object, one object a part of another."""
    for seed, name in enumerate(names):
        clip, truth = pictures(4 * LENGTH - 3, late=4 * LATE, seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            save_image(root / f"sav_{split}/JPEGImages_24fps/{name}/{index:05d}.jpg", image)
            if index % 4:
                continue
            whole = masks[1]
            nothing = np.zeros_like(whole)
            part = _square(6 + _moved(index, len(clip)), 8, 6)
            for number, mask in enumerate((whole, masks.get(2, nothing), part)):
                folder = root / f"sav_{split}/Annotations_6fps/{name}/{number:03d}"
                save_labels(folder / f"{index:05d}.png", mask * np.uint8(255), palette=False)
    _list(root / f"sav_{split}/sav_{split}.txt", names)
    return root


def sav_train(root: Path, names: tuple[str, ...] = ("sav_1", "sav_2")) -> Path:
    """SA-V train: ``sav_000/<video>.mp4`` and both JSON files, every fourth frame annotated."""
    for seed, name in enumerate(names):
        clip, truth = pictures(4 * LENGTH - 3, late=4 * LATE, seed=seed)
        write_video(root / "sav_000" / f"{name}.mp4", clip)
        nothing = np.zeros((HEIGHT, WIDTH), bool)
        masklet = [[_runs(m.get(k, nothing)) for k in (1, 2)] for m in truth[::4]]
        for kind in ("manual", "auto"):
            about = {"video_id": name, "video_frame_count": float(len(clip)), "masklet_id": [0, 1]}
            _dump(root / "sav_000" / f"{name}_{kind}.json", {**about, "masklet": masklet})
    return root


def folder(root: Path, names: tuple[str, ...] = ("kitchen", "street")) -> Path:
    """A user's pictures and masks; not every picture has a mask."""
    for seed, name in enumerate(names):
        clip, truth = pictures(seed=seed)
        for index, (image, masks) in enumerate(zip(clip, truth, strict=True)):
            save_image(root / f"JPEGImages/{name}/{index:05d}.jpg", image)
            if index != 3:
                save_labels(root / f"Annotations/{name}/{index:05d}.png", label_map(masks))
    return root


def videos(root: Path, names: tuple[str, ...] = ("kitchen", "street")) -> Path:
    """A user's video files with masks beside them, as ``sam2track track`` writes them."""
    for seed, name in enumerate(names):
        clip, truth = pictures(seed=seed)
        write_video(root / f"{name}.mp4", clip)
        for index, masks in enumerate(truth):
            save_labels(root / name / "masks" / f"{index:05d}.png", label_map(masks))
    return root


def stills(root: Path, count: int = 3) -> Path:
    """Plain pictures with masks: ``images/`` and ``masks/``."""
    for number in range(count):
        clip, truth = pictures(1, seed=number)
        save_image(root / f"images/{number}.jpg", clip[0])
        save_labels(root / f"masks/{number}.png", label_map(truth[0]))
    return root


def coco_stills(root: Path, count: int = 3) -> Path:
    """COCO: ``instances.json`` beside ``images/``; a polygon, run lengths, a crowd."""
    images, annotations = [], []
    for number in range(count):
        clip, truth = pictures(1, seed=number)
        save_image(root / f"images/{number:012d}.jpg", clip[0])
        images.append(
            {"id": number, "file_name": f"{number:012d}.jpg", "height": HEIGHT, "width": WIDTH}
        )
        lengths = {"size": [HEIGHT, WIDTH], "counts": _lengths(truth[0][2])}
        for shape, crowd in (
            ([[4, 6, 24, 6, 24, 26, 4, 26]], 0),
            (lengths, 0),
            (_runs(truth[0][1] | truth[0][2]), 1),
        ):
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "iscrowd": crowd,
                    "segmentation": shape,
                }
            )
    _dump(root / "instances.json", {"images": images, "annotations": annotations})
    return root


def sa1b(root: Path, count: int = 3) -> Path:
    """SA-1B: ``sa_<n>.jpg`` and ``sa_<n>.json``, in a folder; a part overlaps its whole."""
    for number in range(count):
        clip, truth = pictures(1, seed=number)
        stem = root / "sa_000000" / f"sa_{number}"
        save_image(stem.with_suffix(".jpg"), clip[0])
        masks = [truth[0][1], truth[0][2], _square(6, 8, 6)]
        about = {"image_id": number, "width": WIDTH, "height": HEIGHT}
        annotations = [{"id": k, "segmentation": _runs(mask)} for k, mask in enumerate(masks)]
        _dump(
            stem.with_suffix(".json"),
            {"image": {**about, "file_name": f"sa_{number}.jpg"}, "annotations": annotations},
        )
    return root


def write_video(path: Path, clip: np.ndarray) -> None:
    """An MP4 with few key frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "12", "g": "8"})
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for image in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _runs(mask: np.ndarray) -> dict:
    runs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode()}


def _lengths(mask: np.ndarray) -> list[int]:
    """Run lengths column by column, the first of them of zeros."""
    flat = np.r_[False, mask.T.ravel(), ~mask.T.ravel()[-1]]
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.r_[0, edges]).tolist()


def _list(path: Path, names: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names))


def _dump(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
