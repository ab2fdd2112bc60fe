"""Which parameter learns at which rate."""

from __future__ import annotations

import pytest
from tiny import TINY

from sam2track.model.sam2 import SAM2
from sam2track.model.variants import find_variant
from sam2track.train.optimiser import OptimiserOptions, parameter_groups


def scales(model: SAM2, **changes) -> dict[str, tuple[float, float]]:
    """Share of the rate and weight decay, by name."""
    options = OptimiserOptions(**{"weight_decay": 0.1, **changes})
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["scale"], group["weight_decay"])
        for group in parameter_groups(model, options)
        for parameter in group["params"]
    }


def test_layer_decay_reaches_from_the_last_block_to_the_stem_in_every_trunk():
    cases = {
        "hiera": (SAM2(TINY), 5, "trunk.blocks.0.attn.qkv.weight", "trunk.pos_embed"),
        "efficientnet": (
            SAM2(find_variant("nano")),
            16,
            "trunk.blocks.0.depthwise.weight",
            "trunk.stem.weight",
        ),
    }
    for model, blocks, first, before in cases.values():
        found = scales(model, trunk_rate=0.2, layer_decay=0.9)
        last = [name for name in found if name.startswith(f"trunk.blocks.{blocks - 1}.")]
        assert [found[name][0] for name in last] == pytest.approx([0.2 * 0.9] * len(last))
        assert found[first][0] == pytest.approx(0.2 * 0.9**blocks)
        assert found[before][0] == pytest.approx(0.2 * 0.9 ** (blocks + 1))
        assert {scale for name, (scale, _) in found.items() if not name.startswith("trunk.")} == {1}


def test_without_layer_decay_the_trunk_has_one_rate():
    found = scales(SAM2(TINY), trunk_rate=0.15)
    trunk = {scale for name, (scale, _) in found.items() if name.startswith("trunk.")}
    assert trunk == {0.15}
    assert {scale for name, (scale, _) in found.items() if not name.startswith("trunk.")} == {1}


def test_vectors_do_not_decay():
    model = SAM2(TINY)
    shapes = {name: parameter.ndim for name, parameter in model.named_parameters()}
    for name, (_, decay) in scales(model).items():
        assert decay == (0.1 if shapes[name] > 1 else 0.0)


def test_every_parameter_is_in_one_group_unless_it_is_frozen():
    model = SAM2(TINY)
    found = scales(model, frozen=("trunk.blocks.0.", "neck."))
    expected = {
        name
        for name, _ in model.named_parameters()
        if not name.startswith(("trunk.blocks.0.", "neck."))
    }
    assert set(found) == expected
    assert not model.neck.convs[0].conv.weight.requires_grad
