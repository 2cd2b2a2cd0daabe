"""PythonQt's enums are ints; PySide6's are made to compare and calculate like them."""

from __future__ import annotations

import enum


def number(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else value


def _equal(self, other) -> bool:
    return number(self) == number(other)


def _hash(self) -> int:
    return hash(self.value)


def _int(self) -> int:
    return int(self.value)


def _less(self, other) -> bool:
    return number(self) < number(other)


def _combining(name: str):
    def combine(self, other):
        result = getattr(int, name)(int(self.value), int(number(other)))
        try:
            return type(self)(result)
        except ValueError:
            return result

    return combine


def _calculating(name: str):
    def calculate(self, other):
        return getattr(int, name)(int(self.value), number(other))

    return calculate


def make_ints_of(owner: object) -> None:
    """Give every plain enum that is an attribute of ``owner`` the manners of an int."""
    for value in list(vars(owner).values()):
        if not (isinstance(value, type) and issubclass(value, enum.Enum)):
            continue
        if issubclass(value, int) or "_acts_as_int" in vars(value):
            continue
        type.__setattr__(value, "_acts_as_int", True)
        for name, method in (
            ("__eq__", _equal),
            ("__hash__", _hash),
            ("__int__", _int),
            ("__index__", _int),
            ("__lt__", _less),
        ):
            type.__setattr__(value, name, method)
        for name in ("__or__", "__and__", "__xor__", "__ror__", "__rand__"):
            type.__setattr__(value, name, _combining(name))
        for name in ("__add__", "__sub__", "__radd__"):
            type.__setattr__(value, name, _calculating(name))
