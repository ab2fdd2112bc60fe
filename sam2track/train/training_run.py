"""The state of a training run (model, optimiser, averaged weights, counters) and its checkpoint.

A checkpoint, ``last.pt``, holds plain tensors, numbers and settings. It is written completely or
not at all, and reading it executes no code. A resumed run gives bit-identical results.
"""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..device import autocast
from .optimiser import OptimiserOptions, parameter_groups
from .processes import Processes

Network = TypeVar("Network", bound=nn.Module)
LAST = "last.pt"
WEIGHTS = "weights.safetensors"

# Settings that may change when a run is resumed: they do not change the result.
CHANGEABLE = ("out", "device", "steps", "workers", "threads", "checkpointing", "evaluate")
CHANGEABLE += ("save_every", "pictures_every")
COUNTERS = ("step", "seconds", "core_seconds")


class TrainingRun(Generic[Network]):
    """A model in training.

    Args:
        model: to train, on its device, with its first weights.
        processes: the processes of the training.
        options: how gradients change the weights.
        precision: of the computation; weights, gradients and AdamW's state stay fp32.
        seed: of dropout.
        settings: of the whole run, by name; it is resumed only with the same.

    Attributes:
        averaged: the model with averaged weights, if ``options`` ask for it.
        step, seconds, core_seconds: steps done, and their time by the clock and in CPU time.
        best: step, prompt and score of the best weights, if there were scores.
    """

    def __init__(
        self,
        model: Network,
        processes: Processes,
        options: OptimiserOptions,
        *,
        precision: torch.dtype = torch.float32,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.processes, self.options = model, processes, options
        self.precision = precision
        self.settings = {**(settings or {}), "processes": processes.count}
        groups = parameter_groups(model, options)
        self.trained: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        first, second = options.betas
        self.optimiser = torch.optim.AdamW(groups, lr=options.rate, betas=(first, second))
        self._parts: dict[str, Any] = {"model": model, "optimiser": self.optimiser}
        self.averaged: Network | None = None
        if options.average is not None:
            self.averaged = copy.deepcopy(model).eval().requires_grad_(False)
            self._parts["averaged"] = self.averaged
        self.step = 0
        self.seconds = self.core_seconds = self._started = 0.0
        self.best: dict[str, Any] | None = None
        torch.manual_seed(seed + 1 + processes.index)  # each process has its own dropout

    def begin_step(self) -> float:
        """Set the learning rates and clear the gradients; the rate of this step."""
        self._started = time.perf_counter()
        rate = self.options.rate_at(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimiser.zero_grad()
        return rate

    def autocast(self) -> torch.autocast:
        """The context in which the network runs."""
        return autocast(self.processes.device, self.precision)

    def end_step(self, count: float | Tensor) -> float:
        """Change the weights by the gradients' sum over the processes, divided by ``count``.

        ``count`` is a number or a scalar tensor. The norm of the gradient is returned; if it is not
        finite, FloatingPointError is raised and the weights are unchanged.
        """
        for gradient in self.processes.sum_gradients(self.trained):
            gradient.div_(count)
        norm = nn.utils.clip_grad_norm_(self.trained, self.options.clip)
        self.check_finite(norm, "the gradient")
        self.optimiser.step()
        self.step += 1
        if self.averaged is not None and self.options.average is not None:
            # Over fewer steps at first, so that the first weights soon have little influence.
            keep = min(self.options.average, self.step / (9 + self.step))
            pairs = zip(self.averaged.parameters(), self.model.parameters(), strict=True)
            with torch.no_grad():
                for mean, value in pairs:
                    mean.lerp_(value, 1 - keep)
        self.seconds += time.perf_counter() - self._started
        return norm.item()

    def check_finite(self, values: Tensor, what: str) -> None:
        """Raise FloatingPointError, with the step, if a value is not finite; of any shape."""
        if not torch.isfinite(values).all():
            raise FloatingPointError(f"step {self.step + 1}: {what} is not finite")

    def metadata(self) -> dict[str, str]:
        """Facts for a file of weights."""
        return {"steps": str(self.step), "hours": f"{self.seconds / 3600:.2f}"}

    def state(self) -> dict[str, Any]:
        """The content of ``last.pt``; all processes must call this at the same time."""
        device = self.processes.device
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return {
            **{name: part.state_dict() for name, part in self._parts.items()},
            **{name: getattr(self, name) for name in (*COUNTERS, "best", "settings")},
            "random": self.processes.gather((torch.get_rng_state(), cuda)),
        }

    def resume(self, out: Path) -> int:
        """Continue from a folder's ``last.pt`` if there is one; returns its step.

        Raises:
            ValueError: if it is no checkpoint, or of a run with other settings.
        """
        if not (out / LAST).is_file():
            return 0
        state = load_state(out / LAST)
        check_settings(self.settings, state["settings"], out)
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        for name in COUNTERS:
            setattr(self, name, state[name])
        # Older runs had no other prompt.
        self.best = state["best"] and {"prompt": "mask", **state["best"]}
        cpu, cuda = state["random"][self.processes.index]
        torch.set_rng_state(cpu)
        if cuda is not None and self.processes.device.type == "cuda":
            torch.cuda.set_rng_state(cuda, self.processes.device)
        return self.step


class NotSaved(RuntimeError):
    """A checkpoint could not be written; the previous one is unchanged."""


@contextmanager
def saving(step: int, out: Path) -> Iterator[None]:
    """While a step is saved, an error of the disk becomes :class:`NotSaved`."""
    try:
        yield
    except OSError as error:
        raise NotSaved(
            f"step {step} could not be saved in {out}: {error.strerror or error}; what was saved "
            "before is valid: make room, and the same command goes on from there"
        ) from error


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint, onto the CPU; ValueError if the file is not one."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError):
        raise ValueError(
            f"{path} is no checkpoint of a run, or is damaged; begin again with another out="
        ) from None
    if not isinstance(state, dict) or "step" not in state or "settings" not in state:
        raise ValueError(f"{path} is no checkpoint of this version; begin again with another out=")
    return state


def check_settings(now: Mapping[str, Any], stored: Mapping[str, Any], out: Path) -> None:
    """Raise ValueError if a run is resumed with other settings than before."""

    def shown(settings: Mapping[str, Any], name: str) -> Any:
        value = settings.get(name, "not set")
        return "null" if value is None else value

    differ = [
        f"{name}={shown(now, name)} (was {shown(stored, name)})"
        for name in sorted(now.keys() | stored.keys())
        if name.split(".")[0] not in CHANGEABLE and now.get(name) != stored.get(name)
    ]
    if differ:
        raise ValueError(
            f"{out} holds a run with other settings: {', '.join(differ)}. Go on with those it was "
            f"begun with, or {new_run(now, out)}"
        )


def new_run(settings: Mapping[str, Any], out: Path) -> str:
    """How to begin a new run with the weights in ``out``; the end of an error message."""
    key = "trunk" if "mae.hidden" in settings else "checkpoint"
    return f"begin a new out= with {key}={out / WEIGHTS}"
