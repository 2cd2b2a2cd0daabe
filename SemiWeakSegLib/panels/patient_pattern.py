"""Saying which part of a name is the patient, in words or as a regular expression."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import qt
from slicer.i18n import tr as _

OWN = "own"


class PatientPattern:
    """A combo box of usual patterns, and a line for one's own.

    ``first`` is the choice that sets no pattern. ``onChanged`` is called without arguments.
    """

    def __init__(
        self, choice: qt.QComboBox, line: qt.QLineEdit, first: str, onChanged: Callable[[], None]
    ) -> None:
        self._choice, self._line, self._onChanged = choice, line, onChanged
        for text, pattern in (
            (first, ""),
            (_("Name up to the first underscore"), r"^([^_]+)"),
            (_("Name up to the last underscore"), r"^(.+)_[^_]*$"),
            (_("Name up to the first hyphen"), r"^([^-]+)"),
            (_("First number in the name"), r"(\d+)"),
            (_("Own pattern"), OWN),
        ):
            choice.addItem(text, pattern)
        choice.connect("currentIndexChanged(int)", self._changed)
        line.connect("textChanged(QString)", self._changed)
        line.enabled = False

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self._choice.disconnect("currentIndexChanged(int)", self._changed)
        self._line.disconnect("textChanged(QString)", self._changed)

    @property
    def pattern(self) -> str | None:
        """The regular expression, None for no pattern; ValueError where it is none."""
        chosen = self._choice.itemData(self._choice.currentIndex)
        text = self._line.text.strip() if chosen == OWN else chosen
        if chosen == OWN and not text:
            raise ValueError(_("Write the pattern, or choose another way to tell patients apart."))
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(
                _("{pattern} is no regular expression: {reason}.").format(
                    pattern=text, reason=error
                )
            ) from None
        return text or None

    def _changed(self, *_news: object) -> None:
        self._line.enabled = self._choice.itemData(self._choice.currentIndex) == OWN
        self._onChanged()


def groupsOf(names: Iterable[str], pattern: str) -> tuple[int, list[str]]:
    """How many patients a pattern finds, and the names in which it finds none."""
    expression = re.compile(pattern)
    groups, unmatched = set(), []
    for name in names:
        match = expression.search(name)
        if match is None:
            unmatched.append(name)
        else:
            groups.add(match[1] if expression.groups else match[0])
    return len(groups), unmatched


def groupsText(names: list[str], pattern: str | None) -> str:
    """What a pattern makes of the names, for a person."""
    if pattern is None or not names:
        return ""
    count, unmatched = groupsOf(names, pattern)
    text = _("{cases} names of {patients} patients.").format(
        cases=len(names) - len(unmatched), patients=count
    )
    if unmatched:
        text += " " + _(
            "{count} names do not match (for example {name}); each is a patient of its own."
        ).format(count=len(unmatched), name=unmatched[0])
    return text
