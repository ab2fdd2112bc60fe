"""Parts of the network against what they must equal."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from tiny import TINY, tiny_model

from sam2track.model import onednn
from sam2track.model.attention import Rotation, grid_places, mix, mix_by_blocks
from sam2track.model.backbones.efficientnet import SameConv2d
from sam2track.model.backbones.hiera import from_windows, into_windows
from sam2track.model.layers import LayerNorm2d, fold_batch_norm
from sam2track.model.mask_decoder import BEYOND_BOX, clear_or_best, inside_boxes
from sam2track.model.memory_attention import MemoryAttention
from sam2track.model.sam2 import SAM2
from sam2track.model.variants import VARIANTS
from sam2track.types import Candidates, PromptTokens, Recall

MILLIONS = {"tiny": 38.9, "small": 46.0, "base_plus": 80.8, "large": 224.4}  # SAM 2.1 README


@pytest.mark.parametrize("size", MILLIONS)
def test_parameter_counts_are_the_published_ones(size):
    with torch.device("meta"):
        model = SAM2(VARIANTS[f"sam2.1_hiera_{size}"])
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(
        MILLIONS[size], abs=0.1
    )


@pytest.mark.parametrize(("height", "width", "side"), [(8, 8, 4), (7, 10, 4), (3, 3, 5)])
def test_windows_come_back(height, width, side):
    x = torch.randn(2, height, width, 3)
    windows, count = into_windows(x, side)
    assert windows.shape == (2 * count[0] * count[1], side, side, 3)
    assert torch.equal(from_windows(windows, count, height, width), x)


def test_rotation_is_a_complex_product():
    channels, height, width = 8, 3, 5
    x = torch.randn(2, 1, 2 * height * width, channels)
    frequency = 10000.0 ** -(torch.arange(0, channels, 4) / channels)
    angles = [
        torch.cat((x_ * frequency, y_ * frequency)) for y_ in range(height) for x_ in range(width)
    ]
    turn = torch.polar(torch.ones(height * width, channels // 2), torch.stack(angles))
    complex_ = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    expected = torch.view_as_real(complex_ * turn.repeat(2, 1)).flatten(-2)
    torch.testing.assert_close(Rotation(channels, grid_places(height, width))(x), expected)


def test_rotated_products_depend_on_the_distance_alone():
    rotation = Rotation(16, grid_places(6, 6))
    q, k = torch.randn(16), torch.randn(16)
    placed_q = rotation(q.expand(1, 1, 36, 16))[0, 0].view(6, 6, 16)
    placed_k = rotation(k.expand(1, 1, 36, 16))[0, 0].view(6, 6, 16)
    assert torch.allclose(
        placed_q[1, 2] @ placed_k[2, 4], placed_q[3, 1] @ placed_k[4, 3], atol=1e-4
    )


@torch.inference_mode()
def test_rotation_is_the_same_in_real_arithmetic():
    rotation, x = Rotation(16, grid_places(3, 4)), torch.randn(2, 1, 24, 16)
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.bfloat16, 1e-2)):
        fast = rotation(x.to(dtype))
        with torch.enable_grad():
            real = rotation(x.to(dtype))
        assert fast.dtype == dtype
        torch.testing.assert_close(fast, real, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("channels", [5, 20])
@pytest.mark.parametrize("training", [False, True])
def test_layer_norm_2d_is_over_channels(channels, training):
    norm = LayerNorm2d(channels)
    x = torch.randn(2, channels, 3, 4)
    with torch.set_grad_enabled(training):
        y = norm(x).detach()
    torch.testing.assert_close(y.mean(1), torch.zeros(2, 3, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(1, correction=0), torch.ones(2, 3, 4), atol=1e-3, rtol=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 2, 8), (5, 2, 8), (3, 1, 7), (5, 1, 6)])
def test_same_padding_is_tensorflows(kernel, stride, side, training):
    """Output side ceil(side / stride); of the padding the far edge gets what is odd."""
    convolution = SameConv2d(1, 1, kernel, stride=stride)
    x = torch.randn(1, 1, side, side)
    out = math.ceil(side / stride)
    total = max((out - 1) * stride + kernel - side, 0)
    padded = F.pad(x, (total // 2, total - total // 2) * 2)
    expected = F.relu6(F.conv2d(padded, convolution.weight, convolution.bias, stride=stride))
    with torch.set_grad_enabled(training):
        torch.testing.assert_close(convolution(x), expected)


def test_folding_is_convolution_and_batch_norm():
    convolution = torch.nn.Conv2d(3, 4, 3, bias=False)
    norm = torch.nn.BatchNorm2d(4, eps=1e-2).eval()
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        torch.nn.init.normal_(tensor)
    norm.running_var.uniform_(0.5, 2)
    weight, bias = fold_batch_norm(convolution.weight, dict(norm.state_dict()), 1e-2)
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(F.conv2d(x, weight, bias), norm(convolution(x)))


def test_pictures_are_resized_as_pillow_does():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (90, 130, 3), dtype=np.uint8)
    side = TINY.image_size
    expected = np.asarray(Image.fromarray(picture).resize((side, side)), np.float32) / 255
    prepared = tiny_model().prepare(torch.from_numpy(picture))[0]
    mean, std = torch.tensor(TINY.mean), torch.tensor(TINY.std)
    ours = (prepared.permute(1, 2, 0) * std + mean).numpy()
    assert np.abs(ours - expected).max() <= 1.01 / 255


def candidates(clear: torch.Tensor) -> Candidates:
    """A clear mask, and three others of which the second scores best."""
    others = torch.stack([torch.full_like(clear, value) for value in (1.0, 2.0, 3.0)])
    return Candidates(
        masks=torch.cat((clear[None], others))[None],
        scores=torch.tensor([[0.9, 0.1, 0.8, 0.3]]),
        tokens=torch.arange(4.0)[None, :, None],
        presence=torch.ones(1, 1),
    )


def choose(clear: torch.Tensor, threshold: float = 0.98) -> Candidates:
    return clear_or_best(candidates(clear), stability_delta=0.05, stability_threshold=threshold)


def test_a_stable_mask_stays_and_an_unstable_one_gives_way():
    stable = torch.full((4, 4), -5.0)
    stable[:2] = 5.0
    assert torch.equal(choose(stable).masks[0, 0], stable)
    unstable = torch.zeros(4, 4)  # between +delta and -delta everywhere
    chosen = choose(unstable)
    assert (chosen.masks == 2).all()
    assert chosen.scores.item() == pytest.approx(0.8)
    assert chosen.tokens.item() == 0  # the pointer's token is always the clear mask's
    assert torch.equal(choose(unstable, threshold=0).masks[0, 0], unstable)


def test_an_empty_mask_is_stable():
    empty = torch.full((4, 4), -5.0)
    assert torch.equal(choose(empty).masks[0, 0], empty)


@torch.inference_mode()
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("queries", [3, 16, 40])  # blocks that divide the queries, or do not
@pytest.mark.parametrize("keys", [5, 70])
def test_attention_in_blocks_is_attention(dtype, tolerance, queries, keys):
    q, k, v = (torch.randn(2, 3, length, 8).to(dtype) for length in (40, keys, keys))
    expected = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    found = mix_by_blocks(q, k, v[..., :4], queries=queries)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected[..., :4], atol=tolerance, rtol=tolerance)


@torch.inference_mode()
@pytest.mark.parametrize("keys", [5, 70])  # few, and many
def test_attention_in_low_precision_is_attention(keys):
    q, k, v = (torch.randn(2, 3, length, 8).bfloat16() for length in (40, keys, keys))
    expected = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    torch.testing.assert_close(mix(q, k, v).float(), expected, atol=3e-2, rtol=3e-2)


@pytest.mark.skipif(onednn._linear is None, reason="PyTorch without oneDNN")
@torch.inference_mode()
@pytest.mark.parametrize("heads", [1, 3])
def test_attention_of_many_queries_in_fp32_is_attention(monkeypatch, heads):
    calls, own = [], onednn.product
    monkeypatch.setattr(onednn, "beats_mkl", lambda: True)
    monkeypatch.setattr(onednn, "product", lambda *given: calls.append(1) or own(*given))
    q, k = torch.randn(2, heads, 1030, 16), torch.randn(2, heads, 70, 16)
    v, logits = k[..., :8], q @ k.transpose(2, 3) / 4
    torch.testing.assert_close(mix(q, k, v), logits.softmax(-1) @ v, atol=1e-5, rtol=1e-5)
    assert len(calls) == 2 * heads * 2 * 9  # rows and heads, products, blocks of 128 queries
    logits[..., -5:] -= 0.7
    lowered = mix_by_blocks(q, k, v, lowered=(5, 0.7))
    torch.testing.assert_close(lowered, logits.softmax(-1) @ v, atol=1e-5, rtol=1e-5)
    mix(q[:, :, :100], k, k)
    assert len(calls) == 2 * (2 * heads * 2 * 9)  # PyTorch's own takes the few


def boxed(coords, labels, masks):
    row = torch.zeros(masks.shape[:2])
    candidates = Candidates(masks, row, row[..., None], row[:, :1])
    prompts = PromptTokens(torch.tensor(coords), torch.tensor(labels))
    return inside_boxes(candidates, prompts, 0.1).masks


def test_masks_stay_inside_their_boxes():
    """Rows: a box; a box and a click on the object beside it; a click alone."""
    coords = [[20.0, 20], [120, 80], [0, 0]], [[20.0, 20], [120, 80], [220, 50]], [[20.0, 20]] * 3
    masks = torch.arange(3.0)[:, None, None, None].expand(3, 2, 64, 64) + 1
    kept = boxed(coords, [[2, 3, -1], [2, 3, 1], [1, -1, -1]], masks)
    assert torch.equal(kept[2], masks[2])
    centres = 4 * torch.arange(64) + 1.5
    for number, (x0, x1) in enumerate([(10, 130), (0, 240)]):
        rows = (centres >= 14) & (centres <= 86)
        inside = (centres >= x0) & (centres <= x1) & rows[:, None]
        assert 0 < inside.sum() < inside.numel()
        for mask in kept[number]:
            assert (mask[inside] == number + 1).all()
            assert (mask[~inside] == BEYOND_BOX).all()


@pytest.mark.parametrize("place", [20.0, 21.3, 22.5, 23.9])
def test_a_thin_box_does_not_empty_a_mask(place):
    coords = [[[place, place], [place + 0.5, place + 30]]]
    (kept,) = boxed(coords, [[2, 3]], torch.ones(1, 1, 64, 64))
    columns = (kept[0] > 0).any(0).nonzero()[:, 0]
    assert len(columns) >= 2
    assert (columns * 4 - place).abs().max() < 8


def test_boxes_bound_masks_of_models_that_need_it():
    free, bound = tiny_model(), tiny_model(box_reach=0.1)
    features = free.encode(torch.randn(1, 3, 64, 64))
    prompts = PromptTokens(torch.tensor([[[10.0, 10], [30, 40]]]), torch.tensor([[2, 3]]))

    def masks(model):
        conditioned = model.attend(features, [Recall((), (), (), ())])
        return (
            model.decode(conditioned, features, prompts).masks,
            model.decode_picture(features, prompts, multimask=True).masks,
        )

    for mask, given in zip(masks(bound), masks(free), strict=True):
        assert (mask[..., 12:] <= BEYOND_BOX).all()
        assert not (given[..., 12:] <= BEYOND_BOX).all()
        assert torch.equal(mask[..., 3:10, 3:7], given[..., 3:10, 3:7])
    for mask, given in zip(masks(bound.train()), masks(free), strict=True):
        torch.testing.assert_close(mask, given)


def test_a_larger_grid_covers_the_same_rotary_positions():
    def parts(grid, side):
        return MemoryAttention(
            16, 8, 16, layers=1, grid=grid, memory_places=grid_places(grid, grid), dropout=0.0,
            rotary_side=side,
        )  # fmt: skip

    scaled, wanted = parts(20, 16.0), Rotation(16, 0.8 * grid_places(20, 20))
    for rotation in (scaled.rotation, scaled.key_rotation):
        torch.testing.assert_close(rotation.cos, wanted.cos)
        torch.testing.assert_close(rotation.sin, wanted.sin)
    assert torch.equal(parts(16, 16.0).rotation.cos, parts(16, None).rotation.cos)
