"""Label Studio's regions, and the controls of a labelling interface (its XML) that make them:
percent and frame numbers from 1 go in, prompts in pixels come out, and back.

A video region has key frames; between them its box is linear, and it ends at one that is not
``enabled``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool

from ...annotate.exchange import encode_brush, parse_xml
from ...prompts import Prompt

Region = Mapping[str, Any]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels
MOST_FRAMES = 1 << 20  # of the tool's count: the answer may name every one
POINTS = ("keypoint", "keypointlabels")
BOXES = ("rectangle", "rectanglelabels")


@dataclass(frozen=True, slots=True)
class Control:
    """A tag that makes regions.

    Attributes:
        tag: ``VideoRectangle``, ``BrushLabels``, ...
        name, to_name: ``from_name`` and ``to_name`` of its regions.
        labels: that it offers; may be empty.
        key: of the task's data that it is about.
    """

    tag: str
    name: str
    to_name: str
    labels: tuple[str, ...]
    key: str


def find_control(config: str, tags: Sequence[str]) -> Control | None:
    """The first control with one of these tags, earlier tags before later ones.

    Raises:
        ValueError: if the interface is not valid XML.
    """
    root = parse_xml(config, "the labelling interface")
    values = {own.get("name"): own.get("value", "") for own in root.iter()}
    for tag in tags:
        for own in root.iter(tag):
            name, to_name = own.get("name", ""), own.get("toName", "")
            value = values.get(to_name, "")
            if name and value.startswith("$"):
                labels = (label.get("value", "") for label in own.iter("Label"))
                return Control(tag, name, to_name, tuple(labels), value[1:])
    return None


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A box on a frame, as the tool has it."""

    frame: int  # from 1
    percent: tuple[float, float, float, float]  # x, y, width, height, in percent of the picture
    enabled: bool  # whether the object is shown after it too

    def box(self, size: tuple[int, int]) -> Box:
        """In pixels of a picture of this height and width."""
        height, width = size
        x, y, across, down = (value / 100 for value in self.percent)
        return x * width, y * height, (x + across) * width, (y + down) * height


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """Which picture of a file is a frame of the tool, which counts frames of its own rate."""

    count: int  # the tool's number of frames
    length: int  # the file's
    duration: float  # seconds

    def index(self, frame: int) -> int:
        """The picture's index, from 0."""
        if abs(self.count - self.length) <= 1:  # the tool rounds
            return min(frame - 1, self.length - 1)
        return min(round((frame - 1) * self.length / self.count), self.length - 1)

    def time(self, frame: int) -> float:
        """In seconds."""
        return (frame - 1) * self.duration / self.count


def key_frames(region: Region) -> list[KeyFrame]:
    """The key frames of a video region, by frame.

    Raises:
        ValueError: if it has none, or one is not a box.
    """
    try:
        found = {
            int(own["frame"]): KeyFrame(
                int(own["frame"]), _percent(own), bool(own.get("enabled", True))
            )
            for own in region["value"]["sequence"]
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"region {region.get('id')} is no box on a video: {error!r}") from None
    if not found or min(found) < 1 or max(found) > MOST_FRAMES:
        raise ValueError(f"region {region.get('id')}: give key frames from 1 to {MOST_FRAMES}")
    return [found[frame] for frame in sorted(found)]


def key_frame(
    frame: int, box: Sequence[float], size: tuple[int, int], *, enabled: bool
) -> KeyFrame:
    """A box in pixels as a key frame."""
    height, width = size
    x0, y0, x1, y1 = box
    sides = x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height
    x, y, across, down = (100 * side for side in sides)
    return KeyFrame(frame, (x, y, across, down), enabled)


def sequence_entry(own: KeyFrame, numbers: FrameNumbers) -> dict[str, Any]:
    """A key frame as Label Studio stores it."""
    x, y, width, height = own.percent
    place = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    return {"frame": own.frame, "enabled": own.enabled, "time": numbers.time(own.frame)} | place


def image_prompt(regions: Sequence[Region], size: tuple[int, int]) -> tuple[Prompt, str | None]:
    """The clicks and the last box of some regions as one prompt, and the label that was chosen.

    Raises:
        ValueError: if there is none, or one is not what its type says.
    """
    height, width = size
    points, labels, box, chosen = [], [], None, None
    for region in regions:
        kind = region.get("type")
        if kind not in POINTS and kind not in BOXES:
            continue
        try:
            value = region["value"]
            x, y = value["x"] * width / 100, value["y"] * height / 100
            if kind in POINTS:
                points.append([min(x, width - 1), min(y, height - 1)])
                labels.append(int(region.get("is_positive", True)))
            else:
                box = KeyFrame(1, _percent(value), True).box(size)
            chosen = (value.get(kind) or [chosen])[0]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"region {region.get('id')} is no {kind}: {error!r}") from None
    if not points and box is None:
        raise ValueError("there is no click and no rectangle to segment from")
    return Prompt.clicks(np.array(points, float).reshape(-1, 2), labels, box), chosen


def mask_region(
    mask: Bool[np.ndarray, "H W"], control: Control, label: str | None, score: float, name: str
) -> dict[str, Any]:
    """A mask as a region, with its id ``name``, of a brush or bitmask control, with its first label
    if it has not the given one."""
    kind = control.tag.lower()
    if kind.startswith("brush"):
        value: dict[str, Any] = {"format": "rle", "rle": encode_brush(mask)}
    else:
        _, data = cv2.imencode(".png", mask * np.uint8(255))
        value = {
            "imageDataURL": "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()
        }
    if control.labels:
        value[kind] = [label if label in control.labels else control.labels[0]]
    height, width = mask.shape
    return {
        "id": name,
        "type": kind,
        "from_name": control.name,
        "to_name": control.to_name,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": score,
        "value": value,
    }


def _percent(value: Mapping[str, Any]) -> tuple[float, float, float, float]:
    if value.get("rotation"):
        raise ValueError("the box is turned, which is not read")
    x, y, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
    return x, y, width, height
