"""Memory attention takes tensors, and any number of tokens per memory."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from tiny import TINY, noise_frames, square_mask, tiny_model
from torch import nn

from sam2track import Prompt, TrackingSession
from sam2track.memory import FifoMemory, TreeMemory
from sam2track.model.memory_attention import MemoryAttention, MemoryBatch, MemoryTokens
from sam2track.model.memory_encoder import GridCompression
from sam2track.types import FrameFeatures, MemoryFrame, Recall


def recall(tokens: int, *, memories: int = 2, pointers: int = 3) -> Recall:
    def memory(index: int) -> MemoryFrame:
        features = torch.randn(tokens, TINY.memory_width).bfloat16()
        return MemoryFrame(index, features, torch.randn(TINY.width), torch.ones(()), torch.ones(()))

    frames = [memory(index) for index in range(max(memories, pointers))]
    return Recall(
        tuple(frames[:memories]),
        tuple(range(memories)),
        tuple(frame.pointer for frame in frames[:pointers]),
        tuple(range(1, pointers + 1)),
        weights=tuple(1 + 0.1 * index for index in range(memories)),
    )


class Exported(nn.Module):
    """Memory attention with plain tensors, as a file format needs it."""

    def __init__(self, attention: MemoryAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, stride16: torch.Tensor, *tensors: torch.Tensor) -> torch.Tensor:
        return self.attention(stride16, MemoryBatch(*tensors))


def test_it_exports_with_tensors_alone():
    model = tiny_model()
    grid = TINY.grid
    batch = model.memory_tokens([recall(grid * grid)] * 2)
    stride16 = torch.randn(2, TINY.width, grid, grid)
    tensors = tuple(getattr(batch, field.name) for field in fields(batch))
    expected = model.memory_attention(stride16, batch)
    exported = torch.export.export(Exported(model.memory_attention), (stride16, *tensors))
    found = exported.module()(stride16, *tensors)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_it_compiles_as_one_graph():
    model = tiny_model()
    compiled = torch.compile(model.memory_attention, backend="eager", fullgraph=True, dynamic=True)
    stride16 = torch.randn(1, TINY.width, TINY.grid, TINY.grid)
    for memories, pointers in ((2, 3), (4, 0), (3, 5)):
        batch = model.memory_tokens([recall(TINY.grid**2, memories=memories, pointers=pointers)])
        expected = model.memory_attention(stride16, batch)
        torch.testing.assert_close(compiled(stride16, batch), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pointers", [0, 3])
def test_memories_of_any_number_of_tokens(pointers):
    """Five tokens per memory, of which two have no place."""
    places = torch.tensor([[0, 0], [0, 0], [1, 0], [3, 2], [2, 3]])
    tokens = MemoryTokens(TINY.width, torch.randn(5, TINY.memory_width), TINY.slots, True)
    attention = MemoryAttention(
        TINY.width,
        TINY.memory_width,
        TINY.memory_mlp,
        layers=1,
        grid=TINY.grid,
        memory_places=places,
        dropout=0.0,
    )
    recalls = [recall(5, pointers=pointers) for _ in range(2)]
    batch = tokens(recalls)
    assert batch.spatial.shape == (2, 10, TINY.memory_width)
    assert batch.weights.shape == (2, 10)
    features = torch.randn(2, TINY.width, TINY.grid, TINY.grid)
    together = attention(features, batch)
    for row in range(2):
        alone = attention(features[row : row + 1], tokens(recalls[row : row + 1]))
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-4)


class EveryOther(GridCompression):
    """Keeps every other cell of the map."""

    def __init__(self, memory_width: int, grid: int) -> None:
        super().__init__(memory_width, grid)
        self.positions, self.places = self.positions[::2], self.places[::2]

    def forward(self, memory: torch.Tensor) -> torch.Tensor:
        return super().forward(memory)[:, ::2]


@pytest.mark.parametrize("memory", [FifoMemory, TreeMemory])
def test_a_model_with_another_compression_tracks(memory):
    session = TrackingSession(tiny_model(compression=EveryOther), memory=memory, archive=True)
    frames = noise_frames(5)
    session.prompt(1, Prompt.from_mask(square_mask()), frames[0])
    results = [session.step(frame) for frame in frames]
    assert results[-1].masks.any()
    (row, *_) = session.objects[1].memory.recall(4, 1)
    assert {len(frame.features) for frame in row.memories} == {TINY.grid**2 // 2}


@pytest.mark.parametrize("images", [1, 3])
@torch.inference_mode()
def test_rows_one_by_one_share_what_they_see(images, monkeypatch):
    model = tiny_model()
    stride16 = torch.randn(images, TINY.width, TINY.grid, TINY.grid)
    recalls = [recall(TINY.grid**2) for _ in range(3)]
    seen = []
    see = model.memory_attention.layers[0].see

    def counted(x, rotation):
        seen.append(len(x))
        return see(x, rotation)

    monkeypatch.setattr(model.memory_attention.layers[0], "see", counted)
    features = FrameFeatures(stride16)
    together = model.condition(features, recalls)
    monkeypatch.setattr(type(model), "rows_at_once", 1)
    torch.testing.assert_close(model.condition(features, recalls), together, atol=1e-5, rtol=1e-5)
    assert seen == [images, images]
    alone = model.condition(FrameFeatures(stride16[:1]), recalls[:1])
    torch.testing.assert_close(alone, together[:1], atol=1e-5, rtol=1e-5)
