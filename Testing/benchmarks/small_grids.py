"""Which gradients of convolutions are wrong in bfloat16 on this machine's processor.

    python Testing/benchmarks/small_grids.py

Every layer is asked about grids of many sizes, in bfloat16 throughout and as the program computes,
and compared with float32: wrong is a difference of more than 2 % (rounding makes 0.3 %). Memory is
filled with large numbers before it is given away, so that what nobody wrote is seen. Each layer is
asked in a process of its own, as a grid may end it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from SemiWeakSegLib.learning import short_floats
from SemiWeakSegLib.learning.short_floats import autocast

CPU = torch.device("cpu")
LAYERS = {2: (nn.Conv2d, nn.ConvTranspose2d), 3: (nn.Conv3d, nn.ConvTranspose3d)}
AXES = {2: (1, 2, 3, 4, 5, 6, 8, 12), 3: (1, 2, 3, 4, 5, 6, 9)}
# Kernel, stride and padding: those of the program's networks.
SHAPES = ((1, 1, 0), (3, 1, 1), (3, 2, 1), (4, 2, 1), (5, 2, 2), (7, 2, 3))
# A kernel of 7 overruns its memory on grids of 5 voxels in float32 too, which ends the comparison;
# networks.RoomyConvolution has tests of its own.
LARGEST = {2: 7, 3: 5}
CHANNELS = 32, 64
LIMIT = 0.02
# The allocator's, of the C library of Linux.
FILLED = {"MALLOC_PERTURB_": "128"}


def gradients(layer: nn.Module, image: torch.Tensor, context: AbstractContextManager) -> list:
    """Of the layer's answer to the image: that itself, the image's gradient, the kernel's."""
    layer.zero_grad()
    image = image.clone().requires_grad_()
    with context:
        found = layer(image)
    found.float().square().mean().backward()
    return [found.detach().float(), image.grad, layer.weight.grad.clone()]


def is_wrong(found: list, exact: list) -> bool:
    """Whether any of them is not finite or too far from what it should be."""
    return any(
        not torch.isfinite(a).all() or (a - b).norm() > LIMIT * b.norm().clamp(min=1e-12)
        for a, b in zip(found, exact, strict=True)
    )


def ask(dimensions: int, kind: int, shape: tuple[int, int, int], guarded: bool) -> None:
    """Print a line for each grid: its axes, and whether it is wrong."""
    torch.manual_seed(0)
    short_floats.processor_has_bfloat16 = lambda: guarded
    kernel, stride, padding = shape
    layer = LAYERS[dimensions][kind](*CHANNELS, kernel, stride, padding)
    for grid in sorted(itertools.product(AXES[dimensions], repeat=dimensions), reverse=True):
        image = torch.randn(2, CHANNELS[0], *grid)
        try:
            exact = gradients(layer, image, nullcontext())
        except RuntimeError:  # the grid is smaller than the layer takes
            continue
        context = autocast(CPU) if guarded else torch.autocast("cpu", torch.bfloat16)
        print(*grid, int(is_wrong(gradients(layer, image, context), exact)), flush=True)


def answers(*layer: object) -> tuple[list[tuple[list[int], bool]], bool]:
    """(axes, wrong) of all grids of a layer, and whether the process came to its end."""
    command = [sys.executable, __file__, "--ask", *map(str, layer)]
    done = subprocess.run(
        command,
        env=os.environ | FILLED,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    rows = [list(map(int, line.split())) for line in done.stdout.splitlines()]
    return [(axes, bool(wrong)) for *axes, wrong in rows], done.returncode == 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ask", nargs=6, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args().ask
    if asked:
        dimensions, kind, *shape, guarded = asked
        ask(dimensions, kind, tuple(shape), bool(guarded))
        return
    print("| layer | kernel | stride | wrong in bfloat16 | their shortest axis | in the program |")
    print("|---|---|---|---|---|---|")
    for dimensions, kind, shape in itertools.product((2, 3), (0, 1), SHAPES):
        if shape[0] > LARGEST[dimensions]:
            continue
        plain, ended = answers(dimensions, kind, *shape, 0)
        guarded, also_ended = answers(dimensions, kind, *shape, 1)
        wrong = [min(axes) for axes, is_bad in plain if is_bad]
        count = f"{len(wrong)} of {len(plain)}" + ("" if ended else ", then it crashed")
        shortest = "" if not wrong else f"at most {max(wrong)}"
        here = sum(is_bad for _, is_bad in guarded) if also_ended else "crashed"
        name = LAYERS[dimensions][kind].__name__
        print(f"| {name} | {shape[0]} | {shape[1]} | {count} | {shortest} | {here} |", flush=True)


if __name__ == "__main__":
    main()
