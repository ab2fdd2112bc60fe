"""Clips in which objects that touch are one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sam2track.data.clips.clip import Clip
from sam2track.data.clips.joined_clips import JoinedClips, joined


@dataclass
class Rider:
    """A horse (1), its rider (2), and a tree far away (3)."""

    objects: int = 3

    def clip(self, rng, *, hardness=1.0):
        masks = np.zeros((2, 64, 64), np.uint8)
        masks[:, 30:50, 10:30] = 1
        masks[:, 18:30, 15:25] = 2
        masks[:, 10:40, 50:56] = 3
        masks[1] = np.roll(masks[1], 5, axis=1)
        return Clip(np.zeros((2, 64, 64, 3), np.uint8), masks, 1.5)


def test_only_objects_that_touch_become_one():
    masks = Rider().clip(None).masks
    seen = {tuple(np.unique(joined(masks, np.random.default_rng(k)))) for k in range(40)}
    assert seen == {(0, 1, 2, 3), (0, 1, 3), (0, 2, 3)}


def test_a_joined_object_is_the_union_in_every_frame():
    masks = Rider().clip(None).masks
    made = next(
        own for own in (joined(masks, np.random.default_rng(k)) for k in range(40)) if 2 not in own
    )
    np.testing.assert_array_equal(made == 1, (masks == 1) | (masks == 2))
    np.testing.assert_array_equal(made == 3, masks == 3)


def test_a_share_of_the_clips_is_joined_and_the_rest_stays():
    source = JoinedClips(Rider(), share=0.5)
    clips = [source.clip(np.random.default_rng(k)) for k in range(200)]
    share = np.mean([len(np.unique(clip.masks)) == 3 for clip in clips])
    assert 0.1 < share < 0.25  # a third of the pairs touch
    assert source.objects == 3
    assert clips[0].aspect == 1.5


def test_one_object_stays_alone():
    masks = np.ones((2, 8, 8), np.uint8)
    np.testing.assert_array_equal(joined(masks, np.random.default_rng(0)), masks)
