"""Record what the official EdgeTAM and EfficientTAM do, scaled down, for tests without them.

Run it once for each package, in an environment of its own (both call themselves ``sam2``)::

    pip install edgetam-dimos timm && python scripts/record_efficient.py small_edgetam
    pip install efficient-track-anything && python scripts/record_efficient.py \
        small_efficienttam small_efficienttam_1 small_efficienttam_2

It writes ``tests/reference/<model>.npz``: for each scenario the masks as packed bits, every fourth
low-resolution logit and whether the object is there; the names and shapes of the tensors in a
checkpoint of that size, and in the released one.
"""

from __future__ import annotations

import argparse
import json
import warnings

import numpy as np
import torch
from hydra.utils import instantiate
from record_reference import _kept
from reference.efficient import PLAYED, SEEDS, small_variant
from reference.recorded import RECORDED
from reference.scenarios import clip, frame_size, length, scenario
from reference_efficient import build, config, official, shapes

from sam2track.model.variants import find_variant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", choices=SEEDS)
    warnings.filterwarnings("ignore")
    for name in parser.parse_args().models:
        record(name)


def record(name: str) -> None:
    """Write one file."""
    variant, seed = small_variant(name), SEEDS[name]
    predictor = build(variant, seed=seed.seed, presence_bias=seed.presence_bias)
    arrays: dict[str, np.ndarray] = {}
    outcomes = []
    for played in PLAYED:
        shown = clip(length(played), *frame_size(played, variant.image_size))
        own = official.play(predictor, shown, scenario(played))
        arrays |= _kept(f"scenarios/{played}", own)
        outcomes += own
    present = np.mean([outcome.presence > 0 for outcome in outcomes])
    areas = np.array([float(o.mask.float().mean()) for o in outcomes if o.presence > 0])
    middle = np.mean((areas > 0.02) & (areas < 0.98))
    print(f"{name}: present on {present:.0%}; {middle:.0%} of these neither empty nor full")
    assert 0.3 < present < 0.97
    assert middle > 0.6
    for key, own in (("small", predictor), ("released", released(name))):
        arrays[f"shapes/{key}"] = np.array(json.dumps(shapes(own)))
    path = RECORDED / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def released(name: str) -> torch.nn.Module:
    """The predictor in its released size."""
    suffix = name.removeprefix("small_efficienttam")
    full = "edgetam" if name == "small_edgetam" else f"efficienttam_ti{suffix}"
    return instantiate(config(find_variant(full)))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
