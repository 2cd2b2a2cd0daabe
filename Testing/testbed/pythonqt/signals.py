"""``connect`` and ``disconnect`` as PythonQt has them: a signature, a callable, True or False."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import shiboken6
from PySide6 import QtCore

from .. import tables
from ..complaints import complain, complain_of_exception
from . import catalog, names


@dataclass
class Connections:
    """The Python receivers of one C++ object: (signature, receiver, slot given to PySide)."""

    entries: list[tuple[str, object, Callable]] = field(default_factory=list)


# By the address of the C++ object: its Python wrapper may come and go.
_connections: dict[int, Connections] = {}


def of_object(sender) -> Connections:
    address = shiboken6.getCppPointer(sender)[0]
    if address not in _connections:
        _connections[address] = Connections()
        destroyed = object_attribute(sender, "destroyed")
        destroyed.connect(lambda *_: _connections.pop(address, None))
    return _connections[address]


def object_attribute(sender, name: str):
    return object.__getattribute__(sender, name)


def normalized(signature: str) -> str:
    return bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()


def resolve(sender, signature: str):
    """The PySide signal and the number of arguments it hands over; None if there is no such."""
    match = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", signature, flags=re.S)
    if match is None:
        return None
    name, wanted = match.group(1), normalized(signature)
    if not names.shows(type(sender), name):
        return None
    count = len([part for part in match.group(2).split(",") if part.strip()])
    declared = [
        known
        for cls in tables.lineage(names.native(type(sender)).__name__)
        for known in tables.signals(cls)
        if known.split("(")[0] == name
    ]
    if declared:
        if wanted not in declared:
            return None
    elif not catalog.has_signal(type(sender), wanted):
        return None
    signal = object_attribute(sender, name)
    # Without the overload named, PySide hands a slot with open arguments none at all.
    return (signal if declared or not count else signal[wanted[len(name) + 1 : -1]]), count


def connect(sender, signature, receiver=None, slot=None) -> bool:
    """Connect; an unknown signal is reported and answered with False, as in Slicer."""
    if not isinstance(signature, str):
        # PySide's own code calls the static form (QTimer.singleShot).
        return QtCore.QObject._plain_connect(signature, receiver, slot)
    if slot is not None:
        receiver = slot_of(receiver, slot)
    found = resolve(sender, signature)
    if found is None or receiver is None or not callable(receiver):
        owner = names.native(type(sender)).__name__
        complain(f"QObject::connect: No such signal or slot: {owner}::{signature}")
        return False
    signal, count = found
    adapted = adapt(receiver, count, f"{names.native(type(sender)).__name__}.{signature}")
    signal.connect(adapted)
    of_object(sender).entries.append((normalized(signature), receiver, adapted))
    return True


def disconnect(sender, signature=None, receiver=None, slot=None) -> bool:
    """Take receivers away; False if there were none."""
    if slot is not None:
        receiver = slot_of(receiver, slot)
    connections = of_object(sender)
    wanted = normalized(signature) if signature is not None else None
    leaving = [
        entry
        for entry in connections.entries
        if wanted in (None, entry[0]) and (receiver is None or entry[1] == receiver)
    ]
    for entry in leaving:
        connections.entries.remove(entry)
        object_attribute(sender, entry[0].split("(")[0]).disconnect(entry[2])
    return bool(leaving)


def slot_of(receiver, slot: str):
    """A method named as in C++, ``setValue(int)``."""
    return getattr(receiver, slot.split("(")[0], None)


def adapt(receiver: Callable, count: int, where: str) -> Callable:
    """A slot that passes at most as many arguments as both sides know, and survives errors."""
    limit = min(count, accepted_arguments(receiver))

    def slot(*arguments):
        try:
            receiver(*arguments[:limit])
        except Exception:
            complain_of_exception(f"a slot connected to {where}")

    return slot


def accepted_arguments(receiver: Callable) -> int:
    """How many positional arguments PythonQt hands to ``receiver``; plain callables take all."""
    function = getattr(receiver, "__func__", receiver)
    if not inspect.isfunction(function):
        return 1000
    if function.__code__.co_flags & inspect.CO_VARARGS:
        return 1000
    return function.__code__.co_argcount - inspect.ismethod(receiver)
