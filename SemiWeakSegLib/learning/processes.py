"""One or several training processes (torchrun, SLURM): averages, decisions, barriers."""

from __future__ import annotations

import importlib
import os
from datetime import timedelta

import torch
import torch.distributed as distributed
from torch import nn

# The main process may preprocess or predict for hours while the others wait.
WAIT_LIMIT = timedelta(days=7)


class Processes:
    """This process among the others; with one process every call is free.

    Started by ``torchrun`` or anything that sets RANK, WORLD_SIZE and MASTER_ADDR. Gradients are
    averaged once per step in one message.
    """

    def __init__(self, device: str):
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        self.device = choose_device(device, self.local_rank if self.world > 1 else None)
        self._started = False
        if self.world > 1 and not distributed.is_initialized():
            # Messages about what to do next go by gloo: no GPU has to wait for them.
            backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            # Its functions take the group of the moment of their import as a default: imported
            # later (torch does by itself) they would keep it, with its threads, beyond `close`.
            importlib.import_module("torch.distributed.nn")
            distributed.init_process_group(backend, timeout=WAIT_LIMIT)
            self._started = True

    @property
    def is_main(self) -> bool:
        """True for the process that writes files."""
        return self.rank == 0

    def copy_from_main(self, network: nn.Module) -> None:
        """Makes every process start from the main one's weights."""
        if self.world > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def average_gradients(self, network: nn.Module) -> None:
        """Mean of the gradients over the processes."""
        if self.world == 1:
            return
        gradients = [each.grad for each in network.parameters() if each.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.world
        for gradient, part in zip(
            gradients, flat.split([each.numel() for each in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def average_buffers(self, network: nn.Module) -> None:
        """Mean of floating-point buffers (batch statistics) over the processes."""
        if self.world > 1:
            for buffer in network.buffers():
                if buffer.is_floating_point():
                    distributed.all_reduce(buffer)
                    buffer /= self.world

    def average(self, tensor: torch.Tensor) -> torch.Tensor:
        """Mean of a tensor over the processes, without a gradient; all must call it."""
        if self.world == 1:
            return tensor
        result = tensor.detach().clone()
        distributed.all_reduce(result)
        return result / self.world

    def agree(self, value: float) -> float:
        """The main process's number, known to all."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(shared, src=0)
        return float(shared)

    def wait(self) -> None:
        """Returns when all processes have come here."""
        if self.world > 1:
            # Of a CPU tensor, as in `agree`; a barrier would go through the GPU.
            distributed.all_reduce(torch.zeros(1))

    def close(self) -> None:
        """Leaves the group that this object joined; its threads have ended on return.

        One that still had to drop a message under Python's lock would abort the process at its end.
        """
        if self._started:
            distributed.destroy_process_group()


def choose_device(name: str, local_rank: int | None = None) -> torch.device:
    """auto | cpu | cuda[:i] | mps to a device; raises ValueError where it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdigit()):
        raise ValueError(f"device {name!r}: expected auto, cpu, cuda, cuda:0 or mps")
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise ValueError(f"device {name!r}: torch {torch.__version__} sees no CUDA GPU here")
        index = int(number) if number else (local_rank or 0)
        if index >= torch.cuda.device_count():
            raise ValueError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs")
        return torch.device("cuda", index)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {name!r}: Apple's Metal is not available here")
    return torch.device(kind)
