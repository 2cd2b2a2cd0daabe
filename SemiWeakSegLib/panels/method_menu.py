"""The menu of methods: a sentence each, what it needs, and whether this cohort has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import METHODS, missing_requirements
from SemiWeakSegLib.panels.library_texts import libraryText

INDENT = 22
"""The texts of a method stand under its title, in pixels."""


class MethodMenu:
    """One radio button for each method; those that the cohort cannot feed are disabled.

    `onChosen` is called with the name of the method that a person chose.
    """

    def __init__(self, container: qt.QWidget, onChosen: Callable[[str], None]) -> None:
        self.onChosen = onChosen
        self.buttons: dict[str, qt.QRadioButton] = {}
        self.summaries: dict[str, qt.QLabel] = {}
        self.needs: dict[str, qt.QLabel] = {}
        self._group = qt.QButtonGroup(container)
        layout = qt.QVBoxLayout(container)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        for name, method in METHODS.items():
            button = qt.QRadioButton(libraryText(method.title))
            button.objectName = f"method_{name}"
            button.styleSheet = "font-weight: bold"
            needs = qt.QLabel()
            needs.objectName = f"needs_{name}"
            needs.wordWrap = True
            needs.indent = INDENT
            summary = qt.QLabel(libraryText(method.summary))
            summary.objectName = f"summary_{name}"
            summary.wordWrap = True
            summary.indent = INDENT
            self._connect(button, name)
            self._group.addButton(button)
            # Below each other: Slicer's module panel is narrow.
            for widget in (button, summary, needs):
                layout.addWidget(widget)
            self.buttons[name], self.summaries[name], self.needs[name] = button, summary, needs
        self.showSummary(None, None)

    def _connect(self, button: qt.QRadioButton, name: str) -> None:
        button.connect("clicked()", lambda: self.onChosen(name))

    @property
    def chosen(self) -> str:
        """The name of the method that is checked, "" where none is."""
        return next((name for name, button in self.buttons.items() if button.checked), "")

    def choose(self, name: str) -> None:
        """Check a method without telling that it was chosen."""
        button = self.buttons[name]
        wasBlocked = button.blockSignals(True)
        button.checked = True
        button.blockSignals(wasBlocked)

    def showSummary(self, summary: Any, recommended: str | None) -> None:
        """Enable what the cohort can feed; without a summary nothing is known, and all is open."""
        for name, method in METHODS.items():
            lacks = [] if summary is None else missing_requirements(method, summary)
            button = self.buttons[name]
            button.enabled = not lacks
            self.summaries[name].enabled = not lacks
            title = libraryText(method.title)
            isRecommended = name == recommended
            button.text = _("{title} (recommended)").format(title=title) if isRecommended else title
            self.needs[name].text = needsText(method.needs, summary)
            tooltip = tooltipOf(method, lacks)
            for widget in (button, self.summaries[name], self.needs[name]):
                widget.toolTip = tooltip


def available(summary: Any) -> dict[str, int]:
    """How many training cases meet each requirement of `methods.menu.REQUIREMENTS`."""
    annotated = summary.labeled + summary.scribbled
    return {
        "annotated": annotated,
        "dense": summary.labeled,
        "unlabeled": summary.unlabeled + summary.boxed + summary.tagged,
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
