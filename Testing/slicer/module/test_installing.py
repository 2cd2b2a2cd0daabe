"""Installing: torch by the PyTorch extension, then the rest by pip, after one confirmation."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from SemiWeakSegLib.panels.packages import TORCH_REQUIREMENT, Package

TORCH = Package("torch", TORCH_REQUIREMENT, None, False)
MONAI = Package("monai", ">=1.6,<1.7", None, False)


@pytest.fixture
def installing(application):
    """The module under test."""
    from SemiWeakSegLib.panels import installing

    return installing


@pytest.fixture
def calls(monkeypatch, application):
    """What was asked of the PyTorch extension and of pip, in order."""
    import slicer.packaging

    made = []

    def pip_ensure(requirements, **options):
        constraints = Path(options["constraints"]).read_text(encoding="utf-8")
        made.append(("pip", requirements, {**options, "constraints": constraints}))

    monkeypatch.setattr(slicer.packaging, "pip_ensure", pip_ensure)
    addExtension(monkeypatch, lambda **options: made.append(("torch", options)) or "torch")
    return made


def addExtension(monkeypatch, installTorch) -> None:
    """A PyTorchUtils with the method that is used of it."""
    extension = types.ModuleType("PyTorchUtils")
    logic = type("PyTorchUtilsLogic", (), {"installTorch": staticmethod(installTorch)})
    extension.PyTorchUtilsLogic = logic
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)


def test_torch_comes_from_the_extension_before_pip_installs_the_rest(installing, calls):
    installing.install([MONAI, TORCH], skipInTesting=False)
    assert [call[0] for call in calls] == ["torch", "pip"]
    assert calls[0][1] == {
        "askConfirmation": False,
        "torchVersionRequirement": TORCH_REQUIREMENT,
    }
    assert calls[1][1] == ["monai>=1.6,<1.7"]


def test_pip_asks_nothing_more_and_keeps_slicer_s_own_packages(installing, calls):
    installing.install([MONAI], skipInTesting=False)
    options = calls[0][2]
    assert (options["prompt_install"], options["prompt_restart"]) == (False, False)
    assert "numpy==" in options["constraints"]


def test_torch_is_never_given_to_pip(installing, calls):
    installing.install([TORCH], skipInTesting=False)
    assert [call[0] for call in calls] == ["torch"]


def test_nothing_is_installed_while_slicer_is_tested(installing, calls):
    assert installing.install([TORCH, MONAI]) == []
    assert calls == []


def test_older_extension_without_version_requirement_is_used_as_it_is(
    installing, calls, monkeypatch
):
    def installTorch(askConfirmation=True, forceComputationBackend=None):
        calls.append(("torch", askConfirmation))
        return "torch"

    addExtension(monkeypatch, installTorch)
    installing.install([TORCH], skipInTesting=False)
    assert calls == [("torch", False)]


def test_missing_extension_says_how_to_get_it_and_installs_nothing(installing, calls, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(installing.InstallError, match="Extensions Manager"):
        installing.install([TORCH, MONAI], skipInTesting=False)
    assert calls == []


def test_failed_torch_keeps_pip_from_choosing_a_build(installing, calls, monkeypatch):
    def installTorch(**options):
        raise CalledProcessError(1, "pip")

    addExtension(monkeypatch, installTorch)
    with pytest.raises(installing.InstallError, match="connected to the internet"):
        installing.install([TORCH, MONAI], skipInTesting=False)
    assert calls == []


def test_extension_that_installed_nothing_is_told(installing, calls, monkeypatch):
    addExtension(monkeypatch, lambda **options: None)
    with pytest.raises(installing.InstallError, match="did not install PyTorch"):
        installing.install([TORCH], skipInTesting=False)


def test_pip_without_internet_says_how_to_install_without(installing, calls, monkeypatch):
    import slicer.packaging

    def pip_ensure(requirements, **options):
        raise CalledProcessError(1, "pip install")

    monkeypatch.setattr(slicer.packaging, "pip_ensure", pip_ensure)
    with pytest.raises(installing.InstallError, match="--no-index --find-links") as caught:
        installing.install([MONAI], skipInTesting=False)
    assert "monai>=1.6,<1.7" in str(caught.value)


def test_slicer_5_10_without_its_packaging_module_uses_pip_install(installing, calls, monkeypatch):
    import slicer

    asked = []
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.delattr(slicer, "packaging")
    monkeypatch.setattr(slicer.util, "pip_install", asked.append, raising=False)
    installing.install([MONAI], skipInTesting=False)
    ((requirements),) = asked
    assert requirements[:2] == ["monai>=1.6,<1.7", "-c"]


def test_packages_replaced_while_in_use_are_named(installing, calls, monkeypatch):
    monkeypatch.setattr(installing, "updatedWhileLoaded", lambda before, loaded: ["numpy"])
    assert installing.install([MONAI], skipInTesting=False) == ["numpy"]
