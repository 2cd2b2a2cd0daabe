"""Installing what is missing: torch through the PyTorch extension, then the rest through pip."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import CalledProcessError

import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.packages import (
    TORCH_REQUIREMENT,
    Package,
    constraintLines,
    loadedVersions,
    updatedWhileLoaded,
)

REQUESTER = "SemiWeakSeg"


class InstallError(RuntimeError):
    """Something could not be installed; the message says what, and what to do."""


def extensionInstalled() -> bool:
    """Whether Slicer's PyTorch extension is there; nothing is imported."""
    return importlib.util.find_spec("PyTorchUtils") is not None


def install(missing: Sequence[Package], skipInTesting: bool = True) -> list[str]:
    """Install `missing`; whoever calls this has asked the person before.

    torch comes first: monai would otherwise pull a build that may not fit the driver. Packages
    that Slicer runs on are kept at their versions. Returns the names of packages that were
    replaced while they were in use, which asks for a restart. Raises InstallError.
    """
    if skipInTesting and slicer.app.testingEnabled():
        names = ", ".join(each.requirement for each in missing)
        logging.info(f"Testing mode is enabled: not installing {names}")
        return []
    before = loadedVersions(sys.modules)
    if any(each.name == "torch" for each in missing):
        _installTorch()
    rest = [each.requirement for each in missing if each.name != "torch"]
    if rest:
        _installRest(rest, skipInTesting)
    return updatedWhileLoaded(before, sys.modules)


def _installTorch() -> None:
    try:
        import PyTorchUtils
    except ImportError as error:
        raise InstallError(extensionHint()) from error
    logic = PyTorchUtils.PyTorchUtilsLogic()
    wanted = {"askConfirmation": False, "torchVersionRequirement": TORCH_REQUIREMENT}
    known = inspect.signature(logic.installTorch).parameters
    takesAny = any(each.kind is each.VAR_KEYWORD for each in known.values())
    arguments = {name: value for name, value in wanted.items() if takesAny or name in known}
    try:
        torch = logic.installTorch(**arguments)
    except Exception as error:  # the extension raises what pip, the network or an import raise
        raise InstallError(_pipFailed(_("PyTorch"), error)) from error
    if torch is None:
        raise InstallError(_("The PyTorch extension did not install PyTorch. Press Install again."))


def _installRest(requirements: list[str], skipInTesting: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(constraintLines()) + "\n", encoding="utf-8")
        try:
            _runPip(requirements, constraints, skipInTesting)
        except (CalledProcessError, RuntimeError, OSError) as error:
            raise InstallError(_pipFailed(", ".join(requirements), error)) from error


def _runPip(requirements: list[str], constraints: Path, skipInTesting: bool) -> None:
    try:
        from slicer.packaging import pip_ensure
    except ImportError:
        # Slicer 5.10
        slicer.util.pip_install([*requirements, "-c", str(constraints)])
        return
    pip_ensure(
        requirements,
        constraints=constraints,
        prompt_install=False,
        prompt_restart=False,
        requester=REQUESTER,
        skip_in_testing=skipInTesting,
    )


def extensionHint() -> str:
    """How to get the PyTorch extension."""
    return _(
        "PyTorch is installed by Slicer's PyTorch extension, which is not there. Open the "
        "Extensions Manager (menu View), search for PyTorch, install it and restart Slicer; then "
        "press Install here. Without internet: download the extension's package elsewhere and "
        "choose Install from file in the Extensions Manager."
    )


def _pipFailed(what: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return _(
        "{what} could not be installed ({reason}). Is this computer connected to the internet? "
        "Slicer's log (menu Help, Report a Bug, or View, Error Log) has pip's own words. Without "
        "internet: on a connected computer with the same system run “PythonSlicer -m pip "
        "download {what}”, bring the files here and run “PythonSlicer -m pip install --no-index "
        "--find-links FOLDER {what}”; then press Check again."
    ).format(what=what, reason=reason)
