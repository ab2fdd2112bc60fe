"""Training learns, reaches every parameter, and resumes to the bit."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from moving import MovingSquares, Still, batch_of, batches, tiny_update
from tiny import TINY

from sam2track.model.sam2 import SAM2
from sam2track.prompts.simulated_user import PromptMix
from sam2track.train import NotSaved, OptimiserOptions, RolloutOptions, run_loop, step_batches
from sam2track.train.log import read_log
from sam2track.train.loop import save
from sam2track.train.rollout import Rollout
from sam2track.train.training_run import load_state

DROPOUT = {"variant": {"dropout": 0.3}}  # PyTorch's generator matters


def stop_after(made, source_batches, count: int):
    """Batches, with a Ctrl-C while the ``count``-th is trained on."""
    for number, batch in enumerate(source_batches, start=1):
        if number == count:
            os.kill(os.getpid(), signal.SIGINT)
        yield batch


def weights_of(update) -> dict[str, torch.Tensor]:
    return {
        **update.run.model.state_dict(),
        **{f"a.{k}": v for k, v in update.averaged.state_dict().items()},
    }


def test_a_run_that_was_stopped_goes_on_to_the_bit(tmp_path):
    whole = tiny_update(**DROPOUT)
    (tmp_path / "whole").mkdir()
    run_loop(whole, batches(whole), tmp_path / "whole", save_every=3)

    first, out = tiny_update(**DROPOUT), tmp_path / "parts"
    out.mkdir()
    with pytest.raises(KeyboardInterrupt, match="stopped after step 2 of 6, which is saved"):
        run_loop(first, stop_after(first, batches(first), 2), out, save_every=3)
    second = tiny_update(seed=0, **DROPOUT)
    torch.rand(7)  # whatever else happened
    assert second.run.resume(out) == 2
    run_loop(second, batches(second), out, save_every=3)

    assert [(e["loss"], e["iou"]) for e in read_log(out)] == [
        (e["loss"], e["iou"]) for e in read_log(tmp_path / "whole")
    ]
    for name, tensor in weights_of(whole).items():
        assert torch.equal(tensor, weights_of(second)[name]), name
    assert second.run.core_seconds > first.run.core_seconds > 0


def test_what_the_log_says_of_later_steps_is_taken_out(tmp_path):
    """A run that was killed after its last checkpoint repeats the steps since."""
    first = tiny_update(steps=5)
    with pytest.raises(RuntimeError, match="killed"):
        run_loop(first, _killed(batches(first), 5), tmp_path, save_every=3)
    assert [entry["step"] for entry in read_log(tmp_path)] == [1, 2, 3, 4]
    second = tiny_update(steps=5)
    assert second.run.resume(tmp_path) == 3
    run_loop(second, batches(second), tmp_path, save_every=3)
    assert [entry["step"] for entry in read_log(tmp_path)] == [1, 2, 3, 4, 5]


def _killed(source_batches, count):
    for number, batch in enumerate(source_batches, start=1):
        if number == count:
            raise RuntimeError("killed")
        yield batch


def test_a_last_line_of_the_log_that_is_incomplete_is_left_out(tmp_path):
    assert read_log(tmp_path) == []
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    assert read_log(tmp_path) == [{"step": 1, "loss": 2.5}]


def test_another_configuration_is_refused(tmp_path):
    begun = tiny_update(settings={"rate": 0.1, "workers": 1, "prompts.mask": 0.5})
    save(begun, tmp_path)
    other = tiny_update(settings={"rate": 0.2, "workers": 3, "prompts.mask": 0.5, "new": None})
    with pytest.raises(ValueError, match=r"other settings: rate=0\.2 \(was 0\.1\)\. Go on with"):
        other.run.resume(tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    save(tiny_update(), tmp_path)
    half = (tmp_path / "last.pt").read_bytes()[:5000]
    (tmp_path / "last.pt").write_bytes(half)
    with pytest.raises(ValueError, match=r"last\.pt is no checkpoint of a run, or is damaged"):
        tiny_update().run.resume(tmp_path)


@pytest.mark.parametrize("source", [MovingSquares(5), MovingSquares(5, leaving=True)])
def test_gradient_reaches_every_parameter(source):
    """Over several first weights: which of the candidate masks is supervised depends on them."""
    mix = PromptMix(mask=0.34, box=0.33, click=0.33, anchors=2, corrected=3, clicks=2)
    made = tiny_update(steps=8)
    touched: set[str] = set()
    for number, batch in enumerate(batches(made, source, clips=3)):
        torch.manual_seed(number)
        model = SAM2(TINY).train()
        # Present or absent: the pointer's projection learns from the one, its stand-in from both.
        model.mask_decoder.pred_obj_score_head.layers[-1].bias.data.fill_(3.0 - number % 2 * 6)
        Rollout(model, batch.parts[0], RolloutOptions(mix), seed=(0, number)).run().backward()
        touched |= {
            name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()
        }
    assert {name for name, _ in model.named_parameters()} - touched == set()


def test_frozen_parameters_stay():
    made = tiny_update(optimiser={"frozen": ("trunk.", "neck.")}, steps=2)
    before = {name: p.clone() for name, p in made.run.model.named_parameters()}
    for batch in batches(made):
        made.step(batch)
    for name, parameter in made.run.model.named_parameters():
        if name.startswith(("trunk.", "neck.")):
            assert torch.equal(parameter, before[name])
    assert not torch.equal(made.run.model.no_memory, before["no_memory"])


def test_accumulated_gradients_are_those_of_a_larger_batch():
    """Sums over all rows, whichever batch they came in; some batches have fewer objects."""
    together, apart = tiny_update(steps=2), tiny_update(steps=2)
    for one, several in zip(
        batches(together, clips=4), batches(apart, clips=2, accumulate=2), strict=True
    ):
        for clips in (one.parts[0], several.parts[1]):
            clips.valid[-1, 1] = False
        entry = together.step(one)
        other = apart.step(several)
        assert entry["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert entry["norm"] == pytest.approx(other["norm"], rel=1e-3)
        assert entry["rows"] == other["rows"] == 7
    for mine, theirs in zip(
        together.run.model.parameters(), apart.run.model.parameters(), strict=True
    ):
        # AdamW makes a step of rounding errors where there is no gradient
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


def test_a_step_without_any_object_changes_nothing_but_the_count():
    made = tiny_update(steps=2, optimiser={"weight_decay": 0.0})
    batch = next(iter(batches(made)))
    batch.parts[0].valid[:] = False
    before = {name: p.clone() for name, p in made.run.model.named_parameters()}
    entry = made.step(batch)
    assert (entry["rows"], entry["loss"], entry["iou"], made.run.step) == (0, 0.0, None, 1)
    for name, parameter in made.run.model.named_parameters():
        assert torch.equal(parameter, before[name])


def test_checkpointing_changes_no_gradient():
    plain, thrifty = tiny_update(), tiny_update(checkpointing=True)
    batch = next(iter(batches(plain)))
    assert plain.step(batch)["loss"] == thrifty.step(batch)["loss"]
    for mine, theirs in zip(
        plain.run.model.parameters(), thrifty.run.model.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_checkpointing_repeats_the_same_dropout():
    plain, thrifty = (tiny_update(checkpointing=on, **DROPOUT) for on in (False, True))
    batch = next(iter(batches(plain)))
    for made in (plain, thrifty):
        torch.manual_seed(5)
        made.step(batch)
    for mine, theirs in zip(
        plain.run.model.parameters(), thrifty.run.model.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_bf16_steps_are_near_those_in_fp32():
    exact, rough = tiny_update(), tiny_update(precision=torch.bfloat16)
    batch = next(iter(batches(exact)))
    assert rough.step(batch)["loss"] == pytest.approx(exact.step(batch)["loss"], rel=0.02)
    assert {p.dtype for p in rough.run.model.parameters()} == {torch.float32}


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path):
    made = tiny_update()
    save(made, tmp_path)
    good = (tmp_path / "last.pt").read_bytes()
    with torch.no_grad():
        made.run.model.mask_decoder.iou_prediction_head.layers[-1].bias.fill_(float("nan"))
    before = {name: p.clone() for name, p in made.run.model.named_parameters()}
    with pytest.raises(FloatingPointError, match=r"step 1: the iou loss of frame . is not finite"):
        run_loop(made, batches(made), tmp_path, save_every=3)
    assert (tmp_path / "last.pt").read_bytes() == good
    assert torch.equal(before["no_memory"], made.run.model.no_memory)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path):
    resource = pytest.importorskip("resource")
    made = tiny_update(steps=2)
    save(made, tmp_path)
    good = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    made.step(next(iter(batches(made))))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(NotSaved, match=r"step 1 could not be saved in .* make room"):
            save(made, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == good
    assert load_state(tmp_path / "last.pt")["step"] == 0
    save(made, tmp_path)
    assert load_state(tmp_path / "last.pt")["step"] == 1


def test_the_rate_rises_stays_and_falls():
    options = OptimiserOptions(rate=1.0, steps=100, warmup=10, decay=20)
    rates = [options.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:80] == [1.0] * 70
    assert rates[80:] == sorted(rates[80:], reverse=True)
    assert rates[99] < 0.05


def test_a_cosine_after_the_warm_up():
    options = OptimiserOptions(rate=1.0, steps=110, warmup=10, decay=None, final=0.1)
    assert options.rate_at(10) == pytest.approx(1.0)
    assert options.rate_at(60) == pytest.approx(0.1 + 0.9 / 2)
    assert options.rate_at(110) == pytest.approx(0.1)


def test_a_worker_that_fails_says_why_in_one_line():
    class Broken(MovingSquares):
        def clip(self, rng, *, hardness=1.0):
            raise ValueError("a.png is damaged")

    made = tiny_update()
    stream = step_batches(
        Broken(), made.run.processes, clips=1, accumulate=1, start=0, stop=1, seed=0, workers=1
    )
    with pytest.raises(ValueError, match=r"^a\.png is damaged$"):
        next(iter(stream))


def test_clips_do_not_depend_on_the_batch():
    """What is drawn for an object is the same alone and among others."""
    mix = PromptMix(mask=0.3, box=0.3, click=0.4, centre=0.3)
    model = SAM2(TINY).eval()
    clips = batch_of(clips=3)
    whole = Rollout(model, clips, RolloutOptions(mix), seed=(1, 2))
    alone = Rollout(
        model,
        replace(clips, frames=clips.frames[2:], masks=clips.masks[2:], valid=clips.valid[2:]),
        RolloutOptions(mix),
        seed=(1, 2),
        first=2,
    )
    with torch.no_grad():
        whole.run()
        alone.run()
    assert whole.kinds[-2:].tolist() == alone.kinds.tolist()
    for index in range(3):
        torch.testing.assert_close(
            whole.predictions[index].logits[-2:],
            alone.predictions[index].logits,
            rtol=1e-3,
            atol=1e-3,
        )


def test_pictures_curve_and_card(tmp_path):
    made = tiny_update(steps=2, settings={"rate": 1})
    run_loop(made, batches(made), tmp_path, save_every=1, picture_every=1)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    card = (tmp_path / "card.md").read_text()
    assert "trained for 2 steps" in card
    assert "| `rate` | 1 |" in card
    events = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert b"pictures" in events
    assert b"train/loss" in events


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_one_clip_can_be_learnt_by_heart():
    mix = PromptMix(mask=1, box=0, click=0, anchors=1, corrected=0)
    made = tiny_update(mix=mix, steps=300, optimiser={"decay": 200}, stride=1)
    for batch in batches(made, Still(), clips=1):
        entry = made.step(batch)
        if entry["iou"] > 0.97:
            break
    rollout = Rollout(made.run.model.eval(), batch.parts[0], RolloutOptions(mix), seed=(0, 0))
    with torch.no_grad():
        rollout.run()
    assert np.mean([iou.numpy() for iou in rollout.ious]) > 0.95
