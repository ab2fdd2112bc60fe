"""Propagation: which frames it tracks, which it leaves alone, and that results are reproducible."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from annotate.small_project import add_object, clip_project, contents, run, tiny_engine
from tiny import SIZE, square_mask

from sam2track import Prompt, TrackingSession
from sam2track.annotate import Project, ProjectError
from sam2track.annotate.tracking import propagation
from sam2track.memory import TreeSettings

LENGTH = 12


def test_forward_backward_and_both(project, engine):
    one = add_object(project, 4)
    assert run(project, one, engine=engine, direction="forward") == list(range(4, LENGTH))
    assert run(project, one, engine=engine) == [3, 2, 1, 0]
    assert [mask.frame for mask in project.masks(one)] == list(range(LENGTH))
    assert project.mask(one, 4).made == "prompt"
    assert project.mask(one, 5).made == "propagated"
    assert run(project, one, engine=engine) == []
    assert all(0 <= mask.confidence <= 1 for mask in project.masks(one))


def test_a_range_and_an_explicit_start(project, engine):
    one = add_object(project, 2)
    assert run(project, one, engine=engine, start=4, stop=6, direction="forward") == [4, 5, 6]
    assert run(project, one, engine=engine, start=2, direction="forward", stop=5) == [2, 3]
    project.prompt(one, 9, Prompt.from_mask(square_mask()))
    assert run(project, one, engine=engine, start=9, stop=7, direction="backward") == [9, 8, 7]
    with pytest.raises(ProjectError, match="object 1 has no prompt on frame 11 or after it"):
        run(project, one, engine=engine, start=11, direction="backward")
    with pytest.raises(ProjectError, match="start=4, stop=2: forward there is nothing; swap"):
        run(project, one, engine=engine, start=4, stop=2, direction="forward")
    with pytest.raises(ProjectError, match=r"stop=2: give start= and one direction with it"):
        run(project, one, engine=engine, stop=2)
    with pytest.raises(ProjectError, match="start=12: the video has frames 0 to 11"):
        run(project, one, engine=engine, start=12)


def test_a_range_equals_that_part_of_the_whole(tmp_path, engine):
    with clip_project(tmp_path / "x") as whole, clip_project(tmp_path / "y") as part:
        for project in (whole, part):
            add_object(project, 0)
        run(whole, 1, engine=engine)
        run(part, 1, engine=engine, start=5, stop=8, direction="forward")
        expected = contents(whole)
        assert contents(part) == {place: expected[place] for place in contents(part)}
        assert len(contents(part)) == 4


def test_only_what_comes_after_a_correction_is_tracked_again(project, engine):
    one, other = add_object(project, 0), add_object(project, 0, mask=False)
    run(project, one, other, engine=engine)
    before = contents(project)
    project.prompt(one, 7, Prompt.click(50, 40))
    assert run(project, one, other, engine=engine) == list(range(7, LENGTH))
    after = contents(project)
    changed = {place for place in after if after[place] != before[place]}
    assert changed == {(one, frame) for frame in range(7, LENGTH)}


def test_a_correction_before_the_first_prompt_changes_what_lies_before(project, engine):
    one = add_object(project, 6)
    run(project, one, engine=engine)
    project.prompt(one, 3, Prompt.click(30, 30))
    assert run(project, one, engine=engine) == [3, 2, 1, 0]


def test_undo_and_redo_of_a_correction(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    before = contents(project)
    project.prompt(one, 7, Prompt.click(50, 40))
    run(project, one, engine=engine)
    corrected = contents(project)
    assert corrected != before
    project.undo()
    assert run(project, one, engine=engine) == list(range(7, LENGTH))
    assert contents(project) == before
    project.redo()
    run(project, one, engine=engine)
    assert contents(project) == corrected


def test_going_on_from_a_state_equals_beginning_anew(tmp_path, engine, monkeypatch):
    found = []
    for name, seconds in (("x", 0.0), ("y", 1e9)):
        monkeypatch.setattr(propagation, "SAVE_EVERY", seconds)
        with clip_project(tmp_path / name) as project:
            one = add_object(project, 0)
            run(project, one, engine=engine)
            project.prompt(one, 7, Prompt.click(50, 40))
            steps = [s.frame for s in project.propagate([one], engine=engine)]
            assert steps == (list(range(7, LENGTH)) if name == "x" else list(range(LENGTH)))
            found.append(contents(project))
    assert found[0] == found[1]


def test_an_object_that_is_added_or_removed_changes_no_other(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    before = contents(project)
    other = add_object(project, 3, mask=False)
    run(project, one, other, engine=engine)
    assert {p: v for p, v in contents(project).items() if p[0] == one} == before
    assert len([p for p in contents(project) if p[0] == other]) == LENGTH
    project.remove_object(other)
    assert contents(project) == before
    with pytest.raises(ProjectError, match="object 2 was removed; undo brings it back"):
        project.mask(other, 0)
    project.undo()
    assert len(contents(project)) == 2 * LENGTH


@pytest.mark.parametrize("how", [{"state": "accepted"}, {"locked": True}])
def test_barriers_do_not_change_and_end_a_pass(project, engine, how):
    one, other = add_object(project, 0), add_object(project, 0, mask=False)
    run(project, one, other, engine=engine)
    before = contents(project)
    project.review("a", object_id=one, frames=[6, 7], **how)
    project.prompt(one, 3, Prompt.click(50, 40))
    assert run(project, one, other, engine=engine) == [3, 4, 5]
    after = contents(project)
    changed = {place for place in after if after[place] != before[place]}
    assert changed == {(one, frame) for frame in (3, 4, 5)}


def test_beyond_a_barrier_tracking_begins_with_its_mask(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    project.review("a", "accepted", object_id=one, frames=range(6))
    assert run(project, one, engine=engine) == []
    project.prompt(one, 8, Prompt.click(50, 40))
    assert run(project, one, engine=engine) == list(range(8, LENGTH))
    frames = [6, 7, 8, 9, 10, 11]
    assert run(project, one, engine=engine, start=5, direction="forward")[:2] == frames[:2]


def test_nothing_is_tracked_where_all_is_accepted(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    project.review("a", "accepted")
    project.prompt(one, 3, Prompt.click(50, 40))
    assert run(project, one, engine=engine) == []


def test_a_mask_by_hand_stays_and_corrects_what_follows(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    before = contents(project)
    mask = np.zeros(SIZE, bool)
    mask[20:40, 5:25] = True
    project.edit_mask(one, 5, mask)
    assert run(project, one, engine=engine) == list(range(6, LENGTH))
    assert project.mask(one, 5).made == "brush"
    assert (project.mask(one, 5).pixels() == mask).all()
    assert project.mask(one, 5).confidence == 1
    project.undo()
    assert contents(project)[one, 5] == before[one, 5]
    run(project, one, engine=engine)
    assert contents(project) == before


def test_an_empty_mask_by_hand_says_that_it_is_not_there(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    project.edit_mask(one, 5, np.zeros(SIZE, bool))
    assert run(project, one, engine=engine) == []
    assert not project.mask(one, 5).pixels().any()


def test_a_prompt_replaces_a_mask_by_hand(project, engine):
    one = add_object(project, 0)
    project.edit_mask(one, 5, square_mask())
    project.prompt(one, 5, Prompt.click(30, 20))
    run(project, one, engine=engine)
    assert project.mask(one, 5).made == "prompt"
    project.undo()
    assert project.mask(one, 5).made == "brush"


def test_prompts_that_are_taken_back(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    before = contents(project)
    project.prompt(one, 4, Prompt.click(50, 40))
    project.prompt(one, 4, Prompt.click(40, 40, 0))
    assert len(project.prompts(one)) == 3
    run(project, one, engine=engine)
    project.unprompt(one, 4)
    run(project, one, engine=engine)
    assert contents(project) == before
    project.undo()
    assert len(project.prompts(one)) == 3


def test_leaving_the_loop_cancels_and_keeps_what_is_finished(project, engine):
    one = add_object(project, 0)
    for step in project.propagate([one], engine=engine):
        if step.frame == 4:
            break
    assert [mask.frame for mask in project.masks(one)] == [0, 1, 2, 3, 4]
    assert run(project, one, engine=engine) == list(range(5, LENGTH))
    entries = [entry for entry in project.history() if entry.what == "propagate"]
    assert [entry.data["ended"] for entry in entries] == [False, True]


def test_a_broken_off_run_goes_on_to_the_same_masks(tmp_path, engine, monkeypatch):
    monkeypatch.setattr(propagation, "SAVE_EVERY", 0.0)
    with clip_project(tmp_path / "x") as whole, clip_project(tmp_path / "y") as broken:
        for project in (whole, broken):
            add_object(project, 3), add_object(project, 0, mask=False), add_object(project, 7)
        run(whole, 1, 2, 3, engine=engine)
        for count in (2, 5, 4, 3):
            steps = project.propagate([1, 2, 3], engine=engine)
            for _ in range(count):
                next(steps)
            steps.close()
        run(broken, 1, 2, 3, engine=engine)
        assert contents(broken) == contents(whole)


def test_a_run_goes_on_with_the_objects_that_it_had(tmp_path, engine):
    """An object that ended before the kill is not tracked again, and rounding is the same."""
    with clip_project(tmp_path / "x") as whole, clip_project(tmp_path / "y") as broken:
        for project in (whole, broken):
            add_object(project, 0), add_object(project, 1, mask=False)
            project.review("a", object_id=1, frames=[5], locked=True)
        run(whole, 1, 2, engine=engine)
        steps = broken.propagate([1, 2], engine=engine)
        while next(steps).frame != 7:
            pass
        steps.close()
        run(broken, 1, 2, engine=engine)
        assert contents(broken) == contents(whole)


def test_other_weights_are_noticed(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    assert run(project, one, engine=tiny_engine(seed=2)) == list(range(LENGTH))
    made = project.provenance(project.mask(one, 5).provenance_id)
    assert (made.model, made.weights, made.direction) == ("tiny", "seed 2", 1)


def test_objects_of_two_videos_are_refused(tmp_path, engine):
    with clip_project(tmp_path, clips=2) as project:
        add_object(project), add_object(project, video="b")
        with pytest.raises(ProjectError, match="these objects are of several videos"):
            run(project, 1, 2, engine=engine)


def test_a_first_prompt_that_says_only_where_it_is_not(project, engine):
    thing = project.add_object("a", "thing")
    project.prompt(thing.id, 0, Prompt.click(5, 5, 0))
    with pytest.raises(ProjectError, match="object 1 would begin on frame 0 with clicks that are"):
        run(project, thing.id, engine=engine)


def test_a_frame_that_cannot_be_read_keeps_those_before(project, engine):
    one = add_object(project, 0)
    place = project.folder.parent / "a" / "006.png"
    stamp = place.stat()
    data = place.read_bytes()
    place.write_bytes(data[:80] + bytes(len(data) - 80))
    os.utime(place, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(ValueError, match=r"006.png"):
        run(project, one, engine=engine)
    assert [mask.frame for mask in project.masks(one)] == list(range(6))


def test_a_memory_that_decides_later_gives_its_masks_too(project):
    slow = tiny_engine(memory=TreeSettings(lag=3))
    one = add_object(project, 2)
    run(project, one, engine=slow)
    assert [mask.frame for mask in project.masks(one)] == list(range(LENGTH))
    assert run(project, one, engine=slow) == []


def test_the_same_masks_as_the_command(project, engine):
    """Frames from the first prompt on equal those of a session that is stepped by hand."""
    one = add_object(project, 0)
    run(project, one, engine=engine)
    session = engine.start(length=LENGTH)
    assert isinstance(session, TrackingSession)
    with project.open_video("a") as video:
        session.prompt(1, Prompt.from_mask(square_mask()), video[0])
        for frame in video:
            expected = session.step(frame).mask(1)
            assert (project.mask(one, frame.index).pixels() == expected).all()


def test_reading_while_another_writes(project, engine):
    one = add_object(project, 0)
    run(project, one, engine=engine)
    with Project.open(project.folder, read_only=True) as reader:
        assert contents(reader) == contents(project)
        with pytest.raises(ProjectError, match="was opened for reading; open it for writing"):
            reader.add_object("a")


def test_a_project_is_used_by_several_threads(project, engine):
    """As a server does: one thread propagates, another one reads and edits meanwhile."""
    one, other = add_object(project, 0), add_object(project, 0, mask=False)
    worker = threading.Thread(target=run, args=(project, one), kwargs={"engine": engine})
    worker.start()
    frame = 0
    while worker.is_alive():
        frame = (frame + 1) % LENGTH
        project.prompt(other, frame, Prompt.click(30, 20))
        project.review("a", object_id=other, frames=[frame], comment="seen")
        list(project.masks(one))
        project.undo()
        project.undo()
    worker.join()
    assert [mask.frame for mask in project.masks(one)] == list(range(LENGTH))
    assert [item.frame for item in project.prompts(other)] == [0]
