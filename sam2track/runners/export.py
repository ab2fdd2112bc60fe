"""``sam2track export``: a project in, files in the format of another tool out."""

from __future__ import annotations

from omegaconf import DictConfig

from ..annotate import Project
from ..annotate.exchange import write
from ..annotate.transfer import annotations_of
from ..files import expand_home
from .compose import plain, require


def run(config: DictConfig) -> None:
    """Write a project's annotations; ``config`` is ``configs/export.yaml``.

    Raises:
        ValueError, OSError: bad input, or the folder cannot be written; then nothing is there.
    """
    for key in ("project", "format", "out"):
        require(config, key, "sam2track export project=P format=coco out=FOLDER")
    settings, out = plain(config), expand_home(config.out)
    with Project.open(expand_home(config.project), read_only=True) as project:
        annotations, left_out = annotations_of(project, _listed(settings["names"]))
        losses = write(
            config.format,
            annotations,
            out,
            frames=config.frames,
            classes=_listed(settings["classes"]),
            images=config.images,
        )
    if left_out:
        print(f"left out: {left_out} rejected in review")
    for loss in losses:
        print(loss.told(config.format))
    print(f"exported: {out}")


def _listed(value: object) -> list[str] | None:
    """One name or a list of names; None = all."""
    if value is None:
        return None
    return [str(own) for own in (value if isinstance(value, list) else [value])]
