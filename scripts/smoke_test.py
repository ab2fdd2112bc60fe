"""Tries an installed sam2track, with nothing but it: ``python smoke_test.py clip.mp4 0.2.0``.

Run it with the interpreter of a fresh environment, in an empty folder. The second argument is the
version that must be there. Prints one line, or ends with an error.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from importlib.resources import files
from pathlib import Path

import torch

import sam2track
from sam2track.cli import main


def check(clip: str, version: str) -> None:
    """AssertionError if anything that a user needs is missing."""
    assert sam2track.__version__ == version, sam2track.__version__
    installed = Path(sam2track.__file__).resolve()
    assert installed.is_relative_to(Path(sysconfig.get_path("purelib")).resolve()), installed
    package = files("sam2track")
    for name in ("py.typed", "weights/nano.safetensors", "configs/track.yaml"):
        assert (package / name).is_file(), name
    for name in sam2track.__all__:
        assert getattr(sam2track, name) is not None, name

    assert main(["track", f"video={clip}", "click=[340,220]", "frames=3", "out=cup"]) == 0
    for name in ("masks/00002.png", "overlay.mp4", "tracks.json", "preview.png", "run.yaml"):
        assert Path("cup", name).is_file(), name

    with sam2track.open_video(clip) as video:
        session = sam2track.TrackingSession(sam2track.load_model("nano"), length=len(video))
        session.prompt(1, sam2track.Prompt.click(340, 220), video[0])
        mask = session.step(video[0]).mask(1)
    assert mask[220, 340]
    assert 0.01 < mask.mean() < 0.3, mask.mean()  # the cup, not nothing and not everything


if __name__ == "__main__":
    start = time.process_time()
    check(*sys.argv[1:])
    took = time.process_time() - start
    print(
        f"Python {sys.version.split()[0]}, torch {torch.__version__}: tracks ({took:.0f} s of CPU)"
    )
