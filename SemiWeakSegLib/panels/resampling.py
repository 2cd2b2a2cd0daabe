"""Labels that lie on another grid than their image, brought onto it one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import (
    Case,
    read_header,
    read_label,
    resample_label,
    write_label,
)

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study


class Resampling:
    """Resamples the labels and truths of cases, one case each time Qt is idle.

    Copies are written among the cohort's annotations; all cases change in one step at the end,
    which can be undone. ``onProgress(done, all)`` is called after each case, ``onEnd(changed,
    complaints)`` once; nothing more is called after ``stop``.
    """

    def __init__(
        self,
        study: Study,
        caseIds: Sequence[str],
        onProgress: Callable[[int, int], None],
        onEnd: Callable[[int, list[str]], None],
    ) -> None:
        self._study = study
        self._waiting = list(caseIds)
        self._all = len(self._waiting)
        self._changed: list[Case] = []
        self._complaints: list[str] = []
        self._onProgress, self._onEnd = onProgress, onEnd
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._next)
        self._timer.start()

    def stop(self) -> None:
        """Give up; the cohort is as before."""
        self._timer.stop()
        self._timer.disconnect("timeout()", self._next)

    def _next(self) -> None:
        if self._waiting:
            caseId = self._waiting.pop(0)
            try:
                self._changed.append(self._resampled(self._study.case(caseId)))
            except (ValueError, OSError) as error:
                self._complaints.append(str(error))
            self._onProgress(self._all - len(self._waiting), self._all)
            return
        self.stop()
        try:
            if self._changed:
                self._study.replaceCases(self._changed, _("Resample labels"))
        except (ValueError, OSError) as error:
            self._complaints.append(str(error))
            self._changed = []
        self._onEnd(len(self._changed), self._complaints)

    def _resampled(self, case: Case) -> Case:
        label = self._fitting(case, case.label)
        truth = label if case.truth == case.label else self._fitting(case, case.truth)
        return replace(case, label=label, truth=truth)

    def _fitting(self, case: Case, path: Path | None) -> Path | None:
        if path is None:
            return None
        image, header = read_header(case.images[0]), read_header(path)
        if image.describe_difference(header) is None:
            return path
        if image.dimension != header.dimension:
            raise ValueError(
                _(
                    "Case {id}: {path} has {found} dimensions, its image {expected}; resampling "
                    "cannot bridge that. Choose another label file."
                ).format(id=case.id, path=path, found=header.dimension, expected=image.dimension)
            )
        values, geometry = read_label(path)
        target = self._study.newAnnotationPath(case)
        write_label(target, resample_label(values, geometry, image.geometry), image.geometry)
        return target
