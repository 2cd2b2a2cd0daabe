"""A handful of terms in the files that Slicer's terminology logic reads at start-up.

Slicer's own lists hold thousands; these have the same names and codes (SNOMED CT, as in DICOM),
so that a term picked here means the same there.
"""

from __future__ import annotations

import json
from pathlib import Path

TERMS = {
    ("85756007", "Tissue"): {
        ("85756007", "Tissue"): (128, 174, 128),
        ("51114001", "Artery"): (216, 101, 79),
        ("272673000", "Bone"): (241, 214, 145),
    },
    ("123037004", "Anatomical Structure"): {
        ("12738006", "Brain"): (250, 250, 225),
        ("10200004", "Liver"): (221, 130, 101),
        ("78961009", "Spleen"): (157, 108, 162),
        ("80891009", "Heart"): (206, 110, 84),
        ("64033007", "Kidney"): (185, 102, 83),
        ("41216001", "Prostate"): (230, 158, 140),
    },
    ("49755003", "Morphologically Altered Structure"): {
        ("4147007", "Mass"): (144, 238, 144),
        ("367643001", "Cyst"): (205, 205, 100),
    },
}
SEGMENT_LISTS = {
    "SlicerGeneralAnatomy": "Segmentation category and type - 3D Slicer General Anatomy list",
    "DICOM-Master": "Segmentation category and type - DICOM master list",
}
SCHEMA = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/{}-context-schema.json#"
REGION_LIST = "Anatomic codes - DICOM master list"


def _code(value: str, meaning: str) -> dict:
    return {"CodeValue": value, "CodeMeaning": meaning, "CodingSchemeDesignator": "SCT"}


def write_terminologies(folder: Path) -> None:
    """Write the three files that the logic looks for into ``folder``."""
    categories = [
        {
            **_code(*category),
            "showAnatomy": category[1] == "Tissue",
            "Type": [
                {**_code(*kind), "recommendedDisplayRGBValue": list(color)}
                for kind, color in kinds.items()
            ],
        }
        for category, kinds in TERMS.items()
    ]
    for file, name in SEGMENT_LISTS.items():
        content = {
            "SegmentationCategoryTypeContextName": name,
            "@schema": SCHEMA.format("segment"),
            "SegmentationCodes": {"Category": categories},
        }
        path = folder / f"SegmentationCategoryTypeModifier-{file}.term.json"
        path.write_text(json.dumps(content), encoding="utf-8")
    regions = [_code(*kind) for kind in TERMS[("123037004", "Anatomical Structure")]]
    content = {
        "AnatomicContextName": REGION_LIST,
        "@schema": SCHEMA.format("anatomic"),
        "AnatomicCodes": {"AnatomicRegion": regions},
    }
    path = folder / "AnatomicRegionAndModifier-DICOM-Master.term.json"
    path.write_text(json.dumps(content), encoding="utf-8")
