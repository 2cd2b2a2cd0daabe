"""What exists in the real application: the two tables under ``api/``, asked by class name.

``observed.json`` holds every name that PythonQt showed in Slicer 5.12.3 (it decides what exists),
``headers.json`` the types of properties and the signatures of signals.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

API = Path(__file__).resolve().parent / "api"
EVERY_WIDGET = "(every widget)"
# Slicer's own Python files use these names; PythonQt answers to them without listing them.
UNLISTED = frozenset({"name", "exec_", "className", "inherits", "setProperty", "property"})


# Named by Slicer's own Python files, but not in the record: they exist and can do nothing here.
UNRECORDED = frozenset({"ctkDoubleRangeSlider", "qMRMLRangeWidget"})


@cache
def _observed() -> dict[str, dict[str, str]]:
    return json.loads((API / "observed.json").read_text(encoding="utf-8"))


@cache
def _headers() -> dict[str, dict]:
    return json.loads((API / "headers.json").read_text(encoding="utf-8"))


@cache
def observed_names(name: str) -> frozenset[str] | None:
    """Names that ``name`` has beyond those of every widget; None if it was not observed."""
    entry = _observed().get(name)
    if entry is None:
        return None
    inherited = observed_names(entry["with"]) if entry["with"] else frozenset()
    return frozenset(entry["names"].split()) | (inherited or frozenset())


@cache
def widget_names() -> frozenset[str]:
    """Names of a plain QWidget, and therefore of every QObject as well."""
    return (observed_names(EVERY_WIDGET) or frozenset()) | UNLISTED


def is_known(name: str) -> bool:
    """True for a class of ctk or Slicer that a stand-in can be made of."""
    return name in _headers() or name in UNRECORDED


def header_classes() -> list[str]:
    """Every class in the headers' table."""
    return list(_headers())


def base_of(name: str) -> str:
    return _headers()[name]["base"] if name in _headers() else "QWidget"


def lineage(name: str) -> list[str]:
    """The class and its bases as far as the headers go, the class first."""
    found = []
    while name in _headers():
        found.append(name)
        name = base_of(name)
    return found


@cache
def properties(name: str) -> dict[str, tuple[str, bool]]:
    """Property -> (C++ type, writable) declared in the class itself."""
    declared = _headers()[name]["properties"] if name in _headers() else {}
    return {
        key: (text.removesuffix(" (read-only)"), not text.endswith(" (read-only)"))
        for key, text in declared.items()
    }


@cache
def signals(name: str) -> tuple[str, ...]:
    """Signatures of the signals declared in the class itself, such as ``valueChanged(double)``."""
    return tuple(_headers()[name]["signals"]) if name in _headers() else ()


@cache
def methods(name: str) -> tuple[str, ...]:
    """Names of slots and invokables declared in the class itself."""
    return tuple(_headers()[name]["methods"].split()) if name in _headers() else ()
