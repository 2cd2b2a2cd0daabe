"""Cases from volumes that were loaded from DICOM."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import SimpleITK as sitk
import slicer

from SemiWeakSegLib.cohort import Case, ImageError, read_geometry
from SemiWeakSegLib.runs.atomic import write_json
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.folder_sources import AddReport
from SemiWeakSegLib.scene.grids import gridOfVolume
from SemiWeakSegLib.scene.nodes import nodesOfClass
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volume_sources import Volume, addAsCases, savedVolume

INSTANCES = "DICOM.instanceUIDs"
PATIENT_ID = "0010|0020"
IGNORED = ("dicomdir", ".ds_store", "thumbs.db")


def dicomVolumes() -> list[Volume]:
    """The scalar volumes in the scene that came from DICOM."""
    return [
        node for node in nodesOfClass("vtkMRMLScalarVolumeNode") if node.GetAttribute(INSTANCES)
    ]


def addDicomVolumes(study: Study, volumeNodes: Iterable[Volume]) -> AddReport:
    """Add DICOM volumes as cases, cases of one patient in one group.

    The series' folder itself is used where it holds nothing else and gives the same grid.
    Otherwise the volume is saved to ``images``, with the list of its source files beside it. The
    group is a short digest of the patient's id, never the id. Raises SceneError for a volume that
    did not come from DICOM, with nothing added.
    """
    nodes = list(volumeNodes)
    for node in nodes:
        if not node.GetAttribute(INSTANCES):
            raise SceneError(
                _("{name} was not loaded from DICOM; add it as a volume of the scene.").format(
                    name=node.GetName()
                )
            )
    return addAsCases(study, nodes, lambda node: _caseOf(study, node), {})


def sourceFiles(node: Volume) -> list[Path]:
    """The DICOM files of a volume; empty where neither the database nor the volume knows them."""
    database = getattr(slicer, "dicomDatabase", None)
    names: list[str] = []
    if database is not None:
        uids = (node.GetAttribute(INSTANCES) or "").split()
        names = [str(database.fileForInstance(uid) or "") for uid in uids]
    storage = node.GetStorageNode()
    if not all(names) or not names:
        names = []
        if storage is not None:
            names = [storage.GetFileName() or ""]
            names += [storage.GetNthFileName(i) for i in range(storage.GetNumberOfFileNames())]
    files = [Path(name).absolute() for name in dict.fromkeys(names) if name]
    return files if files and all(file.is_file() for file in files) else []


def sidecarOf(image: Path) -> Path:
    """Where the source files of a saved image are listed: ``<name>.dicom.json`` beside it."""
    return image.with_name(f"{image.name.removesuffix('.nrrd')}.dicom.json")


def _caseOf(study: Study, node: Volume) -> tuple[Case, list[Path]]:
    files = sourceFiles(node)
    group = _patient(files[0]) if files else None
    name = node.GetName() or _("volume")
    folder = _ownFolder(files, node)
    if folder is not None:
        return Case(id=name, images=(folder,), group=group), []
    saved = savedVolume(study, node)
    written = [saved]
    if files:
        write_json(sidecarOf(saved), {"files": [str(file) for file in files]})
        written.append(sidecarOf(saved))
    return Case(id=name, images=(saved,), group=group), written


def _ownFolder(files: list[Path], node: Volume) -> Path | None:
    """The folder that the files fill alone, if reading it gives the node's grid."""
    if not files:
        return None
    folder = files[0].parent
    others = [
        path
        for path in folder.iterdir()
        if path.name.lower() not in IGNORED and not path.name.startswith(".")
    ]
    if set(others) != set(files):
        return None
    try:
        difference = read_geometry(folder).describe_difference(gridOfVolume(node))
    except (ImageError, RuntimeError):
        return None
    return folder if difference is None else None


def _patient(file: Path) -> str | None:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    if not reader.HasMetaDataKey(PATIENT_ID):
        return None
    identity = reader.GetMetaData(PATIENT_ID).strip()
    digest = hashlib.sha256(identity.encode("utf-8", errors="replace")).hexdigest()
    return f"patient {digest[:8]}" if identity else None
