"""Collapsible sections."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from ..complaints import complain_of_exception
from .factory import behaviour

HEADER = 24
UNLIMITED = 16777215


class Folding:
    """Hides the children and shows those again that were not hidden before."""

    _folded = ()

    def _show_contents(self, shown: bool) -> None:
        if shown:
            for child in self._folded:
                child.setVisible(True)
            self._folded = ()
        else:
            children = self.findChildren(
                QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly
            )
            self._folded = tuple(child for child in children if not child.isHidden())
            for child in self._folded:
                child.setVisible(False)
        self.setMaximumHeight(UNLIMITED if shown else HEADER)
        self.updateGeometry()

    def _get_collapsed(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)


@behaviour
class ctkCollapsibleButton(Folding):
    """A button over the whole width with its contents below it."""

    def _build(self) -> None:
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, HEADER, 0, 0)
        policy = QtWidgets.QSizePolicy.Policy.Preferred
        self.setSizePolicy(policy, policy)
        self.toggled.connect(self._fold)

    def _fold(self, shown: bool) -> None:
        self._show_contents(shown)
        self.contentsCollapsed.emit(not shown)

    def sizeHint(self):
        layout = self.layout()
        if layout is None or not self.isChecked():
            return QtCore.QSize(120, HEADER)
        return layout.sizeHint().expandedTo(QtCore.QSize(120, HEADER))

    def minimumSizeHint(self):
        layout = self.layout()
        if layout is None or not self.isChecked():
            return QtCore.QSize(120, HEADER)
        return layout.minimumSize().expandedTo(QtCore.QSize(120, HEADER))

    def hitButton(self, position) -> bool:
        return position.y() < HEADER

    def paintEvent(self, _event) -> None:
        # An exception in a paintEvent written in Python ends the process.
        try:
            _paint_header(self)
        except Exception:
            complain_of_exception("ctkCollapsibleButton.paintEvent")


def _paint_header(button) -> None:
    painter = QtGui.QPainter(button)
    option = QtWidgets.QStyleOptionButton()
    option.initFrom(button)
    option.rect = QtCore.QRect(0, 0, button.width, HEADER)
    style = button.style()
    style.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option, painter, button)
    mark = "▾" if button.isChecked() else "▸"
    text = QtCore.QRect(8, 0, button.width - 8, HEADER)
    painter.drawText(text, QtCore.Qt.AlignmentFlag.AlignVCenter, f"{mark}  {button.text}")
    painter.end()


@behaviour
class ctkCollapsibleGroupBox(Folding):
    """A group box whose check mark shows and hides the contents."""

    def _build(self) -> None:
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._show_contents)
