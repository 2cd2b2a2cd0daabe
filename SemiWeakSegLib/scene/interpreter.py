"""The Python and the environment that child processes get."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.texts import tr as _

LAUNCHER = "PythonSlicer"
OWN_PREFIX = "SEMIWEAKSEG_"


def workerPython() -> str:
    """The interpreter to start children with.

    Inside Slicer it is PythonSlicer, which lies on PATH and beside the application (the program
    that runs is the application itself); elsewhere the Python that runs. Raises SceneError where
    none is found.
    """
    if _slicerApplication() is not None:
        found = shutil.which(LAUNCHER) or _besideApplication()
        if found:
            return found
    if Path(sys.executable or "").name.lower().startswith("python"):
        return sys.executable
    raise SceneError(
        _(
            "{launcher} was found neither on PATH nor beside {program}, so no process can be "
            "started for training. Is Slicer installed completely?"
        ).format(launcher=LAUNCHER, program=sys.executable or "Slicer")
    )


def workerEnvironment() -> dict[str, str]:
    """The environment Slicer was started with; elsewhere this process's own.

    Slicer's own additions would lead another Python to Slicer's libraries; PythonSlicer makes
    them itself. Variables of this project that were set since go along.
    """
    environment = _startupEnvironment()
    if environment is None:
        return dict(os.environ)
    own = {key: value for key, value in os.environ.items() if key.startswith(OWN_PREFIX)}
    return {**environment, **own}


def _slicerApplication() -> object | None:
    try:
        import slicer
    except ImportError:
        return None
    return getattr(slicer, "app", None)


def _startupEnvironment() -> dict[str, str] | None:
    if _slicerApplication() is None:
        return None
    import slicer.util

    try:
        return dict(slicer.util.startupEnvironment())
    except AttributeError:
        return None


def _besideApplication() -> str | None:
    folders = [Path(sys.executable).parent] if sys.executable else []
    home = getattr(_slicerApplication(), "slicerHome", None)
    if isinstance(home, str) and home:
        folders.append(Path(home) / "bin")
    for folder in folders:
        found = shutil.which(LAUNCHER, path=str(folder))
        if found:
            return found
    return None
