"""Masks that follow the edges in the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sam2track.masks.guided_filter import EPSILON, LOGIT_SCALE, RADIUS, _linear_function, sharpen
from sam2track.masks.upscaling import concatenate, upscale
from sam2track.metrics import region

SIZE = (120, 160)
CENTRES = ((45, 40), (70, 110))


def disc(centre: tuple[int, int], radius: int = 28) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def picture(noise: int = 8) -> np.ndarray:
    """Two discs of one colour each on a ground of a third, with noise."""
    image = np.full((*SIZE, 3), (60, 120, 60), np.int16)
    for centre, colour in zip(CENTRES, ((200, 60, 40), (70, 80, 210)), strict=True):
        image[disc(centre)] = colour
    image += np.random.default_rng(0).integers(-noise, noise + 1, image.shape, np.int16)
    return image.clip(0, 255).astype(np.uint8)


def coarse() -> torch.Tensor:
    """Logits of both discs on a grid of 16 x 16, a little off."""
    masks = torch.from_numpy(np.stack([disc(centre) for centre in CENTRES])).float()
    return 8 * F.interpolate(masks[None], (16, 16), mode="area")[0] - 3


def test_edges_become_those_of_the_picture():
    for place, centre in enumerate(CENTRES):
        truth = disc(centre)
        blunt = region(upscale(coarse(), SIZE).masks[place].numpy(), truth)
        sharp = region(sharpen(coarse(), picture()).masks[place].numpy(), truth)
        assert blunt < 0.93 < 0.98 < sharp


def test_a_pixel_belongs_to_the_surest():
    drawn = sharpen(coarse(), picture())
    for place, centre in enumerate(CENTRES):
        assert (drawn.owner[disc(centre)] == place).float().mean() > 0.97
    assert torch.equal(drawn.owner >= 0, drawn.masks.any(0))
    assert torch.equal(drawn.confidence > 0, drawn.masks.any(0))


def test_objects_apart_are_as_together():
    together = sharpen(coarse(), picture())
    apart = concatenate([sharpen(own[None], picture()) for own in coarse()])
    assert torch.equal(apart.masks, together.masks)
    assert torch.equal(apart.owner, together.owner)


def test_an_absent_object_stays_absent():
    logits = coarse()
    logits[1] = -1024.0
    drawn = sharpen(logits, picture())
    assert drawn.masks[0].any()
    assert not drawn.masks[1].any()
    assert set(drawn.owner.unique().tolist()) == {-1, 0}


def test_where_colour_tells_nothing_the_mask_stays():
    grey = np.full((*SIZE, 3), 128, np.uint8)
    plain, same = upscale(coarse(), SIZE), sharpen(coarse(), grey)
    for ours, theirs in zip(same.masks.numpy(), plain.masks.numpy(), strict=True):
        assert region(ours, theirs) > 0.9  # squashed first, so not quite the same


@pytest.mark.parametrize("size", [(120, 160), (97, 131), (16, 16), (300, 20), (7, 3)])
def test_any_size(size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    drawn = sharpen(coarse(), image)
    assert drawn.masks.shape == (2, *size)
    assert drawn.owner.shape == size
    assert drawn.masks.any()


def test_slopes_are_the_least_squares_of_windows():
    colours, logits = torch.rand(3, 13, 15), torch.randn(13, 15)
    slopes, expected = torch.zeros(3, 13, 15), torch.zeros(3, 13, 15)
    for y, x in np.ndindex(13, 15):
        near = (..., *around(y), *around(x))
        rows, mask = colours[near].flatten(1).T, (logits[near] / LOGIT_SCALE).tanh().flatten()
        centred = rows - rows.mean(0)
        # Ridge regression, whose penalty counts once for each pixel.
        square = centred.T @ centred + len(rows) * EPSILON * torch.eye(3)
        slopes[:, y, x] = torch.linalg.solve(square, centred.T @ (mask - mask.mean()))
    for y, x in np.ndindex(13, 15):  # each cell takes the mean of its window's functions
        expected[:, y, x] = slopes[(..., *around(y), *around(x))].mean((-2, -1))
    found = 255 * _linear_function(logits, colours)[:3]
    inside = (..., slice(2 * RADIUS, -2 * RADIUS), slice(2 * RADIUS, -2 * RADIUS))
    torch.testing.assert_close(found[inside], expected[inside], rtol=1e-3, atol=1e-4)


def around(place: int) -> tuple[slice]:
    return (slice(max(0, place - RADIUS), place + RADIUS + 1),)
