"""Masked autoencoding: what is hidden, what is judged, what is learnt, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import TINY

from sam2track.model import SAM, ImageVariant
from sam2track.model.backbones import ViTSpec
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant
from sam2track.model.weights import CheckpointError, load_weights, read_state, save_weights
from sam2track.train import (
    AutoencodingUpdate,
    MaskedAutoencoder,
    OptimiserOptions,
    Processes,
    TrainingRun,
    initialise_trunk,
    run_loop,
)
from sam2track.train.loop import save
from sam2track.train.masked_autoencoder import (
    draw_hidden,
    hiding,
    patches,
    reconstruct,
    reconstruction_loss,
    targets,
)

SIDE = 96
TRUNKS = {
    "hiera": replace(TINY, image_size=SIDE),
    "efficientnet": replace(find_variant("nano"), image_size=SIDE),
    "vit": ImageVariant(ViTSpec(32, 2, 2, (1,), grid=8, window=4), image_size=SIDE, width=32),
}


def photographs(count: int = 4, *, seed: int = 0) -> torch.Tensor:
    """Smooth pictures with stripes: what is hidden can be told from what is not."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    pictures = []
    for _ in range(count):
        angle, width = rng.uniform(0, np.pi), rng.uniform(6, 20)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / width)
        colour = rng.uniform(-100, 100, 3)
        pictures.append(127 + wave * colour[:, None, None])
    return torch.from_numpy(np.stack(pictures).clip(0, 255).astype(np.uint8))


def hidden_units(count: int = 4, *, seed: int = 0) -> torch.Tensor:
    return draw_hidden(np.random.default_rng(seed), count, SIDE // 32, ratio=0.6)


@pytest.fixture(params=TRUNKS)
def autoencoder(request):
    torch.manual_seed(0)
    made = MaskedAutoencoder(TRUNKS[request.param], width=32, layers=1)
    initialise_trunk(made, "scratch", "a model")
    return made


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.6, 0.75, 0.99])
@pytest.mark.parametrize("side", [2, 3, 7])
def test_the_same_number_is_hidden_in_each_picture(side, ratio):
    hidden = draw_hidden(np.random.default_rng(0), 50, side, ratio=ratio)
    expected = min(max(round(ratio * side * side), 1), side * side - 1)
    assert hidden.shape == (50, side, side)
    assert (hidden.flatten(1).sum(1) == expected).all()
    assert len(hidden.flatten(1).unique(dim=0)) > 1
    if 0.2 < ratio < 0.8:  # no place is always seen or always hidden
        assert hidden.any(0).all()
        assert not hidden.all(0).any()


def test_a_target_has_mean_0_and_variance_1_and_patches_are_in_order():
    pictures = photographs()
    goal = targets(pictures)
    assert goal.shape == (4, 36, 768)
    assert goal.mean(2).abs().max() < 1e-4
    assert (goal.var(2, correction=0) - 1).abs().max() < 0.05
    cut = patches(pictures.float())
    assert torch.equal(cut[1, 8].reshape(3, 16, 16), pictures[1, :, 16:32, 32:48].float())
    assert targets(torch.full((1, 3, 32, 32), 99, dtype=torch.uint8)).abs().max() < 1e-3


def test_only_hidden_patches_are_judged():
    pictures, hidden = photographs(), hidden_units()
    predicted = torch.randn(4, 36, 768, generator=torch.Generator().manual_seed(0))
    loss = reconstruction_loss(predicted, pictures, hidden)
    gone = hidden.repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)  # (B, P)
    errors = (predicted - targets(pictures)).square()
    assert loss == pytest.approx(errors[gone].mean().item(), rel=1e-5)
    changed = torch.where(gone[..., None], predicted, 5.0)
    assert reconstruction_loss(changed, pictures, hidden) == loss
    changed = torch.where(gone[..., None], 5.0, predicted)
    assert reconstruction_loss(changed, pictures, hidden) > 2 * loss


