"""What tests share: tiny clips with known contents, and a model whose weights are random."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
import typecheck

typecheck.install()  # before anything of the package is imported

WIDTH, HEIGHT, LENGTH = 128, 80, 8


def square_clip() -> np.ndarray:
    """A red square that moves right over noise: ``(LENGTH, HEIGHT, WIDTH, 3)`` uint8."""
    rng = np.random.default_rng(0)
    clip = rng.integers(60, 90, (LENGTH, HEIGHT, WIDTH, 3), dtype=np.uint8)
    for index, frame in enumerate(clip):
        frame[20:44, 20 + 4 * index : 44 + 4 * index] = (220, 40, 40)
    return clip


def write_video(
    path: Path, clip: np.ndarray, *, fps: int = 10, options: dict[str, str] | None = None
) -> Path:
    """Encode frames as an MP4 in which every frame is a key frame."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "g": "1"})
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for image in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``square.mp4``: eight frames, 128 x 80."""
    return write_video(tmp_path_factory.mktemp("clips") / "square.mp4", square_clip())


@pytest.fixture(scope="session")
def random_nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the variant ``nano`` with seeded random weights."""
    from sam2track.model.sam2 import SAM2
    from sam2track.model.variants import find_variant
    from sam2track.model.weights import save_weights

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_weights(SAM2(find_variant("nano")), path, "nano")
    return path
