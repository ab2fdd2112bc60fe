"""Corrections of tracked frames are answered as tracking again draws them."""

from __future__ import annotations

from functools import partial

import pytest
from annotate.small_project import add_object, clip_project, run, tiny_engine
from tiny import noise_frames, square_mask

from sam2track import Prompt
from sam2track.annotate.tracking import propagation
from sam2track.annotate.tracking.answering import FrameAnswers, Question
from sam2track.annotate.tracking.clicking import answer_again, click
from sam2track.annotate.tracking.reaching import part_up_to, reach
from sam2track.memory.tree import TreeSettings

ENGINE = tiny_engine()


def reached(project, object_id, frame, engine=ENGINE):
    """The frame with the object as tracking brings it there, and how many steps that took."""
    thing, video = project.object(object_id), project.video("a")
    part = part_up_to(project, thing, video, frame, engine)
    steps, count = reach(project, video, part, engine), 0
    while True:
        try:
            next(steps)
            count += 1
        except StopIteration as end:
            return end.value, count


def told(mask):
    return mask.counts, mask.score, mask.presence


@pytest.mark.parametrize("frame", [3, 6, 9])
@pytest.mark.parametrize("clicks", [
    (Prompt.click(50, 40), Prompt.click(20, 20, 0)),
    (Prompt.click(20, 20, 0), Prompt.click(50, 40)),
])  # fmt: skip
def test_a_correction_is_answered_as_tracking_again_draws_it(tmp_path, frame, clicks):
    with clip_project(tmp_path) as project:
        thing = add_object(project, 5)
        run(project, thing, engine=ENGINE)
        answers, steps = reached(project, thing, frame)
        assert steps == abs(frame - 5) + 1
        for prompt in clicks:
            mask = click(project, thing, frame, prompt, answers=answers, engine=ENGINE)
        alone = FrameAnswers(ENGINE.start(length=12), answers.frame)
        asked = Question(1, (Prompt.click(50, 40), Prompt.click(20, 20, 0)))
        assert alone.answer(asked).counts != mask.counts  # so memory matters here
        run(project, thing, engine=ENGINE)
        assert told(project.mask(thing, frame)) == told(mask)
        # And once more: the clicks that were tracked are asked again, from the memory before them.
        answers, _ = reached(project, thing, frame)
        mask = click(project, thing, frame, Prompt.click(10, 40), answers=answers, engine=ENGINE)
        run(project, thing, engine=ENGINE)
        assert told(project.mask(thing, frame)) == told(mask)


def test_a_better_answer_replaces_only_an_answer(tmp_path):
    with clip_project(tmp_path) as project:
        thing = add_object(project)
        run(project, thing, engine=ENGINE)
        answers, _ = reached(project, thing, 6)
        better = partial(answer_again, project, thing, 6, engine=ENGINE, better=True)
        assert better(answers=answers) is None  # there are no clicks
        alone = FrameAnswers.of(ENGINE, answers.frame, 12)
        mask = click(project, thing, 6, Prompt.click(50, 40), answers=alone, engine=ENGINE)
        assert better(answers=answers).counts != mask.counts
        run(project, thing, engine=ENGINE)
        assert better(answers=answers) is None  # it was tracked since
        click(project, thing, 6, Prompt.click(20, 20), answers=alone, engine=ENGINE)
        project.edit_mask(thing, 6, square_mask())
        assert better(answers=answers) is None  # it was drawn since
        assert project.mask(thing, 6).made == "brush"


def test_it_goes_on_from_the_last_saved_state(tmp_path, monkeypatch):
    monkeypatch.setattr(propagation, "SAVE_FRAMES", 4)
    with clip_project(tmp_path) as project:
        thing = add_object(project)
        other = add_object(project)
        run(project, thing, other, engine=ENGINE)
        answers, steps = reached(project, thing, 9)
        assert steps == 2  # a state was saved after frame 7
        mask = click(project, thing, 9, Prompt.click(50, 40), answers=answers, engine=ENGINE)
        run(project, thing, engine=ENGINE)
        assert told(project.mask(thing, 9)) == told(mask)


def test_frames_that_tracking_does_not_reach(tmp_path, monkeypatch):
    with clip_project(tmp_path) as project:
        thing, video = project.object(add_object(project, 2)), project.video("a")
        part = partial(part_up_to, project, thing, video, engine=ENGINE)
        assert part(frame=6) is None  # not tracked yet
        run(project, thing.id, engine=ENGINE)
        assert part(frame=2) is None  # it begins there
        assert part(frame=6) is not None
        monkeypatch.setattr("sam2track.annotate.tracking.reaching.MOST", 3)
        with project.store.writing() as connection:
            connection.execute("DELETE FROM states")
        assert part(frame=6) is None  # too far
        assert part(frame=5) is not None


def test_a_memory_that_decides_later_has_no_such_answers(tmp_path):
    engine = tiny_engine(memory=TreeSettings(lag=3))
    with clip_project(tmp_path) as project:
        thing = add_object(project)
        run(project, thing, engine=engine)
        assert reached(project, thing, 5, engine)[0] is None


class Slow(FrameAnswers):
    """Answers of a frame; while the first is made, somebody changes the project."""

    def __init__(self, answers, change):
        super().__init__(answers.session, answers.frame)
        self.change = [change]

    def answer(self, asked):
        found = super().answer(asked)
        if self.change:
            self.change.pop()()
        return found


@pytest.mark.parametrize("better", [False, True])
@pytest.mark.parametrize("undone", [1, 2, 4])
def test_an_answer_fits_the_prompts_that_are_left_meanwhile(tmp_path, better, undone):
    with clip_project(tmp_path) as project:
        thing = project.add_object("a").id
        answers = FrameAnswers.of(ENGINE, noise_frames(12)[6], 12)
        one = click(project, thing, 6, Prompt.click(50, 40), answers=answers, engine=ENGINE)
        two = click(project, thing, 6, Prompt.click(20, 20), answers=answers, engine=ENGINE)
        three = click(project, thing, 6, Prompt.click(9, 9), answers=answers, engine=ENGINE)
        if not better:
            with project.store.writing() as connection:
                connection.execute("DELETE FROM answers")
        slow = Slow(answers, lambda: [project.undo() for _ in range(undone)])
        again = {"answers": slow, "engine": ENGINE, "better": better}
        mask = answer_again(project, thing, 6, **again)
        if undone == 4:  # the object itself is gone
            assert mask is None
            return
        expected = {1: two, 2: one}[undone]
        assert project.mask(thing, 6) == mask == expected
        project.redo()
        if better:
            assert project.mask(thing, 6) == {1: three, 2: two}[undone]


@pytest.mark.parametrize("better", [False, True])
def test_a_frame_that_is_accepted_meanwhile_stays(tmp_path, better):
    with clip_project(tmp_path) as project:
        thing = project.add_object("a").id
        answers = FrameAnswers.of(ENGINE, noise_frames(12)[6], 12)
        click(project, thing, 6, Prompt.click(50, 40), answers=answers, engine=ENGINE)
        with project.store.writing() as connection:
            if better:
                connection.execute("UPDATE answers SET score = 0.125")
            else:
                connection.execute("DELETE FROM answers")
        before = project.mask(thing, 6)
        slow = Slow(answers, lambda: project.review("a", "accepted", object_id=thing, frames=[6]))
        again = {"answers": slow, "engine": ENGINE, "better": better}
        assert answer_again(project, thing, 6, **again) is None
        assert project.mask(thing, 6) == before
