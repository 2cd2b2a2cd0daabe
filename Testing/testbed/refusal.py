"""A base for stand-ins of C++ objects that are no widgets: they refuse unknown names."""

from __future__ import annotations

from . import tables
from .complaints import complain


class Refusing:
    """Attributes are those the class defines; names starting with ``_`` are its own business.

    A name that the real object has but the stand-in lacks raises NotImplementedError, so that a
    gap of the testbed is never taken for a fact about Slicer.
    """

    OBSERVED_AS = ""

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        known = tables.observed_names(cls.OBSERVED_AS)
        if known is None:
            return
        classes = [base for base in cls.__mro__ if base not in (Refusing, object)]
        own = {name for base in classes for name in vars(base) if not name.startswith("_")}
        own.discard("OBSERVED_AS")
        invented = own - known - tables.widget_names()
        if invented:
            raise TypeError(f"{cls.__name__} offers what {cls.OBSERVED_AS} lacks: {invented}")

    def __getattr__(self, name: str):
        known = tables.observed_names(self.OBSERVED_AS) or frozenset()
        if name in known:
            raise NotImplementedError(f"the testbed has no {self.OBSERVED_AS}.{name} yet")
        raise AttributeError(f"{self.OBSERVED_AS} has no attribute named '{name}'")

    def __setattr__(self, name: str, value) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        declared = getattr(type(self), name, None)
        if not isinstance(declared, property) or declared.fset is None:
            raise AttributeError(f"Attribute '{name}' of {self.OBSERVED_AS} is not writable")
        object.__setattr__(self, name, value)

    def _connect(self, signals: dict[str, list], signal: str, receiver) -> bool:
        receivers = signals.get(signal.replace(" ", ""))
        if receivers is None:
            complain(f"{self.OBSERVED_AS}: no such signal: {signal}")
            return False
        receivers.append(receiver)
        return True

    @staticmethod
    def _disconnect(receivers: list, receiver) -> bool:
        if receiver is None:
            receivers.clear()
            return True
        if receiver not in receivers:
            return False
        receivers.remove(receiver)
        return True
