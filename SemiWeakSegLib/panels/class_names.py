"""What to call the class of an index."""

from __future__ import annotations

from collections.abc import Sequence

from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import SegmentClass


def className(index: int, classes: Sequence[SegmentClass]) -> str:
    """The name of a class; 0 is the background."""
    if index == 0:
        return _("background")
    names = {item.index: item.name for item in classes}
    return names.get(index, _("class {index}").format(index=index))
