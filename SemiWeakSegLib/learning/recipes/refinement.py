"""Rounds of training, prediction and inference, each from the former weights."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...methods import terms as term_settings
from ...methods.refinement import Refinement
from ..refinement import (
    change_of,
    open_cases,
    use_labels,
    write_first_labels,
    write_next_labels,
)
from ..saved_model import load_tensors
from ..stages import FINAL_STAGE, Stage, Workshop
from ..terms import CandidateTerm, Term
from .segmenters import segmenter, supervision


def refinement(settings: Refinement, workshop: Workshop) -> list[Stage]:
    """First labels, then up to ``rounds`` stages on labels made anew; the last one always trains.

    A stage in between is left out where the labels it would learn have hardly changed.
    """
    if not open_cases(workshop):
        raise ValueError(
            "every voxel of the annotated cases is known, there is nothing to refine: use "
            "'supervised', or 'pseudo_label' for the cases without annotation"
        )
    names = ["start", *(f"round_{number}" for number in range(1, settings.rounds)), FINAL_STAGE]

    def terms() -> list[Term]:
        made: list[Term] = [supervision(settings)]
        if workshop.store.knowledge:
            made.append(CandidateTerm(term_settings.CandidateTerm(), 1.0))
        return made

    def is_settled(number: int, shop: Workshop) -> bool:
        change = change_of(shop, number)
        return change is None or change < settings.stop_change

    def finish(stage: Stage, number: int, shop: Workshop) -> None:
        network, inference = shop.load_stage(stage), settings.inference_settings()
        write_next_labels(network, shop, number + 1, inference, settings.box_fill)

    stages = []
    for number, name in enumerate(names):
        first, last = number == 0, name == FINAL_STAGE
        kept: dict[str, Any] = {
            "share": settings.first_share
            if first
            else (1 - settings.first_share) / (len(names) - 1)
        }
        if first:
            kept["prepare"] = partial(_start, settings)
        else:
            kept["prepare"] = partial(_use_latest, number)
            kept["initialise"] = partial(_continue_from, names[:number])
        if not (first or last):
            kept["skip"] = partial(is_settled, number)
        stage = segmenter(settings, workshop, terms, name=name, **kept)
        if not last:
            stage.finish = partial(finish, stage, number)
        stages.append(stage)
    return stages


def _start(settings: Refinement, workshop: Workshop) -> None:
    write_first_labels(workshop, settings.box_core, settings.start)
    use_labels(workshop, 0)


def _use_latest(number: int, workshop: Workshop) -> None:
    """The labels of this round, or of the last one there was before the rounds ended."""
    while number > 0 and change_of(workshop, number) is None:
        number -= 1
    use_labels(workshop, number)


def _continue_from(former: list[str], network: nn.Module, workshop: Workshop) -> None:
    """The weights of the last stage before this one that was trained."""
    trained = [name for name in former if workshop.weights_path(name).exists()]
    network.load_state_dict(load_tensors(workshop.weights_path(trained[-1]))["network"])
