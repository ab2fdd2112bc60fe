"""The allowed values of settings.

The type of a setting is that of its default in YAML: ``recent: 6`` takes whole numbers. The table
here holds what a default does not show: bounds, choices, and the type where the default is null.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}


@dataclass(frozen=True, slots=True)
class Kind:
    """The values that a setting may have."""

    type: type = int  # bool, int, float (takes whole numbers too) or str
    least: float = -inf  # the smallest number
    most: float = inf  # the largest number
    choices: tuple[Any, ...] = ()  # the only values, if there are any
    null: bool = False  # whether null is allowed

    def __str__(self) -> str:
        """In words, for a message: ``a whole number from 1, or null``."""
        words = NAMES[self.type]
        words += f" from {self.least:g}" * (self.least > -inf)
        words += f" up to {self.most:g}" * (self.most < inf)
        if self.choices:
            *others, last = map(str, self.choices)
            words = f"{', '.join(others)} or {last}" if others else last
        return words + ", or null" * self.null

    def takes(self, value: Any) -> bool:
        """Whether a value, as YAML or Hydra reads it, is one of these."""
        if value is None:
            return self.null
        if self.choices:
            return value in self.choices
        if self.type is str:
            return not isinstance(value, (list, dict))
        types = (int, float) if self.type is float else (self.type,)
        return type(value) in types and self.least <= value <= self.most


PROMPTS = ("mask", "box", "click")
SHARE = Kind(float, least=0, most=1)

# By the setting's name, or verb.name where verbs differ. None = any value.
KINDS: dict[str, Kind | None] = {
    "direction": Kind(choices=(1, -1, 0, "both")),
    "track.frames": Kind(least=1, null=True),
    "frame": Kind(least=0),
    "fps": Kind(float, least=0.001, most=1000, null=True),
    **dict.fromkeys(("checkpoint", "image_model", "image_checkpoint"), Kind(str, null=True)),
    "threads": Kind(least=1, most=4096, null=True),
    "precision": Kind(choices=("auto", "fp32", "bf16", "fp16")),
    "video_reader": Kind(choices=("auto", "pyav", "decord")),
    "fill_hole_area": Kind(least=0, null=True),
    "remove_specks": Kind(float, least=0, null=True),
    "sharpen": Kind(bool, null=True),
    "auto_every": Kind(least=0),
    "max_objects": Kind(least=1, most=255),
    "automatic.points_per_side": Kind(least=1, null=True),
    "automatic.pred_iou_thresh": Kind(float, null=True),
    "automatic.stability_score_thresh": Kind(float, least=0, most=1, null=True),
    "automatic.stability_score_offset": Kind(float, least=0, null=True),
    **dict.fromkeys(("automatic.box_nms_thresh", "automatic.crop_nms_thresh"), SHARE),
    "automatic.crop_n_layers": Kind(least=0, most=4),
    "automatic.crop_overlap_ratio": SHARE,
    "automatic.crop_n_points_downscale_factor": Kind(least=1),
    "automatic.min_mask_region_area": Kind(float, least=0, null=True),
    "automatic.use_m2m": Kind(bool, null=True),
    "memory.lag": Kind(least=0, null=True),
    "memory.recent": Kind(least=0, null=True),
    "memory.pool": Kind(choices=(1, 2, 4), null=True),
    "tracker": Kind(choices=("session", "copy", "flow")),
    "protocol": Kind(choices=("semi", "interactive_offline", "interactive_online", "engine")),
    "rounds": Kind(least=1),
    "prompt": Kind(choices=PROMPTS),
    "box_margins": SHARE,
    "box_trim": Kind(float, least=0, most=0.25),
    "zip": Kind(bool, null=True),
    "workers": Kind(least=0),
    "benchmark.device": None,
    "annotate.direction": Kind(choices=("both", "forward", "backward")),
    "annotate.check": Kind(bool, null=True),
    **dict.fromkeys(("min_quality", "detector_score"), SHARE),
    "detector": Kind(str, null=True),
    **dict.fromkeys(("executor.devices", "executor.init"), None),
    "executor.address": Kind(str, null=True),
    "executor.workers": Kind(least=1, null=True),
    "executor.gpus": Kind(float, least=0, null=True),
    "executor.cpus": Kind(float, least=0),
    "executor.tries": Kind(least=1),
    "annotate.report": Kind(bool, null=True),
    "serve.host": Kind(str),
    "serve.port": Kind(least=0, most=65535),
    **dict.fromkeys(("serve.token", "serve.model"), Kind(str, null=True)),
    "upload_mb": Kind(least=1),
    "objects_are": Kind(choices=("new", "same")),
    **dict.fromkeys(("train.frames", "objects", "clips", "accumulate"), Kind(least=1)),
    **dict.fromkeys(("steps", "save_every", "loss_stride"), Kind(least=1)),
    **dict.fromkeys(("ramp", "warmup", "pictures_every", "evaluate.every"), Kind(least=0)),
    **dict.fromkeys(
        ("hardness", "final", "layer_decay", "average", "joined", "memory_noise", "mae.hidden"),
        SHARE,
    ),
    **dict.fromkeys(("mae.pictures", "mae.layers"), Kind(least=1)),
    "decay": Kind(least=0, null=True),
    "image_size": Kind(least=64, null=True),
    "train.precision": Kind(choices=("auto", "fp32", "bf16")),
    "pretrain.precision": Kind(choices=("auto", "fp32", "bf16")),
    "evaluate.prompt": Kind(choices=PROMPTS),
    "to": Kind(choices=("onnx", "torch")),
    "convert.precision": Kind(choices=("fp32", "fp16", "int8")),
    "rows": Kind(choices=(1,), null=True),
    **dict.fromkeys(("memories", "pointers", "points"), Kind(least=1, null=True)),
}


def checked(verb: str, key: str, value: Any, old: Any) -> Any:
    """The value of a setting, in its type.

    Args:
        verb: whose setting it is.
        key: its name, with those of its groups: ``memory.recent``.
        value: as Hydra or YAML reads it.
        old: the previous value.

    Raises:
        ValueError: if the value is not allowed; the message says which values are.
    """
    kind = Kind(type(old)) if type(old) in NAMES else None
    kind = KINDS.get(f"{verb}.{key}", KINDS.get(key, kind))
    if kind is None or (isinstance(value, str) and "${" in value):  # names another setting
        return value
    if not kind.takes(value):
        hint = nearest(str(value), [str(one) for one in kind.choices], otherwise=False)
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        raise ValueError(f"{key}={text}: must be {kind}{hint}")
    return str(value) if kind.type is str and value is not None else value


def nearest(name: str, names: Iterable[str], *, otherwise: bool = True) -> str:
    """The end of a message about a name that does not exist; ``otherwise`` names all that exist."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there are: {', '.join(names)}" if otherwise else ""
