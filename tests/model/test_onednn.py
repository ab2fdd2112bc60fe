"""Fused operations give what the layers give one after another."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sam2track.model import onednn
from sam2track.model.layers import lower_weights

ACTIVATIONS = {
    "none": (onednn.NONE, nn.Identity()),
    "relu": (onednn.RELU, nn.ReLU()),
    "relu6": (onednn.RELU6, nn.ReLU6()),
    "gelu": (onednn.GELU, nn.GELU()),
}
CASES = [
    ("linear", nn.Linear(12, 20), (2, 3, 12)),
    ("pointwise", nn.Conv2d(12, 20, 1), (2, 12, 5, 6)),
    ("convolve", nn.Conv2d(12, 24, 3, stride=2, padding=1, groups=12), (2, 12, 7, 8)),
]


def counted(monkeypatch) -> list[str]:
    """One entry for each call of an operation of oneDNN."""
    calls: list[str] = []
    for name in ("_linear", "_convolve"):
        own = getattr(onednn, name)
        monkeypatch.setattr(onednn, name, lambda *given, own=own: calls.append("") or own(*given))
    return calls


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    bf16 = one.dtype == torch.bfloat16
    torch.testing.assert_close(one, other, atol=3e-2 if bf16 else 1e-5, rtol=1e-2 if bf16 else 1e-5)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("name", "layer", "shape"), CASES, ids=[case[0] for case in CASES])
def test_fused_is_layer_and_activation(name, layer, shape, activation, precision, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(onednn, "FEWEST", 0)
    calls = counted(monkeypatch)
    layer, x = copy.deepcopy(layer), 4 * torch.randn(shape)
    lower_weights(layer, precision)
    post, function = ACTIVATIONS[activation]
    autocast = torch.autocast("cpu", precision, enabled=precision != torch.float32)
    with torch.no_grad(), autocast:
        expected = function(layer(x))
        for given in (x, x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x):
            found = getattr(onednn, name)(given, layer, post)
            assert found.dtype == expected.dtype
            close(found, expected)
    assert len(calls) == 2
    with autocast:
        found = getattr(onednn, name)(x, layer, post)  # with gradients
        close(found, expected)
        assert found.requires_grad
    assert len(calls) == 2


def test_weights_that_have_changed_are_packed_again():
    layer, x = nn.Conv2d(8, 8, 1).requires_grad_(False), torch.randn(1, 8, 4, 4)
    with torch.no_grad():
        onednn.pointwise(x, layer)
        layer.weight.mul_(2)
        close(onednn.pointwise(x, layer), layer(x))
        twin = copy.deepcopy(layer)
        twin.weight = nn.Parameter(torch.randn(8, 8, 1, 1))
        close(onednn.pointwise(x, twin), twin(x))
        close(onednn.pointwise(x, layer), layer(x))


def test_another_size_than_the_first_is_computed_too():
    layer = nn.Conv2d(8, 16, 3, padding=1)
    with torch.no_grad():
        for side, batch in ((4, 1), (9, 3), (32, 2)):
            x = torch.randn(batch, 8, side, side)
            close(onednn.convolve(x, layer), layer(x))


def test_padding_of_the_kernel_is_of_zeros_before_and_behind():
    layer, x = nn.Conv2d(1, 1, 2, padding=1), torch.randn(1, 1, 5, 5)
    padded = F.pad(layer.weight, (1, 0, 1, 0))
    with torch.no_grad():
        expected = F.conv2d(x, padded, layer.bias, padding=1)
        close(onednn.convolve(x, layer, pad=(1, 0)), expected)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_two_convolutions_of_one_pixel_are_one(precision):
    torch.manual_seed(0)
    first, second, x = nn.Conv2d(6, 16, 1), nn.Conv2d(16, 4, 1), torch.randn(2, 6, 3, 5)
    for layer in (first, second):
        lower_weights(layer, precision)
    with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        close(onednn.chain(x, first, second), second(first(x)))
        first.bias.add_(1)  # noticed, although its weight is the same
        close(onednn.chain(x, first, second), second(first(x)))
        close(onednn.chain(x, first, None), first(x))


def test_a_linear_layer_of_many_products_is_computed_by_onednn(monkeypatch):
    calls = counted(monkeypatch)
    monkeypatch.setattr(onednn, "beats_mkl", lambda: True)
    layer, x = onednn.Linear(64, 128), torch.randn(2, 256, 64)
    expected = F.linear(x, layer.weight, layer.bias)
    with torch.no_grad():
        close(layer(x), expected)
        close(layer(x.transpose(0, 1)), expected.transpose(0, 1))
        assert len(calls) == 2
        close(layer(x[:, :8]), expected[:, :8])  # few
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    assert len(calls) == 2


def test_weights_that_an_optimizer_changes_are_packed_again():
    layer, x = nn.Conv2d(8, 8, 1), torch.randn(1, 8, 4, 4)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.5, fused=True)
    for _ in range(2):
        layer(x).square().sum().backward()
        optimizer.step()  # the parameters' versions stay
        with torch.no_grad():
            close(onednn.pointwise(x, layer), layer(x))


def test_a_layer_in_the_place_of_one_is_called(monkeypatch):
    class Adapted(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) + 1

    monkeypatch.setattr(onednn, "FEWEST", 0)
    layer, x = Adapted(4, 4), torch.randn(2, 4)
    with torch.no_grad():
        close(onednn.linear(x, layer, onednn.RELU), F.relu(layer(x)))


def test_a_trace_has_the_usual_layers():
    layer, x = nn.Conv2d(8, 8, 1).requires_grad_(False), torch.randn(1, 8, 4, 4)
    with torch.no_grad():
        traced = torch.jit.trace(lambda given: onednn.pointwise(given, layer), x)
        close(traced(2 * x), layer(2 * x))
