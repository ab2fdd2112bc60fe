"""Answers Label Studio's requests: a task and what a person has drawn go in, regions come out.

On a video, boxes of ``VideoRectangle`` are prompts where a person has drawn them, and the object is
tracked through the frames after its first one. On an image, clicks and rectangles give one mask.
"""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...annotate.recent import Recent
from ...model.sam2 import SAM2
from ...prompts import PlacedPrompt, Prompt
from ...track import TrackingSession, track, walk
from ...video import SeekableSource, open_video
from ..segmenting import EncodedPicture, Segmenter
from .regions import (
    MOST_FRAMES,
    Control,
    FrameNumbers,
    KeyFrame,
    Region,
    find_control,
    image_prompt,
    key_frame,
    key_frames,
    mask_region,
    sequence_entry,
)
from .task_files import TaskFiles

IMAGES = ("BrushLabels", "BitmaskLabels", "Brush", "Bitmask")
KEPT_IMAGES = 8  # encoded ones: the clicks on an image come one by one
KEPT_REGIONS = 512  # whose tracked boxes are known
Boxes = dict[int, tuple[int, int, int, int] | None]  # of one object, by the picture's index


class Backend:
    """One model for all projects; one request at a time.

    Args:
        model: tracks videos and segments images.
        files: finds the files of tasks.
        name: of the model, for Label Studio's list of predictions.
        max_frames: how far to track after the last key frame; None = to the end of the video.
    """

    def __init__(
        self, model: SAM2, files: TaskFiles, *, name: str, max_frames: int | None = None
    ) -> None:
        self.model, self.files, self.max_frames = model, files, max_frames
        self.version = f"sam2track {name}"
        self.segmenter = Segmenter(model)
        self.lock = threading.Lock()
        self.encoded = Recent[EncodedPicture](KEPT_IMAGES)
        self.tracked = Recent[dict[int, KeyFrame]](KEPT_REGIONS)

    def predict(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A prediction for each task of a request to ``/predict``; without drawings it is empty.

        Raises:
            ValueError: if the request, the file or what was drawn is wrong.
        """
        tasks, config = request.get("tasks"), request.get("label_config")
        if not isinstance(tasks, list) or not isinstance(config, str):
            raise ValueError("a request needs 'tasks' (a list) and 'label_config' (XML)")
        params = request.get("params") or {}
        context = params.get("context") or {} if isinstance(params, dict) else params
        drawn = context.get("result") or [] if isinstance(context, dict) else context
        if not isinstance(drawn, list):
            raise ValueError("'params' is {'context': {'result': [regions]}}")
        if not all(isinstance(own, dict) for own in (*tasks, *drawn)):
            raise ValueError("tasks and regions must be objects")
        with self.lock:
            return [self._task(task, config, drawn) for task in tasks]

    def _task(
        self, task: Mapping[str, Any], config: str, drawn: Sequence[Region]
    ) -> dict[str, Any]:
        result: list[dict[str, Any]] = []
        scores: list[float] = []
        video = find_control(config, ["VideoRectangle"])
        image = find_control(config, IMAGES)
        if video is None and image is None:
            tags = ", ".join(("VideoRectangle", *IMAGES))
            raise ValueError(f"the labelling interface has none of {tags}: nothing to predict")
        boxes = [own for own in drawn if own.get("type") == "videorectangle"]
        if video is not None and boxes:
            result, scores = self._track(task, video, boxes)
        elif drawn and image is not None:
            result, scores = self._segment(task, image, drawn)
        score = sum(scores) / len(scores) if scores else 0.0
        return {"model_version": self.version, "score": score, "result": result}

    def _file(self, task: Mapping[str, Any], control: Control) -> Path:
        data = task.get("data")
        if not isinstance(data, dict) or control.key not in data:
            raise ValueError(f"task {task.get('id')} has no '{control.key}' in its data")
        return self.files.find(data[control.key])

    def _segment(
        self, task: Mapping[str, Any], control: Control, drawn: Sequence[Region]
    ) -> tuple[list[dict[str, Any]], list[float]]:
        """The mask that fits all clicks and rectangles."""
        path = self._file(task, control)
        key = path, path.stat().st_mtime_ns
        image = self.encoded.get(key) or self.encoded.put(key, self.segmenter.encode(path))
        prompt, label = image_prompt(drawn, image.embedding.size)
        mask, score = self.segmenter.mask(image, prompt)
        if not mask.any():
            return [], []
        return [mask_region(mask, control, label, score, uuid.uuid4().hex[:10])], [score]

    def _track(
        self, task: Mapping[str, Any], control: Control, regions: Sequence[Region]
    ) -> tuple[list[dict[str, Any]], list[float]]:
        """The regions with a key frame on every frame, from each one's first on."""
        with open_video(self._file(task, control)) as video:
            if not isinstance(video, SeekableSource) or not video.length:
                raise ValueError(f"{video.name} has no known number of frames")
            numbers = _numbers(regions[0], video.length, video.fps)
            drawn = {k: self._drawn(task, own) for k, own in enumerate(regions, start=1)}
            last = self._last(drawn, regions, numbers.count)
            found, scores = self._follow(video, drawn, numbers, max(last.values()))
        result = []
        for k, region in enumerate(regions, start=1):
            sequence = _sequence(drawn[k], found[k], numbers, video.size, last[k])
            by_hand = {own.frame for own in drawn[k]}
            tracked = {own.frame: own for own in sequence if own.frame not in by_hand}
            self.tracked.put(_key(task, region), tracked)
            value = dict(region["value"], framesCount=numbers.count, duration=numbers.duration)
            value["sequence"] = [sequence_entry(own, numbers) for own in sequence]
            result.append(dict(region, value=value))
        return result, scores

    def _drawn(self, task: Mapping[str, Any], region: Region) -> list[KeyFrame]:
        """The key frames that a person has drawn: those that were not tracked as they are."""
        found = key_frames(region)
        known = self.tracked.get(_key(task, region)) or {}
        return [own for own in found if own.frame not in known or not _same(own, known[own.frame])]

    def _last(
        self, drawn: Mapping[int, Sequence[KeyFrame]], regions: Sequence[Region], count: int
    ) -> dict[int, int]:
        """The last frame of each region, from 1."""
        for k, own in drawn.items():
            if not own:
                raise ValueError(f"region {regions[k - 1].get('id')} has no key frame of a person")
        if self.max_frames is None:
            return dict.fromkeys(drawn, count)
        return {k: min(own[-1].frame + self.max_frames, count) for k, own in drawn.items()}

    def _follow(
        self,
        video: SeekableSource,
        drawn: Mapping[int, Sequence[KeyFrame]],
        numbers: FrameNumbers,
        last: int,
    ) -> tuple[dict[int, Boxes], list[float]]:
        """Each object's boxes by the picture's index, and the scores of all masks."""
        placed = [
            PlacedPrompt(k, numbers.index(own.frame), Prompt.from_box(own.box(video.size)))
            for k, frames in drawn.items()
            for own in {numbers.index(own.frame): own for own in frames}.values()
        ]
        start = min(own.frame for own in placed)
        count = numbers.index(last) + 1 - start
        session = TrackingSession(self.model, length=video.length)
        found: dict[int, Boxes] = {k: {} for k in drawn}
        scores: list[float] = []
        read = partial(walk, video, start=start, frames=count)
        for _, result in track(session, read, placed):
            scores += result.scores.tolist()
            for object_id, box in zip(result.object_ids, result.boxes(), strict=True):
                found[object_id][result.index] = box
        return found, scores


def _numbers(region: Region, length: int, fps: float) -> FrameNumbers:
    """The tool's count of frames, or the file's where it tells none."""
    if not isinstance(region.get("value"), dict):
        raise ValueError(f"region {region.get('id')} is no box on a video: it has no value")
    value = region["value"]
    count, duration = value.get("framesCount"), value.get("duration")
    known = isinstance(count, int) and count > 0
    if known and count > MOST_FRAMES:
        raise ValueError(f"framesCount {count} is more than {MOST_FRAMES}")
    timed = isinstance(duration, (int, float)) and math.isfinite(duration) and duration > 0
    return FrameNumbers(
        count if known else length, length, float(duration) if timed else length / fps
    )


def _sequence(
    drawn: Sequence[KeyFrame], found: Boxes, numbers: FrameNumbers, size: tuple[int, int], last: int
) -> list[KeyFrame]:
    """A key frame on every frame on which the object is: a person's as they are, else tracked.

    After a person's key frame that is not enabled, there is nothing until their next one.
    """
    own = {key.frame: key for key in drawn}
    shown: dict[int, KeyFrame] = {}
    hidden = False
    for frame in range(drawn[0].frame, max(last, drawn[-1].frame) + 1):
        box = found.get(numbers.index(frame))
        if frame in own:
            hidden = not own[frame].enabled
            shown[frame] = own[frame]
        elif box is not None and not hidden:
            shown[frame] = key_frame(frame, box, size, enabled=True)
    return [
        key if key.frame in own or key.frame + 1 in shown
        else KeyFrame(key.frame, key.percent, False)
        for key in shown.values()
    ]  # fmt: skip


def _key(task: Mapping[str, Any], region: Region) -> tuple[str, str]:
    return str(task.get("id")), str(region.get("id"))


def _same(one: KeyFrame, other: KeyFrame) -> bool:
    """Whether two key frames are one, but for rounding."""
    near = (abs(a - b) < 1e-3 for a, b in zip(one.percent, other.percent, strict=True))
    return one.enabled == other.enabled and all(near)
