"""Record the official generators' automatic masks with two small models, for tests without them.

Run where ``segment-anything==1.0`` and ``sam2==1.1.0`` are installed, in fp32 on the CPU::

    python scripts/record_automatic_reference.py

It writes ``tests/reference/automatic.json``: the masks of each model and case, under the official
keys, as run lengths.
"""

from __future__ import annotations

import json
import warnings

import automatic_official as official  # makes the package ``reference`` of the tests importable
from reference.automatic_cases import RECORDED_MODELS, cases_of, settings
from reference.image_cases import picture
from reference.recorded import RECORDED


def main() -> None:
    warnings.filterwarnings("ignore")
    recorded = {}
    for name in RECORDED_MODELS:
        model = official.build(name)
        for case in cases_of(name):
            chosen = {**settings(name, case), "output_mode": "coco_rle"}
            found = official.generate(model, chosen, picture("wide", 256))
            assert len(found) >= 2, f"{name}, {case}: too few masks to compare"
            recorded[f"{name} {case}"] = found
            print(f"{name} {case}: {len(found)} masks")
    path = RECORDED / "automatic.json"
    path.write_text(json.dumps(recorded, indent=0) + "\n", encoding="ascii")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
