"""Between the project and exchange formats: what is written, what is read, what is told."""

from __future__ import annotations

import numpy as np
import pytest
from annotate.small_project import LENGTH, add_object, clip_project, contents, run, tiny_engine
from tiny import square_mask

from sam2track.annotate import (
    Annotations,
    Attribute,
    ObjectClass,
    ProjectError,
    Track,
    TrackFrame,
    VideoTracks,
)
from sam2track.annotate.exchange import read, write
from sam2track.annotate.transfer import add_annotations, annotations_of, exchanged_video


@pytest.fixture
def project(tmp_path):
    with clip_project(tmp_path, clips=2) as made:
        yield made


@pytest.fixture
def tracked(project):
    engine = tiny_engine()
    one, other = add_object(project), add_object(project, 2, mask=False)
    run(project, one, other, engine=engine)
    return project


def imported(project, folder, format="coco", *, same=False):
    videos = [exchanged_video(project, video) for video in project.videos()]
    found, losses = read(format, folder, videos=videos, classes=project.classes())
    return add_annotations(project, found, source="a file", same=same), losses


def masks_of(project):
    return {place: value[0] for place, value in contents(project).items()}


def test_a_project_as_annotations(tracked):
    tracked.review("a", "accepted", frames=[3])
    tracked.review("a", "accepted", object_id=1, frames=[4])
    annotations, left_out = annotations_of(tracked)
    first, second = annotations.videos
    assert left_out == 0
    assert (first.video.name, first.video.size, first.video.length) == ("a", (48, 64), LENGTH)
    assert first.video.path == tracked.folder.parent / "a"
    assert [track.id for track in first.tracks] == [1, 2]
    assert first.tracks[0].frames[0].made == "prompt"
    assert first.accepted == {3}
    assert second.tracks == ()
    assert [own.name for own in annotations.classes] == ["thing"]


def test_what_is_rejected_is_left_out(tracked):
    tracked.review("b", "rejected")
    tracked.review("a", "rejected", object_id=2)
    tracked.review("a", "rejected", object_id=1, frames=[5])
    annotations, left_out = annotations_of(tracked)
    (video,) = annotations.videos
    assert left_out == 2
    assert [track.id for track in video.tracks] == [1]
    assert 5 not in video.tracks[0].frames
    assert 4 in video.tracks[0].frames


def test_there_and_back(tracked, tmp_path):
    before = masks_of(tracked)
    write("coco", annotations_of(tracked)[0], tmp_path / "out")
    found, losses = imported(tracked, tmp_path / "out", same=True)
    assert (found.objects, found.masks, len(losses)) == (0, 0, 0)
    assert masks_of(tracked) == before
    found, _ = imported(tracked, tmp_path / "out")
    seen = [mask for one in (1, 2) for mask in tracked.masks(one) if mask.pixels().any()]
    assert (found.objects, found.masks) == (2, len(seen))
    assert [thing.number for thing in tracked.objects("a")] == [1, 2, 3, 4]
    after = masks_of(tracked)
    assert {after[mask.object_id + 2, mask.frame] for mask in seen} == {m.counts for m in seen}
    tracked.undo()
    assert masks_of(tracked) == before


def one_track(project, frames, *, number=1, attributes=None, classes=None):
    video = exchanged_video(project, project.video("a"))
    track = Track(number, 1, frames, attributes=attributes or {})
    classes = classes or (ObjectClass(1, "thing"),)
    return Annotations(classes, [VideoTracks(video, (track,))])


def test_masks_that_were_corrected_elsewhere(tracked):
    before = contents(tracked)
    frames = {mask.frame: TrackFrame(mask.counts, None) for mask in tracked.masks(1)}
    mask = np.roll(square_mask(), 5, 1)
    frames[6] = TrackFrame.from_mask(mask, score=0.5)
    found = add_annotations(tracked, one_track(tracked, frames), source="x", same=True)
    assert (found.objects, found.masks) == (1, 1)
    changed = tracked.mask(1, 6)
    assert (changed.made, changed.score, changed.provenance_id) == ("imported", 0.5, None)
    assert (changed.pixels() == mask).all()
    assert run(tracked, 1, engine=tiny_engine()) == list(range(7, LENGTH))
    assert {p: v for p, v in contents(tracked).items() if p[1] < 6} == {
        p: v for p, v in before.items() if p[1] < 6
    }


def test_propagation_from_imported_keyframes(project):
    engine = tiny_engine()
    frames = {0: TrackFrame.from_mask(square_mask()), 6: TrackFrame.from_mask(square_mask())}
    add_annotations(project, one_track(project, frames), source="x")
    assert run(project, 1, engine=engine) == [k for k in range(LENGTH) if k not in (0, 6)]
    first, second = project.mask(1, 1), project.mask(1, 7)
    assert first.provenance_id != second.provenance_id
    assert project.mask(1, 6).made == "imported"


def test_boxes_are_counted_and_occlusion_is_kept(project):
    frames = {
        0: TrackFrame(None, (1, 2, 30, 40)),
        1: TrackFrame.from_mask(square_mask(), occluded=True),
    }
    found = add_annotations(project, one_track(project, frames), source="x")
    assert (found.objects, found.masks, found.boxes) == (1, 1, 1)
    (mask,) = project.masks(1)
    assert mask.occluded
    (video, _) = annotations_of(project)[0].videos
    assert video.tracks[0].frames[1].occluded


def test_an_import_that_fails_changes_nothing(project):
    before = project.history()
    team = (ObjectClass(1, "thing", attributes=(Attribute("team", "select", ("red",)),)),)
    frames = {0: TrackFrame.from_mask(square_mask())}
    wrong = one_track(project, frames, attributes={"team": "blue"}, classes=team)
    with pytest.raises(ProjectError, match="attribute 'team' of class 'thing' is 'blue'"):
        add_annotations(project, wrong, source="x")
    assert project.history() == before
    assert project.classes() == []
    assert project.objects() == []


def test_attributes_are_added_to_a_class_that_is_there(project):
    project.add_class("thing", (1, 2, 3), [Attribute("age", "number")])
    team = (ObjectClass(1, "thing", attributes=(Attribute("team"),)),)
    frames = {0: TrackFrame.from_mask(square_mask())}
    found = one_track(project, frames, attributes={"team": "x"}, classes=team)
    add_annotations(project, found, source="x")
    (known,) = project.classes()
    assert [own.name for own in known.attributes] == ["age", "team"]
    assert known.colour == (1, 2, 3)


def test_attributes_that_the_projects_class_lacks_are_added(tracked, tmp_path):
    tracked.add_class("thing", attributes=[Attribute("old")])
    mask = TrackFrame.from_mask(square_mask())
    track = Track(1, 1, {0: mask}, attributes={"side": "left", "free": "text"})
    side = Attribute("side", "select", ("left", "right"))
    written = Annotations(
        (ObjectClass(1, "thing", None, (side,)),),
        (VideoTracks(exchanged_video(tracked, tracked.video("a")), (track,)),),
    )
    write("coco", written, tmp_path / "out")
    imported(tracked, tmp_path / "out")
    assert tracked.objects("a")[-1].attributes == {"side": "left", "free": "text"}
    (known,) = tracked.classes()
    assert known.attributes == (Attribute("old"), side, Attribute("free"))
