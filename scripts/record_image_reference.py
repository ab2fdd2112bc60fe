"""Record what the official image predictors do with scaled-down models, for tests without them.

Run where ``segment-anything==1.0`` and ``sam2==1.1.0`` are installed::

    python scripts/record_image_reference.py

It writes ``tests/reference/images_<model>.npz``: for each picture and case the predicted IoUs, some
low-resolution logits, and the masks as packed bits. Before it writes, it checks that the cases are
worth comparing: masks are neither empty nor full, and prompts matter.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

import image_official as official  # makes the package ``reference`` of the tests importable
import numpy as np
import torch
from reference.image_cases import PICTURES, SAM2_SEED, Answer, picture
from reference.recorded import RECORDED, keep_logits, keep_mask
from reference.small import SMALL
from reference.small_sam import SMALL_SAM


def main() -> None:
    warnings.filterwarnings("ignore", message=".*_C.*")
    sam = official.build_small_sam(SMALL_SAM)
    _record(SMALL_SAM.name, SMALL_SAM.image_size, lambda shown: official.answer_sam(sam, shown))
    small = replace(SMALL["small_2.1"], seed=SAM2_SEED)  # 2.0 is the same without memory
    sam2 = official.build_small_sam2(small)
    _record(small.name, small.image_size, lambda shown: official.answer_sam2(sam2, shown))


def _record(name: str, side: int, answer) -> None:
    arrays: dict[str, np.ndarray] = {}
    for shown in PICTURES:
        answers = answer(picture(shown, side))
        _worth_comparing(f"{name}, {shown}", answers)
        for case, found in answers.items():
            flat = found.logits.flatten(0, 1)
            arrays[f"{shown}/{case}/scores"] = found.scores.float().numpy()
            arrays[f"{shown}/{case}/logits"] = np.stack([keep_logits(one) for one in flat])
            masks = found.masks.flatten(0, 1)
            arrays[f"{shown}/{case}/masks"] = np.stack([keep_mask(one) for one in masks])
    path = RECORDED / f"images_{name}.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path}: {len(arrays)} arrays, {path.stat().st_size / 1e3:.0f} kB")


def _worth_comparing(what: str, answers: Mapping[str, Answer]) -> None:
    """Fail where the seeded weights make a comparison easy."""
    areas = torch.cat(
        [found.masks.flatten(0, 1).float().mean((1, 2)) for found in answers.values()]
    )
    spread = torch.cat([found.logits.flatten(0, 1).std((1, 2)) for found in answers.values()])
    one, other = answers["click_clear"].logits, answers["clicks"].logits
    effect = float((one - other).abs().mean() / one.std())
    print(
        f"{what}: median area {areas.median():.0%}, logits spread {spread.median():.1f}, another "
        f"prompt changes logits by {effect:.2f} of their spread"
    )
    assert ((areas > 0.02) & (areas < 0.98)).float().mean() > 0.7
    assert spread.median() > 0.5
    assert effect > 0.05


if __name__ == "__main__":
    main()
