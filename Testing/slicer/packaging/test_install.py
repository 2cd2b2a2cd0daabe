"""Configure, build and install: what is listed arrives, what is missing stops it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from Testing.list_installed import FOLDERS, files_of
from Testing.slicer.packaging.building import (
    MODULE_FOLDER,
    ROOT,
    SHARE_FOLDER,
    build,
    configure,
    copy_of_the_sources,
    files_below,
    install,
)


class TestInstalledTree:
    def test_it_holds_the_sources_and_nothing_else(self, installed):
        module, library = (ROOT / name for name in FOLDERS)
        wanted = set(files_of(module)) | {f"{library.name}/{name}" for name in files_of(library)}
        assert files_below(installed / MODULE_FOLDER) == wanted

    def test_files_are_unchanged(self, installed):
        module, library = (ROOT / name for name in FOLDERS)
        for name in files_below(installed / MODULE_FOLDER):
            source = (ROOT if name.startswith(library.name) else module) / name
            assert (installed / MODULE_FOLDER / name).read_bytes() == source.read_bytes(), name

    def test_no_generic_name_stands_on_the_path_of_all_modules(self, installed):
        top = {path.name for path in (installed / MODULE_FOLDER).iterdir()}
        assert top == {"SemiWeakSeg.py", "SemiWeakSegLib", "Resources"}

    def test_beside_the_module_there_are_its_licence_and_its_description(self, installed):
        assert files_below(installed) - {
            f"{MODULE_FOLDER}/{name}" for name in files_below(installed / MODULE_FOLDER)
        } == {
            f"{SHARE_FOLDER}/SemiWeakSeg.s4ext",
            f"{SHARE_FOLDER}/qt-scripted-modules/SemiWeakSeg/LICENSE",
        }


class TestMissingFiles:
    @pytest.fixture
    def sources(self, tmp_path):
        return copy_of_the_sources(tmp_path / "sources")

    @pytest.mark.parametrize(
        "name",
        [
            "SemiWeakSeg/Resources/requirements.txt",
            "SemiWeakSegLib/learning/losses/crf.py",
            "LICENSE",
        ],
    )
    def test_one_that_is_missing_stops_the_configuration(self, tools, sources, tmp_path, name):
        (sources / name).unlink()
        done = configure(tools, sources, tmp_path / "build")
        assert done.returncode != 0
        assert name.rpartition("/")[2] in done.stderr

    def test_one_that_vanishes_afterwards_stops_the_build(self, tools, sources, tmp_path):
        assert configure(tools, sources, tmp_path / "build").returncode == 0
        (sources / "SemiWeakSegLib" / "runs" / "worker.py").unlink()
        done = build(tools, tmp_path / "build")
        assert done.returncode != 0
        assert "worker.py" in done.stdout + done.stderr

    def test_one_that_is_not_listed_is_not_shipped(self, tools, sources, tmp_path):
        (sources / "SemiWeakSegLib" / "forgotten.py").write_text("")
        tree = install(tools, sources, tmp_path)
        assert not list(tree.rglob("forgotten.py"))
        assert list(tree.rglob("worker.py"))


class TestSlicersOwnMacros:
    def test_they_install_what_the_stand_in_installs(self, tools, installed, tmp_path):
        checkouts = []
        for name in ("SLICER_SOURCE_DIR", "CTK_SOURCE_DIR"):
            folder = Path(os.environ.get(name, ""))
            if not (folder / "CMake").is_dir():
                pytest.skip(f"{name} does not name a checkout of Slicer 5.12 and of its CTK")
            checkouts.append(f"-D{name}={folder}")
        tree = install(tools, ROOT, tmp_path, *checkouts, f"-DPYTHON_EXECUTABLE={sys.executable}")
        assert files_below(tree) == files_below(installed)
        assert list(tree.rglob("SemiWeakSeg.pyc")), "Slicer's macros byte-compile: were they used?"
