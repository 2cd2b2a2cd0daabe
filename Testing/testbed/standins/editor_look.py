"""What the stand-in of the Segment Editor shows: nodes, segments, effect buttons, undo."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

BUTTON_COLUMNS = 4


class EditorLook:
    """The visible half of the widget; everything it shows is asked from the other half."""

    _segments = None
    _buttons = None
    _undo = None
    _redo = None
    _selectors = ()

    def _lay_out(self) -> None:
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._selectors = tuple(QtWidgets.QLabel() for _ in range(2))
        for label in self._selectors:
            layout.addWidget(label)
        self._segments = QtWidgets.QTableWidget(0, 2)
        self._segments.setHorizontalHeaderLabels(["", "Name"])
        self._segments.horizontalHeader().setStretchLastSection(True)
        self._segments.verticalHeader().setVisible(False)
        self._segments.setSelectionBehavior(
            QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows
        )
        self._segments.setColumnWidth(0, 28)
        self._segments.setMaximumHeight(150)
        self._segments.itemSelectionChanged.connect(lambda: self._row_selected())
        layout.addWidget(self._segments)
        frame = QtWidgets.QWidget()
        self._buttons = QtWidgets.QGridLayout(frame)
        self._buttons.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame)
        row = QtWidgets.QHBoxLayout()
        self._undo, self._redo = QtWidgets.QToolButton(), QtWidgets.QToolButton()
        for button, text, action in (
            (self._undo, "Undo", self.undo),
            (self._redo, "Redo", self.redo),
        ):
            button.setText(text)
            button.clicked.connect(lambda _checked, do=action: do())
            row.addWidget(button)
        row.addStretch(1)
        layout.addLayout(row)

    def updateEffectList(self) -> None:
        while self._buttons.count():
            self._buttons.takeAt(0).widget().deleteLater()
        shown = [name for name in self._order if name in self._effects]
        if self.unorderedEffectsVisible:
            shown += [name for name in self._effects if name not in shown]
        for index, name in enumerate(shown):
            button = QtWidgets.QToolButton()
            button.setText(name)
            button.setCheckable(True)
            button.setObjectName(name)
            button.setSizePolicy(
                QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed
            )
            button.clicked.connect(
                lambda checked, which=name: self.setActiveEffectByName(which if checked else "")
            )
            self._buttons.addWidget(button, index // BUTTON_COLUMNS, index % BUTTON_COLUMNS)
        self._show_effect()

    def updateWidgetFromMRML(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            self._show_selectors()
            self._show_segments()
            self._show_effect()
            self._show_undo()
        finally:
            self._updating = False
        self._tell()

    def _tell(self) -> None:
        segmentation, volume = self.segmentationNode(), self.sourceVolumeNode()
        segment = self.currentSegmentID()
        if segmentation is not self._shown_segmentation:
            self._shown_segmentation = segmentation
            self.segmentationNodeChanged.emit(segmentation)
        if volume is not self._shown_volume:
            self._shown_volume = volume
            self.sourceVolumeNodeChanged.emit(volume)
        if segment != self._shown_segment:
            self._shown_segment = segment
            self.currentSegmentIDChanged.emit(segment)

    def _show_selectors(self) -> None:
        nodes = (self.segmentationNode(), self.sourceVolumeNode())
        shown = (self.segmentationNodeSelectorVisible, self.sourceVolumeNodeSelectorVisible)
        titles = ("Segmentation", "Source volume")
        for label, title, node, visible in zip(self._selectors, titles, nodes, shown, strict=True):
            label.setText(f"{title}: {node.GetName() if node is not None else 'none'}")
            label.setVisible(visible)

    def _show_segments(self) -> None:
        node = self.segmentationNode()
        segmentation = node.GetSegmentation() if node is not None else None
        ids = list(segmentation.GetSegmentIDs()) if segmentation is not None else []
        if ids and self.currentSegmentID() not in ids:
            self._logic.SetCurrentSegmentID(ids[0])
        self._segments.blockSignals(True)
        self._segments.setRowCount(len(ids))
        for row, identifier in enumerate(ids):
            segment = segmentation.GetSegment(identifier)
            color = QtWidgets.QTableWidgetItem()
            color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            name = QtWidgets.QTableWidgetItem(segment.GetName() or "")
            name.setData(QtCore.Qt.ItemDataRole.UserRole, identifier)
            self._segments.setItem(row, 0, color)
            self._segments.setItem(row, 1, name)
            if identifier == self.currentSegmentID():
                self._segments.selectRow(row)
        self._segments.blockSignals(False)

    def _row_selected(self) -> None:
        row = self._segments.currentRow()
        item = self._segments.item(row, 1)
        if item is not None and not self._updating:
            self.setCurrentSegmentID(item.data(QtCore.Qt.ItemDataRole.UserRole))

    def _show_effect(self) -> None:
        active = self.activeEffect()
        for index in range(self._buttons.count()):
            button = self._buttons.itemAt(index).widget()
            button.setChecked(active is not None and button.text == active.name)
            button.setEnabled(self.segmentationNode() is not None)

    def _show_undo(self) -> None:
        self._undo.setEnabled(self._logic.CanUndo())
        self._redo.setEnabled(self._logic.CanRedo())
