"""Which Python values PythonQt takes for a property of a given C++ type."""

from __future__ import annotations

import enum
from numbers import Integral, Real

WHOLE = {"int", "uint", "unsigned int", "qlonglong", "qulonglong", "short", "long"}
BROKEN = {"double", "float", "qreal"}


def accepts(kind: str, value: object) -> bool:
    """True if a property of the C++ type ``kind`` takes ``value``."""
    if kind == "QString":
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool | Integral)
    if kind in WHOLE or kind in BROKEN:
        return isinstance(value, Real | enum.Enum)
    if kind in ("QStringList", "QList<QString>"):
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    # A colour from a text is Qt's own convenience; PythonQt wants the object.
    if kind in ("QColor", "QIcon", "QFont", "QSize", "QPixmap"):
        return type(value).__name__ == kind
    return True


def refused(owner: str, name: str, kind: str, value: object) -> AttributeError:
    """The error PythonQt raises for a value of a wrong type."""
    return AttributeError(
        f"Property '{name}' of type '{kind}' does not accept an object of type "
        f"{type(value).__name__} ({value!r}) in {owner}"
    )


def converted(kind: str, value: object) -> object:
    """The value as the property stores it."""
    if isinstance(value, enum.Enum) and (kind in WHOLE or kind in BROKEN):
        value = value.value
    if kind == "bool":
        return bool(value)
    if kind in WHOLE:
        return int(value)
    if kind in BROKEN:
        return float(value)
    if kind == "QStringList":
        return list(value)
    return value
