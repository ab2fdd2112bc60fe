"""Prompts on a single picture: encode once, then decode any number of prompts.

A picture goes in and becomes an :class:`EncodedImage`; prompts go in and become
:class:`ImageMasks`. SAM (2304.02643, section 3) and, without memory, SAM 2 (2408.00714, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..device import autocast, model_threads
from ..model import ImageModel
from ..prompts import Prompt
from ..prompts.tokens import batch_tokens, mask_logits
from ..types import FrameFeatures, expect, whole_number
from .embedding import EncodedImage, fingerprint, load_embedding
from .image_masks import ImageMasks, concatenate_rows
from .prompt_rows import PromptRows, group_prompts
from .reading import Picture, read_image

ENCODED_AT_ONCE = 8  # pictures; more take memory and save no time


class ImagePredictor:
    """Segments single pictures from prompts::

        predictor = ImagePredictor(load_image_model("sam2.1_hiera_tiny"))
        image = predictor.encode("photo.jpg")
        masks = predictor.predict(image, Prompt.click(320, 240)).best().masks()

    It keeps nothing of a picture: what is to be used again is the :class:`EncodedImage`.

    Args:
        model: see :func:`sam2track.load_image_model`; a tracker's model will do.
        rows_at_once: how many prompts are decoded together; None = as suits the device.
    """

    def __init__(self, model: ImageModel, *, rows_at_once: int | None = None) -> None:
        if not (isinstance(model, nn.Module) and isinstance(model, ImageModel)):
            kind = type(model).__name__
            raise ValueError(f'the model is a {kind}; give a loaded one: load_image_model("nano")')
        self.model: ImageModel = model
        given = rows_at_once is not None
        self.rows_at_once = whole_number(rows_at_once, "rows_at_once", least=1) if given else None
        self.fingerprint = fingerprint(model)

    def encode(self, image: Picture) -> EncodedImage:
        """A picture's embedding, to be used for any number of prompts.

        Args:
            image: see :func:`sam2track.image.read_image`.

        Raises:
            VideoError, ValueError: if it cannot be read.
        """
        (encoded,) = self.encode_batch([image])
        return encoded

    @torch.no_grad()
    def encode_batch(self, images: Sequence[Picture]) -> list[EncodedImage]:
        """The embeddings of several pictures, of any sizes."""
        expect(images, (list, tuple), "images", "a list of pictures")
        encoded = []
        for start in range(0, len(images), ENCODED_AT_ONCE):
            pictures = [read_image(image) for image in images[start : start + ENCODED_AT_ONCE]]
            with model_threads(self.model.small_on_cpu):
                squares = [self.model.prepare_picture(torch.from_numpy(own)) for own in pictures]
                with autocast(self.model.device, self.model.precision):
                    features = self.model.encode(torch.cat(squares))
            for place, own in enumerate(pictures):
                height, width = own.shape[:2]
                one = _one_of(features, place)
                encoded.append(EncodedImage(one, (height, width), self.fingerprint))
        return encoded

    def load(self, path: str | Path) -> EncodedImage:
        """An embedding that :meth:`EncodedImage.save` wrote.

        Raises:
            ValueError: if there is none, or it was made by other weights.
        """
        image = load_embedding(path, self.model.device)
        self._check(image, str(path))
        return image

    def predict(
        self,
        image: EncodedImage | Picture,
        prompts: Prompt | Sequence[Prompt],
        *,
        previous: Float[Tensor, "R 4*h 4*w"] | None = None,
        multimask: bool = True,
    ) -> ImageMasks:
        """Masks for each prompt: one row per prompt, in their order.

        Args:
            image: an encoded picture, or a picture, which is then encoded for this call alone.
            prompts: clicks, boxes, masks, in any mixture; a single one is one row.
            previous: low-resolution logits that the prompts correct, one row for each prompt: a
                mask of an earlier prediction, ``earlier.best().logits[:, 0]``, or of the user's
                own (:meth:`logits_of`). With it a mask comes together with clicks and a box.
            multimask: three candidates for each prompt, as one click is ambiguous; else one, which
                is better where clicks and box are clear.

        Raises:
            ValueError: for a prompt outside the picture, or embeddings of another model.
        """
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        prompts = _as_list(prompts)
        if previous is not None:
            expect(previous, Tensor, "previous", "logits: earlier.best().logits[:, 0]")
            if len(previous) != len(prompts):
                raise ValueError(f"previous has {len(previous)} rows for {len(prompts)} prompts")
            if not previous.isfinite().all():
                raise ValueError("previous holds NaN or infinity; give logits")
        groups = group_prompts(
            prompts,
            encoded.size,
            transform=self.model.picture_transform,
            device=self.model.device,
            previous=previous,
        )
        made, order = [], []
        for places, rows in groups:
            made += self.decode(encoded, rows, multimask=multimask)
            order += places
        rows = torch.tensor(order).argsort().to(self.model.device)
        return concatenate_rows(made).select(rows)

    def segment(self, image: EncodedImage, prompts: Prompt | Sequence[Prompt]) -> ImageMasks:
        """One mask for each prompt: of a single click the best of three, as it is ambiguous.

        Raises:
            ValueError: as :meth:`predict`.
        """
        prompts = _as_list(prompts)
        one_click = [len(own.points) == 1 and own.box is None for own in prompts]
        found: list[ImageMasks] = []
        order: list[int] = []
        for ambiguous in (True, False):
            places = [place for place, one in enumerate(one_click) if one == ambiguous]
            if places:
                own = [prompts[place] for place in places]
                found.append(self.predict(image, own, multimask=ambiguous).best())
                order += places
        return concatenate_rows(found).select(torch.tensor(order).argsort().to(self.model.device))

    @torch.no_grad()
    def decode(
        self, image: EncodedImage, rows: PromptRows, *, multimask: bool = True
    ) -> Iterator[ImageMasks]:
        """Masks for rows of one shape, in parts of up to ``rows_at_once`` rows.

        This is :meth:`predict` for very many prompts: what is filtered out of a part at low
        resolution is never brought to the picture's size. Coordinates may lie outside the picture.

        Raises:
            ValueError: for an embedding of another model, or logits of another resolution.
        """
        self._check(image, "the image")
        expect(rows, PromptRows, "rows", "PromptRows, such as PromptRows.of_boxes(boxes)")
        model, transform = self.model, self.model.picture_transform
        self._check_logits(image, rows.logits)
        # On a CPU more rows do not fit into its cache, and take up to a third more time.
        by_device = 64 if model.device.type == "cuda" else 8 if image.cells <= 1024 else 4
        most = self.rows_at_once or by_device
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            tokens = batch_tokens(
                part.points,
                part.labels,
                part.boxes,
                image.size,
                transform=transform,
                device=model.device,
                mask=part.logits,
            )
            with model_threads(model.small_on_cpu), autocast(model.device, model.precision):
                found = model.decode_picture(image.features, tokens, multimask=multimask)
            yield ImageMasks(found.masks.float(), found.scores.float(), image.size, transform)

    def logits_of(self, mask: Bool[np.ndarray, "H W"]) -> Float[Tensor, "1 4*h 4*w"]:
        """A mask of the picture's size as low-resolution logits, for ``previous=``.

        Raises:
            ValueError: for an empty mask, or what is none.
        """
        on_object = Prompt.from_mask(mask).mask
        assert on_object is not None
        transform, device = self.model.picture_transform, self.model.device
        return mask_logits(on_object, transform=transform, device=device)

    def _check(self, image: EncodedImage, name: str) -> None:
        expect(image, EncodedImage, "the image", "what encode or load gave")
        if image.model != self.fingerprint:
            raise ValueError(f"{name} was encoded by a model with other weights; encode it again")

    def _check_logits(self, image: EncodedImage, logits: Tensor | None) -> None:
        height, width = (4 * side for side in image.features.stride16.shape[-2:])
        if logits is not None and logits.shape[1:] != (height, width):
            raise ValueError(
                f"the logits are of shape {tuple(logits.shape[1:])}, the model's of "
                f"{(height, width)}; for a mask of the picture's size use logits_of"
            )


def _as_list(prompts: Prompt | Sequence[Prompt]) -> Sequence[Prompt]:
    prompts = [prompts] if isinstance(prompts, Prompt) else prompts
    expect(prompts, (list, tuple), "the prompt", "a Prompt, such as Prompt.click(x, y), or a list")
    if not prompts:
        raise ValueError("no prompt: give at least one, such as Prompt.click(x, y)")
    for own in prompts:
        expect(own, Prompt, "the prompt", "a Prompt, such as Prompt.click(x, y)")
    return prompts


def _one_of(features: FrameFeatures, place: int) -> FrameFeatures:
    """One image's features, in the layout that they have when they are loaded from a file: with
    another one the last bits of the masks would differ."""

    def own(x: Tensor) -> Tensor:
        return x[place : place + 1].clone(memory_format=torch.contiguous_format)

    skips = (features.stride8, features.stride4)
    return FrameFeatures(own(features.stride16), *(x if x is None else own(x) for x in skips))
