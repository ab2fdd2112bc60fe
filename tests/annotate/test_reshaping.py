"""Objects are merged, split and swapped, frames deleted; undo brings everything back."""

from __future__ import annotations

import numpy as np
import pytest
from annotate.small_project import add_object, clip_project, contents, run, tiny_engine
from tiny import square_mask

from sam2track import Prompt
from sam2track.annotate import ProjectError
from sam2track.annotate.reshaping import absent, clear, merge, split, swap
from sam2track.annotate.review import review_queue
from sam2track.annotate.tasks import make_task, small_project
from sam2track.annotate.tracking.lanes import LanePart, lanes_of


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path) as project:
        add_object(project)
        add_object(project, mask=False)
        run(project, 1, 2, engine=tiny_engine())
        yield project


def shown(project, object_id):
    return {own.frame: own.counts for own in project.masks(object_id)}


def undone_and_redone(project, before):
    """Undo gives what was there, redo what came of it."""
    after, things = contents(project), project.objects()
    project.undo("a")
    assert contents(project) == before
    project.redo("a")
    assert contents(project) == after
    assert project.objects() == things


def test_swap(project):
    before, one, two = contents(project), shown(project, 1), shown(project, 2)
    swap(project, 1, 2, 5)
    assert shown(project, 1) == {k: (two if k >= 5 else one)[k] for k in one}
    assert shown(project, 2) == {k: (one if k >= 5 else two)[k] for k in two}
    undone_and_redone(project, before)
    # Tracking leaves the swapped masks as they are, also after a correction before them.
    project.prompt(1, 3, Prompt.click(30, 20))
    swapped = shown(project, 1)
    assert set(run(project, 1, engine=tiny_engine())) <= {3, 4}
    assert {k: shown(project, 1)[k] for k in range(5, 12)} == {k: swapped[k] for k in range(5, 12)}


def test_swapped_masks_are_as_doubtful_as_they_were(project):
    with project.store.writing() as connection:
        connection.execute("UPDATE propagated SET score = 0.9, presence = 5")
        connection.execute(
            "UPDATE propagated SET score = 0.3, presence = 9 "
            "WHERE object_id = 1 AND frame IN (7, 8)"
        )
    swap(project, 1, 2, 5)
    lanes = lanes_of(project, project.video("a"), project.objects())
    doubtful = LanePart(7, 9, "doubtful", "confidence 0.30")
    assert doubtful in lanes[2]
    assert all(part.kind != "doubtful" for part in lanes[1])
    assert [(item.number, item.frame, item.last) for item in review_queue(project)] == [(2, 7, 8)]
    project.undo("a")
    assert [(item.number, item.frame, item.last) for item in review_queue(project)] == [(1, 7, 8)]


def test_tracking_goes_on_from_swapped_masks(project):
    clear(project, 1, 9, 12)
    clear(project, 2, 9, 12)
    swap(project, 1, 2, 5)
    assert run(project, 1, engine=tiny_engine()) == [9, 10, 11]


def test_split(project):
    before, one = contents(project), shown(project, 1)
    _, made = split(project, 1, 4)
    assert (made.number, made.class_id) == (3, project.object(1).class_id)
    assert shown(project, 1) == {k: one[k] for k in range(4)}
    assert shown(project, made.id) == {k: one[k] for k in range(4, 12)}
    undone_and_redone(project, before)
    project.undo("a")
    with pytest.raises(ProjectError, match="was removed"):
        project.object(made.id)


def test_merge_covers_both(project):
    before, one, two = contents(project), list(project.masks(1)), list(project.masks(2))
    clear(project, 1, 6, 12)
    merge(project, 1, 2)
    assert [thing.id for thing in project.objects()] == [1]
    for frame, mask in enumerate(project.masks(1)):
        expected = two[frame].pixels()
        if frame < 6:
            expected = expected | one[frame].pixels()
        assert np.array_equal(mask.pixels(), expected)
    project.undo("a")
    project.undo("a")
    assert contents(project) == before


def test_deleted_frames_are_tracked_again(project):
    before, one = contents(project), shown(project, 1)
    clear(project, 1, 4, 8)
    assert sorted(shown(project, 1)) == [0, 1, 2, 3, 8, 9, 10, 11]
    undone_and_redone(project, before)
    assert sorted(run(project, 1, engine=tiny_engine())) == [4, 5, 6, 7]
    assert shown(project, 1) == one


