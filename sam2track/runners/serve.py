"""``sam2track serve``: a project in, a page in the browser on which its videos are annotated."""

from __future__ import annotations

from importlib.util import find_spec

from omegaconf import DictConfig, OmegaConf, open_dict

from ..annotate import Project
from ..annotate.database import project_beside
from ..device import keep_freed_memory, use_threads
from ..files import expand_home
from ..model.variants import VARIANTS, find_variant
from .annotate import engine_maker
from .automatic import AUTO
from .compose import plain
from .found_prompts import DETECTOR, prompts_of


def run(config: DictConfig) -> None:
    """Serve a project until Ctrl-C; ``config`` is ``configs/serve.yaml``.

    Raises:
        ValueError, OSError: bad input, or the address cannot be used.
    """
    if config.project is None and config.video is None:
        raise ValueError("project= or video= is missing: sam2track serve video=clip.mp4")
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ValueError(f"serve needs {missing[0]}: pip install 'sam2track[serve]'")
    from ..annotate.server import Limits, serve  # FastAPI takes a second to import

    keep_freed_memory()
    use_threads(config.threads)
    video = None if config.video is None else expand_home(config.video)
    if config.project is not None:
        folder = expand_home(config.project)
    else:
        assert video is not None
        if not video.exists():
            raise ValueError(f"no such video: {video}; check the path")
        folder = project_beside(video)
    with Project.open_or_create(folder) as project:
        first = None if video is None else project.add_videos([video])[0].video.id
        settings = _with_model(config, project)
        with open_dict(settings):
            settings.prompts = AUTO if config.detector is None else DETECTOR
        _, automatic = prompts_of(settings)
        given = plain(config)["folders"]
        folders = [expand_home(own) for own in given or []]
        if given is None and video is not None:
            folders = [video.absolute().parent]
        serve(
            project,
            engine_maker(settings),
            model=settings.model,
            host=config.host,
            port=config.port,
            token=config.token,
            folders=folders,
            limits=Limits(video=config.upload_mb << 20),
            open_browser=config.open,
            video=first,
            automatic=automatic,
        )


def _with_model(config: DictConfig, project: Project) -> DictConfig:
    """The settings with a model: the given one, that of the project's newest masks, or nano."""
    settings = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    assert isinstance(settings, DictConfig)
    if config.model is None:
        row = project.store.one("SELECT model FROM provenance ORDER BY id DESC LIMIT 1")
        with open_dict(settings):
            settings.model = row["model"] if row and row["model"] in VARIANTS else "nano"
    find_variant(settings.model)
    return settings
