"""The numbers that networks compute with: 16 bits where a device is fast with them and right."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = {torch.conv2d, torch.conv3d, torch.conv_transpose2d, torch.conv_transpose3d}


def half_type(device: torch.device) -> torch.dtype:
    """The short floats a device computes fast with: bfloat16, float16 on older GPUs, else float32.

    GPUs before 2020 only imitate bfloat16, slower than float32, as do most processors.
    """
    if device.type == "cpu":
        return torch.bfloat16 if processor_has_bfloat16() else torch.float32
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16


@functools.cache
def processor_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself (x86 since about 2021 to 2023)."""
    # Older versions of torch cannot tell; float32 is right everywhere.
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


@contextmanager
def autocast(device: torch.device) -> Iterator[None]:
    """A context in which networks compute with `half_type`, on processors but for small grids."""
    half = half_type(device)
    with torch.autocast(device.type, half, enabled=half != torch.float32):
        if device.type == "cpu" and half == torch.bfloat16:
            with _SmallGridsInFloat32():
                yield
        else:
            yield


class _SmallGridsInFloat32(TorchFunctionMode):
    """Convolutions of grids of a few voxels in float32.

    On processors the bfloat16 gradient of a kernel is wrong where an axis of the grid is shorter
    than the kernel: parts of it are memory that nobody wrote, which may be nan, and some grids
    overrun their memory (torch 2.13; Testing/benchmarks/small_grids.py looks). Planned U-Nets stop
    at 3 voxels, regressors of sizes do not.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        options = options or {}
        if function in CONVOLUTIONS and is_small(arguments[0], arguments[1]):
            image, *others = arguments
            with torch.autocast("cpu", enabled=False):
                return function(image.float(), *others, **options)
        return function(*arguments, **options)


def is_small(image: torch.Tensor, kernel: torch.Tensor) -> bool:
    """Whether an axis of (B, C, *grid) is shorter than that of (out, in, *kernel)."""
    return any(a < b for a, b in zip(image.shape[2:], kernel.shape[2:], strict=True))
