"""Prompts that are found: made once, kept in the project, gone on with after a kill."""

from __future__ import annotations

import json

import numpy as np
import pytest
from annotate.small_project import LENGTH, clip_project, contents
from annotate.worker_engines import found_masks
from tiny import SIZE, square_mask

from sam2track import Prompt
from sam2track.annotate import Project
from sam2track.annotate.executors.worker import carry_out
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.prompting.automatic import FoundPrompts, found_objects
from sam2track.annotate.review import review_queue
from sam2track.annotate.tasks import unpack
from sam2track.track import Proposal


def corner() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[-12:, -16:] = True
    return mask


class Finder:
    """Finds a square on frame 0, and a corner on frame 5; writes down on which frames it looked."""

    def __init__(self) -> None:
        self.frames: list[int] = []

    def __call__(self, frame, where):
        self.frames.append(frame.index)
        if frame.index == 5:
            return [Proposal(Prompt.from_mask(corner()), "car")]
        return [Proposal(Prompt.from_mask(square_mask()))] if not frame.index else []


def told(project):
    return [
        (thing.number, item.frame, item.prompt.mask.sum())
        for thing in project.objects()
        for item in project.prompts(thing.id)
    ]


def run(project, engine, tmp_path, find, **options):
    source = FoundPrompts(project, engine, find, every=5)
    return Jobs(project, engine, found=lambda *_: source, **options).run(tmp_path / "a")


def test_prompts_are_made_once_and_say_where_they_come_from(project, engine, tmp_path):
    finder = Finder()
    first = run(project, engine, tmp_path, finder)
    assert first.status == "done", first.error
    assert finder.frames == [0, 5, 10]
    assert told(project) == [(1, 0, square_mask().sum()), (2, 5, corner().sum())]
    sources = [e.data["source"] for e in project.history("a") if e.what == "prompt"]
    assert sources == ["automatic, frame 0", "automatic, frame 5"]
    names = {own.id: own.name for own in project.classes()}
    assert [names[thing.class_id] for thing in project.objects()] == ["object", "car"]
    assert set(contents(project)) == {(k, frame) for k in (1, 2) for frame in range(LENGTH)}
    before = contents(project)
    assert run(project, engine, tmp_path, finder).status == "before"
    assert finder.frames == [0, 5, 10]
    assert contents(project) == before


def test_a_job_that_was_killed_after_looking_goes_on_with_the_same_prompts(
    project, engine, tmp_path
):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    found = {}
    for folder in (whole, broken):
        with clip_project(folder) as own:
            finder = Finder()
            source = FoundPrompts(own, engine, finder, every=5)
            jobs = Jobs(own, engine, found=lambda *_, source=source: source)
            if folder is broken:

                def killed(steps):
                    for count, step in enumerate(steps):
                        if count == 4:
                            raise KeyboardInterrupt
                        yield step

                with pytest.raises(KeyboardInterrupt):
                    jobs.run(folder / "a", killed)
            assert jobs.run(folder / "a").status == "done"
            assert finder.frames == [0, 5, 10]
            found[folder] = contents(own), told(own)
    assert found[whole] == found[broken]


def test_a_persons_objects_stay_and_begin_no_second_one(project, engine, tmp_path):
    thing = project.add_object("a", "thing", number=7)
    project.prompt(thing.id, 0, Prompt.from_mask(square_mask()))
    finder = Finder()
    run(project, engine, tmp_path, finder)
    assert told(project) == [(7, 0, square_mask().sum()), (8, 5, corner().sum())]
    assert found_objects(project, project.video("a")) == {project.objects("a")[1].id}


def test_a_removed_object_is_not_found_again_and_a_correction_counts(project, engine, tmp_path):
    finder = Finder()
    run(project, engine, tmp_path, finder)
    one = project.objects("a")[0]
    project.remove_object(project.objects("a")[1].id)
    project.prompt(one.id, 4, Prompt.click(30, 20))
    again = run(project, engine, tmp_path, finder)
    assert (again.status, again.objects) == ("done", 1)
    assert finder.frames == [0, 5, 10]
    assert [item.frame for item in project.prompts(one.id)] == [0, 4]


def test_a_video_in_which_nothing_is_found_is_done(project, engine, tmp_path):
    looked = []

    def nothing(frame, where):
        looked.append(frame.index)
        return []

    found = run(project, engine, tmp_path, nothing, check=True)
    assert (found.status, found.objects, found.error) == ("done", 0, "")
    assert run(project, engine, tmp_path, nothing, check=True).status == "before"
    assert Jobs(project, engine).run(tmp_path / "a").status == "before"
    assert looked == [0, 5, 10]
    other = {"finder": "detector b.onnx", "check": True}
    assert run(project, engine, tmp_path, nothing, **other).status == "done"
    assert looked == [0, 5, 10] * 2
    assert project.objects() == []


def test_another_least_quality_rates_again_and_so_does_the_first_one(project, engine, tmp_path):
    finder, states = Finder(), []
    for least in (0.0, 1.0, 0.0, 0.0):
        again = run(project, engine, tmp_path, finder, check=True, min_quality=least)
        rejected = [own for own in project.reviews("a") if own.state == "rejected"]
        states.append((again.status, len(rejected)))
    assert states == [("done", 0), ("done", 2), ("done", 0), ("before", 0)]


def test_without_prompts_what_an_automatic_run_did_is_finished(project, engine, tmp_path):
    run(project, engine, tmp_path, Finder(), check=True)
    again = Jobs(project, engine).run(tmp_path / "a")
    assert (again.status, again.objects) == ("before", 2)
    project.prompt(project.objects("a")[0].id, 4, Prompt.click(30, 20))
    assert Jobs(project, engine).run(tmp_path / "a").status == "done"


def test_a_frame_that_cannot_be_read_leaves_no_prompts(project, engine, tmp_path):
    def broken(frame, where):
        if frame.index:
            raise ValueError("no\nmemory")
        return [Proposal(Prompt.from_mask(square_mask()))]

    assert run(project, engine, tmp_path, broken).error == "no memory"
    assert project.objects() == []
    assert json.dumps([e.what for e in project.history("a")]) == '["add video"]'


def test_it_is_opened_for_reading_afterwards(project, engine, tmp_path):
    run(project, engine, tmp_path, Finder(), check=True)
    project.close()
    with Project.open(tmp_path / "P", read_only=True) as reader:
        assert any(entry.what == "quality" for entry in reader.history("a"))


def test_a_worker_finds_and_rates_the_same(project, engine, tmp_path):
    told = {}
    for folder, by_worker in ((tmp_path / "here", False), (tmp_path / "there", True)):
        with clip_project(folder, clips=2) as own:
            jobs = Jobs(own, engine, found=found_masks, check=True)
            jobs.run(folder / "b")  # so that ids differ from those of the worker
            if by_worker:
                job = jobs.begin(folder / "a")
                result = unpack(carry_out(jobs.task(job), engine, folder / "work"))
                assert jobs.deliver(job, result).status == "done"
            else:
                jobs.run(folder / "a")
            assert jobs.run(folder / "a").status == "before"
            entries = [(e.what, e.object_id, e.data) for e in own.history() if e.what == "quality"]
            told[by_worker] = contents(own), entries, review_queue(own), own.reviews("a")
    assert told[True] == told[False]
    assert len(told[True][1]) == 4
