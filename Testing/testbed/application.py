"""``slicer.app``: one object for the whole process, with or without Qt behind it."""

from __future__ import annotations

import os
import tempfile
import types
from collections.abc import Callable

from .complaints import complain_of_exception
from .refusal import Refusing

SIGNALS = (
    "aboutToQuit()",
    "lastWindowClosed()",
    "startupCompleted()",
    "renderPaused(bool)",
    "mrmlSceneChanged(vtkMRMLScene*)",
    "urlReceived(QString)",
    "usageEventLogged(QString,QString)",
    "focusChanged(QWidget*,QWidget*)",
    "paletteChanged(QPalette)",
)
FIXED = {
    "applicationName": "Slicer",
    "mainApplicationName": "Slicer",
    "mainApplicationDisplayName": "3D Slicer",
    "applicationVersion": "5.12.3",
    "majorVersion": 5,
    "minorVersion": 12,
    "mainApplicationMajorVersion": 5,
    "mainApplicationMinorVersion": 12,
    "mainApplicationPatchVersion": 3,
    "revision": "00000",
    "repositoryRevision": "00000",
    "mainApplicationRevision": "00000",
    "mainApplicationRepositoryRevision": "00000",
    "os": "linux",
    "arch": "amd64",
    "platform": "linux-amd64",
    "releaseType": "Stable",
    "isInstalled": True,
    "isCustomMainApplication": False,
    "isUsageLoggingSupported": False,
    "documentationBaseUrl": "https://slicer.readthedocs.io/en/latest/",
    "documentationLanguage": "en",
    "documentationVersion": "latest",
    "applicationLocaleName": "en-US",
}
FOLDERS = ("temporaryPath", "slicerHome", "cachePath", "extensionsInstallPath", "slicerSharePath")


class ProcessEnvironment:
    """As much of QProcessEnvironment as slicer.util reads, for scenes without Qt."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = dict(variables)

    def keys(self) -> list[str]:
        return list(self._variables)

    def value(self, name: str, default: str = "") -> str:
        return self._variables.get(name, default)

    def contains(self, name: str) -> bool:
        return name in self._variables


class Application(Refusing):
    """The names of qSlicerApplication; Qt's own are passed on once Qt has been booted."""

    OBSERVED_AS = "slicer.app"

    def __init__(self, scene) -> None:
        self._scene = scene
        self._qt = None
        self._layout_manager = None
        self._testing = True
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-")
        self._values = dict(FIXED)
        for name in FOLDERS:
            self._values[name] = os.path.join(self._folder.name, name)
            os.makedirs(self._values[name])
        self._receivers: dict[str, list[Callable]] = {signal: [] for signal in SIGNALS}
        self._settings = None

    def __getattr__(self, name: str):
        if not name.startswith("_"):
            if name in self._values:
                return self._values[name]
            if self._qt is not None and hasattr(type(self._qt), name):
                self._known(name)
                return getattr(self._qt, name)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value) -> None:
        if name in ("temporaryPath", "cachePath", "extensionsInstallPath"):
            self._values[name] = str(value)
        else:
            super().__setattr__(name, value)

    def __dir__(self):
        return sorted({*super().__dir__(), *self._values})

    def _known(self, name: str) -> None:
        from . import tables

        if name not in (tables.observed_names(self.OBSERVED_AS) or ()) | tables.widget_names():
            super().__getattr__(name)

    # Slicer's own objects

    def mrmlScene(self):
        return self._scene.node_scene

    def applicationLogic(self):
        return self._scene.application_logic

    def moduleLogic(self, name: str):
        return self._scene.logics.get(name)

    def moduleManager(self):
        return self._scene.modules

    def coreIOManager(self):
        return self._scene.files

    def ioManager(self):
        return self._scene.files

    def layoutManager(self):
        return self._layout_manager

    def setLayoutManager(self, manager) -> None:
        self._layout_manager = manager

    def pythonConsole(self):
        return None

    def commandOptions(self):
        return types.SimpleNamespace(
            testingEnabled=self._testing, noMainWindow=True, runPythonAndExit=True
        )

    # How it was started

    def testingEnabled(self) -> bool:
        return self._testing

    def startupEnvironment(self):
        if self._qt is None:
            return ProcessEnvironment(dict(os.environ))
        from PySide6.QtCore import QProcessEnvironment

        return QProcessEnvironment.systemEnvironment()

    def environment(self):
        return self.startupEnvironment()

    def moduleDocumentationUrl(self, moduleName: str) -> str:
        return f"{self._values['documentationBaseUrl']}user_guide/modules/{moduleName.lower()}.html"

    def translate(self, _context: str, text: str, *_rest) -> str:
        return text

    # Settings: one file in a folder of its own, the same that qt.QSettings() opens.

    def settings(self):
        return self._stored_settings

    def userSettings(self):
        return self._stored_settings

    def revisionUserSettings(self):
        return self._stored_settings

    @property
    def _stored_settings(self):
        if self._qt is None:
            raise NotImplementedError("settings need Qt; boot the application first")
        if self._settings is None:
            from PySide6.QtCore import QSettings

            self._settings = QSettings()
        return self._settings

    # What a scene without Qt may be asked to do

    def processEvents(self, *arguments) -> None:
        if self._qt is not None:
            type(self._qt).processEvents(*arguments)

    def pauseRender(self) -> None:
        """Nothing is drawn; counted by Slicer, harmless here."""

    def resumeRender(self) -> None:
        """See pauseRender."""

    def setOverrideCursor(self, cursor) -> None:
        if self._qt is not None:
            from PySide6.QtGui import QCursor

            type(self._qt).setOverrideCursor(QCursor(cursor))

    def restoreOverrideCursor(self) -> None:
        if self._qt is not None:
            type(self._qt).restoreOverrideCursor()

    def connect(self, signal: str, receiver: Callable) -> bool:
        return self._connect(self._receivers, signal, receiver)

    def disconnect(self, signal: str, receiver=None) -> bool:
        return self._disconnect(self._receivers.get(signal.replace(" ", ""), []), receiver)

    def _announce(self, signal: str, *arguments) -> None:
        for receiver in list(self._receivers[signal]):
            try:
                receiver(*arguments)
            except Exception:
                complain_of_exception(f"a receiver of {signal}")
