"""What to try first with what the cohort holds, and a button that chooses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import METHODS, Recommendation, recommend
from SemiWeakSegLib.panels.library_texts import libraryText


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

    def show(self, summary: Any, chosen: str) -> None:
        """Show the recommendation for a cohort, of which None is known; ``chosen``: the method."""
        self._recommendation = found = None if summary is None else recommend(summary)
        if found is None:
            self._label.text = _("Recommendation: open a cohort and check it.")
            self._button.toolTip = _("There is no recommendation before the cohort was checked")
            self._button.enabled = False
            return
        self._label.text = _("<b>Recommended: {title}.</b> {reason}").format(
            title=libraryText(METHODS[found.method].title), reason=libraryText(found.reason)
        )
        isChosen = found.method == chosen
        self._button.enabled = not isChosen
        self._button.toolTip = _("It is chosen") if isChosen else _("Choose the recommended method")

    def _onClicked(self) -> None:
        if self._recommendation is not None:
            self._onUse(self._recommendation)
