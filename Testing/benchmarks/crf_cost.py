"""What the dense CRF loss costs, and how far its gradient is from the exact kernel's.

    OMP_NUM_THREADS=2 python Testing/benchmarks/crf_cost.py [--json FILE] [--rounds N]

Errors: the gradient by the logits against that of the exact sum over all pairs, in float64. Costs:
forward + backward in interleaved rounds, medians, as ratios to a U-Net's forward + backward on the
same batch; seconds are of this machine only. Memory: peak resident size of a child process, above
that of a child that makes the same inputs and no loss.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from monai.networks.nets import UNet
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SemiWeakSegLib.learning.losses import Kernel, dense_crf_loss, grid_crf_loss

UNET_CHANNELS = (16, 32, 64, 128, 256)


def scene(
    shape: tuple[int, ...], batch: int = 1, classes: int = 4, channels: int = 1, noise: float = 0.03
) -> tuple[Tensor, Tensor]:
    """Logits and image of smooth regions with noise, the same every time."""
    generator = torch.Generator().manual_seed(0)
    mode = "bilinear" if len(shape) == 2 else "trilinear"

    def blobs(count: int, cells: int) -> Tensor:
        coarse = torch.randn(batch, count, *[cells] * len(shape), generator=generator)
        return functional.interpolate(coarse, shape, mode=mode)

    image = 0.4 + 0.3 * torch.tanh(3 * blobs(channels, 8))
    image = image + noise * torch.randn(image.shape, generator=generator)
    logits = 3 * blobs(classes, 6)
    logits = logits + 0.5 * torch.randn(logits.shape, generator=generator)
    return logits, image.clamp(0, 1)


def exact_gradient(
    logits: Tensor, image: Tensor, spacing: tuple[float, ...], kernel: Kernel
) -> Tensor:
    """Gradient of the Potts form over all pairs of different voxels, in float64."""
    axes = [
        torch.arange(n).double() * step for n, step in zip(logits.shape[2:], spacing, strict=True)
    ]
    position = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
    exponent = torch.cdist(position, position).square_().div_(-2 * kernel.sigma_space**2)
    colour = image[0].double().flatten(1).T
    exponent -= torch.cdist(colour, colour).square_().div_(2 * kernel.sigma_intensity**2)
    weights = exponent.exp_().fill_diagonal_(0)
    scores = logits[0].double().softmax(dim=0).flatten(1)
    neighbours = scores @ weights
    slope = scores * ((scores * neighbours).sum(dim=0) - neighbours)
    return (2 * slope / neighbours.sum()).view(logits.shape)


def loss_gradient(logits: Tensor, *arguments, **options) -> Tensor:
    variable = logits.detach().clone().requires_grad_()
    dense_crf_loss(variable, *arguments, **options).backward()
    return variable.grad


def errors() -> list[dict]:
    """Relative error of the gradient by the logits."""
    rows = []
    for name, shape, spacing, sigma, channels, noise in (
        ("2-D", (96, 96), (1.0, 1.0), 15.0, 1, 0.03),
        ("2-D, short range", (96, 96), (1.0, 1.0), 5.0, 1, 0.03),
        ("2-D, anisotropic", (80, 96), (1.5, 0.8), 8.0, 1, 0.03),
        ("3-D, anisotropic", (24, 28, 20), (1.0, 1.5, 2.5), 6.0, 1, 0.03),
        ("3-D, thick slices", (10, 36, 36), (8.0, 1.5, 1.5), 12.0, 1, 0.03),
        ("2-D, 2 channels", (80, 80), (1.0, 1.0), 10.0, 2, 0.03),
        ("2-D, 3 channels", (80, 80), (1.0, 1.0), 10.0, 3, 0.03),
        ("2-D, 3 noisy channels", (80, 80), (1.0, 1.0), 10.0, 3, 0.06),
        ("2-D, 4 channels", (80, 80), (1.0, 1.0), 10.0, 4, 0.03),
    ):
        logits, image = scene(shape, channels=channels, noise=noise)
        kernel = Kernel(1.0, sigma, 0.1)
        expected = exact_gradient(logits, image, spacing, kernel)
        found = loss_gradient(logits, image, torch.tensor([spacing]), [kernel])
        error = float((found.double() - expected).norm() / expected.norm())
        rows.append({"case": name, "shape": shape, "sigma_mm": sigma, "relative_error": error})
    return rows


def unet_step(dimension: int, residual_units: int, image: Tensor, classes: int) -> Callable:
    network = UNet(dimension, 1, classes, UNET_CHANNELS, (2, 2, 2, 2), num_res_units=residual_units)

    def step() -> None:
        network.zero_grad()
        network(image).square().mean().backward()

    return step


def interleaved(steps: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Median seconds of each step, all measured in every round so that load hits them alike."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number:  # the first round fills caches
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def costs(shape: tuple[int, ...], batch: int, classes: int, rounds: int) -> list[dict]:
    """Forward + backward of the losses over that of two U-Nets on the same batch."""
    logits, image = scene(shape, batch, classes)
    logits.requires_grad_()
    spacing = torch.ones(batch, len(shape))

    def step(loss: Callable, *arguments, **options) -> Callable:
        def run() -> None:
            logits.grad = None
            loss(logits, image, spacing, *arguments, **options).backward()

        return run

    networks = {
        f"U-Net, {n} residual units": unet_step(len(shape), n, image, classes) for n in (0, 2)
    }
    long, short = Kernel(1.0, 15.0, 0.1), Kernel(1.0, 5.0, 0.1)
    losses = {
        "dense, sigma 15": step(dense_crf_loss, [long]),
        "dense, sigma 15, tolerance .02": step(dense_crf_loss, [long], tolerance=0.02),
        "dense, sigma 15, quadratic": step(dense_crf_loss, [long], form="quadratic"),
        "dense, sigma 15 + smoothness 3": step(dense_crf_loss, [long, Kernel(0.3, 3.0)]),
        "dense, sigma 5": step(dense_crf_loss, [short]),
        "grid": step(grid_crf_loss, 0.1),
    }
    seconds = interleaved(networks | losses, rounds)
    plain, residual = (seconds[name] for name in networks)
    return [
        {
            "step": name,
            "shape": (batch, classes, *shape),
            "seconds": value,
            "of_plain_unet": value / plain,
            "of_residual_unet": value / residual,
        }
        for name, value in seconds.items()
    ]


def child(size: int, work: bool) -> None:
    """Print the peak resident size in MiB, and the loss, of one process."""
    # Drawn without temporaries, so that the peak of a child that does no work is its inputs.
    logits, image = torch.randn(1, 3, *(size,) * 3), torch.rand(1, 1, *(size,) * 3)
    value = float("nan")
    seconds = 0.0
    if work:
        logits.requires_grad_()
        start = time.perf_counter()
        loss = dense_crf_loss(logits, image, torch.ones(1, 3), [Kernel(1.0, 12.0, 0.1)])
        loss.backward()
        seconds = time.perf_counter() - start
        value = float(loss.detach())
        assert torch.isfinite(logits.grad).all()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak": peak, "loss": value, "seconds": seconds}))


def memory() -> list[dict]:
    """Peak memory of the loss on cubes with 3 classes, per voxel."""
    rows = []
    for size in (64, 96, 128, 160):
        peaks = []
        for work in (0, 1):
            command = [sys.executable, __file__, "--child", str(size), str(work)]
            out = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
            peaks.append(json.loads(out))
        extra = peaks[1]["peak"] - peaks[0]["peak"]
        rows.append(
            {
                "size": size,
                "extra_mib": extra,
                "bytes_per_voxel": extra * 2**20 / size**3,
                "first_call_seconds": peaks[1]["seconds"],
                "loss": peaks[1]["loss"],
            }
        )
    return rows


def table(title: str, heads: list[str], rows: list[list[str]]) -> str:
    lines = [f"**{title}**", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def as_markdown(result: dict) -> str:
    parts = [
        table(
            "Gradient against the exact kernel",
            ["case", "grid", "sigma (mm)", "relative error"],
            [
                [
                    row["case"],
                    "×".join(map(str, row["shape"])),
                    f"{row['sigma_mm']:g}",
                    f"{row['relative_error']:.2%}",
                ]
                for row in result["errors"]
            ],
        )
    ]
    for rows in result["costs"]:
        shape = "×".join(map(str, rows[0]["shape"]))
        parts.append(
            table(
                f"Forward + backward, {shape}, {result['threads']} threads",
                ["step", "ms", "of a U-Net without residual units", "with 2"],
                [
                    [
                        row["step"],
                        f"{1000 * row['seconds']:.1f}",
                        f"{row['of_plain_unet']:.1%}",
                        f"{row['of_residual_unet']:.1%}",
                    ]
                    for row in rows
                ],
            )
        )
    parts.append(
        table(
            "Memory of forward + backward, 3 classes, sigma 12 voxels",
            ["cube", "MiB", "bytes per voxel", "first call (s)", "loss"],
            [
                [
                    f"{row['size']}³",
                    f"{row['extra_mib']:.0f}",
                    f"{row['bytes_per_voxel']:.0f}",
                    f"{row['first_call_seconds']:.2f}",
                    f"{row['loss']:.3f}",
                ]
                for row in result["memory"]
            ],
        )
    )
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each cost (default 9)")
    parser.add_argument(
        "--child", nargs=2, type=int, metavar=("SIZE", "WORK"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], bool(arguments.child[1]))
        return
    # First, since a child's peak on Linux starts from what its parent had resident.
    peaks = memory()
    result = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "errors": errors(),
        "costs": [
            costs((256, 256), 4, 4, arguments.rounds),
            costs((64, 64, 64), 1, 3, arguments.rounds),
        ],
        "memory": peaks,
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(as_markdown(result))


if __name__ == "__main__":
    main()
