"""Training clips, from a small pack of pictures made here."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from asset_packs import write_pictures

from sam2track.data.clips.clip import SMALLEST, ClipDataset
from sam2track.data.clips.procedural_clips import ProceduralClips
from sam2track.synthetic.articulated_objects import creature, person, quadruped, tube
from sam2track.synthetic.assets import Assets
from sam2track.synthetic.manufactured_objects import hand, slab, vehicle, vessel
from sam2track.synthetic.photo_background import PhotoBackground
from sam2track.synthetic.photo_objects import join
from sam2track.synthetic.scene_plan import ScenePlan


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    folder = tmp_path_factory.mktemp("assets")
    write_pictures(folder)
    return Assets(folder)


def test_a_source_without_weight_is_never_drawn(assets: Assets):
    rng = np.random.default_rng(0)
    even = {assets.get("sprites", n).tobytes() for n in (0, 2)}
    assert {assets.sprite(rng).tobytes() for _ in range(40)} == even


def test_missing_assets_say_what_to_run(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="fetch_assets"):
        Assets(tmp_path)


def test_the_same_seed_gives_the_same_clip(assets: Assets):
    sampler = ProceduralClips(assets, 64, frames=3, objects=2)
    one, two = (sampler.clip(np.random.default_rng(5)) for _ in range(2))
    assert (one.frames == two.frames).all()
    assert (one.masks == two.masks).all()
    assert (one.frames != sampler.clip(np.random.default_rng(6)).frames).any()


def test_tracked_objects_are_visible_first_and_numbered_without_gaps(assets: Assets):
    sampler = ProceduralClips(assets, 64, frames=2, objects=3)
    for seed in range(25):
        clip = sampler.clip(np.random.default_rng(seed))
        counts = np.bincount(clip.masks[0].ravel())
        assert len(counts) >= 2
        assert (counts[1:] >= SMALLEST * 64 * 64).all()
        assert clip.masks.max() < len(counts)


def test_something_moves_and_something_is_hidden_sometimes(assets: Assets):
    sampler = ProceduralClips(assets, 64, frames=6, objects=2)
    clips = [sampler.clip(np.random.default_rng(seed)) for seed in range(25)]
    still = [(clip.masks[0] == clip.masks[-1]).all() for clip in clips]
    shares = [(c.masks[1:] == 1).sum((1, 2)).min() / (c.masks[0] == 1).sum() for c in clips]
    assert sum(still) < 8
    assert any(share < 0.4 for share in shares)


def test_the_dataset_resumes_exactly_and_pads(assets: Assets):
    dataset = ClipDataset(ProceduralClips(assets, 64, frames=3, objects=3), length=10, seed=1)
    item, again = dataset[7], pickle.loads(pickle.dumps(dataset))[7]
    assert item["frames"].shape == (3, 3, 64, 64)
    assert item["frames"].dtype == torch.uint8
    assert item["masks"].shape == (3, 3, 64, 64)
    assert item["masks"].dtype == torch.bool
    assert item["valid"].any()
    assert (item["masks"][0].flatten(1).any(1) == item["valid"]).all()
    assert not item["masks"][:, ~item["valid"]].any()
    assert not (item["masks"].sum(1) > 1).any()
    assert all(torch.equal(item[key], again[key]) for key in item)
    with pytest.raises(IndexError, match="clip 10"):
        dataset[10]


def test_clips_grow_harder_over_the_ramp(assets: Assets):
    sampler = ProceduralClips(assets, 64, frames=2, objects=3)
    easy = ClipDataset(sampler, length=40, ramp=10**6)
    hard = ClipDataset(sampler, length=40)
    counts = [sum(int(d[i]["valid"].sum()) for i in range(30)) for d in (easy, hard)]
    areas = [
        np.median([d[i]["masks"][0, 0].float().mean() for i in range(30)]) for d in (easy, hard)
    ]
    assert counts[0] == 30 < counts[1]
    assert areas[0] > areas[1]


def test_a_tall_object_joins_a_flat_one():
    flat, tall = np.full((10, 60, 4), 255, np.uint8), np.full((50, 12, 4), 128, np.uint8)
    one = join(flat, tall, np.random.default_rng(0))
    assert max(one.shape[:2]) == 60
    assert set(np.unique(one[one[..., 3] > 200])) <= set(range(120, 256))


@pytest.mark.parametrize("make", [person, quadruped, creature])
def test_figures_have_limbs_that_swing(assets: Assets, make):
    body, limbs = make(assets, np.random.default_rng(1), 80)
    assert body.shape[2] == 4
    assert limbs
    assert (body[..., 3] > 127).mean() > 0.3
    parts = [part for limb in limbs for part in (limb, *limb.limbs)]
    assert all(part.picture.dtype == np.uint8 and part.picture[..., 3].any() for part in parts)
    moved = [np.abs(part.matrix(0.0) - part.matrix(5.0)).max() for part in parts]
    assert max(moved) > 0.02


def test_a_rider_sits_upright(assets: Assets):
    _, limbs = person(assets, np.random.default_rng(0), 80, upside_down=True)
    head = limbs[-1]
    assert head.hinge[1] > 0  # away from the hip, from which the torso hangs
    assert np.cos(head.angle) > 0.5
    legs = [limb for limb in limbs if limb.hinge[1] < -0.4 and limb.limbs and limb is not head]
    assert any(np.cos(limb.angle) < 0 for limb in legs)


def test_a_tube_is_as_long_and_as_wide_as_asked():
    cloth = np.full((60, 60, 3), 200, np.uint8)
    picture = tube(cloth, np.random.default_rng(0), 40, 20, 10)
    widths = (picture[..., 3] > 127).sum(1)
    assert picture.shape[0] == 40
    assert 15 <= widths.max() <= 24
    assert widths[8] > widths[32] > 5


@pytest.mark.parametrize("make", [vessel, slab, vehicle])
@pytest.mark.parametrize("side", [16, 90])
def test_manufactured_objects_are_one_piece_of_the_size_asked(assets: Assets, make, side):
    for seed in range(12):
        picture = make(assets, np.random.default_rng(seed), side)
        assert picture.dtype == np.uint8
        assert max(picture.shape[:2]) == side
        solid = picture[..., 3] > 127
        assert solid.mean() > 0.25
        if side == 90:
            _, _, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
            assert stats[1:, cv2.CC_STAT_AREA].max() > 0.97 * solid.sum()


def test_manufactured_objects_have_several_colours(assets: Assets):
    spreads = [vessel(assets, np.random.default_rng(seed), 90)[..., :3].std() for seed in range(12)]
    assert np.median(spreads) > 25


@pytest.mark.parametrize("seed", range(6))
def test_a_hand_reaches_over_what_it_holds_and_its_arm_leads_away(assets: Assets, seed):
    held = np.zeros((100, 60, 4), np.uint8)
    held[5:95, 10:50] = 255
    fingers, (wrist,) = hand(assets, np.random.default_rng(seed), held)
    assert fingers.shape == held.shape
    covered = (fingers[..., 3] > 127) & (held[..., 3] > 127)
    assert 0.01 < covered.sum() / (held[..., 3] > 127).sum() < 0.6
    end = wrist.matrix(0.0) @ wrist.limbs[0].matrix(0.0) @ (0.0, 0.5, 1.0)
    assert abs(end[0]) > 0.4  # beyond the edge, in heights of what is held


def test_an_object_that_is_held_up_lies_in_a_hand_and_turns(assets: Assets):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        sizes = {"size": 64, "frames": 4, "count": 3}
        plan = ScenePlan(assets, rng, **sizes, still=1.0, hardness=1.0, held_up=1.0)
        (held,) = (layer for layer in plan.layers if layer.label)
        hand = plan.layers[plan.layers.index(held) + 1]
        assert hand.limbs
        angles = [held.motion.state(t)[3] for t in range(0, 100, 5)]
        assert max(angles) - min(angles) > 0.3
        for t in (0.0, 20.0):
            np.testing.assert_allclose(hand.motion.state(t)[:3], held.motion.state(t)[:3])


def test_some_backgrounds_are_walls(assets: Assets):
    def detail(seed: int, walls: float) -> float:
        rng = np.random.default_rng(seed)
        picture = PhotoBackground(assets, rng, aspect=1.5, size=64, walls=walls).canvas.astype(
            float
        )
        return float(np.abs(np.diff(picture, axis=1)).mean())

    some, many, none = (
        np.array([detail(seed, walls) for seed in range(40)]) for walls in (0.12, 0.4, 0.0)
    )
    assert 1 <= (some < 0.25 * none).sum() <= 14
    assert (some < 0.25 * none).sum() < (many < 0.25 * none).sum() <= 30
