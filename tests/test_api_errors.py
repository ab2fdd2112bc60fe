"""What a user of the package may get wrong: each ends in one error that says what to give.

Run in a process of its own, as users do: here the runtime check of types would complain first.
"""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json
import numpy as np
from PIL import Image
from sam2track import Frame, Prompt, TrackingSession, load_model
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
cases = {
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
        ("logits", "the mask holds numbers from -8 to 8; cut them first: logits > 0"),
        ("probabilities", "the mask holds numbers from 0.01 to 0.99; cut them first"),
        ("not a number", "the mask holds numbers from 1 to 1; cut them first"),
        ("negative", "the mask holds numbers from -1 to 1; give True on the object"),
        ("label map", "a label map holds ids up to 255, but there is object 300; use mask("),
        ("length", "length is a whole number from 1, but 'ten' was given"),
        ("direction", "direction 'back': give 1 (forward) or -1 (back in time)"),
    ],
)
def test_one_error_says_what_to_give(said, case, message):
    assert said[case].startswith(f"ValueError: {message}"), said[case]
    assert "\n" not in said[case]


def test_numpy_integers_are_as_pythons(said):
    assert said["numpy integers"] == "no error: True"
