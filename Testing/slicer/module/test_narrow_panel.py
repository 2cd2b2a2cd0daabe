"""Slicer's module panel is narrow, and is never narrower than the widest section in it."""

from __future__ import annotations

import pytest

from SemiWeakSegLib.cohort import CohortSummary, make_phantom
from SemiWeakSegLib.methods import TERMS
from Testing import testbed
from Testing.slicer.module.annotating import show

WIDEST = 430
NARROWEST = 300
GPU = "NVIDIA RTX 6000 Ada Generation Laptop GPU, the one with the long name"
ENVIRONMENT = {
    "python": "3.12.10",
    "packages": {"torch": "2.8.0", "monai": "1.6.0"},
    "torch_build": "cu128",
    "devices": [{"name": "cuda:0", "title": GPU, "memory": 48 * 2**30, "free": 40 * 2**30}],
    "cache": {"folder": "/home/someone/.cache/prepared_images", "bytes": 10**9},
}


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hearts")
    folder /= "a_long_folder_name_for_the_cohort_of_the_liver_study"
    make_phantom(folder, patients=6, labeled=1, scribbled=1)
    return folder


@pytest.fixture
def filled(module, hearts):
    """The module as it is in the middle of work, all sections and boxes open."""
    show(module)
    module.logic.openCohort(hearts)
    module.logic.setActiveCase(module.logic.study.cohort.cases[0].id)
    module.logic.environmentFound = ENVIRONMENT
    module.logic.events.emit("setup", ENVIRONMENT)
    for name in TERMS:
        module.panels["method"].terms.add(name)
    for name, panel in module.panels.items():
        getattr(module.widget.ui, f"{name}Section").collapsed = False
        _open(panel.widget)
    module.frame.show()
    testbed.process_events(100)
    return module


def _open(widget) -> None:
    for child in widget.children():
        if child.className() == "ctkCollapsibleGroupBox":
            child.collapsed = False
        _open(child)


@pytest.mark.parametrize("name", ["setup", "cohort", "method", "train", "results"])
def test_a_section_fits_the_panel(filled, name):
    assert filled.panels[name].widget.minimumSizeHint.width() <= WIDEST


@pytest.mark.parametrize("recommended", ["cutmix", "adversarial"])
def test_the_menu_of_methods_fits_a_panel_dragged_narrow(filled, recommended):
    panel = filled.panels["method"]
    for part in panel.menu.families.values():
        part.open()
    few = dict.fromkeys(CohortSummary.__dataclass_fields__, 0)
    panel.menu.showSummary(CohortSummary(**few), recommended)
    testbed.process_events(20)
    assert panel.ui.methodMenu.minimumSizeHint.width() <= NARROWEST


@pytest.mark.parametrize("kind", [1, 2])
def test_refining_fits_the_panel(filled, kind):
    panel = filled.panels["results"]
    panel.ui.refineSelector.setCurrentIndex(kind)
    testbed.process_events(20)
    assert not panel.ui.refineSettings.isHidden()
    assert panel.widget.minimumSizeHint.width() <= WIDEST


@pytest.mark.parametrize("form", ["folders", "list", "volumes", "split"])
def test_a_form_of_the_cohort_fits_the_panel(filled, form):
    filled.panels["cohort"].openForm(form)
    testbed.process_events(20)
    assert filled.panels["cohort"].widget.minimumSizeHint.width() <= WIDEST


@pytest.mark.parametrize("mode", ["box", "scribble", "point"])
def test_annotating_fits_the_panel_beside_the_editor(filled, mode):
    panel = filled.panels["annotate"]
    panel.work.setMode(mode)
    panel.editor.widget.hide()  # the real one has a width of its own
    testbed.process_events(20)
    assert panel.widget.minimumSizeHint.width() <= WIDEST


def test_a_long_title_is_cut_and_stays_readable_in_the_tooltip(filled):
    section = filled.widget.ui.methodSection
    whole = f"Method: {filled.panels['method'].headline}"
    assert len(section.text) < len(whole)
    assert section.text.endswith("…")
    assert section.toolTip.startswith(whole)
    assert section.minimumSizeHint.width() <= WIDEST


def test_an_ampersand_in_a_title_is_no_shortcut(filled):
    filled.panels["annotate"].session.caseId = "head & neck"
    filled.logic.events.emit("headline")
    assert "head && neck" in filled.widget.ui.annotateSection.text
    filled.panels["annotate"].session.caseId = filled.logic.activeCase
