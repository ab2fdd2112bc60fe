"""Many prompts on one image are decoded as each alone."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny_model

from sam2track.model import many_prompts
from sam2track.types import PromptTokens


@torch.no_grad()
def test_rows_that_share_an_image_are_as_rows_that_do_not(monkeypatch):
    model = tiny_model()
    features = model.encode(torch.randn(1, 3, 64, 64))
    prompts = PromptTokens(64 * torch.rand(5, 2, 2), torch.tensor([[1, 0]]).expand(5, -1))
    found = model.decode_picture(features, prompts, multimask=True)
    used = []
    monkeypatch.setattr(many_prompts, "same_in_all_rows", lambda x: used.append(x) and False)
    expected = model.decode_picture(features, prompts, multimask=True)
    assert used
    for name in ("masks", "scores", "tokens", "presence"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_only_rows_of_one_image_are_shared():
    image = torch.randn(1, 4, 2, 2)
    assert many_prompts.same_in_all_rows(image.expand(3, -1, -1, -1))
    assert not many_prompts.same_in_all_rows(image.expand(1, -1, -1, -1))
    assert not many_prompts.same_in_all_rows(image.repeat(3, 1, 1, 1))


@pytest.mark.parametrize("rows", [1, 4])
def test_gradients_go_the_usual_way(rows):
    model = tiny_model()
    features = model.encode(torch.randn(1, 3, 64, 64))
    prompts = PromptTokens(64 * torch.rand(rows, 1, 2), torch.ones(rows, 1, dtype=torch.long))
    model.mask_decoder.requires_grad_(True)
    model.decode_picture(features, prompts, multimask=True).masks.sum().backward()
    assert model.mask_decoder.iou_token.weight.grad is not None
