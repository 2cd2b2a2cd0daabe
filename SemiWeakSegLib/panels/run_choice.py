"""Which run's results are shown: the study's runs, newest first, with state and Dice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.methods import METHODS
from SemiWeakSegLib.panels.library_texts import libraryText
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.watching import RunSummary, summaryOfRun

ENDED = ("finished", "failed", "stopped")


class RunChoice:
    """A combo box of run folders; `onChosen(path)` is called when a person chooses one."""

    def __init__(self, box: qt.QComboBox, onChosen: Callable[[Path], None]) -> None:
        self.box = box
        self._onChosen = onChosen
        self._paths: list[Path] = []
        self._texts: dict[Path, tuple[tuple[int, int], str]] = {}
        box.connect("activated(int)", self._onActivated)

    @property
    def path(self) -> Path | None:
        """The folder that is shown, None where there is no run."""
        index = self.box.currentIndex
        return self._paths[index] if 0 <= index < len(self._paths) else None

    def fill(self, paths: list[Path], current: Path | None) -> None:
        """Offer these runs, and `current` even where it lies elsewhere; show it, else the first."""
        if current is not None and current not in paths:
            paths = [current, *paths]
        wasBlocked = self.box.blockSignals(True)
        self.box.clear()
        self._paths = list(paths)
        for path in paths:
            self.box.addItem(self._textOf(path))
            self.box.setItemData(self.box.count - 1, str(path), qt.Qt.ToolTipRole)
        if not paths:
            self.box.addItem(_("No run yet"))
        self.box.currentIndex = paths.index(current) if current in paths else 0
        self.box.enabled = bool(paths)
        self.box.toolTip = (
            str(self.path) if paths else _("Train first: runs are listed here, the newest on top")
        )
        self.box.blockSignals(wasBlocked)

    def _textOf(self, path: Path) -> str:
        """The run in one line; a run that has ended is read again only when its files changed."""
        version = versionOf(path)
        if version is not None and self._texts.get(path, (None,))[0] == version:
            return self._texts[path][1]
        summary, text = textOfRun(path)
        if version is not None and summary.state in ENDED:
            self._texts[path] = (version, text)
        return text

    def _onActivated(self, index: int) -> None:
        if 0 <= index < len(self._paths):
            self.box.toolTip = str(self._paths[index])
            self._onChosen(self._paths[index])


def versionOf(path: Path) -> tuple[int, int] | None:
    """Changes when a run's events or status do; None where there are none."""
    run = RunFolder(path)
    try:
        return run.events_path.stat().st_mtime_ns, run.status_path.stat().st_mtime_ns
    except OSError:
        return None


def textOfRun(path: Path) -> tuple[RunSummary, str]:
    """A run and how it reads in one line: folder, method, state, best Dice."""
    summary = summaryOfRun(path)
    parts = [path.name, titleOfMethod(summary.method), stateText(summary.state)]
    if summary.bestDice is not None:
        parts.append(_("Dice {value:.3f}").format(value=summary.bestDice))
    return summary, " · ".join(part for part in parts if part)


def titleOfMethod(name: Any) -> str:
    """The method's title, its name where this version does not know it."""
    return libraryText(METHODS[name].title) if name in METHODS else str(name)


def stateText(state: str) -> str:
    """A run's state in words."""
    return {
        "created": _("not started"),
        "running": _("training"),
        "finished": _("finished"),
        "failed": _("failed"),
        "stopped": _("stopped"),
        "lost": _("interrupted"),
    }.get(state, state)
