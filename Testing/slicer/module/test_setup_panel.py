"""Setup, through its widgets: what is installed, installing, caches."""

from __future__ import annotations

import os
import sys
import types

import pytest

from Testing import testbed
from Testing.slicer.module.trainings import waitFor

READY = {
    "python": "3.12.4",
    "packages": {"torch": "2.9.1+cu128", "monai": "1.6.1", "matplotlib": "3.10.0"},
    "torch_build": "CUDA 12.8",
    "devices": [
        {"name": "cuda:0", "title": "NVIDIA RTX 4090", "memory": 24 * 2**30, "free": 20 * 2**30},
        {"name": "cpu", "title": "CPU, 8 of 16 threads", "memory": None, "free": None},
    ],
    "cache": {"folder": "caches", "bytes": 812_000_000},
    "error": None,
}
NO_TORCH = {
    **READY,
    "packages": {"torch": None, "monai": None, "matplotlib": "3.10.0"},
    "torch_build": None,
    "devices": [],
    "cache": None,
}


@pytest.fixture
def panel(module, monkeypatch):
    """The panel, with a child process that answers nothing: the tests answer for it."""
    monkeypatch.setattr(module.logic, "environment", lambda waitForCompletion=False: None)
    return module.panels["setup"]


@pytest.fixture
def answer(module):
    """Lets the child process answer."""

    def emit(found):
        module.logic.environmentFound = found
        module.logic.events.emit("setup", found)

    return emit


@pytest.fixture
def confirmations(monkeypatch):
    """Questions that were asked; all are answered with OK unless `answer` says otherwise."""
    import slicer

    asked = types.SimpleNamespace(texts=[], answer=True)

    def confirm(text, windowTitle=None, **options):
        asked.texts.append(text)
        return asked.answer

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", confirm)
    return asked


@pytest.fixture
def extension(monkeypatch):
    """A PyTorch extension that installs nothing."""
    fake = types.ModuleType("PyTorchUtils")
    fake.__spec__ = types.SimpleNamespace(name="PyTorchUtils")
    monkeypatch.setitem(sys.modules, "PyTorchUtils", fake)
    return fake


def rows(panel) -> list[list[str]]:
    """The table as texts."""
    table = panel.ui.packagesTable
    return [
        [table.item(row, column).text() for column in range(3)] for row in range(table.rowCount)
    ]


def test_nothing_is_asked_before_the_module_is_shown(module, monkeypatch):
    asked = []
    monkeypatch.setattr(module.logic, "environment", lambda *arguments: asked.append(1))
    assert asked == []
    module.panels["setup"].enter()
    module.panels["setup"].enter()
    assert asked == [1]


def test_packages_build_and_devices_are_listed(panel, answer):
    answer(READY)
    assert ["torch", "2.9.1+cu128 (CUDA 12.8)", ">=2.8"] in rows(panel)
    assert ["monai", "1.6.1", ">=1.6,<1.7"] in rows(panel)
    assert ["cuda:0", "NVIDIA RTX 4090, 24 GiB, 20 GiB free", ""] in rows(panel)


def test_section_closes_once_when_all_is_ready(module, panel, answer):
    answer(READY)
    assert module.widget.ui.setupSection.collapsed
    module.widget.ui.setupSection.collapsed = False
    answer(READY)
    assert not module.widget.ui.setupSection.collapsed


def test_section_stays_open_while_something_is_missing(module, panel, answer):
    answer(NO_TORCH)
    assert not module.widget.ui.setupSection.collapsed
    assert "missing: torch, monai" in module.widget.ui.setupSection.text


def test_missing_extension_is_explained_and_installing_waits(panel, answer):
    answer(NO_TORCH)
    assert "PyTorch extension" in panel.ui.setupMessageLabel.text
    assert not panel.ui.installButton.enabled
    assert "Extensions Manager" in panel.ui.installButton.toolTip
    assert not panel.ui.extensionsManagerButton.isHidden()


def test_one_confirmation_lists_everything_that_is_missing(
    panel, answer, confirmations, extension, monkeypatch
):
    from SemiWeakSegLib.panels import setup_panel

    installed = []
    monkeypatch.setattr(
        setup_panel, "install", lambda missing, skip: installed.extend(missing) or []
    )
    answer(NO_TORCH)
    panel.ui.installButton.click()
    (text,) = confirmations.texts
    assert "torch>=2.8" in text
    assert "monai>=1.6,<1.7" in text
    assert "matplotlib" not in text
    assert [each.name for each in installed] == ["torch", "monai"]


