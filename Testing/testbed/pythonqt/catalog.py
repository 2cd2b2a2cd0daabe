"""Properties and signals of Qt's own classes, read once from their meta-objects.

The meta-objects must not be asked later: PySide6 ties the Python object for one to the widget it
was first taken from, and declares it dead with that widget.
"""

from __future__ import annotations

from functools import cache

from PySide6 import QtCore

# Methods in Qt 5.15 that became properties in Qt 6.
LATER_PROPERTIES = frozenset({("QLayout", "contentsMargins")})
# class -> property -> (C++ type, writable), without what is inherited
_properties: dict[type, dict[str, tuple[str, bool]]] = {}
# class -> signatures of its own signals
_signals: dict[type, frozenset[str]] = {}


def read_meta_objects(classes: list[type]) -> None:
    """Remember what the meta-objects of ``classes`` say."""
    for cls in classes:
        if not issubclass(cls, QtCore.QObject):
            continue
        meta = cls.staticMetaObject
        found = [meta.property(i) for i in range(meta.propertyOffset(), meta.propertyCount())]
        _properties[cls] = {
            one.name(): (one.typeName(), one.isWritable())
            for one in found
            if (cls.__name__, one.name()) not in LATER_PROPERTIES
        }
        methods = [meta.method(i) for i in range(meta.methodOffset(), meta.methodCount())]
        kind = QtCore.QMetaMethod.MethodType.Signal
        _signals[cls] = frozenset(
            bytes(one.methodSignature().data()).decode()
            for one in methods
            if one.methodType() == kind
        )


@cache
def property_of(cls: type, name: str) -> tuple[str, bool] | None:
    """C++ type of a Qt property and whether it can be written; None if there is none."""
    for base in cls.__mro__:
        if name in _properties.get(base, {}):
            return _properties[base][name]
    return None


@cache
def has_signal(cls: type, signature: str) -> bool:
    """True if Qt's own class, or one it derives from, has the signal."""
    return any(signature in _signals.get(base, ()) for base in cls.__mro__)
