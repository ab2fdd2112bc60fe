"""The files that are written: their names, shapes, metadata and precisions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny import tiny_model

from sam2track.cli import main
from sam2track.export import Sizes, write_model
from sam2track.model.attention import Pooling
from sam2track.model.exported import DESCRIPTION

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.timeout(900)


def test_files_say_what_they_take(nano_folder, tiny_folder):
    for folder in (nano_folder, tiny_folder):
        about = json.loads((folder / DESCRIPTION).read_text())
        for name, graph in about["graphs"].items():
            session = ort.InferenceSession(folder / graph["file"])
            sides = {"inputs": session.get_inputs(), "outputs": session.get_outputs()}
            for side, values in sides.items():
                assert {value.name: value.shape for value in values} == {
                    key: value["shape"] for key, value in graph[side].items()
                }
            stored = json.loads(session.get_modelmeta().custom_metadata_map["sam2track"])
            assert stored == {**about, "graph": name}
    assert about["graphs"]["memory_attention"]["inputs"]["memories"]["shape"] == [1, 9, 16, 16]


def test_the_same_weights_have_the_same_hash(nano_folder, tmp_path):
    about = json.loads((nano_folder / DESCRIPTION).read_text())
    from sam2track import load_model
    from sam2track.export.writing import weights_hash

    model = load_model("nano", device="cpu", precision="fp32")
    assert weights_hash(model) == about["weights_sha256"]
    model.no_memory += 1
    assert weights_hash(model) != about["weights_sha256"]


@pytest.mark.parametrize(("precision", "size", "error"), [("fp16", 0.7, 0.01), ("int8", 0.6, 0.3)])
def test_smaller_weights_are_near(nano_folder, tmp_path, precision, size, error):
    """nano's weights come in fp16, so that fp16 files lose nothing."""
    from sam2track.export.onnx_files import halve_weights, quantised

    path = nano_folder / "memory_attention.onnx"
    model = onnx.load(path)
    if precision == "fp16":
        halve_weights(model)
    else:
        model = quantised(model)
    onnx.save(model, tmp_path / "smaller.onnx")
    assert (tmp_path / "smaller.onnx").stat().st_size < size * path.stat().st_size
    rng, given = np.random.default_rng(0), {}
    for value in ort.InferenceSession(path).get_inputs():
        shape = [{"rows": 2, "memories": 3, "pointers": 4}.get(d, d) for d in value.shape]
        given[value.name] = rng.normal(size=shape).astype(np.float32)
    given["slots"] = np.array([[0, 1, 3]] * 2)
    given["memory_mask"], given["pointer_mask"] = np.zeros((2, 3)), np.zeros((2, 4))
    given = {k: v if k == "slots" else v.astype(np.float32) for k, v in given.items()}
    exact, near = (
        ort.InferenceSession(own).run(None, given)[0] for own in (path, tmp_path / "smaller.onnx")
    )
    assert np.abs(near - exact).max() < error * np.abs(exact).max()
    if precision == "fp16":
        np.testing.assert_array_equal(near, exact)


def test_what_cannot_be_written_leaves_nothing(tmp_path, capsys):
    folder = tmp_path / "out"
    for settings, words in (
        (["to=torch", "precision=fp16"], "precision=fp16 is for to=onnx"),
        (["image_size=100"], "image_size=100: must be a multiple of 32"),
        (["model=sam_vit_b"], "sam_vit_b segments single images"),
        (["rows=2"], "rows=2: must be 1, or null"),
    ):
        assert main(["convert", f"out={folder}", *settings]) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(ValueError, match="averages memory tokens"):
        write_model(tiny_model(pooling=Pooling(2)), "tiny", folder, sizes=Sizes())
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine.txt").touch()
    assert main(["convert", f"out={folder}"]) == 2
    assert "not an empty folder" in capsys.readouterr().err
