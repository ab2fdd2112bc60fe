"""What a single picture needs of a network: the protocol that SAM and SAM 2 satisfy."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..types import Candidates, FrameFeatures, PromptTokens
from .image_transform import ImageTransform
from .variants import AutomaticDefaults


@runtime_checkable
class ImageModel(Protocol):
    """A network that segments one picture.

    Attributes:
        picture_transform: how a picture becomes the model's square input.
        precision: of the computation, under :func:`sam2track.device.autocast`.
        automatic: how masks of everything in a picture are best found.
    """

    picture_transform: ImageTransform
    precision: torch.dtype
    automatic: AutomaticDefaults

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    @property
    def small_on_cpu(self) -> bool:
        """Whether one CPU thread is best; see :func:`sam2track.device.model_threads`."""
        ...

    def prepare_picture(self, image: UInt8[Tensor, "H W 3"]) -> Float[Tensor, "1 3 S S"]:
        """An RGB picture as the encoder takes it: a normalised square."""
        ...

    def encode(self, image: Float[Tensor, "B 3 S S"]) -> FrameFeatures:
        """Features of prepared pictures."""
        ...

    def decode_picture(
        self, features: FrameFeatures, prompts: PromptTokens, *, multimask: bool
    ) -> Candidates:
        """Candidate masks of R prompts on one picture: three each, or one each."""
        ...
