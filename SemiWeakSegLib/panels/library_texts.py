"""Texts of the library (titles, help) as this application's language has them."""

from __future__ import annotations

from slicer.i18n import translate

CONTEXT = "SemiWeakSegLib"


def libraryText(text: str) -> str:
    """The translation of a text that the library holds, which no tool can find as a literal."""
    return translate(CONTEXT, text)


def settingLabel(name: str, unit: str | None = None) -> str:
    """How a setting is called in a form: "learning_rate" is "Learning rate".

    A unit at the end of the name goes: it stands beside the value.
    """
    words = name.removesuffix(f"_{unit}").replace("_", " ")
    return libraryText(words[:1].upper() + words[1:])