def test_deleting_takes_prompts_and_masks_by_hand_back(project):
    project.edit_mask(1, 3, square_mask())
    project.prompt(1, 5, Prompt.click(30, 20))
    before = contents(project)
    clear(project, 1, 0, 12)
    assert not shown(project, 1)
    assert not project.prompts(1)
    project.undo("a")
    assert contents(project) == before
    assert [own.frame for own in project.prompts(1)] == [0, 3, 5]


def test_an_object_that_is_not_on_a_range_of_frames(project):
    project.edit_mask(1, 3, square_mask())
    project.prompt(1, 5, Prompt.click(30, 20))
    before = contents(project)
    project.undo("a")
    project.redo("a")
    entry = absent(project, 1, 2, 8)
    assert entry.what == "clear"
    assert [own.frame for own in project.masks(1) if not own.area] == [2, 3, 4, 5, 6, 7]
    assert [own.frame for own in project.prompts(1)] == [0]
    assert not set(run(project, 1, engine=tiny_engine())) & {2, 3, 4, 5, 6, 7}
    absent(project, 1, 9, 99)
    project.undo("a")
    lanes = lanes_of(project, project.video("a"), project.objects(), [])
    assert LanePart(2, 8, "absent") in lanes[1]
    project.prompt(1, 6, Prompt.click(30, 20))
    assert project.mask(1, 6).made == "propagated"  # until the click is answered
    project.undo("a")
    undone = project.undo("a")
    assert undone.id == entry.id
    assert [own.frame for own in project.prompts(1)] == [0, 3, 5]
    shown_now = contents(project)
    assert all(shown_now[1, frame] == before[1, frame] for frame in range(2, 8))
    project.redo("a")
    assert [own.frame for own in project.masks(1) if not own.area] == [2, 3, 4, 5, 6, 7]


def test_undo_of_an_older_change_after_one_of_these(project):
    project.prompt(1, 5, Prompt.click(30, 20))
    swap(project, 1, 2, 5)
    assert [own.frame for own in project.prompts(1)][:1] == [0]
    project.undo("a")
    assert [own.frame for own in project.prompts(1)] == [0, 5]
    assert project.undo("a").what == "prompt"
    assert project.redo("a").what == "prompt"
    assert project.redo("a").what == "swap"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: merge(p, 1, 1), "object 1 was given twice; give two objects"),
        (lambda p: split(p, 1, 0), "object 1 cannot be split at frame 0: it has no mask before it"),
        (lambda p: split(p, 1, 12), "frame 12: video 'a' has frames 0 to 11"),
        (lambda p: swap(p, 1, 9, 1), "object 9 is not in this project"),
        (lambda p: clear(p, 1, 4, 4), "frames 4 to 3: there are none; give a stop above start"),
    ],
)
def test_what_makes_no_sense_is_refused(project, change, message):
    before = contents(project)
    with pytest.raises(ProjectError, match=message):
        change(project)
    assert contents(project) == before


def test_the_last_prompt_is_taken_back(project):
    project.prompt(1, 6, Prompt.click(30, 20))
    project.prompt(1, 6, Prompt.click(20, 20, 0))
    project.withdraw(1, 6)
    assert [own.prompt.labels.tolist() for own in project.prompts(1)][1:] == [[1]]
    project.undo("a")
    assert len(project.prompts(1)) == 3
    project.redo("a")
    project.withdraw(1, 6)
    assert [own.frame for own in project.prompts(1)] == [0]
    with pytest.raises(ProjectError, match="object 1 has no prompt on frame 6"):
        project.withdraw(1, 6)
    project.undo("a")
    project.undo("a")
    assert len(project.prompts(1)) == 3


def test_a_mask_by_hand_that_is_taken_back_shows_the_prompts_before_it(project):
    project.prompt(1, 6, Prompt.click(30, 20))
    project.edit_mask(1, 6, square_mask())
    assert project.mask(1, 6).made == "brush"
    project.withdraw(1, 6)
    assert project.mask(1, 6).made == "propagated"
    assert [own.frame for own in project.prompts(1)] == [0, 6]


def test_a_worker_takes_such_entries_along(project, tmp_path):
    project.prompt(1, 5, Prompt.click(30, 20))
    project.edit_mask(1, 8, square_mask())
    clear(project, 1, 4, 9)
    swap(project, 1, 2, 9)
    task = make_task(project, project.video("a"), "key", {})
    with small_project(task, tmp_path / "small") as small:
        assert contents(small) == contents(project)
        small.undo("a")
        small.undo("a")
        assert [own.frame for own in small.prompts(1)] == [0, 5, 8]
