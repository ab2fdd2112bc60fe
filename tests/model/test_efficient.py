"""The parts of EdgeTAM and EfficientTAM."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tiny import TINY, noise_frames, square_mask, tiny_model
from torch import Tensor, nn

from sam2track import Prompt, TrackingSession
from sam2track.memory import (
    DistractorSettings,
    FifoMemory,
    HorizonMemory,
    MotionMemory,
    SelectMemory,
    TreeSettings,
)
from sam2track.model.attention import Attention, Pooling, Rotation, grid_places
from sam2track.model.backbones import PlainViTSpec, RepViTSpec
from sam2track.model.backbones.repvit import NORM, merge_branches
from sam2track.model.neck import ConvNeck
from sam2track.model.perceiver import PerceiverSpec

LATENTS = PerceiverSpec(latents=5, latents_2d=4)
EFFICIENT = {
    "edgetam": {
        "trunk": RepViTSpec((8, 16, 24, 32), (1, 1, 2, 1)),
        "compression": LATENTS,
        "sam2_1_embeddings": False,
    },
    "efficienttam": {
        "trunk": PlainViTSpec(16, 2, depth=2, global_blocks=(1,), window=3, pretrained=2),
        "neck": ConvNeck,
        "pooling": Pooling(2),
        "sam2_1_embeddings": False,
    },
}
POLICIES = {
    "fifo": FifoMemory,
    "motion": MotionMemory,
    "distractor": DistractorSettings(),
    "select": SelectMemory,
    "tree": TreeSettings(),
    "horizon": HorizonMemory,
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", EFFICIENT)
def test_every_memory_policy_tracks(name, policy):
    """Several objects at once, and each alone."""
    model, frames = tiny_model(**EFFICIENT[name]), noise_frames(9)
    prompts = {1: Prompt.from_mask(square_mask()), 2: Prompt.click(50, 30)}

    def track(*objects: int) -> list[Tensor]:
        session = TrackingSession(model, memory=POLICIES[policy])
        for k in objects:
            session.prompt(k, prompts[k], frames[0])
        return [session.step(frame).logits for frame in frames]

    together, alone = track(1, 2), [track(1), track(2)]
    assert torch.stack(together).std() > 0.1
    for index, logits in enumerate(together):
        for row in range(2):
            torch.testing.assert_close(logits[row], alone[row][index][0], atol=1e-3, rtol=1e-3)


def branches(width: int, kernel: int) -> tuple[nn.Module, dict[str, Tensor]]:
    """A convolution and its batch norm as they are trained, and their tensors in a checkpoint."""
    convolution = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
    norm = nn.BatchNorm2d(width).eval()
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(tensor)
    norm.running_var.uniform_(0.5, 2)
    module = nn.Sequential()
    module.add_module("c", convolution)
    module.add_module("bn", norm)
    return module.eval(), {name: value.detach() for name, value in module.state_dict().items()}


def test_merged_branches_are_their_sum():
    wide, wide_state = branches(4, 3)
    narrow, narrow_state = branches(4, 1)
    stored = {
        **{f"x.token_mixer.conv.{name}": tensor for name, tensor in wide_state.items()},
        **{f"x.token_mixer.conv1.{name}": tensor for name, tensor in narrow_state.items()},
        "other": torch.zeros(1),
    }
    merged = merge_branches(stored)
    assert merged.keys() == {"x.token_mixer.weight", "x.token_mixer.bias", "other"}
    x = torch.randn(2, 4, 6, 6)
    weight, bias = merged["x.token_mixer.weight"], merged["x.token_mixer.bias"]
    found = F.conv2d(x, weight, bias, padding=1, groups=4)
    torch.testing.assert_close(found, wide(x) + narrow(x) + x, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("part", NORM)
def test_a_branch_that_lacks_a_part_keeps_its_names(part):
    _, state = branches(4, 3)
    stored = {f"x.{name}": tensor for name, tensor in state.items() if name != f"bn.{part}"}
    assert merge_branches(stored).keys() == stored.keys()


def pooled_by_hand(
    attention: Attention, q: Tensor, tokens: Tensor, unplaced: int, rotation: Rotation
) -> Tensor:
    """EfficientTAM's attention, written with a bias of the logits of pooled tokens."""
    pooling = attention.pooling
    k, v = attention.k_proj(tokens), attention.v_proj(tokens)
    placed = rotation(k[:, None, :-unplaced])[:, 0]
    k, v = (
        torch.cat((pool(memories, pooling.side), rest), dim=1)
        for memories, rest in ((placed, k[:, -unplaced:]), (v[:, :-unplaced], v[:, -unplaced:]))
    )
    bias = torch.zeros(k.shape[1])
    if pooling.shifts_keys:
        k[:, :-unplaced] += pooling.gain
    else:
        bias[:-unplaced] = pooling.gain
    q = rotation(attention.q_proj(q)[:, None])[:, 0]
    weights = (q @ k.transpose(1, 2) / q.shape[2] ** 0.5 + bias).softmax(dim=2)
    return attention.out_proj(weights @ v)


