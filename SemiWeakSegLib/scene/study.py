"""The cohort that a scene works on, and the changes one can make to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from SemiWeakSegLib.cohort import ROLES, Box, Case, Cohort, Point, SegmentClass, split
from SemiWeakSegLib.cohort.sizes import with_size_bounds
from SemiWeakSegLib.scene import case_edits
from SemiWeakSegLib.scene.annotation_files import AnnotationFiles
from SemiWeakSegLib.scene.case_ids import distinctId, fileSafe, folded
from SemiWeakSegLib.scene.class_changes import (
    ClassUse,
    checkClasses,
    requireUnused,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.recorded_cohort import RecordedCohort
from SemiWeakSegLib.scene.run_folders import RunFolders
from SemiWeakSegLib.scene.signature import Signature
from SemiWeakSegLib.scene.stored_cohort import FILE_NAME, StoredCohort
from SemiWeakSegLib.scene.texts import tr as _


class Study(RecordedCohort):
    """A cohort and its folder: ``cohort.json``, ``annotations/``, ``images/``, ``runs/``.

    Cases are changed through the methods only; `RecordedCohort` says how changes are saved, told
    and undone. Image and label files of the user are never touched.
    """

    def __init__(self, stored: StoredCohort, cohort: Cohort):
        super().__init__(stored, cohort)
        self._toldClasses = self.classes
        self._classUse = ClassUse()
        self._signature: tuple[int, Signature] | None = None
        self.annotationFiles = AnnotationFiles(self.folder / "annotations")
        self.runs = RunFolders(self.folder / "runs")

    @classmethod
    def create(
        cls,
        folder: str | PathLike[str],
        classes: Iterable[SegmentClass] = (),
        description: str = "",
    ) -> Study:
        """A new cohort in ``folder``, which is made; SceneError where one already is."""
        path = Path(folder).absolute() / FILE_NAME
        if path.parent.exists() and not path.parent.is_dir():
            raise SceneError(_("{path} is a file; choose a folder.").format(path=path.parent))
        if path.exists():
            raise SceneError(
                _("{folder} already holds a cohort: open it, or choose another folder.").format(
                    folder=path.parent
                )
            )
        classes = list(classes)
        checkClasses(classes)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SceneError(
                _("{folder} cannot be made ({reason}); choose another folder.").format(
                    folder=path.parent, reason=error.strerror
                )
            ) from error
        stored = StoredCohort(path)
        cohort = Cohort(classes, [], description=description)
        stored.write(cohort)
        return cls(stored, cohort)

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Study:
        """The cohort in a folder, or of a cohort file; SceneError where there is none."""
        source = Path(path).absolute()
        if source.is_dir():
            source = source / FILE_NAME
            if not source.is_file():
                raise SceneError(
                    _("{folder} holds no {name}: create a cohort there, or choose another.").format(
                        folder=source.parent, name=FILE_NAME
                    )
                )
        stored = StoredCohort(source)
        return cls(stored, stored.read())

    @property
    def imagesFolder(self) -> Path:
        """Where images that came from the scene are saved."""
        return self.folder / "images"

    def signature(self) -> str:
        """Text that changes with anything a check of the cohort depends on; reads no file."""
        if self._signature is None or self._signature[0] != self.revision:
            self._signature = (self.revision, Signature(self._cohort, self.folder))
        return self._signature[1].now()

    def rememberFacts(self, facts: Mapping[str, Any]) -> None:
        """Take over what an inspection found, so that no label has to be read again here.

        ``facts``: `inspection.CaseFacts` by case id, of files that are as they were when the
        inspection began: compare `signature` before and after it.
        """
        for caseId, each in facts.items():
            case = self._cases.get(caseId)
            if case is None or case.label is None or each.kind is None:
                continue
            if not case.label.is_file():
                continue
            kind = each.kind if each.kind in ("labeled", "scribbled") else None
            self._cohort.remember_label_kind(case.label, kind)
            if each.voxels:
                self._classUse.remember(case.label, each.voxels)

    # Changes of cases

    def addCases(self, cases: Iterable[Case], text: str | None = None) -> list[str]:
        """Add cases; returns their ids, which are made distinct and fit for file names."""
        taken = folded(self._cases)
        added = [replace(case, id=distinctId(case.id, taken)) for case in cases]
        text = text or _("Add {count} cases").format(count=len(added))
        self._change(text, cases=[*self._cohort.cases, *added])
        return [case.id for case in added]

    def removeCases(self, caseIds: Iterable[str]) -> None:
        """Take cases out of the cohort; their files stay."""
        gone = {id(self.case(caseId)) for caseId in caseIds}
        kept = [case for case in self._cohort.cases if id(case) not in gone]
        self._change(_("Remove {count} cases").format(count=len(gone)), cases=kept)

    def setRole(self, caseIds: Iterable[str], role: str) -> None:
        """Make cases train, validation or test cases."""
        if role not in ROLES:
            raise SceneError(
                _("{role!r} is no role; the roles are {known}.").format(
                    role=role, known=", ".join(ROLES)
                )
            )
        changed = {caseId: replace(self.case(caseId), role=role) for caseId in caseIds}
        self._replaceCases(_("Set role to {role}").format(role=role), changed)

    def setGroup(self, caseIds: Iterable[str], group: str | None) -> None:
        """Say what must not be divided between roles, mostly the patient; None: nothing."""
        changed = {caseId: replace(self.case(caseId), group=group) for caseId in caseIds}
        self._replaceCases(_("Set group"), changed)

    def setLabel(self, caseId: str, path: str | PathLike[str] | None) -> None:
        """Make a label map on the image's grid the case's annotation; None takes it away."""
        self.setLabels({caseId: path})

    def setLabels(
        self, labels: Mapping[str, str | PathLike[str] | None], text: str | None = None
    ) -> None:
        """`setLabel` for several cases in one step that is undone at once."""
        changed = case_edits.withFile(self._named(labels), labels, "label")
        self._replaceCases(text or _("Annotate {cases}").format(cases=_names(changed)), changed)

    def setTruth(self, caseId: str, path: str | PathLike[str] | None) -> None:
        """Set the reference segmentation, for evaluation only; None takes it away."""
        changed = case_edits.withFile(self._named([caseId]), {caseId: path}, "truth")
        self._replaceCases(_("Set truth of {cases}").format(cases=caseId), changed)

    def setBoxes(self, caseId: str, boxes: Iterable[Box]) -> None:
        """Set the boxes of a case, in LPS millimetres of its image."""
        changed = case_edits.withBoxes(self.case(caseId), boxes, self._cohort.classes)
        self._replaceCases(_("Set boxes of {cases}").format(cases=caseId), {caseId: changed})

    def setPoints(self, caseId: str, points: Iterable[Point]) -> None:
        """Set the points of a case, in LPS millimetres of its image; class 0 is the background."""
        changed = case_edits.withPoints(self.case(caseId), points, self._cohort.classes)
        self._replaceCases(_("Set points of {cases}").format(cases=caseId), {caseId: changed})

    def setTags(self, caseId: str, present: Iterable[int], absent: Iterable[int]) -> None:
        """Say which classes are in the image and which are not; others are unknown."""
        changed = case_edits.withTags(self.case(caseId), present, absent, self._cohort.classes)
        self._replaceCases(_("Set tags of {cases}").format(cases=caseId), {caseId: changed})

    def tagCases(self, caseIds: Iterable[str], classIndex: int, tag: str | None) -> None:
        """Say of several cases whether a class is "present" or "absent"; None: not said."""
        changed = {
            caseId: case_edits.withTag(self.case(caseId), classIndex, tag, self._cohort.classes)
            for caseId in caseIds
        }
        self._replaceCases(_("Set tags of {cases}").format(cases=_names(changed)), changed)

    def setSizes(self, caseId: str, sizes: Mapping[int, tuple[float, float]]) -> None:
        """Set lower and upper bounds by class, in mm³ (mm² for a 2-D image)."""
        changed = case_edits.withSizes(self.case(caseId), sizes, self._cohort.classes)
        self._replaceCases(_("Set sizes of {cases}").format(cases=caseId), {caseId: changed})

    def setLookedAt(self, caseId: str, indices: Iterable[int] | None) -> None:
        """Say which classes the annotator looked for; None: all of them."""
        changed = case_edits.withLookedAt(self.case(caseId), indices, self._cohort.classes)
        self._replaceCases(_("Set classes seen in {cases}").format(cases=caseId), {caseId: changed})

    def replaceCases(self, cases: Iterable[Case], text: str) -> None:
        """Put changed copies in the place of the cases of the same ids, as one step."""
        self._replaceCases(text, {self.case(case.id).id: case for case in cases})

    # Changes of all of it

    def setClasses(self, classes: Iterable[SegmentClass]) -> list[str]:
        """Set the classes; a class that annotations use can be renamed, not removed or moved.

        Reads label files where a class goes or moves. Raises SceneError that names cases. Returns
        the cases whose label maps are older than an added class: it counts as background in them
        unless `setLookedAt` says that nobody looked for it.
        """
        new = [replace(item, name=item.name.strip()) for item in classes]
        old = self._cohort.classes
        checkClasses(new)
        requireUnused(old, new, self._cohort.cases, self._classUse)
        cases = case_edits.withLookedAtMoved(self._cohort.cases, old, new)
        self._change(_("Change classes"), cases=cases, classes=new)
        if len(new) <= len(old):
            return []
        return [c.id for c in cases if c.label is not None and c.looked_at is None]

    def setSizeBounds(self, bounds: Mapping[int, tuple[float, float] | None]) -> None:
        """Set the bounds common to all cases of these classes, mm³ (mm² for 2-D images).

        None takes a class's bounds away; the upper bound may be infinite.
        """
        classes = with_size_bounds(self._cohort, dict(bounds)).classes
        checkClasses(classes)
        self._change(_("Set size bounds"), classes=classes)

    def splitCases(
        self,
        validation: float,
        test: float,
        seed: int = 0,
        groupPattern: str | None = None,
    ) -> None:
        """Give every case a role by chance, groups (patients) undivided; see ``cohort.split``.

        ``groupPattern``: regular expression searched in the id; its first group, or the whole
        match, becomes the case's group.
        """
        try:
            cohort = self._cohort
            if groupPattern:
                cohort = replace(cohort, cases=case_edits.grouped(cohort.cases, groupPattern))
            cases = split(cohort, validation, test, seed).cases
        except ValueError as error:
            raise SceneError(str(error)) from error
        self._change(_("Split cases"), cases=cases)

    # Files and runs

    def newAnnotationPath(self, case: Case) -> Path:
        """The file for the next version of a case's annotation; none is ever overwritten.

        Beside it, ``.seg.nrrd`` in the place of the suffix may hold what was drawn. Versions that
        nothing names any more are removed once ten newer ones exist.
        """
        referenced = self._referenced()
        try:
            path = self.annotationFiles.newPath(case, referenced)
            self.annotationFiles.prune(case, referenced, self._fileUsers())
        except OSError as error:
            raise SceneError(
                _("{folder}: cannot be written ({reason}).").format(
                    folder=self.annotationFiles.folder, reason=error.strerror or error
                )
            ) from error
        return path

    def runFolders(self) -> list[Path]:
        """The cohort's runs, newest first."""
        return self.runs.all()

    def newRunFolder(self, methodName: str) -> Path:
        """A folder for a new run, called after its method; not yet made."""
        return self.runs.new(fileSafe(methodName))

    # Inside

    def _tell(self) -> None:
        old, self._toldClasses = self._toldClasses, self.classes
        if old != self._toldClasses:
            # What is drawn in the scene, saved or not, must keep its class, whoever changed them.
            _moveDrawn(old, self._toldClasses, str(self.path))
        super()._tell()

    def _named(self, caseIds: Iterable[str]) -> dict[str, Case]:
        return {caseId: self.case(caseId) for caseId in caseIds}

    def _referenced(self) -> set[str]:
        """Names of all label files that the cohort uses or can return to."""
        names: set[str] = set()
        seen: set[int] = set()
        for cohort in self._states():
            for case in cohort.cases:
                if id(case) not in seen:
                    seen.add(id(case))
                    names |= {path.name for path in (case.label, case.truth) if path is not None}
        return names

    def _fileUsers(self) -> Sequence[Path]:
        """Other files that may name an annotation: cohorts of runs, and beside this one."""
        others = [path for path in self.folder.glob("*.json") if path != self.path]
        return [*(run / "cohort.json" for run in self.runs.all()), *others]


def _moveDrawn(old: Sequence[SegmentClass], new: Sequence[SegmentClass], cohortFile: str) -> None:
    try:
        from SemiWeakSegLib.scene.class_tags import moveClasses
    except ImportError:
        return  # outside Slicer: there is no scene
    moveClasses(old, new, cohortFile)


def _names(cases: Mapping[str, Case]) -> str:
    if len(cases) == 1:
        return next(iter(cases))
    return _("{count} cases").format(count=len(cases))
