"""Puts the prompts that a job was given into the project."""

from __future__ import annotations

from collections.abc import Sequence

from ...prompts import PlacedPrompt
from ..database import ProjectVideo, pack_prompt
from ..project import Project


def give_prompts(
    project: Project, video: ProjectVideo, placed: Sequence[PlacedPrompt], class_name: str
) -> None:
    """Give a video's objects the prompts of a file; objects that are new are added.

    Prompts of an earlier job that are not the same any more are undone. A person's prompts stay,
    and an object that a person removed is left out.
    """
    rows = project.store.rows("SELECT number, removed FROM objects WHERE video_id = ?", video.id)
    removed = {row["number"] for row in rows if row["removed"]}
    objects = {thing.number: thing.id for thing in project.objects(video.id)}
    wanted: dict[int, list[PlacedPrompt]] = {}
    for item in sorted(placed, key=lambda item: item.frame):
        if item.object_id not in removed:
            wanted.setdefault(item.object_id, []).append(item)
    entries = [
        entry
        for entry in project.history(video.id)
        if entry.what == "prompt" and entry.data.get("job") and not entry.undone
    ]
    for number, items in wanted.items():
        if number not in objects:
            label = items[0].label or class_name
            objects[number] = project.add_object(video.id, label, number=number).id
        old = [entry for entry in entries if entry.object_id == objects[number]]
        new = [(item.frame, pack_prompt(item.prompt)) for item in items]
        if [(entry.frame, entry.data["prompt"]) for entry in old] == new:
            continue
        for entry in old:
            project.log.set_undone(entry, undone=True)
        for item in items:
            project.prompt(objects[number], item.frame, item.prompt, source=item.source, job=True)
