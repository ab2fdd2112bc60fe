"""What a user of the package may get wrong: each ends in one error that says what to give.

Run in a process of its own, as users do: here the runtime check of types would complain first.
"""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json
import tempfile
import warnings
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from sam2track import (
    BoxSink, FanOut, Frame, OverlaySink, PaletteSink, Prompt, TrackingSession, load_model,
    open_video,
)
warnings.simplefilter("error")
model = load_model("nano")
picture = np.zeros((64, 96, 3), np.uint8)
mask = np.zeros((64, 96), bool)
mask[20:40, 30:60] = True
frame = Frame(0, picture)
def session():
    return TrackingSession(model)
def label_map():
    own = session()
    own.prompt(300, Prompt.from_mask(mask), frame)
    return own.step(frame).label_map()
result = session().step(frame).cpu()
later = Frame(5, picture)
video = open_video([picture])
folder = Path(tempfile.mkdtemp())
torch.save({"model": {f"weight{k}": torch.zeros(999) for k in range(9)}}, folder / "cut.pt")
(folder / "cut.pt").write_bytes((folder / "cut.pt").read_bytes()[:5000])
def state(content):
    torch.save(content, folder / "state.pt")
    load_model("nano", folder / "state.pt")
cases = {
    "list of points": lambda: Prompt(points=[[1, 2]], labels=[1]).points.dtype,
    "list as box": lambda: Prompt(box=(1, 2, 3, 4)).box.dtype,
    "list as mask": lambda: Prompt(mask=[[1, 0]]).mask.dtype,
    "tensor as mask": lambda: Prompt.from_mask(torch.ones(2, 2, requires_grad=True)).mask.dtype,
    "mask of logits": lambda: Prompt(mask=np.where(mask, 8.0, -8.0)),
    "no mask": lambda: Prompt.from_mask(None),
    "text as mask": lambda: Prompt.from_mask("m.png"),
    "path as mask": lambda: Prompt.from_mask(Path("m.png")),
    "objects as mask": lambda: Prompt.from_mask(mask.astype(object)),
    "soft mask": lambda: Prompt.from_mask(np.arange(256, dtype=np.uint8)[None]),
    "text as click": lambda: Prompt.click("a", 2),
    "text as label": lambda: Prompt.click(1, 2, "x"),
    "no label": lambda: Prompt.click(1, 2, None),
    "large label": lambda: Prompt.click(1, 2, 2**70),
    "triples": lambda: Prompt.clicks([[1, 2, 3], [4, 5, 6]]),
    "uneven points": lambda: Prompt.clicks([[1, 2], [3]]),
    "one label": lambda: Prompt.clicks([[1, 2]], 1),
    "endless click": lambda: Prompt.click(float("inf"), 2),
    "text as box": lambda: Prompt.from_box("box"),
    "none from OpenCV": lambda: Frame.from_bgr(0, None),
    "list from OpenCV": lambda: Frame.from_bgr(0, [[[1, 2, 3]]]),
    "tensor from OpenCV": lambda: Frame.from_bgr(0, torch.zeros(4, 4, 3)),
    "floats from OpenCV": lambda: Frame.from_bgr(0, np.zeros((4, 4, 3))),
    "empty from OpenCV": lambda: Frame.from_bgr(0, picture[:0]),
    "grey from OpenCV": lambda: Frame.from_bgr(0, picture[..., 0]),
    "BGRA from OpenCV": lambda: Frame.from_bgr(0, np.zeros((4, 4, 4), np.uint8)),
    "name as model": lambda: TrackingSession("nano"),
    "name as memory": lambda: TrackingSession(model, memory="fifo"),
    "text as rendering": lambda: TrackingSession(model, rendering="x"),
    "text as stability": lambda: TrackingSession(model, stability_delta="a"),
    "no stability": lambda: TrackingSession(model, stability_threshold=None),
    "no outcome": lambda: session().render(None, frame),
    "outcome without frame": lambda: session().render(session().advance(frame), None),
    "array as direction": lambda: session().advance(frame, direction=np.array([1, 2])),
    "nothing for a sink": lambda: BoxSink(folder / "b.txt").write(None, None),
    "swapped for a sink": lambda: PaletteSink(folder).write(result, frame),
    "array for a sink": lambda: OverlaySink(folder / "o.mp4", 30).write(picture, result),
    "another frame for a sink": lambda: BoxSink(folder / "b.txt").write(later, result),
    "another frame for sinks": lambda: FanOut([]).write(later, result),
    "text as fps": lambda: OverlaySink(folder / "o.mp4", "a"),
    "fps of numpy": lambda: OverlaySink(folder / "o.mp4", np.float32(30))._rate,
    "no sink": lambda: FanOut([None]),
    "number as checkpoint": lambda: load_model("nano", 5),
    "empty checkpoint": lambda: load_model("nano", ""),
    "cut checkpoint": lambda: load_model("nano", folder / "cut.pt"),
    "numbered state": lambda: state({1: torch.zeros(1)}),
    "sparse state": lambda: state({"a": torch.zeros(1).to_sparse()}),
    "meta state": lambda: state({"a": torch.zeros(1, device="meta")}),
    "empty video": lambda: open_video(""),
    "text as index": lambda: video.read("1"),
    "half an index": lambda: video.read(1.5),
    "pil": lambda: Frame(0, Image.fromarray(picture)),
    "grey": lambda: Frame(0, picture[..., 0]),
    "index": lambda: Frame("0", picture),
    "array as frame": lambda: session().step(picture),
    "text as id": lambda: session().prompt("cat", Prompt.click(1, 1), frame),
    "tuple as prompt": lambda: session().prompt(1, (1, 1), frame),
    "mask of three dimensions": lambda: Prompt.from_mask(mask[..., None]),
    "logits": lambda: Prompt.from_mask(np.where(mask, 8.0, -8.0)),
    "probabilities": lambda: Prompt.from_mask(np.where(mask, 0.99, 0.01)),
    "not a number": lambda: Prompt.from_mask(np.where(mask, 1, np.nan)),
    "negative": lambda: Prompt.from_mask(np.where(mask, 1, -1)),
    "label map": label_map,
    "length": lambda: TrackingSession(model, length="ten"),
    "direction": lambda: session().step(frame, direction="back"),
}
def numpy_integers():
    own, plain = TrackingSession(model, length=np.int64(9)), TrackingSession(model, length=9)
    for k, session in ((np.uint8(1), own), (1, plain)):
        session.prompt(k, Prompt.from_mask(mask), Frame(k - k, picture))
    ours, theirs = own.step(Frame(np.int64(1), picture)), plain.step(Frame(1, picture))
    return bool((ours.masks == theirs.masks).all())