def test_what_is_hidden_has_no_influence(autoencoder):
    """Other pixels at hidden places change nothing at all; elsewhere they do."""
    pictures, hidden = photographs(), hidden_units()
    gone = hidden.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]
    noise = torch.randint(0, 256, pictures.shape, dtype=torch.uint8)
    with torch.no_grad():
        before = autoencoder(pictures, hidden)
        assert torch.equal(autoencoder(torch.where(gone, noise, pictures), hidden), before)
        assert not torch.equal(autoencoder(torch.where(gone, pictures, noise), hidden), before)


def test_hiding_ends(autoencoder):
    images = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        before = autoencoder.trunk(images)
        with hiding(autoencoder.trunk, hidden_units(2)):
            during = autoencoder.trunk(images)
        after = autoencoder.trunk(images)
    for one, other, third in zip(before, during, after, strict=True):
        assert torch.equal(one, third)
        assert not torch.equal(one, other)


def test_a_convolutional_trunk_computes_what_sparse_convolutions_would():
    """The corner of a picture that is visible alone comes out as if it were the whole picture."""
    torch.manual_seed(0)
    trunk = TRUNKS["efficientnet"].trunk.build()
    images = torch.randn(1, 3, SIDE, SIDE)
    hidden = torch.ones(1, 3, 3, dtype=torch.bool)
    hidden[0, 0, 0] = False
    with torch.no_grad(), hiding(trunk, hidden):
        maps = trunk(images)
    with torch.no_grad():
        alone = trunk(images[..., :32, :32])
    for whole, corner in zip(maps, alone, strict=True):
        torch.testing.assert_close(whole[..., : corner.shape[-2], : corner.shape[-1]], corner)


def test_gradient_reaches_every_parameter(autoencoder):
    pictures, hidden = photographs(), hidden_units()
    reconstruction_loss(autoencoder(pictures, hidden), pictures, hidden).backward()
    untouched = [
        name for name, p in autoencoder.named_parameters() if p.grad is None or not p.grad.any()
    ]
    assert untouched == []


def test_signals_pass_a_trunk_from_scratch():
    """What leaves differs from picture to picture; PyTorch's own weights would make it fade."""
    torch.manual_seed(0)
    model = MaskedAutoencoder(TRUNKS["efficientnet"])
    initialise_trunk(model, "scratch", "nano")
    with torch.no_grad():
        maps = model.trunk(torch.randn(6, 3, SIDE, SIDE))
    assert all(0.1 < features.std(0).mean() < 10 for features in maps)


def test_a_picture_for_the_eye(autoencoder):
    pictures, hidden = photographs(2), hidden_units(2)
    drawn = reconstruct(targets(pictures), pictures, hidden)
    assert drawn.shape == (3, 2 * SIDE, 3 * SIDE)
    seen, filled, true = drawn.unflatten(1, (2, SIDE)).transpose(0, 1).chunk(3, dim=3)
    assert torch.equal(true, pictures)
    assert (filled.int() - true.int()).abs().max() <= 1  # a perfect guess
    gone = hidden.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None].expand_as(seen)
    assert (seen[gone] == 128).all()
    assert torch.equal(seen[~gone], true[~gone])


def update(
    *, steps: int = 6, seed: int = 0, settings: dict | None = None, kind: str = "hiera"
) -> AutoencodingUpdate:
    torch.manual_seed(seed)
    run = TrainingRun(
        MaskedAutoencoder(TRUNKS[kind], width=32, layers=1),
        Processes("cpu"),
        OptimiserOptions(rate=2e-3, steps=steps, warmup=1, decay=1),
        settings=settings,
    )
    return AutoencodingUpdate(run, photographs(2), variant="tiny")


def batches(start: int, stop: int):
    for seed in range(start, stop):
        yield photographs(4, seed=seed)


def train(made: AutoencodingUpdate, out, *, stop: int) -> None:
    out.mkdir(exist_ok=True)
    run_loop(made, batches(made.run.step, stop), out, save_every=3, picture_every=3)


def test_the_loss_falls():
    """Pictures brighten to the right or downward."""
    ramp = torch.arange(SIDE, dtype=torch.uint8).expand(3, SIDE, SIDE)
    pictures = torch.stack((ramp, ramp.mT))
    made = update(steps=12)
    losses = [made.step(pictures)["loss"] for _ in range(12)]
    assert losses[0] > 0.95  # 1 is what a guess of the mean gets
    assert losses[-1] < 0.85


