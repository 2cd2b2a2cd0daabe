"""The form that adds a folder of images, with labels and truth where there are any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import UNLABELED, stem_of, suffix_of
from SemiWeakSegLib.panels.patient_pattern import PatientPattern, groupsText

_PREVIEW_PAUSE_MS = 250


class AddFoldersForm:
    """Reads the folders' names only; ``accept`` gets (images, labels, truth, group pattern,
    unlabeled value) when the person adds."""

    def __init__(
        self,
        ui: SimpleNamespace,
        accept: Callable[[Path, Path | None, Path | None, str | None, int | None], None],
    ) -> None:
        self.ui = ui
        self._accept = accept
        ui.unlabeledComboBox.addItem(_("255, or no such value"), None)
        for value in (-1, *range(2, UNLABELED)):
            ui.unlabeledComboBox.addItem(str(value), value)
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PREVIEW_PAUSE_MS)
        self._timer.connect("timeout()", self.update)
        self._pattern = PatientPattern(
            ui.addPatientComboBox,
            ui.addPatternLineEdit,
            _("Every image is another patient"),
            self._changed,
        )
        self._paths = (ui.imagesPathEdit, ui.labelsPathEdit, ui.truthPathEdit)
        for edit in self._paths:
            edit.connect("currentPathChanged(QString)", self._changed)
        ui.addFoldersAcceptButton.connect("clicked()", self._accepted)
        # A path line begins with the newest path of its history: that is another cohort's.
        self.clear()
        self.update()

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self._timer.stop()
        self._timer.disconnect("timeout()", self.update)
        self._pattern.cleanup()
        for edit in self._paths:
            edit.disconnect("currentPathChanged(QString)", self._changed)
        self.ui.addFoldersAcceptButton.disconnect("clicked()", self._accepted)

    def clear(self) -> None:
        """Empty the form for the next folder."""
        for edit in self._paths:
            edit.currentPath = ""

    def update(self) -> None:
        """Say what the folders hold, and whether and why they cannot be added."""
        self._timer.stop()
        preview, missing = self._look()
        self.ui.addFoldersPreviewLabel.text = preview
        self.ui.addFoldersAcceptButton.enabled = not missing
        self.ui.addFoldersAcceptButton.toolTip = missing or _(
            "Add these images as cases. Nothing is copied or changed."
        )

    def _changed(self, *_news: object) -> None:
        self._timer.start()

    def _look(self) -> tuple[str, str]:
        images, labels, truth = (edit.currentPath.strip() for edit in self._paths)
        if not images:
            return "", _("Choose the folder of images first.")
        try:
            pattern = self._pattern.pattern
        except ValueError as error:
            return str(error), str(error)
        names = {}
        for path in (images, labels, truth):
            if path and not Path(path).is_dir():
                text = _("{path} is no folder.").format(path=path)
                return text, text
            names[path] = _names(Path(path)) if path else []
        found = [_("{count} images or series").format(count=len(names[images]))]
        if labels:
            found.append(_("{count} labels").format(count=len(names[labels])))
        if truth:
            found.append(_("{count} truths").format(count=len(names[truth])))
        parts = [", ".join(found) + ".", groupsText(names[images], pattern)]
        if not names[images]:
            text = _("{path} holds no image file and no folder.").format(path=images)
            return text, text
        return " ".join(part for part in parts if part), ""

    def _accepted(self) -> None:
        images, labels, truth = (
            Path(edit.currentPath.strip()) if edit.currentPath.strip() else None
            for edit in self._paths
        )
        for edit in self._paths:
            edit.addCurrentPathToHistory()
        combo = self.ui.unlabeledComboBox
        value = combo.itemData(combo.currentIndex)
        self._accept(images, labels, truth, self._pattern.pattern, value)


def _names(folder: Path) -> list[str]:
    entries = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [stem_of(path) for path in entries if path.is_dir() or suffix_of(path)]
