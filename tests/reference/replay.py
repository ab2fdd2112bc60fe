"""Our side of a parity check: the same scenarios and stages through this package."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sam2track.model.sam2 import SAM2
from sam2track.model.variants import Variant
from sam2track.model.weights.names import from_layout, to_official
from sam2track.prompts import Prompt
from sam2track.track import Rendering, TrackingSession
from sam2track.types import Frame, FrameFeatures, MemoryFrame, PromptTokens, Recall, Resolved

from .scenarios import Ask, Clip, Outcome, Step, Track
from .seeded import seeded_state
from .stages import ATTEND, DECODE, PRESENCES, REFINED, AttendCase, StageInputs

STABILITY_THRESHOLD = 0.98  # as in the official builder


def build(variant: Variant, *, seed: int, presence_bias: float) -> SAM2:
    """Our model with the seeded weights, which come under the official names."""
    model = SAM2(variant).eval().requires_grad_(False)
    shapes = {name: value.shape for name, value in to_official(model.state_dict()).items()}
    official = seeded_state(shapes, seed, presence_bias=presence_bias)
    model.load_state_dict(from_layout(official, model.state_dict()))
    return model


def play(model: SAM2, clip: Clip, steps: Sequence[Step]) -> list[Outcome]:
    """Play a scenario; one outcome for each object on each frame of each track."""
    session = TrackingSession(
        model,
        length=len(clip.images),
        archive=_goes_back(steps),
        rendering=Rendering(fill_hole_area=0, remove_specks=0, sharpen=False),
    )
    outcomes: list[Outcome] = []
    for step in steps:
        if isinstance(step, Ask):
            frame = Frame(step.frame, clip.images[step.frame])
            session.prompt(step.object_id, _prompt(step, clip), frame)
            continue
        for index in step.frames():
            result = session.step(Frame(index, clip.images[index]), direction=step.direction)
            outcomes += [
                Outcome(index, *each)
                for each in zip(
                    result.object_ids,
                    result.logits,
                    result.masks,
                    result.presence.tolist(),
                    strict=True,
                )
            ]
    return outcomes


def _goes_back(steps: Sequence[Step]) -> bool:
    """Whether a frame is returned to, which is what the archive is for; else it is a stream."""
    passed: set[int] = set()
    for step in steps:
        if step.frame in passed if isinstance(step, Ask) else step.first in passed:
            return True
        if isinstance(step, Track):
            passed |= set(step.frames())
    return False


def _prompt(ask: Ask, clip: Clip) -> Prompt:
    height, width = clip.images.shape[1:3]
    if ask.mask:
        return Prompt.from_mask(clip.masks[ask.frame])
    return Prompt(
        points=ask.points(height, width),
        labels=ask.labels(),
        box=ask.corners(height, width),
    )


@torch.inference_mode()
def stages(model: SAM2, inputs: StageInputs) -> dict[str, Tensor]:
    """Every stage's output for the seeded inputs."""
    outputs: dict[str, Tensor] = {}
    encoded = model.encode(model.prepare(inputs.image))
    for name in ("stride4", "stride8", "stride16"):
        outputs[f"encode/{name}"] = getattr(encoded, name)
    features = FrameFeatures(inputs.stride16, inputs.stride8, inputs.stride4)
    for name, case in ATTEND.items():
        outputs[f"attend/{name}"] = model.attend(features, [_recall(inputs, case)])
    for name in DECODE:
        outputs |= _decode(model, inputs, features, name)
    outputs |= _memorise(model, inputs, features)
    adopted = model.adopt(features, inputs.mask)
    outputs["adopt/logits"], outputs["adopt/pointer"] = adopted.logits, adopted.pointers
    return outputs


def _recall(inputs: StageInputs, case: AttendCase) -> Recall:
    def memory(frame: int) -> MemoryFrame:
        remembered = inputs.remembered[frame]
        features = remembered.features[0].flatten(1).T
        pointer = remembered.pointer[0]
        return MemoryFrame(frame, features, pointer, torch.ones(()), torch.ones(()))

    return Recall(
        memories=tuple(memory(frame) for frame, _ in case.memories),
        slots=tuple(slot for _, slot in case.memories),
        pointers=tuple(memory(frame).pointer for frame, _ in case.pointers),
        offsets=tuple(offset for _, offset in case.pointers),
        span=min(case.length, 16),
    )


def _decode(
    model: SAM2, inputs: StageInputs, features: FrameFeatures, name: str
) -> dict[str, Tensor]:
    tokens = model.no_prompts(1)
    if DECODE[name]:
        points = torch.tensor(DECODE[name])[None]
        mask = inputs.logits if name in REFINED else None
        coords = points[..., :2] * model.variant.image_size
        tokens = PromptTokens(coords, points[..., 2].long(), mask)
    candidates = model.decode(
        inputs.conditioned, features, tokens, stability_threshold=STABILITY_THRESHOLD
    )
    pointers = model.pointer_projection(candidates.tokens)
    return {
        f"decode/{name}/masks": candidates.masks,
        f"decode/{name}/scores": candidates.scores,
        f"decode/{name}/presence": candidates.presence,
        f"decode/{name}/pointers": pointers,
    }


def _memorise(model: SAM2, inputs: StageInputs, features: FrameFeatures) -> dict[str, Tensor]:
    outputs = {}
    model.train()  # memories are rounded to bf16 in tracking, which would hide small differences
    for presence in PRESENCES:
        for from_prompt in (False, True):
            resolved = Resolved(
                logits=inputs.logits,
                pointers=inputs.remembered[0].pointer,
                scores=torch.ones(1),
                presence=torch.tensor([[presence]]),
            )
            (memory,) = model.memorise(features, resolved, index=0, from_prompt=from_prompt)
            kind = ("present" if presence > 0 else "absent") + ("_prompted" if from_prompt else "")
            tokens = memory.features.T.unflatten(1, (model.variant.grid, -1))
            outputs[f"memorise/{kind}"] = tokens[None]
    model.eval()
    return outputs
