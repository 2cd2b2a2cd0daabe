"""What is to be segmented and what is known about it."""

from __future__ import annotations

from SemiWeakSegLib.cohort.annotation import (
    annotated_fraction,
    count_annotated,
    is_annotated,
    is_dense,
    remap,
)
from SemiWeakSegLib.cohort.case import ROLES, UNLABELED, Box, Case, Point, SegmentClass
from SemiWeakSegLib.cohort.checks import CohortError, Problem, check_cohort, require_sound
from SemiWeakSegLib.cohort.classes import (
    classes_from_color_table,
    classes_from_segmentation,
    parse_classes,
)
from SemiWeakSegLib.cohort.cohort import KINDS, Cohort, CohortSummary, summary
from SemiWeakSegLib.cohort.cohort_file import CohortFileError
from SemiWeakSegLib.cohort.images import (
    IMAGE_SUFFIXES,
    Geometry,
    ImageError,
    ImageHeader,
    read_geometry,
    read_header,
    read_image,
    read_label,
    stem_of,
    suffix_of,
    write_label,
    write_scalar,
)
from SemiWeakSegLib.cohort.phantom import make_patient, make_phantom
from SemiWeakSegLib.cohort.resample import resample_label, resample_labels_to_images
from SemiWeakSegLib.cohort.simulate import SIMULATIONS, simulate
from SemiWeakSegLib.cohort.sources import from_datalist, from_folders, from_nnunet, read_any
from SemiWeakSegLib.cohort.splits import keep_labels, split

__all__ = [
    "IMAGE_SUFFIXES",
    "KINDS",
    "ROLES",
    "SIMULATIONS",
    "UNLABELED",
    "Box",
    "Case",
    "Cohort",
    "CohortError",
    "CohortFileError",
    "CohortSummary",
    "Geometry",
    "ImageError",
    "ImageHeader",
    "Point",
    "Problem",
    "SegmentClass",
    "annotated_fraction",
    "check_cohort",
    "classes_from_color_table",
    "classes_from_segmentation",
    "count_annotated",
    "from_datalist",
    "from_folders",
    "from_nnunet",
    "is_annotated",
    "is_dense",
    "keep_labels",
    "make_patient",
    "make_phantom",
    "parse_classes",
    "read_any",
    "read_geometry",
    "read_header",
    "read_image",
    "read_label",
    "remap",
    "require_sound",
    "resample_label",
    "resample_labels_to_images",
    "simulate",
    "split",
    "stem_of",
    "suffix_of",
    "summary",
    "write_label",
    "write_scalar",
]
