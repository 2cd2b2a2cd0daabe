"""What training needs and what is missing, from requirements.txt and a child's answer."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest

from SemiWeakSegLib.panels.packages import (
    TORCH_REQUIREMENT,
    Device,
    Environment,
    constraintLines,
    loadedVersions,
    missingPackages,
    neededPackages,
    readableMemory,
    readableSize,
    updatedWhileLoaded,
)

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "SemiWeakSeg" / "Resources" / "requirements.txt"
ALL_THERE = {"torch": "2.9.1+cu128", "monai": "1.6.1", "matplotlib": "3.10.0"}


@pytest.fixture
def requirements(tmp_path):
    """Writes a requirements.txt."""

    def write(text: str) -> Path:
        path = tmp_path / "requirements.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_torch_is_required_as_in_the_library_s_own_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"torch{TORCH_REQUIREMENT}" in project["dependencies"]


def test_requirements_file_names_everything_else_the_library_depends_on_and_slicer_lacks():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bundled = ("torch", "numpy", "scipy", "SimpleITK")
    needed = {each for each in project["dependencies"] if not each.startswith(bundled)}
    assert {each.requirement for each in neededPackages(REQUIREMENTS)[1:]} == needed


def test_nothing_is_missing_where_all_versions_do():
    assert missingPackages(REQUIREMENTS, ALL_THERE) == []


def test_torch_comes_first_so_that_pip_never_chooses_its_build():
    missing = missingPackages(REQUIREMENTS, dict.fromkeys(ALL_THERE))
    assert missing[0].requirement == f"torch{TORCH_REQUIREMENT}"
    assert {each.name for each in missing} == set(ALL_THERE)


def test_too_old_a_version_is_missing():
    (missing,) = missingPackages(REQUIREMENTS, {**ALL_THERE, "torch": "2.1.0"})
    assert (missing.name, missing.installed, missing.satisfied) == ("torch", "2.1.0", False)


def test_too_new_a_version_is_missing(requirements):
    path = requirements("monai>=1.6,<1.7\n")
    assert [each.name for each in missingPackages(path, {"torch": "2.9", "monai": "1.7.0"})] == [
        "monai"
    ]


def test_preview_build_of_torch_does():
    assert missingPackages(REQUIREMENTS, {**ALL_THERE, "torch": "2.11.0a0+git1"}) == []


def test_package_the_child_did_not_name_is_looked_up_here(requirements):
    path = requirements("numpy>=1\n")
    numpy = neededPackages(path, {"torch": "2.9"})[1]
    assert numpy.installed == importlib.metadata.version("numpy")
    assert numpy.satisfied


def test_comments_options_and_other_platforms_are_left_out(requirements):
    path = requirements(
        "# comment\n\n--index-url somewhere\nmonai>=1.6  # why\n"
        'nothing-like-it>=1; sys_platform == "no such system"\n'
    )
    assert [each.requirement for each in neededPackages(path)][1:] == ["monai>=1.6"]


def test_unreadable_line_is_named(requirements):
    path = requirements("monai>=1.6\nmonai >>> 2\n")
    with pytest.raises(ValueError, match=r"requirements\.txt, line 2: 'monai >>> 2'"):
        neededPackages(path)


def test_constraints_keep_what_slicer_runs_on():
    assert f"numpy=={importlib.metadata.version('numpy')}" in constraintLines()


def test_package_replaced_while_imported_asks_for_a_restart():
    before = loadedVersions({"numpy": object()})
    assert updatedWhileLoaded({**before, "numpy": "1.0"}, {"numpy": object()}) == ["numpy"]


def test_unchanged_packages_ask_for_no_restart():
    loaded = {"numpy": object(), "pytest": object()}
    assert updatedWhileLoaded(loadedVersions(loaded), loaded) == []


def test_environment_takes_the_child_s_answer():
    environment = Environment.fromDict(
        {
            "python": "3.12.4",
            "packages": {"torch": "2.9.1", "monai": None},
            "torch_build": "CUDA 12.8",
            "devices": [{"name": "cuda:0", "title": "GPU", "memory": 2**34, "free": 2**33}],
            "cache": {"folder": "somewhere", "bytes": 12},
            "error": None,
        }
    )
    assert environment.device("cuda") == Device("cuda:0", "GPU", 2**34, 2**33)
    assert environment.device("mps") is None
    assert (environment.cacheFolder, environment.cacheBytes) == ("somewhere", 12)
    assert environment.error == ""


def test_environment_without_torch_has_no_devices_and_no_cache():
    environment = Environment.fromDict(
        {"packages": {"torch": None}, "devices": [], "cache": None, "torch_build": None}
    )
    assert (environment.devices, environment.cacheFolder, environment.torchBuild) == ((), "", "")


def test_answer_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no packages"):
        Environment.fromDict({"error": "x"})


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MB"), (1_500_000, "1.5 MB"), (812_000_000, "812 MB"), (3_440_000_000, "3.4 GB")],
)
def test_sizes_on_disk_are_readable(size, text):
    assert readableSize(size) == text


@pytest.mark.parametrize(("size", "text"), [(24 * 2**30, "24 GiB"), (2**32, "4.0 GiB")])
def test_memory_is_readable(size, text):
    assert readableMemory(size) == text
