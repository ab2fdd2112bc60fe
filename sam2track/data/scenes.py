"""Training clips: things that move, deform and hide one another over photographs.

What enters: a pack of pictures (:mod:`sam2track.data.scene_assets`) and a seed. What leaves: short
clips with the exact visible pixels of each tracked object. The same seed gives the same clip.

A clip is planned first (a backdrop, a camera, layers from back to front, the moments at which
frames are taken), then drawn frame by frame by :mod:`sam2track.video.layers`, then spoiled as
cameras and codecs do. Frames are drawn at the aspect of a video and squashed to the square that the
tracker sees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from sam2track.data import scene_objects as objects
from sam2track.data.scene_assets import Assets
from sam2track.data.scene_camera import Camera, Moments, Spoil
from sam2track.video.layers import Excursion, Layer, Motion, Sway, Waves, premultiply, sample

SMALLEST = 0.003  # share of the picture that a tracked object must cover in frame 0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames and what is where in them.

    Attributes:
        frames: RGB.
        masks: the tracked object (1..K) that each pixel shows, 0 = none of them.
    """

    frames: UInt8[np.ndarray, "T S S 3"]
    masks: UInt8[np.ndarray, "T S S"]


class SceneSampler:
    """Draws clips.

    Args:
        assets: the pictures.
        size: height and width of the frames, pixels.
        frames: frames a clip, at least 1.
        objects: most tracked objects in a clip.
        still: share of the clips made by moving a region of one photograph.
    """

    def __init__(
        self,
        assets: Assets,
        size: int = 224,
        *,
        frames: int = 8,
        objects: int = 3,
        still: float = 0.25,
    ) -> None:
        self.assets, self.size, self.frames = assets, size, frames
        self.objects, self.still = objects, still

    def clip(self, rng: np.random.Generator) -> Clip:
        """One clip with at least one object that is well visible in its first frame."""
        while True:
            clip = _keep_visible(self._draw(_Plan(self, rng)))
            if clip is not None:
                return clip

    def _draw(self, plan: _Plan) -> Clip:
        frames = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        masks = np.zeros((self.frames, self.size, self.size), np.uint8)
        for number, t in enumerate(plan.moments.times):
            frame, shutter = plan.backdrop(t), plan.moments.shutter
            before, after = plan.camera.matrix(t - shutter / 2), plan.camera.matrix(t + shutter / 2)
            camera = plan.camera.matrix(t)
            for layer in plan.layers:
                blur = layer.travel(before, after, t, shutter) if shutter else (0.0, 0.0)
                layer.draw(frame, masks[number], camera, t, blur=plan.limit(blur))
            frames[number] = plan.spoil(frame, t)
        return Clip(frames, masks)


