"""The processes that train together, as Hugging Face Accelerate starts them.

``accelerate launch -m sam2track train ...`` starts one per device; without it there is one process,
without exchange. Each process sums the losses and gradients of its own clips. Here they are
summed over the processes, so that a step equals that of one process with all the clips, for
any distribution of the objects over the processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..device import pick_device


class Processes:
    """This process, and what it exchanges with the others.

    Args:
        device: as :func:`sam2track.device.pick_device` takes it; several processes take one CUDA
            device each.

    Attributes:
        index: this process, from 0.
        count: how many there are.
        main: whether this process writes the files.
        device: of this process.

    Raises:
        ValueError: if Accelerate is not installed, or there is no such device.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        try:
            from accelerate import PartialState
            from accelerate.utils import gather_object, reduce
        except ImportError:
            hint = "pip install 'sam2track[train]'"
            raise ValueError(f"training needs more than the package alone: {hint}") from None
        picked = pick_device(device)
        state = PartialState(cpu=picked.type == "cpu")
        self.index, self.count = state.process_index, state.num_processes
        self.main = self.index == 0
        self.device = picked if self.count == 1 or state.device is None else state.device
        self._reduce, self._gather = reduce, gather_object

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the processes, in all of them; of any shape, which stays."""
        return cast(Tensor, self._reduce(values, reduction="sum"))

    def any(self, asked: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.sum(torch.tensor(float(asked), device=self.device)))

    def gather(self, thing: Any) -> list[Any]:
        """The values of all processes, by index, in each of them."""
        return self._gather([thing])

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
        """Replace every gradient by its sum over the processes; a missing one counts as zero.

        Returns the sums, in the shapes of the parameters.

        Which parameters get a gradient from a clip depends on its prompts. With zeros for the
        others, AdamW does the same in every process.
        """
        gradients = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        if self.count > 1:
            summed = self.sum(nn.utils.parameters_to_vector(gradients))
            nn.utils.vector_to_parameters(summed, gradients)
        return gradients
