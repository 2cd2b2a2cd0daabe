"""Pictures of points, of size bounds and of the CRF kernel, for screenshots.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from Testing import joining, testbed

POINTS_OF_CLASS = 2
POINTS_OF_BACKGROUND = 4
KERNEL_CLASSES = (2, 3)
CHART = (480, 300)


def points(pictures: Any, case: Any) -> None:
    """Points of each class and of the background in two slices of a case; none is kept."""
    from SemiWeakSegLib.cohort import read_label
    from SemiWeakSegLib.scene.placing import clearPoints
    from SemiWeakSegLib.scene.volumes import volumeOfCase

    panel = pictures.panels["annotate"]
    pictures.logic.setActiveCase(case.id)
    panel.ui.pointButton.click()
    testbed.process_events(300)
    label, _geometry = read_label(case.truth)
    volume = volumeOfCase(case)
    slices = _fullest(label != 0, 2)
    rng = np.random.default_rng(0)
    for row, pointList in enumerate(panel.session.points.markups):
        panel.ui.pointsTable.selectRow(row)
        panel.ui.placePointsButton.setChecked(True)
        for number in slices:
            for voxel in _spread(label[number] == row, rng, row == 0):
                pointList.AddControlPoint(list(_local(volume, (*voxel[::-1], number))))
    panel.ui.pointsTable.selectRow(1)
    testbed.process_events(500)
    pictures.section("annotate", name="points-section")
    panel.ui.placePointsButton.setChecked(False)
    for name, number in zip(("axial", "other"), slices, strict=True):
        pictures.slice(volume, name, number)
    column = [pictures.path("axial"), pictures.path("other")]
    joining.column(column, pictures.path("right"), pictures.VIEW)
    joining.row([pictures.path("points-section"), pictures.path("right")], pictures.path("points"))
    pictures.path("points-section").unlink()
    for pointList in panel.session.points.markups:
        clearPoints(pointList)
    panel.ui.scribbleButton.click()
    testbed.process_events(300)


def size_bounds(pictures: Any) -> None:
    """Bounds from ten labeled cases, and the chart of their sizes."""
    from SemiWeakSegLib.cohort import make_phantom
    from Testing.testbed.render import PlotView

    folder = pictures.folder / "labeled"
    if not (folder / "cohort.json").is_file():
        make_phantom(folder, patients=10, labeled=10, scribbled=0)
    study = pictures.logic.openCohort(folder)
    study.setSizeBounds(dict.fromkeys(item.index for item in study.classes))
    pictures.logic.inspect(waitForCompletion=True)
    testbed.process_events(500)
    panel = pictures.panels["method"]
    panel.ui.sizeBoundsBox.collapsed = False
    panel.ui.sizeFromCasesButton.click()
    panel.ui.sizePlotButton.click()
    pictures.section("method", name="bounds-section")
    pictures.grab(panel.ui.sizeBoundsBox, "bounds")
    with PlotView(panel.sizeBounds.distribution.chart, size=CHART) as view:
        view.save(pictures.path("sizes"))
    joining.row([pictures.path("bounds"), pictures.path("sizes")], pictures.path("size-bounds"))
    for part in ("bounds-section", "bounds", "sizes"):
        pictures.path(part).unlink()
    panel.ui.sizeBoundsBox.collapsed = True


def kernel(pictures: Any, case: Any) -> None:
    """What a voxel of two classes listens to, beside the settings of the kernel."""
    import slicer

    from SemiWeakSegLib.cohort import read_label
    from SemiWeakSegLib.scene.volumes import loadCase
    from Testing.testbed.render import SliceView

    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetSingletonTag("default")
    crosshair = slicer.mrmlScene.AddNode(crosshair)
    pictures.logic.getParameterNode().method = "scribble_crf"
    panel = pictures.panels["method"]
    label, _geometry = read_label(case.truth)
    volume = loadCase(case)
    [number] = _fullest(label != 0, 1)
    size = (pictures.VIEW, pictures.VIEW)
    with SliceView("Picture", size=size) as view:
        view.show(volume)
        pictures.along_slices(view, volume, number)
        button = panel.forms.kernelRows["scribble_crf"].button
        for name, index in zip(("axial", "other"), KERNEL_CLASSES, strict=True):
            [voxel] = _spread(label[number] == index, np.random.default_rng(1), False, 1)
            crosshair.SetCrosshairRAS(*_local(volume, (*voxel[::-1], number)))
            button.setChecked(True)
            testbed.process_events(300)
            view.save(pictures.path(name))
        pictures.section("method", name="kernel-section")
        pictures.grab(panel.ui.settingsBox, "kernel-settings")
        button.setChecked(False)
    column = [pictures.path("axial"), pictures.path("other")]
    joining.column(column, pictures.path("right"), pictures.VIEW)
    joining.row([pictures.path("kernel-settings"), pictures.path("right")], pictures.path("kernel"))
    for part in ("kernel-section", "kernel-settings"):
        pictures.path(part).unlink()


def _fullest(mask: np.ndarray, count: int) -> list[int]:
    """The slices with most voxels of a mask, two apart at least."""
    chosen: list[int] = []
    for number in np.argsort(-mask.sum(axis=(1, 2)), kind="stable"):
        if len(chosen) < count and all(abs(int(number) - other) > 1 for other in chosen):
            chosen.append(int(number))
    return chosen


def _spread(
    mask: np.ndarray, rng: np.random.Generator, background: bool, count: int = POINTS_OF_CLASS
) -> list[tuple[int, int]]:
    """Voxels (y, x) inside a mask, off its border and apart from each other."""
    from scipy import ndimage

    inside = np.argwhere(ndimage.binary_erosion(mask, iterations=6 if background else 1))
    if background:
        middle = (np.array(mask.shape) - 1) / 2
        inside = inside[np.all(np.abs(inside - middle) < 0.33 * np.array(mask.shape), axis=1)]
        count = POINTS_OF_BACKGROUND
    chosen = [inside[rng.integers(len(inside))]]
    while len(chosen) < count:
        distances = [np.linalg.norm(inside - each, axis=1) for each in chosen]
        chosen.append(inside[int(np.argmax(np.min(distances, axis=0)))])
    return [(int(y), int(x)) for y, x in chosen]


def _local(volume: Any, voxel: tuple[int, int, int]) -> tuple[float, float, float]:
    """A voxel (x, y, z) in RAS."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return tuple(matrix.MultiplyPoint((*map(float, voxel), 1.0))[:3])
