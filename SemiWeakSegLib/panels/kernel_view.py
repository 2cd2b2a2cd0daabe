"""Buttons that show the CRF kernel over the slice views, beside the settings of its widths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import Settings
from SemiWeakSegLib.methods.kernel import COMPARED_CHANNELS
from SemiWeakSegLib.panels.observations import Observations
from SemiWeakSegLib.panels.slice_views import crossing
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.image_reading import severalChannels
from SemiWeakSegLib.scene.kernel_picture import (
    KernelPicture,
    shownVolume,
    sliceAxisOf,
    voxelAt,
)
from SemiWeakSegLib.scene.kernel_weights import KernelShape, automaticReach
from SemiWeakSegLib.scene.node_names import CASE

KERNEL_FIELDS = {"sigma_space_mm", "sigma_intensity"}
"""Settings that have these have a kernel to show."""
DELAY_MS = 15
"""The crosshair moves with the mouse: what it passes in this time is drawn once."""


class KernelView:
    """One picture for the method and all terms; the button that is pressed says whose.

    ``planned(key)``: a line of the plan as far as it is known, else None.
    """

    def __init__(self, logic: Any, planned: Callable[[str], Any]) -> None:
        self._logic = logic
        self._planned = planned
        self._rows: list[KernelRow] = []
        self._shown: KernelRow | None = None
        self._picture = KernelPicture()
        self._channels: tuple[Any, np.ndarray | None] | None = None
        self._observations = Observations()
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.connect("timeout()", self._draw)
        logic.events.connect("case", self._onCase)

    @property
    def node(self) -> Any:
        """The overlay in the scene; None where no kernel is shown."""
        return self._picture.node

    def row(
        self, kind: type[Settings], values: Callable[[], Mapping[str, Any]], name: str
    ) -> KernelRow | None:
        """A button for settings that hold a kernel, else None.

        ``values``: the settings that differ from the defaults; ``name``: of the button.
        """
        if not KERNEL_FIELDS.issubset(each.name for each in kind.descriptions()):
            return None
        row = KernelRow(kind, values, name, self._onToggled)
        self._rows.append(row)
        row.showReach(self._reach(row, None))
        return row

    def drop(self, row: KernelRow) -> None:
        """The row's widget goes away."""
        if row is self._shown:
            self.hide()
        self._rows.remove(row)

    def refresh(self) -> None:
        """Settings, plan or cohort changed."""
        for row in self._rows:
            row.showReach(self._reach(row, None))
        if self._shown is not None:
            if self._shown.button.enabled:
                self._timer.start()
            else:
                self.hide()

    def hideUnless(self, shown: KernelRow | None, rows: Iterable[KernelRow]) -> None:
        """Of these rows only ``shown`` is to be seen: the picture of another one goes."""
        if self._shown is not None and self._shown is not shown and self._shown in list(rows):
            self.hide()

    def hide(self) -> None:
        """Take the picture away."""
        row, self._shown = self._shown, None
        self._timer.stop()
        self._observations.release()
        self._picture.remove()
        self._channels = None
        if row is not None:
            row.setPressed(False)
            row.showReach(self._reach(row, None))

    def cleanup(self) -> None:
        """Hide it, and call nobody any more."""
        self.hide()
        self._timer.disconnect("timeout()", self._draw)
        self._logic.events.disconnect("case", self._onCase)
        self._rows.clear()

    def _onCase(self, *_arguments: Any) -> None:
        self.refresh()

    def _onToggled(self, row: KernelRow, pressed: bool) -> None:
        if self._shown is not None:
            self.hide()
        if pressed:
            self._shown = row
            self._observe()
            self._draw()

    def _observe(self) -> None:
        scene, crosshair = slicer.mrmlScene, _crosshair()
        if crosshair is not None:
            self._observations.add(crosshair, vtk.vtkCommand.ModifiedEvent, self._onCrosshair)
        # The image may go; its overlay must not stay alone.
        self._observations.add(scene, scene.NodeRemovedEvent, self._onCrosshair)

    def _onCrosshair(self, _caller: Any = None, _event: Any = None) -> None:
        # Not started anew while it runs: the picture would wait until the mouse rests.
        if not self._timer.active:
            self._timer.start()

    def _draw(self) -> None:
        row = self._shown
        if row is None:
            return
        volume = shownVolume()
        if volume is None:
            self._picture.remove()
            row.say(_("Show an image first: open a case in the Annotate section."))
            return
        shape = replace(row.shape, sigmaSpace=self._reach(row, volume))
        schemes = self._planned("intensity")
        try:
            channels = self._channelsOf(volume)
            shown = self._picture.show(
                volume, _pointIn(volume), shape, self._sliceAxis(volume), schemes, channels
            )
        except SceneError as error:
            row.say(str(error))
            return
        row.showPicture(shape.sigmaSpace, shown)
        if self._planned("dimensions") is None:
            note = _("Shown as for volumes: make the plan to see whether slices are trained.")
            row.say(f"{row.label.text} {note}")

    def _channelsOf(self, volume: Any) -> np.ndarray | None:
        """Those that voxels are compared by, where the volume shows one of several."""
        study, name = self._logic.study, volume.GetAttribute(CASE)
        cases = [] if study is None else study.cohort.cases
        case = next((each for each in cases if each.id == name), None)
        if case is None:
            return None
        key = volume.GetID(), volume.GetImageData().GetMTime(), case.images
        if self._channels is None or self._channels[0] != key:
            found = severalChannels(case, volume)
            self._channels = key, None if found is None else found[:COMPARED_CHANNELS].copy()
        return self._channels[1]

    def _reach(self, row: KernelRow, volume: Any) -> float:
        """The reach that is set, else the one that training would choose (0 where unknown)."""
        if row.shape.sigmaSpace > 0:
            return row.shape.sigmaSpace
        images = self._trainingImages()
        if not images and volume is not None:
            size = volume.GetImageData().GetDimensions()
            images = [(size[::-1], volume.GetSpacing()[::-1])]
        if self._planned("dimensions") != 2:
            return automaticReach(images)
        if volume is not None and all(len(size) == 3 for size, _spacing in images):
            return automaticReach(images, self._sliceAxis(volume))
        return sum(map(_inPlaneReach, images)) / len(images) if images else 0.0

    def _trainingImages(self) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
        """Size and spacing (z, y, x) of the images that training averages, if they are known."""
        study, inspection = self._logic.study, self._logic.inspection
        if study is None or inspection is None:
            return []
        used = [case for case in study.cohort.cases if case.role != "test"]
        found = [inspection.facts.get(case.id) for case in used]
        return [(each.size[::-1], each.spacing[::-1]) for each in found if each and each.size]

    def _sliceAxis(self, volume: Any) -> int | None:
        if self._planned("dimensions") != 2:
            return None
        oriented = self._planned("orient") is not False
        axis, frame = self._planned("slice_axis"), self._planned("frame")
        return sliceAxisOf(volume, axis, oriented, frame)


