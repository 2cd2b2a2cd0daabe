"""How a value of each type is written into a parameter node and read back."""

from __future__ import annotations

import enum
import json
import types
import typing
from pathlib import Path, PurePath

import slicer

from .annotations import Default, Validator

UNIONS = (typing.Union, types.UnionType)


class Field:
    """One parameter: name, type, limits, default; reads and writes one node."""

    def __init__(self, name: str, annotated, default) -> None:
        self.name = name
        self.annotated = annotated
        self.kind, self.annotations = split(annotated)
        check_supported(self.kind)
        self.validators = [a for a in self.annotations if isinstance(a, Validator)]
        found = next((a for a in self.annotations if isinstance(a, Default)), None)
        self.default = default or found or Default(first_value(self.kind))

    def isIn(self, node) -> bool:
        return node.HasParameter(self.name)

    def is_list(self) -> bool:
        return typing.get_origin(self.kind) is list

    def write(self, node, value) -> None:
        check_type(self.name, self.kind, value)
        for validator in self.validators:
            validator.validate(value)
        if is_node_type(self.kind):
            # The empty parameter says that None was stored on purpose.
            with slicer.util.NodeModify(node):
                node.SetParameter(self.name, "")
                node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, to_text(self.kind, value))

    def read(self, node):
        if not self.isIn(node):
            self.write(node, self.default.value)
        if is_node_type(self.kind):
            return node.GetNodeReference(self.name)
        value = from_text(self.kind, node.GetParameter(self.name))
        return StoredList(self, node, value) if isinstance(value, list) else value


class StoredList(list):
    """A list that writes itself back when it changes."""

    def __init__(self, field: Field, node, values) -> None:
        super().__init__(values)
        self._field, self._node = field, node

    def _write(self) -> None:
        self._field.write(self._node, list(self))


def _writing(name: str):
    def method(self, *arguments):
        result = getattr(list, name)(self, *arguments)
        self._write()
        return result

    return method


for _name in ("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"):
    setattr(StoredList, _name, _writing(_name))
for _name in ("__setitem__", "__delitem__", "__iadd__"):
    setattr(StoredList, _name, _writing(_name))


def split(annotated) -> tuple[object, tuple]:
    """Type and annotations; the type alone has none."""
    if typing.get_origin(annotated) is typing.Annotated:
        kind, *annotations = typing.get_args(annotated)
        return kind, tuple(annotations)
    return annotated, ()


def node_types(kind) -> tuple[type, ...]:
    """The node classes of a type such as ``vtkMRMLNode`` or ``A | B | None``."""
    parts = typing.get_args(kind) if typing.get_origin(kind) in UNIONS else (kind,)
    return tuple(p for p in parts if isinstance(p, type) and issubclass(p, slicer.vtkMRMLNode))


def is_node_type(kind) -> bool:
    return bool(node_types(kind))


def is_enum(kind) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def is_path(kind) -> bool:
    return isinstance(kind, type) and issubclass(kind, PurePath)


def check_supported(kind) -> None:
    if typing.get_origin(kind) is list:
        check_supported(split(typing.get_args(kind)[0])[0])
        return
    known = kind in (str, int, float, bool) or is_node_type(kind) or is_enum(kind) or is_path(kind)
    if not known:
        raise TypeError(f"the stand-in of parameterNodeWrapper has no type {kind} yet")


def first_value(kind):
    if is_node_type(kind):
        return None
    if typing.get_origin(kind) is list:
        return []
    if is_enum(kind):
        return next(iter(kind))
    return kind()


def check_type(name: str, kind, value) -> None:
    """TypeError or ValueError as the real wrapper raises them."""
    if is_node_type(kind):
        if value is not None and not isinstance(value, node_types(kind)):
            raise TypeError(f"{name} must be a node of {kind}, is {value!r}")
        return
    if value is None:
        raise ValueError(f"{name} must not be None")
    if typing.get_origin(kind) is list:
        item = split(typing.get_args(kind)[0])[0]
        for part in value:
            check_type(name, item, part)
        return
    allowed = (int, float) if kind is float else PurePath if is_path(kind) else kind
    if not isinstance(value, allowed):
        raise TypeError(f"{name} must be of type {kind}, is {value!r}")


def to_text(kind, value) -> str:
    if typing.get_origin(kind) is list:
        item = split(typing.get_args(kind)[0])[0]
        return json.dumps([to_text(item, part) for part in value])
    return value.name if is_enum(kind) else str(value)


def from_text(kind, text: str):
    if typing.get_origin(kind) is list:
        item = split(typing.get_args(kind)[0])[0]
        return [from_text(item, part) for part in json.loads(text)]
    if kind is bool:
        return text == "True"
    if is_enum(kind):
        return kind[text]
    return Path(text) if is_path(kind) else kind(text)
