"""Products of oneDNN equal PyTorch's own, where they are taken and where they are not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sam2track.model import attention, products
from sam2track.model.attention import mix, mix_by_blocks
from sam2track.model.products import Linear

pytestmark = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="PyTorch without oneDNN"
)


@pytest.fixture
def calls(monkeypatch):
    """The machine is one where oneDNN is faster; the rows of each product by it."""
    rows = []

    def counted(x, *rest):
        rows.append(len(x))
        return product(x, *rest)

    product = products.product
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    monkeypatch.setattr(products, "product", counted)
    monkeypatch.setattr(attention, "product", counted)
    return rows


@torch.inference_mode()
def test_a_linear_layer(calls):
    layer, x = Linear(24, 40), torch.randn(3, 64, 24)
    expected = F.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected)
    turned = x.transpose(0, 1)
    torch.testing.assert_close(layer(turned), expected.transpose(0, 1))
    assert calls == [3, 64]
    torch.testing.assert_close(layer(x[:1, :8]), expected[:1, :8])  # few rows
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    layer.to(torch.bfloat16)
    assert layer(x.bfloat16()).dtype == torch.bfloat16
    assert calls == [3, 64]


def test_gradients_come_from_pytorch(calls):
    layer = Linear(24, 40)
    layer(torch.randn(64, 24)).sum().backward()
    assert layer.weight.grad is not None
    assert not calls


@pytest.mark.parametrize("heads", [1, 3])
@torch.inference_mode()
def test_attention_of_many_queries(calls, heads):
    q, k, v = (
        torch.randn(2, heads, 1030, 16),
        torch.randn(2, heads, 70, 16),
        torch.randn(2, heads, 70, 8),
    )
    logits = q @ k.transpose(2, 3) / 4
    expected = logits.softmax(-1) @ v
    torch.testing.assert_close(mix(q, k, v), expected, atol=1e-5, rtol=1e-5)
    assert len(calls) == 2 * heads * 2 * 9  # rows and heads, products, blocks of 128 queries
    logits[..., -5:] -= 0.7
    lowered = mix_by_blocks(q, k, v, lowered=(5, 0.7))
    torch.testing.assert_close(lowered, logits.softmax(-1) @ v, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_attention_of_few_queries_is_pytorch_s(calls):
    q = torch.randn(1, 1, 100, 16)
    mix(q, q, q)
    assert not calls
