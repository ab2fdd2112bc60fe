"""Ratings of tracks, and the queue of what deserves a look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from annotate.small_project import LENGTH, add_object, run
from tiny import SIZE, square_mask

from sam2track import Prompt
from sam2track.annotate import ProjectMask
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.prompting.automatic import FoundPrompts
from sam2track.annotate.review import review_queue
from sam2track.annotate.review.quality import Quality, measure, rate, ratings
from sam2track.annotate.review.track_checks import duplicates, track_back
from sam2track.masks import encode_runs
from sam2track.track import Proposal

AREA = SIZE[0] * SIZE[1]


def masks(*areas: float, score: float = 0.9, presence: float = 9.0) -> list[ProjectMask]:
    """Masks whose areas are shares of the frame."""
    found = []
    for frame, share in enumerate(areas):
        mask = np.zeros(AREA, bool)
        mask[: round(share * AREA)] = True
        counts = encode_runs(mask.reshape(SIZE))["counts"]
        found.append(ProjectMask(1, frame, counts, SIZE, score, presence, "propagated", 1))
    return found


def test_what_is_measured():
    found = measure(masks(0.1, 0.1, 0.0, 0.8, 0.8), SIZE, 0.5)
    assert found.seen == 0.8
    assert found.confidence == pytest.approx(0.9, abs=1e-3)
    assert (found.jump, found.jump_frame) == (pytest.approx(8, rel=0.02), 3)
    assert found.score == pytest.approx(0.45, abs=1e-3)
    assert measure(masks(0.0, 0.0), SIZE).confidence == 0
    assert measure([], SIZE).seen == 0
    specks = measure(masks(0.1, 1 / AREA, 3 / AREA, 1 / AREA), SIZE)  # it left: no jumps of specks
    assert specks.jump_frame == 1


def test_why_a_person_should_look():
    sure = Quality(0.9, 1.0, 0.9, 1.2, 4)
    assert sure.doubts() == {}
    assert replace(sure, returns=None).doubts() == {}
    assert replace(sure, returns=0.41).doubts() == {None: "returns with IoU 0.41"}
    assert replace(sure, jump=8.0, jump_frame=31).doubts() == {31: "area x 8.0 at frame 31"}
    assert replace(sure, jump=0.125, jump_frame=3).doubts() == {3: "area / 8.0 at frame 3"}
    low = replace(sure, confidence=0.3, seen=0.05)
    assert low.doubts() == {None: "confidence 0.30, seen on 5% of its frames"}


def test_what_is_the_same_is_found_in_pixels_over_all_frames(project):
    ids = [add_object(project) for _ in range(3)]
    left, right = square_mask(), ~square_mask()
    for frame in range(4):
        project.edit_mask(ids[0], frame, left)
        project.edit_mask(ids[1], frame, left if frame < 3 else right)
        project.edit_mask(ids[2], frame, left if frame else np.zeros_like(left))
    things = project.objects("a")
    video = project.video("a")
    assert duplicates(project, video, things, frozenset()) == {}
    same = duplicates(project, video, things, frozenset(ids))
    # The second has 3 squares in common with the first, but much else on the last frame.
    assert same == {ids[2]: "the same as object 1 (temporal IoU 0.75)"}
    assert duplicates(project, video, things, frozenset(ids[:1])) == {
        ids[0]: "the same as object 3 (temporal IoU 0.75)"
    }


def test_tracking_back_finds_a_square_where_it_was(project, engine):
    one = add_object(project, 3)
    run(project, one, engine=engine)
    thing = project.object(one)
    found = track_back(project, project.video("a"), [thing], engine)
    assert found.keys() == {one}
    value = found[one]
    seen = [m.frame for m in project.masks(one, 3) if m.pixels().any()]
    assert value is None if seen[-1] == 3 else 0 <= value <= 1
    assert track_back(project, project.video("a"), [], engine) == {}


def test_tracking_back_is_the_session_played_backward(project, engine):
    """The IoU is that of a session that gets the last mask, with the first."""
    one = add_object(project, 2)
    run(project, one, engine=engine)
    for frame in range(3, LENGTH):
        project.edit_mask(one, frame, square_mask())
    found = track_back(project, project.video("a"), [project.object(one)], engine)[one]
    session = engine.start(length=LENGTH)
    with project.open_video("a") as source:
        last = source[LENGTH - 1]
        session.prompt(1, Prompt.from_mask(square_mask()), last)
        for index in range(LENGTH - 1, 1, -1):
            result = session.step(source[index], direction=-1)
    back, first = result.masks[0].numpy(), project.mask(one, 2).pixels()
    assert found == pytest.approx((back & first).sum() / max((back | first).sum(), 1))


def found_job(project, engine, tmp_path, **options):
    def find(frame, where):
        return [Proposal(Prompt.from_mask(square_mask()))] if not frame.index else []

    source = FoundPrompts(project, engine, find)
    return Jobs(project, engine, found=lambda *_: source, check=True, **options).run(tmp_path / "a")


def states(project):
    return {(own.object_id, own.frame): (own.state, own.comment) for own in project.reviews("a")}


def test_a_job_rates_and_queues(project, engine, tmp_path):
    assert found_job(project, engine, tmp_path).status == "done"
    (thing,) = project.objects("a")
    told = ratings(project, project.video("a"))[thing.id]
    assert 0 <= told["score"] <= 1
    assert {place: why for place, (_, why) in states(project).items() if place[0]} == {
        (thing.id, frame): why for frame, why in told["why"]
    }
    entries = len(project.history("a"))
    assert found_job(project, engine, tmp_path).status == "before"
    rate(project, project.video("a"), engine)
    assert len(project.history("a")) == entries  # nothing new to tell


def test_a_low_quality_is_rejected_until_the_limit_is_lower(project, engine, tmp_path):
    found_job(project, engine, tmp_path, min_quality=1.0)
    (thing,) = project.objects("a")
    state, why = states(project)[thing.id, None]
    assert state == "rejected"
    assert why.startswith("quality 0.")
    assert why.endswith("is below 1")
    found_job(project, engine, tmp_path)
    assert states(project).get((thing.id, None), ("new", ""))[0] != "rejected"
    project.prompt(thing.id, 0, Prompt.click(30, 20))
    found_job(project, engine, tmp_path, min_quality=1.0)  # a person touched it
    assert states(project).get((thing.id, None), ("new", ""))[0] != "rejected"


def test_what_a_person_decided_stays(project, engine, tmp_path):
    found_job(project, engine, tmp_path)
    (thing,) = project.objects("a")
    project.review("a", "rejected", object_id=thing.id, comment="not a thing")
    found_job(project, engine, tmp_path, min_quality=0.5)
    assert states(project)[thing.id, None] == ("rejected", "not a thing")
    project.review("a", "accepted", object_id=thing.id)
    found_job(project, engine, tmp_path, min_quality=1.0)
    assert states(project)[thing.id, None] == ("accepted", "not a thing")


def test_a_reason_that_is_gone_is_taken_back(project, engine, monkeypatch):
    one = add_object(project)
    video = project.video("a")
    for frame in range(LENGTH):
        project.edit_mask(one, frame, square_mask() if frame < 6 else np.ones(SIZE, bool))
    monkeypatch.setattr("sam2track.annotate.review.quality.track_back", lambda *a: {one: 0.2})
    rate(project, video, engine)
    assert states(project)[one, None] == ("review", "returns with IoU 0.20")
    (frame,) = [frame for object_id, frame in states(project) if frame is not None]
    assert frame == 6
    for frame in range(6, LENGTH):
        project.edit_mask(one, frame, square_mask())
    monkeypatch.setattr("sam2track.annotate.review.quality.track_back", lambda *a: {one: 0.9})
    rate(project, video, engine)
    assert states(project) == {}


def test_the_queue(project, engine):
    one, two, three = (add_object(project) for _ in range(3))
    with project.store.writing() as connection:
        key = ("k", "m", "w", "{}", "v", 1)
        sql = "INSERT INTO provenance (key, model, weights, settings, version, direction) VALUES"
        (entry,) = (connection.execute(f"{sql} (?, ?, ?, ?, ?, ?)", key).lastrowid,)
        for thing, scores in (
            (one, [0.9, 0.3, 0.9, 0.2] + [0.9] * 7 + [0.4]),
            (two, [0.9, 0.1]),
            (three, [0.1]),
        ):
            for mask, score in zip(masks(*[0.1] * len(scores)), scores, strict=True):
                row = (thing, mask.frame, mask.counts, score, 9.0, "propagated", entry)
                connection.execute("INSERT INTO propagated VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    project.review("a", "review", object_id=one, comment="returns with IoU 0.41")
    project.review("a", "accepted", object_id=two, frames=[1])
    project.review("a", "rejected", object_id=three)
    items = review_queue(project)
    assert [(own.video, own.number, own.frame, own.last, own.why, own.state) for own in items] == [
        ("a", 1, None, None, "returns with IoU 0.41", "review"),
        ("a", 1, 1, 11, "confidence 0.20, frames 1-11", "new"),
    ]
    assert review_queue(project, "a") == items
    for frame in (1, 3):
        project.edit_mask(one, frame, square_mask())
    assert [own.why for own in review_queue(project)][1:] == ["confidence 0.40, frame 11"]
    project.review("a", "accepted")
    assert review_queue(project) == []
