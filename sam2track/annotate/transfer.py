"""Between a project and the values that exchange formats are written from and read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .database import (
    Objects,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    Reviews,
    StoredMasks,
    Videos,
)
from .project import Project
from .tracks import Annotations, Attribute, Track, TrackFrame, Video, VideoTracks


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought.

    Objects that were added or changed, masks that were set, and boxes without a mask, which a
    project has no place for.
    """

    objects: int
    masks: int
    boxes: int


def annotations_of(project: Project, names: Sequence[str] | None = None) -> tuple[Annotations, int]:
    """A project's annotations, of some videos or all, and how many videos and objects are left out
    as rejected; ProjectError if there is no such video.

    One video at a time is read, when it is asked for.
    """
    videos = project.videos() if names is None else [project.video(name) for name in names]
    rejected = {
        (video.id, review.object_id)
        for video in videos
        for review in project.reviews(video.id)
        if review.state == "rejected" and review.frame is None
    }
    kept = [video for video in videos if (video.id, None) not in rejected]
    objects = {video.id: project.objects(video.id) for video in kept}
    chosen = {
        k: [own for own in things if (k, own.id) not in rejected] for k, things in objects.items()
    }
    left_out = len(videos) - len(kept) + sum(len(objects[k]) - len(chosen[k]) for k in objects)
    tracks = (_video_tracks(project, video, chosen[video.id]) for video in kept)
    return Annotations(tuple(project.classes()), tracks), left_out


def exchanged_video(project: Project, video: ProjectVideo) -> Video:
    """A video as exchange formats know it."""
    return Video(
        video.name,
        video.width,
        video.height,
        video.length,
        path=Videos(project.store).place(video),
        fps=video.fps,
        times=video.times if video.times and len(video.times) == video.length else None,
        frame_names=video.frame_names,
    )


def add_annotations(
    project: Project, annotations: Annotations, *, source: str, same: bool = False
) -> Imported:
    """Put annotations into a project, all or nothing, as one entry of the log a video.

    Args:
        annotations: of videos that the project has, by name.
        source: is kept in the log.
        same: a track with the id of an object of its video replaces those of the object's masks
            that differ. Otherwise every track becomes a new object.

    Raises:
        ProjectError: if there is no such video, or a value does not fit its class.
    """
    found = [0, 0, 0]
    with project.store.writing():
        known = {own.name for own in project.classes()}
        for own in annotations.classes:
            if own.name in known:
                _extend(project, own.name, own.attributes)
            else:
                project.add_class(own.name, own.colour, own.attributes)
        classes = {own.id: own.name for own in annotations.classes}
        for own in annotations.videos:
            counts = _add_video(project, own, classes, source=source, same=same)
            found = [a + b for a, b in zip(found, counts, strict=True)]
    return Imported(*found)


def _add_video(
    project: Project,
    found: VideoTracks,
    classes: Mapping[int, str],
    *,
    source: str,
    same: bool,
) -> tuple[int, int, int]:
    """Put the tracks of one video into a project; the numbers of :class:`Imported`."""
    video = project.video(found.video.name)
    size = video.size
    known = {own.number: own for own in project.objects(video.id)} if same else {}
    rows = project.store.rows("SELECT number FROM objects WHERE video_id = ?", video.id)
    taken = {row["number"] for row in rows}  # also by objects that were removed
    added: list[int] = []
    changed: list[tuple[int, list[ProjectMask]]] = []
    boxes = 0
    for track in found.tracks:
        thing = known.get(track.id)
        before = {}
        if thing is None:
            thing = _add(project, video, track, classes[track.class_id], taken)
            added.append(thing.id)
        else:
            before = {m.frame: (m.counts, m.occluded) for m in project.masks(thing.id)}
        boxes += sum(own.counts is None for own in track.frames.values())
        masks = [
            ProjectMask(thing.id, index, own.counts, size, own.score, occluded=own.occluded)
            for index, own in track.frames.items()
            if own.counts is not None and before.get(index) != (own.counts, own.occluded)
        ]
        if masks or thing.id in added:
            changed.append((thing.id, masks))
    if changed:
        entry = project.log.add("import", {"source": source, "objects": added}, video_id=video.id)
        for object_id, masks in changed:
            StoredMasks(project.log).edit(object_id, entry, masks)
    return len(changed), sum(len(masks) for _, masks in changed), boxes


def _add(
    project: Project, video: ProjectVideo, track: Track, class_name: str, taken: set[int]
) -> ProjectObject:
    """An object for a track, with its id as number if that is free."""
    number = track.id if track.id not in taken else max(taken) + 1
    taken.add(number)
    _extend(project, class_name, [Attribute(key) for key in track.attributes])
    about = {"name": track.name, "attributes": track.attributes}
    return Objects(project.log).add(video.id, class_name, number, **about, logged=False)


def _extend(project: Project, class_name: str, attributes: Sequence[Attribute]) -> None:
    """Give a class the attributes that it does not have."""
    if not attributes:
        return
    old = Objects(project.log).find_class(class_name)
    names = {attribute.name for attribute in old.attributes}
    more = [attribute for attribute in attributes if attribute.name not in names]
    if more:
        project.add_class(class_name, old.colour, [*old.attributes, *more])


def _video_tracks(
    project: Project, video: ProjectVideo, things: Sequence[ProjectObject]
) -> VideoTracks:
    """A video with the masks of some objects, without frames that are rejected."""
    reviews = project.reviews(video.id)
    rejected = {
        (own.object_id, own.frame)
        for own in reviews
        if own.state == "rejected" and own.frame is not None
    }
    tracks = []
    for thing in things:
        frames = {
            mask.frame: TrackFrame(mask.counts, None, mask.score, mask.made, mask.occluded)
            for mask in project.masks(thing.id)
            if not {(None, mask.frame), (thing.id, mask.frame)} & rejected
        }
        named = dict(thing.attributes)
        tracks.append(Track(thing.number, thing.class_id, frames, thing.name, named))
    accepted = _accepted(project, video, tracks, things)
    return VideoTracks(exchanged_video(project, video), tuple(tracks), accepted)


def _accepted(
    project: Project,
    video: ProjectVideo,
    tracks: Sequence[Track],
    things: Sequence[ProjectObject],
) -> frozenset[int]:
    """The frames on which every object that has a mask there is accepted."""
    reviews = Reviews(project.log)
    shown: set[int] = set()
    open_frames: set[int] = set()
    for track, thing in zip(tracks, things, strict=True):
        accepted = reviews.barriers(video, thing.id, locked=False)
        shown |= track.frames.keys()
        open_frames |= track.frames.keys() - accepted
    return frozenset(shown - open_frames)
