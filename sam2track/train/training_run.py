"""The state of a run: model, optimiser and counters, and how gradients change the weights.

It is the part that every kind of training shares; ``last.pt`` holds it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..device import autocast
from .optimiser import OptimiserOptions, parameter_groups
from .processes import Processes

Network = TypeVar("Network", bound=nn.Module)


class TrainingRun(Generic[Network]):
    """A model in training.

    Args:
        model: to train, on its device, with its first weights.
        processes: that train together.
        options: of the optimiser.
        precision: of the arithmetic; weights, gradients and AdamW's state stay fp32.
        seed: of dropout.
        settings: of the whole run, by name; it is resumed only with the same.

    Attributes:
        step: steps done.
        seconds: that they took, by the clock.
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
        self.model, self.processes, self.precision = model, processes, precision
        self.schedule, self.clip = options.schedule, options.clip
        self.settings = {**(settings or {}), "processes": processes.count}
        groups = parameter_groups(model, options)
        self.trained: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        self.optimiser = torch.optim.AdamW(groups, lr=self.schedule.rate, betas=options.betas)
        self.step = 0
        self.seconds = 0.0
        self._started = 0.0
        torch.manual_seed(seed + 1 + processes.index)  # each process has its own dropout

    def begin_step(self) -> float:
        """Set the learning rates and clear the gradients; the rate of this step."""
        self._started = time.perf_counter()
        rate = self.schedule(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimiser.zero_grad()
        return rate

    def autocast(self) -> torch.autocast:
        """The context in which the network runs."""
        return autocast(self.processes.device, self.precision)

    def end_step(self, count: float | Tensor) -> float:
        """Change the weights by the gradients' sum over the processes, divided by ``count``.

        Returns:
            the norm of the gradient.

        Raises:
            FloatingPointError: if the gradient is not finite; the weights are as they were.
        """
        self.processes.sum_gradients(self.trained)
        for parameter in self.trained:
            assert parameter.grad is not None
            parameter.grad.div_(count)
        norm = nn.utils.clip_grad_norm_(self.trained, self.clip)
        self.check_finite(norm, "the gradient")
        self.optimiser.step()
        self.step += 1
        self.seconds += time.perf_counter() - self._started
        return norm.item()

    def check_finite(self, values: Tensor, what: str) -> None:
        """Stop before the weights are changed.

        Raises:
            FloatingPointError: if a value is not finite; it says what is, and in which step.
        """
        if not torch.isfinite(values).all():
            raise FloatingPointError(f"step {self.step + 1}: {what} is not finite")

    def facts(self) -> dict[str, str]:
        """Metadata for a file of weights."""
        return {"steps": str(self.step), "hours": f"{self.seconds / 3600:.2f}"}

    def state(self) -> dict[str, Any]:
        """What ``last.pt`` holds; every process must call this at once."""
        device = self.processes.device
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "settings": self.settings,
            "random": self.processes.gather((torch.get_rng_state(), cuda)),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        cpu, cuda = state["random"][self.processes.index]
        torch.set_rng_state(cpu)
        if cuda is not None and self.processes.device.type == "cuda":
            torch.cuda.set_rng_state(cuda, self.processes.device)
