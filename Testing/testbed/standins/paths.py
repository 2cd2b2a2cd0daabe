"""Files, folders, colours, searches."""

from __future__ import annotations

from PySide6 import QtGui, QtWidgets

from .factory import behaviour


@behaviour
class ctkPathLineEdit:
    """A line for a path with a history and a browse button."""

    _combo = None
    _valid = True

    def _build(self) -> None:
        self._combo = QtWidgets.QComboBox()
        self._combo.setEditable(True)
        self._combo.setInsertPolicy(QtWidgets.QComboBox.InsertPolicy.NoInsert)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo, 1)
        button = QtWidgets.QToolButton()
        button.setText("...")
        button.clicked.connect(self.browse)
        layout.addWidget(button)
        self._combo.editTextChanged.connect(self._edited)

    def _edited(self, text: str) -> None:
        self.currentPathChanged.emit(text)

    def _get_currentPath(self) -> str:
        return self._combo.currentText

    def _set_currentPath(self, path: str) -> None:
        self._combo.setEditText(path)

    def setCurrentPath(self, path: str) -> None:
        self._combo.setEditText(path)

    def addCurrentPathToHistory(self) -> None:
        path = self._combo.currentText
        if path and self._combo.findText(path) < 0:
            self._combo.insertItem(0, path)

    def retrieveHistory(self) -> None:
        """Kept in the settings by ctk; the testbed starts every time without."""

    def comboBox(self):
        return self._combo

    def browse(self) -> None:
        raise RuntimeError("a file dialog was asked for; tests set currentPath instead")


@behaviour
class ctkDirectoryButton:
    """A button with the path of a folder on it."""

    _button = None
    _directory = "."

    def _build(self) -> None:
        self._button = QtWidgets.QPushButton(".")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        self._button.clicked.connect(self.browse)

    def _get_directory(self) -> str:
        return self._directory

    def _set_directory(self, path: str) -> None:
        if path != self._directory:
            self._directory = path
            self._button.setText(path)
            self.directoryChanged.emit(path)

    def browse(self) -> None:
        raise RuntimeError("a folder dialog was asked for; tests set directory instead")


@behaviour
class ctkColorPickerButton:
    """A button that shows a colour."""

    _color = None

    def _build(self) -> None:
        self._color = QtGui.QColor(0, 0, 0)
        self._show()

    def _show(self) -> None:
        picture = QtGui.QPixmap(16, 16)
        picture.fill(self._color)
        self.setIcon(QtGui.QIcon(picture))

    def _get_color(self):
        return QtGui.QColor(self._color)

    def _set_color(self, color) -> None:
        if color != self._color:
            self._color = QtGui.QColor(color)
            self._show()
            self.colorChanged.emit(QtGui.QColor(color))

    def setColor(self, color) -> None:
        self.color = color

    def _get_displayColorName(self) -> bool:
        return bool(self.text)

    def _set_displayColorName(self, shown: bool) -> None:
        self.setText(self._color.name() if shown else "")

    def setDisplayColorName(self, shown: bool) -> None:
        self.displayColorName = shown

    def changeColor(self) -> None:
        raise RuntimeError("a colour dialog was asked for; tests set color instead")


@behaviour
class ctkSearchBox:
    """A line edit with a magnifying glass."""

    def _build(self) -> None:
        self.setClearButtonEnabled(True)


@behaviour
class ctkComboBox:
    """A combo box that can show a text while nothing is chosen."""

    def _get_currentUserDataAsString(self) -> str:
        return str(self.currentData or "")

    def _set_currentUserDataAsString(self, text: str) -> None:
        self.setCurrentIndex(self.findData(text))

    def setCurrentUserDataAsString(self, text: str) -> None:
        self.currentUserDataAsString = text
