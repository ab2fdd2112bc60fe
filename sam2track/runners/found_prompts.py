"""The sources of prompts that ``annotate`` can be told: from a person, or found on the frames.

What is found is found where the video is tracked, perhaps by a worker: so its source is made of
plain values, by functions of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import cast

from omegaconf import DictConfig

from ..annotate import Engine, Project
from ..annotate.prompting.automatic import FoundPrompts
from ..annotate.prompting.detectors import Detector, detected, find_detector
from ..annotate.prompting.sources import (
    FindPrompts,
    PromptSource,
    found_in,
    given_by,
    may_detect,
    prompt_source,
)
from ..track import Find, TrackingSession
from .automatic import AUTO, AutomaticMasks, automatic_masks

DETECTOR = "detector"  # prompts=detector


def prompts_of(config: DictConfig) -> tuple[PromptSource | None, FindPrompts | None]:
    """The prompts that are known before, and what finds others with the model.

    Args:
        config: ``configs/annotate.yaml``, composed.

    Raises:
        ValueError: if a file or a detector cannot be read.
    """
    looks = config.auto_every, config.max_objects
    if config.prompts is None:
        return None, None
    if config.prompts == AUTO:
        return None, partial(find_automatic, automatic_masks(config), *looks)
    if config.prompts == DETECTOR:
        if config.detector is None:
            raise ValueError("prompts=detector: detector= is missing: a plug-in or an .onnx file")
        classes = tuple(str(own) for own in config.detector_classes or ())
        named = str(config.detector), classes
        _detector(*named)  # so that one that is missing is an error now
        return None, partial(find_detected, *named, config.detector_score, *looks)
    spec, score = str(config.prompts), float(config.detector_score)
    source = given_by(prompt_source(spec, every=config.auto_every, least_score=score))
    found = partial(find_in_file, spec, score, *looks) if may_detect(spec) else None
    return source, found


def find_automatic(
    masks: AutomaticMasks, every: int, most: int, project: Project, engine: Engine
) -> PromptSource:
    """Everything that automatic masks show."""
    session = cast(TrackingSession, engine.start(length=1))
    find = masks.find(session.model)
    return FoundPrompts(project, engine, find, "automatic", every, most, pausing=True)


def find_detected(
    name: str,
    classes: tuple[str, ...],
    score: float,
    every: int,
    most: int,
    project: Project,
    engine: Engine,
) -> PromptSource:
    """What a detector sees."""
    find = detected(_detector(name, classes), Path(name).name, score)
    return _begin(project, engine, every, most)(find)


def find_in_file(
    spec: str, score: float, every: int, most: int, project: Project, engine: Engine
) -> PromptSource:
    """What the detections in a file begin."""
    given = prompt_source(spec, every=every, least_score=score)
    return found_in(given, _begin(project, engine, every, most))


def _begin(
    project: Project, engine: Engine, every: int, most: int
) -> Callable[[Find], PromptSource]:
    return lambda find: FoundPrompts(project, engine, find, "detector", every, most)


@lru_cache(maxsize=1)
def _detector(name: str, classes: tuple[str, ...]) -> Detector:
    return find_detector(name, classes)
