"""Makes the two ONNX files beside the tests: detectors of red and blue squares of 24 pixels.

python tests/annotate/prompting/make_detectors.py (needs the package onnx, which the tests do not)

A picture of 64 x 64 goes in. The mean redness and blueness of the 24 x 24 pixels around each cell
of an 8 x 8 grid are the scores of a box there. ``yolov8.onnx`` gives ``(1, 4 + 2, 64)`` and has the
class names in its metadata, as Ultralytics writes them; ``yolov5.onnx``
gives ``(1, 64, 5 + 2)`` and has none.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

GRID, SIDE, STRIDE, BOX = 8, 64, 8, 24


def model(layout: str) -> onnx.ModelProto:
    x = np.arange(GRID * GRID) % GRID * STRIDE + STRIDE / 2
    y = np.arange(GRID * GRID) // GRID * STRIDE + STRIDE / 2
    size = np.full(GRID * GRID, BOX)
    boxes = np.stack((x, y, size, size))[None].astype(np.float32)  # (1, 4, 64)
    colours = np.array([[1, -1, -1], [-1, -1, 1]], np.float32).reshape(2, 3, 1, 1)
    shape = (1, 6, GRID * GRID) if layout == "v8" else (1, GRID * GRID, 7)
    if layout == "v5":
        boxes = np.concatenate((boxes, np.ones((1, 1, GRID * GRID), np.float32)), axis=1)
    pool = {"kernel_shape": [BOX, BOX], "strides": [STRIDE, STRIDE], "pads": [STRIDE] * 4}
    nodes = [
        helper.make_node("Conv", ["images", "colours"], ["hue"]),
        helper.make_node("Relu", ["hue"], ["positive"]),
        helper.make_node("AveragePool", ["positive"], ["mean"], count_include_pad=1, **pool),
        helper.make_node("Reshape", ["mean", "flat"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["rows"], axis=1),
    ]
    last = "rows"
    if layout == "v5":
        nodes.append(helper.make_node("Transpose", ["rows"], ["columns"], perm=[0, 2, 1]))
        last = "columns"
    nodes.append(helper.make_node("Identity", [last], ["output0"]))
    graph = helper.make_graph(
        nodes,
        layout,
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [helper.make_tensor_value_info("output0", onnx.TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(colours, "colours"),
            numpy_helper.from_array(boxes, "boxes"),
            numpy_helper.from_array(np.array([1, 2, GRID * GRID], np.int64), "flat"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if layout == "v8":
        helper.set_model_props(made, {"names": "{0: 'red thing', 1: 'blue thing'}"})
    onnx.checker.check_model(made)
    return made


if __name__ == "__main__":
    folder = Path(__file__).parent / "detectors"
    folder.mkdir(exist_ok=True)
    for layout in ("v5", "v8"):
        onnx.save(model(layout), folder / f"yolo{layout}.onnx")
