"""A folder of pictures, one for each frame."""

from __future__ import annotations

from pathlib import Path

from ..types import Frame
from .pictures import (
    PICTURE_SUFFIXES,
    count_pages,
    grey_range,
    list_pictures,
    picture_size,
    read_picture,
)
from .source import SeekableSource, VideoError, check_size, frame_index


class ImageFolder(SeekableSource):
    """The pictures of a directory in natural order (``f2`` before ``f10``).

    JPEG, PNG, WebP, BMP, TIFF and other common formats are read. Any file names are allowed; hidden
    files and other files are ignored. A picture is turned as its EXIF orientation says, as viewers
    do. Every header is read when the folder is opened (about 0.1 ms each), so that a picture of
    another size is found at the start. Grey values of more than 8 bits are shown in one range for
    all frames, as :class:`GreyRange` finds it. A folder has no frame rate: give ``fps``. Only files
    with the ``suffixes`` are read.
    """

    def __init__(
        self, path: str | Path, fps: float = 24.0, *, suffixes: tuple[str, ...] = PICTURE_SUFFIXES
    ) -> None:
        path = Path(path)
        if not path.is_dir():
            raise VideoError(f"no such folder: {path}; check the path")
        self.files = list_pictures(path, suffixes)
        if not self.files:
            raise VideoError(
                f"no pictures in {path}; put JPEG, PNG, WebP, BMP or TIFF files right inside it "
                "(.jpg, .png, ...), one for each frame"
            )
        if len(self.files) == 1 and (pages := count_pages(self.files[0])) > 1:
            raise VideoError(
                f"{self.files[0]} holds {pages} pictures, and of each file in a folder only the "
                "first is read; save each as a file of its own"
            )
        self.name = path.resolve().name or "folder"
        self.fps, self.length = fps, len(self.files)
        self.size = picture_size(self.files[0])
        for file in self.files[1:]:
            self._check_size(file, picture_size(file))
        self._grey = grey_range(self.files)

    def read(self, index: int) -> Frame:
        file = self.files[frame_index(index)]
        image = read_picture(file, self._grey)
        self._check_size(file, image.shape[:2])
        return Frame(index, image, name=file.name)

    def _check_size(self, file: Path, size: tuple[int, ...]) -> None:
        first, advice = self.files[0].name, "resize the pictures to one size"
        check_size(str(file), size, self.size, advice, first)
