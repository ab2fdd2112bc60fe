"""Two scaled-down models that have every part of the released ones, in both families of flags.

Both sides build them from here: the reference as overrides of its own configurations, ours as a
variant. Sizes are chosen so that windows do and do not fit the grid, as in tiny and in large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .stages import Widths

if TYPE_CHECKING:
    from sam2track.model.variants import Variant


@dataclass(frozen=True)
class Small:
    """One scaled-down model."""

    name: str
    parent: str  # the variant that lends its flags
    official: str  # the official configuration that lends its flags
    heads: int
    depths: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int]
    background: int
    seed: int
    presence_bias: float
    image_size: int = 256
    trunk_width: int = 16
    width: int = 64
    memory_width: int = 16
    memory_layers: int = 2
    memory_mlp: int = 128

    @property
    def widths(self) -> Widths:
        return Widths(self.image_size, self.width, self.memory_width)

    def overrides(self) -> list[str]:
        """Hydra overrides of the official configuration."""
        grid, width = self.image_size // 16, self.width
        channels = [self.trunk_width * 2**stage for stage in (3, 2, 1, 0)]
        values = {
            "image_size": self.image_size,
            "image_encoder.trunk.embed_dim": self.trunk_width,
            "image_encoder.trunk.num_heads": self.heads,
            "image_encoder.trunk.stages": list(self.depths),
            "image_encoder.trunk.global_att_blocks": list(self.global_blocks),
            "image_encoder.trunk.window_spec": list(self.windows),
            "image_encoder.trunk.window_pos_embed_bkg_spatial_size": [self.background] * 2,
            "image_encoder.neck.d_model": width,
            "image_encoder.neck.position_encoding.num_pos_feats": width,
            "image_encoder.neck.backbone_channel_list": channels,
            "memory_attention.d_model": width,
            "memory_attention.num_layers": self.memory_layers,
            "memory_attention.layer.d_model": width,
            "memory_attention.layer.dim_feedforward": self.memory_mlp,
            "memory_attention.layer.self_attention.embedding_dim": width,
            "memory_attention.layer.self_attention.feat_sizes": [grid, grid],
            "memory_attention.layer.cross_attention.embedding_dim": width,
            "memory_attention.layer.cross_attention.feat_sizes": [grid, grid],
            "memory_attention.layer.cross_attention.kv_in_dim": self.memory_width,
            "memory_encoder.in_dim": width,
            "memory_encoder.out_dim": self.memory_width,
            "memory_encoder.position_encoding.num_pos_feats": self.memory_width,
            "memory_encoder.mask_downsampler.embed_dim": width,
            "memory_encoder.fuser.layer.dim": width,
        }
        return [f"++model.{key}={value}".replace(" ", "") for key, value in values.items()]

    def variant(self) -> Variant:
        """The same model as ours."""
        from sam2track.model.backbones import HieraSpec
        from sam2track.model.variants import find_variant

        return replace(
            find_variant(self.parent),
            trunk=HieraSpec(
                self.trunk_width,
                self.heads,
                self.depths,
                self.global_blocks,
                self.windows,
                self.background,
            ),
            image_size=self.image_size,
            width=self.width,
            memory_width=self.memory_width,
            memory_layers=self.memory_layers,
            memory_mlp=self.memory_mlp,
        )


SMALL = {
    small.name: small
    for small in (
        Small(
            name="small_2.1",
            parent="sam2.1_hiera_tiny",
            official="configs/sam2.1/sam2.1_hiera_t.yaml",
            heads=1,
            depths=(1, 2, 3, 2),
            global_blocks=(4, 5),
            windows=(8, 4, 14, 7),
            background=7,
            seed=4,
            presence_bias=7.1,
        ),
        Small(
            name="small_2.0",
            parent="sam2_hiera_large",
            official="configs/sam2/sam2_hiera_l.yaml",
            heads=2,
            depths=(2, 1, 3, 1),
            global_blocks=(4, 5),
            windows=(8, 4, 16, 8),
            background=14,
            seed=10,
            presence_bias=1.7,
        ),
    )
}
