"""The builders: names of configurations, overrides, and what a predictor gets of them."""

from __future__ import annotations

import pytest
import torch
from tiny import noise_frames, square_mask, tiny_model

from sam2track import compat
from sam2track.compat import sam2_build
from sam2track.compat.settings import read_settings
from sam2track.memory import MotionMemory, TreeMemory
from sam2track.model import VARIANTS


@pytest.fixture
def loaded(monkeypatch):
    """What is asked of ``load_model``, which gives a tiny model."""
    calls = []

    def load(name, checkpoint, **rest):
        calls.append((name, checkpoint, rest))
        return tiny_model()

    monkeypatch.setattr(sam2_build, "load_model", load)
    return calls


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ("configs/sam2.1/sam2.1_hiera_t.yaml", "sam2.1_hiera_tiny"),
        ("configs/sam2.1/sam2.1_hiera_b+.yaml", "sam2.1_hiera_base_plus"),
        ("sam2_hiera_l.yaml", "sam2_hiera_large"),
        ("//somewhere/else/sam2_hiera_s.yaml", "sam2_hiera_small"),
        ("configs/samurai/sam2.1_hiera_l.yaml", "sam2.1_hiera_large"),
        ("sam2.1_hiera_base_plus", "sam2.1_hiera_base_plus"),
        ("nano", "nano"),
    ],
)
def test_a_configuration_names_a_model(config, name):
    assert sam2_build.variant_name(config) == name


def test_an_unknown_configuration_is_refused():
    with pytest.raises(ValueError, match=r"sam2_hiera_xl.*there are"):
        sam2_build.variant_name("configs/sam2_hiera_xl.yaml")


def test_every_repository_of_the_hub_is_known():
    names = {sam2_build.variant_name(c) for c, _ in compat.HF_MODEL_ID_TO_FILENAMES.values()}
    assert names == {name for name in VARIANTS if name.startswith("sam2")}
    with pytest.raises(ValueError, match="no model 'facebook/sam9'"):
        compat.build_sam2_hf("facebook/sam9")


def test_the_model_is_loaded_as_asked(loaded):
    model = compat.build_sam2("sam2.1_hiera_t.yaml", "here.pt", device="cpu")
    assert loaded == [
        ("sam2.1_hiera_tiny", "here.pt", {"device": "cpu", "precision": "fp32", "compile": False})
    ]
    assert model.picture_stability == 0.98
    assert not model.training
    plain = compat.build_sam2("sam2_hiera_t.yaml", apply_postprocessing=False, mode="train")
    assert plain.picture_stability == 0
    assert plain.training
    assert all(parameter.requires_grad for parameter in plain.parameters())


def test_a_predictor_gets_its_settings(loaded):
    predictor = compat.build_sam2_video_predictor("sam2.1_hiera_t.yaml", device="cpu")
    assert (predictor.fill_hole_area, predictor.binarise) == (8, True)
    assert (predictor.stability_delta, predictor.stability_threshold) == (0.05, 0.98)
    given = ["++model.non_overlap_masks=true", "++model.fill_hole_area=3"]
    predictor = compat.build_sam2_video_predictor(
        "sam2.1_hiera_t.yaml", hydra_overrides_extra=given, apply_postprocessing=False
    )
    assert (predictor.fill_hole_area, predictor.non_overlap_masks) == (3, True)
    assert (predictor.binarise, predictor.stability_threshold) == (False, 0)
    assert predictor.memory is None


def test_postprocessing_comes_last_as_in_the_official_builder():
    given = ["++model.fill_hole_area=3"]
    assert read_settings(given, apply_postprocessing=True).fill_hole_area == 8
    assert given == ["++model.fill_hole_area=3"]
    named = ["++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.9"]
    assert read_settings(named, apply_postprocessing=True).stability == 0.9
    with pytest.raises(ValueError, match=r"the value of '.*' is not YAML"):
        read_settings(["++model.fill_hole_area=["], apply_postprocessing=True)


