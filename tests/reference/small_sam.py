"""A scaled-down SAM, built by both sides from here; its windows do not fit its grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam2track.model import ImageVariant


@dataclass(frozen=True)
class SmallSAM:
    """Sizes of one model."""

    name: str = "small_sam"
    trunk_width: int = 32
    depth: int = 4
    heads: int = 2
    global_blocks: tuple[int, ...] = (1, 3)
    window: int = 14
    image_size: int = 256
    width: int = 64
    decoder_mlp: int = 128
    score_mlp: int = 64
    seed: int = 2

    def variant(self) -> ImageVariant:
        """The same model as ours."""
        from sam2track.model import ImageVariant
        from sam2track.model.backbones import ViTSpec

        return ImageVariant(
            ViTSpec(
                self.trunk_width,
                self.depth,
                self.heads,
                self.global_blocks,
                grid=self.image_size // 16,
                window=self.window,
            ),
            image_size=self.image_size,
            width=self.width,
            decoder_mlp=self.decoder_mlp,
            score_mlp=self.score_mlp,
        )


SMALL_SAM = SmallSAM()
