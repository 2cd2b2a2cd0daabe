"""Makes the class that stands for a ctk, qMRML or qSlicer widget.

A class is put together from three sources: its Qt base, the signals and properties its headers
declare, and a behaviour written by hand (a plain class registered with ``behaviour``). A method
that the real class has but no behaviour offers raises NotImplementedError.
"""

from __future__ import annotations

from functools import cache

from PySide6 import QtCore, QtWidgets

from .. import tables
from ..pythonqt import catalog, names
from ..pythonqt.conversion import accepts, converted, refused
from .enumerators import ENUMERATORS

_QWIDGET = QtWidgets.QWidget
_behaviours: dict[str, type] = {}
DEFAULTS = {"bool": False, "int": 0, "double": 0.0, "QString": "", "QStringList": ()}
# Bases that cannot be made themselves, or that are not in the tables.
SUBSTITUTES = {
    "QAbstractSlider": "QSlider",
    "QVTKWidget": "QWidget",
    "ctkVTKOpenGLNativeWidget": "QWidget",
}


def behaviour(cls: type) -> type:
    """Register a class with the name of the real one as what the stand-in does."""
    _behaviours[cls.__name__] = cls
    return cls


class DeclaredProperty:
    """A property from the header: kept in the object unless the behaviour takes it over.

    A behaviour takes over with ``_get_<name>`` and ``_set_<name>``; with the latter it also
    emits the signals itself.
    """

    def __init__(self, name: str, kind: str, writable: bool) -> None:
        self.name, self.kind, self.writable = name, kind, writable

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        getter = getattr(type(instance), f"_get_{self.name}", None)
        if getter is not None:
            return getter(instance)
        return declared_values(instance).get(self.name, DEFAULTS.get(self.kind))

    def __set__(self, instance, value) -> None:
        owner = names.native(type(instance)).__name__
        if not self.writable:
            raise AttributeError(f"Property '{self.name}' of {owner} is not writable")
        if not accepts(self.kind, value):
            raise refused(owner, self.name, self.kind, value)
        value = converted(self.kind, value)
        setter = getattr(type(instance), f"_set_{self.name}", None)
        if setter is not None:
            setter(instance, value)
            return
        before = self.__get__(instance)
        declared_values(instance)[self.name] = value
        if before != value:
            _tell(instance, f"{self.name}Changed", value)


def declared_values(instance) -> dict:
    state = object.__getattribute__(instance, "__dict__")
    return state.setdefault("_declared_values", {})


def _tell(instance, signal: str, value) -> None:
    for cls in tables.lineage(names.native(type(instance)).__name__):
        for signature in tables.signals(cls):
            name, _, arguments = signature.partition("(")
            if name == signal:
                getattr(instance, signal).emit(*([value] if arguments != ")" else []))
                return


def _set_property(self, name: str, value) -> bool:
    declared = getattr(type(self), name, None)
    if isinstance(declared, DeclaredProperty):
        declared.__set__(self, value)
        return True
    return QtCore.QObject.setProperty(self, name, value)


def _get_property(self, name: str):
    declared = getattr(type(self), name, None)
    if isinstance(declared, DeclaredProperty):
        return declared.__get__(self)
    return QtCore.QObject.property(self, name)


@cache
def stand_in(name: str) -> type:
    """The class that stands for ``name``; AttributeError if Slicer has no such widget."""
    if not tables.is_known(name):
        raise AttributeError(f"Slicer has no widget class '{name}', or the record lacks it")
    base = _base(name)
    own = _behaviours.get(name)
    namespace = {names.STAND_IN: True, "__module__": "slicer", "__init__": _constructor(base)}
    namespace |= {"setProperty": _set_property, "property": _get_property}
    namespace |= ENUMERATORS.get(name, {})
    for signature in tables.signals(name):
        signal, _, arguments = signature.rstrip(")").partition("(")
        if not hasattr(base, signal) or names.STAND_IN not in vars(names.native(base)):
            count = len(arguments.split(",")) if arguments else 0
            namespace[signal] = QtCore.Signal(*[object] * count)
    for key, (kind, writable) in tables.properties(name).items():
        if catalog.property_of(base, key) is None:
            namespace[key] = DeclaredProperty(key, kind, writable)
    for method in tables.methods(name):
        if method not in namespace and not hasattr(base, method) and not hasattr(own, method):
            namespace[method] = _missing_method(name, method)
    for key, value in namespace.items():
        if own is not None and key in vars(own) and isinstance(value, QtCore.Signal):
            raise TypeError(f"{name}: a behaviour must not replace the signal {key}")
    _check(name, own)
    bases = (own, base) if own is not None else (base,)
    return type(base)(name, bases, namespace)


def recorded_widgets() -> list[str]:
    """Names of the widget classes in the record: those a script can make itself."""
    return [name for name in tables.header_classes() if issubclass(stand_in(name), _QWIDGET)]


def _base(name: str) -> type:
    declared = tables.base_of(name)
    declared = SUBSTITUTES.get(declared, declared)
    if tables.is_known(declared):
        return stand_in(declared)
    return getattr(QtWidgets, declared, None) or getattr(QtCore, declared)


def _check(name: str, own: type | None) -> None:
    """A behaviour must not offer what the real class lacks."""
    known = tables.observed_names(name)
    if own is None or known is None:
        return
    offered = {key for key in vars(own) if not key.startswith("_")}
    invented = offered - known - tables.widget_names() - names.OVERRIDABLE
    if invented:
        raise TypeError(f"the stand-in of {name} offers what the real class lacks: {invented}")


def _constructor(base: type):
    def construct(self, *arguments) -> None:
        # (parent), (text, parent) and (orientation, parent) are the constructors of these classes.
        parent = next((a for a in arguments if isinstance(a, QtCore.QObject)), None)
        native = next(c for c in type(self).__mro__ if c.__module__.startswith("PySide6"))
        native.__init__(self, parent) if parent is not None else native.__init__(self)
        build = getattr(self, "_build", None)
        if build is not None:
            build()
        text = next((a for a in arguments if isinstance(a, str)), None)
        if text is not None and hasattr(type(self), "setText"):
            self.setText(text)

    return construct


def _missing_method(owner: str, method: str):
    if method.startswith("set") and method[3:4].isupper():
        key = method[3].lower() + method[4:]
        declared = tables.properties(owner).get(key)
        if declared:
            return lambda self, value: setattr(self, key, value)

    def missing(self, *_arguments):
        raise NotImplementedError(f"the testbed has no {owner}.{method}() yet")

    return missing
