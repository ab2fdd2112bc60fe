"""Reads still images with masks: COCO's JSON, SA-1B's JSON, or two folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, UInt8
from pycocotools import mask as coco_masks

from ...masks import decode_runs, pack_runs, read_labels, split_labels
from ...video import PICTURE_SUFFIXES, check_size, read_picture
from .listing import list_files


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One image and the masks of its objects, which may overlap.

    Attributes:
        path: of the image.
        image: RGB.
        runs: the masks' run lengths, as pycocotools has them; ValueError if one is of another size.
    """

    path: Path
    image: UInt8[np.ndarray, "H W 3"]
    runs: tuple[Any, ...]

    def __post_init__(self) -> None:
        for one in self.runs:
            size, advice = tuple(one["size"]), "give both at one size"
            check_size(str(self.path), self.image.shape[:2], size, advice, first="a mask of it")

    def mask(self, number: int) -> Bool[np.ndarray, "H W"]:
        """One object's mask."""
        return decode_runs(self.runs[number], str(self.path))

    def shares(self) -> list[float]:
        """The fraction of the image that each object covers, 0..1."""
        height, width = self.image.shape[:2]
        return [float(coco_masks.area(one)) / (height * width) for one in self.runs]


class Stills(Protocol):
    """Images by number.

    Opening them, and reading one, raises FileNotFoundError if something is missing, and ValueError
    if a file is damaged or a mask has no image; the message names the file.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Still: ...


class CocoStills:
    """Images with COCO's instance annotations. Crowds and images without objects are left out.

    Args:
        images: the folder of the images, such as ``COCO/train2017``.
        annotations: ``COCO/annotations/instances_train2017.json`` or similar: polygons or runs.
    """

    def __init__(self, images: str | Path, annotations: str | Path) -> None:
        self.images, self.annotations = Path(images), Path(annotations)
        if not self.images.is_dir():
            raise FileNotFoundError(
                f"no folder {images}: give the folder of COCO's images; `python "
                "scripts/outlined_photographs.py` makes assets/stills/images"
            )
        if not self.annotations.is_file():
            raise FileNotFoundError(f"no file {annotations}: give COCO's instances_*.json")
        try:
            content = json.loads(self.annotations.read_text())
            keys = "file_name", "height", "width"
            about = {one["id"]: tuple(one[key] for key in keys) for one in content["images"]}
            shapes: dict[Any, list[Any]] = {}
            for one in content["annotations"]:
                if not one.get("iscrowd") and one["segmentation"]:
                    shapes.setdefault(about[one["image_id"]], []).append(one["segmentation"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{annotations} is not COCO's instance JSON ({error!r})") from error
        if not shapes:
            raise ValueError(f"{annotations} has no objects")
        # As text: much less memory than lists, and worker processes share it.
        self._index = [(*image, json.dumps(found).encode()) for image, found in shapes.items()]

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> Still:
        name, height, width, text = self._index[index]
        path = self.images / name
        if not path.is_file():
            raise FileNotFoundError(f"no image {path}, which {self.annotations} lists")
        where = f"an object of {name} in {self.annotations}"
        runs = [_coco_runs(shape, height, width, where) for shape in json.loads(text)]
        return Still(path, read_picture(path), tuple(runs))


class SA1BStills:
    """SA-1B: ``sa_1.jpg`` and ``sa_1.json``, in the folder ``root`` or its subfolders."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._images = sorted([*self.root.glob("*.jpg"), *self.root.glob("*/*.jpg")])
        if not self._images:
            raise FileNotFoundError(f"{root} has no sa_*.jpg, nor have its folders; check root=")
        known = {*self.root.glob("*.json"), *self.root.glob("*/*.json")}
        for path in self._images:
            if path.with_suffix(".json") not in known:
                raise FileNotFoundError(
                    f"{path} has no {path.stem}.json beside it; unpack it again, or remove it"
                )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Still:
        path = self._images[index]
        masks = path.with_suffix(".json")
        try:
            shapes = [one["segmentation"] for one in json.loads(masks.read_text())["annotations"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{masks} is not SA-1B's JSON ({error!r}); copy it again") from error
        runs = tuple(pack_runs(shape, f"an object in {masks}") for shape in shapes)
        return Still(path, read_picture(path), runs)


class FolderStills:
    """Two folders: ``images/`` and, by the same names, ``masks/`` with PNGs of object ids.

    ``root`` is the folder that holds both.
    """

    def __init__(self, root: str | Path) -> None:
        self.images, self.masks = Path(root) / "images", Path(root) / "masks"
        self._files = list_files(self.images, PICTURE_SUFFIXES)
        masks = {file.name for file in list_files(self.masks, (".png",))}
        for file in self._files:
            mask = self.masks / f"{file.stem}.png"
            if mask.name not in masks:
                raise FileNotFoundError(f"{file} has no mask {mask}; add it, or remove the image")
            masks.remove(mask.name)
        if masks:
            mask = self.masks / min(masks)
            raise ValueError(f"{mask} belongs to no image; add that, or remove the mask")

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Still:
        path = self._files[index]
        labels = read_labels(self.masks / f"{path.stem}.png")
        masks = (np.asfortranarray(own).view(np.uint8) for _, own in split_labels(labels))
        return Still(path, read_picture(path), tuple(coco_masks.encode(mask) for mask in masks))


def _coco_runs(shape: Any, height: int, width: int, where: str) -> Any:
    """COCO's segmentation, polygons or run lengths, as run lengths."""
    if isinstance(shape, dict):
        return pack_runs(shape, where)
    try:
        polygons: Sequence[Any] = [[float(v) for v in polygon] for polygon in shape]
        if any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
            raise ValueError("a polygon needs at least three points x, y")
        return coco_masks.merge(coco_masks.frPyObjects(polygons, height, width))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} has no valid outline: {error}") from error
