"""Where cases come from: folders and lists, volumes of the scene, DICOM."""

from SemiWeakSegLib.scene.dicom_sources import addDicomVolumes, dicomVolumes
from SemiWeakSegLib.scene.folder_sources import AddReport, addAny, addFolder
from SemiWeakSegLib.scene.volume_sources import addVolumes

__all__ = [
    "AddReport",
    "addAny",
    "addDicomVolumes",
    "addFolder",
    "addVolumes",
    "dicomVolumes",
]
