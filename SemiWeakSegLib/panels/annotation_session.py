"""The case that is being annotated: drawing, boxes, points, and what is not saved of them; no Qt.

A case has one drawing (dense or scribbles), its boxes and its points; all may be open at the same
time.
"""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.panels.drawn_annotation import addMissingSegments, giveClasses, saveDrawn
from SemiWeakSegLib.scene.annotations import (
    Annotation,
    SaveReport,
    addBoxOfPoints,
    adoptAnnotation,
    changeMode,
    closeAnnotation,
    isModified,
    openAnnotation,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.markup_kinds import MARKUPS
from SemiWeakSegLib.scene.node_names import CASE, COHORT, LABEL
from SemiWeakSegLib.scene.prediction_nodes import PREDICTION
from SemiWeakSegLib.scene.segment_drawing import signatureOf
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.volumes import volumeOfCase


class AnnotationSession:
    """What is open. ``mode`` is "" without a case, else one of ``scene.annotations.MODES``.

    Methods that open or save raise SceneError and leave the rest as it was.
    """

    def __init__(self) -> None:
        self.study: Study | None = None
        self.caseId = ""
        self.mode = ""
        self.drawing: Annotation | None = None
        self.markups: dict[str, Annotation] = {}
        """Boxes and points that are open, by mode."""
        self._volumeWasThere = False
        self._untouched: object = None

    @property
    def case(self) -> Case | None:
        """The case as the cohort has it now; None without one, or when it was taken out."""
        if self.study is None or not self.study.hasCase(self.caseId):
            return None
        return self.study.case(self.caseId)

    @property
    def boxes(self) -> Annotation | None:
        return self.markups.get("box")

    @property
    def points(self) -> Annotation | None:
        return self.markups.get("point")

    @property
    def opened(self) -> list[Annotation]:
        """Everything of the case that is open."""
        return [*([] if self.drawing is None else [self.drawing]), *self.markups.values()]

    @property
    def current(self) -> Annotation | None:
        """The annotation of the present mode."""
        return self.markups.get(self.mode) if self.mode in MARKUPS else self.drawing

    @property
    def volume(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        return self.opened[0].volume if self.opened else None

    @property
    def isDrawingEmpty(self) -> bool:
        """Whether no voxel is drawn in any segment."""
        return self.drawing is None or not signatureOf(
            self.drawing.segmentation, self.drawing.volume
        )

    def open(self, study: Study, caseId: str, mode: str) -> None:
        """Open a case; a drawing that is there already decides between segment and scribble."""
        case = study.case(caseId)
        volumeWasThere = volumeOfCase(case) is not None
        annotation = openAnnotation(study, case, mode)
        self.study, self.caseId = study, caseId
        self._volumeWasThere = volumeWasThere
        self._take(annotation)

    def adopt(
        self,
        study: Study,
        caseId: str,
        segmentation: slicer.vtkMRMLSegmentationNode,
        mode: str | None = None,
        isPrediction: bool = False,
    ) -> None:
        """Go on in a segmentation of the person's choice; an open drawing is put aside.

        A prediction that is left as it came counts as unchanged.
        """
        case = study.case(caseId)
        volumeWasThere = volumeOfCase(case) is not None
        annotation = adoptAnnotation(study, case, segmentation, mode)
        if (study, caseId) == (self.study, self.caseId):
            self._closeDrawing()
        else:
            self.close()
            self._volumeWasThere = volumeWasThere
        self.study, self.caseId = study, caseId
        self._take(annotation)
        if isPrediction:
            self._untouched = signatureOf(segmentation, annotation.volume)

    def show(self, mode: str) -> None:
        """Open what ``mode`` works on where it is not open, or has been removed, yet."""
        if mode in MARKUPS:
            if mode not in self.markups:
                self._take(openAnnotation(self.study, self.study.case(self.caseId), mode))
            self.mode = mode
        elif self.drawing is None:
            self._take(openAnnotation(self.study, self.study.case(self.caseId), mode))
        else:
            self.mode = self.drawing.mode

    def convert(self, mode: str) -> None:
        """Go on with the drawing as segmentation or as scribbles (``annotations.changeMode``)."""
        if self.isDrawingEmpty and not self.drawing.ownNode:
            self._closeDrawing()
            self.show(mode)
        else:
            changeMode(self.drawing, mode)
        self.mode = self.drawing.mode

    def addBoxOfPoints(self, classIndex: int) -> None:
        """Make a box of the points of a class; it is saved as one of the case's boxes."""
        mode = self.mode
        self.show("box")
        self.mode = mode
        addBoxOfPoints(self.boxes, self.points, classIndex)

    def unsaved(self) -> list[Annotation]:
        """The annotations that were changed since they were opened or saved."""
        found = []
        for annotation in self.opened:
            if self._isPredictionAsItCame(annotation):
                continue
            try:
                changed = isModified(annotation)
            except SceneError:  # such as a box without extent: something was done to it
                changed = True
            if changed:
                found.append(annotation)
        return found

    def save(self) -> list[SaveReport]:
        """Save what is changed, as one step of the cohort; [] when nothing is.

        A prediction that was corrected, or left as it came, is accepted. Raises SceneError where
        nothing is drawn in a case that has no annotation.
        """
        case = self.study.case(self.caseId)
        pending = self.unsaved()
        if self.drawing is not None and self._isPredictionAsItCame(self.drawing):
            pending.append(self.drawing)
        known = (case.label, case.boxes, case.points, case.present, case.absent, case.sizes)
        if not pending and self.current is not None and not any(known):
            pending = [self.current]  # which says what is missing
        with self.study.grouped(_("Annotate {case}").format(case=self.caseId)):
            reports = [saveDrawn(self.study, annotation) for annotation in pending]
        self._untouched = None
        return reports

    def removeLabel(self) -> None:
        """Take the case's annotation away, its file stays; the empty drawing is begun anew."""
        mode = self.drawing.mode
        self._closeDrawing()
        self.study.setLabel(self.caseId, None)
        self.show(mode)

    def revert(self) -> None:
        """Go back to what was saved last, in drawing, boxes and points."""
        mode = self.mode
        reopen = [each.mode for each in self.opened]
        self._closeDrawing()
        for each in list(self.markups):
            self._closeMarkups(each)
        for each in reopen:
            self.show(each)
        if mode in MARKUPS or self.mode in MARKUPS:
            self.show(mode)

    def follow(self) -> bool:
        """Take over what was changed in the cohort meanwhile.

        False when it contradicts what is drawn and not saved, which stays as it is.
        """
        case, agrees = self.case, True
        if case is None:
            return True
        if self.drawing is not None:
            agrees = self._followDrawing(case)
        for mode, opened in list(self.markups.items()):
            kind, before = MARKUPS[mode], opened.case
            opened.classes = list(self.study.classes)
            if kind.ofCase(case) != kind.ofCase(before):
                if opened in self.unsaved():
                    return False
                self._closeMarkups(mode)
                self.markups[mode] = openAnnotation(self.study, case, mode)
            self.markups[mode].case = case
        self.updateMarkups()
        return agrees

    def ignoreCohort(self) -> None:
        """What is drawn goes on, whatever the cohort says."""
        for annotation in self.opened:
            if self.case is not None:
                annotation.case = self.case

    def addMissingSegments(self) -> None:
        """Undoing, or another module, may have removed a class's segment: give it an empty one."""
        if self.drawing is not None and self.study is not None:
            addMissingSegments(self.drawing, self.study.classes)

    def updateMarkups(self) -> None:
        """Boxes and points may come and go by other modules: list those that are in the scene."""
        case = self.case
        for mode, opened in self.markups.items():
            if case is not None:
                opened.markups = MARKUPS[mode].present(self.study, case, opened.volume)

    def forgetRemoved(self) -> bool:
        """Let go of nodes that are no longer in the scene; whether any was."""
        gone = False
        if self.volume is not None and self.volume.GetScene() is None:
            gone = True
            self.close(keepNodes=True)
        drawing = self.drawing
        if drawing is not None and drawing.segmentation.GetScene() is None:
            gone = True
            self.drawing = None
        return gone

    def close(self, keepNodes: bool = False) -> None:
        """Close the case; what is not saved is lost unless ``keepNodes``.

        The volume goes as well where it came with the case and nothing else uses it.
        """
        removeVolume = not (keepNodes or self._volumeWasThere)
        for mode in list(self.markups):
            last = self.drawing is None and len(self.markups) == 1
            self._closeMarkups(mode, keepNodes, removeVolume and last)
        self._closeDrawing(keepNodes, removeVolume)
        self.forget()

    def forget(self) -> None:
        """Know of nothing, and touch no node: the scene is closing."""
        self.study, self.caseId, self.mode = None, "", ""
        self.drawing, self.markups = None, {}
        self._untouched = None

    def _take(self, annotation: Annotation) -> None:
        if annotation.mode in MARKUPS:
            self.markups[annotation.mode] = annotation
        else:
            self.drawing = annotation
            self._untouched = None
            self.addMissingSegments()
        self.mode = annotation.mode

    def _isPredictionAsItCame(self, annotation: Annotation) -> bool:
        if annotation is not self.drawing or self._untouched is None:
            return False
        return signatureOf(annotation.segmentation, annotation.volume) == self._untouched

    def _followDrawing(self, case: Case) -> bool:
        drawing, classes = self.drawing, list(self.study.classes)
        node = drawing.segmentation
        if case.label != drawing.case.label:
            if node.GetAttribute(LABEL) == str(case.label or "") and not drawing.ownNode:
                # Someone else saved this very drawing, such as a script.
                self.drawing = openAnnotation(self.study, case, drawing.mode)
            elif drawing in self.unsaved():
                return False
            else:
                self._reopenDrawing(case)
        elif classes != drawing.classes:
            if drawing.ownNode or drawing in self.unsaved():
                giveClasses(drawing, classes)
            else:
                self._reopenDrawing(case)
        self.drawing.case = case
        return True

    def _reopenDrawing(self, case: Case) -> None:
        mode, wasShown = self.drawing.mode, self.mode == self.drawing.mode
        self._closeDrawing()
        self.drawing = openAnnotation(self.study, case, mode)
        if wasShown:
            self.mode = self.drawing.mode

    def _closeDrawing(self, keepNodes: bool = False, removeVolume: bool = False) -> None:
        if self.drawing is not None:
            node = self.drawing.segmentation
            isPrediction = node.GetAttribute(PREDICTION) == "1"
            kept = {name: node.GetAttribute(name) for name in (CASE, COHORT) if isPrediction}
            closeAnnotation(self.drawing, not keepNodes, removeVolume)
            for name, value in kept.items():  # it still is this case's prediction
                node.SetAttribute(name, value)
        self.drawing = None
        self._untouched = None

    def _closeMarkups(self, mode: str, keepNodes: bool = False, removeVolume: bool = False) -> None:
        closeAnnotation(self.markups.pop(mode), not keepNodes, removeVolume)
