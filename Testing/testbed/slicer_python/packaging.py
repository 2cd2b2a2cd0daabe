"""Python packages of the application: asked for truthfully, never installed.

``pip_check`` and the file readers do what the real ones do. Installing is refused, since a test
must not change the environment it runs in; ``pip_ensure`` does nothing while the application is
in testing mode, which is the real behaviour too.
"""

from __future__ import annotations

import logging
import shlex
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def load_requirements(path: str | Path) -> list[Requirement]:
    """Requirements of a requirements.txt; comments, blank lines and pip options are left out."""
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def load_pyproject_dependencies(path: str | Path) -> list[Requirement]:
    """The dependencies that a pyproject.toml lists."""
    content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    return [Requirement(text) for text in content.get("project", {}).get("dependencies", [])]


def _as_requirements(requirements) -> list[Requirement]:
    if isinstance(requirements, Requirement):
        return [requirements]
    items = shlex.split(requirements) if isinstance(requirements, str) else requirements
    return [item if isinstance(item, Requirement) else Requirement(item) for item in items]


def pip_check(req, _seen=None) -> bool:
    """True if every requirement is installed in a fitting version, its extras included."""
    seen = set() if _seen is None else _seen
    return all(_is_met(item, seen) for item in _as_requirements(req))


def _is_met(requirement: Requirement, seen: set) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
    if key in seen:
        return True
    seen.add(key)
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if installed not in requirement.specifier:
        return False
    return all(
        _is_met(part, seen)
        for extra in requirement.extras
        for part in _parts_of_extra(requirement.name, extra)
    )


def _parts_of_extra(name: str, extra: str) -> list[Requirement]:
    parts = [Requirement(text) for text in metadata.requires(name) or ()]
    chosen = [
        part
        for part in parts
        if part.marker is not None
        and part.marker.evaluate({"extra": extra})
        and not part.marker.evaluate({"extra": ""})
    ]
    for part in chosen:
        part.marker = None
    return chosen


def isPipInstallInProgress() -> bool:
    """Never: nothing installs here."""
    return False


def pip_ensure(
    requirements,
    constraints=None,
    skip_packages=None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
):
    """Install what is missing after one confirmation; in testing mode only log it."""
    import slicer

    missing = [item for item in _as_requirements(requirements) if not pip_check(item)]
    if not missing:
        return None
    names = ", ".join(str(item) for item in missing)
    if skip_in_testing and slicer.app.testingEnabled():
        logging.info("Testing mode: %s not installed", names)
        return None
    if prompt_install:
        question = f"{len(missing)} Python packages need to be installed: {names}"
        if not slicer.util.confirmOkCancelDisplay(question, requester or "Install"):
            raise RuntimeError("User declined package installation")
    return pip_install([str(item) for item in missing], constraints=constraints)


def pip_install(
    requirements,
    constraints=None,
    no_deps_requirements=None,
    skip_packages=None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    logCallback=None,
    completedCallback=None,
):
    """Refused: tests replace this function where they need an installation to happen."""
    raise RuntimeError(f"the testbed installs nothing: {requirements}")


def pip_uninstall(requirements, **_options):
    """Refused, as pip_install is."""
    raise RuntimeError(f"the testbed uninstalls nothing: {requirements}")
