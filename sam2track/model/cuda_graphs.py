"""Methods whose operations are recorded once as a CUDA graph, and then started by one call.

A step of tracking starts several hundred short operations, and starting them one by one from Python
takes longer than they do. The third call with arguments of the same shapes is recorded; later ones
copy their arguments to where the recorded operations read, and copy the results.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

BEFORE = 2  # calls before the recorded one, which make what is kept and choose algorithms
MOST = 32  # kinds of calls of a model that are known; the one not used for longest is dropped
Method = TypeVar("Method", bound=Callable[..., Any])


def graphed(method: Method) -> Method:
    """The method of a model, as a CUDA graph where its arguments are on a CUDA device.

    Arguments are tensors, dataclasses of tensors, and values that can be compared. Nothing in the
    method may wait for the device, or keep what it makes of weights, which may change in place. The
    operations are compiled first if ``model.compiled``. With gradients, while a model is exported,
    and where ``model.cuda_graphs`` is False, the method runs as it is.
    """

    @functools.wraps(method)
    def run(model: nn.Module, *args: Any) -> Any:
        leaves = list(_leaves(args))
        if not model.cuda_graphs or not _recordable(leaves):
            return method(model, *args)
        with _lock:
            recordings = _recordings.setdefault(model, {})
            key = (method.__name__, _state(model), *map(_kind, leaves))
            known = recordings.pop(key, 0)  # and becomes the newest
            if not isinstance(known, _Recording):
                known = known + 1 if known < BEFORE else _record(method, model, args)
            if known is not None:
                recordings[key] = known
            if len(recordings) > MOST:
                del recordings[next(iter(recordings))]
            if isinstance(known, _Recording):
                return known.replay(leaves)
        return method(model, *args)

    return cast(Method, run)


def forget(model: nn.Module) -> None:
    """Drop what was recorded of a model, since it will compute in another way."""
    _recordings.pop(model, None)


def _record(method: Callable[..., Any], model: Any, args: Sequence[Any]) -> _Recording | None:
    """The recorded call; None, and no others, where it cannot be recorded."""
    try:
        return _Recording(method, model, args)
    except RuntimeError as error:  # also of CUDA, and if there is too little memory
        first = str(error).strip().partition("\n")[0]
        message = f"the steps cannot be recorded as CUDA graphs, and run one by one: {first}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        model.cuda_graphs = False
        forget(model)  # their memory too
        return None


class _Recording:
    """The operations of one call, with the memory that they read and write."""

    def __init__(self, method: Callable[..., Any], model: nn.Module, args: Sequence[Any]) -> None:
        given = list(_leaves(args))
        with torch.inference_mode(False):  # else it could be written to in inference mode alone
            own = [torch.empty_like(leaf) if isinstance(leaf, Tensor) else leaf for leaf in given]
        self.read = [leaf for leaf in own if isinstance(leaf, Tensor)]
        self._copy(given)
        args = _rebuilt(args, iter(own))
        if model.compiled:
            method = torch.compile(method, dynamic=False)
            method(model, *args)
        self.graph = torch.cuda.CUDAGraph()
        # Weights that autocast has converted live shorter than the graph: it converts them itself.
        torch.clear_autocast_cache()
        # Other threads may use the device meanwhile.
        with (
            torch.cuda.device(self.read[0].device),
            torch.cuda.graph(self.graph, capture_error_mode="thread_local"),
        ):
            self.written = method(model, *args)

    def replay(self, leaves: Sequence[Any]) -> Any:
        """What the operations make of other arguments."""
        self._copy(leaves)
        self.graph.replay()
        written = [self.written]
        copies = (leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in _leaves(written))
        return _rebuilt(written, copies)[0]

    def _copy(self, leaves: Sequence[Any]) -> None:
        tensors = (leaf for leaf in leaves if isinstance(leaf, Tensor))
        for own, tensor in zip(self.read, tensors, strict=True):
            own.copy_(tensor)


_lock = threading.Lock()
_recordings: WeakKeyDictionary[nn.Module, dict[Hashable, int | _Recording]] = WeakKeyDictionary()


def _leaves(values: Sequence[Any]) -> Iterator[Any]:
    """Values, and the fields of those that are dataclasses."""
    for value in values:
        if dataclasses.is_dataclass(value):
            yield from _leaves([getattr(value, field.name) for field in dataclasses.fields(value)])
        else:
            yield value


def _rebuilt(values: Sequence[Any], leaves: Iterator[Any]) -> list[Any]:
    """The same values made of other leaves."""
    made = []
    for value in values:
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            fields = _rebuilt([getattr(value, name) for name in names], leaves)
            made.append(
                dataclasses.replace(cast(Any, value), **dict(zip(names, fields, strict=True)))
            )
        else:
            made.append(next(leaves))
    return made


def _recordable(leaves: Sequence[Any]) -> bool:
    """Whether all tensors are on a CUDA device, without elements that share memory.

    Not while something else records or compiles the method.
    """
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if not tensors or not all(tensor.is_cuda for tensor in tensors) or torch.is_grad_enabled():
        return False
    if torch.compiler.is_compiling() or torch.cuda.is_current_stream_capturing():
        return False
    return not any(
        step == 0 and length > 1
        for tensor in tensors
        for step, length in zip(tensor.stride(), tensor.shape, strict=True)
    )


def _state(model: nn.Module) -> Hashable:
    """Where the weights are, and how they are used."""
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None
    return next(model.parameters()).data_ptr(), dtype, model.compiled


def _kind(leaf: Any) -> Hashable:
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.stride(), leaf.dtype, leaf.device
    return leaf