def _keep_visible(clip: Clip) -> Clip | None:
    """The clip with the objects that can be seen in frame 0, renumbered; None if there is none."""
    counts = np.bincount(clip.masks[0].ravel(), minlength=256)
    kept = [k for k in range(1, 256) if counts[k] >= SMALLEST * clip.masks[0].size]
    if not kept:
        return None
    table = np.zeros(256, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    return Clip(clip.frames, table[clip.masks])


class _Plan:
    """What will be in a clip and how it moves."""

    def __init__(self, sampler: SceneSampler, rng: np.random.Generator) -> None:
        self.assets, self.size, self.rng = sampler.assets, sampler.size, rng
        self.aspect = float(rng.choice([16 / 9, 4 / 3, 1.0, 9 / 16], p=[0.6, 0.25, 0.08, 0.07]))
        self.moments = Moments.draw(rng, sampler.frames)
        self.spoil = Spoil.draw(rng, self.size, self.moments.end)
        self.canvas = self._canvas()
        self.sway = self._sway(0.25, 0.004) if rng.random() < 0.15 else None
        still = rng.random() < sampler.still
        count = int(rng.integers(1, sampler.objects + 1))
        tracked = [self._region(k + 1) if still else self._object(k + 1) for k in range(count)]
        if not still:
            tracked = [self._recoloured(layer) for layer in tracked]
        layers = tracked + self._distractors(tracked)
        rng.shuffle(layers)
        self.layers = layers + self._occluders(tracked)
        self.camera = Camera.draw(rng, self.aspect, self.size, self.moments.end)
        if rng.random() < 0.45:
            self.camera = self.camera.following(tracked[0].motion, rng.uniform(0.4, 1.0))

    # -- the backdrop

    def _canvas(self) -> np.ndarray:
        """A photograph as the world's background: ``size`` pixels a world unit, both ways."""
        rng, margin = self.rng, 0.3
        photo = self.assets.photo(rng) if rng.random() < 0.88 else self.assets.texture(rng)
        wide, high = self.aspect + 2 * margin, 1 + 2 * margin
        zoom = rng.uniform(0.45, 1.0) * min(photo.shape[0] / high, photo.shape[1] / wide)
        h, w = round(high * zoom), round(wide * zoom)
        y = int(rng.integers(photo.shape[0] - h + 1))
        x = int(rng.integers(photo.shape[1] - w + 1))
        size = (round(wide * self.size / max(1.0, self.aspect)), round(high * self.size))
        piece = np.ascontiguousarray(photo[y : y + h, x : x + w])
        canvas = cv2.resize(
            piece, size, interpolation=cv2.INTER_AREA if zoom > self.size else cv2.INTER_LINEAR
        )
        if rng.random() < 0.5:
            canvas = np.ascontiguousarray(canvas[:, ::-1])
        self.density = (size[0] / wide, size[1] / high)  # canvas pixels a world unit
        self.corner = (-margin, -margin)  # of the canvas, in the world
        for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):  # clutter that stays where it is
            layer = self._object(0, calm=True)
            self._bake(canvas, layer)
        return canvas

    def _to_canvas(self) -> np.ndarray:
        """World to canvas pixels."""
        (sx, sy), (x, y) = self.density, self.corner
        return np.array([[sx, 0, -x * sx - 0.5], [0, sy, -y * sy - 0.5], [0, 0, 1.0]])

    def _bake(self, canvas: np.ndarray, layer: Layer) -> None:
        layer.draw(canvas, np.zeros(canvas.shape[:2], np.uint8), self._to_canvas(), 0.0)

    def backdrop(self, t: float) -> np.ndarray:
        """The background at time ``t``, ``(size, size, 3)``."""
        height, width = self.canvas.shape[:2]
        camera, shutter = self.camera, self.moments.shutter
        # canvas own coordinates (its height is 1, origin in its centre) to world
        own = np.diag([height, height, 1.0])
        own[:2, 2] = (width - 1) / 2, (height - 1) / 2
        place = np.linalg.inv(self._to_canvas()) @ own
        blur = (0.0, 0.0)
        if shutter:
            centre = np.array([self.aspect / 2, 0.5, 1.0])
            seen = [camera.matrix(t + s) @ centre for s in (-shutter / 2, shutter / 2)]
            way = seen[1][:2] / seen[1][2] - seen[0][:2] / seen[0][2]
            blur = self.limit((float(way[0]), float(way[1])))
        box = (0, 0, self.size, self.size)
        return sample(
            self.canvas, camera.matrix(t) @ place, box, sway=self.sway, t=t, blur=blur, repeat=True
        )

    def limit(self, blur: tuple[float, float]) -> tuple[float, float]:
        """Motion blur of at most a tenth of the frame."""
        length = np.hypot(*blur)
        most = self.size / 10
        return blur if length <= most else (blur[0] * most / length, blur[1] * most / length)

    # -- the things in it

    def _object(self, label: int, *, calm: bool = False) -> Layer:
        rng = self.rng
        height = float(np.exp(rng.uniform(np.log(0.09), np.log(0.75))))
        height = min(height, 0.3) if label == 0 and rng.random() < 0.6 else height
        side = int(np.clip(height * self.size * 1.15, 20, 1.2 * self.size))
        picture = objects.thing(self.assets, rng, side)
        height *= min(1.0, picture.shape[0] / side + 0.15)
        place = np.array([rng.uniform(0.12, 0.88) * self.aspect, rng.uniform(0.15, 0.85)])
        motion = Motion(np.array([*place, np.log(height), rng.normal(0, 0.15), 0, 0]))
        shadow = None
        if rng.random() < 0.2:
            shadow = (*rng.uniform(-0.05, 0.05, 2), rng.uniform(0.01, 0.06), rng.uniform(0.2, 0.6))
        if calm:
            return Layer(premultiply(picture), motion, shadow=shadow)
        gain = Waves.draw(rng, [0.12], (10, 80)) if rng.random() < 0.25 else None
        motion = self._moving(motion)
        sway = self._sway(1.0, 0.05) if rng.random() < 0.7 else None
        return Layer(picture, motion, sway, label, gain, shadow)

    def _recoloured(self, layer: Layer) -> Layer:
        """The layer in the colours of the place where it starts."""
        x, y = self._to_canvas()[:2] @ np.array([*layer.motion.start[:2], 1.0])
        x, y = (
            int(np.clip(x, 0, self.canvas.shape[1] - 1)),
            int(np.clip(y, 0, self.canvas.shape[0] - 1)),
        )
        near = self.canvas[max(0, y - 40) : y + 40 : 2, max(0, x - 40) : x + 40 : 2]
        return replace(
            layer, picture=premultiply(objects.harmonised(layer.picture, near, self.rng))
        )

    def _moving(self, motion: Motion, *, speed: float | None = None) -> Motion:
        """The same start with a random way to go."""
        rng, end = self.rng, self.moments.end
        if speed is None:
            speed = min(float(np.exp(rng.normal(np.log(0.010), 0.9))), 0.22 / self.moments.step)
        turn = rng.uniform(0, 2 * np.pi)
        spin = rng.normal(0, 0.012) if rng.random() < 0.3 else 0.0
        grow = rng.normal(0, 0.010) if rng.random() < 0.5 else 0.0
        grow = float(np.clip(grow, -0.6 / end, 0.6 / end))
        rate = np.array([speed * np.cos(turn), 0.6 * speed * np.sin(turn), grow, spin, 0, 0])
        size = float(np.exp(motion.start[2]))
        sway = 1.5 * speed + 0.01 * rng.random()
        reach = np.array([sway * 3, sway * 3, 0.07, 0.12, 0.10, 0.08])
        waves = Waves.draw(rng, reach * rng.uniform(0, 1, 6), (12, 70))
        start = motion.start - waves(0.0)
        excursion = None
        if rng.random() < 0.12:
            away = np.array(
                [rng.choice([-1.0, 1.0]) * (self.aspect * 0.8 + size), rng.normal(0, 0.2)]
            )
            width = end * rng.uniform(0.4, 0.9) + 1
            excursion = Excursion(away, end * rng.uniform(0.35, 0.75) + width * 0.1, width)
        box = np.array([0.0, 0.0, self.aspect, 1.0]) if rng.random() < 0.6 else None
        return Motion(start, rate, waves, box, excursion)

    def _sway(self, share: float, reach: float) -> Sway:
        """A deformation; ``reach`` is the size of its ripples in object heights."""
        rng = self.rng
        count = 3
        angle = rng.uniform(0, 2 * np.pi, count)
        wave = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(2, 7, (count, 1))
        reaches = rng.normal(0, reach * rng.uniform(0.2, 1) / np.sqrt(count), (count, 2))
        speed = 2 * np.pi / rng.uniform(10, 50, count)
        parts = None
        if rng.random() < 0.6 * share:
            strength = np.array([0.35, 0.5, 0.35]) * (rng.random(3) < 0.5) * rng.uniform(0.2, 1, 3)
            parts = Waves.draw(rng, strength, (10, 45))
        joint = (float(rng.normal(0, 0.05)), float(rng.uniform(-0.2, 0.25)))
        return Sway(
            reaches, wave, speed, rng.uniform(0, 6.3, count), parts, joint, rng.random() < 0.75
        )

    def _region(self, label: int) -> Layer:
        """A region of the backdrop itself, moving a little against it or only with the camera."""
        rng, canvas = self.rng, self.canvas
        side = int(np.exp(rng.uniform(np.log(0.16), np.log(0.65))) * self.size)
        alpha = objects.outline(self.assets, rng, side)
        h, w = alpha.shape
        sx, sy = self.density
        x = int(rng.uniform(0.3, 0.7) * canvas.shape[1] - w / 2)
        y = int(rng.uniform(0.3, 0.7) * canvas.shape[0] - h / 2)
        x, y = max(0, min(x, canvas.shape[1] - w)), max(0, min(y, canvas.shape[0] - h))
        alpha = alpha[: canvas.shape[0], : canvas.shape[1]]
        h, w = alpha.shape
        picture = premultiply(np.dstack([canvas[y : y + h, x : x + w], alpha]))
        # the canvas is squashed where the frame is wide: undo it through the log aspect
        stretch = 0.5 * np.log(sy / sx)
        centre = (np.array([x + w / 2, y + h / 2]) / (sx, sy)) + self.corner
        start = np.array([*centre, np.log(h / sy) + stretch, 0.0, stretch, 0.0])
        motion, sway = Motion(start), None
        if rng.random() < 0.7:
            self._erase(x, y, alpha)
            motion = self._moving(motion)
            sway = self._sway(0.6, 0.05) if rng.random() < 0.7 else None
        return Layer(picture, motion, sway, label)

    def _erase(self, x: int, y: int, alpha: np.ndarray) -> None:
        """Paint over a region of the canvas: its surroundings' colours, another place's detail."""
        canvas, (h, w) = self.canvas, alpha.shape
        hole = np.zeros(canvas.shape[:2], np.float32)
        hole[y : y + h, x : x + w] = cv2.dilate(alpha, np.ones((7, 7), np.uint8)) / 255.0
        known = canvas.astype(np.float32) * (1 - hole)[..., None]
        small = (max(2, canvas.shape[1] // 16), max(2, canvas.shape[0] // 16))
        colour = cv2.resize(known, small, interpolation=cv2.INTER_AREA)
        weight = cv2.resize(1 - hole, small, interpolation=cv2.INTER_AREA)
        colour, weight = (cv2.GaussianBlur(v, (0, 0), 3) for v in (colour, weight))
        fill = cv2.resize(colour / np.maximum(weight, 1e-3)[..., None], canvas.shape[1::-1])
        detail = canvas.astype(np.float32)
        detail -= cv2.blur(detail, (25, 25))
        shift = (
            int(self.rng.integers(h, canvas.shape[0] + 1 - h // 2)),
            int(self.rng.integers(w, canvas.shape[1] + 1)),
        )
        fill += np.roll(detail, shift, (0, 1))
        mixed = known + np.clip(fill, 0, 255) * hole[..., None]
        self.canvas = mixed.astype(np.uint8)

    def _distractors(self, tracked: list[Layer]) -> list[Layer]:
        """Look-alikes and other things that are not tracked."""
        rng, found = self.rng, []
        if rng.random() < 0.4:
            for _ in range(int(rng.choice([1, 1, 2, 3]))):
                found.append(self._twin(tracked[int(rng.integers(len(tracked)))]))
        for _ in range(int(rng.choice([0, 0, 0, 1, 2]))):
            found.append(self._recoloured(self._object(0)))
        return found

    def _twin(self, layer: Layer) -> Layer:
        """The same thing elsewhere, on a way of its own that may cross the first one's."""
        rng, end = self.rng, self.moments.end
        start = layer.motion.start.copy()
        start[:2] = rng.uniform(0.05, 0.95, 2) * (self.aspect, 1.0)
        start[2] += rng.normal(0, 0.15)
        motion = self._moving(Motion(start))
        if rng.random() < 0.35:  # a rendezvous: both in one place at one moment
            when = end * rng.uniform(0.3, 0.9)
            meet = layer.motion.state(when)[:2] + rng.normal(0, 0.05, 2)
            rate = motion.rate.copy()
            rate[:2] = (meet - start[:2]) / max(when, 1.0)
            most = 0.2 / self.moments.step
            rate[:2] *= min(1.0, most / (np.hypot(*rate[:2]) + 1e-9))
            motion = Motion(start, rate)
        sway = layer.sway if layer.sway is None else self._sway(1.0, 0.05)
        picture = layer.picture
        if rng.random() < 0.4:  # of the same kind, but not the same
            tint = np.append(rng.uniform(0.8, 1.0, 3), 1.0)
            picture = cv2.multiply(picture, tuple(tint))
        return replace(layer, picture=picture, motion=motion, sway=sway, label=0)

    def _occluders(self, tracked: list[Layer]) -> list[Layer]:
        """Things in front: they pass over a tracked object, or stand in its way."""
        rng, found = self.rng, []
        if rng.random() > 0.35:
            return found
        for _ in range(int(rng.choice([1, 1, 2]))):
            target = tracked[int(rng.integers(len(tracked)))]
            when = self.moments.end * rng.uniform(0.3, 0.9) + 0.5
            meet = target.motion.state(when)
            if rng.random() < 0.5:
                picture = objects.bar(self.assets, rng, round(1.3 * self.size))
                size, angle = rng.uniform(1.2, 2.2), rng.choice([0, np.pi / 2]) + rng.normal(0, 0.2)
            else:
                height = float(np.exp(meet[2])) * rng.uniform(0.4, 1.3)
                picture = objects.thing(self.assets, rng, int(np.clip(height * self.size, 16, 300)))
                size, angle = height, 0.0
            turn = rng.uniform(0, 2 * np.pi)
            far = (float(np.exp(meet[2])) + 0.4 * size * (size < 1)) * rng.uniform(0.5, 1.2)
            way = np.array([np.cos(turn), np.sin(turn)]) * far
            rate = np.array([*(way / when), 0, 0, 0, 0])
            start = np.array([*(meet[:2] - way), np.log(size), angle, 0, 0])
            layer = Layer(picture, Motion(start, rate))
            found.append(self._recoloured(layer))
        return found


class SceneDataset(Dataset):
    """Clips as tensors; clip ``index`` depends on ``(seed, index)`` alone, so a resume is exact.

    Args:
        sampler: draws the clips.
        length: number of clips.
        seed: another seed, other clips.
    """

    def __init__(self, sampler: SceneSampler, *, length: int, seed: int = 0) -> None:
        self.sampler, self.length, self.seed = sampler, length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(
        self, index: int
    ) -> dict[str, UInt8[Tensor, "T 3 S S"] | Bool[Tensor, "T K S S"] | Bool[Tensor, " K"]]:
        """``frames``, ``masks`` (K = the sampler's most objects) and ``valid``: which of them are.

        Raises:
            IndexError: if there is no such clip.
        """
        if not 0 <= index < self.length:
            raise IndexError(f"clip {index} of {self.length}")
        cv2.setNumThreads(0)  # workers run beside the training: one thread each
        clip = self.sampler.clip(np.random.default_rng([self.seed, index]))
        labels = torch.arange(1, self.sampler.objects + 1, dtype=torch.uint8)
        masks = torch.from_numpy(clip.masks)[:, None] == labels[:, None, None]
        frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).contiguous()
        return {"frames": frames, "masks": masks, "valid": masks[0].any(-1).any(-1)}
