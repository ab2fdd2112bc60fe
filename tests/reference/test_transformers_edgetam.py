"""EdgeTAM against ``transformers``' ``EdgeTamVideoModel``, live, with the same weights.

Theirs may have any image encoder: here it is a small Hiera, since their RepViT needs ``timm``. The
recorded outputs of the official code (``test_efficient.py``) have a RepViT.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from reference.test_transformers import ends_the_same, in_their_layout, settings, widened
from sam2track.model.perceiver import PerceiverSpec
from sam2track.model.sam2 import SAM2
from sam2track.model.weights.names import from_layout, to_official

from .seeded import seeded_state

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.reference
LATENTS = PerceiverSpec(latents=24, latents_2d=64)


@cache
def both() -> tuple[torch.nn.Module, SAM2]:
    """The two models with the same seeded weights."""
    small = widened("small_2.0")
    ours = SAM2(replace(small.variant(), compression=LATENTS)).eval().requires_grad_(False)
    shapes = {name: value.shape for name, value in to_official(ours.state_dict()).items()}
    official = seeded_state(shapes, small.seed, presence_bias=small.presence_bias)
    ours.load_state_dict(from_layout(official, ours.state_dict()))
    config = transformers.EdgeTamVideoConfig(
        **settings(small),
        memory_attention_mlp_hidden_size=small.memory_mlp,
        memory_attention_rope_k_sizes=[8, 8],
        perceiver_resampler_num_latents=LATENTS.latents,
        perceiver_resampler_num_latents_2d=LATENTS.latents_2d,
        perceiver_resampler_hidden_size=small.memory_width,
        perceiver_resampler_attention_head_dim=small.memory_width,
        perceiver_resampler_mlp_intermediate_size=4 * small.memory_width,
    )
    theirs = transformers.EdgeTamVideoModel(config).eval()
    theirs.load_state_dict(edgetam_layout(ours.state_dict()), strict=True)
    return theirs, ours


def edgetam_layout(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our weights in their layout: as of SAM 2, but for two MLPs and the keys of latents."""
    theirs = {}
    for name, tensor in in_their_layout(state).items():
        name = re.sub(r"^(memory_attention\..*)\.linear1\.", r"\1.mlp.up_proj.", name)
        name = re.sub(r"^(memory_attention\..*)\.linear2\.", r"\1.mlp.down_proj.", name)
        if ".kv_proj." in name:
            for part, half in zip(("k_proj", "v_proj"), tensor.chunk(2), strict=True):
                theirs[name.replace("kv_proj", part)] = half
        else:
            theirs[name] = tensor
    return theirs


def test_weights_come_back_from_their_layout() -> None:
    theirs, ours = both()
    state = ours.state_dict()
    back = from_layout(theirs.state_dict(), state)
    assert back.keys() == state.keys()
    for key, tensor in state.items():
        assert torch.equal(back[key], tensor), key


@pytest.mark.parametrize("played", ["click", "clicks", "box", "box_clicks", "reverse", "long"])
def test_transformers_ends_the_same(played: str) -> None:
    ends_the_same(*both(), played, transformers.EdgeTamVideoInferenceSession)
