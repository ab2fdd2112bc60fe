"""Detectors: plug-ins, ONNX files through OpenCV, and what a detector must not return.

``detectors/*.onnx`` were made by make_detectors.py.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from annotate.small_project import clip_project, tiny_engine

from sam2track import Frame
from sam2track.annotate.jobs import Jobs
from sam2track.annotate.prompting import detectors
from sam2track.annotate.prompting.automatic import FoundPrompts
from sam2track.annotate.prompting.detectors import Detections, detected, find_detector
from sam2track.annotate.prompting.yolo import YoloDetector, decode, letterbox

HERE = Path(__file__).parent / "detectors"
RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture() -> np.ndarray:
    """A red and a blue square of 48 pixels, 24 for the network, each around a cell's centre."""
    image = np.full((128, 96, 3), 90, np.uint8)
    image[16:64, 16:64] = RED
    image[64:112, 32:80] = BLUE
    return image


@pytest.mark.parametrize(
    ("name", "labels"),
    [("yolov8", ("red thing", "blue thing")), ("yolov5", ("class 1", "class 2"))],
)
def test_both_layouts_see_the_squares(name, labels):
    found = YoloDetector(HERE / f"{name}.onnx")(picture())
    best = {label: found.labels.index(label) for label in labels}
    assert found.scores[best[labels[0]]] == pytest.approx(1, abs=1e-3)
    assert found.boxes[best[labels[0]]].tolist() == [16, 16, 64, 64]
    assert found.boxes[best[labels[1]]].tolist() == [32, 64, 80, 112]


def test_names_that_are_given_count_and_a_grey_picture_has_nothing():
    detector = YoloDetector(HERE / "yolov8.onnx", ["a", "b"])
    assert set(detector(picture()).labels) == {"a", "b"}
    nothing = detector(np.full((50, 200, 3), 90, np.uint8))
    assert (nothing.boxes.shape, nothing.labels) == ((0, 4), ())


def test_pictures_are_fitted_with_grey_borders():
    square, scale, left, top = letterbox(np.zeros((100, 50, 3), np.uint8), (64, 64))
    assert (scale, left, top) == (0.64, 16, 0)
    assert square[:, 16:48].max() == 0
    assert (square[:, :16] == 114).all()
    assert (square[:, 48:] == 114).all()


