"""Composes the configuration of a command, as ``sam2track`` does before it runs a verb."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.types import RunMode
from omegaconf import DictConfig, flag_override

from sam2track.runners.compose import hydra_setting
from sam2track.runners.loader import Loader


def compose_config(
    verb: str, arguments: Sequence[str], config_file: str | None = None
) -> DictConfig:
    """The whole configuration, without Hydra's own part.

    Args:
        verb: names ``configs/<verb>.yaml``.
        arguments: ``key=value``, in Hydra's grammar, except paths, which are taken literally.
        config_file: a YAML file with settings, such as the ``run.yaml`` of an earlier run.
    """
    overrides = [hydra_setting(verb, arguments, place) for place in range(len(arguments))]
    loader = Loader(verb, config_file=config_file)
    config = loader.load_configuration(verb, overrides, RunMode.RUN)
    with flag_override(config, ["struct", "readonly"], [False, False]):
        del config["hydra"]
    return config
