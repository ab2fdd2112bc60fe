# ruff: noqa: N999 - the verb is called so
"""``sam2track import``: files of another tool in, objects and masks of a project out."""

from __future__ import annotations

from omegaconf import DictConfig

from ..annotate import Project
from ..annotate.exchange import read
from ..annotate.transfer import add_annotations, exchanged_video
from ..files import expand_home
from .compose import require


def run(config: DictConfig) -> None:
    """Read annotations into a project; ``config`` is ``configs/import.yaml``.

    Raises:
        ValueError, OSError: bad input; the project is not changed.
    """
    for key in ("project", "format", "path"):
        require(config, key, "sam2track import project=P format=cvat path=FILE")
    path = expand_home(config.path)
    with Project.open(expand_home(config.project)) as project:
        videos = [exchanged_video(project, video) for video in project.videos()]
        if not videos:
            raise ValueError(f"{project.folder} has no videos; add them with sam2track annotate")
        annotations, losses = read(config.format, path, videos=videos, classes=project.classes())
        added = add_annotations(
            project, annotations, source=str(path), same=config.objects_are == "same"
        )
    for loss in losses:
        print(f"not taken from {config.format}: {loss}")
    if added.boxes:
        print(f"not taken: {added.boxes} boxes without a mask")
    print(f"{added.objects} objects, {added.masks} masks: {project.folder}")
