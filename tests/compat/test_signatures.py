"""Every public name of the official packages is here, with its arguments and their defaults.

``signatures.json`` holds those of ``sam2`` 1.1.0 and ``segment-anything`` 1.0
(``scripts/record_compat.py``).
"""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

import pytest

from sam2track import compat

OFFICIAL = json.loads(Path(__file__).with_name("signatures.json").read_text())

# What is not here, and why; docs/compat.md tells users.
INNER = "a step inside something that is here"
WHOLE = "loads the whole video into memory"
ABSENT = {
    "MaskData": INNER,
    "SAM2AutomaticMaskGenerator.postprocess_small_regions": INNER,
    "SAM2AutomaticMaskGenerator.refine_with_m2m": INNER,
    "SamAutomaticMaskGenerator.postprocess_small_regions": INNER,
    "SAM2VideoPredictorVOS.forward_image": INNER,
    "concat_points": INNER,
    "get_connected_components": INNER,
    "get_sdpa_settings": INNER,
    "AsyncVideoFrameLoader": WHOLE,
    "load_video_frames": WHOLE,
    "load_video_frames_from_jpg_images": WHOLE,
    "load_video_frames_from_video_file": WHOLE,
    "SamOnnxModel": "exporting is another room's",
}
# Another default, and why.
DEFAULTS = {
    ("SAM2VideoPredictor.__init__", "add_all_frames_to_correct_as_cond"): "a correction counts",
}


def public():
    """Each public function and method with its arguments, or ``property``."""
    for names in OFFICIAL.values():
        for name, found in names.items():
            if isinstance(found, list):
                yield name, found
                continue
            for method, arguments in found.items():
                yield f"{name}.{method}", arguments


def here(path):
    found = compat
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    return found.__func__ if isinstance(found, (classmethod, staticmethod)) else found


def value(text):
    """A default, from its text; an empty sequence of any kind is one."""
    found = ast.literal_eval(text)
    return () if found == [] else found


CASES = [case for case in public() if case[0] not in ABSENT and case[0].split(".")[0] not in ABSENT]


@pytest.mark.parametrize(("path", "arguments"), CASES, ids=[path for path, _ in CASES])
def test_a_public_name_is_here_with_its_arguments(path, arguments):
    if path == "Sam.__init__":  # it takes the parts of the network, which users do not build
        return
    found = here(path)
    if arguments == "property":
        assert isinstance(found, property)
        return
    parameters = inspect.signature(found).parameters
    named = [name for name, own in parameters.items() if own.kind == own.POSITIONAL_OR_KEYWORD]
    named = [name for name in named if name not in ("self", "cls")]
    assert named == [argument for argument, *_ in arguments]
    for name, *default in arguments:
        own = parameters[name].default
        if (path, name) in DEFAULTS:
            assert own != value(*default)
        elif default:
            assert value(repr(own)) == value(*default)
        else:
            assert own is inspect.Parameter.empty


def test_what_is_absent_is_known_to_be():
    known = {path for path, _ in public()} | {path.split(".")[0] for path, _ in public()}
    assert known >= ABSENT.keys()
    assert not [path for path in ABSENT if "." not in path and hasattr(compat, path)]


def test_all_names_are_offered():
    assert not [name for name in compat.__all__ if not hasattr(compat, name)]
