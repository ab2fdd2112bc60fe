"""Video object segmentation datasets as they lie on disk: a folder of pictures and one of masks.

In: paths. Out: sequences whose frames and label maps are read when asked for. One module for each
dataset (:mod:`sam2track.data.davis`) says where its folders are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import Bool, UInt8
from PIL import Image, UnidentifiedImageError

from ..types import Frame

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class VOSSequence:
    """One video and its annotations.

    Attributes:
        name: the folder's name.
        frames: the pictures, in order.
        annotations: the label map of each annotated frame, by frame index.
        binary: every label above zero is object 1.
        void: a label that is nobody's object, or None.
    """

    name: str
    frames: tuple[Path, ...]
    annotations: dict[int, Path]
    binary: bool = False
    void: int | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def frame(self, index: int) -> Frame:
        """The picture at ``index``, which counts from 0.

        Raises:
            ValueError: if the file is no picture; the message names it.
        """
        path = self.frames[index]
        try:
            with Image.open(path) as image:
                return Frame(index, np.array(image.convert("RGB")))
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{path} is not a readable picture: {error}") from error

    def labels(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """Object ids by pixel, 0 = background or void.

        Raises:
            KeyError: if the frame has no annotation.
            ValueError: if the file holds no label map; the message names it.
        """
        labels = read_labels(self.annotations[index])
        if self.void is not None:
            labels = np.where(labels == self.void, 0, labels).astype(np.uint8)
        return (labels > 0).astype(np.uint8) if self.binary else labels

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Each object's mask on an annotated frame; objects that do not show are left out."""
        labels = self.labels(index)
        ids = np.flatnonzero(np.bincount(labels.ravel()))
        return {int(label): labels == label for label in ids if label}


def read_sequence(
    images: Path, annotations: Path, *, binary: bool = False, void: int | None = None
) -> VOSSequence:
    """A sequence from its two folders; a picture and its label map share their file's stem.

    Args:
        images: folder of the pictures, in the order of their names.
        annotations: folder of the label maps (PNG); not every frame needs one.
        binary: every label above zero is object 1.
        void: a label that is nobody's object.

    Raises:
        FileNotFoundError: if a folder is missing or empty.
        ValueError: if a label map belongs to no picture.
    """
    frames = _files(images, IMAGE_SUFFIXES)
    index = {path.stem: position for position, path in enumerate(frames)}
    maps = _files(annotations, (".png",))
    for path in maps:
        if path.stem not in index:
            raise ValueError(f"{path} belongs to no picture: {images} has none named {path.stem}")
    return VOSSequence(
        name=images.name,
        frames=frames,
        annotations={index[path.stem]: path for path in maps},
        binary=binary,
        void=void,
    )


def read_labels(path: Path) -> UInt8[np.ndarray, "H W"]:
    """A PNG's labels by pixel: palette indices, or grey values as they are; one bit is 0 and 1.

    Read by FFmpeg, which takes half as long as Pillow and, asked to, finds damage that Pillow and
    OpenCV pass over. Pillow would also do for palettes, OpenCV would not.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or has colours that are not a palette's; the message names it.
    """
    codec = av.CodecContext.create("png", "r")
    codec.thread_count = 1  # several would hold the picture back, waiting for the next
    codec.options = {"err_detect": "crccheck+explode"}
    try:
        frames = codec.decode(av.Packet(path.read_bytes()))
    except FFmpegError as error:
        raise ValueError(f"{path} is not an undamaged PNG: {error.strerror}") from error
    labels = _labels(frames[0]) if frames else None
    if labels is None:
        raise ValueError(f"{path} holds no label map: give a PNG with a palette or 8-bit grey")
    return labels


def _labels(picture: av.VideoFrame) -> UInt8[np.ndarray, "H W"] | None:
    """The labels in a decoded PNG; None if it is neither palette nor grey."""
    name = picture.format.name
    if name == "gray":
        return picture.to_ndarray()
    if name == "pal8":
        indices, _ = picture.to_ndarray()
        return indices
    if name.startswith("mono"):
        return (picture.to_ndarray(format="gray") > 0).astype(np.uint8)
    if name in ("rgb24", "rgba"):  # grey, stored as colours
        red, green, blue = np.moveaxis(picture.to_ndarray()[..., :3], -1, 0)
        return red.copy() if (red == green).all() and (red == blue).all() else None
    return None


def _files(folder: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of a folder that end so, by name."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not files:
        raise FileNotFoundError(f"{folder} has no {' or '.join(suffixes)} files")
    return tuple(files)
