"""Average the weights of several trainings of one model (model soups, 2203.05482).

Runs that began with the same weights and continued with different clips often average to a model
that is better than each. The start of nano's last phase was made so (docs/nano.md)::

    python scripts/average_weights.py mean.safetensors a/weights.safetensors b/weights.safetensors
    python scripts/average_weights.py out.safetensors a.safetensors b.safetensors --shares 2 1

Files that ``checkpoint=`` takes go in; one more comes out, fp16 safetensors under our names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sam2track import load_model
from sam2track.model.weights import save_weights

PRESENCE = "mask_decoder.pred_obj_score_head.layers.2.bias"


def average(
    paths: list[Path], shares: list[float], *, variant: str, presence: float
) -> torch.nn.Module:
    """The model whose every weight is the mean of theirs, ``presence`` added to its presence logit.

    Raises:
        CheckpointError: if a file is not of the variant.
    """
    total = sum(shares)
    states = [
        load_model(variant, path, device="cpu", precision="fp32").state_dict() for path in paths
    ]
    model = load_model(variant, paths[0], device="cpu", precision="fp32")
    mixed = {
        key: sum(share / total * state[key] for share, state in zip(shares, states, strict=True))
        for key in states[0]
    }
    mixed[PRESENCE] = mixed[PRESENCE] + presence
    model.load_state_dict(mixed)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("out", type=Path, help="the .safetensors to write")
    parser.add_argument("weights", type=Path, nargs="+", help="files of one variant")
    parser.add_argument("--shares", type=float, nargs="+", help="of each; default: even")
    parser.add_argument("--presence", type=float, default=0.0, help="added to the presence logit")
    parser.add_argument("--variant", default="nano")
    options = parser.parse_args()
    shares = options.shares or [1.0] * len(options.weights)
    if len(shares) != len(options.weights) or min(shares) < 0 or sum(shares) == 0:
        parser.error(
            f"--shares {shares}: give one number from 0 for each of {len(options.weights)} files"
        )
    model = average(options.weights, shares, variant=options.variant, presence=options.presence)
    parts = zip(shares, options.weights, strict=True)
    mean = " + ".join(f"{share:g} {path.name}" for share, path in parts)
    save_weights(model, options.out, options.variant, {"mean": mean})
    print(options.out)


if __name__ == "__main__":
    main()
