"""Pictures of object ids: what is read, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sam2track.masks import flatten, read_labels

LABELS = np.array([[0, 1, 2], [0, 255, 2]], np.uint8)


def saved(path, mode, alpha=255):
    picture = Image.fromarray(LABELS)
    if mode == "P":
        picture.putpalette(list(range(256)) * 3)
    elif mode == "RGBA":
        picture = picture.convert("RGBA")
        picture.putalpha(Image.fromarray(np.broadcast_to(np.uint8(alpha), LABELS.shape).copy()))
    else:
        picture = picture.convert(mode)
    picture.save(path)
    return path


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "RGBA"])
def test_labels_come_back(tmp_path, mode):
    assert np.array_equal(read_labels(saved(tmp_path / "m.png", mode)), LABELS)


def test_a_mask_in_the_alpha_channel_is_refused(tmp_path):
    path = saved(tmp_path / "m.png", "RGBA", alpha=255 * (LABELS > 0))
    with pytest.raises(ValueError, match="not transparent"):
        read_labels(path)


def test_a_part_is_seen_on_its_whole():
    whole, part = np.ones((2, 3), bool), LABELS == 1
    assert flatten({1: part, 2: whole}, (2, 3)).tolist() == [[2, 1, 2], [2, 2, 2]]
