"""``checkpoints/last.pt`` of a run between its stages: what a resumed run goes on from."""

from __future__ import annotations

from typing import Any

from .saved_model import load_tensors, save_tensors
from .stages import Stage, Workshop


def read_checkpoint(workshop: Workshop) -> dict[str, Any] | None:
    """The state in ``checkpoints/last.pt``, or None."""
    path = workshop.run.last_checkpoint
    return load_tensors(path, workshop.device) if path.exists() else None


def mark_finished(workshop: Workshop, stages: list[Stage], number: int) -> None:
    """Notes that stages up to ``number`` are done, so that a resumed run starts the next one."""
    trained = [each for each in stages[: number + 1] if workshop.weights_path(each.name).exists()]
    state: dict[str, Any] = {"stage": number + 1, "step": 0}
    if trained:
        # Whose weights a run that goes no further has for its model.
        state |= {"name": trained[-1].name, "settings": trained[-1].network}
    save_tensors(workshop.run.last_checkpoint, state)
