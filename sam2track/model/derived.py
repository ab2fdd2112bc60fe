"""What is made of a layer's parameters, such as packed weights: made once, until they change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class _Derived:
    """What was made of some parameters."""

    value: Any  # what was made
    key: Hashable  # what it depends on besides
    # The parameters' memory, which no other tensor can get while it is held here
    sources: tuple[Tensor, ...]
    states: tuple[tuple[int, int], ...]  # of each, where its memory is, and its version

    def is_of(self, sources: Sequence[Tensor], key: Hashable) -> bool:
        """Whether these are the same, and have not changed."""
        for source, (place, version) in zip(sources, self.states, strict=True):
            if source._version != version or source.data_ptr() != place:
                return False
        return key == self.key


def parameters_of(module: nn.Module) -> list[Tensor]:
    """Its parameters and those of all its parts.

    ``module.parameters()`` takes four times as long, since it looks for parameters that occur
    twice.
    """
    found: list[Tensor] = [own for own in module._parameters.values() if own is not None]
    for part in module._modules.values():
        found += [] if part is None else parameters_of(part)
    return found


# Not in the layers, whose copies and files would hold it too.
_made: WeakKeyDictionary[nn.Module, _Derived] = WeakKeyDictionary()


def derived(
    layer: nn.Module, sources: Sequence[Tensor], make: Callable[[], Any], key: Hashable = None
) -> Any:
    """What ``make`` makes of a layer's parameters: made again when these or the key have changed.

    Nothing is kept of parameters that are being trained, since not every optimizer counts its
    changes, or of inference tensors. A change through ``parameter.data`` is not noticed.
    """
    for source in sources:
        if source.requires_grad or source.is_inference():
            return make()
    known = _made.get(layer)
    if known is None or not known.is_of(sources, key):
        states = tuple((source.data_ptr(), source._version) for source in sources)
        known = _Derived(make(), key, tuple(source.detach() for source in sources), states)
        _made[layer] = known
    return known.value
