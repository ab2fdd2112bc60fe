"""Compare EdgeTAM and EfficientTAM with the official predictors at full size.

Run once in an environment with ``edgetam-dimos`` and ``timm``, and once in one with
``efficient-track-anything``, with this checkout on the path::

    PYTHONPATH=. python scripts/parity_efficient.py --variants edgetam --results parity.json

Both sides get the same seeded weights and frames, in fp32 on the CPU. Bounds and table are those of
``parity.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from parity import _once, _scenario, agrees, table
from reference.efficient import PLAYED
from reference_efficient import build

from sam2track.model.sam2 import SAM2
from sam2track.model.variants import VARIANTS, find_variant
from sam2track.model.weights.names import from_layout

# The seed and the presence bias with which objects are seen and lost.
SEEDS = {"edgetam": (8, 0.0), "efficienttam_ti": (9, 0.0), "efficienttam_s": (9, 3.0)}


def main() -> int:
    arguments = _arguments()
    warnings.filterwarnings("ignore")
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for name in arguments.variants:
        variant = find_variant(name)
        if arguments.side:
            variant = replace(variant, image_size=arguments.side)
        family = next(known for known in SEEDS if name.startswith(known))
        seed, bias = SEEDS[family]
        theirs = build(variant, seed=seed, presence_bias=bias)
        ours = SAM2(variant).eval().requires_grad_(False)
        ours.load_state_dict(from_layout(theirs.state_dict(), ours.state_dict()))
        theirs.forward_image, ours.encode = _once(theirs.forward_image), _once(ours.encode)
        for played in arguments.scenarios:
            job = f"{name}/{played}"
            if job not in results:
                results[job] = _scenario(theirs, ours, played, 8)
                print(job, results[job], flush=True)
                arguments.results.write_text(json.dumps(results, indent=1))
    print(f"\n{table(results)}\n")
    failed = [job for job, result in results.items() if not agrees(result)]
    print(f"disagree: {', '.join(failed)}" if failed else "all agree")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    names = [name for name in VARIANTS if name.startswith(tuple(SEEDS))]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", choices=names, required=True)
    parser.add_argument("--scenarios", nargs="*", choices=PLAYED, default=list(PLAYED))
    parser.add_argument("--side", type=int, help="of the input (default: the model's)")
    parser.add_argument("--results", type=Path, default=Path("parity.json"), help="a JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    with torch.inference_mode():
        sys.exit(main())
