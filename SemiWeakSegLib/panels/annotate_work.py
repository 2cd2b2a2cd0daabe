"""What a person does in the Annotate section: go from case to case, draw in a mode, save."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels import annotation_texts as texts
from SemiWeakSegLib.panels.annotation_session import AnnotationSession
from SemiWeakSegLib.panels.case_order import nextToAnnotate
from SemiWeakSegLib.panels.slice_views import crossing
from SemiWeakSegLib.panels.unsaved import CANCEL, SAVE, UnsavedQuestion
from SemiWeakSegLib.scene.annotations import MODES, SaveReport, addBox
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.nodes import removeNode
from SemiWeakSegLib.scene.segments import unknownSegments
from SemiWeakSegLib.scene.volumes import showInViews

EXPECTED = (SceneError, ValueError, OSError)
"""What a person can put right; it is said in the section."""


class AnnotateWork:
    """Works on the logic's active case; `onShown()` is called when something else is open,
    `onSaved(reports)` after saving, `say(text)` with what a person must know."""

    def __init__(
        self,
        logic: Any,
        say: Callable[[str], None],
        onShown: Callable[[], None],
        onSaved: Callable[[list[SaveReport]], None],
    ) -> None:
        self.logic = logic
        self.session = AnnotationSession()
        self.question = UnsavedQuestion()
        self.parameterNode: Any = None
        self.busy = False
        """Whether changes of the cohort are this object's own."""
        self._say = say
        self._onShown = onShown
        self._onSaved = onSaved
        self._settled = False
        self._returnTo = ""
        # Going back must wait until everyone has heard that the other case was active.
        self._returning = _soon(self._goBack)
        self._lookingAgain = _soon(self._followAgain)

    @property
    def preferredMode(self) -> str:
        """The mode in which a case without drawing is opened."""
        mode = "" if self.parameterNode is None else self.parameterNode.annotationMode
        return mode if mode in MODES else "scribble"

    def cleanup(self) -> None:
        """Nothing is called any more; what is drawn stays in the scene."""
        for timer, receiver in (
            (self._returning, self._goBack),
            (self._lookingAgain, self._followAgain),
        ):
            timer.stop()
            timer.disconnect("timeout()", receiver)
        self.session.forget()

    def attempt(self, action: Callable[[], Any]) -> bool:
        """Do it; a failure that a person can put right is said."""
        try:
            with slicer.util.WaitCursor():
                action()
        except EXPECTED as error:
            self._say(str(error))
            return False
        return True

    # From case to case

    def goTo(self, caseId: str | None) -> None:
        """Leave the case for another, as the person wishes; None: nothing."""
        session, logic = self.session, self.logic
        isOpen = caseId == session.caseId and session.study is logic.study
        if caseId is None or isOpen or not self.mayLeave():
            self._onShown()
            return
        self._settled = True
        try:
            if caseId == logic.activeCase:  # it could not be opened, or was taken from the scene
                self.switch(caseId)
            else:
                self.attempt(lambda: logic.setActiveCase(caseId))
        finally:
            self._settled = False

    def goToUncertain(self) -> None:
        """The case the watched run is least sure of, else the next without annotation."""
        logic, found = self.logic, []
        if logic.study is None:
            return
        current = self.session.caseId or logic.activeCase
        if self.attempt(lambda: found.append(nextToAnnotate(logic.study, logic.run, current))):
            if found[0] is None:
                self._say(_("Every case is annotated."))
            else:
                self.goTo(found[0])

    def mayLeave(self, mayStay: bool = True) -> bool:
        """Save or discard what is not saved, as the person says; False where the case stays."""
        if self.session.case is None or not self.session.unsaved():
            return True
        answer = self.question.ask(self.session.caseId, mayStay)
        return answer != CANCEL and (answer != SAVE or self.save())

    def switch(self, caseId: str) -> None:
        """Another case, or none, has become the active one."""
        session, study = self.session, self.logic.study
        if caseId == session.caseId and session.study is study:
            return
        mayStay = session.study is study and session.case is not None
        keepNodes, said = False, ""
        if session.caseId and not self._settled:
            if session.case is None:
                keepNodes = bool(session.unsaved())
                said = texts.keptText(session.caseId) if keepNodes else ""
            elif not self.mayLeave(mayStay):
                if mayStay:
                    self._returnTo = session.caseId
                    self._returning.start()
                    return
                keepNodes, said = True, texts.keptText(session.caseId)
        session.close(keepNodes)
        self._say(said)
        if caseId and self.attempt(lambda: session.open(study, caseId, self.preferredMode)):
            showInViews(session.volume)
        self._onShown()

    def adopt(
        self,
        caseId: str,
        node: slicer.vtkMRMLSegmentationNode,
        mode: str | None = None,
        isPrediction: bool = False,
    ) -> bool:
        """Go on with a case in a segmentation of the scene; whether that could be."""
        session, study = self.session, self.logic.study
        drawing = session.drawing
        isOpen = session.caseId == caseId and session.study is study
        if isOpen and drawing is not None and drawing.segmentation is node:
            return True
        if study is None or not self.mayLeave():
            return False
        if not self.attempt(lambda: session.adopt(study, caseId, node, mode, isPrediction)):
            return False
        self._prefer(session.mode)
        self._say(texts.adoptedText(node.GetName(), unknownSegments(node, study.classes)))
        if not isOpen:
            self.attempt(lambda: self.logic.setActiveCase(caseId))
            showInViews(session.volume)
        self._onShown()
        return True

    def _goBack(self) -> None:
        if self.session.caseId == self._returnTo:
            self.attempt(lambda: self.logic.setActiveCase(self._returnTo))

    # In the case

    def setMode(self, mode: str) -> bool:
        """Draw in this mode from now on; False where the person would not."""
        self._prefer(mode)
        self._say("")
        session = self.session
        if session.caseId and self.attempt(lambda: session.show(mode)) and session.mode != mode:
            question = texts.conversionQuestion(session.caseId, mode)
            if session.isDrawingEmpty or slicer.util.confirmOkCancelDisplay(question):
                self.attempt(lambda: session.convert(mode))
        if session.mode:
            self._prefer(session.mode)
        self._onShown()
        return session.mode == mode

    def save(self) -> bool:
        """Keep what is drawn in the cohort; whether it is kept."""
        session = self.session
        if not session.caseId:
            return False
        if self._isEmptied():
            if not slicer.util.confirmOkCancelDisplay(texts.removalQuestion(session.caseId)):
                return False
            saved = self._own(session.removeLabel)
            self._onShown()
            return saved
        reports: list[SaveReport] = []
        saved = self._own(lambda: reports.extend(session.save()))
        if saved:
            self._say(texts.reportText(reports, session.study.classes))
            self._onSaved(reports)
        return saved

    def revert(self) -> None:
        """Go back to what was saved, if the person means it."""
        session = self.session
        if not session.caseId:
            return
        question = texts.revertQuestion(session.caseId)
        if session.unsaved() and not slicer.util.confirmOkCancelDisplay(question):
            return
        if self.attempt(session.revert):
            self._say("")
        self._onShown()

    def addBox(self, classIndex: int, oneSlice: bool) -> None:
        """A new box where the slice views cross, solid or in one slice."""
        boxes = self.session.boxes
        if boxes is not None:
            self.attempt(lambda: addBox(boxes, classIndex, crossing(boxes.volume), oneSlice))
            self._onShown()

    def addBoxOfPoints(self, classIndex: int) -> None:
        """A new box around the points of a class."""
        if self.session.points is None:
            return
        if self.attempt(lambda: self.session.addBoxOfPoints(classIndex)):
            self._say(texts.boxOfPointsText(classIndex, self.session.study.classes))

    def removeBoxes(self, rois: list[slicer.vtkMRMLMarkupsROINode]) -> None:
        """Take boxes away; saving keeps that."""
        for roi in rois:
            removeNode(roi)
        self.session.updateMarkups()
        self._onShown()

    def followCohort(self) -> None:
        """The cohort was changed: by undo, by an accepted prediction, by its classes."""
        if not self.busy and not self._follow():
            # Who saves the very drawing that is open here, a script, tells the node afterwards.
            self._lookingAgain.start()

    def _followAgain(self) -> None:
        if not self._follow():
            self.session.ignoreCohort()
            self._say(texts.conflictText(self.session.caseId))

    def _follow(self) -> bool:
        session, agrees = self.session, []
        if session.case is None:
            return True
        before = _stateOf(session)
        self.attempt(lambda: agrees.append(session.follow()))
        if before != _stateOf(session):
            self._onShown()
        return agrees != [False]

    def followScene(self) -> None:
        """Nodes have come or gone, perhaps ours."""
        session = self.session
        if not session.caseId:
            return
        caseId, before = session.caseId, _stateOf(session)
        if session.forgetRemoved():
            self._say(texts.removedText(caseId))
            self._onShown()
            return
        session.addMissingSegments()
        session.updateMarkups()
        if _stateOf(session) != before:
            self._onShown()

    def _isEmptied(self) -> bool:
        """Whether everything that was saved as drawing has been erased."""
        session = self.session
        case = session.case
        if case is None or case.label is None or session.drawing not in session.unsaved():
            return False
        return session.isDrawingEmpty

    def _own(self, action: Callable[[], Any]) -> bool:
        self.busy = True
        try:
            return self.attempt(action)
        finally:
            self.busy = False

    def _prefer(self, mode: str) -> None:
        if self.parameterNode is not None and self.parameterNode.annotationMode != mode:
            self.parameterNode.annotationMode = mode


def _soon(receiver: Callable[[], None]) -> qt.QTimer:
    """A timer that, once started, calls as soon as events are handled again."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(0)
    timer.connect("timeout()", receiver)
    return timer


def _stateOf(session: AnnotationSession) -> object:
    """Changes when something else is open, or has other classes or markups."""
    return [(each, tuple(each.classes), tuple(each.markups)) for each in session.opened]