def changed():
    own = session()
    own.prompt(1, Prompt.from_mask(mask), frame)
    outcome = own.advance(frame)
    outcome.logits[...] = -8
    return bool(own.render(outcome, frame).masks.any())
cases["changed outcome"] = changed
cases["numpy integers"] = numpy_integers
said = {}
for name, call in cases.items():
    try:
        said[name] = f"no error: {call()}"
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("pil", "frame 0 is a Image, not a NumPy array; for a PIL picture give np.asarray(picture"),
        ("grey", "frame 0 is uint8 of shape (64, 96); give RGB as uint8 of shape"),
        ("index", "a frame's index is a whole number from 0, but '0' was given"),
        ("array as frame", "the frame is a ndarray; give Frame(index, picture)"),
        ("text as id", "an object's id is a whole number from 1, but 'cat' was given"),
        ("tuple as prompt", "the prompt is a tuple; give a Prompt, such as Prompt.click(x, y)"),
        ("mask of three dimensions", "the mask has 3 dimensions, of shape (64, 96, 1); give"),
        ("logits", "the mask holds numbers from -8 to 8; give True on the object: logits"),
        ("probabilities", "the mask holds numbers from 0.01 to 0.99; give True on the object"),
        ("not a number", "the mask holds numbers from 1 to nan; give True on the object"),
        ("negative", "the mask holds numbers from -1 to 1; give True on the object"),
        ("label map", "a label map holds ids up to 255, but there is object 300; use mask("),
        ("length", "length is a whole number from 1, but 'ten' was given"),
        ("direction", "direction 'back': give 1 (forward) or -1 (back in time)"),
        ("mask of logits", "the mask holds numbers from -8 to 8; give True on the object"),
        ("no mask", "the mask must be an array (height, width), got None"),
        ("text as mask", "the mask must be an array (height, width), got 'm.png'"),
        ("path as mask", "the mask must be an array (height, width), got PosixPath('m.png')"),
        ("objects as mask", "the mask must be an array (height, width), got array("),
        ("soft mask", "the mask holds numbers from 0 to 255; give True on the object"),
        ("text as click", "points must be pairs [[x, y], ...], got [['a', 2]]"),
        ("text as label", "labels must be a list of 1 (on the object) and 0 (not on it), got ['x"),
        ("no label", "labels must be a list of 1 (on the object) and 0 (not on it), got [None]"),
        ("large label", "labels must be a list of 1 (on the object) and 0 (not on it), got [118"),
        ("triples", "points must be pairs [[x, y], ...], got shape (2, 3)"),
        ("uneven points", "points must be pairs [[x, y], ...], got [[1, 2], [3]]"),
        ("one label", "points: 1, labels: 1; give a list with one label for each point"),
        ("endless click", "points must be finite, got [[inf, 2.0]]"),
        ("text as box", "box must be [x0, y0, x1, y1], got 'box'"),
        ("none from OpenCV", "frame 0 is a NoneType, not a NumPy array; OpenCV gives None for a"),
        ("list from OpenCV", "frame 0 is a list, not a NumPy array"),
        ("tensor from OpenCV", "frame 0 is a Tensor, not a NumPy array"),
        ("floats from OpenCV", "frame 0 is float64 of shape (4, 4, 3)"),
        ("empty from OpenCV", "frame 0 is uint8 of shape (0, 96, 3)"),
        ("grey from OpenCV", "frame 0 is uint8 of shape (64, 96)"),
        ("BGRA from OpenCV", "frame 0 is uint8 of shape (4, 4, 4)"),
        ("name as model", 'the model is a str; give a loaded one, such as load_model("nano")'),
        ("name as memory", "memory is a str; give a policy's class, such as FifoMemory"),
        ("text as rendering", "rendering is a str; give Rendering(...) or None"),
        ("text as stability", "a stability is a str; give numbers"),
        ("no stability", "a stability is a NoneType; give numbers"),
        ("no outcome", "the outcome is a NoneType; give what advance, settled or flush gave"),
        ("outcome without frame", "the frame is a NoneType; give Frame(index, picture)"),
        ("array as direction", "direction array([1, 2]): give 1 (forward) or -1"),
        ("nothing for a sink", "the frame is a NoneType; give Frame(index, picture)"),
        ("swapped for a sink", "the frame is a FrameResult; give Frame(index, picture)"),
        ("array for a sink", "the frame is a ndarray; give Frame(index, picture)"),
        ("another frame for a sink", "the result of frame 0 is not of frame 5"),
        ("another frame for sinks", "the result of frame 0 is not of frame 5"),
        ("text as fps", "fps is a str; give a number above 0"),
        ("no sink", 'a sink is a NoneType; give one such as PaletteSink("masks")'),
    ],
)
def test_one_error_says_what_to_give(said, case, message):
    assert said[case].startswith(f"ValueError: {message}"), said[case]
    assert "\n" not in said[case]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("number as checkpoint", "CheckpointError: the checkpoint is 5; give a path"),
        ("empty checkpoint", "CheckpointError: the checkpoint is ''; give a path"),
        (
            "cut checkpoint",
            "cut.pt is not a PyTorch checkpoint of plain tensors, or is cut off; it",
        ),
        ("numbered state", "state.pt holds no state dict of plain tensors"),
        ("sparse state", "state.pt holds no state dict of plain tensors"),
        ("meta state", "state.pt holds no state dict of plain tensors"),
        ("empty video", "VideoError: an empty text is no video; give a path"),
        ("text as index", "TypeError: '1' is no index of a frame; give a whole number"),
        ("half an index", "TypeError: 1.5 is no index of a frame; give a whole number"),
    ],
)
def test_errors_of_other_kinds(said, case, message):
    assert message in said[case]
    assert "\n" not in said[case]


@pytest.mark.parametrize(
    ("case", "value"),
    [
        ("list of points", "float32"),
        ("list as box", "float32"),
        ("list as mask", "bool"),
        ("tensor as mask", "bool"),
        ("fps of numpy", "30"),
        ("changed outcome", "False"),
    ],
)
def test_what_is_taken(said, case, value):
    assert said[case] == f"no error: {value}"


def test_numpy_integers_are_as_pythons(said):
    assert said["numpy integers"] == "no error: True"