@pytest.mark.slow
def test_what_is_hidden_is_learnt_from_what_is_seen():
    """Which of the two it is must be seen: who does not look is left with a loss of 0.5."""
    ramp = torch.arange(SIDE, dtype=torch.uint8).expand(3, SIDE, SIDE)
    pictures = torch.stack((ramp, ramp.mT))
    made = update(steps=150)
    losses = [made.step(pictures)["loss"] for _ in range(150)]
    assert np.mean(losses[-5:]) < 0.3


def test_resume_is_exact(tmp_path):
    whole = update()
    train(whole, tmp_path / "whole", stop=6)
    train(update(), tmp_path / "parts", stop=3)
    second = update(seed=5)
    assert second.run.resume(tmp_path / "parts") == 3
    train(second, tmp_path / "parts", stop=6)
    assert (tmp_path / "parts/log.jsonl").read_text() == (tmp_path / "whole/log.jsonl").read_text()
    for name, tensor in whole.run.model.state_dict().items():
        assert torch.equal(tensor, second.run.model.state_dict()[name]), name
    with Image.open(tmp_path / "whole/reconstruction.png") as picture:
        assert picture.size == (3 * SIDE, 2 * SIDE)


def test_a_run_with_other_settings_does_not_go_on(tmp_path):
    train(update(settings={"mae.hidden": 0.6}), tmp_path, stop=3)
    with pytest.raises(ValueError, match=r"mae\.hidden=0\.75 \(was 0\.6\).*with trunk="):
        update(settings={"mae.hidden": 0.75}).run.resume(tmp_path)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path):
    made = update()
    train(made, tmp_path, stop=3)
    good = (tmp_path / "last.pt").read_bytes()
    with torch.no_grad():
        made.run.model.hidden.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 4: the loss is not finite"):
        train(made, tmp_path, stop=6)
    assert (tmp_path / "last.pt").read_bytes() == good


@pytest.mark.parametrize("kind", TRUNKS)
def test_what_was_learnt_is_the_trunk_of_a_tracker(tmp_path, kind):
    variant = TRUNKS[kind]
    made = update(kind=kind)
    save(made, tmp_path)
    file = tmp_path / "weights.safetensors"
    stored, metadata = read_state(file)
    assert metadata["part"] == "trunk"
    assert metadata["variant"] == "tiny"
    tracker = SAM(variant) if kind == "vit" else SAM2(variant)
    initialise_trunk(tracker, str(file), "tiny")
    learnt = made.run.model.trunk.state_dict()
    for name, tensor in tracker.trunk.state_dict().items():
        assert torch.equal(tensor, learnt[name].half().float()), name
    assert stored.keys() == {f"trunk.{name}" for name in learnt}


def test_the_trunk_of_a_whole_model_will_do(tmp_path):
    torch.manual_seed(0)
    model = SAM2(TRUNKS["hiera"])
    save_weights(model, tmp_path / "whole.safetensors", "tiny")
    made = MaskedAutoencoder(TRUNKS["hiera"])
    initialise_trunk(made, str(tmp_path / "whole.safetensors"), "tiny")
    weight = made.trunk.patch_embed.proj.weight
    assert torch.equal(weight, model.trunk.patch_embed.proj.weight.half().float())


def test_a_trunk_alone_is_no_model_and_another_trunk_does_not_fit(tmp_path, monkeypatch):
    save(update(), tmp_path)
    file = tmp_path / "weights.safetensors"
    with pytest.raises(CheckpointError, match=r"holds the trunk of tiny alone.*trunk=FILE"):
        load_weights(SAM2(TRUNKS["hiera"]), file, "tiny")
    with pytest.raises(CheckpointError, match=r"\(of tiny\) does not fit the trunk of nano: lacks"):
        initialise_trunk(SAM2(find_variant("nano")), str(file), "nano")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        initialise_trunk(SAM2(TRUNKS["hiera"]), str(tmp_path / "none.safetensors"), "tiny")
    with pytest.raises(ValueError, match="no ImageNet weights are known for a Hiera trunk"):
        initialise_trunk(MaskedAutoencoder(TRUNKS["hiera"]), "imagenet", "tiny")
