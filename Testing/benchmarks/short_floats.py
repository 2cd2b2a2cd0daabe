"""A training step and a forward pass in short floats against float32, on this machine's processor.

    python Testing/benchmarks/short_floats.py [--rounds 9] [--threads 1]

Forward, cross-entropy and backward of the residual U-Net on noise, both kinds in turns in one
process; the table gives how many times faster short floats are, by medians.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from step_cost import timed
from torch.nn.functional import cross_entropy

from SemiWeakSegLib.learning.networks import build_network, on_device
from SemiWeakSegLib.learning.short_floats import autocast, half_type

CPU = torch.device("cpu")
NETWORKS = {
    "volumes 48×64×48, 2 a batch, 8 to 64 channels": ((48, 64, 48), 2, [8, 16, 32, 64, 64]),
    "volumes 48×64×48, 2 a batch, 32 to 320 channels": ((48, 64, 48), 2, [32, 64, 128, 256, 320]),
    "slices 112×112, 8 a batch, 8 to 64 channels": ((112, 112), 8, [8, 16, 32, 64, 64]),
    "slices 112×112, 8 a batch, 32 to 512 channels": ((112, 112), 8, [32, 64, 128, 256, 512]),
}


def ratios(shape: tuple[int, ...], batch: int, channels: list[int], rounds: int) -> list[float]:
    """How many times faster a step and a forward pass are."""
    settings = {
        "name": "unet",
        "dimensions": len(shape),
        "in_channels": 1,
        "out_channels": 3,
        "channels": channels,
        "strides": [[2] * len(shape)] * (len(channels) - 1),
    }
    network = on_device(build_network(settings), CPU)
    image, label = torch.randn(batch, 1, *shape), torch.randint(0, 3, (batch, *shape))

    def scores(short: bool) -> torch.Tensor:
        with autocast(CPU) if short else nullcontext():
            return network(image).float()

    calls: dict[str, Callable[[bool], object]] = {
        "step": lambda short: cross_entropy(scores(short), label).backward(),
        "forward": torch.no_grad()(scores),
    }
    times: dict[tuple[str, bool], list[float]] = {}
    for _ in range(rounds):
        for short in (False, True):
            for name, call in calls.items():
                times.setdefault((name, short), []).append(timed(partial(call, short), CPU))
    # The first two rounds prepare kernels.
    medians = {key: statistics.median(values[2:]) for key, values in times.items()}
    return [medians[name, False] / medians[name, True] for name in calls]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="timed steps of each kind, over 2")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.rounds < 3:
        parser.error("--rounds must be at least 3")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    used = "uses" if half_type(CPU) == torch.bfloat16 else "does not use"
    print(f"This processor {used} bfloat16.\n\n| network | step | forward pass |\n|---|---|---|")
    for name, network in NETWORKS.items():
        found = ratios(*network, arguments.rounds)
        print(f"| {name} | {found[0]:.2f} | {found[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
