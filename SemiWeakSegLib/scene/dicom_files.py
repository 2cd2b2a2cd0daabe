"""The DICOM files that a case's image came from."""

from __future__ import annotations

import json
from pathlib import Path

from SemiWeakSegLib.cohort import Case, ImageError, stem_of
from SemiWeakSegLib.cohort.dicom import series_files


def cameFromDicom(case: Case) -> list[Path]:
    """The DICOM files of the case's image; empty when it did not come from DICOM.

    They are those of the series' folder, or those listed in ``<image>.dicom.json`` beside the
    image. Listed files may have been moved away since.
    """
    image = case.images[0]
    if image.is_dir():
        try:
            return [Path(file) for file in series_files(image)]
        except ImageError:
            return []
    sidecar = image.with_name(f"{stem_of(image)}.dicom.json")
    try:
        document = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    names = document.get("files", []) if isinstance(document, dict) else []
    return [sidecar.parent / name for name in names if isinstance(name, str)]
