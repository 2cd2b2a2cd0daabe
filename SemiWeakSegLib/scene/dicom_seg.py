"""A segmentation as a DICOM SEG object of the series that its image came from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from SemiWeakSegLib import __version__
from SemiWeakSegLib.cohort import Case, SegmentClass
from SemiWeakSegLib.scene.dicom_files import cameFromDicom
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.image_axes import imageLpsFromNodeIndex
from SemiWeakSegLib.scene.sampling import Region, sampleNearest
from SemiWeakSegLib.scene.segment_classes import BACKGROUND, classesOfSegments, terminologyOf
from SemiWeakSegLib.scene.segment_voxels import segmentMasks
from SemiWeakSegLib.scene.terminology_codes import Code, parseTerminology
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid

if TYPE_CHECKING:
    from pydicom import Dataset

PREDICTION = "SemiWeakSeg.Prediction"
SERIES_NUMBER = 4000
LABEL_LENGTH = 64
"""Characters that DICOM allows in the name of a segment."""


def exportDicomSeg(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    case: Case,
    volumeNode: slicer.vtkMRMLVolumeNode,
    path: str | os.PathLike[str],
    classes: Sequence[SegmentClass],
) -> Path:
    """Write the segments of the classes as a binary DICOM SEG object of the case's series.

    Slices lie on those of the series, whatever order its files have. Overlapping segments stay
    so. Names, colours and terminology go along; a segment without terminology is "tissue".
    Raises SceneError when the case did not come from DICOM, its files are gone or are no plain
    series, nothing is drawn on them, or the package highdicom is missing.
    """
    path = Path(path)
    highdicom = _highdicom()
    sources = _sources(case)
    found = classesOfSegments(segmentationNode, classes)
    checkImageGrid(volumeNode, case)
    imageToLps = imageLpsFromNodeIndex(volumeNode)
    masks = segmentMasks(segmentationNode, volumeNode, list(found))
    drawn: list[tuple[SegmentClass, np.ndarray, str]] = []
    for segmentClass in classes:
        frames = np.zeros((len(sources), sources[0].Rows, sources[0].Columns), bool)
        segmentIds = [each for each in masks if found[each] == segmentClass.index]
        for segmentId in segmentIds:
            _draw(masks[segmentId], imageToLps, sources, frames)
        if segmentClass.index != BACKGROUND and frames.any():
            drawn.append((segmentClass, frames, segmentIds[0]))
    if not drawn:
        raise SceneError(
            _("Case {case}: nothing is drawn on the slices of its DICOM series.").format(
                case=case.id
            )
        )
    automatic = segmentationNode.GetAttribute(PREDICTION) == "1"
    descriptions = [
        _description(highdicom, number, segmentationNode, segmentId, segmentClass, automatic)
        for number, (segmentClass, _frames, segmentId) in enumerate(drawn, start=1)
    ]
    try:
        instance = highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=_pixels([frames for _class, frames, _id in drawn]),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=descriptions,
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="SemiWeakSeg",
            manufacturer_model_name="SemiWeakSeg for 3D Slicer",
            software_versions=__version__,
            device_serial_number="0",
            content_label="SEGMENTATION",
            series_description=_words(segmentationNode.GetName() or "segmentation"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SceneError(
            _(
                "Case {case}: its DICOM series cannot carry a segmentation ({reason}). Export a "
                "label map or .seg.nrrd instead."
            ).format(case=case.id, reason=error)
        ) from error
    # Names of segments may be in any script, whatever the series was written in.
    instance.SpecificCharacterSet = "ISO_IR 192"
    _save(instance, path, case)
    return path


def _highdicom() -> Any:
    try:
        import highdicom
        import highdicom.color
        import pydicom  # noqa: F401
    except ImportError:
        raise SceneError(
            _(
                "DICOM SEG needs the Python package highdicom, which Slicer has from version 5.12 "
                "on. Update Slicer, or export a label map or .seg.nrrd instead."
            )
        ) from None
    return highdicom


def _sources(case: Case) -> list[Dataset]:
    """The headers of the case's series, by position along its normal."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    files = cameFromDicom(case)
    if not files:
        raise SceneError(
            _(
                "Case {case} did not come from DICOM, so it has no series that a DICOM SEG could "
                "belong to. Export a label map or .seg.nrrd instead."
            ).format(case=case.id)
        )
    sources = []
    for file in files:
        try:
            sources.append(pydicom.dcmread(file, stop_before_pixels=True))
        except (OSError, InvalidDicomError) as error:
            raise SceneError(
                _(
                    "Case {case}: the DICOM file {file} cannot be read ({reason}). Put it back, "
                    "or export a label map or .seg.nrrd instead."
                ).format(case=case.id, file=file, reason=error)
            ) from None
    _requirePlain(case, sources)
    normal = np.cross(*np.reshape(sources[0].ImageOrientationPatient, (2, 3)).astype(float))
    return sorted(
        sources, key=lambda each: float(np.dot(np.array(each.ImagePositionPatient, float), normal))
    )


