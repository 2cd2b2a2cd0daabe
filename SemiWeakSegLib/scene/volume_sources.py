"""Cases from volumes of the scene, with their segmentations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import slicer

from SemiWeakSegLib.cohort import Case, Problem, SegmentClass
from SemiWeakSegLib.scene.annotation_writing import denseArray, writeLabel
from SemiWeakSegLib.scene.case_ids import fileSafe, folded
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.folder_sources import AddReport
from SemiWeakSegLib.scene.hierarchy import placeUnderCohort
from SemiWeakSegLib.scene.node_names import BINDING, CASE, IMAGE
from SemiWeakSegLib.scene.segment_classes import terminologyOf
from SemiWeakSegLib.scene.segments import classesOfSegments, unknownSegments
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import bindVolume, exportImage, imageFileOf

Volume = slicer.vtkMRMLVolumeNode
Segmentation = slicer.vtkMRMLSegmentationNode


def addVolumes(
    study: Study,
    volumeNodes: Iterable[Volume],
    segmentations: Mapping[Volume | str, Segmentation] | None = None,
) -> AddReport:
    """Add volumes of the scene as cases.

    The file a volume was read from is used where it still shows it; others are saved to the
    cohort's ``images``. ``segmentations``, by volume node or its id, become dense labels: segments
    match classes by tag or name, and give the classes where the cohort has none. Raises
    SceneError, with nothing added.
    """
    drawn = _byId(segmentations or {})
    nodes = list(volumeNodes)
    return addAsCases(study, nodes, lambda node: _caseOf(study, node), drawn)


def addAsCases(
    study: Study,
    nodes: list[Volume],
    caseOf: object,
    segmentations: Mapping[str, Segmentation],
) -> AddReport:
    """Add what ``caseOf(node)`` gives, (case, files that were written for it), as one step."""
    report = AddReport()
    written: list[Path] = []
    # A volume must not go on showing a case, or a file, that was not added after all.
    before = [{name: node.GetAttribute(name) for name in BINDING} for node in nodes]
    try:
        with study.grouped(_("Add {count} volumes").format(count=len(nodes))):
            if not study.classes and segmentations:
                study.setClasses(_classesOfSegmentations(segmentations.values()))
            for node in nodes:
                case = caseShownBy(study, node)
                if case is None:
                    new, files = caseOf(node)  # type: ignore[operator]
                    written += files
                    case = _withImage(study, new)
                    if case is None:
                        [caseId] = study.addCases([new])
                        case = study.case(caseId)
                        report.added.append(caseId)
                    bindVolume(node, case, study.path)
                segmentation = segmentations.get(node.GetID())
                if segmentation is not None and case.label is None:
                    _annotate(study, case, node, segmentation, report)
                elif case.id not in report.added:
                    report.skipped.append(case.id)
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        for node, attributes in zip(nodes, before, strict=True):
            for name, value in attributes.items():
                node.SetAttribute(name, value)
        raise
    for caseId in report.added:
        for node in nodes:
            if node.GetAttribute(CASE) == caseId:
                placeUnderCohort(node, study, study.case(caseId))
    return report


def caseShownBy(study: Study, node: Volume) -> Case | None:
    """The case of the study whose image the volume is known to show."""
    caseId = node.GetAttribute(CASE)
    if caseId is None or not study.hasCase(caseId):
        return None
    case = study.case(caseId)
    return case if node.GetAttribute(IMAGE) == str(case.images[0]) else None


def savedVolume(study: Study, node: Volume) -> Path:
    """Write the volume to a new file in the cohort's ``images``; returns it."""
    name, number = fileSafe(node.GetName() or _("volume")), 1
    path = study.imagesFolder / f"{name}.nrrd"
    while path.exists():
        number += 1
        path = study.imagesFolder / f"{name}_{number}.nrrd"
    return exportImage(node, path)


def _caseOf(study: Study, node: Volume) -> tuple[Case, list[Path]]:
    name = node.GetName() or _("volume")
    file = imageFileOf(node)
    if file is not None:
        return Case(id=name, images=(file,)), []
    saved = savedVolume(study, node)
    return Case(id=name, images=(saved,)), [saved]


def _withImage(study: Study, new: Case) -> Case | None:
    for case in study.cohort.cases:
        if case.images and case.images[0] == new.images[0]:
            return case
    return None


def _annotate(
    study: Study, case: Case, node: Volume, segmentation: Segmentation, report: AddReport
) -> None:
    name = segmentation.GetName()
    known = set(classesOfSegments(segmentation, study.classes).values()) - {0}
    if not known:
        raise SceneError(
            _(
                "Case {case}: segmentation {name!r} has no segment that is called like a class "
                "({classes})."
            ).format(
                case=case.id, name=name, classes=", ".join(item.name for item in study.classes)
            )
        )
    path = writeLabel(
        study, case, denseArray(segmentation, node, case, study.classes), segmentation, node
    )
    looked = None if len(known) == len(study.classes) else tuple(sorted(known))
    study.replaceCases([replace(case, label=path, looked_at=looked)], _("Add annotation"))
    unknown = unknownSegments(segmentation, study.classes)
    if unknown:
        found = _("segments {names} in {node}").format(names=", ".join(unknown), node=name)
        expected = _("segments called like classes; these were left out")
        report.problems.append(
            Problem("warning", "unknown_segment", case.id, None, found, expected)
        )
    if case.id not in report.added:
        report.updated.append(case.id)


def _classesOfSegmentations(segmentations: Iterable[Segmentation]) -> list[SegmentClass]:
    """One class for each name of a segment, in the order they come; "background" is none."""
    found: dict[str, SegmentClass] = {}
    taken: set[str] = folded(["background", _("background")])
    for node in segmentations:
        segmentation = node.GetSegmentation()
        for segmentId in segmentation.GetSegmentIDs():
            segment = segmentation.GetSegment(segmentId)
            name = (segment.GetName() or segmentId).strip()
            if name.casefold() in taken:
                continue
            taken.add(name.casefold())
            found[name] = SegmentClass(
                len(found) + 1, name, tuple(segment.GetColor()), terminologyOf(segment) or None
            )
    return list(found.values())


def _byId(segmentations: Mapping[Volume | str, Segmentation]) -> dict[str, Segmentation]:
    return {
        key if isinstance(key, str) else key.GetID(): node for key, node in segmentations.items()
    }
