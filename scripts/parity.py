"""Compare with the official predictor at full size: every stage, and whole clips.

Run where ``sam2==1.1.0`` is installed, with this checkout on the path::

    PYTHONPATH=. python scripts/parity.py --variants sam2.1_hiera_tiny --results parity.json

Both sides get the same seeded weights and frames, in fp32 on the CPU. It takes seconds a frame for
each object and side, so results are written as they come, and what stands in the file already is
not run again. The last line says whether all agree: every stage within 1e-4 of its largest value,
masks with an IoU of at least 0.999, low-resolution logits within 1e-2.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import reference_official as official  # makes the package ``reference`` of the tests importable
import torch
from reference import replay
from reference.recorded import keep_mask, mask_iou
from reference.scenarios import SCENARIOS, clip, frame_size, length, scenario
from reference.stages import Widths, relative_error, stage_inputs
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor

from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant

STAGE_ERROR, MASK_IOU, LOGIT_ERROR = 1e-4, 0.999, 1e-2
# The official configuration; the seed and the presence bias with which objects are seen and lost.
MODELS: dict[str, tuple[str, int, float]] = {
    "sam2.1_hiera_tiny": ("configs/sam2.1/sam2.1_hiera_t.yaml", 0, 3.8),
    "sam2_hiera_tiny": ("configs/sam2/sam2_hiera_t.yaml", 0, 3.8),
    "sam2.1_hiera_large": ("configs/sam2.1/sam2.1_hiera_l.yaml", 0, 3.0),
    "sam2_hiera_large": ("configs/sam2/sam2_hiera_l.yaml", 0, 3.0),
}


def main() -> int:
    arguments = _arguments()
    warnings.filterwarnings("ignore", message=".*_C.*")
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for variant in arguments.variants:
        jobs = [f"{variant}/stages", *(f"{variant}/{name}" for name in arguments.scenarios)]
        if all(job in results for job in jobs):
            continue
        theirs, ours = _models(variant, arguments.side)
        for job in jobs:
            if job in results:
                continue
            name = job.split("/")[1]
            started = time.monotonic()
            if name == "stages":
                results[job] = _stages(theirs, ours)
            else:
                results[job] = _scenario(theirs, ours, name, arguments.frames)
            results[job]["seconds"] = round(time.monotonic() - started)
            print(job, results[job], flush=True)
            arguments.results.write_text(json.dumps(results, indent=1))
        del theirs, ours
        gc.collect()
    print(f"\n{table(results)}\n")
    failed = [job for job, result in results.items() if not agrees(result)]
    print(
        f"{len(failed)} of {len(results)} disagree: {', '.join(failed)}" if failed else "all agree"
    )
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--scenarios", nargs="*", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--frames", type=int, default=8, help="of a clip (default: 8)")
    parser.add_argument("--side", type=int, default=1024, help="of the input (default: 1024)")
    parser.add_argument("--results", type=Path, default=Path("parity.json"), help="a JSON file")
    arguments = parser.parse_args()
    if arguments.frames < 8:
        parser.error(f"--frames {arguments.frames} is too few; the scenarios need 8")
    return arguments


def _models(variant: str, side: int) -> tuple[SAM2VideoPredictor, SAM2]:
    """Both sides, each computing a picture's features once for all scenarios."""
    config, seed, presence_bias = MODELS[variant]
    weights = {"seed": seed, "presence_bias": presence_bias}
    theirs = official.build(config, [f"++model.image_size={side}"], **weights)
    ours = replay.build(replace(find_variant(variant), image_size=side), **weights)
    theirs.forward_image = _once(theirs.forward_image)
    ours.encode = _once(ours.encode)
    return theirs, ours


def _once(encode: Callable) -> Callable:
    """An encoder that remembers the pictures it has seen."""
    seen: dict[bytes, object] = {}

    def remembering(image: Tensor) -> object:
        key = hashlib.sha256(image.numpy().tobytes()).digest()
        if key not in seen:
            seen[key] = encode(image)
        return seen[key]

    return remembering


def _stages(theirs: SAM2VideoPredictor, ours: SAM2) -> dict:
    variant = ours.variant
    inputs = stage_inputs(Widths(variant.image_size, variant.width, variant.memory_width))
    expected, got = official.stages(theirs, inputs), replay.stages(ours, inputs)
    errors: dict[str, float] = {}
    for name, output in expected.items():
        stage = name.split("/")[0]
        errors[stage] = max(errors.get(stage, 0.0), relative_error(got[name], output))
    return {"errors": errors}


def _scenario(theirs: SAM2VideoPredictor, ours: SAM2, name: str, frames: int) -> dict:
    shown = clip(length(name, frames), *frame_size(name, theirs.image_size))
    steps = scenario(name, frames)
    pairs = list(
        zip(official.play(theirs, shown, steps), replay.play(ours, shown, steps), strict=True)
    )
    for a, b in pairs:
        if (a.frame, a.object_id) != (b.frame, b.object_id):
            raise ValueError(f"official has {a.frame, a.object_id}, ours {b.frame, b.object_id}")
    return {
        "masks": len(pairs),
        "present": sum(a.presence > 0 for a, _ in pairs),
        "iou": min(mask_iou(keep_mask(b.mask), keep_mask(a.mask)) for a, b in pairs),
        "logits": max(float((a.logits - b.logits).abs().max()) for a, b in pairs),
        "presence": max(abs(a.presence - b.presence) for a, b in pairs),
    }


def agrees(result: dict) -> bool:
    """Whether a result is within the bounds."""
    if "errors" in result:
        return max(result["errors"].values()) <= STAGE_ERROR
    return result["iou"] >= MASK_IOU and result["logits"] <= LOGIT_ERROR


def table(results: dict[str, dict]) -> str:
    """The results in Markdown."""
    lines = [
        "| variant | stage | max relative error |",
        "|---|---|---|",
    ]
    for job, result in results.items():
        variant = job.split("/")[0]
        for stage, error in result.get("errors", {}).items():
            lines.append(f"| {variant} | {stage} | {error:.1e} |")
    lines += [
        "",
        "| variant | scenario | masks (object present) | min IoU | max logit difference |",
        "|---|---|---|---|---|",
    ]
    for job, result in results.items():
        variant, name = job.split("/")
        if "iou" in result:
            lines.append(
                f"| {variant} | {name} | {result['masks']} ({result['present']}) "
                f"| {result['iou']:.5f} | {result['logits']:.1e} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    with torch.inference_mode():
        sys.exit(main())
