"""Choosing the standard term (terminology entry) of a class."""

from __future__ import annotations

import re
from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.terminology import Term, loadedTerms, termName

Color = tuple[float, float, float]


class TerminologyDialog:
    """A list of terms to search; ``onChosen`` is called with the entry (None for no term), the
    term's name and its colour (both None where they are unknown)."""

    def __init__(
        self,
        parent: qt.QWidget,
        onChosen: Callable[[str | None, str | None, Color | None], None],
    ) -> None:
        self._onChosen = onChosen
        self._terms = loadedTerms()
        self.dialog = qt.QDialog(parent)
        self.dialog.setWindowTitle(_("Choose a standard term"))
        self.dialog.setObjectName("TerminologyDialog")
        self.dialog.resize(520, 460)
        layout = qt.QVBoxLayout(self.dialog)
        self.search = qt.QLineEdit()
        self.search.setObjectName("TermSearch")
        self.search.setPlaceholderText(_("Search, for example: left kidney"))
        self.search.setToolTip(_("Words to find in the names of terms and their categories."))
        layout.addWidget(self.search)
        self.view = qt.QTableView()
        self.view.setObjectName("TermTable")
        self.view.setToolTip(_("Terms of the terminologies loaded in Slicer."))
        layout.addWidget(self.view)
        self.entry = qt.QLineEdit()
        self.entry.setObjectName("TermEntry")
        self.entry.setPlaceholderText(_("No term"))
        self.entry.setToolTip(
            _("The chosen term as Slicer writes it. It can be pasted here from elsewhere.")
        )
        layout.addWidget(self.entry)
        buttons = qt.QDialogButtonBox()
        buttons.setStandardButtons(qt.QDialogButtonBox.Ok | qt.QDialogButtonBox.Cancel)
        layout.addWidget(buttons)
        self._fill()
        self.search.connect("textChanged(QString)", self._filter)
        self._selection.connect("selectionChanged(QItemSelection,QItemSelection)", self._selected)
        self.view.connect("doubleClicked(QModelIndex)", self._doubleClicked)
        buttons.connect("accepted()", self.dialog.accept)
        buttons.connect("rejected()", self.dialog.reject)
        self.dialog.connect("accepted()", self._accepted)

    def show(self, name: str, entry: str | None) -> None:
        """Open beside Slicer for a class: its term selected, or else its name searched."""
        self.entry.setText(entry or "")
        self.search.setText(termName(entry) if entry else name)
        if not self._proxy.rowCount():
            self.search.setText("")
        self.dialog.open()

    def close(self) -> None:
        """Close without choosing and forget the dialog."""
        self.dialog.hide()
        self.dialog.deleteLater()

    def _fill(self) -> None:
        self._model = qt.QStandardItemModel(self.dialog)
        self._model.setColumnCount(2)
        self._model.setRowCount(len(self._terms))
        self._model.setHorizontalHeaderLabels([_("Term"), _("Category")])
        tip, search = int(qt.Qt.ToolTipRole), int(qt.Qt.UserRole)
        for row, term in enumerate(self._terms):
            self._model.setData(self._model.index(row, 0), term.name)
            self._model.setData(self._model.index(row, 1), term.category)
            self._model.setData(self._model.index(row, 0), term.entry, tip)
            self._model.setData(self._model.index(row, 0), f"{term.name} {term.category}", search)
        self._proxy = qt.QSortFilterProxyModel(self.dialog)
        self._proxy.setSourceModel(self._model)
        self._proxy.setFilterRole(search)
        self._proxy.setFilterKeyColumn(0)
        self.view.setModel(self._proxy)
        self.view.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self.view.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        self.view.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(self.view.fontMetrics().height() + 6)
        self.view.horizontalHeader().setHighlightSections(False)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.setColumnWidth(0, 280)
        self._selection = self.view.selectionModel()

    def _filter(self, text: str) -> None:
        words = [re.escape(word) for word in text.replace(",", " ").split()]
        pattern = "".join(f"(?=.*{word})" for word in words)
        self._proxy.setFilterRegularExpression(f"(?i)^{pattern}" if words else "")

    def _selected(self) -> None:
        rows = self._selection.selectedRows()
        if rows:
            self.entry.setText(self._term(rows[0]).entry)

    def _doubleClicked(self, index: qt.QModelIndex) -> None:
        self.entry.setText(self._term(index).entry)
        self.dialog.accept()

    def _term(self, index: qt.QModelIndex) -> Term:
        return self._terms[self._proxy.mapToSource(index).row()]

    def _accepted(self) -> None:
        entry = self.entry.text.strip()
        term = next((each for each in self._terms if each.entry == entry), None)
        if term is None:
            self._onChosen(entry or None, None, None)
        else:
            self._onChosen(term.entry, term.name, term.color)