def test_nothing_is_installed_without_consent(panel, answer, confirmations, extension, monkeypatch):
    from SemiWeakSegLib.panels import setup_panel

    monkeypatch.setattr(setup_panel, "install", lambda *arguments: pytest.fail("installed"))
    confirmations.answer = False
    answer(NO_TORCH)
    panel.ui.installButton.click()
    assert len(confirmations.texts) == 1


def test_failed_installation_is_told_in_the_panel(
    panel, answer, confirmations, extension, monkeypatch
):
    from SemiWeakSegLib.panels import setup_panel

    def fail(missing, skip):
        raise setup_panel.InstallError("no connection")

    monkeypatch.setattr(setup_panel, "install", fail)
    answer(NO_TORCH)
    panel.ui.installButton.click()
    answer(NO_TORCH)
    assert panel.ui.setupMessageLabel.text == "no connection"
    assert panel.ui.installButton.enabled


def test_restart_is_said_where_packages_in_use_were_replaced(
    module, panel, answer, confirmations, extension, monkeypatch
):
    from SemiWeakSegLib.panels import setup_panel

    monkeypatch.setattr(setup_panel, "install", lambda missing, skip: ["numpy"])
    answer(NO_TORCH)
    panel.ui.installButton.click()
    answer(READY)
    assert "numpy" in panel.ui.setupMessageLabel.text
    assert not panel.ui.restartButton.isHidden()
    assert not module.widget.ui.setupSection.collapsed


def test_broken_torch_is_not_ready(panel, answer):
    answer({**READY, "error": "libcudart.so.12: cannot open shared object file"})
    assert not panel.ready
    assert "libcudart" in panel.ui.setupStateLabel.text


def test_child_that_could_not_answer_is_told(panel, answer):
    answer({"packages": {}, "devices": [], "cache": None, "error": "ended with code 1"})
    assert "ended with code 1" in panel.ui.setupStateLabel.text


def test_deleting_prepared_images_says_how_many_megabytes(panel, answer, confirmations):
    confirmations.answer = False
    answer(READY)
    panel.ui.deleteCacheButton.click()
    (text,) = confirmations.texts
    assert "812 MB in caches" in text


def test_prepared_images_are_deleted_by_a_child_process(module, confirmations, tmp_path):
    panel = module.panels["setup"]
    entry = tmp_path / "cache" / f"case-{'0' * 32}"
    entry.mkdir(parents=True)
    (entry / "image.npy").write_bytes(bytes(3_000_000))
    before = os.environ.get("SEMIWEAKSEG_CACHE")
    os.environ["SEMIWEAKSEG_CACHE"] = str(entry.parent)
    try:
        module.logic.environment(waitForCompletion=True)
        assert panel.ui.cacheLabel.text == "Prepared images: 3.0 MB"
        panel.ui.deleteCacheButton.click()
        waitFor(lambda: panel.environment.cacheBytes == 0)
    finally:
        if before is None:
            del os.environ["SEMIWEAKSEG_CACHE"]
        else:
            os.environ["SEMIWEAKSEG_CACHE"] = before
    assert "3.0 MB" in confirmations.texts[0]
    assert not entry.exists()
    assert not panel.ui.deleteCacheButton.enabled


def test_real_child_process_finds_this_python(module):
    module.logic.environment(waitForCompletion=True)
    panel = module.panels["setup"]
    assert panel.environment.packages["numpy"]
    assert panel.environment.device("cpu") is not None or panel.missing


def test_folder_of_prepared_images_can_be_opened(panel, answer, monkeypatch, tmp_path):
    from SemiWeakSegLib.panels import setup_panel

    opened = []
    monkeypatch.setattr(setup_panel, "openFolder", opened.append)
    answer({**READY, "cache": {"folder": str(tmp_path), "bytes": 1}})
    panel.ui.openCacheButton.click()
    assert opened == [str(tmp_path)]


def test_after_cleanup_answers_are_not_heard(panel, answer):
    panel.cleanup()
    answer(READY)
    assert panel.environment is None
    assert testbed.take_complaints() == []
