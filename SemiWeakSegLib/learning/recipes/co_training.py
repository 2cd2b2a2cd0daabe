"""Co-training: a network of members, and which labeled cases each of them learns from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...cohort import Case
from ...cohort.case import group_of
from ...methods.co_training import CoTraining
from ..plan import Plan, leaves_one_voxel
from ..stages import Stage, Workshop
from ..terms import Term
from ..terms.co_training import (
    AgreementTerm,
    DisagreementTerm,
    MemberPseudoLabelTerm,
    MemberSupervisedTerm,
    Subsets,
)
from .segmenters import segmenter

# Cases of a member that a note names.
NAMED = 5
PLANES = ("axial", "coronal", "sagittal")


def co_training(settings: CoTraining, workshop: Workshop) -> list[Stage]:
    """One stage on all training cases with a `ViewEnsemble`."""
    cases = [workshop.store.cases[index] for index in workshop.labeled]
    views = choose_views(settings, workshop.plan, cases)
    subsets: Subsets = None
    if views == "subsets":
        subsets = split_by_group(workshop, settings.members)
        workshop.emit("note", message=_describe_subsets(subsets, workshop))
        for sentence in _unseen_classes(subsets, workshop):
            workshop.emit("warning", message=sentence)
    if views == "planes" and settings.members not in (len(PLANES), type(settings)().members):
        workshop.emit(
            "warning",
            message=(
                f"members={settings.members} is not used: of volumes there is a network for each "
                "of the three planes; views=starts trains as many as you say"
            ),
        )
    stage = segmenter(settings, workshop, _terms(settings, subsets), unlabeled=workshop.unlabeled)
    stage.network = ensemble_settings(settings, workshop.plan, views)
    return [stage]


def _terms(settings: CoTraining, subsets: Subsets) -> Callable[[], list[Term]]:
    def terms() -> list[Term]:
        made: list[Term] = [
            MemberSupervisedTerm(settings.cross_entropy_weight, settings.dice_weight, subsets)
        ]
        if settings.agreement_weight > 0:
            made.append(AgreementTerm(settings.agreement_weight, settings.ramp))
        if settings.pseudo_label_weight > 0:
            made.append(
                MemberPseudoLabelTerm(
                    settings.threshold, settings.pseudo_label_weight, settings.ramp, subsets
                )
            )
        if settings.disagreement_weight > 0:
            made.append(
                DisagreementTerm(settings.epsilon, settings.disagreement_weight, settings.ramp)
            )
        return made

    return terms


def describe_members(settings: CoTraining, plan: Plan, annotated: Iterable[Case]) -> str:
    """A sentence on the networks there will be; raises ValueError as `choose_views` does."""
    views = choose_views(settings, plan, list(annotated))
    count = len(ensemble_settings(settings, plan, views)["members"])
    if views == "planes":
        names = ", ".join(PLANES) if plan.orient and plan.frame is None else "of each image axis"
        return (
            f"co-training: {count} networks of 2-D slices ({names}), each with the channels of "
            "this plan's network; their mean segments"
        )
    kind = "each learns from labeled cases of its own"
    if views == "starts":
        kind = "all learn from the same labeled cases and differ by how they begin"
    return f"co-training: {count} networks like this plan's, {kind}; their mean segments"


def choose_views(settings: CoTraining, plan: Plan, annotated: list[Case]) -> str:
    """planes, subsets or starts.

    Raises ValueError where what was asked for cannot be had from this plan or these cases.
    """
    views = settings.views
    groups = len({group_of(case) for case in annotated if not _is_only_boxed(case)})
    if views == "auto":
        if plan.dimensions == 3:
            return "planes"
        return "subsets" if groups >= settings.members else "starts"
    if views == "planes" and plan.dimensions == 2:
        raise ValueError(
            "views=planes needs volumes, this plan cuts 2-D slices: choose views=auto, or "
            "dimensions=3 in the plan"
        )
    if views == "subsets" and groups < settings.members:
        other = "views=planes" if plan.dimensions == 3 else "views=starts"
        fewer = f"members={groups}, " if groups > 1 else ""
        raise ValueError(
            f"views=subsets gives each of {settings.members} networks labeled cases of its own, "
            f"there {'is' if groups == 1 else 'are'} {groups} (cases of a group count as one): "
            f"choose {fewer}{other}, or label more cases"
        )
    return views


def ensemble_settings(settings: CoTraining, plan: Plan, views: str) -> dict[str, Any]:
    """The settings of the network, for `build_network`."""
    across: list[int | None] = [None] * settings.members
    if views == "planes":
        across = list(range(3))
    members = [member_settings(plan, axis) for axis in across]
    return {"name": "co_training", "members": members, "across": across}


def member_settings(plan: Plan, across: int | None) -> dict[str, Any]:
    """The plan's network, for slices without the axis ``across`` where there is one."""
    network = copy.deepcopy(plan.network)
    if across is None:
        return network
    network["dimensions"] = 2
    network["strides"] = [
        [step for axis, step in enumerate(stride) if axis != across]
        for stride in network["strides"]
    ]
    patch = [size for axis, size in enumerate(plan.patch_size) if axis != across]
    if leaves_one_voxel(patch, network["strides"]):
        size = " x ".join(str(edge) for edge in plan.patch_size)
        raise ValueError(
            f"views=planes: the patch of {size} voxels leaves a single voxel of its slices at the "
            "bottom of the network: choose views=subsets or starts, or a larger patch_size"
        )
    return network


