"""Training clips of objects that move, deform and occlude each other in front of photographs.

Takes a pack of pictures (:class:`sam2track.synthetic.Assets`) and a seed. Gives short clips with
the exact visible pixels of each tracked object. The same seed gives the same clip.

A clip is planned first (:class:`sam2track.synthetic.ScenePlan`), then drawn frame by frame, then
degraded as sensors and codecs do. Frames have the aspect of a video, resized to the square input of
the tracker.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from ...synthetic import FILMED, HELD_UP, Assets, ScenePlan
from .clip import SMALLEST, Clip, keep_visible


@dataclass(eq=False, repr=False)
class ProceduralClips:
    """Draws clips.

    Attributes:
        assets: the pictures.
        size: height and width of the frames, pixels.
        frames: frames per clip, at least 1.
        objects: most tracked objects in a clip.
        still, filmed, held_up, scale, aspect: see :class:`sam2track.synthetic.ScenePlan`; clips
            seen through windows have smaller objects (``scale``).
        smallest: share of the picture that a tracked object must cover in frame 0.
    """

    assets: Assets
    size: int = 224
    _: KW_ONLY
    frames: int = 8
    objects: int = 3
    still: float = 0.15
    filmed: float = FILMED
    held_up: float = HELD_UP
    scale: float = 1.0
    aspect: float | None = None
    smallest: float = SMALLEST

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """One clip with at least one object that is well visible in its first frame.

        At ``hardness`` 0 that is one large object that moves a little. Towards 1 objects are
        smaller, hidden, leave and have similar ones, motion is faster, and frames are degraded.
        """
        while True:
            plan = ScenePlan(
                self.assets,
                rng,
                size=self.size,
                frames=self.frames,
                count=self.objects,
                still=self.still,
                hardness=hardness,
                filmed=self.filmed,
                held_up=self.held_up,
                scale=self.scale,
                aspect=self.aspect,
            )
            clip = keep_visible(self._draw(plan), smallest=self.smallest)
            if clip is not None:
                return clip

    def _draw(self, plan: ScenePlan) -> Clip:
        frames = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        masks = np.empty((self.frames, self.size, self.size), np.uint8)
        background, shutter = plan.background.to_background(), plan.frame_times.shutter
        for number, t in enumerate(plan.frame_times.times):
            frame, masks[number] = plan.camera.render(background, plan.layers, t, shutter=shutter)
            frames[number] = plan.degradation(frame, t)
        return Clip(frames, masks, plan.aspect)
