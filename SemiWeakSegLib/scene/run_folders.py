"""The runs of a cohort: those in its folder, and those that were put elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

from SemiWeakSegLib.runs.atomic import write_json

REQUEST = "run.json"
ELSEWHERE = "elsewhere.json"


class RunFolders:
    """The folder ``runs`` of a cohort."""

    def __init__(self, folder: Path):
        self.folder = folder

    def all(self) -> list[Path]:
        """Folders that hold a run, newest first."""
        found = {}
        for path in (*self._inside(), *self._elsewhere()):
            try:
                found[path] = (path / REQUEST).stat().st_mtime_ns
            except OSError:
                continue  # being made, or gone
        return sorted(found, key=lambda path: (found[path], _number(path.name)), reverse=True)

    def new(self, name: str) -> Path:
        """A folder ``<name>-<n>`` that does not exist, on the number after the highest."""
        numbers = [_number(path.name) for path in self._inside() if path.name.startswith(name)]
        return self.folder / f"{name}-{max(numbers, default=0) + 1}"

    def note(self, path: Path) -> None:
        """Remember a run that lies outside the folder."""
        if path.parent == self.folder or path in self._elsewhere():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / ELSEWHERE, [str(each) for each in (*self._elsewhere(), path)])

    def _inside(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.is_dir()]
        except OSError:
            return []

    def _elsewhere(self) -> list[Path]:
        try:
            names = json.loads((self.folder / ELSEWHERE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [Path(str(name)) for name in names] if isinstance(names, list) else []


def _number(name: str) -> int:
    match = re.search(r"-(\d+)$", name)
    return int(match[1]) if match else 0
