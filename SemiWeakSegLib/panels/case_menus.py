"""The menus of the Cohort section: ways to add cases, roles, and what can be done with a case."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import ROLES, SegmentClass
from SemiWeakSegLib.panels.row_texts import roleName
from SemiWeakSegLib.scene.prediction_nodes import RUN
from SemiWeakSegLib.scene.sources import dicomVolumes


class AddMenu:
    """The ways to add cases; ``open`` gets "folders", "list", "volumes" or "dicom"."""

    def __init__(self, button: qt.QPushButton, open: Callable[[str], None]) -> None:
        self.menu = qt.QMenu(button)
        self.menu.setObjectName("AddCasesMenu")
        self.menu.setToolTipsVisible(True)
        self.actions: dict[str, qt.QAction] = {}
        self._slots: dict[str, Callable[[], None]] = {}
        for way, text, tip in (
            ("folders", _("Folder of images…"), _("Images, perhaps with labels and truth.")),
            (
                "list",
                _("Datalist, dataset.json or other cohort…"),
                _("A MONAI or Decathlon datalist, nnU-Net dataset, or another cohort."),
            ),
            ("volumes", _("Volumes in the scene…"), ""),
            ("dicom", _("Volumes from DICOM in the scene…"), ""),
        ):
            action = self.menu.addAction(text)
            action.setToolTip(tip)
            self._slots[way] = _calling(open, way)
            action.connect("triggered()", self._slots[way])
            self.actions[way] = action
        self.menu.connect("aboutToShow()", self.update)
        button.setMenu(self.menu)

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self.menu.disconnect("aboutToShow()", self.update)
        for way, action in self.actions.items():
            action.disconnect("triggered()", self._slots[way])

    def update(self) -> None:
        """Disable what the scene has nothing for, and say why."""
        volumes, dicom = sceneVolumes(), dicomVolumes()
        self._set("volumes", bool(volumes), _("The scene has no volume; load one first."))
        if hasattr(slicer.modules, "dicom"):
            reason = _("No volume of the scene came from DICOM; load one in the DICOM module.")
        else:
            reason = _("This Slicer has no DICOM module, and no volume of the scene is from DICOM.")
        self._set("dicom", bool(dicom), reason)

    def _set(self, way: str, enabled: bool, reason: str) -> None:
        action = self.actions[way]
        action.setEnabled(enabled)
        action.setToolTip(_("Choose which of them to add.") if enabled else reason)


def sceneVolumes() -> list[slicer.vtkMRMLScalarVolumeNode]:
    """The scene's images; neither label maps nor the uncertainty maps of a run."""
    return [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if not node.IsA("vtkMRMLLabelMapVolumeNode")
        and node.GetImageData() is not None
        and not node.GetHideFromEditors()
        and node.GetAttribute(RUN) is None
    ]


def roleMenu(parent: qt.QWidget, setRole: Callable[[str], None]) -> qt.QMenu:
    """A menu of the roles."""
    menu = qt.QMenu(parent)
    menu.setObjectName("RoleMenu")
    menu.setTitle(_("Set role"))
    for role in ROLES:
        menu.addAction(roleName(role)).connect("triggered()", _calling(setRole, role))
    return menu


class TagMenu:
    """A menu with the classes, and for each whether it is in the images of the selected cases.

    ``setTag`` gets the class index and "present", "absent" or None for not said.
    """

    def __init__(
        self,
        parent: qt.QWidget,
        classes: Callable[[], Sequence[SegmentClass]],
        setTag: Callable[[int, str | None], None],
    ) -> None:
        self.menu = qt.QMenu(parent)
        self.menu.setObjectName("TagMenu")
        self.menu.setTitle(_("Set tag"))
        self.actions: dict[tuple[int, str | None], qt.QAction] = {}
        self._classes = classes
        self._setTag = setTag

    def update(self) -> None:
        """List the classes as they are now; to be called before the menu is offered."""
        self.menu.clear()
        self.actions.clear()
        for item in self._classes():
            # An ampersand would become a shortcut.
            ofClass = self.menu.addMenu(item.name.replace("&", "&&"))
            for tag, text in (
                ("present", _("Present")),
                ("absent", _("Absent")),
                (None, _("Not said")),
            ):
                action = ofClass.addAction(text)
                action.connect("triggered()", self._calling(item.index, tag))
                self.actions[item.index, tag] = action
        self.menu.menuAction().setEnabled(bool(self.actions))

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self.menu.clear()
        self.actions.clear()

    def _calling(self, index: int, tag: str | None) -> Callable[[], None]:
        return lambda: self._setTag(index, tag)


def caseMenu(
    parent: qt.QWidget,
    open: Callable[[], None],
    setRole: Callable[[str], None],
    tags: qt.QMenu,
    remove: Callable[[], None],
) -> qt.QMenu:
    """What can be done with the selected cases."""
    menu = qt.QMenu(parent)
    menu.setObjectName("CaseMenu")
    menu.addAction(_("Open with its annotation")).connect("triggered()", open)
    menu.addMenu(roleMenu(menu, setRole))
    menu.addMenu(tags)
    menu.addSeparator()
    menu.addAction(_("Remove…")).connect("triggered()", remove)
    return menu


def _calling(function: Callable[[str], None], value: str) -> Callable[[], None]:
    """A slot without arguments: whatever a signal carries must not replace ``value``."""
    return lambda: function(value)
