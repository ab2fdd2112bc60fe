"""A project: videos, classes, objects, prompts, masks and their review, in one folder.

All of it is in ``project.db``. Everything else that annotates (the command, the page) is a thin
layer over :class:`Project`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from typing_extensions import Self

from ..prompts import PlacedPrompt, Prompt
from ..video import SeekableSource
from .database import (
    DATABASE,
    Added,
    Edits,
    Entry,
    Log,
    Objects,
    ProjectMask,
    ProjectObject,
    ProjectVideo,
    Provenance,
    Review,
    Reviews,
    SavedStates,
    Store,
    StoredMasks,
    Videos,
)
from .engine import Engine
from .tracking.planning import propagate
from .tracking.propagation import Step
from .tracks import Attribute, ObjectClass


class Project:
    """A folder with annotated videos; made by :meth:`create` or :meth:`open`::

        with Project.create("cats") as project:
            (added,) = project.add_videos(["cat.mp4"])
            cat = project.add_object(added.video.name, "cat")
            project.prompt(cat.id, 0, Prompt.click(320, 240))
            for step in project.propagate([cat.id], engine=load_engine("nano")):
                print(step.frame, step.masks[0].confidence)

    One process writes at a time, any number may read. A method that changes something is one
    transaction. Videos are named by name or id, objects by id.
    """

    def __init__(self, store: Store, who: str | None = None) -> None:
        self.store, self.log = store, Log(store, who)
        self._videos = Videos(store)
        self._objects = Objects(self.log)
        self._masks = StoredMasks(self.log)
        self._edits = Edits(self.log, self._videos, self._masks)
        self._reviews = Reviews(self.log)
        self._states = SavedStates(store)

    @classmethod
    def create(cls, folder: str | Path, *, who: str | None = None) -> Self:
        """Make a project in a folder, which is made if need be.

        Args:
            who: is named in the log; default: the user of this computer.

        Raises:
            ProjectError: if there is a project already, or it cannot be written.
        """
        return cls(Store(Path(folder).expanduser(), create=True), who)

    @classmethod
    def open(cls, folder: str | Path, *, read_only: bool = False, who: str | None = None) -> Self:
        """Open a project; ProjectError if it is not there, another process writes it, it cannot be
        written, or it is of a newer version."""
        return cls(Store(Path(folder).expanduser(), read_only=read_only), who)

    @classmethod
    def open_or_create(cls, folder: str | Path, *, who: str | None = None) -> Self:
        """Open the project of a folder, or make one if there is none; errors as of both."""
        known = (Path(folder).expanduser() / DATABASE).exists()
        return (cls.open if known else cls.create)(folder, who=who)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.store.folder

    def close(self) -> None:
        """Close it; may be called twice."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Videos

    def add_videos(self, paths: Iterable[str | Path]) -> list[Added]:
        """Add video files and folders of pictures. A video is known by its content, so that one
        that was moved is found again.

        Raises:
            VideoError: if one cannot be read; those before it are added.
            ChangedVideo: if a video of this path has another content now.
        """
        found = []
        for path in paths:
            added = self._videos.add(path)
            if added.status in ("added", "moved"):
                told = {"path": added.video.path, "status": added.status}
                self.log.add("add video", told, video_id=added.video.id)
            found.append(added)
        return found

    def remove_video(self, video: str | int) -> None:
        """Take a video out of the project; its file stays. Added again, it has its annotations."""
        self._videos.remove(self.video(video), self.log)

    def videos(self) -> list[ProjectVideo]:
        """All videos, in the order in which they were added."""
        return self._videos.all()

    def video(self, video: str | int) -> ProjectVideo:
        """A video by its name or id; ProjectError if there is none."""
        return self._videos.find(video)

    def open_video(self, video: str | int) -> SeekableSource:
        """A video's frames; ChangedVideo if it is not there any more, or has another content."""
        return self._videos.open(self.video(video))

    # Classes and objects

    def classes(self) -> list[ObjectClass]:
        """All classes."""
        return self._objects.classes()

    def add_class(
        self,
        name: str,
        colour: tuple[int, int, int] | None = None,
        attributes: Sequence[Attribute] = (),
    ) -> ObjectClass:
        """Add a class, or change the colour and the attributes of one that is there."""
        return self._objects.add_class(name, colour, attributes)

    def objects(self, video: str | int | None = None) -> list[ProjectObject]:
        """The objects of a video, or all, without those that were removed."""
        return self._objects.all(self._id(video))

    def object(self, object_id: int) -> ProjectObject:
        """An object by its id; ProjectError if there is none, or it was removed."""
        return self._objects.find(object_id)

    def add_object(
        self,
        video: str | int,
        class_name: str = "object",
        *,
        number: int | None = None,
        name: str = "",
        colour: tuple[int, int, int] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> ProjectObject:
        """Add an object of a class, which is added too if it is new.

        Args:
            number: its id in the video, from 1; default: the first that was never used.

        Raises:
            ProjectError: if the number is taken, or an attribute is none of its class.
        """
        options = {"name": name, "colour": colour, "attributes": attributes or {}}
        return self._objects.add(self.video(video).id, class_name, number, **options)

    def change_object(
        self,
        object_id: int,
        *,
        class_name: str | None = None,
        name: str | None = None,
        colour: tuple[int, int, int] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> ProjectObject:
        """Change what is given of an object; None = as it was."""
        return self._objects.change(object_id, class_name, name, colour, attributes)

    def remove_object(self, object_id: int) -> None:
        """Remove an object; undo brings it back with its masks."""
        self._objects.remove(object_id)

    # Prompts and edits

    def prompt(self, object_id: int, frame: int, prompt: Prompt, **told: Any) -> Entry:
        """Say where an object is on a frame. Prompts on one frame add up, as in a session.

        Nothing is tracked. ``told`` goes to the log too. ValueError if it does not fit the frame.
        """
        return self._edits.prompt(self.object(object_id), frame, prompt, told)

    def unprompt(self, object_id: int, frame: int) -> Entry:
        """Take all prompts and the person's mask of an object on a frame back."""
        return self._edits.unprompt(self.object(object_id), frame)

    def withdraw(self, object_id: int, frame: int) -> Entry:
        """Take the last prompt or mask by hand on a frame back; those before it count again."""
        return self._edits.withdraw(self.object(object_id), frame)

    def edit_mask(self, object_id: int, frame: int, mask: Bool[np.ndarray, "H W"]) -> Entry:
        """Set an object's mask by hand, of the video's size; an empty one says that it is not
        there. Propagation goes on from it and does not change it."""
        return self._edits.mask(self.object(object_id), frame, mask)

    def prompts(self, object_id: int) -> list[PlacedPrompt]:
        """The prompts of an object that are in force, in the order in which they were given.

        A mask that a person made is one of them.
        """
        return self._edits.prompts(self.object(object_id))

    # Propagation and masks

    def propagate(
        self,
        object_ids: Iterable[int],
        start: int | None = None,
        stop: int | None = None,
        direction: str = "both",
        *,
        engine: Engine,
    ) -> Iterator[Step]:
        """Track objects of one video from their prompts; a step for each frame.

        Nothing happens until the steps are taken. Leaving the loop cancels; what was finished
        stays. Only what does not follow from the prompts yet is tracked: calling it again after a
        kill or a correction does the rest. Frames that are accepted or locked are barriers: they
        do not change, and nothing goes beyond them.

        Args:
            start: where to begin; default: at each object's first prompt, and after a barrier at
                the first prompt there. Elsewhere than behind the first prompt, it needs a prompt
                on it, or an accepted mask.
            stop: the last frame, for one direction and with ``start``; default: the video's end.
            direction: ``forward``, ``backward`` or ``both``.

        Raises:
            ProjectError: if it cannot begin there, or the project cannot be written.
            ChangedVideo: if the video is not what it was.
            ValueError: a frame cannot be read; what was tracked before it is stored.
        """
        return propagate(self, object_ids, start, stop, direction, engine)

    def masks(
        self, object_id: int, start: int = 0, stop: int | None = None
    ) -> Iterator[ProjectMask]:
        """An object's masks from frame ``start`` up to ``stop``, which is left out, in order."""
        video = self.video(self.object(object_id).video_id)
        last = video.length if stop is None else min(stop, video.length)
        return self._masks.between(object_id, video.size, max(start, 0), last)

    def mask(self, object_id: int, frame: int) -> ProjectMask | None:
        """An object's mask on a frame; None if there is none."""
        return next(self.masks(object_id, frame, frame + 1), None)

    def provenance(self, provenance_id: int) -> Provenance:
        """What a mask was made with."""
        return self._masks.provenance(provenance_id)

    def forget_states(self, video: str | int) -> None:
        """Free the space of a video's saved states. Later corrections of it then take longer."""
        self._states.forget(self.video(video).id)

    # History and review

    def history(self, video: str | int | None = None) -> list[Entry]:
        """The log, the oldest entry first."""
        return self.log.entries(self._id(video))

    def undo(self, video: str | int | None = None) -> Entry:
        """Undo the last change, of all or of a video; ProjectError if there is none."""
        return self.log.undo(self._id(video))

    def redo(self, video: str | int | None = None) -> Entry:
        """Bring back what was undone last, unless something was done since."""
        return self.log.redo(self._id(video))

    def review(
        self,
        video: str | int,
        state: str | None = None,
        *,
        object_id: int | None = None,
        frames: Iterable[int] | None = None,
        comment: str | None = None,
        locked: bool | None = None,
    ) -> None:
        """Set the review state of a video, of an object, of frames, or of an object on frames.

        Args:
            state: ``new``, ``in progress``, ``review``, ``accepted`` or ``rejected``.
            locked: True: propagation does not change it, as if it were accepted.
        """
        changes = {"state": state, "comment": comment, "locked": locked}
        self._reviews.set(self.video(video), object_id, frames, **changes)

    def reviews(self, video: str | int) -> list[Review]:
        """All review states of a video that are not ``new``, the video's own first."""
        return self._reviews.all(self.video(video).id)

    def _id(self, video: str | int | None) -> int | None:
        return None if video is None else self.video(video).id
