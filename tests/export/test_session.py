"""A session on exported graphs gives what PyTorch gives."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import TINY, noise_frames, square_mask, tiny_model

from sam2track import (
    CheckpointError,
    ImagePredictor,
    Prompt,
    TrackingSession,
    load_image_model,
    load_model,
)
from sam2track.export import write_model
from sam2track.memory import DistractorSettings, FifoMemory, RedetectMemory, TreeSettings
from sam2track.model.backbones import PlainViTSpec, RepViTSpec
from sam2track.model.exported import load_exported
from sam2track.model.neck import ConvNeck
from sam2track.model.perceiver import PerceiverSpec
from sam2track.model.variants import VARIANTS
from sam2track.synthetic.video import SyntheticVideo

POLICIES = {
    "fifo": FifoMemory,
    "redetect": RedetectMemory,
    "distractor": DistractorSettings(),
    "tree": TreeSettings(),
}
CPU = torch.device("cpu")
pytestmark = pytest.mark.timeout(900)  # tracing takes 15 s, minutes on a busy machine


def follow(model, frames, prompts, corrections, **options):
    """Two objects forward, corrected in the middle, and back again; every frame's result."""
    model.memory_dtype = torch.float32  # rounding makes large differences of small ones
    session = TrackingSession(model, archive=True, **options)
    results = []
    for frame in frames:
        if frame.index == len(frames) // 2:
            session.step(frame)
        for number, prompt in {0: prompts, len(frames) // 2: corrections}.get(
            frame.index, {}
        ).items():
            session.prompt(number, prompt, frame)
        results.append(session.step(frame))
    return [*results, *(session.step(frame, direction=-1) for frame in frames[-2::-1])]


def assert_same(ours, exported):
    assert any(own.masks.any() for own in ours)
    for a, b in zip(ours, exported, strict=True):
        assert a.object_ids == b.object_ids
        torch.testing.assert_close(a.logits, b.logits, rtol=0, atol=1e-3)
        torch.testing.assert_close(a.scores, b.scores, rtol=0, atol=1e-4)
        union = (a.masks | b.masks).sum((-1, -2))
        common = (a.masks & b.masks).sum((-1, -2))
        assert (common >= 0.9999 * union).all()


@pytest.mark.parametrize("policy", POLICIES)
def test_fixed_shapes_are_exact(tiny_folder, tiny_variant, policy):
    """Memories, pointers and points that are not there change nothing; rows run one by one."""
    frames = noise_frames(12)
    prompts = {1: Prompt.click(20, 20), 2: Prompt.from_mask(square_mask())}
    clicks = Prompt(np.array([[30.0, 20.0], [40.0, 30.0], [5.0, 5.0]]), np.array([1, 1, 0]))
    corrections = {1: clicks, 2: Prompt.from_box([10, 10, 40, 30])}
    models = tiny_model(), load_exported(tiny_folder, "tiny", device=CPU)
    options = {"memory": POLICIES[policy]}
    assert_same(*(follow(model, frames, prompts, corrections, **options) for model in models))


def test_nano_is_exact(nano_folder):
    """With its own weights, policy and windows; both objects are one batch."""
    video = SyntheticVideo((120, 214), 8, seed=0)
    shown = video.mask(0)
    y, x = (float(values.mean()) for values in np.nonzero(shown == 1))
    prompts = {1: Prompt.click(x, y), 2: Prompt.from_mask(shown == 2)}
    corrections = {1: Prompt.from_mask(video.mask(4) == 1)}
    models = load_model("nano", device="cpu", precision="fp32"), load_model("nano", nano_folder)
    frames = [video.read(index) for index in range(8)]
    assert_same(*(follow(model, frames, prompts, corrections) for model in models))


def test_single_images_too(nano_folder):
    """A mask alone has no points, and no token that the prompt encoder adds."""
    video = SyntheticVideo((120, 214), 1, seed=0)
    prompts = [Prompt.click(60, 60), Prompt.click(9, 99), Prompt.from_mask(video.mask(0) == 1)]
    ours = load_image_model("nano", device="cpu", precision="fp32")
    a, b = (
        predictor.predict(video.read(0).image, prompts)
        for predictor in map(ImagePredictor, (ours, load_image_model("nano", nano_folder)))
    )
    torch.testing.assert_close(a.logits, b.logits, rtol=0, atol=1e-3)


def test_more_than_fixed_shapes_hold_is_refused(tiny_folder, tiny_variant):
    session = TrackingSession(load_exported(tiny_folder, "tiny", device=CPU))
    points = np.random.default_rng(0).uniform(0, 40, (6, 2))
    with pytest.raises(
        ValueError, match="takes 5 points, but there are 6; export it with points=6"
    ):
        session.prompt(1, Prompt(points, np.ones(6, int)), noise_frames(1)[0])


def test_what_an_exported_model_cannot_do_is_refused(nano_folder, tmp_path):
    for options, words in (
        ({"precision": "bf16"}, "computes in the precision of its files"),
        ({"memory_pool": 2}, "attends to all memory tokens"),
        ({"compile": True}, "is not compiled"),
    ):
        with pytest.raises(ValueError, match=words):
            load_model("nano", nano_folder, **options)
    with pytest.raises(CheckpointError, match="holds nano, but model=edgetam was asked for"):
        load_model("edgetam", nano_folder)
    copy = shutil.copytree(nano_folder, tmp_path / "copy")
    (copy / "mask_decoder.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"mask_decoder\.onnx cannot be loaded"):
        load_model("nano", copy)
    (copy / "mask_decoder.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"no such file: .*mask_decoder\.onnx"):
        load_model("nano", copy)
    for text, words in (("{", "is damaged"), ('{"format": "x"}', "does not describe a model")):
        (copy / "model.json").write_text(text)
        with pytest.raises(CheckpointError, match=words):
            load_model("nano", copy)


LATENTS = PerceiverSpec(latents=5, latents_2d=4)
PLAIN_VIT = PlainViTSpec(16, 2, depth=2, global_blocks=(1,), window=3, pretrained=2)
OTHERS = {
    "edgetam": {"trunk": RepViTSpec((8, 16, 24, 32), (1, 1, 2, 1)), "compression": LATENTS},
    "efficienttam": {"trunk": PLAIN_VIT, "neck": ConvNeck},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_edgetam_and_efficienttam_are_exact(tmp_path, monkeypatch, name):
    """Latents for memories; no skip connections; pointers without positions."""
    changes = {**OTHERS[name], "sam2_1_embeddings": False}
    monkeypatch.setitem(VARIANTS, name, replace(TINY, **changes))
    model = tiny_model(**changes)
    write_model(model, name, tmp_path / name)
    frames = noise_frames(6)
    prompts, corrections = {1: Prompt.click(20, 20)}, {2: Prompt.from_mask(square_mask())}
    models = model, load_exported(tmp_path / name, name, device=CPU)
    assert_same(*(follow(own, frames, prompts, corrections) for own in models))


@pytest.mark.slow
def test_programs_of_torch_export_are_exact(tmp_path, tiny_variant):
    model = tiny_model()
    write_model(model, "tiny", tmp_path / "programs", to="torch")
    frames = noise_frames(6)
    prompts, corrections = {1: Prompt.click(20, 20)}, {2: Prompt.from_mask(square_mask())}
    with pytest.raises(CheckpointError, match="may run code"):
        load_exported(tmp_path / "programs", "tiny", device=CPU)
    models = model, load_exported(tmp_path / "programs", "tiny", device=CPU, trusted=True)
    assert_same(*(follow(own, frames, prompts, corrections) for own in models))
