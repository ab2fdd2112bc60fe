"""The example for users of other languages tracks as a session does, with nothing of ours."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sam2track import Prompt, Rendering, TrackingSession, load_model, open_video
from sam2track.memory import FifoMemory

SCRIPT = Path(__file__).parents[2] / "scripts" / "onnx_example.py"
CUP = Path(__file__).parents[2] / "videos" / "cup.mp4"
FRAMES = 12
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The first frames of a recorded clip."""
    from conftest import write_video

    with open_video(CUP) as video:
        frames = [video.read(index).image for index in range(FRAMES)]
    return write_video(tmp_path_factory.mktemp("clip") / "cup.mp4", np.stack(frames))


def test_it_imports_nothing_of_ours():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {name.name.split(".")[0] for node in imports for name in node.names}
    names |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
    assert names - sys.stdlib_module_names <= {"av", "numpy", "onnxruntime", "deque", "Path"}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 60


def test_it_tracks_as_a_session_does(nano_folder, clip, tmp_path):
    """But for edges, since PyAV resizes pictures in another way."""
    out = tmp_path / "masks"
    subprocess.run(
        [sys.executable, SCRIPT, nano_folder, clip, "340", "220", out], check=True, cwd=tmp_path
    )
    model = load_model("nano", nano_folder)
    plain = Rendering(sharpen=False, fill_hole_area=0, remove_specks=0)
    session = TrackingSession(model, memory=FifoMemory, zoom="off", rendering=plain)
    with open_video(clip) as video:
        for frame in video:
            if frame.index == 0:
                session.prompt(1, Prompt.click(340, 220), frame)
            ours = session.step(frame).mask(1)
            found = np.asarray(Image.open(out / f"{frame.index:05}.pgm")) > 0
            assert ours.any()
            assert (ours & found).sum() > 0.95 * (ours | found).sum()
    assert len([*out.iterdir()]) == FRAMES
