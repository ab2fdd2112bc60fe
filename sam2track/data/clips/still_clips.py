"""Training clips made of still images with masks and simulated motion.

A camera moves over the image, which is deformed a little. So that not all motion is the camera's,
the objects may move over what is filled in behind them, and objects cut out of another image may
move in front. STM (1904.00607, section 4.1) showed that still images help to learn tracking.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from pycocotools import mask as coco_masks

from ...masks import mask_box
from ...synthetic import Camera, Deformation, FrameTimes, Layer, Motion, Waves, sample
from ..readers.still_images import Still, Stills
from .augment import USUAL, Augment
from .clip import SMALLEST, Clip, at_least_one, keep_visible
from .video_clips import OVERLAP, TRIES, paint, squash, squash_mask

LARGEST = 0.8  # fraction of the image above which a mask counts as background
SPEED = 4.0  # at full hardness, relative to real videos, since most motion is the camera's
PADDING = 2  # pixels around a cut-out
CANVAS = 1.6  # height of the image, as a fraction of the clip's, before the camera moves over it


@dataclass(frozen=True, slots=True, eq=False)
class _Canvas:
    """An image under a moving camera.

    Attributes:
        image: RGB.
        masks: of each object, 255 on the object.
        to_world: from the image's coordinates to the camera's world.
        deformation: how it is deformed over time.
    """

    image: UInt8[np.ndarray, "h w 3"]
    masks: list[UInt8[np.ndarray, "h w"]]
    to_world: Float[np.ndarray, "3 3"]
    deformation: Deformation

    def seen(
        self, camera, t: float, size: int
    ) -> tuple[UInt8[np.ndarray, "S S 3"], list[Bool[np.ndarray, "S S"]]]:
        """The camera's view of the image and of the objects.

        The image is mirrored beyond its edges. An object's mirror image does not belong to it,
        unless both meet.
        """

        def view(picture, repeat: bool):
            place, box = camera @ self.to_world, (0, 0, size, size)
            return sample(picture, place, box, deformation=self.deformation, t=t, repeat=repeat)

        masks = [_joined(view(own, True) > 127, view(own, False) > 127) for own in self.masks]
        return view(self.image, True), masks


@dataclass(eq=False, repr=False)
class StillClips:
    """Draws clips of still images.

    Attributes:
        stills: the images: ``CocoStills``, ``SA1BStills`` or ``FolderStills``.
        size: height and width of the frames, pixels; images are resized to it.
        frames: frames per clip, at least 1.
        objects: largest number of tracked objects in a clip.
        moving: fraction of the clips that move; the others repeat one frame.
        paste: fraction of the moving clips in which objects of another image move across.
        loose: fraction of the moving clips in which the objects move themselves, if they are whole:
            neither cut off by the image's edge nor parts of another object.
        augment: applied to the clips; None = no change.
    """

    stills: Stills
    size: int = 224
    _: KW_ONLY
    frames: int = 8
    objects: int = 3
    moving: float = 0.9
    paste: float = 0.5
    loose: float = 0.0
    augment: Augment | None = USUAL

    def __post_init__(self) -> None:
        if not len(self.stills):
            raise ValueError("no still images: check the folder")
        at_least_one(frames=self.frames, objects=self.objects)

    def clip(self, rng: np.random.Generator, *, hardness: float = 1.0) -> Clip:
        """A clip; at ``hardness`` 0 motion is slow and changes are small."""
        path = None
        for _ in range(TRIES):
            still = self.stills[int(rng.integers(len(self.stills)))]
            path = still.path
            chosen = choose(still, rng, self.objects)
            if not chosen:
                continue
            if rng.random() < self.moving:
                clip = keep_visible(self._film(still, chosen, rng, hardness))
            else:
                clip = keep_visible(self._repeat(still, chosen))
            if clip is not None and self.augment is not None:
                clip = self.augment(clip, rng, hardness=hardness)
            if clip is not None:
                return clip
        raise ValueError(
            f"none of {TRIES} images shows an object on {SMALLEST:.1%} to {LARGEST:.0%} of it; the "
            f"last was {path}: check the masks"
        )

    def _repeat(self, still: Still, chosen: list[int]) -> Clip:
        """One frame, repeated."""
        masks = {k: squash_mask(still.mask(k), self.size) for k in chosen}
        one = squash(still.image, self.size), paint(masks, chosen, self.size)
        frames, labels = (np.stack([picture] * self.frames) for picture in one)
        return Clip(frames, labels, _aspect(still))

    def _film(
        self, still: Still, chosen: list[int], rng: np.random.Generator, hardness: float
    ) -> Clip:
        """The image under a moving camera; its objects may move, too, and others may pass."""
        moments = FrameTimes.draw(rng, self.frames)
        pace = 1 + (SPEED - 1) * hardness
        aspect, end = _aspect(still), pace * moments.end
        camera = Camera.draw(rng, aspect, self.size, end)
        place, layers = _place(rng, aspect), list[Layer]()
        image, *masks = self._shrunk(still, chosen)
        if self.loose and rng.random() < self.loose and _are_whole(still, chosen):
            layers = self._loosened(image, masks, place, rng, end)
            image, masks = _filled(image, np.maximum.reduce(masks)), []
        canvas = _Canvas(image, masks, place, _deformation(rng, rng.uniform(0, 0.02)))
        if rng.random() < self.paste:
            layers += self._passing_objects(rng, aspect, end, first=len(chosen) + 1)
        frames = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        labels = np.zeros((self.frames, self.size, self.size), np.uint8)
        for index, t in enumerate(pace * moments.times):
            matrix = camera.matrix(t)
            frames[index], seen = canvas.seen(matrix, t, self.size)
            for label, mask in enumerate(seen, start=1):
                labels[index][mask] = label
            for layer in layers:
                layer.draw(frames[index], labels[index], matrix, t)
        return Clip(frames, labels, aspect)

    def _shrunk(self, still: Still, chosen: list[int]) -> list[UInt8[np.ndarray, "h w *c"]]:
        """The image and the masks of objects, no larger than the clip needs."""
        height, width = still.image.shape[:2]
        share = min(1.0, CANVAS * self.size / height)
        size = (max(2, round(width * share)), max(2, round(height * share)))
        masks = (still.mask(k).view(np.uint8) * np.uint8(255) for k in chosen)
        return [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (still.image, *masks)]

    def _loosened(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        masks: list[UInt8[np.ndarray, "h w"]],
        place: np.ndarray,
        rng: np.random.Generator,
        end: float,
    ) -> list[Layer]:
        """The objects, which move from where they are in the image."""
        height, width = image.shape[:2]
        layers = []
        for label, mask in enumerate(masks, start=1):
            x0, y0, x1, y1 = mask_box(mask > 127) or (0, 0, 1, 1)
            centre = ((x0 + x1 - width) / 2 / height, (y0 + y1 - height) / 2 / height, 1)
            high = place[1, 1] * (y1 - y0 + 2 * PADDING) / height
            motion = _own_motion(rng, (place @ centre)[:2], high, end)
            cut = cut_out(image, mask > 127, self.size)
            layers.append(Layer(cut, motion, _deformation(rng, rng.uniform(0, 0.04)), label))
        return layers

    def _passing_objects(
        self, rng: np.random.Generator, aspect: float, end: float, *, first: int
    ) -> list[Layer]:
        """Objects cut out of another image; tracked until the clip has its largest number."""
        still = self.stills[int(rng.integers(len(self.stills)))]
        layers = []
        for number, k in enumerate(choose(still, rng, int(rng.integers(1, 3)))):
            label = first + number if first + number <= self.objects else 0
            cut = cut_out(still.image, still.mask(k), self.size)
            height = min(rng.uniform(0.15, 0.6), 2 * cut.shape[0] / self.size)
            motion = _passing_motion(rng, height, aspect, end)
            layers.append(Layer(cut, motion, _deformation(rng, 0.02), label))
        return layers


def _aspect(still: Still) -> float:
    return still.image.shape[1] / still.image.shape[0]


def _place(rng: np.random.Generator, aspect: float) -> Float[np.ndarray, "3 3"]:
    """An image's own coordinates to the world; the view is at a random place in the image."""
    spare = rng.uniform(0, 0.6)  # of the image beyond the view, view heights
    x, y = rng.uniform(-0.5, 0.5, 2) * spare
    scale = 1 + spare
    return np.array([[scale, 0, aspect * (0.5 + x)], [0, scale, 0.5 + y], [0, 0, 1.0]])


