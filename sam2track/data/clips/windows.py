"""Training clips that are seen through search windows.

A tracker can search for a small object in a part of the frame. This window is a few times as large
as the object, lies around its expected place, and is resized to the square that the network sees.
Each frame has its own window, and a frame's memory was made through that frame's window. Clips that
are cut in the same way teach the network to read such memories.

Takes a source of clips, drawn larger than the network's square. Gives the clips as an imperfect
tracker would see them through windows around one of their objects.

A window is a square of side ``s`` in video pixels. In each direction it is at most as long as the
frame, and it is shifted so that it lies inside the frame. So a window whose side is at least the
frame's longer side is the whole frame, resized to a square as without windows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ...masks import mask_box
from .clip import Clip, ClipSource, keep_visible
from .video_clips import squash

Boxes = Float[np.ndarray, "T 4"]  # x0, y0, x1, y1 in video pixels; NaN where the object is absent


@dataclass(frozen=True, slots=True)
class WindowMotion:
    """How an imperfect tracker moves its window.

    Attributes:
        least, most: the window's side, in longer sides of the object's box.
        lag: share of the frames whose window follows the box of the previous frame; the others
            follow a box between that one and the true one.
        drift: error of the window's centre: standard deviation, in sides of the box.
        size_noise: change of the window's side from frame to frame: standard deviation of its
            logarithm.
        jump: share of the frames in which the centre is off by up to one and a half sides.
        whole: share of the frames seen without a window.
        growth: factor by which the window grows in each frame after the object was not seen.
    """

    least: float = 2.5
    most: float = 5.0
    lag: float = 0.5
    drift: float = 0.12
    size_noise: float = 0.06
    jump: float = 0.04
    whole: float = 0.06
    growth: float = 1.4

    def draw(self, boxes: Boxes, size: tuple[float, float], rng: np.random.Generator) -> Boxes:
        """One window per frame, inside a frame of this width and height.

        The object must be present in the first frame, where the window is drawn around its box.
        """
        factor = float(np.exp(rng.uniform(np.log(self.least), np.log(self.most))))
        centre, side = _centre_and_side(boxes[0])
        error, windows = np.zeros(2), np.empty_like(boxes)
        scale = 1.0  # grows while the object is lost
        for number in range(len(boxes)):
            if number:
                seen, true = boxes[number - 1], boxes[number]
                if np.isnan(seen).any():
                    scale *= self.growth
                else:
                    share = 0.0 if rng.random() < self.lag else rng.uniform(0, 1)
                    if np.isnan(true).any():
                        share = 0.0
                    scale, followed = 1.0, seen + share * np.nan_to_num(true - seen)
                    centre, now = _centre_and_side(followed)
                    # A half hidden object has a smaller box, but is not smaller: smooth the size.
                    side *= float(np.clip(now / side, 0.6, 1.7)) ** rng.uniform(0.3, 1.0)
                factor *= float(np.exp(rng.normal(0, self.size_noise)))
                factor = float(np.clip(factor, 0.9 * self.least, 1.2 * self.most))
            error = 0.7 * error + rng.normal(0, 0.7 * self.drift, 2)
            off = error + (rng.uniform(-1.5, 1.5, 2) if number and rng.random() < self.jump else 0)
            length = side * factor * scale
            if rng.random() < self.whole:
                length = max(size)
            windows[number] = clamp_window(centre + off * side, length, size)
        return windows


def clamp_window(centre: np.ndarray, side: float, size: tuple[float, float]) -> np.ndarray:
    """The window (x0, y0, x1, y1) of this side that lies in a frame of this width and height."""
    lengths = np.minimum(side, size)
    start = np.clip(centre - lengths / 2, 0, np.asarray(size) - lengths)
    return np.concatenate([start, start + lengths])


class WindowClips:
    """The clips of a source as they are seen through windows.

    Args:
        source: called with ``size=``, ``frames=`` and ``objects=``; makes the source of the clips.
        size: height and width of the frames, pixels.
        frames, objects: as for every source of clips.
        detail: by which factor the source's clips are larger than ``size``, so that the view
            through a window is sharp.
        motion: how the windows move.
    """

    def __init__(
        self,
        source: Callable[..., ClipSource],
        size: int = 256,
        *,
        frames: int = 8,
        objects: int = 3,
        detail: float = 1.75,
        motion: WindowMotion = WindowMotion(),
    ) -> None:
        self.size, self.objects, self.motion = size, objects, motion
        self.source = source(size=round(size * detail), frames=frames, objects=objects)

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """A clip with at least one object that is well visible through the first window."""
        while True:
            clip = self.source.clip(rng, hardness=hardness)
            label = _choose_object(clip.masks[0], rng)
            windows = self.motion.draw(boxes_of(clip, label), video_size(clip), rng)
            cut = keep_visible(cut_windows(clip, windows, self.size))
            if cut is not None:
                return cut


def video_size(clip: Clip) -> tuple[float, float]:
    """Width and height of the video that a clip was resized from; the height is the clip's."""
    height = float(clip.frames.shape[1])
    return height * clip.aspect, height


def boxes_of(clip: Clip, label: int) -> Boxes:
    """The box of one object in each frame, in video pixels; NaN where it is absent."""
    boxes = np.full((len(clip.masks), 4), np.nan)
    for number, mask in enumerate(clip.masks == label):
        box = mask_box(mask)
        if box is not None:
            boxes[number] = np.array(box) * (clip.aspect, 1.0, clip.aspect, 1.0)
    return boxes


def cut_windows(clip: Clip, windows: Boxes, size: int) -> Clip:
    """Each frame as seen through its window, resized to a square of ``size`` pixels."""
    count = len(windows)
    frames = np.empty((count, size, size, 3), np.uint8)
    masks = np.empty((count, size, size), np.uint8)
    for number, window in enumerate(windows / (clip.aspect, 1.0, clip.aspect, 1.0)):
        x0, y0, x1, y1 = _whole_pixels(window, clip.frames.shape[1])
        seen = clip.frames[number, y0:y1, x0:x1]
        frames[number] = squash(np.ascontiguousarray(seen), size)
        labels = np.ascontiguousarray(clip.masks[number, y0:y1, x0:x1])
        masks[number] = cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)
    return Clip(frames, masks)


def _whole_pixels(window: np.ndarray, limit: int) -> tuple[int, int, int, int]:
    """The window in whole pixels: at least 8 wide and high, inside a square of ``limit``."""
    x0, y0 = (int(np.clip(round(v), 0, limit - 8)) for v in window[:2])
    x1, y1 = (int(np.clip(round(window[k + 2]), (x0, y0)[k] + 8, limit)) for k in (0, 1))
    return x0, y0, x1, y1


def _centre_and_side(box: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and longer side of a box; a side is at least 4 pixels."""
    return (box[:2] + box[2:]) / 2, max(float((box[2:] - box[:2]).max()), 4.0)


def _choose_object(labels: UInt8[np.ndarray, "S S"], rng: np.random.Generator) -> int:
    """A random object of the first frame; smaller ones are more likely."""
    counts = np.bincount(labels.ravel())[1:]
    chances = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0)
    return 1 + int(rng.choice(len(counts), p=chances / chances.sum()))
