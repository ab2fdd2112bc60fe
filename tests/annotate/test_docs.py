"""The Python blocks of docs/annotating.md run; that about Ray is in test_ray.py."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sam2track import Frame
from sam2track.annotate import Project
from sam2track.annotate.prompting.detectors import detected
from sam2track.model.weights import packaged_weights

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/annotating.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_the_detector_is_one():
    names: dict[str, Any] = {}
    exec(next(block for block in BLOCKS if "def detect" in block), names)
    frame = Frame(0, np.zeros((100, 200, 3), np.uint8))
    (found,) = detected(names["detect"], "mine")(frame, np.ones(frame.size, bool))
    assert (found.label, found.prompt.box.tolist()) == ("car", [10, 20, 110, 90])


@pytest.mark.skipif(packaged_weights("nano") is None, reason="nano has no weights")
@pytest.mark.slow
def test_the_example_does_what_it_says(tmp_path, monkeypatch):
    """One real run: nano on a whole clip, corrected, and tracked again from there."""
    block = next(block for block in BLOCKS if "Project.create" in block)
    monkeypatch.chdir(tmp_path)
    os.symlink(ROOT / "videos", "videos")
    exec(block, {})
    with Project.open("cats", read_only=True) as project:
        masks = list(project.masks(1))
        frames = [one.data["frames"] for one in project.history() if one.what == "propagate"]
        area = [mask.pixels().sum() for mask in masks]
        assert len(masks) == project.video("cup").length == frames[0]
        assert frames[1] < frames[0] - 60
        assert min(area) > 1000
        assert project.mask(1, 0).made == project.mask(1, 90).made == "prompt"
