"""A small CT series as a scanner would send it, for the tests of DICOM."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SLOPED = (0.8, 0.0, 0.6, 0.36, 0.8, -0.48)
"""Row and column direction of slices that are oblique to the patient."""


def make_series(
    folder: Path,
    array: np.ndarray,
    orientation=(1, 0, 0, 0, 1, 0),
    positions=None,
    shuffled: bool = True,
) -> list[Path]:
    """Write (slices, rows, columns) as one file a slice; names say nothing about the order."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True)
    normal = np.cross(orientation[:3], orientation[3:])
    positions = positions if positions is not None else 2.5 * np.arange(len(array))
    names = np.random.default_rng(7).permutation(len(array)) if shuffled else range(len(array))
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    files = []
    for number, (pixels, position, name) in enumerate(zip(array, positions, names, strict=True)):
        place = np.array([-20.0, 15.0, 30.0]) + normal * position
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.SpecificCharacterSet = "ISO_IR 100"
        dataset.PatientName, dataset.PatientID = "Müller^Jörg", "17"
        dataset.PatientBirthDate, dataset.PatientSex = "19700101", "M"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = frame, ""
        dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20260101", "120000", ""
        dataset.ReferringPhysicianName, dataset.StudyID = "", "1"
        dataset.Modality, dataset.Manufacturer = "CT", "none"
        dataset.SeriesNumber, dataset.InstanceNumber = 3, number + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in place]
        dataset.ImageOrientationPatient = [f"{value:.6f}" for value in orientation]
        dataset.PixelSpacing, dataset.SliceThickness = ["0.7", "0.8"], "2.5"
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 1
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
        dataset.PixelData = pixels.astype("<i2").tobytes()
        path = folder / f"IM{name:04d}"
        dataset.save_as(path, enforce_file_format=True)
        files.append(path)
    return files
