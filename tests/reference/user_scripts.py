"""Short scripts with the calls that users of the official packages make, in the same order.

Each is played by the official package, which records it (``scripts/record_compat.py``), and by
``sam2track.compat``, which must give the same. A script yields names and what was returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco

from reference.scenarios import Clip, clip

Returned = Iterator[tuple[str, Any]]
FRAMES, HEIGHT, WIDTH = 8, 128, 256


def film() -> Clip:
    """What the videos' scripts are played on."""
    return clip(FRAMES, HEIGHT, WIDTH)


def _points(*fractions: tuple[float, float]) -> np.ndarray:
    return np.array(fractions, np.float32) * np.array([WIDTH, HEIGHT], np.float32)


def _track(predictor: Any, state: Any, name: str, **span: Any) -> Returned:
    segments = {}
    for frame, obj_ids, logits in predictor.propagate_in_video(state, **span):
        segments[frame] = {obj: logits[i] for i, obj in enumerate(obj_ids)}
        yield f"{name}/frame{frame}/objects{'_'.join(map(str, obj_ids))}", logits
    assert segments


def video_notebook(predictor: Any, video: Any) -> Returned:
    """The example notebook: clicks, refinement, a box, a box and a click, several objects."""
    state = predictor.init_state(video_path=video)
    predictor.reset_state(state)
    ask = predictor.add_new_points_or_box
    points, labels = _points((0.42, 0.45)), np.array([1], np.int32)
    _, obj_ids, logits = ask(
        inference_state=state, frame_idx=0, obj_id=1, points=points, labels=labels
    )
    assert obj_ids == [1]
    yield "first_click", logits
    points, labels = _points((0.42, 0.45), (0.5, 0.55)), np.array([1, 0], np.int32)
    yield "second_click", ask(state, 0, 1, points, labels)[2]
    yield from _track(predictor, state, "clicks")
    points, labels = _points((0.55, 0.6)), np.array([0], np.int32)
    yield "refined", ask(state, 5, 1, points, labels)[2]
    yield from _track(predictor, state, "refined")
    predictor.reset_state(state)
    box = np.array([0.25 * WIDTH, 0.3 * HEIGHT, 0.62 * WIDTH, 0.66 * HEIGHT], np.float32)
    yield "box", ask(inference_state=state, frame_idx=0, obj_id=4, box=box)[2]
    points, labels = _points((0.45, 0.5)), np.array([1], np.int32)
    yield "box_and_click", ask(state, 0, 4, points, labels, box=box)[2]
    yield from _track(predictor, state, "box_and_click")
    predictor.reset_state(state)
    yield "two/first", ask(state, 0, 2, _points((0.42, 0.45)), np.array([1], np.int32))[2]
    points, labels = _points((0.74, 0.33), (0.5, 0.9)), np.array([1, 0], np.int32)
    yield "two/second", ask(state, 0, 3, points, labels)[2]
    yield from _track(predictor, state, "two")


