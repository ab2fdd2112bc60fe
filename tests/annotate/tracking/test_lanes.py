"""Lanes of a timeline, what is fresh, ranges to track, and answers to clicks."""

from __future__ import annotations

import numpy as np
import pytest
from annotate.small_project import add_object, clip_project, run, tiny_engine
from tiny import noise_frames, square_mask

from sam2track import Prompt
from sam2track.annotate import ProjectError
from sam2track.annotate.tracking.answering import FrameAnswers
from sam2track.annotate.tracking.clicking import answer_again, click, needs_answer
from sam2track.annotate.tracking.freshness import Freshness, Span, runs
from sam2track.annotate.tracking.lanes import LanePart, lanes_of
from sam2track.annotate.tracking.planning import Walk, plan_walks

ENGINE = tiny_engine()


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path) as project:
        add_object(project)
        run(project, 1, engine=ENGINE)
        yield project


def lane(project, stale=()):
    return lanes_of(project, project.video("a"), project.objects(), stale)[1]


def stale(project, engine=ENGINE):
    video = project.video("a")
    found = (Freshness(project, own, video, engine) for own in project.objects())
    return [span for own in found for span in own.stale()]


def on(frame):
    return FrameAnswers.of(ENGINE, noise_frames(12)[frame], 12)


@pytest.mark.parametrize(
    ("score", "presence", "kind", "why"),
    [
        (0.9, 4.0, "propagated", ""),
        (0.4, 9.0, "doubtful", "confidence 0.40"),
        (0.52, 3.1, "doubtful", "confidence 0.50"),
        (0.54, 3.1, "propagated", ""),
        (0.9, 0.1, "doubtful", "confidence 0.47"),
        (0.9, 0.3, "propagated", ""),
        (0.0, -4.0, "absent", ""),
    ],
)
def test_kinds_follow_from_score_and_presence(project, score, presence, kind, why):
    with project.store.writing() as connection:
        connection.execute("UPDATE propagated SET score = 0.9, presence = 5")
        connection.execute(
            "UPDATE propagated SET score = ?, presence = ? WHERE frame IN (4, 5)", (score, presence)
        )
    expected = [LanePart(0, 1, "prompted"), LanePart(1, 12, "propagated")]
    if kind != "propagated":
        expected[1:] = [
            LanePart(1, 4, "propagated"),
            LanePart(4, 6, kind, why),
            LanePart(6, 12, "propagated"),
        ]
    assert lane(project) == expected
    (low, *_) = [own for own in project.masks(1) if own.frame == 4]
    assert (low.confidence < 0.5) == (kind == "doubtful")


def test_a_lane_with_holes_masks_by_hand_and_reviews(project):
    with project.store.writing() as connection:
        connection.execute("UPDATE propagated SET score = 0.9, presence = 5")
        connection.execute("DELETE FROM propagated WHERE frame IN (2, 3)")
    project.edit_mask(1, 7, square_mask())
    project.edit_mask(1, 8, np.zeros_like(square_mask()))
    project.review("a", "accepted", frames=[5])
    project.review("a", "rejected", object_id=1, frames=[9, 10])
    project.review("a", locked=True)
    assert lane(project, [Span(1, 4, 6, 1), Span(2, 0, 1, 1)]) == [
        LanePart(0, 1, "prompted"),
        LanePart(1, 2, "propagated"),
        LanePart(4, 7, "propagated"),
        LanePart(7, 8, "brush"),
        LanePart(8, 9, "absent"),
        LanePart(9, 12, "propagated"),
        LanePart(4, 6, "stale"),
        LanePart(5, 6, "accepted"),
        LanePart(9, 11, "rejected"),
        LanePart(0, 12, "locked"),
    ]


def test_runs():
    assert list(runs([1, 2, 3, 7, 9, 10])) == [(1, 4), (7, 8), (9, 11)]
    assert list(runs([])) == []


def test_what_tracking_again_would_change(project):
    assert stale(project) == []
    project.prompt(1, 6, Prompt.click(30, 20))
    assert stale(project) == [Span(1, 6, 12, 1)]
    project.edit_mask(1, 9, square_mask())
    assert stale(project) == [Span(1, 6, 9, 1), Span(1, 10, 12, 1)]
    run(project, 1, engine=ENGINE, start=6, stop=7, direction="forward")
    assert stale(project) == [Span(1, 8, 9, 1), Span(1, 10, 12, 1)]
    other = tiny_engine(seed=2)
    object.__setattr__(other, "weights", "others")
    (whole, *_) = stale(project, other)
    assert whole.start == 0