@pytest.mark.parametrize("override", ["++model.image_size=512", "nonsense", "++model.="])
def test_an_override_of_something_else_is_refused(override):
    with pytest.raises(ValueError, match=r"cannot be chosen here; there are: \+\+model"):
        read_settings([override], apply_postprocessing=True)


@pytest.mark.parametrize(
    "override",
    ["clear_non_cond_mem_around_input=true", "add_all_frames_to_correct_as_cond=false"],
)
def test_what_has_no_effect_is_told(override):
    with pytest.warns(UserWarning, match="has no effect"):
        read_settings([f"++model.{override}"], apply_postprocessing=True)


def test_samurais_configurations_track_by_motion(loaded):
    predictor = compat.build_sam2_video_predictor("configs/samurai/sam2.1_hiera_l.yaml")
    memory = predictor.memory(span=16, slots=7, archive=None)
    assert isinstance(memory, MotionMemory)
    assert predictor.memory.keywords["selector"]().weight == 0.15


def test_sam2longs_settings_in_the_state_choose_the_tree(loaded):
    predictor = compat.build_sam2_video_predictor("sam2.1_hiera_t.yaml", device="cpu")
    state = predictor.init_state([frame.image for frame in noise_frames(4)])
    state["num_pathway"], state["iou_thre"], state["uncertainty"] = 2, 0.1, 1
    predictor.add_new_mask(state, 0, 1, square_mask())
    memory = state["tracked"].session.objects[1].memory
    assert isinstance(memory, TreeMemory)
    settings = memory.settings
    assert (settings.pathways, settings.min_score, settings.sure) == (2, 0.1, 1)
    assert [frame for frame, _, _ in predictor.propagate_in_video(state)] == [0, 1, 2, 3]


def test_vos_optimized_compiles_the_model(loaded, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: None)
    predictor = compat.build_sam2_video_predictor("sam2.1_hiera_t.yaml", vos_optimized=True)
    assert isinstance(predictor, compat.SAM2VideoPredictorVOS)
    assert predictor.model.compiled


def test_predictors_come_from_the_hub(loaded):
    name = "facebook/sam2.1-hiera-small"
    given = {"device": "cpu"}
    image = compat.SAM2ImagePredictor.from_pretrained(name, mask_threshold=0.5, **given)
    assert image.mask_threshold == 0.5
    video = compat.SAM2VideoPredictor.from_pretrained(name, **given)
    assert isinstance(video, compat.SAM2VideoPredictor)
    assert compat.build_sam2_video_predictor_hf(name, **given).fill_hole_area == 8
    generator = compat.SAM2AutomaticMaskGenerator.from_pretrained(name, points_per_side=2, **given)
    assert generator.settings.points_per_side == 2
    assert {call[:2] for call in loaded} == {("sam2.1_hiera_small", None)}


def test_samurais_script_runs(loaded):
    """Its calls: the arguments by name, an object 0, autocast, boxes read from the masks."""
    frames = [frame.image for frame in noise_frames(4)]
    predictor = compat.build_sam2_video_predictor("configs/samurai/sam2.1_hiera_b+.yaml", "b.pt")
    boxes = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        state = predictor.init_state(
            frames, offload_video_to_cpu=True, offload_state_to_cpu=True, async_loading_frames=True
        )
        predictor.add_new_points_or_box(state, box=(12, 10, 40, 30), frame_idx=0, obj_id=0)
        for _, object_ids, masks in predictor.propagate_in_video(state):
            assert len(masks) == len(object_ids) == 1
            for obj_id, mask in zip(object_ids, masks, strict=True):
                rows, columns = (mask[0].cpu().numpy() > 0.0).nonzero()
                boxes.append((obj_id, columns.min(), rows.min(), columns.max(), rows.max()))
    assert [obj_id for obj_id, *_ in boxes] == [0] * 4
