"""SAM, the whole network: three steps, and nothing that it remembers.

SAM (2304.02643, section 3): encode an image, encode prompts, decode masks.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ..types import Candidates, FrameFeatures, PromptTokens
from .image_transform import prepare_image
from .layers import lower_weights
from .mask_decoder import MaskDecoder, ambiguous
from .neck import ConvNeck
from .prompt_encoder import PromptEncoder
from .variants import ImageVariant

EncodedPrompts = tuple[Float[Tensor, "R L C"], Float[Tensor, "R C #h #w"], Float[Tensor, "1 C h w"]]


class SAM(nn.Module):
    """The promptable image segmentation network of one variant.

    Attributes:
        mean, std: of colours, RGB in 0..1, of shape (3, 1, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, variant: ImageVariant) -> None:
        super().__init__()
        width = variant.width
        self.variant = variant
        self.precision = torch.float32  # of the computation, under autocast
        self.trunk = variant.trunk.build()
        self.neck = ConvNeck(variant.trunk.channels, width)
        self.picture_transform = variant.picture_transform(variant.image_size)
        self.automatic = variant.automatic
        self.prompt_encoder = PromptEncoder(
            width, variant.image_size, variant.grid, pad_boxes=False
        )
        self.mask_decoder = MaskDecoder(
            width,
            variant.decoder_heads,
            variant.decoder_mlp,
            variant.score_mlp,
            skips=False,
            presence=False,
            score_activation=nn.Identity,
        )
        mean, std = torch.tensor(variant.mean), torch.tensor(variant.std)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mean.device

    @property
    def small_on_cpu(self) -> bool:
        """Never: SAM's operations are long enough to be split between CPU cores."""
        return False

    def lower(self, precision: torch.dtype) -> None:
        """Compute in ``precision`` from now on; see :meth:`sam2track.model.SAM2.lower`."""
        self.precision = precision
        lower_weights(self, precision)

    def compile_parts(self) -> None:
        """Compile the encoder and the decoder; varying lengths stay dynamic."""
        for part in (self.trunk, self.neck):
            part.compile(dynamic=False)
        self.mask_decoder.compile(dynamic=True)

    def prepare_picture(self, image: UInt8[Tensor, "H W 3"]) -> Float[Tensor, "1 3 S S"]:
        """An RGB picture as the encoder takes it: a normalised square."""
        return prepare_image(image, self.picture_transform, self.mean, self.std)

    def encode(self, image: Float[Tensor, "B 3 S S"]) -> FrameFeatures:
        """Features of prepared pictures."""
        return FrameFeatures(self.neck(self.trunk(image))[16])

    def encode_prompts(self, prompts: PromptTokens) -> EncodedPrompts:
        """Tokens of clicks and boxes, an embedding of the mask, positions of the grid's cells."""
        return self.prompt_encoder(prompts)

    def decode(self, features: FrameFeatures, prompts: EncodedPrompts) -> Candidates:
        """All four masks of each of R prompts on one picture; the first is for a clear prompt.

        SAM does not predict presence: the object counts as present.
        """
        stride16 = features.stride16.expand(len(prompts[0]), -1, -1, -1)
        return self.mask_decoder(stride16, features, *prompts)

    def decode_picture(
        self, features: FrameFeatures, prompts: PromptTokens, *, multimask: bool
    ) -> Candidates:
        """Three masks for an ambiguous prompt (``multimask``), or one for a clear prompt."""
        found = self.decode(features, self.encode_prompts(prompts))
        if multimask:
            return ambiguous(found)
        masks, scores, tokens = found.masks, found.scores, found.tokens
        return Candidates(masks[:, :1], scores[:, :1], tokens[:, :1], found.presence)
