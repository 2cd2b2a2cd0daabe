"""Setup: what is installed, what is missing, one button that installs it, and the caches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.children import ChildProcess, lastLines
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.environment_table import EnvironmentTable
from SemiWeakSegLib.panels.folders import openFolder
from SemiWeakSegLib.panels.installing import (
    InstallError,
    extensionHint,
    extensionInstalled,
    install,
)
from SemiWeakSegLib.panels.packages import (
    Environment,
    Package,
    neededPackages,
    readableSize,
)

DELETE_CACHE = ("-u", "-m", "SemiWeakSegLib", "cache", "--delete")
TITLE = "SemiWeakSeg"


class SetupPanel:
    """Asks a child process on the first `enter`; closes its section once, when all is ready."""

    def __init__(
        self, container: qt.QWidget, logic: Any, resourcePath: Callable[[str], str]
    ) -> None:
        self.container = container
        self.logic = logic
        self.requirementsFile = Path(resourcePath("requirements.txt"))
        self.environment: Environment | None = None
        self.packages: list[Package] = []
        self.skipInstallInTesting = True
        self._message = ""
        self._restartFor: list[str] = []
        self._hasAsked = False
        self._hasClosed = False
        self._deletion: ChildProcess | None = None
        self._connections = Connections()
        self.widget = slicer.util.loadUI(resourcePath("UI/Setup.ui"))
        container.layout().addWidget(self.widget)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.table = EnvironmentTable(self.ui.packagesTable)
        for button, receiver in (
            (self.ui.installButton, self.onInstall),
            (self.ui.extensionsManagerButton, openExtensionsManager),
            (self.ui.restartButton, slicer.util.restart),
            (self.ui.checkAgainButton, self.ask),
            (self.ui.openCacheButton, self.onOpenCache),
            (self.ui.deleteCacheButton, self.onDeleteCache),
        ):
            self._connections.widget(button, "clicked()", receiver)
        self._connections.topic(logic.events, "setup", self.onEnvironment)
        self._connections.topic(logic.events, "run", self.refresh)
        self._connections.topic(logic.events, "finished", self.refresh)
        self.refresh()

    @property
    def missing(self) -> list[Package]:
        """Packages that are absent or of another version than needed."""
        return [each for each in self.packages if not each.satisfied]

    @property
    def ready(self) -> bool:
        """Whether one can train here."""
        known = self.environment is not None and bool(self.packages)
        return known and not self.missing and not self.environment.error

    @property
    def headline(self) -> str:
        """For the section's title."""
        if self.environment is None:
            return _("asking what is installed…") if self._hasAsked else ""
        if not self.environment.packages:
            return _("what is installed could not be found out")
        if self.environment.error:
            return _("PyTorch does not work")
        if self.missing:
            names = ", ".join(each.name for each in self.missing)
            return _("missing: {names}").format(names=names)
        best = self.environment.devices[0].title if self.environment.devices else ""
        return _("ready, {device}").format(device=best) if best else _("ready")

    def setParameterNode(self, parameterNode: Any) -> None:
        """Setup belongs to the computer, not to the scene."""

    def enter(self) -> None:
        """The module is shown: the first time, ask what is installed."""
        if not self._hasAsked:
            self.ask()

    def exit(self) -> None:
        """Another module is shown; an answer under way may still come."""

    def sceneStartClose(self) -> None:
        """Nothing here belongs to the scene."""

    def sceneEndClose(self) -> None:
        """Nothing here belongs to the scene."""

    def cleanup(self) -> None:
        """Let go of everything; a deletion under way goes on without us."""
        self._connections.release()
        self._deletion = None

    def ask(self) -> None:
        """Ask a child process for versions, devices and caches; the answer comes by itself."""
        self._hasAsked = True
        self.ui.checkAgainButton.enabled = False
        self.logic.environment()
        self.refresh()

    def onEnvironment(self, found: Mapping[str, Any]) -> None:
        """The child process answered."""
        self._hasAsked = True
        self.environment = Environment.fromDict(found)
        self.ui.checkAgainButton.enabled = True
        self.refresh()
        if self.ready and not self._hasClosed and not self._restartFor:
            self._hasClosed = True
            self.container.collapsed = True

    def onInstall(self) -> None:
        """List what is missing, ask once, install."""
        missing = self.missing
        if not missing or not self._confirmInstall(missing):
            return
        self._message = _("Installing. This takes some minutes…")
        self.refresh()
        slicer.app.processEvents()
        try:
            self._restartFor = install(missing, self.skipInstallInTesting)
            self._message = ""
        except InstallError as error:
            self._message = str(error)
        self.ask()

    def onOpenCache(self) -> None:
        """Show the folder of prepared images."""
        if self.environment is not None:
            openFolder(self.environment.cacheFolder)

    def onDeleteCache(self) -> None:
        """Say how much it is, ask, delete."""
        if self.environment is None or self._deletion is not None:
            return
        question = _(
            "Delete the prepared images, {size} in {folder}? Cohorts, annotations, runs and "
            "models are not touched; the next training prepares its images again."
        ).format(
            size=readableSize(self.environment.cacheBytes), folder=self.environment.cacheFolder
        )
        if not slicer.util.confirmOkCancelDisplay(question, TITLE):
            return
        self._deletion = ChildProcess(DELETE_CACHE, onFinished=self._onDeleted)
        self._deletion.start()
        self.refresh()

    def refresh(self, *arguments: Any) -> None:
        """Show what is known."""
        if self.environment is not None:
            self.packages = neededPackages(self.requirementsFile, self.environment.packages)
        self.table.show(self.environment, self.packages)
        self._showState()
        self._showCache()

    def _confirmInstall(self, missing: list[Package]) -> bool:
        lines = []
        for each in missing:
            found = _("now {version}").format(version=each.installed) if each.installed else ""
            how = (
                _("by the PyTorch extension, which picks the build for this computer, up to 3 GB")
                if each.name == "torch"
                else _("from the Python Package Index")
            )
            lines.append(f"• {each.requirement} ({', '.join(filter(None, (found, how)))})")
        question = _(
            "These Python packages will be downloaded and installed into Slicer:\n\n{packages}\n\n"
            "This changes Slicer's own Python. Slicer waits meanwhile. Continue?"
        ).format(packages="\n".join(lines))
        return slicer.util.confirmOkCancelDisplay(question, TITLE)

    def _onDeleted(self, exitCode: int, errorText: str) -> None:
        self._deletion = None
        self._message = (
            _("The prepared images could not be deleted: {reason}").format(
                reason=lastLines(errorText, 1)
            )
            if exitCode
            else ""
        )
        self.ask()

    def _showState(self) -> None:
        ui = self.ui
        torchMissing = any(each.name == "torch" for each in self.missing)
        lacksExtension = torchMissing and not extensionInstalled()
        isTraining = self.logic.isTraining
        ui.setupStateLabel.text = self._stateText()
        message = self._message or (extensionHint() if lacksExtension else "")
        if self._restartFor:
            message = _(
                "{names} was replaced while Slicer was using it: restart Slicer before you go on."
            ).format(names=", ".join(self._restartFor))
        ui.setupMessageLabel.text = message
        ui.setupMessageLabel.visible = bool(message)
        ui.installButton.visible = bool(self.missing)
        ui.installButton.enabled = bool(self.missing) and not lacksExtension and not isTraining
        ui.extensionsManagerButton.visible = lacksExtension
        ui.restartButton.visible = bool(self._restartFor)
        if lacksExtension:
            tip = extensionHint()
        elif isTraining:
            tip = _("A training is running: installing waits for its end.")
        else:
            tip = _("Lists what is missing and installs it after you agree.")
        ui.installButton.toolTip = tip

    def _stateText(self) -> str:
        if self.environment is None:
            return _("Asking what is installed…") if self._hasAsked else ""
        if not self.environment.packages:
            return _("What is installed could not be found out: {reason}").format(
                reason=self.environment.error
            )
        if self.environment.error:
            return _(
                "PyTorch is installed but does not work: {reason}. Uninstall it in the module "
                "PyTorch Utils, restart Slicer and press Install here."
            ).format(reason=self.environment.error)
        if self.missing:
            return _("Training needs packages that are not installed. Annotating works without.")
        return _("Everything is ready.")

    def _showCache(self) -> None:
        ui, known = self.ui, self.environment is not None and bool(self.environment.cacheFolder)
        isTraining = self.logic.isTraining
        for widget in (ui.cacheLabel, ui.openCacheButton, ui.deleteCacheButton):
            widget.visible = known
        if not known:
            return
        size = self.environment.cacheBytes
        ui.cacheLabel.text = (
            _("Deleting prepared images…")
            if self._deletion is not None
            else _("Prepared images: {size}").format(size=readableSize(size))
        )
        ui.cacheLabel.toolTip = self.environment.cacheFolder
        ui.deleteCacheButton.enabled = bool(size) and not isTraining and self._deletion is None
        ui.deleteCacheButton.toolTip = (
            _("A training is running, and uses them.")
            if isTraining
            else _("Deletes prepared images, after asking. Annotations, runs and models stay.")
        )


def openExtensionsManager() -> None:
    """Press Slicer's own menu entry; harmless where there is no main window."""
    window = slicer.util.mainWindow()
    actions = slicer.util.findChildren(window, name="ViewExtensionsManagerAction") if window else []
    if actions:
        actions[0].trigger()
