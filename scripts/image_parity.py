"""Compare single pictures with the official predictors at full size, with the same seeded weights.

Run where ``segment-anything==1.0`` and ``sam2==1.1.0`` are installed, with this checkout on the
path, in fp32 on the CPU::

    PYTHONPATH=. python scripts/image_parity.py --models sam_vit_b sam2.1_hiera_tiny

Every case of ``tests/reference/image_cases.py`` is asked on two pictures, one of the model's size
and one that is resized. ``sam_vit_l`` and ``sam_vit_h`` are saved as the official checkpoint is and
loaded here, strictly; a block with windows and a global one are compared. The last line says
whether all agree: logits within 1e-2, predicted IoU within 1e-2, masks with an IoU of at least
0.999, blocks within 1e-4 of their largest value.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import warnings
from pathlib import Path

import image_official as official  # makes the package ``reference`` of the tests importable
import torch
from parity import MODELS as SAM2_MODELS
from reference.image_cases import PICTURES, SAM2_SEED, Answer, picture
from reference.image_replay import answer, build_sam
from reference.replay import build
from segment_anything import sam_model_registry

from sam2track.model import SAM, find_image_variant, find_variant
from sam2track.model.weights import load_weights

BLOCKS = ("sam_vit_l", "sam_vit_h")
SIDE = 1024


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = ("sam_vit_b", *BLOCKS, *SAM2_MODELS)
    parser.add_argument("--models", nargs="+", choices=models, default=models[:4])
    warnings.filterwarnings("ignore")
    agreed = []
    for name in parser.parse_args().models:
        if name in BLOCKS:
            agreed.append(_blocks(name))
        else:
            agreed += [_pictures(name, shown) for shown in PICTURES]
        gc.collect()
    print("all agree" if all(agreed) else "NOT all agree")
    return 0 if all(agreed) else 1


def _pictures(name: str, shown: str) -> bool:
    image, started = picture(shown, SIDE), time.monotonic()
    if name == "sam_vit_b":
        theirs = official.answer_sam(official.seeded(sam_model_registry["vit_b"](), 2), image)
    else:
        config, _, bias = SAM2_MODELS[name]
        model = official.reference_official.build(config, seed=SAM2_SEED, presence_bias=bias)
        theirs = official.answer_sam2(model, image)
    middle = time.monotonic()
    if name == "sam_vit_b":
        ours = answer(build_sam(find_image_variant(name), 2), image)
    else:
        bias = SAM2_MODELS[name][2]
        ours = answer(build(find_variant(name), seed=SAM2_SEED, presence_bias=bias), image)
    seconds = f"{middle - started:.0f} s and {time.monotonic() - middle:.0f} s"
    logits = max(_difference(ours[case].logits, own.logits) for case, own in theirs.items())
    scores = max(_difference(ours[case].scores, own.scores) for case, own in theirs.items())
    overlap = min(_least_iou(ours[case], own) for case, own in theirs.items())
    areas = torch.cat([own.masks.flatten(0, 1).float().mean((1, 2)) for own in theirs.values()])
    count = sum(own.scores.numel() for own in theirs.values())
    print(
        f"| {name} | {shown} {image.shape[1]} x {image.shape[0]} | {count} masks, median area "
        f"{areas.median():.0%} | {overlap:.5f} | {logits:.0e} | {scores:.0e} | {seconds} |",
        flush=True,
    )
    return overlap >= 0.999 and logits <= 1e-2 and scores <= 1e-2


def _difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest, SAM 2's logits being cut off at 32."""
    return float((ours.clamp(-32, 32) - theirs.clamp(-32, 32)).abs().max())


def _least_iou(ours: Answer, theirs: Answer) -> float:
    both = (ours.masks & theirs.masks).sum((2, 3)).double()
    union = (ours.masks | theirs.masks).sum((2, 3)).double()
    return float(torch.where(union > 0, both / union, 1.0).min())


@torch.inference_mode()
def _blocks(name: str) -> bool:
    theirs = official.seeded(sam_model_registry[name.removeprefix("sam_")](), 2)
    ours = SAM(find_image_variant(name)).eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.pth"
        torch.save(theirs.state_dict(), path)
        load_weights(ours, path, name)
    grid, errors = SIDE // 16, []
    x = torch.randn(1, grid, grid, ours.trunk.pos_embed.shape[-1])
    first_global = next(k for k, block in enumerate(ours.trunk.blocks) if not block.window)
    for index in (0, first_global):
        expected = theirs.image_encoder.blocks[index](x)
        error = (ours.trunk.blocks[index](x) - expected).abs().max() / expected.abs().max()
        errors.append(float(error))
    count = sum(p.numel() for p in ours.parameters()) / 1e6
    print(f"| {name} | {count:.0f} M parameters loaded strictly | blocks {errors} |", flush=True)
    return max(errors) <= 1e-4


if __name__ == "__main__":
    sys.exit(main())
