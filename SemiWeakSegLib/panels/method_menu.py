"""The menu of methods by families: a sentence each, what it needs, whether this cohort has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import FAMILIES, METHODS, by_family, missing_requirements
from SemiWeakSegLib.methods.menu import bare_cases
from SemiWeakSegLib.panels.folding import FoldingPart
from SemiWeakSegLib.panels.library_texts import libraryText

INDENT = 22
"""The texts of a method stand under its title, in pixels."""


class MethodMenu:
    """One radio button for each method; those that the cohort cannot feed are disabled.

    A family that holds neither the chosen nor the recommended method is folded until someone opens
    it or a search finds a method in it. `onChosen` is called with the name of the method that a
    person chose.
    """

    def __init__(
        self, container: qt.QWidget, search: qt.QLineEdit, onChosen: Callable[[str], None]
    ) -> None:
        self.onChosen = onChosen
        self.buttons: dict[str, qt.QRadioButton] = {}
        self.summaries: dict[str, qt.QLabel] = {}
        self.needs: dict[str, qt.QLabel] = {}
        self.families: dict[str, FoldingPart] = {}
        self._rows: dict[str, qt.QWidget] = {}
        self._opened: dict[str, str] = {}
        self._openBeforeSearch: dict[str, bool] | None = None
        self._search = search
        self._group = qt.QButtonGroup(container)
        layout = qt.QVBoxLayout(container)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        for family, methods in by_family(METHODS).items():
            part = FoldingPart(f"family_{family}")
            for method in methods:
                part.layout.addWidget(self._makeRow(method))
            layout.addWidget(part.widget)
            self.families[family] = part
        self._nothingFound = qt.QLabel(_("No method has these words."))
        self._nothingFound.objectName = "noMethodFoundLabel"
        self._nothingFound.visible = False
        layout.addWidget(self._nothingFound)
        search.connect("textChanged(QString)", self._onSearched)
        self.showSummary(None, None)

    @property
    def chosen(self) -> str:
        """The name of the method that is checked, "" where none is."""
        return next((name for name, button in self.buttons.items() if button.checked), "")

    @property
    def found(self) -> list[str]:
        """The methods that the search has left, all where nothing is searched for."""
        words = self._search.text.lower().split()
        return [name for name in METHODS if all(word in searchText(name) for word in words)]

    def choose(self, name: str) -> None:
        """Check a method without telling that it was chosen."""
        button = self.buttons[name]
        wasBlocked = button.blockSignals(True)
        button.checked = True
        button.blockSignals(wasBlocked)
        self._show("chosen", name)

    def showSummary(self, summary: Any, recommended: str | None) -> None:
        """Enable what the cohort can feed; without a summary nothing is known, and all is open."""
        usable = set()
        for name, method in METHODS.items():
            lacks = [] if summary is None else missing_requirements(method, summary)
            if not lacks:
                usable.add(name)
            button = self.buttons[name]
            button.enabled = not lacks
            self.summaries[name].enabled = not lacks
            # Not behind the title: a button's text is never broken into lines.
            text = libraryText(method.summary)
            self.summaries[name].text = (
                _("Recommended. {summary}").format(summary=text) if name == recommended else text
            )
            self.needs[name].text = needsText(method.needs, summary)
            tooltip = tooltipOf(method, lacks)
            for widget in (button, self.summaries[name], self.needs[name]):
                widget.toolTip = tooltip
        for family, methods in by_family(METHODS).items():
            count = sum(method.name in usable for method in methods)
            self._entitle(family, count, len(methods))
        if recommended is not None:
            self._show("recommended", recommended)

    def _makeRow(self, method: Any) -> qt.QWidget:
        name = method.name
        button = qt.QRadioButton(libraryText(method.title))
        button.objectName = f"method_{name}"
        button.styleSheet = "font-weight: bold"
        needs = qt.QLabel()
        needs.objectName = f"needs_{name}"
        summary = qt.QLabel(libraryText(method.summary))
        summary.objectName = f"summary_{name}"
        for label in (needs, summary):
            label.wordWrap = True
            label.indent = INDENT
        button.connect("clicked()", lambda: self.onChosen(name))
        self._group.addButton(button)
        row = qt.QWidget()
        # Below each other: Slicer's module panel is narrow.
        layout = qt.QVBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        for widget in (button, summary, needs):
            layout.addWidget(widget)
        self.buttons[name], self.summaries[name], self.needs[name] = button, summary, needs
        self._rows[name] = row
        return row

    def _show(self, why: str, name: str) -> None:
        """Open the family of a method, once: whoever folds it again wants it folded."""
        if self._opened.get(why) == name:
            return
        self._opened[why] = name
        family = METHODS[name].family
        if self._openBeforeSearch is None:
            self.families[family].open()
        else:
            self._openBeforeSearch[family] = True

    def _entitle(self, family: str, usable: int, count: int) -> None:
        title = libraryText(FAMILIES[family])
        if usable == count:
            text = _("{family} ({count})").format(family=title, count=count)
        else:
            text = _("{family} ({usable} of {count})").format(
                family=title, usable=usable, count=count
            )
        heading = self.families[family].heading
        heading.text = text
        heading.toolTip = _(
            "{usable} of {count} methods can be used with this cohort; click to show or hide them"
        ).format(usable=usable, count=count)

    def _onSearched(self, text: str) -> None:
        isSearching = bool(text.strip())
        if isSearching and self._openBeforeSearch is None:
            self._openBeforeSearch = {key: part.isOpen for key, part in self.families.items()}
        found = set(self.found)
        for name, row in self._rows.items():
            row.visible = name in found
        for family, part in self.families.items():
            hits = any(METHODS[name].family == family for name in found)
            part.widget.visible = hits
            if isSearching:
                part.open(hits)
            elif self._openBeforeSearch is not None:
                part.open(self._openBeforeSearch[family])
        if not isSearching:
            self._openBeforeSearch = None
        self._nothingFound.visible = not found


def searchText(name: str) -> str:
    """All that is written of a method, in small letters, for a search."""
    method = METHODS[name]
    texts = (libraryText(method.title), libraryText(method.summary), method.source, name)
    return " ".join(texts).lower()


def available(summary: Any) -> dict[str, int]:
    """How many training cases meet each requirement of `methods.menu.REQUIREMENTS`."""
    annotated = summary.labeled + summary.scribbled
    return {
        "annotated": annotated,
        "dense": summary.labeled,
        "unlabeled": bare_cases(summary),
        "truth": summary.with_truth,
        "boxed": summary.with_boxes,
        "tagged": summary.with_tags,
        "bounded": max(summary.with_sizes, summary.with_tags, summary.with_boxes),
        "supervised": annotated + summary.boxed,
    }


def needsText(needs: tuple[str, ...], summary: Any) -> str:
    """What a method needs, in short, each with the number that the cohort has."""
    names = {
        "annotated": _("annotated"),
        "dense": _("fully labeled"),
        "unlabeled": _("unlabeled"),
        "truth": _("with truth"),
        "boxed": _("with boxes"),
        "tagged": _("with tags"),
        "bounded": _("with bounds of sizes"),
        "supervised": _("annotated or boxed"),
    }
    if summary is None:
        return _("needs: {list}").format(list=", ".join(names[key] for key in needs))
    counts = available(summary)
    return "   ".join(f"{'✓' if counts[key] else '✗'} {names[key]}: {counts[key]}" for key in needs)


def tooltipOf(method: Any, lacks: list[str]) -> str:
    """Why a method cannot be chosen, else what it is and where it comes from."""
    if lacks:
        return _("Not with this cohort:\n{reasons}").format(
            reasons="\n".join(libraryText(sentence) for sentence in lacks)
        )
    return _("{summary}\nSource: {source}").format(
        summary=libraryText(method.summary), source=method.source
    )
