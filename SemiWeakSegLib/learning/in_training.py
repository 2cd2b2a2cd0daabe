"""A network while it is trained: its optimiser, its moving average, its losses so far."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .processes import Processes
from .short_floats import half_type
from .teacher import make_average

GRADIENT_NORM = 12.0


class InTraining:
    """A network with what updates it; all of it is in ``state_dict``.

    ``settings`` has the optimiser's ``learning_rate`` and ``weight_decay``. ``average`` is the
    exponential moving average of the weights, with ``decay`` (see `teacher.make_average`).
    """

    def __init__(self, network: nn.Module, settings: Any, device: torch.device, decay: float):
        self.network = network
        self.average = make_average(network, decay)
        fused = {"fused": True} if device.type in ("cpu", "cuda") else {}
        self.optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            **fused,
        )
        # Patches have one size: the fastest convolution is worth looking for.
        torch.backends.cudnn.benchmark = device.type == "cuda"
        needs_scaling = half_type(device) == torch.float16
        self.scaler = torch.amp.GradScaler(device.type, enabled=needs_scaling)

    @property
    def learning_rate(self) -> float:
        """The rate of the last update."""
        return self.optimiser.param_groups[0]["lr"]

    def update(self, loss: torch.Tensor, rate: float, processes: Processes) -> None:
        """One update along the gradient of ``loss``, clipped, the mean over the processes."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        processes.average_gradients(self.network)
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.average.update_parameters(self.network)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of ``state_dict``; further entries of ``state`` are left alone."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "average": self.average,
            "optimiser": self.optimiser,
            "scaler": self.scaler,
        }


class Losses:
    """Sums of loss values over the steps since they were last taken."""

    def __init__(self) -> None:
        self.sums: dict[str, torch.Tensor] = {}
        self.steps = 0

    def add(self, name: str, value: torch.Tensor) -> None:
        """One value of this step, a scalar."""
        # Summed on the device: reading a number every step would make a GPU wait.
        self.sums[name] = self.sums.get(name, 0.0) + value.detach()

    def end_step(self, total: torch.Tensor) -> None:
        """The whole loss of this step, after its parts."""
        self.add("total", total)
        self.steps += 1

    def total(self) -> float:
        """The sum of the whole losses: finite unless one of them was not."""
        return float(self.sums.get("total", 0.0))

    def take(self) -> dict[str, float]:
        """The means, after which sums start anew."""
        means = {name: float(value) / self.steps for name, value in self.sums.items()}
        self.sums, self.steps = {}, 0
        return means
