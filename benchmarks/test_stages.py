"""Seconds of each stage of a frame, with the memory full; `make benchmark` runs it.

One object, one thread, the precision that suits the machine. nano has its own weights, the other
model random ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from sam2track import Frame, Prompt, TrackingSession, load_model
from sam2track.device import autocast, cpu_threads, pick_precision
from sam2track.model import SAM2, find_variant
from sam2track.synthetic.video import SyntheticVideo
from sam2track.types import ANCHOR_SLOT, Candidates, Choice, Recall

POINTERS = 16
Measure = Callable[..., Any]  # calls a function several times, and returns what it gives


def make_model(name: str) -> SAM2:
    if name == "nano":
        return load_model(name, device="cpu")
    torch.manual_seed(0)
    model = SAM2(find_variant(name)).eval().requires_grad_(False)
    model.lower(pick_precision("auto", torch.device("cpu")))
    return model


@pytest.fixture(scope="module", params=["nano", "sam2.1_hiera_tiny"])
def model(request: pytest.FixtureRequest) -> Iterator[SAM2]:
    with cpu_threads(1), torch.inference_mode():
        yield make_model(request.param)


@pytest.fixture(scope="module")
def frame() -> Frame:
    return next(iter(SyntheticVideo((480, 854), 1, seed=0)))


@pytest.fixture
def measure(benchmark: Any, model: SAM2) -> Measure:
    rounds = 30 if model.variant.coarse else 4

    def call(function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        with autocast(model.device, model.precision):
            return benchmark.pedantic(function, args, kwargs, rounds=rounds, warmup_rounds=1)

    benchmark.extra_info["precision"] = str(model.precision).removeprefix("torch.")
    return call


def once(model: SAM2, frame: Frame) -> tuple[Any, Candidates]:
    """Features of the frame, and candidates without memory."""
    with autocast(model.device, model.precision):
        features = model.encode(model.prepare(torch.from_numpy(frame.image)))
        return features, model.decode(model.attend(features, [Recall((), (), (), ())]), features)


def resolve(model: SAM2, candidates: Candidates) -> Any:
    parts = (torch.tensor([0]), torch.tensor([0]), torch.tensor([True]))
    return model.resolve(candidates, Choice(*parts))


def test_encode(measure: Measure, model: SAM2, frame: Frame) -> None:
    image = torch.from_numpy(frame.image)
    features = measure(lambda: model.encode(model.prepare(image)))
    assert features.stride16.isfinite().all()


def test_attend(measure: Measure, model: SAM2, frame: Frame) -> None:
    features, candidates = once(model, frame)
    with autocast(model.device, model.precision):
        resolved = resolve(model, candidates)
        (memory,) = model.memorise(features, resolved, index=0, from_prompt=False)
    slots = model.variant.slots  # one of them is that of the anchor
    recall = Recall(
        (memory,) * slots,
        (ANCHOR_SLOT, *range(slots - 1)),
        (memory.pointer,) * POINTERS,
        tuple(range(1, POINTERS + 1)),
    )
    assert measure(model.attend, features, [recall]).isfinite().all()


def test_decode(measure: Measure, model: SAM2, frame: Frame) -> None:
    features, _ = once(model, frame)
    assert measure(model.decode, features.stride16, features).masks.isfinite().all()


def test_memorise(measure: Measure, model: SAM2, frame: Frame) -> None:
    features, candidates = once(model, frame)
    with autocast(model.device, model.precision):
        resolved = resolve(model, candidates)
    (memory,) = measure(model.memorise, features, resolved, index=0, from_prompt=False)
    assert memory.features.isfinite().all()


def test_render(measure: Measure, model: SAM2, frame: Frame) -> None:
    session = TrackingSession(model)
    session.prompt(1, Prompt.from_box([100, 80, 300, 260]), frame)
    result = measure(session.render, session.advance(frame), frame)
    assert result.object_ids == (1,)
