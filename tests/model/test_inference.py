"""Without gradients other operations run; they give what those of training give."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from tiny import tiny_model

from sam2track.types import Choice


def close(ours: object, theirs: object) -> None:
    for field in fields(ours):  # type: ignore[arg-type]
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        if isinstance(one, torch.Tensor):
            torch.testing.assert_close(one, other.detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("images", [1, 2])
def test_features(images):
    model, image = tiny_model(), torch.randn(images, 3, 64, 64)
    with torch.no_grad():
        found = model.encode(image)
    assert found.stride4 is not None
    close(found, model.encode(image))


@pytest.mark.parametrize("rows", [1, 3])
def test_candidates_of_rows_without_prompts(rows):
    model = tiny_model()
    features = model.encode(torch.randn(1, 3, 64, 64))
    conditioned = torch.randn(rows, *features.stride16.shape[1:])
    with torch.no_grad():
        found = model.decode(conditioned, features)
    close(found, model.decode(conditioned, features))


@torch.no_grad()
def test_what_is_kept_of_the_lack_of_prompts_follows_the_weights():
    model = tiny_model()
    features = model.encode(torch.randn(1, 3, 64, 64))
    before = model.decode(features.stride16, features)
    model.mask_decoder.iou_token.weight.add_(1)
    after = model.decode(features.stride16, features)
    assert (before.scores - after.scores).abs().max() > 1e-4
    model.double().float()  # other memory, the same weights
    close(model.decode(features.stride16, features), after)


@pytest.mark.parametrize("from_prompt", [False, True])
def test_memories(from_prompt):
    model = tiny_model()
    features = model.encode(torch.randn(1, 3, 64, 64))
    candidates = model.decode(features.stride16.expand(2, -1, -1, -1), features)
    choice = Choice(torch.tensor([0, 1]), torch.tensor([0, 2]), torch.tensor([True, True]))
    resolved = model.resolve(candidates, choice)
    with torch.no_grad():
        found = model.spatial_memory(features.stride16, resolved, from_prompt)
    expected = model.spatial_memory(features.stride16, resolved, from_prompt)
    torch.testing.assert_close(found, expected.detach(), atol=1e-4, rtol=1e-4)
