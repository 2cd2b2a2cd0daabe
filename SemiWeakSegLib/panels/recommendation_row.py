"""What to try first with what the cohort holds, and a button that chooses it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import (
    METHODS,
    TERMS,
    Recommendation,
    SettingsError,
    TermRequest,
    conflicts,
    recommend,
)
from SemiWeakSegLib.methods.evidence import usual_dimensions
from SemiWeakSegLib.panels.library_texts import libraryText, settingLabel
from SemiWeakSegLib.panels.selections import Selections


class RecommendationRow:
    """`onUse` is called with the recommendation that a person takes."""

    def __init__(
        self, label: qt.QLabel, button: qt.QPushButton, onUse: Callable[[Recommendation], None]
    ) -> None:
        self._label, self._button, self._onUse = label, button, onUse
        self._recommendation: Recommendation | None = None
        button.connect("clicked()", self._onClicked)

    @property
    def method(self) -> str | None:
        """The recommended method, None before the cohort was checked."""
        return None if self._recommendation is None else self._recommendation.method

    def show(self, summary: Any, chosen: Selections) -> None:
        """Show the recommendation for a cohort, of which None is known."""
        self._recommendation = found = None if summary is None else recommend(summary)
        if found is None:
            self._label.text = _("Recommendation: open a cohort and check it.")
            self._button.toolTip = _("There is no recommendation before the cohort was checked")
            self._button.enabled = False
            return
        self._label.text = _("<b>Recommended: {title}.</b> {reason}").format(
            title=titleOf(found), reason=html.escape(libraryText(found.reason))
        )
        changes = changesOf(found, usual_dimensions(summary))
        if isChosen(found, chosen):
            self._button.enabled = False
            self._button.toolTip = _("It is chosen")
        else:
            self._button.enabled = True
            self._button.toolTip = "\n".join([_("Choose the recommended method"), *changes])

    def _onClicked(self) -> None:
        if self._recommendation is not None:
            self._onUse(self._recommendation)


def titleOf(found: Recommendation) -> str:
    """The method and the terms to add: "Pseudo-labels + MixUp"."""
    titles = [METHODS[found.method].title, *(TERMS[term.name].title for term in found.terms)]
    return " + ".join(libraryText(title) for title in titles)


def changesOf(found: Recommendation, dimensions: int) -> list[str]:
    """What is set and added beside the choice of the method, a line each.

    ``dimensions``: 2 where slices are learned from, 3 where volumes.
    """
    lines = [
        _("{setting}: {value}").format(setting=settingLabel(name), value=value)
        for name, value in found.settings.items()
    ]
    return lines + [
        _("with the term {title}, weight {weight:g}").format(
            title=libraryText(TERMS[term.name].title), weight=term.weight_on(dimensions)
        )
        for term in found.terms
    ]


def isChosen(found: Recommendation, chosen: Selections) -> bool:
    """Whether method, recommended settings and terms are what is chosen."""
    if found.method != chosen.method:
        return False
    settings = METHODS[chosen.method]().to_dict() | chosen.methodSettings
    if any(settings[name] != value for name, value in found.settings.items()):
        return False
    return all(recommendedTerm(term) in chosen.terms for term in found.terms)


def recommendedTerm(term: TermRequest) -> dict[str, Any]:
    """A term as the parameter node keeps it: with the settings that differ from the defaults."""
    defaults = type(term.settings)().to_dict()
    changed = {
        name: value for name, value in term.settings.to_dict().items() if value != defaults[name]
    }
    return {"name": term.name, "weight": term.weight, "settings": changed}


def take(found: Recommendation, chosen: Selections) -> None:
    """Choose what is recommended; settings and terms that it does not name stay as they are.

    Terms that cannot be trained beside it go.
    """
    chosen.method = found.method
    if found.settings:
        chosen.settings[found.method] = {**chosen.methodSettings, **found.settings}
    kept = [term for term in chosen.terms if _goesWith(term, found, chosen)]
    chosen.terms = [*kept, *map(recommendedTerm, found.terms)]


def _goesWith(term: dict[str, Any], found: Recommendation, chosen: Selections) -> bool:
    try:
        settings = METHODS[found.method].from_dict(chosen.methodSettings)
        return not conflicts(settings, [*found.terms, TermRequest.from_dict(term)])
    except SettingsError:
        return True  # what is wrong with the settings is said elsewhere
