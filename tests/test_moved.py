"""Names of version 0.1 that have moved warn, and still work."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import tiny_model

import sam2track
from sam2track import Frame, Prompt, TrackingSession, sinks
from sam2track.annotate import prompting
from sam2track.cli import main


def test_functions_that_draw():
    from sam2track import masks

    for name in ("check_palette_id", "davis_palette", "draw_objects", "draw_prompt"):
        with pytest.warns(DeprecationWarning, match=f"sinks.{name} is now sam2track.masks.{name}"):
            assert getattr(sinks, name) is getattr(masks, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sinks.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_the_old_place_of_load_model():
    with pytest.warns(DeprecationWarning, match="model.checkpoint.load_model is now"):
        from sam2track.model.checkpoint import load_model
    assert load_model is sam2track.load_model


def test_the_old_place_of_detections():
    with pytest.warns(DeprecationWarning, match="annotate.detectors.Detections is now"):
        from sam2track.annotate.detectors import Detections
    assert Detections is prompting.Detections


def test_arguments_and_methods_of_a_session():
    with pytest.warns(DeprecationWarning, match="fill_hole_area= is now"):
        session = TrackingSession(tiny_model(), fill_hole_area=0)
    assert session.renderer.finish.hole_area == 0
    frame = Frame(0, np.zeros((64, 64, 3), np.uint8))
    with pytest.warns(DeprecationWarning, match="TrackingSession.encode_ahead"):
        assert session.encoded(frame) is frame
    session.prompt(1, Prompt.click(9, 9), frame)
    assert session.step(frame).object_ids == (1,)


def test_the_recipe_that_became_a_verb(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "recipe=mae", "data.root=nowhere", "out=runs/mae"]) == 2
    said = capsys.readouterr().err
    assert "note: train recipe=mae is now sam2track pretrain" in said
    assert "nowhere" in said
