"""The official predictor (``pip install sam2==1.1.0``), played for comparison.

Nothing of it is changed: models are built by its own builder, with the post-processing it turns on
for video, and driven through its public predictor. Only two settings differ from its defaults:
hole filling is off, and frames corrected later become conditioning frames, as they do here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sam2.sam2_video_predictor as official
import torch
from PIL import Image
from sam2.build_sam import build_sam2_video_predictor
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from reference.scenarios import Ask, Clip, Outcome, Step, Track
from reference.seeded import seeded_state
from reference.stages import ATTEND, DECODE, PRESENCES, REFINED, AttendCase, StageInputs

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build(
    config: str, overrides: Sequence[str] = (), *, seed: int, presence_bias: float
) -> official.SAM2VideoPredictor:
    """An official predictor with seeded weights."""
    predictor = build_sam2_video_predictor(
        config,
        device="cpu",
        hydra_overrides_extra=[*overrides, "++model.add_all_frames_to_correct_as_cond=true"],
    )
    predictor.fill_hole_area = 0
    shapes = {name: value.shape for name, value in predictor.state_dict().items()}
    predictor.load_state_dict(seeded_state(shapes, seed, presence_bias=presence_bias))
    return predictor


def loaded(images: np.ndarray, side: int) -> Tensor:
    """RGB uint8 ``(T, H, W, 3)`` as the official loader of JPEG folders has it, ``(T, 3, S, S)``:
    resized by Pillow, then normalised."""
    squares = [np.asarray(Image.fromarray(image).resize((side, side))) for image in images]
    pixels = torch.from_numpy(np.stack(squares)).movedim(-1, -3) / 255.0
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def play(
    predictor: official.SAM2VideoPredictor, clip: Clip, steps: Sequence[Step]
) -> list[Outcome]:
    """Play a scenario; one outcome for each object on each frame of each track."""
    height, width = clip.images.shape[1:3]
    images = loaded(clip.images, predictor.image_size)
    # The official loader reads files; these frames are in memory. And its progress bars are loud.
    official.load_video_frames = lambda **_: (images, height, width)
    official.tqdm = lambda frames, **_: frames
    state = predictor.init_state("")
    outcomes: list[Outcome] = []
    for step in steps:
        if isinstance(step, Track):
            outcomes += _track(predictor, state, step)
        elif step.mask:
            mask = torch.from_numpy(clip.masks[step.frame])
            predictor.add_new_mask(state, step.frame, step.object_id, mask)
        else:
            _click(predictor, state, step, (height, width))
    return outcomes


def _click(
    predictor: official.SAM2VideoPredictor, state: dict, ask: Ask, size: tuple[int, int]
) -> None:
    # EfficientTAM's package holds an older predictor, which takes no boxes.
    boxes = hasattr(predictor, "add_new_points_or_box")
    add = predictor.add_new_points_or_box if boxes else predictor.add_new_points
    add(
        state,
        ask.frame,
        ask.object_id,
        points=ask.points(*size),
        labels=ask.labels(),
        clear_old_points=ask.box is not None,
        **({"box": ask.corners(*size)} if boxes else {}),
    )


def _track(predictor: official.SAM2VideoPredictor, state: dict, track: Track) -> list[Outcome]:
    outcomes = []
    span = abs(track.last - track.first)
    for frame, object_ids, masks in predictor.propagate_in_video(
        state, track.first, span, reverse=track.direction < 0
    ):
        for index, object_id in enumerate(object_ids):
            kept = state["output_dict_per_obj"][index]
            output = {**kept["non_cond_frame_outputs"], **kept["cond_frame_outputs"]}[frame]
            logits = output["pred_masks"][0, 0].clone()
            # EfficientTAM's package does not keep the presence, but empties an absent mask.
            seen = 1.0 if logits.max() > official.NO_OBJ_SCORE else -1.0
            outcomes.append(
                Outcome(
                    frame,
                    object_id,
                    logits=logits,
                    mask=masks[index, 0] > 0,
                    presence=float(output.get("object_score_logits", seen)),
                )
            )
    return outcomes


@torch.inference_mode()
def stages(predictor: official.SAM2VideoPredictor, inputs: StageInputs) -> dict[str, Tensor]:
    """Every stage's output for the seeded inputs."""
    outputs: dict[str, Tensor] = {}
    levels = predictor.forward_image(loaded(inputs.image[None].numpy(), predictor.image_size))[
        "backbone_fpn"
    ]
    for name, level in zip(("stride4", "stride8", "stride16"), levels, strict=True):
        outputs[f"encode/{name}"] = level
    for name, case in ATTEND.items():
        outputs[f"attend/{name}"] = _attend(predictor, inputs, case)
    for name in DECODE:
        outputs |= _decode(predictor, inputs, name)
    features, sizes = _flat(inputs.stride16)
    for presence in PRESENCES:
        for from_prompt in (False, True):
            side = predictor.image_size
            memory, _ = predictor._encode_new_memory(
                features,
                sizes,
                torch.nn.functional.interpolate(inputs.logits, (side, side), mode="bilinear"),
                torch.tensor([[presence]]),
                is_mask_from_pts=from_prompt,
            )
            kind = ("present" if presence > 0 else "absent") + ("_prompted" if from_prompt else "")
            outputs[f"memorise/{kind}"] = memory
    adopted = predictor._use_mask_as_output(
        inputs.stride16, [inputs.stride4, inputs.stride8], inputs.mask.float()
    )
    outputs["adopt/logits"], outputs["adopt/pointer"] = adopted[3], adopted[5]
    return outputs


