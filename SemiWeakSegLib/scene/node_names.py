"""The names of the attributes and tags by which nodes and segments are known again."""

from __future__ import annotations

CASE = "SemiWeakSeg.Case"
"""Node: id of the case it belongs to."""

COHORT = "SemiWeakSeg.Cohort"
"""Node or subject-hierarchy item: the cohort's file."""

IMAGE = "SemiWeakSeg.Image"
"""Volume: the image file (or series folder) it shows."""

GRID = "SemiWeakSeg.Grid"
"""Volume: grid of its image file (size, spacing, origin, direction in LPS), as JSON."""

CHANNEL = "SemiWeakSeg.Channel"
"""Volume: number of the channel, from 0."""

BINDING = (CASE, COHORT, IMAGE, GRID, CHANNEL)
"""What makes a volume that of a case."""

ANNOTATION = "SemiWeakSeg.Annotation"
"""Segmentation, ROI or point list: the kind of work it is the drawing of (see
``annotations.MODES``)."""

LABEL = "SemiWeakSeg.Label"
"""Segmentation: the label file it was saved to or restored from, empty when there is none. ROI or
point list: text that stands for the boxes or points the case had."""

CLASS = "SemiWeakSeg.Class"
"""Segment tag, or attribute of an ROI or point list: class index, 0 is the background."""

LOOK = "SemiWeakSeg.ClassLook"
"""Segment tag, or attribute of a point list: name and colour that the class gave it, as JSON."""

BOX = "SemiWeakSeg.Box"
"""ROI: the box it was restored from or saved as, as JSON; absent while it is new."""

POINTS = "SemiWeakSeg.Points"
"""Point list: the points it was restored with or saved as, as JSON; absent while it is new."""