@pytest.mark.parametrize(
    ("shape", "classes"),
    [((1, 7, 64), 2), ((1, 64, 6), 2), ((1, 300, 5), 0), ((64, 7), 0), ((2, 6, 64), 2), ((1,), 1)],
)
def test_other_layouts_are_refused(shape, classes):
    with pytest.raises(ValueError, match="its output has the shape"):
        decode(np.zeros(shape, np.float32), classes)


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07" * 40, None])
def test_files_that_are_no_network(content, tmp_path):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.onnx") as error:
        find_detector(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_a_network_that_is_cut_off_is_one_line(tmp_path):
    whole = (HERE / "yolov8.onnx").read_bytes()
    for length in (len(whole) // 3, len(whole) // 2, len(whole) - 100):
        path = tmp_path / "x.onnx"
        path.write_bytes(whole[:length])
        message = "none"
        try:
            find_detector(str(path))(picture())
        except ValueError as error:
            message = str(error)
        assert len(message.splitlines()) == 1


def plug_in(monkeypatch, **loaded):
    """Entry points, each of which gives what it is called with."""

    def load(value):
        if isinstance(value, Exception):
            raise value
        return value

    points = [SimpleNamespace(name=k, load=lambda v=v: load(v)) for k, v in loaded.items()]
    monkeypatch.setattr(detectors, "entry_points", lambda group: points)


def test_plug_ins(monkeypatch):
    def mine(image):
        return Detections(np.array([[1.0, 2, 30, 40]]), ("cat",), np.array([0.8]))

    plug_in(monkeypatch, mine=mine, broken=ImportError("no\nnetwork"))
    assert find_detector("mine") is mine
    with pytest.raises(ValueError, match="detector=dog: no such detector; installed plug-ins: br"):
        find_detector("dog")
    with pytest.raises(ValueError, match="detector=broken cannot be loaded: ImportError: no netw"):
        find_detector("broken")


def test_proposals_are_cut_off_at_the_borders_and_the_best_comes_first():
    boxes = np.array([[-5.0, -5, 30, 20], [10, 10, 90, 90], [200, 10, 300, 20], [0, 0, 0.5, 9]])
    seen = Detections(boxes, ("a", "b", "c", "d"), np.array([0.5, 0.9, 0.9, 0.9]))
    frame = Frame(0, np.zeros((80, 100, 3), np.uint8))
    found = detected(lambda image: seen, "x")(frame, np.ones((80, 100), bool))
    assert [(own.label, own.prompt.box.tolist()) for own in found] == [
        ("b", [10, 10, 90, 80]),
        ("a", [0, 0, 30, 20]),
    ]
    assert len(detected(lambda image: seen, "x", 0.6)(frame, np.ones((80, 100), bool))) == 1


NUMBERS = np.array([0.5])
BOX = np.array([[1.0, 2, 3, 4]])
MALFORMED = [
    (None, "it returned NoneType; return Detections"),
    ([1, 2, 3], "it returned list; return Detections"),
    (SimpleNamespace(boxes=BOX, labels=("a",)), "it returned SimpleNamespace"),
    (Detections, "it returned type|boxes must be"),
    (SimpleNamespace(boxes="x", labels=("a",), scores=NUMBERS), "boxes must be an array"),
    (SimpleNamespace(boxes=BOX, labels=5, scores=NUMBERS), "'int' object is not iterable"),
    (SimpleNamespace(boxes=BOX, labels=("a", "b"), scores=NUMBERS), "give .N, 4., N and N"),
    (SimpleNamespace(boxes=BOX[0], labels=("a",), scores=NUMBERS), "boxes of shape .4,."),
    (SimpleNamespace(boxes=BOX[:, :3], labels=("a",), scores=NUMBERS), "boxes of shape .1, 3."),
    (SimpleNamespace(boxes=BOX, labels=("a",), scores=np.zeros(2)), "scores .2,."),
    (SimpleNamespace(boxes=BOX, labels=("a",), scores=None), "it returned SimpleNamespace"),
    (SimpleNamespace(boxes=BOX * np.nan, labels=("a",), scores=NUMBERS), "must be finite"),
    (SimpleNamespace(boxes=BOX, labels=("a",), scores=NUMBERS * np.inf), "must be finite"),
    (SimpleNamespace(boxes=BOX, labels=("a\nb",), scores=NUMBERS), "has control characters"),
]


@pytest.mark.parametrize(("returned", "message"), MALFORMED)
def test_what_a_detector_must_not_return(returned, message, tmp_path):
    find = detected(lambda image: returned, "mine")
    with clip_project(tmp_path) as project:
        engine = tiny_engine()
        source = FoundPrompts(project, engine, find, "detector")
        found = Jobs(project, engine, found=lambda *_: source).run(tmp_path / "a")
        assert found.error.startswith("detector mine, frame 0: ")
        assert project.objects() == []
    with pytest.raises(ValueError, match=message) as error:
        find(Frame(0, picture()), np.ones((128, 96), bool))
    assert len(str(error.value).splitlines()) == 1


def test_a_detector_that_fails_is_named():
    def fails(image):
        raise KeyError("weights")

    with pytest.raises(ValueError, match=r"detector mine, frame 0: KeyError: 'weights'"):
        detected(fails, "mine")(Frame(0, picture()), np.ones((128, 96), bool))


def test_labels_become_classes_and_an_object_begins_once(tmp_path):
    def twice(image):
        boxes = np.array([[8.0, 8, 40, 40], [9, 8, 41, 40], [50, 30, 90, 60]])
        return Detections(boxes, ("car", "bus", "car"), np.array([0.9, 0.8, 0.7]))

    with clip_project(tmp_path) as project:
        engine = tiny_engine()
        find = detected(twice, "mine")
        source = FoundPrompts(project, engine, find, "detector", every=0)
        found = Jobs(project, engine, found=lambda *_: source).run(tmp_path / "a")
        assert (found.status, found.objects) == ("done", 2), found.error
        names = {own.id: own.name for own in project.classes()}
        assert [names[thing.class_id] for thing in project.objects()] == ["car", "car"]
        sources = {e.data["source"] for e in project.history("a") if e.what == "prompt"}
        assert sources == {"detector, frame 0"}
