"""The exponential moving average of a network: Mean Teacher's teacher and averaged weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def make_average(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of ``network`` that ``update_parameters`` moves towards it; ``decay`` may be reset.

    After update k (from 0) the weight kept is min(1 - 1/(k + 1), decay): the first update copies
    the network, early ones forget quickly. Buffers are averaged too; the copy stays in eval mode.
    Source: Tarvainen & Valpola 2017; warm-up as in their code's formula.
    """

    @torch.no_grad()
    def move(averages: list[torch.Tensor], values: list[torch.Tensor], count: torch.Tensor) -> None:
        # The counter of the module itself lies on the CPU; ``count`` would make a GPU wait.
        kept = min(1.0 - 1.0 / (int(average.n_averaged) + 1.0), average.decay)
        # Called once for each kind of number; counters of batch normalisation are not averaged.
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, values, 1.0 - kept)
        else:
            torch._foreach_copy_(averages, values)

    average = AveragedModel(network, multi_avg_fn=move, use_buffers=True)
    average.decay = decay
    average.requires_grad_(False)
    return average.eval()
