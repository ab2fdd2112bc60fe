"""The annotator's page in a notebook: a video in, a page to click on, and masks as arrays out.

The page is served by this process on localhost and shown in a frame, so the notebook's browser must
run on the same computer (or have the port forwarded).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from .database import ProjectObject, project_beside
from .engine import Engine, load_engine
from .project import Project

_RUNNING: dict[Path, NotebookPage] = {}


class NotebookPage:
    """A page that a notebook shows; made by :func:`widget`.

    Attributes:
        project: what is clicked and tracked is in it.
        video: the name of the video in the project.
        address: of the page, for a browser.
    """

    def __init__(self, project: Project, video: str, address: str, height: int) -> None:
        self.project, self.video, self.address, self.height = project, video, address, height

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{self.address}" width="100%" height="{self.height}" '
            'style="border: 0" allow="clipboard-write"></iframe>'
        )

    def objects(self) -> list[ProjectObject]:
        """The objects of the video so far."""
        return self.project.objects(self.video)

    def masks(self, number: int = 1) -> dict[int, Bool[np.ndarray, "H W"]]:
        """The masks of an object so far, by frame.

        Args:
            number: of the object in the video, as the page shows it.

        Raises:
            ValueError: if the video has no such object.
        """
        found = [one for one in self.objects() if one.number == number]
        if not found:
            known = ", ".join(str(one.number) for one in self.objects()) or "none yet"
            raise ValueError(f"no object {number} in {self.video!r}; there are: {known}")
        return {mask.frame: mask.pixels() for mask in self.project.masks(found[0].id)}


def widget(
    video: str | Path,
    *,
    project: str | Path | None = None,
    model: str = "nano",
    height: int = 760,
    **engine: Any,
) -> NotebookPage:
    """Show a page in a notebook on which a video is annotated::

        page = sam2track.widget("clip.mp4")
        page                      # click, and press Ctrl+B
        page.masks(1)[10]         # a boolean array, H x W

    Called again for the same project, it gives the same page.

    Args:
        video: a file, or a folder of pictures.
        project: the folder to keep the work in; default: beside the video, as ``sam2track serve``.
        height: of the page in pixels.
        engine: see :func:`load_engine`.

    Raises:
        ValueError: if the server's packages are missing.
        VideoError, ProjectError: the video or the project cannot be opened.
        OSError: localhost cannot be listened at.
    """
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ValueError(f"widget needs {missing[0]}: pip install 'sam2track[serve]'")
    place = Path(video).expanduser()
    folder = (Path(project).expanduser() if project else project_beside(place)).resolve()
    if folder in _RUNNING:
        known = _RUNNING[folder]
        (added,) = known.project.add_videos([place])
        start = known.address.partition("#")[0]
        return NotebookPage(
            known.project, added.video.name, f"{start}#video={added.video.id}", height
        )
    opened = Project.open_or_create(folder)
    try:
        (added,) = opened.add_videos([place])
        options = {"model": model, "port": 0, "open_browser": False, "video": added.video.id}
        address = _serve(opened, partial(load_engine, model, **engine), **options)
    except BaseException:
        opened.close()
        raise
    _RUNNING[folder] = NotebookPage(opened, added.video.name, address, height)
    return _RUNNING[folder]


def _serve(project: Project, load: Callable[[], Engine], **options: Any) -> str:
    """Serve a project in a thread of its own; the address of the page.

    Raises what ends the server before it has one.
    """
    from .server import serve  # FastAPI takes a second to import

    said: queue.Queue[str | Exception] = queue.Queue()  # the line with the address, or an error

    def run() -> None:
        try:
            serve(project, load, say=said.put, framed=True, **options)
        except Exception as error:
            said.put(error)

    threading.Thread(target=run, name="sam2track page", daemon=True).start()
    line = said.get()
    if isinstance(line, Exception):
        raise line
    return line.rpartition(": ")[2]
