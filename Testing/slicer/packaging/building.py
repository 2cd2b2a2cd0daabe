"""Configure, build and install the extension against the testbed's stand-in for Slicer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
STUB = ROOT / "Testing" / "testbed" / "cmake"
MODULE_FOLDER = "lib/Slicer-5.12/qt-scripted-modules"
SHARE_FOLDER = "share/Slicer-5.12"
NEEDED = ("CMakeLists.txt", "LICENSE", "README.md", "SemiWeakSeg", "SemiWeakSegLib")
"""What of the repository a build reads."""
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Tools:
    """CMake and the program that carries out its build."""

    cmake: str
    generator: str
    builder: str


def find_tools() -> Tools:
    """CMake with ninja or make; skips the test where they are absent, and says which."""
    cmake = find_program("cmake")
    if cmake is None:
        pytest.skip("no CMake: install it, or `pip install cmake ninja`, to test the packaging")
    for generator, name in (("Ninja", "ninja"), ("Unix Makefiles", "make")):
        builder = find_program(name)
        if builder is not None:
            return Tools(cmake, generator, builder)
    pytest.skip("CMake is here, but neither ninja nor make: `pip install ninja`")


def find_program(name: str) -> str | None:
    """A program beside this Python (where pip puts it) or on the path."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def configure(
    tools: Tools, source: Path, build: Path, *definitions: str
) -> subprocess.CompletedProcess[str]:
    """`cmake` on a source folder; compilers are not looked for."""
    return call(
        tools.cmake,
        *("-S", source, "-B", build, "-G", tools.generator),
        *("--toolchain", STUB / "NoCompiler.cmake"),
        f"-DCMAKE_MAKE_PROGRAM={tools.builder}",
        f"-DSlicer_DIR={STUB}",
        *definitions,
    )


def build(tools: Tools, folder: Path) -> subprocess.CompletedProcess[str]:
    """Carry out a configured build."""
    return call(tools.cmake, "--build", folder)


def install(tools: Tools, source: Path, work: Path, *definitions: str) -> Path:
    """Configure, build and install; the folder that then holds lib and share."""
    tree = work / "tree"
    for done in (
        configure(tools, source, work / "build", *definitions),
        build(tools, work / "build"),
        call(tools.cmake, "--install", work / "build", "--prefix", tree),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
    return tree


def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
    # A DESTDIR of the surrounding build would move the installed tree.
    environment = {name: value for name, value in os.environ.items() if name != "DESTDIR"}
    return subprocess.run(
        [str(word) for word in words],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )


def copy_of_the_sources(folder: Path) -> Path:
    """What a build reads, in a folder where a test may change it."""
    folder.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def files_below(folder: Path) -> set[str]:
    """The files of an installed tree, relative to it, byte code left out."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