class KernelRow:
    """The button and a line below it."""

    def __init__(
        self,
        kind: type[Settings],
        values: Callable[[], Mapping[str, Any]],
        name: str,
        onToggled: Callable[[KernelRow, bool], None],
    ) -> None:
        self._defaults = kind().to_dict()
        self._values = values
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.button = qt.QPushButton(_("Show kernel"))
        self.button.objectName = name
        self.button.checkable = True
        self.button.connect("toggled(bool)", lambda pressed: onToggled(self, bool(pressed)))
        self.label = qt.QLabel()
        self.label.objectName = f"{name}_text"
        self.label.wordWrap = True
        layout.addWidget(self.button)
        layout.addWidget(self.label)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, those that were not changed with their defaults."""
        return {**self._defaults, **self._values()}

    @property
    def shape(self) -> KernelShape:
        """The widths as they are set."""
        return KernelShape.ofSettings(self.settings)

    def setPressed(self, pressed: bool) -> None:
        """Press or release the button without telling."""
        wasBlocked = self.button.blockSignals(True)
        self.button.checked = pressed
        self.button.blockSignals(wasBlocked)

    def say(self, text: str) -> None:
        """A sentence below the button."""
        self.label.text = text
        self.label.visible = bool(text)

    def showReach(self, reach: float) -> None:
        """No picture: whether there can be one, and the reach that would be chosen."""
        settings = self.settings
        nearest = settings.get("neighbourhood") == "grid" or (
            settings.get("inference") == "graph_cut"
        )
        self.button.enabled = not nearest
        self.button.toolTip = (
            _("As it is set, a voxel listens to its nearest neighbours only")
            if nearest
            else _(
                "Show over the slice views which voxels the voxel under the crosshair listens to. "
                "Hold Shift and move the mouse in a view to choose the voxel."
            )
        )
        automatic = self.shape.sigmaSpace == 0 and not nearest
        self.say(_reachText(reach) if automatic and reach > 0 else "")

    def showPicture(self, reach: float, shown: Any) -> None:
        """A picture is shown: of which voxel, and how much it hears."""
        text = _(
            "Voxel {voxel}: together its neighbours count as much as {count} voxels of its own "
            "intensity right beside it. Hold Shift and move the mouse in a slice view to choose "
            "another voxel."
        ).format(voxel=", ".join(map(str, shown.voxel)), count=f"{shown.heard:.4g}")
        if self.shape.sigmaSpace == 0:
            text = f"{_reachText(reach)} {text}"
        self.say(text)


def _reachText(reach: float) -> str:
    return _("Reach, chosen from the images: about {reach} mm.").format(reach=f"{reach:.3g}")


def _inPlaneReach(image: tuple[tuple[int, ...], tuple[float, ...]]) -> float:
    """The reach in a picture, or in the slices of a volume that is cut across thick voxels."""
    size, spacing = image
    thickest = max(range(len(size)), key=lambda axis: spacing[axis])
    return automaticReach([image], thickest if len(size) == 3 else None)


def _crosshair() -> Any:
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")


def _pointIn(volume: Any) -> tuple[float, ...]:
    """The crosshair (world RAS, mm); before it was ever set, where the slice views meet."""
    crosshair = _crosshair()
    if crosshair is None:
        return crossing(volume)
    point = tuple(crosshair.GetCrosshairRAS())
    if not any(point) and voxelAt(volume, point) is None:
        return crossing(volume)
    return point
