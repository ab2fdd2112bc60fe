"""Our side of a parity check on single pictures."""

from __future__ import annotations

import numpy as np
import torch

from sam2track.image import ImagePredictor, PromptRows
from sam2track.image.image_masks import concatenate_rows
from sam2track.model import SAM, ImageModel, ImageVariant
from sam2track.model.weights.names import from_layout
from sam2track.model.weights.sam_names import sam_official_name

from .image_cases import CASES, Answer, ImageCase
from .seeded import seeded_state


def build_sam(variant: ImageVariant, seed: int) -> SAM:
    """Our SAM with the seeded weights, which come under the official names."""
    model = SAM(variant).eval().requires_grad_(False)
    state = model.state_dict()
    official = seeded_state({sam_official_name(k): v.shape for k, v in state.items()}, seed)
    model.load_state_dict(from_layout(official, state))
    return model


def answer(model: ImageModel, picture: np.ndarray) -> dict[str, Answer]:
    """Every case on one picture, encoded once."""
    predictor = ImagePredictor(model)
    encoded = predictor.encode(picture)
    answers: dict[str, Answer] = {}
    for name, case in CASES.items():
        logits = answers["click"].best() if case.fed_back else None
        parts = list(
            predictor.decode(encoded, _rows(case, encoded.size, logits), multimask=case.multimask)
        )
        found = concatenate_rows(parts)
        answers[name] = Answer(found.logits, found.scores, found.masks())
    return answers


def _rows(case: ImageCase, size: tuple[int, int], logits: torch.Tensor | None) -> PromptRows:
    points, labels, boxes = case.points(*size), case.labels(), case.corners(*size)
    rows = len(case.clicks or case.boxes or [None])
    none = torch.zeros(rows, 0, 2), torch.zeros(rows, 0, dtype=torch.long)
    return PromptRows(
        none[0] if points is None else torch.from_numpy(points),
        none[1] if labels is None else torch.from_numpy(labels).long(),
        None if boxes is None else torch.from_numpy(boxes),
        logits,
    )
