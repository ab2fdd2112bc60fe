"""Many videos: each once, failures recorded, going on after a change."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from annotate.small_project import LENGTH, contents, run, tiny_engine, write_clip
from PIL import Image
from tiny import SIZE, square_mask

from sam2track import Prompt
from sam2track.annotate import Project, ProjectError
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.prompting.sources import prompt_source
from sam2track.prompts import PlacedPrompt


@pytest.fixture(scope="module")
def engine():
    return tiny_engine()


@pytest.fixture
def project(tmp_path):
    for seed, name in enumerate("ab"):
        write_clip(tmp_path / name, seed=seed)
    with Project.create(tmp_path / "P") as made:
        yield made


def square(video, place):
    return [PlacedPrompt(2, 3, Prompt.from_mask(square_mask()), "a test")]


def job_rows(project):
    return [tuple(row) for row in project.store.rows("SELECT state, tries, frames FROM jobs")]


def test_a_video_is_done_once(project, engine, tmp_path):
    jobs = Jobs(project, engine, square, "cat")
    first = jobs.run(tmp_path / "a")
    assert (first.name, first.status, first.objects, first.frames) == ("a", "done", 1, LENGTH)
    before = contents(project)
    (cat,) = project.objects("a")
    assert (cat.number, project.classes()[0].name) == (2, "cat")
    again = jobs.run(tmp_path / "a")
    assert (again.status, again.frames, again.objects) == ("before", 0, 1)
    assert contents(project) == before
    assert job_rows(project) == [("done", 1, LENGTH)]
    assert [review.state for review in project.reviews("a")] == ["review"]
    assert project.store.rows("SELECT * FROM states") == []


def test_a_video_that_fails_is_recorded_and_may_succeed_later(project, engine, tmp_path):
    jobs = Jobs(project, engine, square)
    path = tmp_path / "c"
    assert jobs.run(path).error == f"no such video: {path}; check the path"
    assert jobs.run(path).status == "failed"
    assert [row["error"] for row in project.store.rows("SELECT error FROM jobs")] == [
        f"no such video: {path}; check the path"
    ]
    shutil.move(tmp_path / "a", path)
    assert jobs.run(path).status == "done"
    assert job_rows(project) == [("done", 1, LENGTH)]


def test_a_frame_that_is_damaged_fails_and_goes_on_when_it_is_repaired(project, engine, tmp_path):
    jobs = Jobs(project, engine, square)
    project.add_videos([tmp_path / "a"])
    picture = tmp_path / "a" / "008.png"
    whole = picture.read_bytes()
    stamp = picture.stat()
    picture.write_bytes(whole[:80] + bytes(len(whole) - 80))
    os.utime(picture, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    failed = jobs.run(tmp_path / "a")
    assert "008.png" in failed.error
    assert len(contents(project)) == 5  # frames 3 to 7
    picture.write_bytes(whole)
    assert jobs.run(tmp_path / "a").frames == LENGTH - 4  # and frame 3, backward
    assert job_rows(project) == [("done", 2, LENGTH + 1)]


def test_prompts_that_do_not_fit_fail_before_anything_is_added(project, engine, tmp_path):
    far = [PlacedPrompt(1, 99, Prompt.click(3, 3), "prompts.json, entry 1")]
    found = Jobs(project, engine, lambda video, place: far).run(tmp_path / "a")
    assert found.error.startswith("prompts.json, entry 1: frame 99 is beyond the end")
    assert project.objects() == []


def test_prompts_of_the_project_and_corrections(project, engine, tmp_path):
    jobs = Jobs(project, engine, square)
    jobs.run(tmp_path / "a")
    (thing,) = project.objects("a")
    project.prompt(thing.id, 8, Prompt.click(50, 40))
    assert jobs.run(tmp_path / "a").frames == LENGTH - 3  # its states were given back
    assert jobs.run(tmp_path / "a").status == "before"
    assert len(project.prompts(thing.id)) == 2
    project.undo()
    assert Jobs(project, engine).run(tmp_path / "a").status == "done"  # prompts of the project
    assert jobs.run(tmp_path / "a").status == "before"


def test_prompts_of_a_file_that_change(project, engine, tmp_path):
    Jobs(project, engine, square).run(tmp_path / "a")
    (thing,) = project.objects("a")
    project.prompt(thing.id, 8, Prompt.click(50, 40))
    other = [PlacedPrompt(2, 1, Prompt.click(30, 20), "x"), PlacedPrompt(5, 0, Prompt.click(9, 9))]
    assert Jobs(project, engine, lambda video, place: other).run(tmp_path / "a").objects == 2
    assert sorted(item.frame for item in project.prompts(thing.id)) == [1, 8]


def test_prompts_that_change_and_change_back(project, engine, tmp_path):
    far = [PlacedPrompt(2, 3, Prompt.click(9, 9), "x")]
    one, other = Jobs(project, engine, square), Jobs(project, engine, lambda video, place: far)
    one.run(tmp_path / "a")
    before = contents(project)
    other.run(tmp_path / "a")
    assert contents(project) != before
    assert one.run(tmp_path / "a").status == "done"
    assert contents(project) == before
    assert one.run(tmp_path / "a").status == "before"


def test_a_correction_that_was_undone(project, engine, tmp_path):
    jobs = Jobs(project, engine, square)
    jobs.run(tmp_path / "a")
    before = contents(project)
    (thing,) = project.objects("a")
    project.prompt(thing.id, 8, Prompt.click(50, 40))
    run(project, thing.id, engine=engine)
    project.undo()
    assert jobs.run(tmp_path / "a").status == "done"
    assert contents(project) == before


def test_an_object_that_a_person_removed_stays_removed(project, engine, tmp_path):
    both = [*square(None, None), PlacedPrompt(1, 0, Prompt.click(9, 9))]
    jobs = Jobs(project, engine, lambda video, place: both)
    jobs.run(tmp_path / "a")
    project.remove_object(project.objects("a")[0].id)
    assert jobs.run(tmp_path / "a").objects == 1


def test_a_video_without_objects(project, engine, tmp_path):
    found = Jobs(project, engine).run(tmp_path / "a")
    assert (found.status, found.error) == ("failed", "it has no object; give prompts")


def test_an_error_that_nobody_expected(project, engine, tmp_path):
    def broken(video, place):
        raise RuntimeError("out of\nmemory")

    assert Jobs(project, engine, broken).run(tmp_path / "a").error == "RuntimeError: out of memory"


def test_a_project_that_cannot_be_written_ends_the_work(project, engine, tmp_path):
    project.close()
    with (
        Project.open(tmp_path / "P", read_only=True) as reader,
        pytest.raises(ProjectError, match="was opened for reading"),
    ):
        Jobs(reader, engine, square).run(tmp_path / "a")


def write_mask(path, mask):
    Image.fromarray(np.uint8(mask) * 255).save(path)


def test_where_prompts_come_from(project, tmp_path):
    video = project.add_videos([tmp_path / "a"])[0].video
    place = tmp_path / "a"
    with pytest.raises(ValueError, match=r"prompts=first: there is no a.png beside it"):
        prompt_source("first")(video, place)
    write_mask(tmp_path / "a.png", square_mask())
    (item,) = prompt_source("first")(video, place).placed
    assert (item.object_id, item.frame, item.prompt.mask.shape) == (1, 0, SIZE)
    (tmp_path / "a.json").write_text(json.dumps([{"object": 3, "frame": 2, "points": [[4, 5]]}]))
    for spec in (str(tmp_path / "a.json"), "{folder}/{name}.json", "{video}.json"):
        (item,) = prompt_source(spec)(video, place).placed
        assert (item.object_id, item.frame) == (3, 2)
    with pytest.raises(ValueError, match=r"no such prompts file: .*b.json"):
        prompt_source("{folder}/{name}.json")(video, tmp_path / "b")
    with pytest.raises(ValueError, match="no such prompts file"):
        prompt_source("no.json")