def split_by_group(workshop: Workshop, members: int) -> list[frozenset[int]]:
    """Labeled cases (indices) for each member: disjoint, no group divided, of about equal number.

    Fully labeled cases are shared out first. Every member gets the cases that have boxes alone:
    of these only the background is known, and nobody could learn a class from them. The same for
    the same seed of the run.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    boxed: list[int] = []
    for index in workshop.labeled:
        case = workshop.store.cases[index]
        if _is_only_boxed(case):
            boxed.append(index)
        else:
            groups.setdefault(group_of(case), []).append(index)
    dense = set(workshop.dense)
    drawn = np.random.default_rng(workshop.seed).permutation(len(groups))
    shuffled = [list(groups.values())[number] for number in drawn]
    shuffled.sort(key=lambda cases: (-len(dense.intersection(cases)), -len(cases)))
    subsets: list[list[int]] = [[] for _ in range(members)]
    for cases in shuffled:
        least = min(subsets, key=lambda each: (len(dense.intersection(each)), len(each)))
        least.extend(cases)
    return [frozenset([*each, *boxed]) for each in subsets]


def _is_only_boxed(case: Case) -> bool:
    return case.label is None and not case.points


def _unseen_classes(subsets: Iterable[frozenset[int]], workshop: Workshop) -> list[str]:
    """A sentence for each member none of whose cases was searched for some class."""
    found = []
    for number, cases in enumerate(subsets, start=1):
        marked = [index for index in cases if not _is_only_boxed(workshop.store.cases[index])]
        looked_at = [workshop.store.looked_at(index) for index in marked]
        names = [
            item.name
            for item in workshop.classes
            if not any(each[item.index] for each in looked_at)
        ]
        if names:
            found.append(
                f"co-training: network {number} learns from no case in which {', '.join(names)} "
                "was looked for: choose views=starts, or label more such cases"
            )
    return found


def _describe_subsets(subsets: Iterable[frozenset[int]], workshop: Workshop) -> str:
    parts = []
    for number, cases in enumerate(subsets, start=1):
        names = [workshop.store.cases[index].id for index in sorted(cases)]
        further = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        parts.append(f"network {number} learns from {', '.join(names[:NAMED])}{further}")
    return "co-training: " + "; ".join(parts)