def _flat(features: Tensor) -> tuple[list[Tensor], list[tuple[int, int]]]:
    """Features as the official code passes them around: a list of (HW, B, C), and the sizes."""
    return [features.flatten(2).permute(2, 0, 1)], [tuple(features.shape[-2:])]


def _attend(
    predictor: official.SAM2VideoPredictor, inputs: StageInputs, case: AttendCase
) -> Tensor:
    features, sizes = _flat(inputs.stride16)
    positions, _ = _flat(predictor.image_encoder.neck.position_encoding(inputs.stride16))

    def output(frame: int) -> dict:
        memory = inputs.remembered[frame].features
        return {
            "maskmem_features": memory,
            "maskmem_pos_enc": [predictor.memory_encoder.position_encoding(memory.float())],
            "obj_ptr": inputs.remembered[frame].pointer,
        }

    return predictor._prepare_memory_conditioned_features(
        frame_idx=case.frame,
        is_init_cond_frame=False,
        current_vision_feats=features,
        current_vision_pos_embeds=positions,
        feat_sizes=sizes,
        output_dict={
            "cond_frame_outputs": {frame: output(frame) for frame in case.anchors},
            "non_cond_frame_outputs": {frame: output(frame) for frame in case.others},
        },
        num_frames=case.length,
        track_in_reverse=case.direction < 0,
    )


def _decode(
    predictor: official.SAM2VideoPredictor, inputs: StageInputs, name: str
) -> dict[str, Tensor]:
    points = torch.tensor(DECODE[name] or ((0.0, 0.0, -1),))[None]
    sparse, dense = predictor.sam_prompt_encoder(
        points=(points[..., :2] * predictor.image_size, points[..., 2].int()),
        boxes=None,
        masks=inputs.logits if name in REFINED else None,
    )
    masks, scores, tokens, presence = predictor.sam_mask_decoder(
        image_embeddings=inputs.conditioned,
        image_pe=predictor.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=len(DECODE[name]) <= 1,
        repeat_image=False,
        high_res_features=[inputs.stride4, inputs.stride8],
    )
    return {
        f"decode/{name}/masks": masks,
        f"decode/{name}/scores": scores,
        f"decode/{name}/presence": presence,
        f"decode/{name}/pointers": predictor.obj_ptr_proj(tokens),
    }
