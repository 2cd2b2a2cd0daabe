"""``slicer.modules``, ``slicer.moduleNames`` and the module manager."""

from __future__ import annotations

from collections.abc import Callable

import slicer

from .complaints import complain_of_exception
from .refusal import Refusing


class LoadableModule(Refusing):
    """A C++ module: its name and its real logic, no widget."""

    OBSERVED_AS = "qSlicerLoadableModule"

    def __init__(self, name: str, logic) -> None:
        self._name = name
        self._logic = logic

    @property
    def name(self) -> str:
        return self._name

    @property
    def title(self) -> str:
        return self._name

    @property
    def path(self) -> str:
        return ""

    @property
    def dependencies(self) -> list[str]:
        return []

    @property
    def hidden(self) -> bool:
        return False

    @property
    def isBuiltIn(self) -> bool:
        return True

    def logic(self):
        return self._logic

    def mrmlScene(self):
        return slicer.mrmlScene

    def widgetRepresentation(self):
        return None

    def createNewWidgetRepresentation(self):
        return None


class ModuleManager(Refusing):
    """Knows the modules by name and tells when one is unloaded."""

    OBSERVED_AS = "qSlicerModuleManager"

    def __init__(self, logics: dict) -> None:
        self._logics = logics
        self._modules: dict[str, object] = {}
        self._about_to_unload: list[Callable] = []
        self._loaded: list[Callable] = []
        self._factory = FactoryManager(self)

    def module(self, name: str):
        return self._modules.get(name)

    def modulesNames(self) -> list[str]:
        return list(self._modules)

    def factoryManager(self):
        return self._factory

    def connect(self, signal: str, receiver: Callable) -> bool:
        signals = {
            "moduleAboutToBeUnloaded(QString)": self._about_to_unload,
            "moduleLoaded(QString)": self._loaded,
        }
        return self._connect(signals, signal, receiver)

    def disconnect(self, signal: str, receiver=None) -> bool:
        about = signal.startswith("moduleAboutToBeUnloaded")
        return self._disconnect(self._about_to_unload if about else self._loaded, receiver)

    # For the testbed itself; public in name only to this package.

    def _add_loadable(self, name: str) -> None:
        self._add(name, LoadableModule(name, self._logics[name]))

    def _add(self, name: str, module) -> None:
        self._modules[name] = module
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.moduleNames, name, name)
        self._tell(self._loaded, name)

    def _unload(self, name: str) -> None:
        """As on exit: the widget cleans up, then every trace of the module goes."""
        self._tell(self._about_to_unload, name)
        self._modules.pop(name, None)
        for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
            if hasattr(slicer.modules, attribute):
                delattr(slicer.modules, attribute)
        if hasattr(slicer.moduleNames, name):
            delattr(slicer.moduleNames, name)

    def _tell(self, receivers: list[Callable], name: str) -> None:
        for receiver in list(receivers):
            try:
                receiver(name)
            except Exception:
                complain_of_exception("a receiver of the module manager")


class FactoryManager(Refusing):
    """What scripts ask about registered and loaded modules."""

    OBSERVED_AS = "qSlicerModuleFactoryManager"

    def __init__(self, manager: ModuleManager) -> None:
        self._manager = manager

    def loadedModuleNames(self) -> list[str]:
        return self._manager.modulesNames()

    def registeredModuleNames(self) -> list[str]:
        return self._manager.modulesNames()

    def isLoaded(self, name: str) -> bool:
        return self._manager.module(name) is not None

    def isRegistered(self, name: str) -> bool:
        return self._manager.module(name) is not None

    def loadedModule(self, name: str):
        return self._manager.module(name)
