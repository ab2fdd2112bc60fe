"""Training learns, reaches every parameter, and resumes to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import TINY

from sam2track.model.sam2 import SAM2
from sam2track.train.loop import Schedule, Trainer
from sam2track.train.rollout import Clips, PromptMix, Rollout

SIDE = 64


def moving_squares(seed: int = 0, *, clips: int = 2, frames: int = 3) -> Clips:
    """Two squares a clip that move over noise."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(60, 90, (clips, frames, 3, SIDE, SIDE), dtype=np.uint8)
    masks = np.zeros((clips, frames, 2, SIDE, SIDE), bool)
    for clip in range(clips):
        for thing, colour in enumerate(((220, 30, 30), (30, 30, 220))):
            x, y = rng.integers(0, 30, 2)
            for frame in range(frames):
                area = np.s_[y : y + 18, x + 3 * frame : x + 3 * frame + 18]
                pictures[(clip, frame, slice(None), *area)] = np.array(colour)[:, None, None]
                masks[(clip, frame, slice(None), *area)] = False
                masks[clip, frame, thing][area] = True
    valid = torch.ones(clips, 2, dtype=torch.bool)
    return Clips(torch.from_numpy(pictures), torch.from_numpy(masks), valid)


def trainer(out, *, steps: int = 6, seed: int = 0, **options) -> Trainer:
    torch.manual_seed(seed)
    model = SAM2(replace(TINY, memory_width=16))
    schedule = Schedule(rate=2e-3, steps=steps, warmup=1, decay=1)
    return Trainer(model, out, variant="nano", schedule=schedule, mix=PromptMix(), **options)


def batches(start: int = 0):
    for seed in range(start, 1000):
        yield moving_squares(seed)


def losses_of(out) -> list[str]:
    return [line.split('"norm"')[0] for line in (out / "log.jsonl").read_text().splitlines()]


def test_resume_is_exact(tmp_path):
    trainer(tmp_path / "whole", save_every=3).run(batches())
    first = trainer(tmp_path / "parts", save_every=3)
    stopped = (clips for clips, _ in zip(batches(), range(3), strict=False))
    first.run(stopped)
    second = trainer(tmp_path / "parts", seed=5, save_every=3)
    assert second.resume() == 3
    second.run(batches(3))
    assert losses_of(tmp_path / "parts") == losses_of(tmp_path / "whole")


def test_gradient_reaches_every_parameter(tmp_path):
    """Over several first weights: which of the candidate masks is supervised depends on them."""
    mix = PromptMix(mask=0.34, box=0.33, click=0.33, correction=1.0)
    touched = set()
    for seed in range(8):
        model = trainer(tmp_path, seed=seed).model.train()
        # Present or absent: the pointer's projection learns from the one, its stand-in from both.
        model.mask_decoder.pred_obj_score_head.layers[-1].bias.data.fill_(3.0 - seed % 2 * 6)
        clips = moving_squares(seed, clips=3)
        Rollout(model, clips, np.random.default_rng(seed), mix).run().backward()
        touched |= {
            name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()
        }
    assert {name for name, _ in model.named_parameters()} - touched == set()


def test_frozen_parameters_stay(tmp_path):
    made = trainer(tmp_path, frozen=("trunk.", "neck."))
    before = {name: p.clone() for name, p in made.model.named_parameters()}
    made.run(clips for clips, _ in zip(batches(), range(2), strict=False))
    for name, parameter in made.model.named_parameters():
        if name.startswith(("trunk.", "neck.")):
            assert torch.equal(parameter, before[name])
    assert not torch.equal(made.model.no_memory, before["no_memory"])


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path):
    made = trainer(tmp_path, save_every=1)
    made.run(clips for clips, _ in zip(batches(), range(1), strict=False))
    good = (tmp_path / "last.pt").read_bytes()
    with torch.no_grad():
        made.model.no_memory.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="at step 1"):
        made.run(batches(1))
    assert (tmp_path / "last.pt").read_bytes() == good


def test_the_rate_rises_stays_and_falls():
    schedule = Schedule(rate=1.0, steps=100, warmup=10, decay=20)
    rates = [schedule(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:80] == [1.0] * 70
    assert rates[80:] == sorted(rates[80:], reverse=True)
    assert rates[99] < 0.05


@pytest.mark.slow
def test_one_clip_can_be_learnt_by_heart(tmp_path):
    made = trainer(tmp_path, steps=400)
    made.mix = PromptMix(mask=1.0, box=0.0, click=0.0, correction=0.0)
    clips = moving_squares()
    made.run(clips for _ in range(400))
    rollout = Rollout(made.model.eval(), clips, np.random.default_rng(0), made.mix)
    with torch.no_grad():
        rollout.run()
    assert torch.cat(rollout.ious).mean() > 0.95
