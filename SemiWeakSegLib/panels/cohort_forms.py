"""The forms of the Cohort section, one open at a time: folders, list, volumes, split."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.add_folders import AddFoldersForm
from SemiWeakSegLib.panels.add_volumes import AddVolumesForm
from SemiWeakSegLib.panels.case_menus import sceneVolumes
from SemiWeakSegLib.panels.cohort_actions import CohortActions
from SemiWeakSegLib.panels.cohort_state import patientCount
from SemiWeakSegLib.panels.split_form import SplitForm
from SemiWeakSegLib.scene.sources import dicomVolumes

_WIDGETS = {
    "folders": "addFolders",
    "list": "addList",
    "volumes": "addVolumes",
    "dicom": "addVolumes",
    "split": "split",
}


class CohortForms:
    """Opens and closes the forms; a form that did its work closes, one that failed stays open."""

    def __init__(self, ui: SimpleNamespace, logic: Any, actions: CohortActions) -> None:
        self.ui, self.logic, self.actions = ui, logic, actions
        self.current = ""
        self._folders = AddFoldersForm(ui, self._addFolders)
        self._volumes = AddVolumesForm(ui, self._addVolumes)
        self._split = SplitForm(ui, self._splitCases)
        self._connections = [
            (ui.addListAcceptButton, "clicked()", self._addList),
            (ui.listPathEdit, "currentPathChanged(QString)", self._listChanged),
        ]
        for form in set(_WIDGETS.values()):
            self._connections.append((getattr(ui, f"{form}CancelButton"), "clicked()", self.close))
        for sender, signal, slot in self._connections:
            sender.connect(signal, slot)
        ui.listPathEdit.currentPath = ""
        self.close()

    def cleanup(self) -> None:
        """Call nobody from now on."""
        for sender, signal, slot in self._connections:
            sender.disconnect(signal, slot)
        for form in (self._folders, self._volumes, self._split):
            form.cleanup()

    def open(self, way: str) -> None:
        """Open the form for "folders", "list", "volumes", "dicom" or "split"."""
        self.close()
        self.current = way
        if way in ("volumes", "dicom"):
            volumes = dicomVolumes() if way == "dicom" else sceneVolumes()
            self._volumes.show(
                volumes,
                withSegmentations=way == "volumes",
                empty=_("The scene has no such volume any more."),
            )
        elif way == "split":
            cases = self.logic.study.cohort.cases
            self._split.show([case.id for case in cases], patientCount(cases))
        elif way == "list":
            self._listChanged()
        else:
            self._folders.update()
        getattr(self.ui, f"{_WIDGETS[way]}Form").visible = True

    def close(self) -> None:
        """Close whatever form is open."""
        self.current = ""
        for form in set(_WIDGETS.values()):
            getattr(self.ui, f"{form}Form").visible = False

    def _listChanged(self, *_path: object) -> None:
        chosen = bool(self.ui.listPathEdit.currentPath.strip())
        self.ui.addListAcceptButton.enabled = chosen
        self.ui.addListAcceptButton.toolTip = (
            _("Add the cases that it lists.") if chosen else _("Choose a file or folder first.")
        )

    def _addFolders(self, *choices: Any) -> None:
        if self.actions.addFolders(*choices):
            self._folders.clear()
            self.close()

    def _addList(self) -> None:
        self.ui.listPathEdit.addCurrentPathToHistory()
        if self.actions.addList(self.ui.listPathEdit.currentPath.strip()):
            self.close()

    def _addVolumes(self, volumes: list[Any], segmentations: dict[str, Any]) -> None:
        if self.current == "dicom":
            done = self.actions.addDicomVolumes(volumes)
        else:
            done = self.actions.addVolumes(volumes, segmentations)
        if done:
            self.close()

    def _splitCases(self, *choices: Any) -> None:
        if self.actions.split(*choices):
            self.close()
