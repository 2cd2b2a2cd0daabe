"""Counting annotated voxels, mapping values, and class names from other people's files."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import (
    SegmentClass,
    annotated_fraction,
    classes_from_color_table,
    classes_from_segmentation,
    count_annotated,
    parse_classes,
    remap,
)
from Testing.cohort.files import blocks

PARTIAL = np.array([[0, 1, 255], [2, 2, 255]], np.uint8)


class TestCounts:
    def test_counts_leave_out_unlabeled(self):
        assert count_annotated(PARTIAL, 4).tolist() == [1, 1, 2, 0]
        assert annotated_fraction(PARTIAL) == pytest.approx(4 / 6)

    def test_value_outside_the_classes(self):
        with pytest.raises(ValueError, match=r"values 2 lie outside 0\.\.1"):
            count_annotated(PARTIAL, 2)


class TestRemap:
    def test_values_are_exchanged_at_once(self):
        assert remap(PARTIAL, {1: 2, 2: 1}).tolist() == [[0, 2, 255], [1, 1, 255]]

    def test_result_must_fit(self):
        with pytest.raises(ValueError, match="300"):
            remap(PARTIAL, {1: 300})
        with pytest.raises(ValueError, match=r"0\.\.500"):
            remap(np.array([0, 500]), {1: 2})


class TestNames:
    def test_text(self):
        assert parse_classes("1=anterior, 2=posterior part") == [
            SegmentClass(1, "anterior"),
            SegmentClass(2, "posterior part"),
        ]

    @pytest.mark.parametrize("text", ["anterior", "1=", "x=a", "1=a,1=b", "0=background", ""])
    def test_bad_text(self, text):
        with pytest.raises(ValueError):
            parse_classes(text)

    def test_slicer_color_table(self, tmp_path):
        path = tmp_path / "labels.ctbl"
        path.write_text(
            "# Color table\n0 background 0 0 0 0\n1 liver 221 130 101 255\n", encoding="utf-8"
        )
        (liver,) = classes_from_color_table(path)
        assert (liver.index, liver.name) == (1, "liver")
        assert liver.color == pytest.approx((221 / 255, 130 / 255, 101 / 255))

    def test_itk_snap_labels(self, tmp_path):
        path = tmp_path / "labels.txt"
        path.write_text(
            '# ITK-SnAP\n0 0 0 0 0 0 0 "Clear Label"\n3 255 0 0 1 1 1 "Left lung"\n',
            encoding="utf-8",
        )
        assert classes_from_color_table(path) == [SegmentClass(3, "Left lung", (1.0, 0.0, 0.0))]

    def test_bad_color_table_names_the_line(self, tmp_path):
        path = tmp_path / "labels.ctbl"
        path.write_text("1 liver 221 130 101 255\nnonsense\n", encoding="utf-8")
        with pytest.raises(ValueError, match="line 2"):
            classes_from_color_table(path)

    def test_slicer_segmentation(self, tmp_path):
        image = sitk.GetImageFromArray(blocks())
        tags = {
            "Segment1_LabelValue": "1",
            "Segment1_Name": "left",
            "Segment1_Color": "0.5 0.25 1",
            "Segment1_Tags": "A:b|TerminologyEntry:cat~type|C:d|",
            "Segment0_LabelValue": "2",
            "Segment0_Name": "right",
        }
        for key, value in tags.items():
            image.SetMetaData(key, value)
        path = tmp_path / "a.seg.nrrd"
        sitk.WriteImage(image, str(path))
        assert classes_from_segmentation(path) == [
            SegmentClass(1, "left", (0.5, 0.25, 1.0), "cat~type"),
            SegmentClass(2, "right"),
        ]
        sitk.WriteImage(sitk.GetImageFromArray(blocks()), str(tmp_path / "b.nrrd"))
        with pytest.raises(ValueError, match="no segment tags"):
            classes_from_segmentation(tmp_path / "b.nrrd")
