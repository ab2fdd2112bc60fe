"""Training clips: things that move, deform and hide one another over photographs.

What enters: a pack of pictures (:mod:`sam2track.data.scene_assets`) and a seed. What leaves: short
clips with the exact visible pixels of each tracked object. The same seed gives the same clip.

A clip is planned first (:mod:`sam2track.data.scene_plan`: a backdrop, a camera, layers from back to
front, the moments at which frames are taken), then drawn frame by frame by
:mod:`sam2track.video.layers`, then spoiled as cameras and codecs do. Frames are drawn at the aspect
of a video and squashed to the square that the tracker sees.
"""

from __future__ import annotations

import numpy as np

from sam2track.data.clips import SMALLEST, Clip, keep_visible
from sam2track.data.scene_assets import Assets
from sam2track.data.scene_plan import FILMED, PRESENTED, Plan


class SceneSampler:
    """Draws clips.

    Args:
        assets: the pictures.
        size: height and width of the frames, pixels.
        frames: frames a clip, at least 1.
        objects: most tracked objects in a clip.
        still: share made by moving regions of one photograph, of the clips in which nothing is held
            up to the camera.
        filmed: share of the things that are filmed models, where there are films.
        presented: share of the hardest clips in which somebody holds a thing up to the camera.
        scale: how large things are, 1 = as usual. Clips that are seen through windows have smaller
            ones.
        aspect: width over height of the video; without it mostly 16:9 or 4:3.
        smallest: share of the picture that a tracked object must cover in frame 0.
    """

    def __init__(
        self,
        assets: Assets,
        size: int = 224,
        *,
        frames: int = 8,
        objects: int = 3,
        still: float = 0.15,
        filmed: float = FILMED,
        presented: float = PRESENTED,
        scale: float = 1.0,
        aspect: float | None = None,
        smallest: float = SMALLEST,
    ) -> None:
        self.assets, self.size, self.frames = assets, size, frames
        self.objects, self.still = objects, still
        self.filmed, self.presented = filmed, presented
        self.scale, self.aspect, self.smallest = scale, aspect, smallest

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """One clip with at least one object that is well visible in its first frame.

        At ``hardness`` 0 that is one large thing that moves a little; smaller, hidden, leaving and
        look-alike things, faster motion and bad pictures come in up to 1.
        """
        while True:
            plan = Plan(
                self.assets,
                rng,
                size=self.size,
                frames=self.frames,
                count=self.objects,
                still=self.still,
                hardness=hardness,
                filmed=self.filmed,
                presented=self.presented,
                scale=self.scale,
                aspect=self.aspect,
            )
            clip = keep_visible(self._draw(plan), smallest=self.smallest)
            if clip is not None:
                return clip

    def _draw(self, plan: Plan) -> Clip:
        frames = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        masks = np.zeros((self.frames, self.size, self.size), np.uint8)
        camera, shutter = plan.camera, plan.moments.shutter
        for number, t in enumerate(plan.moments.times):
            now, open_, shut = (camera.matrix(t + s * shutter) for s in (0, -0.5, 0.5))
            frame = plan.backdrop.draw(now, t, blur=camera.travel(open_, shut))
            for layer in plan.layers:
                blur = layer.travel(open_, shut, t, shutter)
                layer.draw(frame, masks[number], now, t, blur=blur)
            frames[number] = plan.spoil(frame, t)
        return Clip(frames, masks, plan.aspect)
