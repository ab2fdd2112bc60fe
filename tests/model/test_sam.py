"""SAM: its checkpoints in every layout, its attention, and its way from picture to masks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tiny import noise_frames, square_mask

from sam2track import ImagePredictor, Prompt, load_image_model, load_model
from sam2track.model import IMAGE_VARIANTS, SAM, SAM2, CheckpointError, ImageVariant, find_variant
from sam2track.model.backbones import ViTSpec
from sam2track.model.backbones.vit import RelativeAttention, distances
from sam2track.model.image_transform import PadLongSide
from sam2track.model.weights import load_trunk, save_weights
from sam2track.model.weights.names import from_layout, infer_variant
from sam2track.model.weights.sam_names import sam_official_name, sam_transformers_name

TINY_SAM = ImageVariant(
    ViTSpec(32, 3, 2, (1,), grid=4, window=3), image_size=64, width=32, decoder_heads=2
)
# Of "name shape", a line for each tensor of segment-anything==1.0's models, sorted.
OFFICIAL = {
    "sam_vit_b": (93_735_472, "2a326f8855d290e0"),
    "sam_vit_l": (312_342_832, "872b3a587ece72dc"),
    "sam_vit_h": (641_090_608, "903f3a74ff76f5c2"),
}


def tiny_sam(seed: int = 1) -> SAM:
    torch.manual_seed(seed)
    model = SAM(TINY_SAM).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter) * (parameter.std(correction=0) + 0.1))
    return model


@pytest.fixture
def tiny_known(monkeypatch) -> str:
    """The tiny variant under a name."""
    monkeypatch.setitem(IMAGE_VARIANTS, "sam_vit_tiny", TINY_SAM)
    return "sam_vit_tiny"


@pytest.mark.parametrize("name", OFFICIAL)
def test_names_and_shapes_are_the_official_ones(name):
    with torch.device("meta"):
        model = SAM(IMAGE_VARIANTS[name])
    state = model.state_dict()
    official = {sam_official_name(key): tensor for key, tensor in state.items()}
    lines = [f"{key} {tuple(tensor.shape)}" for key, tensor in sorted(official.items())]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    assert (sum(p.numel() for p in model.parameters()), digest) == OFFICIAL[name]
    back = from_layout(official, state)
    assert back.keys() == state.keys()
    assert infer_variant(back) == name


@pytest.mark.parametrize("layout", ["ours", "official", "transformers"])
def test_a_file_of_every_layout_loads(tmp_path, tiny_known, layout):
    model = tiny_sam()
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    if layout == "ours":
        save_weights(model, path, tiny_known)
    elif layout == "official":
        path = tmp_path / "sam_vit_tiny_0123ab.pth"
        torch.save({sam_official_name(name): tensor for name, tensor in state.items()}, path)
    else:
        theirs = {sam_transformers_name(name): tensor for name, tensor in state.items()}
        copy = theirs["shared_image_embedding.positional_embedding"].clone()
        save_file(theirs | {"prompt_encoder.shared_embedding.positional_embedding": copy}, path)
    loaded = load_image_model(tiny_known, path, device="cpu", precision="fp32")
    assert isinstance(loaded, SAM)
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-4)  # ours is fp16
    trunk = TINY_SAM.trunk.build()
    load_trunk(trunk, path, tiny_known)
    torch.testing.assert_close(trunk.pos_embed, model.trunk.pos_embed, rtol=1e-3, atol=1e-4)


def test_what_does_not_fit_is_refused(tmp_path, tiny_known, random_nano):
    save_weights(tiny_sam(), tmp_path / "sam.safetensors", tiny_known)
    with pytest.raises(CheckpointError, match=f"holds {tiny_known}, but model=nano was asked for"):
        load_image_model("nano", tmp_path / "sam.safetensors")
    with pytest.raises(CheckpointError, match="holds nano, but model=sam_vit_tiny was asked for"):
        load_image_model(tiny_known, random_nano)
    with pytest.raises(ValueError, match=r"sam_vit_b segments single images.*image_model=sam_vit"):
        load_model("sam_vit_b")
    with pytest.raises(ValueError, match=r"no model named 'sam'; there are: nano, .*, sam_vit_h"):
        load_image_model("sam")
    state = {sam_official_name(k): v for k, v in tiny_sam().state_dict().items()}
    state.pop("image_encoder.neck.0.weight")
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(CheckpointError, match=r"lacks neck\.0\.weight"):
        load_image_model(tiny_known, tmp_path / "cut.pth")


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_checkpoint_is_not_run(tmp_path, tiny_known):
    torch.save({"image_encoder.pos_embed": Bomb(tmp_path / "run")}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match="was not executed"):
        load_image_model(tiny_known, tmp_path / "bad.pth")
    assert not (tmp_path / "run").exists()


def test_a_trackers_model_is_an_image_model(random_nano):
    model = load_image_model("nano", random_nano, device="cpu")
    assert isinstance(model, SAM2)
    assert model.variant == find_variant("nano")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("grid", [(5, 5), (4, 7), (7, 7)])
def test_relative_positions_are_added_to_the_products(grid, training):
    torch.manual_seed(0)
    attention = RelativeAttention(24, 3, reach=5)
    for table in (attention.rel_pos_h, attention.rel_pos_w):
        torch.nn.init.normal_(table)
    x = torch.randn(2, *grid, 24)
    q, k, v = attention.qkv(x).flatten(1, 2).unflatten(2, (3, 3, 8)).permute(2, 0, 3, 1, 4)
    height, width = grid
    down, right = distances(attention.rel_pos_h, height), distances(attention.rel_pos_w, width)
    bias = torch.zeros(2, 3, height * width, height * width)
    for i in range(height * width):
        for j in range(height * width):
            (yi, xi), (yj, xj) = divmod(i, width), divmod(j, width)
            bias[..., i, j] = q[:, :, i] @ down[yi, yj] + q[:, :, i] @ right[xi, xj]
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    expected = attention.proj(expected.transpose(1, 2).flatten(2)).unflatten(1, grid)
    with torch.set_grad_enabled(training):
        torch.testing.assert_close(attention(x), expected)


def test_the_distance_of_a_query_to_a_key():
    table = torch.arange(7.0)[:, None]  # -3 .. 3
    assert distances(table, 4)[:, :, 0].tolist() == [
        [3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]
    ]  # fmt: skip
    assert distances(table, 2)[1, 0] > distances(table, 2)[0, 1]


def test_images_of_another_size_pass():
    trunk = TINY_SAM.trunk.build()
    torch.nn.init.normal_(trunk.pos_embed)
    with torch.no_grad():
        (small,), (large,) = trunk(torch.zeros(1, 3, 32, 48)), trunk(torch.zeros(1, 3, 96, 96))
    assert small.shape == (1, 32, 2, 3)
    assert large.shape == (1, 32, 6, 6)


def test_sam_segments_pictures_of_any_shape():
    predictor = ImagePredictor(tiny_sam())
    for size in ((48, 64), (64, 16), (1, 1), (3, 500)):
        image = predictor.encode(noise_frames(1, size=size)[0].image if min(size) > 8 else
                                 np.zeros((*size, 3), np.uint8))  # fmt: skip
        assert image.features.stride4 is None
        found = predictor.predict(image, Prompt.click(0, 0))
        assert found.masks().shape == (1, 3, *size)


def test_a_low_precision_changes_little():
    image = noise_frames(1)[0].image
    exact, lowered = tiny_sam(), tiny_sam()
    lowered.lower(torch.bfloat16)
    prompts = [Prompt.click(20, 20), Prompt.from_mask(square_mask())]
    one, other = (ImagePredictor(model).predict(image, prompts) for model in (exact, lowered))
    assert (one.masks() == other.masks()).float().mean() > 0.9


def test_no_point_is_added_to_a_box():
    """SAM adds the token "not a point" to clicks alone; SAM 2 to boxes too."""
    model = tiny_sam()
    predictor = ImagePredictor(model)
    image = predictor.encode(noise_frames(1)[0].image)
    lengths = []
    model.mask_decoder.register_forward_pre_hook(lambda _, given: lengths.append(given[2].shape[1]))
    box = [4, 4, 30, 30]
    for prompt in (Prompt.click(20, 20), Prompt.from_box(box), Prompt.clicks([[9, 9]], box=box)):
        predictor.predict(image, prompt)
    predictor.predict(image, Prompt.from_mask(square_mask()))
    assert lengths == [2, 2, 3, 0]


def test_the_longer_side_fills_the_square():
    transform = PadLongSide(64)
    assert transform.inner((40, 80)) == (32, 64)
    assert transform.inner((1, 5000)) == (1, 64)
    image = torch.full((1, 3, 40, 80), 200, dtype=torch.uint8)
    square = transform.image(image, torch.zeros(3, 1, 1))
    assert (square[..., :32, :] == 200).all()
    assert (square[..., 32:, :] == 0).all()


def test_variants_differ_where_their_names_do():
    assert len({v.trunk for v in IMAGE_VARIANTS.values()}) == 3
    assert all(replace(v, trunk=TINY_SAM.trunk).image_size == 1024 for v in IMAGE_VARIANTS.values())