def _requirePlain(case: Case, sources: list[Dataset]) -> None:
    needed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
    problem = None
    missing = [name for name in needed if any(name not in each for each in sources)]
    if any(int(each.get("NumberOfFrames", 1)) > 1 for each in sources):
        problem = _("its files hold several frames each")
    elif missing:
        problem = _("its files lack {names}").format(names=", ".join(missing))
    elif len({each.SeriesInstanceUID for each in sources}) > 1:
        problem = _("its files belong to several series")
    elif len({(each.Rows, each.Columns, str(each.PixelSpacing)) for each in sources}) > 1:
        problem = _("its slices differ in size")
    if problem is not None:
        raise SceneError(
            _(
                "Case {case}: a DICOM SEG cannot be made for its series, because {problem}. "
                "Export a label map or .seg.nrrd instead."
            ).format(case=case.id, problem=problem)
        )


def _draw(mask: Region, imageToLps: np.ndarray, sources: list[Dataset], frames: np.ndarray) -> None:
    """Draw a mask of the image's grid on the slices of the series."""
    shift = np.eye(4)
    shift[:3, 3] = mask.start[::-1]
    maskFromLps = np.linalg.inv(imageToLps @ shift)
    for frame, source in zip(frames, sources, strict=True):
        indexMap = maskFromLps @ _pixelToLps(source)
        # A slice has no third axis; this one lets slices of the image's own grid be copied.
        indexMap[:3, 2] = np.cross(indexMap[:3, 0], indexMap[:3, 1])
        part = sampleNearest(mask.values, indexMap, (1, source.Rows, source.Columns))
        if part is not None:
            frame[part.slices[1:]] |= part.values[0]


def _pixelToLps(source: Dataset) -> np.ndarray:
    """Column and row of a slice, and millimetres along its normal, to LPS, mm: 4x4."""
    along, down = np.reshape(source.ImageOrientationPatient, (2, 3)).astype(float)
    betweenRows, betweenColumns = (float(value) for value in source.PixelSpacing)
    matrix = np.eye(4)
    matrix[:3, 0] = along * betweenColumns
    matrix[:3, 1] = down * betweenRows
    matrix[:3, 2] = np.cross(along, down)
    matrix[:3, 3] = np.array(source.ImagePositionPatient, float)
    return matrix


def _pixels(masks: list[np.ndarray]) -> np.ndarray:
    """Segment numbers in one array where no segments overlap, else one channel for each."""
    total = np.zeros(masks[0].shape, np.uint8)
    for mask in masks:
        if np.any(mask & (total > 0)):
            return np.stack(masks, axis=-1).astype(np.uint8)
        total[mask] = 1
    total[:] = 0
    for number, mask in enumerate(masks, start=1):
        total[mask] = number
    return total


def _description(
    highdicom: Any,
    number: int,
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    segmentId: str,
    segmentClass: SegmentClass,
    automatic: bool,
) -> Any:
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    terminology = parseTerminology(segmentClass.terminology or terminologyOf(segment))
    color = tuple(round(255 * value) for value in segment.GetColor())
    values = highdicom.seg.SegmentAlgorithmTypeValues
    identification = None
    if automatic:
        from pydicom.sr.codedict import codes

        identification = highdicom.AlgorithmIdentificationSequence(
            name="SemiWeakSeg", family=codes.DCM.ArtificialIntelligence, version=__version__
        )
    description = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=_words(segment.GetName() or segmentClass.name),
        segmented_property_category=_concept(highdicom, terminology.category),
        segmented_property_type=_concept(highdicom, terminology.type),
        algorithm_type=values.AUTOMATIC if automatic else values.MANUAL,
        algorithm_identification=identification,
        anatomic_regions=[_concept(highdicom, terminology.region)] if terminology.region else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*color),
    )
    if terminology.modifier is not None:
        [item] = description.SegmentedPropertyTypeCodeSequence
        item.SegmentedPropertyTypeModifierCodeSequence = [_concept(highdicom, terminology.modifier)]
    if terminology.region is not None and terminology.regionModifier is not None:
        [item] = description.AnatomicRegionSequence
        item.AnatomicRegionModifierSequence = [_concept(highdicom, terminology.regionModifier)]
    return description


def _concept(highdicom: Any, code: Code) -> Any:
    return highdicom.sr.CodedConcept(
        value=code.value, scheme_designator=code.scheme, meaning=code.meaning[:LABEL_LENGTH]
    )


def _words(text: str) -> str:
    """Text as DICOM takes it in a short field: one line, no backslash, not too long."""
    plain = "".join(" " if ord(char) < 32 else char for char in text).replace("\\", "/")
    return plain[:LABEL_LENGTH].strip() or "segment"


def _save(instance: Any, path: Path, case: Case) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        instance.save_as(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise SceneError(
            _("Case {case}: {path} cannot be written ({reason}).").format(
                case=case.id, path=path, reason=error.strerror or error
            )
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
