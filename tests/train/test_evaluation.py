"""Scores on held-out video, the best weights, and what is refused before hours are spent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from moving import MovingSquares, batches, tiny_update
from tiny import tiny_model

from sam2track.model.weights import read_state
from sam2track.prompts.simulated_user import first_prompt
from sam2track.train import (
    Score,
    check_sequences,
    run_loop,
    score_sequences,
)
from sam2track.train.log import read_log
from sam2track.train.loop import save
from sam2track.types import Frame


@dataclass
class Squares:
    """A sequence of moving squares; the second object appears on frame 1 only if ``late``."""

    length: int = 5
    seed: int = 0
    late: bool = False
    name: str = "squares"
    attributes: tuple[str, ...] = ()

    def __post_init__(self):
        self.made = MovingSquares(self.length, size=80).clip(np.random.default_rng(self.seed))
        if self.late:
            self.made.masks[0][self.made.masks[0] == 2] = 0

    @property
    def annotated(self):
        return tuple(range(self.length))

    def __len__(self):
        return self.length

    def frame(self, index):
        return Frame(index, self.made.frames[index])

    def labels(self, index):
        return self.made.masks[index]

    def masks(self, index):
        labels = self.labels(index)
        return {int(k): labels == k for k in np.unique(labels) if k}

    def starts(self):
        starts = {0: self.masks(0)}
        if self.late:
            starts[1] = {2: self.masks(1)[2]}
        return starts


@pytest.mark.parametrize(("late", "prompt"), [(False, "mask"), (True, "mask"), (True, "click")])
def test_scores_are_those_of_a_session(late, prompt):
    """As the benchmark's toolkit counts: from the frame after the first to the last but one."""
    from sam2track import TrackingSession
    from sam2track.metrics import VOS_BENCHMARK, score_sequence

    model, sequence = tiny_model(), Squares(late=late)
    found = score_sequences(model, [sequence], prompt=prompt)
    session, pairs = TrackingSession(model, length=5), []
    for index in range(5):
        for object_id, mask in sequence.starts().get(index, {}).items():
            session.prompt(object_id, first_prompt(prompt, mask), sequence.frame(index))
        pairs.append((session.step(sequence.frame(index)).label_map(), sequence.labels(index)))
    objects = score_sequence(pairs, VOS_BENCHMARK).values()
    assert found.j == pytest.approx(np.mean([scored.region.mean for scored in objects]))
    assert found.f == pytest.approx(np.mean([scored.boundary.mean for scored in objects]))
    assert 0 < found.j < 1


def test_several_sequences_count_by_object():
    model = tiny_model()
    each = [score_sequences(model, [Squares(seed=seed)]) for seed in (1, 2)]
    both = score_sequences(model, [Squares(seed=1), Squares(seed=2)])
    assert both.j == pytest.approx((each[0].j + each[1].j) / 2)


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="squares has 2 annotated frames"):
        check_sequences([Squares(length=2)])
    with pytest.raises(ValueError, match="found no sequence"):
        check_sequences([])


def test_scoring_does_not_disturb_training(tmp_path):
    """Dropout included: a run that is scored ends with the weights of one that is not."""
    ends = []
    for every in (0, 1):
        made = tiny_update(steps=2, variant={"dropout": 0.3})
        out = tmp_path / str(every)
        out.mkdir()
        score = partial(made.evaluate, [Squares()], out, prompt="click")
        run_loop(made, batches(made), out, save_every=2, evaluate_every=every, evaluate=score)
        ends.append(made)
    for mine, theirs in zip(
        ends[0].run.model.parameters(), ends[1].run.model.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)
    scored = [entry for entry in read_log(tmp_path / "1") if "j" in entry]
    assert [entry["step"] for entry in scored] == [1, 2]
    assert "Each object is given by a click where" in (tmp_path / "1" / "card.md").read_text()


def test_the_best_weights_are_kept(tmp_path):
    made = tiny_update()
    for step, score in ((1, 0.5), (2, 0.7), (3, 0.6)):
        made.run.step = step
        made.keep_best(Score(score, score), tmp_path)
    assert made.run.best == {"step": 2, "prompt": "mask", "j": 0.7, "f": 0.7}
    assert read_state(tmp_path / "best.safetensors")[1]["steps"] == "2"
    save(made, tmp_path)
    again = tiny_update()
    again.run.resume(tmp_path)
    again.keep_best(Score(0.65, 0.65), tmp_path)
    assert read_state(tmp_path / "best.safetensors")[1]["steps"] == "2"
    again.keep_best(Score(0.6, 0.6), tmp_path, prompt="click")  # another scale: begins anew
    assert again.run.best == {"step": 3, "prompt": "click", "j": 0.6, "f": 0.6}
