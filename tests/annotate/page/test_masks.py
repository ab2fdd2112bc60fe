"""The page's run lengths against pycocotools, and its outlines, in the browser."""

from __future__ import annotations

import numpy as np
import pytest
from annotate.page.browsing import Server
from pycocotools import mask as coco

ROUND_TRIP = """async (records) => {
  const { Mask } = await import("/static/masks.js");
  return records.map((record) => {
    const mask = Mask.of(record);
    const again = Mask.fromPixels(mask.pixels(), mask.height, mask.width);
    const box = mask.box && [mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1];
    return [Array.from(mask.pixels()), again.counts, mask.area, box];
  });
}"""

PAINTED = """async ([record, scale]) => {
  const { Mask } = await import("/static/masks.js");
  const mask = Mask.of(record);
  const canvas = document.createElement("canvas");
  canvas.width = mask.width;
  canvas.height = mask.height;
  const on = canvas.getContext("2d");
  on.fill(mask.path, "evenodd");
  const data = on.getImageData(0, 0, mask.width, mask.height).data;
  const found = [];
  for (let at = 3; at < data.length; at += 4) found.push(data[at]);
  const inside = [];
  for (let y = 0; y < mask.height; y++)
    for (let x = 0; x < mask.width; x++) inside.push(mask.contains(x + 0.5, y + 0.5));
  return [found, inside];
}"""


def blobs(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A mask with parts and holes."""
    noise = rng.random((height // 4 + 2, width // 4 + 2))
    return np.kron(noise, np.ones((4, 4)))[:height, :width] > 0.55


@pytest.fixture(scope="module")
def page(browser, server: Server):
    page = browser.new_page()
    page.goto(server.address)
    yield page
    page.close()


def cases() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    found = [np.zeros((5, 7), dtype=bool), np.ones((5, 7), dtype=bool)]
    found += [rng.random((rng.integers(1, 40), rng.integers(1, 40))) > 0.5 for _ in range(40)]
    return [*found, *(blobs(rng, 60, 90) for _ in range(10)), blobs(rng, 480, 640)]


def test_run_lengths_are_those_of_coco(page) -> None:
    masks = cases()
    encoded = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
    records = [{"size": one["size"], "counts": one["counts"].decode()} for one in encoded]
    for mask, record, (pixels, counts, area, box) in zip(
        masks, records, page.evaluate(ROUND_TRIP, records), strict=True
    ):
        assert (np.array(pixels, dtype=bool).reshape(mask.shape) == mask).all()
        assert counts == record["counts"]
        assert area == mask.sum()
        y, x = np.nonzero(mask)
        assert box == ([x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else None)


def test_outlines_enclose_the_mask(page) -> None:
    """Corners are cut by half a pixel, so that a pixel that is set stays at least half covered."""
    mask = blobs(np.random.default_rng(1), 60, 90)
    record = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    given = {"size": record["size"], "counts": record["counts"].decode()}
    alpha, inside = page.evaluate(PAINTED, [given, 1])
    assert ((np.array(alpha).reshape(mask.shape) >= 100) == mask).all()
    assert (np.array(inside).reshape(mask.shape) == mask).all()