def test_backward_spans_and_masks_of_no_pass(project):
    two = add_object(project, 6)
    run(project, two, engine=ENGINE)
    project.prompt(two, 3, Prompt.click(30, 20))
    assert stale(project) == [Span(two, 0, 4, -1)]
    for frame in (3, 6):
        project.unprompt(two, frame)
    assert stale(project) == []
    fresh = Freshness(project, project.object(two), project.video("a"), ENGINE)
    assert not any(fresh.fresh(own) for own in project.masks(two))


def test_a_range_tracked_against_the_first_direction_follows_from_its_prompts(project):
    two = add_object(project, 6)
    run(project, two, engine=ENGINE)
    project.prompt(two, 2, Prompt.click(30, 20))
    run(project, two, engine=ENGINE, start=2, stop=5, direction="forward")
    assert stale(project) == [Span(two, 0, 2, -1)]
    project.prompt(two, 4, Prompt.click(20, 20))
    assert [(span.start, span.stop) for span in stale(project)] == [(0, 2), (4, 5), (5, 6)]
    fresh = Freshness(project, project.object(two), project.video("a"), ENGINE)
    assert [own.frame for own in project.masks(two) if not fresh.fresh(own)] == [0, 1, 4, 5]


def test_an_answer_counts_until_its_prompts_change(project):
    tracked = project.mask(1, 5).counts
    mask = click(project, 1, 5, Prompt.click(50, 40), answers=on(5), engine=ENGINE)
    assert project.mask(1, 5) == mask
    assert mask.counts != tracked
    assert project.provenance(mask.provenance_id).direction == 0
    assert lane(project)[2] == LanePart(5, 6, "prompted")
    project.undo("a")
    assert project.mask(1, 5).counts == tracked
    project.redo("a")
    assert project.mask(1, 5) == mask
    run(project, 1, engine=ENGINE)
    assert project.mask(1, 5).provenance_id != mask.provenance_id
    assert not project.store.rows("SELECT * FROM answers")


def test_answers_are_made_again_where_they_are_missing(project):
    answers = on(5)
    one = click(project, 1, 5, Prompt.click(50, 40), answers=answers, engine=ENGINE)
    run(project, 1, engine=ENGINE)
    click(project, 1, 5, Prompt.click(20, 20), answers=answers, engine=ENGINE)
    run(project, 1, engine=ENGINE)
    assert not needs_answer(project, 1, 5, ENGINE)
    project.undo("a")  # its answer was replaced by what was tracked
    assert needs_answer(project, 1, 5, ENGINE)
    made = answer_again(project, 1, 5, answers=answers, engine=ENGINE)
    assert project.mask(1, 5) == made
    assert not needs_answer(project, 1, 5, ENGINE)
    assert answer_again(project, 1, 5, answers=answers, engine=ENGINE) is None
    assert one.made == made.made == "prompt"


def test_the_answer_to_first_prompts_is_what_tracking_gives(tmp_path):
    with clip_project(tmp_path) as project:
        thing = project.add_object("a", "thing").id
        for prompt in (
            Prompt.from_box([10, 8, 40, 30]),
            Prompt.click(30, 20),
            Prompt.click(12, 10, 0),
        ):
            mask = click(project, thing, 3, prompt, answers=on(3), engine=ENGINE)
        run(project, thing, engine=ENGINE)
        tracked = project.mask(thing, 3)
        assert (tracked.counts, tracked.score) == (mask.counts, mask.score)


def test_a_wrong_click_changes_nothing(project):
    thing = project.add_object("a", "thing").id
    entries = len(project.history())
    with pytest.raises(ValueError, match="object 2 is new, and the prompt says only where it is"):
        click(project, thing, 3, Prompt.click(12, 10, 0), answers=on(3), engine=ENGINE)
    assert len(project.history()) == entries


def test_ranges_become_walks(project):
    video = project.video("a")
    two, three = add_object(project, 6), project.add_object("a", "thing").id

    def plan(*objects, start=None, stop=None, direction="forward"):
        return plan_walks(project, video, objects, start, stop, direction)

    assert plan(1, two, three) == [Walk((1, two), None, None, "forward")]
    assert plan(1, two, start=4) == [Walk((1,), 4, 11, "forward"), Walk((two,), 6, 11, "forward")]
    assert plan(two, stop=8, direction="backward") == [Walk((two,), 6, 0, "backward")]
    assert plan(two, start=2, stop=9, direction="both") == [
        Walk((two,), 6, 8, "forward"),
        Walk((two,), 6, 2, "backward"),
    ]
    assert plan(two, start=6, stop=7, direction="both") == [Walk((two,), 6, 6, "forward")]
    with pytest.raises(ProjectError, match="object 3 has no prompt"):
        plan(three, start=2)
    with pytest.raises(ProjectError, match="there is nothing to track; give objects"):
        plan()
    with pytest.raises(ProjectError, match="frames 5 to 4: there are none"):
        plan(1, start=5, stop=5)
