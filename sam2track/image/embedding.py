"""What the encoder makes of a picture, in memory and in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..files import write_whole
from ..types import FrameFeatures

_MAPS = ("stride16", "stride8", "stride4")


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImage:
    """A picture's embedding: any number of prompts are decoded on it.

    Attributes:
        features: of this one picture, on the model's device.
        size: its height and width, in pixels.
        model: tells the weights that made it (:func:`fingerprint`).
    """

    features: FrameFeatures
    size: tuple[int, int]
    model: str

    @property
    def cells(self) -> int:
        """How many cells the stride-16 map has."""
        return self.features.stride16[0, 0].numel()

    def save(self, path: str | Path) -> None:
        """Write it as safetensors; the file is written completely or not at all.

        It takes 4 MB for SAM and 16 MB for SAM 2 in fp32, half in bf16.

        Raises:
            OSError: if it cannot be written.
        """
        maps = {name: getattr(self.features, name) for name in _MAPS}
        tensors = {name: found.cpu() for name, found in maps.items() if found is not None}
        about = {"size": json.dumps(self.size), "model": self.model}
        stored = save(tensors, metadata=about)
        write_whole(Path(path).expanduser(), lambda file: file.write(stored))


def load_embedding(path: str | Path, device: torch.device) -> EncodedImage:
    """What :meth:`EncodedImage.save` wrote.

    Raises:
        ValueError: if there is no such file, or it holds no embedding.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"no such embedding: {path}")
    try:
        with safe_open(path, framework="pt") as stored:
            about = stored.metadata() or {}
            held = list(stored.keys())
            maps = {n: stored.get_tensor(n).to(device) for n in _MAPS if n in held}
        height, width = json.loads(about["size"])
        return EncodedImage(FrameFeatures(**maps), (int(height), int(width)), about["model"])
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise ValueError(
            f"{path} holds no embedding of an image; make it with EncodedImage.save"
        ) from None


def fingerprint(model: nn.Module) -> str:
    """A short hash that tells weights apart, the same in every precision.

    It is of the tensors that stay ``float32``: those outside linear layers and convolutions.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(_unlowered(model)):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _unlowered(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            continue
        yield from module.named_parameters(prefix, recurse=False)
