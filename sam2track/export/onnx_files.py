"""Writes one graph as an ONNX file, with its weights in fp32, fp16 or int8.

fp16: each large weight is stored in fp16 and converted to fp32 when the file is loaded; the
computation is that of fp32. int8: matrix products with weights are computed in whole numbers, with
a scale for each output channel and one for each input, found as it comes (dynamic quantisation).
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxscript import optimizer

from .signatures import Graph

FOLDED = 1 << 18  # values: operations on constants up to this size are done when exporting
LARGE = 1024  # values; smaller weights stay in fp32


def write_onnx(
    program: torch.export.ExportedProgram,
    graph: Graph,
    path: Path,
    about: Mapping[str, Any],
    precision: str,
) -> None:
    """Write a program as an ONNX file; ``about`` becomes its metadata ``sam2track`` (JSON)."""
    model = _translated(program, graph)
    if precision == "fp16":
        halve_weights(model)
    if precision == "int8":
        model = quantised(model)
    helper.set_model_props(model, {"sam2track": json.dumps(about)})
    onnx.save(model, path)


def _translated(program: torch.export.ExportedProgram, graph: Graph) -> onnx.ModelProto:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns of packages that are not needed
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            written = torch.onnx.export(
                program,
                dynamo=True,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
            )
    finally:
        logger.setLevel(level)
    assert written is not None
    # ONNX Runtime 1.32 takes a padded weight for a padded image, so that it is padded here.
    optimizer.fold_constants(written.model, input_size_limit=FOLDED)
    model = written.model_proto
    _name_sizes(model, graph)
    return model


def _name_sizes(model: onnx.ModelProto, graph: Graph) -> None:
    """Give sizes that are not fixed their names."""
    names = {}
    for value in model.graph.input:
        shape = value.type.tensor_type.shape.dim
        for own, wanted in zip(shape, graph.inputs[value.name].shape, strict=True):
            if own.dim_param:
                names[own.dim_param] = str(wanted)
    model.graph.ClearField("value_info")  # may name them otherwise; runtimes infer it again
    for value in (*model.graph.input, *model.graph.output):
        for own in value.type.tensor_type.shape.dim:
            if own.dim_param:
                own.dim_param = names[own.dim_param]


def halve_weights(model: onnx.ModelProto) -> None:
    """Store large weights of products in fp16, with a conversion to fp32 where they are used."""
    kinds = ("MatMul", "Gemm", "Conv", "ConvTranspose")
    weights = {node.input[1] for node in model.graph.node if node.op_type in kinds}
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.name not in weights or values.size < LARGE:
            continue
        name, stored = weight.name, f"{weight.name}_fp16"
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Matrix products with weights in whole numbers."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        onnx.save(model, before)
        quantize_dynamic(
            before,
            after,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(after)
