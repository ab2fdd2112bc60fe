"""Functions for CVAT's agents: tracks shapes through a video, or segments from clicks and a box.

``cvat-cli function create-native`` and ``run-agent`` load this module with ``--function-module``
and call :func:`create`. It needs ``cvat-sdk`` with its extra ``masks``. CVAT gives a picture and
shapes, then the pictures after it; a shape of the same kind comes out of each. Rectangles are
prompts as boxes, polygons and masks as masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import cvat_sdk.auto_annotation as cvataa  # pyright: ignore[reportMissingImports]
import numpy as np
from cvat_sdk.masks import (  # pyright: ignore[reportMissingImports]
    decode_mask,
    encode_mask,
)
from jaxtyping import Bool
from PIL import Image

from ..annotate.exchange import edge_ring, fill_edges
from ..image import read_image
from ..masks import mask_box
from ..model import load_image_model, load_model
from ..model.sam2 import SAM2
from ..prompts import Prompt
from ..track import FeatureStore, TrackingSession
from ..types import Frame
from .segmenting import EncodedPicture, Segmenter

KINDS = ("tracker", "interactor")
OFF_BY = 1.0  # pixels: how far a polygon may be from the mask's outline


def create(
    model: str = "nano",
    checkpoint: str | None = None,
    device: str = "auto",
    kind: str = "tracker",
) -> TrackingFunction | InteractionFunction:
    """What CVAT calls, with the values of ``-p``, such as ``-p model=str:sam2.1_hiera_tiny``.

    Args:
        model, checkpoint, device: see :func:`sam2track.load_model`.
        kind: ``tracker`` follows shapes through a video; ``interactor`` segments a picture from
            clicks and a box (SAM will do too).

    Raises:
        ValueError, CheckpointError: an unknown kind, or as :func:`sam2track.load_model`.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind}: choose one of {', '.join(KINDS)}")
    if kind == "interactor":
        return InteractionFunction(Segmenter(load_image_model(model, checkpoint, device=device)))
    return TrackingFunction(load_model(model, checkpoint, device=device))


@dataclass(slots=True)
class SeenPicture:
    """A picture, and its features as far as a shape on it has needed them."""

    image: np.ndarray
    features: FeatureStore = field(default_factory=dict)


@dataclass(slots=True)
class TrackedShape:
    """The state of one shape: its session, and how many pictures it has seen."""

    session: TrackingSession
    seen: int = 1


class TrackingFunction:
    """Follows each shape in a session of its own; shapes on one picture share its features.

    CVAT tells no frame numbers: pictures are taken as consecutive, in the order in which they come.
    """

    spec = cvataa.TrackingFunctionSpec(supported_shape_types=["mask", "polygon", "rectangle"])

    def __init__(self, model: SAM2) -> None:
        self.model = model

    def preprocess_image(
        self, context: cvataa.TrackingFunctionContext, image: Image.Image
    ) -> SeenPicture:
        """The picture as RGB, not encoded yet."""
        return SeenPicture(read_image(image))

    def init_tracking_state(
        self,
        context: cvataa.TrackingFunctionShapeContext,
        pp_image: SeenPicture,
        shape: cvataa.TrackableShape,
    ) -> TrackedShape:
        """Begin to follow a shape; ValueError if it has no pixel in the picture."""
        frame = Frame(0, pp_image.image)
        prompt = _prompt_of(shape, frame.size)
        session = TrackingSession(self.model)
        with session.encoder.sharing(frame, pp_image.features):
            session.prompt(1, prompt, frame)
            session.advance(frame)
        return TrackedShape(session)

    def track(
        self,
        context: cvataa.TrackingFunctionShapeContext,
        pp_image: SeenPicture,
        state: TrackedShape,
    ) -> cvataa.TrackableShape | None:
        """The shape on the next picture, or None if it is not there."""
        frame = Frame(state.seen, pp_image.image)
        with state.session.encoder.sharing(frame, pp_image.features):
            mask = state.session.step(frame).mask(1)
        state.seen += 1
        kind = context.original_shape_type
        points = _points_of(mask, kind)
        return None if points is None else cvataa.TrackableShape(type=kind, points=points)


class InteractionFunction:
    """Segments a picture from clicks and a box; the result is one mask."""

    spec = cvataa.InteractionFunctionSpec(min_pos_points=1, min_neg_points=0, min_bounding_boxes=0)

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter

    def preprocess_image(
        self, context: cvataa.InteractionFunctionContext, image: Image.Image
    ) -> EncodedPicture:
        """The picture with its embedding."""
        return self.segmenter.encode(image)

    def detect(
        self,
        context: cvataa.InteractionFunctionContext,
        pp_image: EncodedPicture,
        prompts: cvataa.InteractionPrompts,
    ) -> list[cvataa.InteractionResultShape]:
        """The mask that fits the prompts; nothing if it is empty.

        Raises:
            ValueError: if they are outside.
        """
        points = [*prompts.pos_points, *prompts.neg_points]
        labels = [1] * len(prompts.pos_points) + [0] * len(prompts.neg_points)
        box = None if prompts.bounding_box is None else [*map(float, sum(prompts.bounding_box, ()))]
        given = Prompt.clicks(np.array(points, float).reshape(-1, 2), labels, box)
        mask, _ = self.segmenter.mask(pp_image, given)
        points = _points_of(mask, "mask")
        return [] if points is None else [cvataa.InteractionResultShape(type="mask", points=points)]


def _prompt_of(shape: cvataa.TrackableShape, size: tuple[int, int]) -> Prompt:
    """A shape of CVAT as a prompt; ValueError if it has no pixel in the picture."""
    height, width = size
    if shape.type == "rectangle":
        x0, y0, x1, y1 = shape.points
        left, right = np.clip([min(x0, x1), max(x0, x1)], 0, width)
        top, bottom = np.clip([min(y0, y1), max(y0, y1)], 0, height)
        return Prompt.from_box([left, top, right, bottom])
    if shape.type == "polygon":
        mask = fill_edges(np.array(shape.points, float).reshape(-1, 2), size)
    else:
        # CVAT's server sends these whole numbers as floats or as integers.
        mask = decode_mask(shape.points, image_width=width, image_height=height)
    if not mask.any():
        raise ValueError(f"the {shape.type} has no pixel in the picture of {width} x {height}")
    return Prompt.from_mask(mask)


def _points_of(mask: Bool[np.ndarray, "H W"], kind: str) -> Sequence[float] | None:
    """A mask as ``points`` of a shape of this kind; None if it is empty, or too small for it."""
    box = mask_box(mask)
    if box is None:
        return None
    if kind == "rectangle":
        return [float(side) for side in box]
    if kind == "mask":
        return encode_mask(mask)
    ring = cv2.approxPolyDP(edge_ring(_largest_part(mask)).astype(np.int32), OFF_BY, closed=True)
    return ring.reshape(-1).astype(float).tolist() if len(ring) >= 3 else None


def _largest_part(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The largest part of a mask, without holes: what a polygon can hold."""
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    canvas = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(canvas, [max(found, key=cv2.contourArea)], 0, 1, cv2.FILLED)
    return canvas > 0
