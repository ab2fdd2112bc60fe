"""``sam2track convert``: a model in, graphs for other runtimes out."""

from __future__ import annotations

from dataclasses import replace

from omegaconf import DictConfig

from ..export import Sizes, write_model
from ..files import expand_home
from ..model import SAM2, find_variant
from ..model.weights import find_weights, load_weights
from .compose import require


def run(config: DictConfig) -> None:
    """Write a model; ``config`` is ``configs/convert.yaml``.

    Raises:
        ValueError, OSError: bad input, or the folder cannot be written; then nothing is there.
    """
    require(config, "out", "sam2track convert model=nano to=onnx out=FOLDER")
    name, variant = config.model, find_variant(config.model)
    size = config.image_size or variant.image_size
    if size % 32:
        raise ValueError(f"image_size={size}: must be a multiple of 32")
    model = SAM2(replace(variant, image_size=size)).eval().requires_grad_(False)
    load_weights(model, find_weights(name, config.checkpoint), name)
    sizes = Sizes(config.rows, config.memories, config.pointers, config.points)
    out = expand_home(config.out)
    write_model(model, name, out, to=config.to, precision=config.precision, sizes=sizes)
    print(f"written: {out}")
