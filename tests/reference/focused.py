"""Seeded weights whose masks lie around the click, so that everything in a picture is many masks.

With random weights a mask covers the whole picture, whatever the click. Here the picture's places
look for the tokens near them: keys are projected as queries are, positions differ slowly, and what
the picture shows weighs little beside that.
"""

from __future__ import annotations

import re

import torch
from torch import nn

FAINT = r"(neck\.3|neck\.convs\.\d\.conv|conv_s[01])\.(weight|bias)$"  # what the picture shows


@torch.no_grad()
def focus(
    model: nn.Module,
    *,
    faint: float = 0.02,
    smooth: float = 0.2,
    sharp: float = 4.0,
    small: float = 0.0,
) -> None:
    """Change the weights of a model, the official one or ours, in place."""
    state = model.state_dict()
    for name, value in state.items():
        if re.search(FAINT, name):
            value.mul_(0.02)
        elif name.endswith("positional_encoding_gaussian_matrix"):
            value.mul_(0.2)
        elif name.endswith("cross_attn_image_to_token.k_proj.weight"):
            value.copy_(4 * state[name.replace("k_proj", "q_proj")])
        elif re.search(r"output_hypernetworks_mlps\.\d\.layers\.2\.bias$", name):
            value.sub_(small)
