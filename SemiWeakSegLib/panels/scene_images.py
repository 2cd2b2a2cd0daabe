"""Volumes of the scene as files that a run can predict. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.case_ids import distinctId, folded
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.node_names import CASE
from SemiWeakSegLib.scene.run_classes import cohortOfRun
from SemiWeakSegLib.scene.volumes import bindVolume, exportImage

FOLDER = "new_images"


def exportVolumes(run: RunFolder, volumeNodes: Sequence[slicer.vtkMRMLScalarVolumeNode]) -> Path:
    """Write volumes to a new folder of the run, on their own grids; returns the folder.

    Their names become the names of the files, and are told from those of the run's cases. A
    volume that shows no case yet is bound to its file, so that its prediction lies on the volume
    itself. Raises SceneError where a volume has no voxels or cannot be written.
    """
    if not volumeNodes:
        raise SceneError(_("Choose at least one volume to predict."))
    number = 1
    while (run.path / FOLDER / f"scene_{number}").exists():
        number += 1
    folder = run.path / FOLDER / f"scene_{number}"
    taken = folded(case.id for case in cohortOfRun(run).cases)
    for node in volumeNodes:
        caseId = distinctId(node.GetName(), taken)
        path = exportImage(node, folder / f"{caseId}.nrrd")
        if node.GetAttribute(CASE) is None:
            bindVolume(node, Case(id=caseId, images=(path,)))
    return folder
