"""Exported models, made once: they take some seconds each."""

from __future__ import annotations

import logging

import pytest
from tiny import TINY, tiny_model

from sam2track.cli import main
from sam2track.export import Sizes, write_model
from sam2track.model.variants import VARIANTS

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

# Enough for what the tests recall: six memories and two anchors, fifteen pointers and two.
FIXED = Sizes(rows=1, memories=9, pointers=18, points=5)


@pytest.fixture(scope="session", autouse=True)
def quiet():
    """Without pytest's record of what PyTorch logs while it traces, which takes half the time."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def nano_folder(tmp_path_factory):
    """nano, by the command; nothing in it is fixed."""
    folder = tmp_path_factory.mktemp("exported") / "nano"
    assert main(["convert", "model=nano", f"out={folder}"]) == 0
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """The tiny model under the name "tiny", with fixed shapes."""
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    write_model(tiny_model(), "tiny", folder, sizes=FIXED)
    return folder


@pytest.fixture
def tiny_variant(monkeypatch):
    monkeypatch.setitem(VARIANTS, "tiny", TINY)
