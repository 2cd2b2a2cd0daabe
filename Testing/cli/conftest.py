"""The command line as a user has it, in this process or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.commands.main import main
from SemiWeakSegLib.runs.worker import worker_environment


@dataclass
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command in this process."""

    def run(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as exit_:
            code = exit_.code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as `python -m SemiWeakSegLib`, from a folder of the user's."""

    def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "SemiWeakSegLib", *map(str, arguments)],
            cwd=cwd,
            env=worker_environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`images` a..f and `labels` a..d of 16x16x4 voxels: a block of 1 beside a block of 2."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    source = np.random.default_rng(0)
    for name in "abcdef":
        label = np.zeros((4, 16, 16), np.uint8)
        label[1:3, 4:9, 3:8], label[1:3, 4:9, 8:13] = 1, 2
        image = (label * 100 + source.normal(0, 5, label.shape)).astype(np.float32)
        write(tmp_path / "images" / f"patient{name}.nii.gz", image)
        if name in "abcd":
            write(tmp_path / "labels" / f"patient{name}.nii.gz", label)
    return tmp_path


@pytest.fixture
def cohort_file(folders: Path, command: Callable[..., Outcome]) -> Path:
    """The cohort of `folders`."""
    file = folders / "cohort.json"
    made = command(
        "cohort",
        "make",
        file,
        "--images",
        folders / "images",
        "--labels",
        folders / "labels",
        "--classes",
        "1=anterior,2=posterior",
    )
    assert made.code == 0, made.err
    return file


@pytest.fixture
def write_image() -> Callable[..., None]:
    """Write an array with a spacing of 1 x 1 x 2 mm, or another."""
    return write


def write(path: Path, array: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 2.0)) -> None:
    """Write an array (z, y, x) as an image; spacing is (x, y, z)."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
