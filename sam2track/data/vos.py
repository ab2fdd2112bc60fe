"""Videos with masks as datasets store them: pictures or a video, and what is known of them.

Room: DATA. Paths enter; sequences leave (:class:`~sam2track.data.sequence.MaskSequence`) whose
frames and masks are read when asked for. One module for each dataset (:mod:`sam2track.data.davis`)
says where its folders are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageOps

from ..types import Frame
from .label_maps import flatten, read_labels

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_ORIENTATION = 0x0112  # where EXIF keeps how the camera was held; from 5 on it lay on its side


class Pictures(Protocol):
    """The frames of a video, whatever holds them."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What the frame is called: the stem of its file, by which masks are found."""
        ...

    def image(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        """RGB."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """Height and width, without decoding."""
        ...


class Truth(Protocol):
    """What is known of a video's objects, whatever holds it.

    Attributes:
        annotated: the frames that it knows, ascending.
        object_names: what the dataset calls each object, where that is not its id.
    """

    @property
    def annotated(self) -> tuple[int, ...]: ...

    @property
    def object_names(self) -> Mapping[int, str]: ...

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Those that show, on an annotated frame."""
        ...

    def place(self, index: int, object_id: int) -> str:
        """Where a mask lies, for messages."""
        ...


class VOSSequence:
    """One video and its annotations. Its folders are listed at the first use, not before.

    So a dataset opens at once, and a broken sequence stops no other.

    Args:
        name: the folder's name.
        load: lists the folders; raises FileNotFoundError or ValueError if they are incomplete.
        attributes: what is hard about it.
        late: objects may first appear after the first annotated frame.
        groups: a name for each object's kind, such as ``seen``, by which the server averages.
        spans: for each object, the frames that count: from one number to before another, as numbers
            in the frames' names.
        submitted: names of the frames that the server wants; none = all.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], tuple[Pictures, Truth]],
        *,
        attributes: tuple[str, ...] = (),
        late: bool = True,
        groups: Mapping[int, str] = MappingProxyType({}),
        spans: Mapping[int, tuple[int, int]] = MappingProxyType({}),
        submitted: tuple[str, ...] = (),
    ) -> None:
        self.name, self.attributes, self.late = name, attributes, late
        self.groups, self.spans, self.submitted = dict(groups), dict(spans), submitted
        self._load = load

    def __repr__(self) -> str:
        return f"VOSSequence({self.name!r})"

    @cached_property
    def _parts(self) -> tuple[Pictures, Truth]:
        return self._load()

    def check(self) -> None:
        """List its folders now.

        Raises:
            FileNotFoundError, ValueError: if they are incomplete; the message says what to do.
        """
        _ = self._parts

    @property
    def annotated(self) -> tuple[int, ...]:
        """Indices of the frames whose truth is known, ascending."""
        return self._parts[1].annotated

    @property
    def object_names(self) -> dict[int, str]:
        """Folders of the objects, by id, where each object has its own (SA-V); else empty."""
        return dict(self._parts[1].object_names)

    def __len__(self) -> int:
        return len(self._parts[0])

    def frame_name(self, index: int) -> str:
        """What the frame is called in its dataset, such as ``00005``; predictions are named so."""
        return self._parts[0].name(index)

    def frame(self, index: int) -> Frame:
        """The picture at ``index``, which counts from 0.

        Raises:
            ValueError: if the file is no picture; the message names it.
        """
        return Frame(index, self._parts[0].image(index))

    def labels(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """Object ids by pixel, 0 = background or void; where objects overlap, the smallest shows.

        Raises:
            KeyError: if the frame has no annotation.
            ValueError: if it holds no label map, or one of another size than its picture; the
                message names the file.
        """
        return flatten(self.masks(index), self._parts[0].size(index))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        """Each object's own mask on an annotated frame; objects that do not show are left out.

        Raises:
            KeyError, ValueError: as :meth:`labels`.
        """
        pictures, truth = self._parts
        masks, expected = truth.masks(index), pictures.size(index)
        for k, mask in masks.items():
            if mask.shape != expected:
                raise ValueError(
                    f"{truth.place(index, k)} is {mask.shape[1]}x{mask.shape[0]} but its picture "
                    f"is {expected[1]}x{expected[0]}; resize it by nearest neighbour, or copy both "
                    "again"
                )
        return masks

    def starts(self) -> dict[int, dict[int, Bool[np.ndarray, "H W"]]]:
        """By frame, the masks of the objects that appear first there.

        Every annotation is read, unless all objects appear at the start (``late=False``).

        Raises:
            ValueError: as :meth:`labels`.
        """
        starts: dict[int, dict[int, np.ndarray]] = {}
        known: set[int] = set()
        for index in self.annotated if self.late else self.annotated[:1]:
            new = {k: mask for k, mask in self.masks(index).items() if k not in known}
            if new:
                starts[index] = new
                known |= new.keys()
        return starts


class PictureFiles:
    """A folder of pictures, one a frame, in the order of their names.

    Args:
        folder: holds them.
        gapless: their names are numbers at one distance from each other.

    Raises:
        FileNotFoundError: if the folder is missing or empty, or a number is missing.
    """

    def __init__(self, folder: Path, *, gapless: bool = False) -> None:
        self.folder, self.files = folder, list_files(folder, IMAGE_SUFFIXES)
        if gapless:
            _check_numbers(folder, [Path(file).stem for file in self.files])

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        return Path(self.files[index]).stem

    def image(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        return read_picture(self.folder / self.files[index])

    def size(self, index: int) -> tuple[int, int]:
        path = self.folder / self.files[index]
        try:
            with Image.open(path) as picture:
                width, height = picture.size
                sideways = picture.getexif().get(_ORIENTATION, 1) >= 5
        except (OSError, SyntaxError, ValueError) as error:
            raise _unreadable(path, error) from error
        return (width, height) if sideways else (height, width)


class LabelMaps:
    """One PNG a frame, each pixel its object's id.

    Args:
        files: by frame index.
        binary: every label above zero is object 1.
        void: a label that is nobody's object, or None.
    """

    object_names: Mapping[int, str] = MappingProxyType({})

    def __init__(
        self, files: dict[int, Path], *, binary: bool = False, void: int | None = None
    ) -> None:
        self.files, self.binary, self.void = files, binary, void
        self.annotated = tuple(sorted(files))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        labels = read_labels(self.files[index])
        if self.binary:
            return {1: labels > 0} if labels.any() else {}
        ids = np.flatnonzero(np.bincount(labels.ravel()))
        return {int(label): labels == label for label in ids if label not in (0, self.void)}

    def place(self, index: int, object_id: int) -> str:
        return str(self.files[index])


class ObjectMaps:
    """One folder an object, one PNG a frame in it, zero where the object is not; they may overlap.

    Args:
        files: for each object, by frame index.
        object_names: the objects' folders.
    """

    def __init__(self, files: dict[int, dict[int, Path]], object_names: Mapping[int, str]) -> None:
        self.files, self.object_names = files, object_names
        self.annotated = tuple(sorted(set().union(*files.values())))

    def masks(self, index: int) -> dict[int, Bool[np.ndarray, "H W"]]:
        if index not in self.annotated:
            raise KeyError(index)
        present = {k: files[index] for k, files in self.files.items() if index in files}
        masks = {k: read_labels(path) > 0 for k, path in present.items()}
        return {k: mask for k, mask in masks.items() if mask.any()}

    def place(self, index: int, object_id: int) -> str:
        return str(self.files[object_id][index])


def read_sequence(
    images: Path,
    annotations: Path,
    *,
    binary: bool = False,
    void: int | None = None,
    gapless: bool = False,
    whole: bool = False,
) -> tuple[PictureFiles, LabelMaps]:
    """The parts of a sequence from its two folders; a picture and its map share the file's stem.

    Args:
        images: folder of the pictures, in the order of their names.
        annotations: folder of the label maps (PNG); not every frame needs one.
        binary: every label above zero is object 1.
        void: a label that is nobody's object.
        gapless: the pictures' names are numbers without a gap.
        whole: either the first frame alone has a map, or every frame has.

    Raises:
        FileNotFoundError: if a folder is missing or empty, or files in it are missing.
        ValueError: if a label map belongs to no picture.
    """
    pictures = PictureFiles(images, gapless=gapless)
    files = match_files(annotations, pictures)
    if whole and len(files) not in (1, len(pictures)):
        lacking = next(index for index in range(len(pictures)) if index not in files)
        raise FileNotFoundError(
            f"{annotations} has no {pictures.name(lacking)}.png, though others: {len(files)} of "
            f"{len(pictures)} pictures have a mask; copy the folder again"
        )
    return pictures, LabelMaps(files, binary=binary, void=void)


def match_files(folder: Path, pictures: Pictures) -> dict[int, Path]:
    """The PNGs of a folder by the index of the frame that they are named after.

    Raises:
        FileNotFoundError: if the folder is missing or empty.
        ValueError: if one is named after no frame.
    """
    index = {pictures.name(position): position for position in range(len(pictures))}
    found = {}
    for file in list_files(folder, (".png",)):
        stem = Path(file).stem
        if stem not in index:
            raise ValueError(
                f"{folder / file} belongs to no picture: none is named {stem}; copy the pictures "
                "again, or remove the mask"
            )
        found[index[stem]] = folder / file
    return dict(sorted(found.items()))


def read_picture(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as RGB, upright as its EXIF says.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no picture or damaged; the message names it.
    """
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def list_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, in order.

    Raises:
        FileNotFoundError: if it is missing or has none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: check root= and split=")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not names:
        raise FileNotFoundError(f"{folder} has no folders: there should be one for each video")
    return names


def list_files(folder: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the files in a folder that end so, in order; hidden ones are passed over.

    Raises:
        FileNotFoundError: if it is missing or has none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: copy or unpack the dataset again")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in suffixes)
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise FileNotFoundError(f"{folder} has no {' or '.join(suffixes)} files; copy them again")
    return tuple(names)


def _check_numbers(folder: Path, stems: list[str]) -> None:
    numbers = [int(stem) for stem in stems if stem.isdecimal()]
    if len(numbers) != len(stems) or len(numbers) < 3:
        return
    steps = np.diff(numbers)
    if (steps != steps.min()).any():
        missing = numbers[int((steps != steps.min()).argmax())] + int(steps.min())
        raise FileNotFoundError(
            f"{folder} has no picture {missing:0{len(stems[0])}d}, though later ones; copy it again"
        )


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not a readable picture ({error}); copy it again")