def vos_inference(predictor: Any, video: Any) -> Returned:
    """Masks of several objects, one of which appears later."""
    state = predictor.init_state(video_path=video, async_loading_frames=False)
    assert (state["video_height"], state["video_width"]) == (HEIGHT, WIDTH)
    assert state["num_frames"] == len(state["images"]) == FRAMES
    masks = film().masks
    other = np.roll(masks[0], WIDTH // 4, axis=1)
    given = {0: {1: masks[0], 2: other & ~masks[0]}, 3: {7: np.roll(masks[3], HEIGHT // 4, axis=0)}}
    for frame_idx, own in given.items():
        for object_id, mask in own.items():
            predictor.add_new_mask(
                inference_state=state, frame_idx=frame_idx, obj_id=object_id, mask=mask
            )
    yield from _track(predictor, state, "masks")
    predictor.reset_state(state)
    predictor.add_new_mask(state, 2, 5, torch.from_numpy(masks[2]))
    yield from _track(predictor, state, "later", start_frame_idx=2, reverse=False)
    overlapping = torch.stack([torch.linspace(-2, 3, 12), torch.linspace(2, -3, 12)])
    yield (
        "constraint",
        predictor._apply_non_overlapping_constraints(overlapping.reshape(2, 1, 3, 4)),
    )


def editing(predictor: Any, video: Any) -> Returned:
    """Both directions, spans, prompts that are cleared, objects that are removed, older names."""
    state = predictor.init_state(video, True, True)
    click = np.array([[0.5, 0.5]], np.float32), np.array([1])
    yield "relative", predictor.add_new_points(state, 4, 0, *click, normalize_coords=False)[2]
    yield from _track(predictor, state, "back", start_frame_idx=4, reverse=True)
    yield from _track(predictor, state, "on", start_frame_idx=4, max_frame_num_to_track=2)
    corners = _points((0.55, 0.12), (0.93, 0.55))[None], np.array([[2, 3]], np.int32)
    yield "corners", predictor.add_new_points_or_box(state, 2, 9, *corners)[2]
    more = torch.tensor([[0.8 * WIDTH, 0.9 * HEIGHT]]), torch.tensor([0])
    yield "added", predictor.add_new_points_or_box(state, 2, 9, *more, clear_old_points=False)[2]
    yield from _track(predictor, state, "two", start_frame_idx=2, max_frame_num_to_track=3)
    yield "first_object", predictor.add_new_points(state, 6, 0, _points((0.6, 0.4)), [1])[2]
    assert predictor.clear_all_prompts_in_frame(state, 6, 0, need_output=False) is None
    assert predictor.remove_object(state, 55) == ([0, 9], [])
    obj_ids, updated = predictor.remove_object(state, 9)
    assert obj_ids == [0]
    assert [frame for frame, _ in updated] == [2]
    yield "removed", updated[0][1]
    yield from _track(predictor, state, "alone", start_frame_idx=3)
    assert predictor.remove_object(state, 0, strict=True) == ([], [])


VIDEO_SCRIPTS = {own.__name__: own for own in (video_notebook, vos_inference, editing)}
_CLICK = np.array([[0.42, 0.45]])
_BOXES = np.array([[0.25, 0.30, 0.62, 0.66], [0.55, 0.12, 0.93, 0.55], [0.0, 0.0, 0.5, 1.0]])


def image_notebook(predictor: Any, image: np.ndarray) -> Returned:
    """The example notebook of either package: clicks, a mask that is fed back, a box, both."""
    height, width = image.shape[:2]
    scale = np.array([width, height])
    predictor.set_image(image)
    yield "embedding", predictor.get_image_embedding()
    masks, scores, logits = predictor.predict(
        point_coords=_CLICK * scale, point_labels=np.array([1]), multimask_output=True
    )
    yield from _named("click", masks, scores, logits)
    points, labels = np.array([[0.42, 0.45], [0.5, 0.55]]) * scale, np.array([1, 0])
    fed_back = logits[np.argmax(scores), :, :]
    yield from _named(
        "fed_back",
        *predictor.predict(
            point_coords=points,
            point_labels=labels,
            mask_input=fed_back[None, :, :],
            multimask_output=False,
        ),
    )
    box = _BOXES[0] * [width, height, width, height]
    found = predictor.predict(
        point_coords=None, point_labels=None, box=box[None, :], multimask_output=False
    )
    yield from _named("box", *found)
    found = predictor.predict(
        points[1:], labels[1:], box=box, multimask_output=False, return_logits=True
    )
    yield from _named("box_and_click", *found)


def batched_images(predictor: Any, image: np.ndarray) -> Returned:
    """SAM 2's notebook: several boxes at once, and several pictures."""
    height, width = image.shape[:2]
    boxes = (_BOXES * [width, height, width, height]).astype(np.float32)
    predictor.set_image(image)
    found = predictor.predict(
        point_coords=None, point_labels=None, box=boxes, multimask_output=False
    )
    yield from _named("boxes", *found)
    cut = np.ascontiguousarray(image[:, : width // 2])
    predictor.set_image_batch([image, cut])
    found = predictor.predict_batch(
        None, None, box_batch=[boxes, boxes[:1] / 2], multimask_output=False
    )
    for place, parts in enumerate(zip(*found, strict=True)):
        yield from _named(f"batch{place}", *parts)
    points = [np.array([[[width / 3, height / 2]], [[width / 2, height / 3]]])] * 2
    found = predictor.predict_batch(points, [np.ones((2, 1))] * 2, multimask_output=True)
    for place, parts in enumerate(zip(*found, strict=True)):
        yield from _named(f"batch_points{place}", *parts)


def sam_tensors(predictor: Any, image: np.ndarray) -> Returned:
    """SAM's notebook: boxes as tensors, and the model called with a batch of pictures."""
    sam, size = predictor.model, image.shape[:2]
    predictor.set_image(image[..., ::-1], image_format="BGR")
    boxes = torch.tensor(_BOXES * [size[1], size[0], size[1], size[0]], device=predictor.device)
    placed = predictor.transform.apply_boxes_torch(boxes, size)
    found = predictor.predict_torch(
        point_coords=None, point_labels=None, boxes=placed, multimask_output=False
    )
    yield from _named("boxes", *found)
    resized = predictor.transform.apply_image(image)
    yield "resized", resized
    tensor = torch.as_tensor(resized, device=sam.device).permute(2, 0, 1).contiguous()
    points = torch.tensor(_CLICK * [size[1], size[0]])[:, None]
    batched = [
        {"image": tensor, "boxes": placed, "original_size": size},
        {
            "image": tensor,
            "point_coords": predictor.transform.apply_coords_torch(points, size),
            "point_labels": torch.ones(1, 1),
            "original_size": size,
        },
    ]
    for place, own in enumerate(sam(batched, multimask_output=False)):
        assert list(own) == ["masks", "iou_predictions", "low_res_logits"]
        yield from _named(f"batch{place}", *own.values())


def _named(name: str, masks: Any, scores: Any, logits: Any) -> Returned:
    yield f"{name}/masks", masks
    yield f"{name}/scores", scores
    yield f"{name}/logits", logits


AUTOMATIC = (("plain", "binary_mask"), ("crops", "coco_rle"), ("refined", "uncompressed_rle"))


def automatic_notebook(make: Any, image: np.ndarray) -> Returned:
    """The notebooks of automatic masks; ``make`` builds a generator with a case's settings."""
    height, width = image.shape[:2]
    parts = {
        "area": height * width,
        "bbox": max(height, width),
        "predicted_iou": 1,
        "point_coords": max(height, width),
        "stability_score": 1,
        "crop_box": max(height, width),
    }
    for case, mode in AUTOMATIC:
        found = make(case, mode).generate(image)
        assert list(found[0]) == ["segmentation", *parts]
        whole = [type(found[0]["bbox"][0]) is int, type(found[0]["area"]) is int]
        yield f"{case}/whole_numbers", np.array(whole)
        yield f"{case}/masks", np.stack([_decoded(one["segmentation"], mode) for one in found])
        for key, scale in parts.items():
            yield f"{case}/{key}", np.array([one[key] for one in found]) / scale


def _decoded(segmentation: Any, mode: str) -> np.ndarray:
    if mode == "binary_mask":
        assert segmentation.dtype == bool
        return segmentation
    if mode == "uncompressed_rle":
        segmentation = coco.frPyObjects(segmentation, *segmentation["size"])
    else:
        assert isinstance(segmentation["counts"], str)
    return coco.decode(segmentation).astype(bool)
