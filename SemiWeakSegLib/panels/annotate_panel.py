"""The Annotate section: a case in the views; segmentation, scribbles, boxes and points of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.annotate_view import AnnotateView
from SemiWeakSegLib.panels.annotate_work import AnnotateWork
from SemiWeakSegLib.panels.annotation_session import AnnotationSession
from SemiWeakSegLib.panels.boxes_view import BoxesView
from SemiWeakSegLib.panels.brush_row import BrushRow
from SemiWeakSegLib.panels.case_attributes import Attributes, CaseAttributesTable
from SemiWeakSegLib.panels.case_order import neighbour
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.editor import AnnotationEditor
from SemiWeakSegLib.panels.live_overlaps import LiveOverlaps
from SemiWeakSegLib.panels.observations import Observations
from SemiWeakSegLib.panels.overlaps_view import OverlapsView
from SemiWeakSegLib.panels.points_view import PointsView
from SemiWeakSegLib.panels.shortcuts import Shortcuts
from SemiWeakSegLib.panels.shown_clashes import ShownClashes
from SemiWeakSegLib.panels.unsaved import UnsavedQuestion
from SemiWeakSegLib.scene.annotations import SaveReport
from SemiWeakSegLib.scene.markup_kinds import MARKUPS
from SemiWeakSegLib.scene.segments import segmentIdOfClass

SETTLE_MS = 50
"""Nodes come and go in crowds: one look when they have settled."""


class AnnotatePanel:
    """Who is about to close the cohort asks ``mayLeave`` first, or what is drawn is asked about
    when it is too late to stay."""

    def __init__(
        self, container: qt.QWidget, logic: Any, resourcePath: Callable[[str], str]
    ) -> None:
        self.logic = logic
        self.container = container
        self.widget = slicer.util.loadUI(resourcePath("UI/Annotate.ui"))
        container.layout().addWidget(self.widget)
        self.ui = ui = slicer.util.childWidgetVariables(self.widget)
        self.editor = AnnotationEditor(ui.editorFrame.layout())
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.brush = BrushRow(ui, self.editor)
        self.overlaps = OverlapsView(ui.overlapsFrame, ui.overlapsLabel, ui.overlapsTable)
        self.liveOverlaps = LiveOverlaps(self.overlaps)
        self.clashes = ShownClashes(self.overlaps)
        self.attributes = CaseAttributesTable(ui.attributesTable, self._onAttributes)
        self.view = AnnotateView(ui, self.attributes)
        self.work = AnnotateWork(logic, self.view.say, self._onShown, self._onSaved)
        self.boxes = BoxesView(ui, self.work.addBox, self.work.removeBoxes)
        self.points = PointsView(ui, self.work.addBoxOfPoints, self._showClashes)
        self.shortcuts = Shortcuts(
            {
                "Ctrl+Shift+S": self.save,
                "Ctrl+Shift+N": self.goToUncertain,
                "Ctrl+Shift+Right": self.goToNext,
                "Ctrl+Shift+Left": self.goToPrevious,
            }
        )
        self._entered = False
        self._nodesSettled = qt.QTimer()
        self._nodesSettled.setSingleShot(True)
        self._nodesSettled.setInterval(SETTLE_MS)
        self._connections = Connections()
        self._observations = Observations()
        self._drawingObservations = Observations()
        self._connect()
        self.view.say("")
        self.refresh()

    @property
    def session(self) -> AnnotationSession:
        """The case that is open."""
        return self.work.session

    @property
    def question(self) -> UnsavedQuestion:
        """What is asked before unsaved work is left."""
        return self.work.question

    @property
    def headline(self) -> str:
        """The open case and how it is drawn in."""
        if not self.session.caseId:
            return ""
        return f"{self.session.caseId}, {self.view.modeButtons[self.session.mode].text}"

    # Calls of the module

    def setParameterNode(self, parameterNode: Any) -> None:
        """A scene may bring another way of working; an open case stays as it is."""
        self.work.parameterNode = parameterNode
        self.refresh()

    def enter(self) -> None:
        """The module is shown."""
        self._entered = True
        self.editor.enter()
        self.shortcuts.install()
        self.refresh()

    def exit(self) -> None:
        """Another module is shown; the case stays open."""
        self._entered = False
        self.attributes.flush()
        self.shortcuts.remove()
        self.points.stop()
        self.editor.exit()

    def sceneStartClose(self) -> None:
        """The nodes go, with what was not saved: Slicer has asked about that."""
        self.attributes.flush()
        self._nodesSettled.stop()
        self._drawingObservations.release()
        self.liveOverlaps.stop()
        self.editor.sceneStartClose()
        self.boxes.show((), ())
        self.points.show(None)
        self.clashes.forget()
        self.session.forget()

    def sceneEndClose(self) -> None:
        """An empty scene."""
        self.editor.sceneEndClose()
        self.view.say("")
        self.refresh()

    def cleanup(self) -> None:
        """Nothing of the panel is called after this; what is drawn stays in the scene."""
        self.attributes.cleanup()
        self._nodesSettled.stop()
        self._connections.release()
        self._observations.release()
        self._drawingObservations.release()
        self.shortcuts.remove()
        self.liveOverlaps.cleanup()
        self.editor.cleanup()
        self.brush.cleanup()
        self.boxes.cleanup()
        self.points.cleanup()
        self.overlaps.cleanup()
        self.work.cleanup()

    def refresh(self) -> None:
        """Show the cohort's cases and what is open as they are now."""
        self.view.show(self.logic.study, self.session, self.work.preferredMode)
        self._onSceneSegmentationChosen()

    # What a person, or a program for one, does

    def mayLeave(self, mayStay: bool = True) -> bool:
        """Save or discard what is not saved, as the person says; False where the case stays."""
        self.attributes.flush()
        return self.work.mayLeave(mayStay)

    def goToPrevious(self) -> None:
        """The case before, in the cohort's order."""
        self._goBy(-1)

    def goToNext(self) -> None:
        """The case after, in the cohort's order."""
        self._goBy(1)

    def goToUncertain(self) -> None:
        """The case the watched run is least sure of, else the next without annotation."""
        self.attributes.flush()
        self.work.goToUncertain()

    def save(self) -> bool:
        """Keep what is drawn in the cohort; whether it is kept."""
        self.attributes.flush()
        return self.work.save()

    def _goBy(self, step: int) -> None:
        self.attributes.flush()
        current = self.session.caseId or self.logic.activeCase
        self.work.goTo(neighbour(self.view.caseIds, current, step))

    # What is open has changed

    def _onShown(self) -> None:
        session = self.session
        drawing = None if session.mode in MARKUPS else session.drawing
        if drawing is None:
            self.editor.release()
        else:
            self.brush.setVolume(drawing.volume)
            isNew = self.editor.segmentation is not drawing.segmentation
            first = drawing.classes[0].index if isNew and drawing.classes else None
            self.editor.edit(
                drawing.segmentation,
                drawing.volume,
                drawing.mode,
                None if first is None else segmentIdOfClass(drawing.segmentation, first),
                self.brush.diameter if drawing.mode == "scribble" else None,
            )
        self.liveOverlaps.watch(drawing)
        boxes = session.boxes if session.mode == "box" else None
        classes = self.logic.study.classes if self.logic.study is not None else ()
        self.boxes.show(boxes.markups if boxes is not None else (), classes)
        self.points.show(session.points if session.mode == "point" else None)
        self._showClashes()
        self._drawingObservations.release()
        if drawing is not None:
            event = slicer.vtkSegmentation.SegmentRemoved
            self._drawingObservations.add(drawing.segmentation, event, self._onNodes)
        self.refresh()
        self.logic.events.emit("headline")

    def _showClashes(self) -> None:
        if self.session.mode == "point":
            self.clashes.show(self.session.points)
        else:
            self.clashes.forget()

    def _onSaved(self, reports: list[SaveReport]) -> None:
        for report in reports:
            if report.path is not None:
                self.liveOverlaps.show(report.overlaps)
        self._showClashes()
        self.logic.events.emit("results")
        self.refresh()

    def _onAttributes(self, attributes: Attributes) -> None:
        session = self.session
        self.ui.attributesProblemLabel.text = self.attributes.problem
        if session.case is None:
            return

        def keep() -> None:
            study, caseId = session.study, session.caseId
            with study.grouped(_("Tags and sizes of {case}").format(case=caseId)):
                study.setTags(caseId, attributes.present, attributes.absent)
                study.setSizes(caseId, attributes.sizes)
                study.setLookedAt(caseId, attributes.lookedAt)

        self.work.attempt(keep)

    # Events

    def _connect(self) -> None:
        ui, connect = self.ui, self._connections.widget
        combo = ui.sceneSegmentationSelector
        connect(ui.caseSelector, "currentIndexChanged(int)", self._onCaseChosen)
        connect(ui.previousCaseButton, "clicked()", self.goToPrevious)
        connect(ui.nextCaseButton, "clicked()", self.goToNext)
        connect(ui.nextUncertainButton, "clicked()", self.goToUncertain)
        connect(ui.segmentButton, "clicked()", self._onSegment)
        connect(ui.scribbleButton, "clicked()", self._onScribble)
        connect(ui.boxButton, "clicked()", self._onBox)
        connect(ui.pointButton, "clicked()", self._onPoint)
        connect(combo, "currentNodeChanged(vtkMRMLNode*)", self._onSceneSegmentationChosen)
        connect(ui.useSegmentationButton, "clicked()", self._onUseSegmentation)
        connect(ui.revertButton, "clicked()", self.work.revert)
        connect(ui.saveButton, "clicked()", self.save)
        connect(ui.saveAndNextButton, "clicked()", self._onSaveAndNext)
        connect(self._nodesSettled, "timeout()", self.work.followScene)
        for topic, receiver in (
            ("study", self._onStudy),
            ("case", self._onCase),
            ("correct", self._onCorrect),
        ):
            self._connections.topic(self.logic.events, topic, receiver)
        scene = slicer.mrmlScene
        self._observations.add(scene, scene.NodeRemovedEvent, self._onNodes)
        self._observations.add(scene, scene.NodeAddedEvent, self._onNodes)
        self._observations.add(scene, scene.EndImportEvent, self._onEndImport)

    def _onCaseChosen(self, index: int) -> None:
        if index >= 0:
            self.attributes.flush()
            self.work.goTo(self.view.caseIds[index])

    def _onSegment(self) -> None:
        self.work.setMode("segment")

    def _onScribble(self) -> None:
        if self.work.setMode("scribble"):
            self.editor.activate("Paint")

    def _onBox(self) -> None:
        self.work.setMode("box")

    def _onPoint(self) -> None:
        self.work.setMode("point")

    def _onSaveAndNext(self) -> None:
        if self.save():
            self.goToUncertain()

    def _onSceneSegmentationChosen(self, _node: Any = None) -> None:
        node = self.ui.sceneSegmentationSelector.currentNode()
        drawing = self.session.drawing
        isOurs = drawing is not None and node is drawing.segmentation
        self.ui.useSegmentationButton.enabled = (
            bool(self.session.caseId) and node is not None and not isOurs
        )

    def _onUseSegmentation(self) -> None:
        node = self.ui.sceneSegmentationSelector.currentNode()
        if node is not None and self.session.caseId:
            self.attributes.flush()
            self.work.adopt(self.session.caseId, node)

    def _onStudy(self) -> None:
        if self.session.caseId and self.session.study is not self.logic.study:
            self.work.switch("")
        else:
            self.work.followCohort()
        self.refresh()

    def _onCase(self, caseId: str) -> None:
        self.attributes.flush()
        self.work.switch(caseId)
        if caseId and caseId == self.session.caseId and self._entered:
            self.container.collapsed = False

    def _onCorrect(self, caseId: str, node: Any) -> None:
        self.attributes.flush()
        if self.work.adopt(caseId, node, "segment", isPrediction=True):
            self.container.collapsed = False

    def _onNodes(self, caller: Any = None, event: Any = None) -> None:
        if self.session.caseId and not slicer.mrmlScene.IsClosing():
            self._nodesSettled.start()

    def _onEndImport(self, caller: Any = None, event: Any = None) -> None:
        self.editor.sceneEndImport()
