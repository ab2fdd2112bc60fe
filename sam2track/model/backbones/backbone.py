"""The protocol of a backbone, which its spec satisfies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn


class Backbone(Protocol):
    """The spec of a backbone. It must be hashable; only the first two members must be written."""

    @property
    def channels(self) -> Mapping[int, int]:
        """Channels of each output map, by its stride, finest first.

        Stride 16 must be among them. Strides 4 and 8 give the mask decoder its skip connections;
        stride 32 is fused into stride 16.
        """
        ...

    def build(self) -> nn.Module:
        """The network: takes ``(B, 3, S, S)``, returns a list of maps as :attr:`channels` says."""
        ...

    def initialise(self, network: nn.Module) -> None:
        """Set the first weights for training from scratch, if :meth:`build` sets no good ones."""

    def imagenet_weights(self) -> dict[str, Tensor] | None:
        """The network's state dict as trained on ImageNet; None if no such weights are known.

        Raises:
            ValueError: if they are not installed; the message says how to get them.
        """
        return None

    def transformers_names(self) -> tuple[tuple[str, str], ...]:
        """Tensors whose names in ``transformers`` differ: (regular expression in ours, theirs).

        Our names begin with ``trunk.`` here. The general rules, such as ``norm`` ->
        ``layer_norm``, are in :mod:`sam2track.model.weights.names`.
        """
        return ()
