"""The table of models: the properties that a checkpoint fixes and a user cannot choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from .attention import NO_POOLING, Pooling
from .backbones import (
    Backbone,
    EfficientNetSpec,
    HieraSpec,
    PlainViTSpec,
    RepViTSpec,
    ViTSpec,
)
from .image_transform import ImageTransform, PadLongSide, SmoothSquash, Squash
from .memory_encoder import Compression, GridCompression
from .neck import ConvNeck, Neck
from .perceiver import PerceiverSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class AutomaticDefaults:
    """How masks of everything in a picture are best found."""

    pred_iou: float  # masks whose predicted IoU is above it are good
    # And whose IoU at the thresholds `offset` and `-offset` is at least this
    stability: float = 0.95
    offset: float = 1.0  # in logits
    points_per_side: int = 32  # of the grid of clicks
    refine: bool = False  # whether a mask is given back to the model once
    small_region: float = 0.0  # holes and islands with a smaller share of the picture are removed


@dataclass(frozen=True, slots=True)
class ImageVariant:
    """The properties of a model of single images (SAM); a tracker has them too.

    Attributes:
        trunk: the image encoder's backbone.
        image_size: side of the square input, in pixels.
        width: channels of features, tokens and pointers.
        decoder_heads, decoder_mlp, score_mlp: heads and hidden channels in the mask decoder.
        mean, std: of the input's RGB in 0..1.
        picture_transform: how a picture becomes the square input; called with ``image_size``.
        automatic: how automatic masks are found.
    """

    trunk: Backbone
    image_size: int = 1024
    width: int = 256
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    score_mlp: int = 256
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    picture_transform: Callable[[int], ImageTransform] = PadLongSide
    automatic: AutomaticDefaults = AutomaticDefaults(0.88)

    @property
    def grid(self) -> int:
        """Side of the stride-16 grid."""
        return self.image_size // 16


@dataclass(frozen=True, slots=True)
class Variant(ImageVariant):
    """The properties of one tracker.

    Attributes:
        memory_width: channels of a memory token.
        memory_layers: layers of memory attention.
        memory_mlp: hidden channels in them.
        slots: temporal embeddings: one for each past frame (six in SAM 2) and the anchors' one.
        sam2_1_embeddings: whether it has the additions of SAM 2.1: an embedding on the spatial
            memories of absent objects, and positions in time for object pointers.
        dropout: in memory attention, only in training.
        transform: how a frame becomes the square input; the released image predictor resizes a
            picture of its own otherwise (``picture_transform``).
        zoom: the side of the window that small objects are looked for in, in longer sides of the
            object's box, which training showed; None = they are looked for in the whole frame.
        box_reach: how far a mask may reach out of the box that was given, as a fraction of the
            box's sides; None = as far as the network says (SAM).
        recalls_given: whether clicks that correct a mask, or what a box showed, are also answered
            with a memory of it; SAM 2 gives the prompt encoder that mask, and does no more.
        neck: brings the trunk's maps to one width; called with ``trunk.channels`` and ``width``.
        compression: makes the tokens of a memory; called with ``memory_width`` and ``grid``.
        pooling: of memory tokens in memory attention.
        rotary_side: side of the grid in units of the rotary positions of memory attention; None =
            one unit a cell, as in SAM 2. With it a larger input keeps the range of positions of the
            training (position interpolation, 2306.15595).
        memory: the memory policy that suits it, a name of ``configs/memory``.
        recent: how many remembered frames this policy attends to by default.
    """

    picture_transform: Callable[[int], ImageTransform] = SmoothSquash
    automatic: AutomaticDefaults = AutomaticDefaults(0.8)
    memory_width: int = 64
    memory_layers: int = 4
    memory_mlp: int = 2048
    slots: int = 7
    sam2_1_embeddings: bool = True
    dropout: float = 0.1
    transform: Callable[[int], ImageTransform] = Squash
    zoom: float | None = None
    box_reach: float | None = None
    recalls_given: bool = False
    neck: Callable[[Mapping[int, int], int], nn.Module] = Neck
    compression: Callable[[int, int], Compression] = GridCompression
    pooling: Pooling = NO_POOLING
    rotary_side: float | None = None
    memory: str = "fifo"
    recent: int = 6

    @property
    def coarse(self) -> bool:
        """Whether a cell of a mask is many pixels wide in a video of usual size."""
        return self.image_size < 512


_HIERA = {
    "tiny": HieraSpec(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "small": HieraSpec(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "base_plus": HieraSpec(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    "large": HieraSpec(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
}

_SAM2_1 = {f"sam2.1_hiera_{size}": Variant(trunk) for size, trunk in _HIERA.items()}
_SAM2 = {
    f"sam2_hiera_{size}": replace(Variant(trunk), sam2_1_embeddings=False)
    for size, trunk in _HIERA.items()
}

# Made by this project for CPUs. Its weights come with the package.
_NANO = Variant(
    EfficientNetSpec(),
    image_size=320,
    slots=4,  # three past frames; six are slower and not better
    width=128,
    memory_layers=2,
    memory_mlp=512,
    decoder_mlp=512,
    score_mlp=128,
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
    dropout=0.0,
    rotary_side=16.0,  # most of its training was at 256 pixels, a grid of 16 x 16
    picture_transform=Squash,
    zoom=3.0,
    recalls_given=True,
    box_reach=0.1,  # its masks sometimes include what is beside the object
    memory="redetect",
    recent=1,  # and the anchors; more are slower, and keep what was followed by mistake
    # Its predicted IoU of a click's mask is low; the mask is much better at the second try.
    automatic=AutomaticDefaults(
        0.5, 0.6, offset=0.5, points_per_side=16, refine=True, small_region=0.001
    ),
)

# EdgeTAM (2501.07256).
_EDGETAM = Variant(
    RepViTSpec(), memory_layers=2, sam2_1_embeddings=False, compression=PerceiverSpec()
)

# EfficientTAM (2411.18933). The memory attention of "_1" and "_2" is pooled.
_PLAIN_VIT = {"ti": PlainViTSpec(192, 3), "s": PlainViTSpec(384, 6)}
_EFFICIENTTAM = {
    f"efficienttam_{size}{suffix}": Variant(
        trunk,
        image_size=512 if suffix == "_512x512" else 1024,
        sam2_1_embeddings=False,
        neck=ConvNeck,
        pooling=pooling,
    )
    for size, trunk in _PLAIN_VIT.items()
    for suffix, pooling in {
        "": NO_POOLING,
        "_1": Pooling(2),
        "_2": Pooling(2, shifts_keys=True),
        "_512x512": NO_POOLING,
    }.items()
}

VARIANTS: dict[str, Variant] = {
    "nano": _NANO,
    **_SAM2_1,
    **_SAM2,
    "edgetam": _EDGETAM,
    **_EFFICIENTTAM,
}


# SAM (2023): images only.
IMAGE_VARIANTS: dict[str, ImageVariant] = {
    "sam_vit_b": ImageVariant(ViTSpec(768, 12, 12, (2, 5, 8, 11))),
    "sam_vit_l": ImageVariant(ViTSpec(1024, 24, 16, (5, 11, 17, 23))),
    "sam_vit_h": ImageVariant(ViTSpec(1280, 32, 16, (7, 15, 23, 31))),
}


def find_variant(name: str) -> Variant:
    """The tracker of that name, or ValueError, which lists those that there are."""
    if name in IMAGE_VARIANTS:
        raise ValueError(
            f"{name} segments single images and has no memory; to track with it give another "
            f"model, such as model=sam2.1_hiera_tiny, and image_model={name}"
        )
    try:
        return VARIANTS[name]
    except KeyError:
        raise ValueError(f"no model named {name!r}; there are: {', '.join(VARIANTS)}") from None


def find_image_variant(name: str) -> ImageVariant:
    """The model of that name, a tracker or one of single images.

    Raises:
        ValueError: if there is none; the message lists them.
    """
    known = {**VARIANTS, **IMAGE_VARIANTS}
    if name not in known:
        raise ValueError(f"no model named {name!r}; there are: {', '.join(known)}")
    return known[name]
