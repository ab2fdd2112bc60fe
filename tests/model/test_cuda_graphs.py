"""What is recorded as a CUDA graph; the tests on a device are in tests/track/test_gpu.py."""

from __future__ import annotations

import pytest
import torch
from tiny import noise_frames, tiny_model

from sam2track import Prompt, TrackingSession
from sam2track.model import cuda_graphs, mask_upscaling
from sam2track.types import Candidates, FrameFeatures, Resolved


def test_values_are_made_of_other_leaves():
    features = FrameFeatures(torch.zeros(1, 2, 3, 3))
    logits = torch.zeros(1, 1, 12, 12)
    resolved = Resolved(logits, torch.zeros(1, 2), torch.zeros(1), torch.zeros(1, 1))
    values = (features, resolved, True)
    leaves = list(cuda_graphs._leaves(values))
    assert len(leaves) == 10  # None and the window are leaves too
    ones = (leaf + 1 if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves)
    made = cuda_graphs._rebuilt(values, ones)
    assert made[0].stride16.all()
    assert made[0].stride8 is None
    assert made[1].logits.all()
    assert made[1].presence.all()
    assert made[1].window is None
    assert made[2] is True


def test_on_a_cpu_nothing_is_recorded():
    model, frames = tiny_model(), noise_frames(4)
    session = TrackingSession(model)
    session.prompt(1, Prompt.click(20, 20), frames[0])
    for frame in frames:
        session.step(frame)
    assert model not in cuda_graphs._recordings


def test_kinds_tell_shapes_and_values_apart():
    kind = cuda_graphs._kind
    assert kind(torch.zeros(2, 3)) == kind(torch.ones(2, 3))
    assert len({kind(torch.zeros(2, 3)), kind(torch.zeros(3, 2)), kind(True), kind(None)}) == 4
    assert kind(torch.zeros(2, 3)) != kind(torch.zeros(2, 3).half())
    assert kind(torch.zeros(2, 3)) != kind(torch.zeros(3, 2).T)


def test_tensors_whose_elements_share_memory_are_not_recorded(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    tensor = torch.zeros(1, 4)
    with torch.no_grad():
        assert cuda_graphs._recordable([tensor, True])
        assert not cuda_graphs._recordable([tensor.expand(3, 4)])
        assert not cuda_graphs._recordable([True])
    assert not cuda_graphs._recordable([tensor])  # with gradients


class Doubling(torch.nn.Module):
    """Counts how often its method ran."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.cuda_graphs, self.compiled, self.calls = True, False, 0

    @cuda_graphs.graphed
    def twice(self, x):
        self.calls += 1
        return 2 * x


class Recording(cuda_graphs._Recording):
    """Runs what was recorded again, since there is no device."""

    def __init__(self, method, model, args):
        self.again = lambda leaves: method(model, *leaves)

    def replay(self, leaves):
        return self.again(leaves) + 0.5  # to tell it apart


def test_the_third_call_is_recorded(monkeypatch):
    monkeypatch.setattr(cuda_graphs, "_recordable", lambda leaves: True)
    monkeypatch.setattr(cuda_graphs, "_Recording", Recording)
    model, x = Doubling(), torch.ones(2)
    assert [float(model.twice(x)[0]) for _ in range(4)] == [2, 2, 2.5, 2.5]
    assert float(model.twice(torch.ones(3))[0]) == 2  # another shape
    for length in range(4, 4 + cuda_graphs.MOST - 1):
        model.twice(x)  # one that is in use stays
        model.twice(torch.ones(length))
    assert float(model.twice(x)[0]) == 2.5
    assert len(cuda_graphs._recordings[model]) == cuda_graphs.MOST
    cuda_graphs.forget(model)
    assert float(model.twice(x)[0]) == 2


def test_what_cannot_be_recorded_runs_as_it_is(monkeypatch):
    def fail(*_):
        raise RuntimeError("out of memory\nand more")

    monkeypatch.setattr(cuda_graphs, "_recordable", lambda leaves: True)
    monkeypatch.setattr(Recording, "__init__", fail)
    monkeypatch.setattr(cuda_graphs, "_Recording", Recording)
    model, x = Doubling(), torch.ones(2)
    with pytest.warns(RuntimeWarning, match="one by one: out of memory$"):
        assert [float(model.twice(x)[0]) for _ in range(5)] == [2] * 5
    assert model.calls == 5
    assert not model.cuda_graphs
    assert model not in cuda_graphs._recordings  # what was recorded before is freed


def test_what_is_made_of_weights_is_kept_on_a_cpu_only(monkeypatch):
    """A graph would go on with it after the weights have changed."""
    mlps, tokens = tiny_model().mask_decoder.output_hypernetworks_mlps, torch.randn(2, 4, 32)
    with torch.inference_mode():
        expected = mask_upscaling._mask_weights(mlps, tokens)
        monkeypatch.setattr(mask_upscaling, "derived", None)
        monkeypatch.setattr(torch.Tensor, "is_cpu", False)
        assert torch.equal(mask_upscaling._mask_weights(mlps, tokens), expected)


def test_candidates_keep_their_kind():
    parts = [torch.zeros(1, 3, 4, 4), torch.zeros(1, 3), torch.zeros(1, 3, 2), torch.zeros(1, 1)]
    (made,) = cuda_graphs._rebuilt([Candidates(*parts)], iter(parts))
    assert isinstance(made, Candidates)
    assert made.masks is parts[0]
