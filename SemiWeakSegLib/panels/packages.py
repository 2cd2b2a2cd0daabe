"""What training needs, what is there, what is missing. Installs nothing, imports nothing big."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The one place for torch: it is not in requirements.txt, because pip would bring a build that may
# not fit the computer's driver. The PyTorch extension chooses the build.
TORCH_REQUIREMENT = ">=2.8"

# What an installation must leave as it is: Slicer itself runs on these, and torch has its build.
PROTECTED = ("numpy", "scipy", "SimpleITK", "torch", "torchvision")


@dataclass(frozen=True)
class Device:
    """Something to train on; `memory` and `free` in bytes, None where the system does not say."""

    name: str
    title: str
    memory: int | None = None
    free: int | None = None


@dataclass(frozen=True)
class Environment:
    """What a child process found: versions by package (None: absent), torch's build, devices.

    `error` is one sentence where torch is installed but cannot be used, "" otherwise.
    `cacheFolder` is "" and `cacheBytes` 0 where the child could not tell.
    """

    python: str = ""
    packages: Mapping[str, str | None] = field(default_factory=dict)
    torchBuild: str = ""
    devices: tuple[Device, ...] = ()
    cacheFolder: str = ""
    cacheBytes: int = 0
    error: str = ""

    @classmethod
    def fromDict(cls, found: Mapping[str, Any]) -> Environment:
        """From what `environment --json` prints; ValueError for anything else."""
        if not isinstance(found, Mapping) or "packages" not in found:
            raise ValueError(f"the answer about the environment has no packages: {found!r}"[:200])
        cache = found.get("cache") or {}
        return cls(
            python=found.get("python") or "",
            packages=dict(found["packages"]),
            torchBuild=found.get("torch_build") or "",
            devices=tuple(Device(**each) for each in found.get("devices") or ()),
            cacheFolder=cache.get("folder") or "",
            cacheBytes=cache.get("bytes") or 0,
            error=found.get("error") or "",
        )

    def device(self, name: str) -> Device | None:
        """The device of that name; "cuda" is the first GPU. None where there is none."""
        wanted = "cuda:0" if name == "cuda" else name
        return next((each for each in self.devices if each.name == wanted), None)


@dataclass(frozen=True)
class Package:
    """One needed package: `required` as pip writes it (">=1.6,<1.7"), `installed` a version."""

    name: str
    required: str
    installed: str | None
    satisfied: bool

    @property
    def requirement(self) -> str:
        """As pip takes it: "monai>=1.6,<1.7"."""
        return f"{self.name}{self.required}"


def neededPackages(
    requirementsFile: Path | str, versions: Mapping[str, str | None] | None = None
) -> list[Package]:
    """torch and the lines of requirements.txt, each with what is installed.

    `versions` is what a child process found, None before it has answered; for a package it does
    not name, this process's own metadata is asked. Lines for other platforms are left out.
    ValueError names a line that cannot be read.
    """
    needed = [("torch", TORCH_REQUIREMENT), *_requirements(Path(requirementsFile))]
    return [_package(name, required, versions or {}) for name, required in needed]


def missingPackages(
    requirementsFile: Path | str, versions: Mapping[str, str | None] | None = None
) -> list[Package]:
    """Those of `neededPackages` that are absent, or of a version that does not do."""
    return [each for each in neededPackages(requirementsFile, versions) if not each.satisfied]


def installedVersion(name: str) -> str | None:
    """The installed version by metadata, None where there is none; the package stays unimported."""
    importlib.invalidate_caches()
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def constraintLines() -> list[str]:
    """Lines of a pip constraints file that keep what must not be replaced as it is."""
    versions = {name: installedVersion(name) for name in PROTECTED}
    return [f"{name}=={version}" for name, version in versions.items() if version]


def updatedWhileLoaded(before: Mapping[str, str], loaded: Mapping[str, Any]) -> list[str]:
    """Packages that changed since `before` (see `loadedVersions`) and are imported: a restart."""
    after = loadedVersions(loaded)
    return sorted(name for name, version in before.items() if after.get(name) != version)


def loadedVersions(loaded: Mapping[str, Any]) -> dict[str, str]:
    """Installed versions of the packages that are imported; `loaded` is sys.modules."""
    importlib.invalidate_caches()
    distributions = importlib.metadata.packages_distributions()
    names = {name for module, each in distributions.items() if module in loaded for name in each}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def readableMemory(size: int) -> str:
    """Bytes of memory as GPUs are sold: "24 GiB", below 10 with a decimal."""
    amount = size / 2**30
    return f"{amount:.0f} GiB" if amount >= 10 else f"{amount:.1f} GiB"


def readableSize(size: int) -> str:
    """Bytes on a disk: "0 MB", "812 MB", "3.4 GB"."""
    megabytes = size / 1e6
    if megabytes < 1000:
        return f"{megabytes:.0f} MB" if megabytes >= 10 or not size else f"{megabytes:.1f} MB"
    return f"{megabytes / 1000:.1f} GB"


def _package(name: str, required: str, versions: Mapping[str, str | None]) -> Package:
    installed = versions[name] if name in versions else installedVersion(name)
    satisfied = installed is not None and _satisfies(name, required, installed)
    return Package(name, required, installed, satisfied)


def _requirements(path: Path) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if not text or text.startswith("-"):
            continue
        try:
            requirement = _requirementType()(text)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: {text!r} is no requirement: {error}"
            ) from None
        if requirement.marker is None or requirement.marker.evaluate():
            # As it is written: `specifier` would turn ">=1.6,<1.7" around.
            written = text.partition(";")[0].strip().removeprefix(requirement.name)
            found.append((requirement.name, written.strip()))
    return found


def _satisfies(name: str, required: str, installed: str) -> bool:
    requirement = _requirementType()(f"{name}{required}")
    return requirement.specifier.contains(installed, prereleases=True)


def _requirementType() -> Any:
    """packaging.requirements.Requirement; Slicer 5.10 has it only inside pip."""
    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:
        from pip._vendor.packaging.requirements import Requirement
    return Requirement
