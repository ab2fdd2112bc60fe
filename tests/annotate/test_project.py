"""The project's values: what is stored comes back, what is wrong is said in one line."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from annotate.small_project import LENGTH, add_object, clip_project, write_clip
from tiny import SIZE, square_mask

from sam2track import Prompt
from sam2track.annotate import Attribute, ChangedVideo, Project, ProjectError


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path) as made:
        yield made


def again(project):
    """The project, read from the disk."""
    project.close()
    return Project.open(project.folder, who="test")


def refuses(message):
    return pytest.raises(ValueError, match=f"(?s)^(?!.*\n).*{message}")


def test_a_video_comes_back_as_it_was(project, tmp_path, clip_path):
    project.add_videos([clip_path])
    with again(project) as opened:
        pictures, film = opened.videos()
        assert (pictures.name, pictures.path, pictures.size) == ("a", "../a", SIZE)
        assert (pictures.length, pictures.times) == (LENGTH, None)
        assert pictures.frame_names[:2] == ("000.png", "001.png")
        assert (film.name, film.length, film.fps, film.frame_names) == ("square", 8, 10, None)
        assert film.times == pytest.approx([k / 10 for k in range(8)])
        assert opened.video("a") == opened.video(1) == pictures
        with opened.open_video("a") as video:
            assert video[3].image.shape == (*SIZE, 3)


def test_videos_of_one_name(project, tmp_path):
    (added,) = project.add_videos([write_clip(tmp_path / "other" / "a", seed=9)])
    assert (added.status, added.video.name) == ("added", "a-2")


def test_a_video_that_was_moved_is_found_by_its_content(project, tmp_path):
    place = shutil.move(tmp_path / "a", tmp_path / "elsewhere")
    with refuses("video 'a' is not at .*/a any more; if it was moved, add it from its new place"):
        project.open_video("a")
    (added,) = project.add_videos([place])
    assert (added.status, added.video.id, added.video.path) == ("moved", 1, "../elsewhere")
    project.open_video("a").close()


def test_a_video_that_is_there_twice_is_one(project, tmp_path):
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    found = project.add_videos([tmp_path / "a", tmp_path / "b"])
    assert [added.status for added in found] == ["known", "copy"]
    assert len(project.videos()) == 1
    assert [entry.what for entry in project.history()] == ["add video"]  # nothing has changed


def test_a_video_that_has_changed_is_noticed(project, tmp_path):
    shutil.copy(tmp_path / "a" / "001.png", tmp_path / "a" / "005.png")
    with pytest.raises(ChangedVideo, match=r"video 'a' has changed: .*; restore it, or give"):
        project.open_video("a")
    with pytest.raises(ChangedVideo, match="video 'a' has changed"):
        project.add_videos([tmp_path / "a"])


def test_a_video_that_was_only_touched_is_the_same(project, tmp_path):
    picture = tmp_path / "a" / "003.png"
    picture.write_bytes(picture.read_bytes())
    project.open_video("a").close()
    assert project.add_videos([tmp_path / "a"])[0].status == "known"


def test_a_live_source_is_refused(project):
    with refuses("no such video"):
        project.add_videos(["no.mp4"])


def test_classes_and_attributes(project):
    attributes = [Attribute("team", "select", ("red", "blue"), "red"), Attribute("age", "number")]
    project.add_class("müll ✓", (1, 2, 255), attributes)
    thing = project.add_object("a", "müll ✓", name="first", attributes={"team": "blue", "age": "3"})
    with again(project) as opened:
        (found,) = opened.classes()
        assert (found.name, found.colour, found.attributes) == (
            "müll ✓",
            (1, 2, 255),
            tuple(attributes),
        )
        assert opened.object(thing.id) == thing
        for wrong, message in (
            ({"size": "3"}, "class 'müll ✓' has no attribute 'size'; there are: team, age"),
            ({"team": "green"}, "attribute 'team' of class 'müll ✓' is 'green'; give red or blue"),
            ({"age": "old"}, "attribute 'age' of class 'müll ✓' is 'old'; give a number"),
        ):
            with refuses(message):
                opened.add_object("a", "müll ✓", attributes=wrong)
        assert len(opened.objects()) == 1


def test_numbers_of_objects_are_never_used_twice(project):
    assert [project.add_object("a").number for _ in range(2)] == [1, 2]
    project.remove_object(2)
    assert project.add_object("a").number == 3
    assert project.add_object("a", number=7).number == 7
    with refuses("the video has an object 7 already, or had one; give another number"):
        project.add_object("a", number=7)
    assert [thing.number for thing in project.objects("a")] == [1, 3, 7]


def test_changes_of_an_object_are_undone_and_redone(project):
    thing = project.add_object("a", "cat", name="x", colour=(9, 8, 7))
    changed = project.change_object(thing.id, class_name="dog", name="y")
    assert (changed.name, changed.colour) == ("y", (9, 8, 7))
    assert [one.name for one in project.classes()] == ["cat", "dog"]
    project.undo()
    assert project.object(thing.id) == thing
    project.redo()
    assert project.object(thing.id) == changed
    project.undo()
    project.undo()
    assert project.objects() == []
    project.redo()
    assert project.objects() == [thing]
    with refuses("no object|is not in this project"):
        project.object(99)


def test_undo_ends_and_redo_ends_with_something_new(project):
    with refuses("there is nothing to undo"):
        project.undo()
    one = add_object(project)
    project.prompt(one, 2, Prompt.click(4, 4))
    project.undo()
    project.prompt(one, 3, Prompt.click(4, 4))
    with refuses("there is nothing to redo"):
        project.redo()
    for _ in range(3):
        project.undo()
    with refuses("there is nothing to undo"):
        project.undo()
    for _ in range(3):
        project.redo()
    assert [item.frame for item in project.prompts(one)] == [0, 3]


def test_undo_of_one_video(tmp_path):
    with clip_project(tmp_path, clips=2) as project:
        one, other = add_object(project), add_object(project, video="b")
        assert project.undo("a").object_id == one
        assert len(project.prompts(one)) == 0
        assert len(project.prompts(other)) == 1


def test_what_is_in_a_video_that_was_taken_out_is_not_undone(tmp_path):
    with clip_project(tmp_path, clips=2) as project:
        one, two = add_object(project, video="a"), add_object(project, video="b")
        project.remove_video("b")
        assert project.undo().object_id == one
        assert project.redo().object_id == one
        project.add_videos([tmp_path / "b"])
        assert len(project.prompts(two)) == 1
        assert project.undo("b").object_id == two


def test_the_log_says_who_did_what(project):
    one = add_object(project)
    project.undo()
    with again(project) as opened:
        entries = opened.history("a")
        assert [entry.what for entry in entries] == ["add video", "add object", "prompt", "undo"]
        assert [entry.who for entry in entries] == ["test"] * 4
        assert [entry.undone for entry in entries] == [False, False, True, False]
        assert entries[-1].target == entries[-2].id
        assert (entries[2].object_id, entries[2].frame) == (one, 0)
        assert entries == sorted(entries, key=lambda entry: entry.time)


def test_prompts_come_back(project):
    one = add_object(project)
    given = Prompt.clicks([[3.25, 4], [10, 11.5]], [1, 0], [2, 3, 20, 21.125])
    project.prompt(one, 5, given)
    with again(project) as opened:
        first, second = opened.prompts(one)
        assert (first.object_id, first.frame, second.frame) == (1, 0, 5)
        assert (first.prompt.mask == square_mask()).all()
        assert (second.prompt.points == given.points).all()
        assert (second.prompt.labels == given.labels).all()
        assert (second.prompt.box == given.box).all()


@pytest.mark.parametrize(
    ("frame", "prompt", "message"),
    [
        (12, Prompt.click(3, 3), "frame 12: video 'a' has frames 0 to 11"),
        (-1, Prompt.click(3, 3), "frame -1: video 'a' has frames 0 to 11"),
        (0, Prompt.click(64, 3), "the click .64, 3. is outside the frame"),
        (0, Prompt.from_mask(np.ones((3, 4))), "the mask is 4 x 3 pixels, but the frame 64 x 48"),
    ],
)
def test_prompts_that_do_not_fit(project, frame, prompt, message):
    one = add_object(project)
    with refuses(message):
        project.prompt(one, frame, prompt)
    assert [entry.what for entry in project.history("a")][3:] == []


def test_a_mask_of_another_size(project):
    with refuses("the mask is 4 x 3 pixels, but the video 64 x 48"):
        project.edit_mask(add_object(project), 0, np.ones((3, 4), bool))


def test_reviews(project):
    one = add_object(project)
    project.review("a", "in progress", comment="night")
    project.review("a", "accepted", object_id=one, frames=[3, 4])
    project.review("a", object_id=one, frames=[4], comment="blurred")
    project.review("a", frames=[7], locked=True)
    with again(project) as opened:
        told = [(r.object_id, r.frame, r.state, r.comment, r.locked) for r in opened.reviews("a")]
        assert told == [
            (None, None, "in progress", "night", False),
            (None, 7, "new", "", True),
            (one, 3, "accepted", "", False),
            (one, 4, "accepted", "blurred", False),
        ]
        opened.undo()
        opened.undo()
        opened.undo()
        assert len(opened.reviews("a")) == 1
        opened.redo()
        assert [review.frame for review in opened.reviews("a")] == [None, 3, 4]


def test_reviews_that_make_no_sense(project):
    add_object(project)
    with refuses("review state 'good' is none of new, in progress, review, accepted, rejected"):
        project.review("a", "good")
    with refuses("frame 12: video 'a' has frames 0 to 11"):
        project.review("a", "accepted", frames=[3, 12])
    with refuses("object 5 is not of video 'a'"):
        project.review("a", "accepted", object_id=5)
    assert project.reviews("a") == []


def test_names_that_are_not_there(project):
    with refuses("no video 'x' in .*P; there are: a"):
        project.video("x")
    with refuses("object 4 is not in this project"):
        project.prompt(4, 0, Prompt.click(1, 1))
    with refuses("no provenance 3"):
        project.provenance(3)


def test_a_project_beside_its_videos_may_be_moved_with_them(project, tmp_path):
    project.close()
    (tmp_path / "new").mkdir()
    for name in ("P", "a"):
        shutil.move(tmp_path / name, tmp_path / "new" / name)
    with Project.open(tmp_path / "new" / "P") as opened:
        opened.open_video("a").close()


def test_all_that_matters_is_one_file(project, tmp_path):
    add_object(project)
    project.close()
    (tmp_path / "Q").mkdir()
    shutil.copy(project.folder / "project.db", tmp_path / "Q")
    with Project.open(tmp_path / "Q") as opened:
        assert len(opened.prompts(1)) == 1
    assert {path.name for path in Path(project.folder).iterdir()} == {"project.db", ".lock"}


def test_what_is_not_a_project(tmp_path):
    with refuses("no is no project .no project.db.; check the path, or create it"):
        Project.open("no")
    with sqlite3.connect(tmp_path / "project.db") as connection:
        connection.execute("CREATE TABLE other (id)")
    with refuses("project.db is not a project of sam2track; give another folder"):
        Project.open(tmp_path)
    (tmp_path / "project.db").write_bytes(b"hello" * 1000)
    with refuses(r"project.db: is damaged \(file is not a database\); restore it from a copy"):
        Project.open(tmp_path)
    with refuses(r"is a project already; open it"):
        Project.create(tmp_path)
    (tmp_path / "file").touch()
    with refuses("file/P can't be made: Not a directory"):
        Project.create(tmp_path / "file" / "P")


def test_names_of_videos_are_fit_for_exports(project, tmp_path):
    for seed, name in enumerate(("A", "b  c ", "..d"), start=5):
        write_clip(tmp_path / name, seed=seed)
    found = project.add_videos([tmp_path / "A", tmp_path / "b  c ", tmp_path / "..d"])
    assert [own.video.name for own in found] == ["A-2", "b c", "..d"]
    assert project._videos._free_name("..") == "video"


def test_a_video_is_taken_out_and_comes_back_with_its_annotations(tmp_path):
    with clip_project(tmp_path, clips=2) as project:
        thing = add_object(project, video="a")
        other = add_object(project, video="b")
        project.remove_video("a")
        assert [own.name for own in project.videos()] == ["b"]
        assert [own.id for own in project.objects()] == [other]
        with pytest.raises(ProjectError, match=r"no video 'a' in .*; there are: b"):
            project.video("a")
        with pytest.raises(ProjectError, match="no video 'a'"):
            project.remove_video("a")
        (tmp_path / "a").rename(tmp_path / "old")
        write_clip(tmp_path / "a", seed=9)  # another one may have its path
        (added,) = project.add_videos([tmp_path / "a"])
        assert (added.status, added.video.name) == ("added", "a-2")
        (back,) = project.add_videos([tmp_path / "old"])
        assert (back.status, back.video.name) == ("added", "a")
        assert [own.id for own in project.objects("a")] == [thing]
        assert len(project.prompts(thing)) == 1
        assert [own.what for own in project.history("a")][-2:] == ["remove video", "add video"]
