"""Out of memory: recognising it, and what would fit."""

from __future__ import annotations

import dataclasses
import errno
import gc

import torch

from .plan import Plan, leaves_one_voxel, total_strides

# How the CPU's allocator, CUDA's libraries and Metal say it; they raise a plain RuntimeError.
MESSAGES = (
    "can't allocate memory",
    "not enough memory",
    "DefaultCPUAllocator",
    "out of memory",
    "_STATUS_ALLOC_FAILED",
    "bad_alloc",
)


class OutOfMemory(RuntimeError):
    """Training does not fit; the message names batch and patch, and what may fit."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for a device's or the computer's memory being used up."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM  # a memory map that found no address space
    return isinstance(error, RuntimeError) and any(text in str(error) for text in MESSAGES)


def release_memory(device: torch.device) -> None:
    """Gives back what nobody holds any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def shrink(plan: Plan) -> Plan | None:
    """The same plan with half the batch, else half the patch along its longest axis, else None.

    A patch that must hold whole images is not cut, and none so far that a single voxel is left at
    the bottom of the network.
    """
    if max(plan.batch_labeled, plan.batch_unlabeled) > 1:
        return dataclasses.replace(
            plan,
            batch_labeled=max(1, plan.batch_labeled // 2),
            batch_unlabeled=max(1, plan.batch_unlabeled // 2),
        )
    if plan.whole:
        return None
    strides = plan.network["strides"]
    multiples = total_strides(strides)
    for axis in sorted(range(plan.dimensions), key=lambda each: -plan.patch_size[each]):
        patch = list(plan.patch_size)
        patch[axis] = patch[axis] // 2 // multiples[axis] * multiples[axis]
        if not leaves_one_voxel(patch, strides):
            return dataclasses.replace(plan, patch_size=patch)
    return None