def _joined(
    mirrored: Bool[np.ndarray, "S S"], inside: Bool[np.ndarray, "S S"]
) -> Bool[np.ndarray, "S S"]:
    """Of a mask with its mirror images the pieces that meet what is inside the image."""
    _, pieces = cv2.connectedComponents(mirrored.view(np.uint8))
    kept = np.unique(pieces[inside & mirrored])
    return np.isin(pieces, kept[kept > 0])


def _are_whole(still: Still, chosen: list[int]) -> bool:
    """Whether none of the objects is cut off by the image's edge, or a part of another one."""
    height, width = still.image.shape[:2]
    areas = [coco_masks.area(own) for own in still.runs]
    for k in chosen:
        x0, y0, across, down = coco_masks.toBbox(still.runs[k])
        if min(x0, y0) < 2 or x0 + across > width - 2 or y0 + down > height - 2:
            return False
        for other, area in zip(still.runs, areas, strict=True):
            if area > areas[k]:
                both = coco_masks.merge([still.runs[k], other], intersect=True)
                if coco_masks.area(both) > areas[k] / 2:
                    return False
    return True


def _filled(
    image: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The image with its surroundings in place of what a mask shows.

    It is filled at a third of the size, which is faster, and blurs it.
    """
    size = (max(2, image.shape[1] // 3), max(2, image.shape[0] // 3))
    hole = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small_hole = cv2.dilate(cv2.resize(hole, size), np.ones((3, 3), np.uint8))
    small = cv2.inpaint(small, small_hole, 3, cv2.INPAINT_TELEA)
    filled = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(hole, (7, 7), 0)[..., None] / np.float32(255)
    return (image + soft * (filled.astype(np.float32) - image)).round().astype(np.uint8)


def choose(still: Still, rng: np.random.Generator, most: int) -> list[int]:
    """Random objects of an image, of a useful size, that do not overlap."""
    useful = [k for k, share in enumerate(still.shares()) if 2 * SMALLEST <= share <= LARGEST]
    chosen: list[int] = []
    for k in rng.permutation(useful).astype(int).tolist():
        if len(chosen) < most and all(_apart(still.runs[k], still.runs[o]) for o in chosen):
            chosen.append(k)
    return chosen


def cut_out(
    image: UInt8[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"], most: int
) -> UInt8[np.ndarray, "h w 4"]:
    """The object under a mask, RGBA with premultiplied alpha, no larger than ``most`` pixels.

    Around it are ``PADDING`` transparent pixels, of the image.
    """
    x0, y0, x1, y1 = mask_box(mask) or (0, 0, 1, 1)
    alpha = np.pad(mask[y0:y1, x0:x1].astype(np.float32), PADDING)
    colour = np.pad(image[y0:y1, x0:x1], ((PADDING,) * 2, (PADDING,) * 2, (0, 0)), mode="edge")
    alpha = cv2.GaussianBlur(alpha, (3, 3), 0)[..., None]
    cut = np.concatenate([colour * alpha, 255 * alpha], 2)
    share = min(1.0, most / max(cut.shape[:2]))
    size = [max(2, round(side * share)) for side in cut.shape[1::-1]]
    return cv2.resize(cut, size, interpolation=cv2.INTER_AREA).round().astype(np.uint8)


def _apart(one, other) -> bool:
    """Whether two masks hardly overlap."""
    both = coco_masks.area(coco_masks.merge([one, other], intersect=True))
    return bool(both <= OVERLAP * min(coco_masks.area(one), coco_masks.area(other)))


def _passing_motion(rng: np.random.Generator, height: float, aspect: float, end: float) -> Motion:
    """How an object of a height passes through the view, turning and changing its size a little."""
    start = np.array([aspect * rng.random(), rng.random(), np.log(height), 0, 0, 0])
    rate = np.zeros(6)
    rate[:2] = rng.normal(0, 0.35, 2) * (aspect, 1.0) / end
    rate[2:4] = rng.normal(0, 0.15, 2) / end
    reach = np.array([0.03, 0.03, 0.05, 0.1, 0.05, 0.05]) * rng.random(6)
    return Motion(start, rate, Waves.draw(rng, reach, (12, 70)))


def _own_motion(rng: np.random.Generator, centre: np.ndarray, height: float, end: float) -> Motion:
    """How an object, ``height`` high in the world, moves away from its place."""
    start = np.array([*centre, np.log(height), 0, 0, 0])
    rate = np.zeros(6)
    rate[:2] = rng.normal(0, 0.4, 2) * height / end
    rate[2:4] = rng.normal(0, 0.15, 2) / end
    reach = np.array([0.05 * height, 0.05 * height, 0.05, 0.1, 0.05, 0.05]) * rng.random(6)
    return Motion(start, rate, Waves.draw(rng, reach, (12, 70)))


def _deformation(rng: np.random.Generator, reach: float) -> Deformation:
    """A smooth deformation by about ``reach`` heights."""
    count = 3
    angle = rng.uniform(0, 2 * np.pi, count)
    wave = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(2, 7, (count, 1))
    return Deformation(
        rng.normal(0, reach, (count, 2)),
        wave,
        2 * np.pi / rng.uniform(10, 50, count),
        rng.uniform(0, 2 * np.pi, count),
    )
