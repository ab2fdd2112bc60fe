"""Record what the official predictor does with two scaled-down models, for tests without it.

Run where ``sam2==1.1.0`` is installed (it needs its own environment, not this package's)::

    python scripts/record_reference.py

It writes ``tests/reference/<model>.npz``: for each scenario the masks as packed bits, every fourth
low-resolution logit and the presence of each object on each frame; for each stage of the network
some of its output's values; ``tests/reference/bf16.json``: how far results under autocast are from
those in fp32. Before it writes, it checks that the clips are worth comparing:
objects are seen and lost, masks are neither empty nor full, candidates differ, memory matters.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import reference_official as official  # makes the package ``reference`` of the tests importable
import torch
from reference import lowered
from reference.recorded import RECORDED, keep_logits, keep_mask, keep_values
from reference.scenarios import SCENARIOS, Outcome, clip, frame_size, length, scenario
from reference.small import SMALL, Small
from reference.stages import stage_inputs
from sam2.sam2_video_predictor import SAM2VideoPredictor


def main() -> None:
    warnings.filterwarnings("ignore", message=".*_C.*")
    for small in SMALL.values():
        predictor = official.build(
            small.official,
            small.overrides(),
            seed=small.seed,
            presence_bias=small.presence_bias,
        )
        arrays: dict[str, np.ndarray] = {}
        for name, output in official.stages(predictor, stage_inputs(small.widths)).items():
            arrays[f"stages/{name}"] = keep_values(output)
        played = {name: _play(predictor, small, name) for name in SCENARIOS}
        _worth_comparing(small, played)
        for name, outcomes in played.items():
            arrays |= _kept(f"scenarios/{name}", outcomes)
        path = RECORDED / f"{small.name}.npz"
        np.savez_compressed(path, **arrays)
        print(f"{path}: {len(arrays)} arrays, {path.stat().st_size / 1e3:.0f} kB")
    found = lowered.deviation(_play_in)
    lowered.THEIRS.write_text(json.dumps(found) + "\n")
    print(f"{lowered.THEIRS}: {found}")


def _play_in(small: Small, name: str, bf16: bool) -> list[Outcome]:
    """A scenario in fp32, or in bf16 under autocast."""
    bias = small.presence_bias
    predictor = official.build(
        small.official, small.overrides(), seed=small.seed, presence_bias=bias
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        return official.play(predictor, *lowered.shown(small, name))


def _play(predictor: SAM2VideoPredictor, small: Small, name: str) -> list[Outcome]:
    shown = clip(length(name), *frame_size(name, small.image_size))
    return official.play(predictor, shown, scenario(name))


def _kept(prefix: str, outcomes: list[Outcome]) -> dict[str, np.ndarray]:
    return {
        f"{prefix}/frames": np.array([(o.frame, o.object_id) for o in outcomes], np.int16),
        f"{prefix}/presence": np.array([o.presence for o in outcomes], np.float32),
        f"{prefix}/masks": np.stack([keep_mask(o.mask) for o in outcomes]),
        f"{prefix}/logits": np.stack([keep_logits(o.logits) for o in outcomes]),
    }


def _worth_comparing(small: Small, played: dict[str, list[Outcome]]) -> None:
    """Fail where the seeded weights make a comparison easy."""
    outcomes = [outcome for each in played.values() for outcome in each]
    present = np.array([outcome.presence > 0 for outcome in outcomes])
    areas = np.array([float(o.mask.float().mean()) for o in outcomes if o.presence > 0])
    spread = np.median([float(o.logits.std()) for o in outcomes if o.presence > 0])
    click, clicks = played["click"], played["clicks"]
    effect = np.mean(
        [
            float((a.logits - b.logits).abs().mean() / a.logits.std())
            for a, b in zip(click[1:], clicks[1:], strict=True)
            if a.presence > 0 and b.presence > 0
        ]
    )
    print(
        f"{small.name}: present on {present.mean():.0%} of frames, median area "
        f"{np.median(areas):.0%}, logits spread {spread:.1f}, another prompt changes later "
        f"frames' logits by {effect:.2f} of their spread"
    )
    assert 0.3 < present.mean() < 0.97
    assert np.mean((areas > 0.02) & (areas < 0.98)) > 0.7
    assert spread > 1
    assert effect > 0.03


if __name__ == "__main__":
    with torch.inference_mode():
        main()