def pool(x: Tensor, side: int) -> Tensor:
    """Averages of squares of grids of 4 x 4 tokens."""
    grids = x.unflatten(1, (-1, 4, 4)).flatten(0, 1).permute(0, 3, 1, 2)
    pooled = F.avg_pool2d(grids, side).flatten(2).transpose(1, 2)
    return pooled.unflatten(0, (len(x), -1)).flatten(1, 2)


@pytest.mark.parametrize("pooling", [Pooling(2), Pooling(4), Pooling(2, shifts_keys=True)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_pooled_attention_is_that_of_the_paper(pooling, training, dtype, tolerance):
    attention = Attention(8, heads=1, memory_width=4, pooling=pooling)
    rotation = Rotation(8, grid_places(4, 4))
    q, tokens = torch.randn(2, 16, 8), torch.randn(2, 3 * 16 + 5, 4)
    expected = pooled_by_hand(attention, q, tokens, 5, rotation).detach()
    attention.to(dtype)
    with torch.set_grad_enabled(training):
        found = attention(q.to(dtype), tokens.to(dtype), tokens.to(dtype), (rotation, rotation), 5)
    torch.testing.assert_close(found.detach().float(), expected, atol=tolerance, rtol=tolerance)


@torch.inference_mode()
def test_a_single_memory_is_not_pooled():
    plain, pooled = (Attention(8, heads=1, memory_width=4, pooling=Pooling(s)) for s in (1, 2))
    pooled.load_state_dict(plain.state_dict())
    rotation = Rotation(8, grid_places(4, 4))
    q, tokens = torch.randn(1, 16, 8), torch.randn(1, 16 + 5, 4)
    results = [each(q, tokens, tokens, (rotation, rotation), 5) for each in (plain, pooled)]
    assert torch.equal(*results)


def test_pooling_changes_masks_a_little_and_is_refused_where_there_is_no_grid():
    frames = noise_frames(5)
    logits = []
    for side in (1, 2):
        model = tiny_model()
        model.pool_memory(side)
        session = TrackingSession(model)
        session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
        logits.append([session.step(frame).logits for frame in frames])
    assert torch.equal(logits[0][1], logits[1][1])  # one memory
    assert not torch.equal(logits[0][-1], logits[1][-1])
    with pytest.raises(ValueError, match=r"give memory\.pool=1"):
        tiny_model().pool_memory(3)
    with pytest.raises(ValueError, match=r"give memory\.pool=1"):
        tiny_model(compression=LATENTS).pool_memory(2)
    tiny_model(compression=LATENTS).pool_memory(1)
    with pytest.raises(ValueError, match="give a whole number from 1"):
        tiny_model().pool_memory(0)


@pytest.mark.parametrize("name", EFFICIENT)
def test_low_precision_tracks_alike(name):
    frames, logits = noise_frames(4), []
    for precision in (torch.float32, torch.bfloat16):
        model = tiny_model(**EFFICIENT[name])
        model.lower(precision)
        session = TrackingSession(model)
        session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
        logits.append(torch.stack([session.step(frame).logits for frame in frames]))
    assert (logits[0] - logits[1]).abs().mean() < 0.2 * logits[0].std()


def test_two_dimensional_latents_keep_the_order_of_the_map():
    """A change in one window of the map changes its own latent, and the global ones."""
    perceiver = LATENTS(TINY.memory_width, 4).eval()
    memory = torch.randn(1, TINY.memory_width, 4, 4)
    changed = memory.clone()
    changed[..., 2:, :2].neg_()  # the lower left window
    differs = (perceiver(memory) - perceiver(changed)).abs().amax((0, 2)) > 1e-4
    assert differs.tolist() == [True] * 5 + [False, False, True, False]
    assert perceiver.positions.shape == (9, TINY.memory_width)
    assert perceiver.places[:5].tolist() == [[0, 0]] * 5
    assert perceiver.places[5:].tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]


def test_a_plain_vit_takes_any_size():
    spec = EFFICIENT["efficienttam"]["trunk"]
    network = spec.build()
    (same,) = network(torch.zeros(1, 3, 32, 32))  # the grid of its position embedding
    (other,) = network(torch.zeros(1, 3, 80, 64))
    assert (same.shape, other.shape) == ((1, 16, 2, 2), (1, 16, 5, 4))


def test_the_model_compiles_with_pooling():
    model = tiny_model(pooling=Pooling(2))
    frames = noise_frames(4)
    session = TrackingSession(model)
    session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
    for frame in frames:
        session.step(frame)
    recalls = session.objects[1].memory.recall(4, 1)
    stride16 = torch.randn(1, TINY.width, TINY.grid, TINY.grid)
    with torch.inference_mode():
        batch = model.memory_tokens(recalls)
        expected = model.memory_attention(stride16, batch)
        compiled = torch.compile(
            model.memory_attention, backend="eager", fullgraph=True, dynamic=True
        )
        found = compiled(stride16, batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_specs_are_values():
    assert hash(replace(TINY, **EFFICIENT["edgetam"])) == hash(
        replace(TINY, **EFFICIENT["edgetam"])
    )
