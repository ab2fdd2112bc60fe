"""A backbone is one spec: nothing else knows which one it is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from tiny import noise_frames, square_mask, tiny_model
from torch import Tensor, nn

from sam2track import Prompt, TrackingSession
from sam2track.model.backbones import (
    EfficientNetSpec,
    HieraSpec,
    PlainViTSpec,
    RepViTSpec,
)

SPECS = [
    HieraSpec(16, 1, (1, 1, 2, 1), (3,)),
    EfficientNetSpec(),
    RepViTSpec((8, 16, 24, 32), (1, 1, 2, 1)),
    PlainViTSpec(16, 2, depth=2, global_blocks=(1,)),
]


@dataclass(frozen=True)
class Patches:
    """A backbone with one map, at stride 16, as a plain vision transformer has."""

    width: int = 24

    @property
    def channels(self) -> dict[int, int]:
        return {16: self.width}

    def build(self) -> nn.Module:
        return OneMap(self.width)

    def initialise(self, network: nn.Module) -> None:
        pass

    def imagenet_weights(self) -> None:
        return None

    def transformers_names(self) -> tuple[()]:
        return ()


class OneMap(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, kernel_size=16, stride=16)

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.patches(image)]


@torch.inference_mode()
def test_without_high_resolution_maps_there_are_no_skip_connections():
    model = tiny_model(trunk=Patches())
    assert not any("conv_s" in name for name in model.state_dict())
    features = model.encode(torch.zeros(1, 3, 64, 64))
    assert features.stride8 is None
    assert features.stride4 is None
    session = TrackingSession(model)
    frames = noise_frames(4)
    session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
    assert [session.step(frame).masks.shape for frame in frames] == [(1, 48, 64)] * 4


@pytest.mark.parametrize("spec", SPECS)
def test_channels_are_those_of_the_maps(spec):
    maps = spec.build()(torch.zeros(1, 3, 64, 64))
    found = {64 // each.shape[-1]: each.shape[1] for each in maps}
    assert found == dict(spec.channels)
    assert list(found) == list(spec.channels)


@torch.no_grad()
def test_hiera_s_position_follows_its_weights_and_the_size():
    network = HieraSpec(16, 1, (1, 1, 2, 1), (3,)).build().requires_grad_(False)
    first = network.position(16, 16)
    assert network.position(16, 16) is first
    assert network.position(16, 24).shape == (1, 16, 24, 16)
    network.load_state_dict({k: v + 1 for k, v in network.state_dict().items()})
    torch.testing.assert_close(network.position(16, 16), first + 2)


def test_efficientnet_in_inference_is_as_with_gradients():
    torch.manual_seed(0)
    network = EfficientNetSpec().build()
    EfficientNetSpec().initialise(network)
    for side, batch in ((64, 1), (32, 3)):  # also another size than the first
        image = torch.randn(batch, 3, side, side)
        expected = network(image)
        network.requires_grad_(False)
        with torch.no_grad():
            for ours, theirs in zip(network(image), expected, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
        network.requires_grad_(True)


def test_efficientnet_notices_changed_weights():
    network, image = EfficientNetSpec().build().requires_grad_(False), torch.randn(1, 3, 32, 32)
    EfficientNetSpec().initialise(network)
    with torch.no_grad():
        before = network(image)[-1]
        network.blocks[-1].project.weight.mul_(2)
        torch.testing.assert_close(network(image)[-1], 2 * before)
