"""Which names an object of Qt, ctk or Slicer shows in the real application."""

from __future__ import annotations

from functools import cache

from .. import tables
from . import catalog

# Classes whose names the record holds under "(every widget)".
COMMON = frozenset({"QWidget", "QObject", "QPaintDevice", "Object", "object"})
STAND_IN = "_is_stand_in"
# Qt asks a Python object for overrides of these while C++ code runs; an error would be lost there
# and break the caller. They are protected or new in Qt 6, and no script calls them.
OVERRIDABLE = frozenset(
    [
        "connectNotify",
        "disconnectNotify",
        "resetInternalData",
        "multiData",
        "clearItemData",
        "skipData",
        "closeEditor",
        "commitData",
        "currentChanged",
        "dataChanged",
        "editorDestroyed",
        "rowsAboutToBeRemoved",
        "rowsInserted",
        "rowsRemoved",
        "columnsAboutToBeRemoved",
        "columnsInserted",
        "selectionChanged",
        "updateEditorData",
        "updateEditorGeometries",
        "updateGeometries",
        "initViewItemOption",
        "verticalScrollbarAction",
        "horizontalScrollbarAction",
        "verticalScrollbarValueChanged",
        "horizontalScrollbarValueChanged",
        "itemDelegateForIndex",
        "columnCountChanged",
        "rowCountChanged",
        "columnMoved",
        "rowMoved",
        "columnResized",
        "rowResized",
        "supportedDragActions",
    ]
)
# What PySide's own machinery reads from its objects.
MACHINERY = frozenset({"staticMetaObject", "isQmlExposed", "isQuickItemType", "raise_"})


def is_foreign(cls: type) -> bool:
    """True for a class written in Python by the code under test."""
    return not (
        cls is object
        or cls.__module__.startswith(("PySide6", "shiboken6", "Shiboken"))
        or STAND_IN in vars(cls)
        or cls.__module__.startswith("Testing.testbed")
    )


@cache
def native(cls: type) -> type:
    """The first class in the lineage that stands for a C++ class."""
    for candidate in cls.__mro__:
        if STAND_IN in vars(candidate) or candidate.__module__.startswith("PySide6"):
            return candidate
    return cls


@cache
def defining(cls: type, name: str) -> type | None:
    """The class of the lineage in which ``name`` is defined."""
    return next((candidate for candidate in cls.__mro__ if name in vars(candidate)), None)


@cache
def shows(cls: type, name: str) -> bool:
    """True if an object of ``cls`` has ``name`` in Slicer as well."""
    definer = defining(cls, name)
    if definer is not None and is_foreign(definer):
        return True
    if name in OVERRIDABLE or name in MACHINERY:
        return True
    common = tables.widget_names()
    own = tables.observed_names(native(cls).__name__)
    if own is not None:
        return name in own or name in common
    if definer is None or definer.__name__ in COMMON:
        return name in common or catalog.property_of(cls, name) is not None
    listed = tables.observed_names(definer.__name__)
    return listed is None or name in listed or name in common


def missing(cls: type, name: str) -> AttributeError:
    return AttributeError(f"{native(cls).__name__} has no attribute named '{name}'")
