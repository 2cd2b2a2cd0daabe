"""A part of a list that folds away below its heading."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _


class FoldingPart:
    """A heading that shows and hides what is in `layout`.

    Unlike a collapsed group box it leaves its contents enabled: they are only not seen.
    """

    def __init__(self, name: str) -> None:
        self.widget = qt.QWidget()
        self.heading = qt.QToolButton()
        self.heading.objectName = f"{name}_heading"
        self.heading.checkable = True
        self.heading.autoRaise = True
        self.heading.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        self.heading.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
        self.heading.toolTip = _("Click to show or hide what is below")
        self.contents = qt.QWidget()
        self.contents.objectName = name
        self.layout = qt.QVBoxLayout(self.contents)
        self.layout.setContentsMargins(0, 0, 0, 0)
        self.layout.setSpacing(1)
        outer = qt.QVBoxLayout(self.widget)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(1)
        outer.addWidget(self.heading)
        outer.addWidget(self.contents)
        self.heading.connect("toggled(bool)", self._onToggled)
        self._onToggled(False)

    @property
    def isOpen(self) -> bool:
        """Whether its contents can be seen."""
        return self.heading.checked

    def open(self, isOpen: bool = True) -> None:
        """Show or hide the contents."""
        self.heading.checked = isOpen

    def _onToggled(self, isOpen: bool) -> None:
        self.heading.setArrowType(qt.Qt.DownArrow if isOpen else qt.Qt.RightArrow)
        self.contents.visible = isOpen
