"""Pictures of the module's sections and of slice views: docs/pictures/slicer-*.png.

    python Testing/screenshots.py [OUT] [WORK]

The tutorial's synthetic cohort is opened, a case scribbled, a model trained, a prediction loaded,
through the module's own code. Widgets of ctk and of Slicer are the testbed's stand-ins, so colours
and spacing differ a little from those in Slicer. WORK keeps the cohort and its run: the next time
nothing is trained, and the pictures of a running training are left as they are.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Instead of this file's folder, whose "slicer" (tests) would stand before the real one.
sys.path[0] = str(ROOT)
# The phantom has few cores' worth of work; more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from Testing import joining, testbed, weak_screenshots  # noqa: E402

WIDTH = 600
STEPS = 300
VIEW = 360
ZOOM = 0.72
METHOD = "pseudo_label"
WAIT_S = 1800


def main(out: Path, work: Path | None) -> None:
    """Make all pictures."""
    out.mkdir(parents=True, exist_ok=True)
    testbed.boot_application()
    module = testbed.load_module(ROOT / "SemiWeakSeg" / "SemiWeakSeg.py")
    try:
        with _layout_manager(), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            Pictures(module, out, work or Path(folder)).make()
    finally:
        module.unload()


class Pictures:
    """Walks through the sections as a person would."""

    VIEW = VIEW

    def __init__(self, module, out: Path, folder: Path):
        self.module, self.out, self.folder = module, out, folder
        self.ui, self.logic, self.panels = module.widget.ui, module.logic, module.panels

    def make(self) -> None:
        from SemiWeakSegLib.cohort import make_phantom

        hearts = self.folder / "hearts"
        if not (hearts / "cohort.json").is_file():
            make_phantom(hearts)
        self.module.frame.enter()
        self.logic.environment(waitForCompletion=True)
        testbed.process_events(200)
        self.section("setup")
        self.cohort()
        weak_screenshots.size_bounds(self)
        self.study = self.logic.openCohort(hearts)
        self.logic.inspect(waitForCompletion=True)
        testbed.process_events(500)
        self.annotate()
        self.method()
        self.train()
        self.results()

    def cohort(self) -> None:
        """A cohort with labels that lie beside their images."""
        from SemiWeakSegLib.cohort import make_phantom

        folder = self.folder / "problems"
        if not (folder / "cohort.json").is_file():
            make_phantom(folder, patients=9, labeled=2, scribbled=2)
        study = self.logic.openCohort(folder)
        labeled = [each for each in study.cohort.by_role("train") if each.label is not None]
        _shift(labeled[0].label)
        self.logic.inspect(waitForCompletion=True)
        testbed.process_events(500)
        panel = self.panels["cohort"]
        panel.table.select([labeled[0].id])
        view = panel.ui.caseTable
        for column, width in enumerate((150, 90, 150, 70)):
            view.setColumnWidth(column, width)
        view.setFixedHeight(230)
        panel.ui.classesGroupBox.collapsed = False
        self.section("cohort", width=660)
        panel.ui.classesGroupBox.collapsed = True
        view.setMinimumHeight(150)
        view.setMaximumHeight(16777215)

    def annotate(self) -> None:
        from SemiWeakSegLib.cohort import UNLABELED, read_label
        from SemiWeakSegLib.scene.volumes import volumeOfCase

        study = self.study
        cases = study.cohort.by_role("train")
        case = next(each for each in cases if study.cohort.annotation_kind(each) == "scribbled")
        self.logic.setActiveCase(case.id)
        testbed.process_events(300)
        panel = self.panels["annotate"]
        panel.editor.activate("Paint")
        panel.ui.attributesGroup.collapsed = False
        panel.ui.attributesTable.setFixedHeight(120)
        self.section("annotate")
        panel.ui.attributesGroup.collapsed = True
        label, _geometry = read_label(case.label)
        drawn = (label != UNLABELED).sum(axis=(1, 2))
        volume = volumeOfCase(case)
        first, second = np.argsort(drawn)[:-3:-1]
        self.slice(volume, "axial", int(first))
        self.slice(volume, "other", int(second))
        joining.column([self.path("axial"), self.path("other")], self.path("right"), VIEW)
        self.beside("scribbling", "annotate", ["right"])
        unlabeled = next(each for each in cases if each.label is None and each.truth is not None)
        weak_screenshots.points(self, unlabeled)
        weak_screenshots.kernel(self, unlabeled)
        self.logic.setActiveCase(case.id)
        testbed.process_events(300)

    def method(self) -> None:
        parameterNode = self.logic.getParameterNode()
        parameterNode.method = METHOD
        panel = self.panels["method"]
        testbed.process_events(300)
        panel.terms.add("entropy")
        panel.ui.termsBox.collapsed = False
        self.section("method")
        panel.terms.remove("entropy")
        panel.ui.termsBox.collapsed = True
        panel.ui.planBox.collapsed = False
        panel.makePlan()
        self.wait(lambda: not panel.planner.running and panel.plan.lines)
        table = panel.ui.planTable
        self.section("method", name="plan-section")
        table.setColumnWidth(0, 130)
        table.setColumnWidth(1, 150)
        table.resizeRowsToContents()
        rows = sum(table.rowHeight(row) for row in range(table.rowCount))
        table.setFixedHeight(rows + table.horizontalHeader().height + 6)
        self.fit(WIDTH)
        self.grab(panel.ui.planBox, "plan")
        panel.ui.planBox.collapsed = True
        self.path("plan-section").unlink()

    def train(self) -> None:
        runs = [each for each in self.study.runFolders() if (each / "report").is_dir()]
        if runs:
            self.logic.attach(runs[0])
            testbed.process_events(1500)
        else:
            parameterNode = self.logic.getParameterNode()
            parameterNode.budgetKind, parameterNode.steps = "steps", STEPS
            self.panels["train"].start()
            self.wait(lambda: self.logic.isTraining)
            updates = []
            self.logic.events.connect("update", updates.append)
            self.wait(lambda: updates and updates[-1].activity == "training")
            self.wait(lambda: (updates[-1].progress or 0) > 0.6 and updates[-1].eta)
            self.panels["train"].ui.logGroupBox.collapsed = False
            testbed.process_events(1500)
            self.section("train")
            self.panels["train"].ui.logGroupBox.collapsed = True
            self.wait(lambda: not self.logic.isTraining)
            self.logic.events.disconnect("update", updates.append)
            testbed.process_events(1500)
        self.curves()

    def curves(self) -> None:
        import vtk

        from Testing.testbed.render import PlotView

        for name, chart in zip(("losses", "dice"), self.logic.curves.charts, strict=True):
            with PlotView(chart, size=(480, 300)) as view:
                if name == "dice":  # which ends where the legend would be
                    view._chart.GetLegend().SetVerticalAlignment(vtk.vtkChartLegend.BOTTOM)
                view.save(self.path(name))
        if self.path("train").is_file():
            joining.column([self.path("dice"), self.path("losses")], self.path("curves"), VIEW)
            self.beside("training", "train", ["curves"])
            self.path("train").unlink()
            self.path("curves").unlink()

    def results(self) -> None:
        import slicer

        from SemiWeakSegLib.scene.results import predictionsInScene
        from SemiWeakSegLib.scene.volumes import loadCase

        study, panel = self.study, self.panels["results"]
        self.logic.setActiveCase("")
        self.logic.events.emit("results")
        test = {case.id for case in study.cohort.by_role("test")}
        chosen = next(row for row in self.logic.listResults() if row.caseId in test)
        volume = loadCase(study.case(chosen.caseId))
        panel.ui.uncertaintyCheckBox.checked = True
        panel.review.show(chosen.caseId)
        testbed.process_events(500)
        panel.ui.resultsTable.setMinimumHeight(220)
        self.section("results")
        run = self.logic.run
        [node] = predictionsInScene(run, chosen.caseId)
        self.slice(volume, "axial")
        node.SetDisplayVisibility(False)
        overlay = slicer.util.getNode(f"{chosen.caseId} uncertainty")
        self.slice(volume, "uncertainty", foreground=overlay)
        joining.row([self.path("axial"), self.path("uncertainty")], self.path("prediction"))
        joining.column([self.path("axial"), self.path("dice")], self.path("right"), VIEW)
        self.beside("module", "results", ["right"])
        for part in ("axial", "other", "uncertainty", "losses", "dice", "right"):
            self.path(part).unlink()
        for panel in ("annotate", "results"):
            self.path(panel).unlink()
        for picture in self.out.glob("slicer-*.png"):
            joining.shrink(picture)

    # Taking and joining

    def path(self, name: str) -> Path:
        return self.out / f"slicer-{name}.png"

    def section(self, panel: str, name: str = "", width: int = WIDTH) -> None:
        """Open one section, close the others, and take its picture without what lies below."""
        for each in self.panels:
            getattr(self.ui, f"{each}Section").collapsed = each != panel
        self.fit(width)
        self.grab(self.module.frame, name or panel)

    def fit(self, width: int) -> None:
        """Make the window as high as what is open in it."""
        frame = self.module.frame
        testbed.process_events(100)
        frame.resize(width, frame.sizeHint.height())
        testbed.process_events(200)

    def grab(self, widget, name: str) -> None:
        testbed.screenshot(widget, self.path(name))
        joining.crop(self.path(name))

    def slice(self, volume, name: str, number: int | None = None, foreground=None) -> None:
        """A slice view of a slice of the volume, as stored, the middle one unless said."""
        from Testing.testbed.render import SliceView

        # A name that the layout does not have: its own views would turn this one's node.
        with SliceView("Picture", size=(VIEW, VIEW)) as view:
            view.show(volume, foreground=foreground, opacity=0.6)
            self.along_slices(view, volume, number)
            view.save(self.path(name))

    def beside(self, name: str, panel: str, pictures: list[str]) -> None:
        """A section's picture and others in one."""
        joining.row([self.path(panel), *map(self.path, pictures)], self.path(name))

    def wait(self, condition: Callable[[], object]) -> None:
        for _second in range(WAIT_S):
            if condition():
                return
            testbed.process_events(1000)
        raise TimeoutError("waited in vain")

    @staticmethod
    def along_slices(view, volume, number: int | None) -> None:
        """Turn the view to the planes in which the volume was stored, and to one of them."""
        import vtk

        directions = np.eye(3)
        volume.GetIJKToRASDirections(directions)
        toRas = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(toRas)
        size = volume.GetImageData().GetDimensions()
        middle = [(count - 1) / 2 for count in size]
        # Between two slices both are mixed.
        middle[2] = size[2] // 2 if number is None else number
        place = toRas.MultiplyPoint((*middle, 1.0))
        matrix = vtk.vtkMatrix4x4()
        for row in range(3):
            for column, sign in enumerate((1.0, -1.0, 1.0)):
                matrix.SetElement(row, column, sign * directions[row, column])
            matrix.SetElement(row, 3, place[row])
        view.node.GetSliceToRAS().DeepCopy(matrix)
        view.node.UpdateMatrices()
        view.logic.FitSliceToBackground()  # which also moves the plane to the volume's middle
        view.node.GetSliceToRAS().DeepCopy(matrix)
        view.node.UpdateMatrices()
        width, height, depth = view.node.GetFieldOfView()
        view.node.SetFieldOfView(ZOOM * width, ZOOM * height, depth)


def _shift(label: Path) -> None:
    """Move a label map away from its image, as a file of another image would lie."""
    import SimpleITK as sitk

    image = sitk.ReadImage(str(label))
    image.SetOrigin([value + 20.0 for value in image.GetOrigin()])
    sitk.WriteImage(image, str(label))


@contextmanager
def _layout_manager():
    """Slice views, so that what the module shows is shown."""
    import slicer

    from Testing.testbed.standins.layout import LayoutManager

    manager = LayoutManager(slicer.mrmlScene, slicer.app.applicationLogic())
    slicer.app.setLayoutManager(manager)
    try:
        yield
    finally:
        slicer.app.setLayoutManager(None)
        manager._close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("work", nargs="?", type=Path)
    arguments = parser.parse_args()
    main(arguments.out, arguments.work)
