"""Masks of everything in a picture.

A picture goes in; clicks on a grid are decoded, and the masks that the model is sure of come out,
without duplicates (SAM, 2304.02643, section 5 and appendix B).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from ..device import model_threads
from ..masks import remove_small_regions, sharpen
from ..masks.boxes import suppress
from ..types import expect
from .automatic_mask import AutomaticMask
from .automatic_settings import AutomaticSettings
from .crops import Box, cut_off, layered_crops, point_grid
from .embedding import EncodedImage
from .full_size import Measured, concatenate_measured, measure
from .image_masks import ImageMasks, concatenate_rows
from .predictor import ImagePredictor
from .prompt_rows import PromptRows
from .reading import Picture, read_image

T = TypeVar("T")
COARSE = 128  # masks with a shorter side, in low-resolution pixels, gain by sharpening


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """R masks in a crop."""

    masks: ImageMasks  # one in each row, at the model's resolution
    clicks: Float[np.ndarray, "R 2"]  # `(x, y)` that gave them, in pixels of the crop
    measured: Measured  # at the crop's size

    def select(self, rows: Int[np.ndarray, " K"] | Bool[np.ndarray, " R"]) -> Found:
        """Some of the rows."""
        chosen = torch.from_numpy(rows).to(self.masks.logits.device)
        return Found(self.masks.select(chosen), self.clicks[rows], self.measured.select(rows))


class AutomaticMaskGenerator:
    """Finds everything in a picture::

        generator = AutomaticMaskGenerator(ImagePredictor(load_image_model("sam2.1_hiera_tiny")))
        for found in generator.generate("photo.jpg"):
            print(found.box, found.area, found.score)

    Args:
        predictor: decodes the clicks.
        settings: see :class:`AutomaticSettings`.
    """

    def __init__(
        self, predictor: ImagePredictor, settings: AutomaticSettings | None = None
    ) -> None:
        expect(predictor, ImagePredictor, "the predictor", "an ImagePredictor")
        self.predictor, own = predictor, AutomaticSettings() if settings is None else settings
        expect(own, AutomaticSettings, "settings", "AutomaticSettings")
        suited = predictor.model.automatic
        self.settings = own = replace(
            own,
            points_per_side=_either(own.points_per_side, suited.points_per_side),
            pred_iou_thresh=_either(own.pred_iou_thresh, suited.pred_iou),
            stability_score_thresh=_either(own.stability_score_thresh, suited.stability),
            stability_score_offset=_either(own.stability_score_offset, suited.offset),
            use_m2m=_either(own.use_m2m, suited.refine),
        )
        assert own.points_per_side is not None
        layers = range(own.crop_n_layers + 1)
        sides = (int(own.points_per_side / own.crop_n_points_downscale_factor**n) for n in layers)
        self.grids = own.point_grids or tuple(point_grid(max(side, 1)) for side in sides)

    @torch.no_grad()
    def generate(
        self,
        image: Picture,
        *,
        where: Bool[np.ndarray, "H W"] | None = None,
        pause: Callable[[], None] | None = None,
    ) -> list[AutomaticMask]:
        """The masks of everything; those of smaller crops first, then the highest predicted IoU.

        Args:
            image: see :func:`sam2track.image.read_image`.
            where: pixels on which clicks are given; None = all.
            pause: is called several times a second; an exception of it ends the work.

        Raises:
            VideoError, ValueError: if it cannot be read, or ``where`` has another size.
        """
        picture = read_image(image)
        size = (picture.shape[0], picture.shape[1])
        if where is not None:
            expect(where, np.ndarray, "where", "an array of True and False")
            if where.shape != size or where.dtype != bool:
                given = f"{where.dtype} of shape {where.shape}"
                raise ValueError(f"where is {given}; give bool of the picture's shape, {size}")
        own, pause = self.settings, pause or (lambda: None)
        found: list[AutomaticMask] = []
        crops = layered_crops(size, own.crop_n_layers, own.crop_overlap_ratio)
        for crop, layer in crops:
            x0, y0, x1, y1 = crop
            points = self.grids[layer] * (x1 - x0, y1 - y0)
            if where is not None:
                x, y = points.astype(int).clip(max=(x1 - x0 - 1, y1 - y0 - 1)).T
                points = points[where[y0:y1, x0:x1][y, x]]
            if len(points):
                with model_threads(self.predictor.model.small_on_cpu):
                    found += self._of_crop(picture, crop, points.astype(np.float32), pause)
        if len(crops) > 1:
            areas = [(o.crop[2] - o.crop[0]) * (o.crop[3] - o.crop[1]) for o in found]
            found = _without_duplicates(found, [-area for area in areas], own.crop_nms_thresh)
        share = self.predictor.model.automatic.small_region
        area = _either(own.min_mask_region_area, share * size[0] * size[1])
        if not area:
            return found
        most = max(own.box_nms_thresh, own.crop_nms_thresh)
        return _without_small_regions(found, area, most, pause)

    def _of_crop(
        self,
        picture: UInt8[np.ndarray, "H W 3"],
        crop: Box,
        points: Float[np.ndarray, "P 2"],
        pause: Callable[[], None],
    ) -> Iterator[AutomaticMask]:
        """The masks that are seen in a crop."""
        x0, y0, x1, y1 = crop
        size = (picture.shape[0], picture.shape[1])
        encoded = self.predictor.encode(picture[y0:y1, x0:x1])
        parts = []
        for part in self._decode(encoded, points):
            parts.append(self._sure(*part, crop, size))
            pause()
        found = Found(
            concatenate_rows([part.masks for part in parts]),
            np.concatenate([part.clicks for part in parts]),
            concatenate_measured([part.measured for part in parts]),
        )
        scores = found.masks.scores[:, 0].cpu().numpy()
        boxes = found.measured.boxes.astype(np.float32)
        found = found.select(suppress(boxes, scores, self.settings.box_nms_thresh))
        at_full_size = self._at_full_size(found.masks, picture[y0:y1, x0:x1])
        facts = (found.masks.scores[:, 0].tolist(), found.measured.stability.tolist())
        clicks = np.add(found.clicks, (x0, y0)).tolist()
        for mask, score, stability, click in zip(at_full_size, *facts, clicks, strict=True):
            pause()
            whole = np.zeros(size, bool)
            whole[y0:y1, x0:x1] = mask
            if whole.any():  # sharpening may leave nothing of a thin mask
                yield AutomaticMask.of(whole, score, stability, (click[0], click[1]), crop)

    def _decode(
        self, image: EncodedImage, points: Float[np.ndarray, "P 2"]
    ) -> Iterator[tuple[ImageMasks, Float[np.ndarray, "R 2"]]]:
        """The candidate masks of clicks, one in each row, with their clicks."""
        predictor, own = self.predictor, self.settings
        rows, first = PromptRows.of_points(points), 0
        for part in predictor.decode(image, rows, multimask=own.multimask_output):
            clicks = points[first : first + len(part)].repeat(part.scores.shape[1], axis=0)
            first += len(part)
            part = part.flat()
            if own.use_m2m:
                again = replace(PromptRows.of_points(clicks), logits=part.logits[:, 0])
                part = concatenate_rows(list(predictor.decode(image, again, multimask=False)))
            yield part, clicks

    def _sure(
        self, masks: ImageMasks, clicks: Float[np.ndarray, "R 2"], crop: Box, size: tuple[int, int]
    ) -> Found:
        """Those masks that the model is sure of, and that the crop does not cut off."""
        own = self.settings
        assert own.stability_score_thresh is not None
        assert own.stability_score_offset is not None
        least = own.pred_iou_thresh or 0.0
        keep = masks.scores[:, 0] > (least if least > 0 else -torch.inf)
        rows = keep.nonzero()[:, 0]
        masks, clicks = masks.select(rows), clicks[rows.cpu().numpy()]
        measured = measure(masks, own.mask_threshold, own.stability_score_offset)
        sure = measured.seen & (measured.stability >= own.stability_score_thresh)
        x0, y0 = crop[:2]
        sure &= ~cut_off(np.add(measured.boxes, (x0, y0, x0, y0)), crop, size)
        return Found(masks, clicks, measured).select(sure)

    def _at_full_size(
        self, masks: ImageMasks, picture: UInt8[np.ndarray, "H W 3"]
    ) -> Iterator[Bool[np.ndarray, "H W"]]:
        """Masks at the size of the crop's picture, on the host."""
        sharp, threshold = self.settings.sharpen, self.settings.mask_threshold
        if masks.logits.shape[-1] < COARSE if sharp is None else sharp:
            for part in masks.parts(8):
                logits = part.transform.to_frame(part.logits[:, 0] - threshold, part.size)
                yield from sharpen(logits.cpu(), picture).masks.numpy()
        else:
            for full in masks.at_full_size():
                yield from (full > threshold).cpu().numpy()


def _either(chosen: T | None, suited: T) -> T:
    return suited if chosen is None else chosen


def _without_small_regions(
    found: Sequence[AutomaticMask], area: float, most: float, pause: Callable[[], None]
) -> list[AutomaticMask]:
    """Masks without small holes and islands, those first that had none; no new duplicates."""
    changed, unchanged = [], []
    for one in found:
        pause()
        mask = one.mask()
        cleaned = remove_small_regions(mask, area)
        if cleaned is mask:
            unchanged.append(one)
        else:
            facts = (one.score, one.stability, one.point, one.crop)
            changed.append(AutomaticMask.of(cleaned, *facts))
    scores = [1] * len(unchanged) + [0] * len(changed)
    return _without_duplicates(unchanged + changed, scores, most)


def _without_duplicates(
    found: Sequence[AutomaticMask], scores: Sequence[float], most: float
) -> list[AutomaticMask]:
    """Of masks whose boxes have a higher IoU than ``most``, the one with the highest score."""
    boxes = np.array([one.box for one in found], np.float32).reshape(-1, 4)
    boxes[:, 2:] -= 1  # from the first to the last pixel, as in a crop
    kept = suppress(boxes, np.array(scores, np.float64), most)
    return [found[place] for place in kept.tolist()]
