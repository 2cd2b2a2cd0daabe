"""Method, through its widgets: menu, recommendation, settings, terms, plan, saved scene."""

from __future__ import annotations

import json

import pytest

from SemiWeakSegLib.cohort import CohortSummary
from SemiWeakSegLib.methods import METHODS
from Testing import testbed
from Testing.slicer.module.trainings import makeStudyFolder, waitFor

PLAN_S = 120


@pytest.fixture
def panel(module):
    return module.panels["method"]


@pytest.fixture
def node(module):
    return module.logic.getParameterNode()


@pytest.fixture
def study(module, tmp_path):
    """2 labeled and 2 unlabeled training cases with known truth, opened and checked."""
    study = module.logic.openCohort(makeStudyFolder(tmp_path / "study"))
    module.logic.inspect(waitForCompletion=True)
    return study


def summaryWith(**counts: int) -> CohortSummary:
    known = dict.fromkeys(CohortSummary.__dataclass_fields__, 0)
    return CohortSummary(**{**known, "classes": 1, "dimension": 2, **counts})


def showSummary(module, panel, summary) -> None:
    """Let the checks have found this."""
    module.logic.inspection.summary = summary
    module.logic.events.emit("inspection")


def typeValue(panel, key: str, text: str) -> None:
    """Type a value over a line of the plan."""
    panel.ui.planTable.item(panel.plan.rowOf(key), 1).setText(text)


def valueOf(panel, key: str) -> str:
    return panel.ui.planTable.item(panel.plan.rowOf(key), 1).text()


def pressDown(box) -> None:
    """Choose the next entry of a combo box from the keyboard."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    QTest.keyClick(box, Qt.Key_Down)


def makePlan(panel) -> None:
    panel.ui.planButton.click()
    waitFor(lambda: not panel.planner.running, PLAN_S)


class TestMenu:
    def test_every_method_has_a_sentence_and_says_what_it_needs(self, panel):
        for name, method in METHODS.items():
            assert panel.menu.summaries[name].text == method.summary
            assert panel.menu.needs[name].text.startswith("needs: ")
            assert panel.menu.buttons[name].toolTip

    def test_without_a_checked_cohort_all_can_be_chosen(self, panel):
        assert all(button.enabled for button in panel.menu.buttons.values())

    def test_the_cohort_s_numbers_are_shown(self, panel, study):
        assert panel.menu.needs["pseudo_label"].text == "✓ annotated: 2   ✓ unlabeled: 2"

    def test_boxes_tags_and_bounds_are_counted(self, module, panel, study):
        counts = {"boxed": 3, "tagged": 2, "with_boxes": 4, "with_tags": 5, "with_sizes": 1}
        showSummary(module, panel, summaryWith(cases=9, train=9, labeled=1, **counts))
        needs = panel.menu.needs
        assert needs["boxes"].text == "✓ with boxes: 4"
        assert needs["tags"].text == "✓ with tags: 5"
        assert needs["refinement"].text == "✓ annotated or boxed: 4"
        assert needs["constrained"].text.endswith("✓ with bounds of sizes: 5")
        showSummary(module, panel, summaryWith(cases=9, train=9, unlabeled=9))
        for name in ("boxes", "tags", "refinement", "constrained"):
            assert panel.menu.buttons[name].enabled is False
            assert "the cohort has none" in panel.menu.buttons[name].toolTip

    def test_what_the_cohort_cannot_feed_is_disabled_and_says_why(self, module, panel, tmp_path):
        module.logic.openCohort(makeStudyFolder(tmp_path / "full", unlabeled=0))
        module.logic.inspect(waitForCompletion=True)
        for name in ("pseudo_label", "proposals", "curriculum_size", "oracle_size"):
            assert panel.menu.buttons[name].enabled is False
            assert "without labels" in panel.menu.buttons[name].toolTip
            assert "without labels" in panel.menu.summaries[name].toolTip
            assert "✗ unlabeled: 0" in panel.menu.needs[name].text
        assert panel.menu.buttons["supervised"].enabled is True

    def test_a_click_chooses_and_is_kept(self, panel, node):
        panel.menu.buttons["scribble_crf"].click()
        assert node.method == "scribble_crf"
        assert panel.headline == "Scribbles with CRF"

    def test_what_was_chosen_stays_chosen_where_the_cohort_cannot_feed_it(
        self, module, panel, node, study
    ):
        panel.menu.buttons["pseudo_label"].click()
        showSummary(module, panel, summaryWith(cases=2, train=2, labeled=2))
        assert panel.menu.chosen == "pseudo_label"
        assert node.method == "pseudo_label"
        assert "pseudo_label needs" in panel.ui.noteLabel.text
        assert not panel.ui.noteLabel.isHidden()


class TestRecommendation:
    def test_before_the_cohort_is_checked_there_is_none(self, panel):
        assert "open a cohort" in panel.ui.recommendationLabel.text
        assert panel.ui.useRecommendationButton.enabled is False
        assert panel.ui.useRecommendationButton.toolTip

    def test_it_is_named_with_its_reason_and_marked_in_the_menu(self, panel, study):
        assert "Pseudo-labels" in panel.ui.recommendationLabel.text
        assert "2 annotated cases, 2 without labels" in panel.ui.recommendationLabel.text
        assert "recommended" in panel.menu.buttons["pseudo_label"].text
        assert "recommended" not in panel.menu.buttons["supervised"].text

    def test_one_click_takes_it(self, panel, node, study):
        panel.ui.useRecommendationButton.click()
        assert node.method == "pseudo_label"
        assert panel.menu.chosen == "pseudo_label"
        assert panel.ui.useRecommendationButton.enabled is False

    def test_it_follows_the_cohort(self, module, panel, study):
        showSummary(module, panel, summaryWith(cases=9, train=9, scribbled=4, unlabeled=5))
        assert "Scribbles with CRF" in panel.ui.recommendationLabel.text


class TestSettings:
    def test_a_method_s_own_come_first_and_the_shared_ones_are_folded_away(self, panel):
        panel.menu.buttons["pseudo_label"].click()
        own = panel.ui.basicSettings.layout()
        assert (
            panel.forms.editors["threshold"].widget.objectName == "setting_pseudo_label_threshold"
        )
        assert own.count() >= 1
        assert panel.ui.advancedBox.collapsed is True

    def test_only_what_was_changed_is_kept(self, panel, node):
        panel.menu.buttons["pseudo_label"].click()
        panel.forms.editors["threshold"].widget.value = 0.8
        panel.forms.editors["learning_rate"].widget.value = 0.001
        assert json.loads(node.settingsJson) == {
            "pseudo_label": {"threshold": 0.8, "learning_rate": 0.001}
        }
        assert "2 changed" in panel.headline

    def test_each_method_keeps_its_own(self, panel, node):
        panel.menu.buttons["pseudo_label"].click()
        panel.forms.editors["threshold"].widget.value = 0.8
        panel.menu.buttons["supervised"].click()
        assert panel.request().settings == {}
        panel.menu.buttons["pseudo_label"].click()
        assert panel.forms.editors["threshold"].widget.value == pytest.approx(0.8)
        assert panel.request().settings == {"threshold": 0.8}

    def test_reset_takes_all_back(self, panel, node):
        panel.forms.editors["validations"].widget.value = 3
        assert panel.ui.resetButton.enabled is True
        panel.ui.resetButton.click()
        assert json.loads(node.settingsJson) == {}
        assert panel.forms.editors["validations"].widget.value == 10
        assert panel.ui.resetButton.enabled is False

    def test_what_contradicts_itself_is_said(self, panel, study):
        panel.forms.editors["cross_entropy_weight"].widget.value = 0
        panel.forms.editors["dice_weight"].widget.value = 0
        assert "both 0" in panel.ui.noteLabel.text


class TestTerms:
    def test_add_weigh_set_and_remove(self, panel, node):
        panel.ui.termsBox.collapsed = False
        pressDown(panel.terms.addBox)
        assert json.loads(node.termsJson) == [{"name": "entropy", "weight": 0.1, "settings": {}}]
        row = panel.terms.rows["entropy"]
        row.weight.value = 0.25
        row.form.editors["on"].widget.currentIndex = 2
        assert json.loads(node.termsJson) == [
            {"name": "entropy", "weight": 0.25, "settings": {"on": "all"}}
        ]
        assert panel.headline == "Supervised + Entropy minimisation"
        row.removeButton.click()
        assert json.loads(node.termsJson) == []
        assert panel.terms.rows == {}

    def test_each_is_offered_once(self, panel):
        panel.terms.add("crf")
        assert panel.terms.addBox.findData("crf") == -1
        panel.terms.remove("crf")
        assert panel.terms.addBox.findData("crf") > 0

    def test_a_size_term_without_sizes_is_said_to_do_nothing(self, panel, study):
        panel.terms.add("size")
        assert "does nothing" in panel.ui.noteLabel.text
        case = study.cohort.cases[0]
        for say in (
            lambda: study.setSizes(case.id, {1: (10.0, 90.0)}),
            lambda: study.setTags(case.id, [1], []),
            lambda: study.setSizeBounds({1: (10.0, 90.0)}),
        ):
            say()
            assert panel.ui.noteLabel.text == ""
            study.undo()
            assert "does nothing" in panel.ui.noteLabel.text

    def test_a_size_term_whose_source_says_nothing_is_named(self, panel, study):
        study.setSizeBounds({1: (10.0, 90.0)})
        panel.ui.termsBox.collapsed = False
        panel.terms.add("size")
        sources = panel.terms.rows["size"].form.editors["sources"]
        sources.widget.currentIndex = sources.description.choices.index("boxes")
        assert "nothing in this cohort is 'boxes'" in panel.ui.noteLabel.text
        sources.widget.currentIndex = sources.description.choices.index("common")
        assert panel.ui.noteLabel.text == ""

    def test_terms_of_boxes_without_boxes_are_said_to_do_nothing(self, panel, study):
        panel.terms.add("boxes")
        assert "no training case has a box" in panel.ui.noteLabel.text
        panel.terms.remove("boxes")
        panel.terms.add("candidates")
        assert "does nothing" in panel.ui.noteLabel.text
        study.setTags(study.cohort.cases[0].id, [], [1])
        assert panel.ui.noteLabel.text == ""

    def test_the_size_curriculum_finds_sizes_itself(self, panel, study):
        panel.terms.add("size")
        panel.menu.buttons["curriculum_size"].click()
        assert "does nothing" not in panel.ui.noteLabel.text


class TestPlan:
    def test_it_needs_a_cohort_and_says_so(self, panel):
        assert panel.ui.planButton.enabled is False
        assert "cohort" in panel.ui.planButton.toolTip

    def test_before_it_is_made_every_line_is_automatic(self, panel):
        assert valueOf(panel, "patch_size") == "automatic"

    def test_it_shows_what_training_would_do_and_why(self, panel, study):
        makePlan(panel)
        assert valueOf(panel, "dimensions") == "2"
        why = panel.ui.planTable.item(panel.plan.rowOf("spacing"), 2).text()
        assert len(why) > 5
        assert "how it will be trained" in panel.ui.planStatusLabel.text

    def test_a_line_is_set_by_typing_and_the_plan_follows(self, panel, node, study):
        makePlan(panel)
        typeValue(panel, "patch_size", "16 x 16")
        waitFor(lambda: not panel.planner.running, PLAN_S)
        assert json.loads(node.planJson) == {"patch_size": [16, 16]}
        assert valueOf(panel, "patch_size") == "16, 16"
        assert panel.ui.planTable.item(panel.plan.rowOf("patch_size"), 2).text() == "set by you"
        assert "how it will be trained" in panel.ui.planStatusLabel.text

    def test_a_value_that_cannot_be_is_said_and_nothing_is_lost(self, panel, node, study):
        makePlan(panel)
        before = valueOf(panel, "spacing")
        typeValue(panel, "dropout", "7")
        waitFor(lambda: not panel.planner.running, PLAN_S)
        assert "dropout=7: expected a number from 0 to 0.9" in panel.ui.planStatusLabel.text
        assert valueOf(panel, "dropout") == "7"
        assert valueOf(panel, "spacing") == before
        assert json.loads(node.planJson) == {"dropout": 7}
        typeValue(panel, "dropout", "0.5")
        waitFor(lambda: not panel.planner.running, PLAN_S)
        assert valueOf(panel, "dropout") == "0.5"
        assert "how it will be trained" in panel.ui.planStatusLabel.text

    def test_an_emptied_value_is_automatic_again(self, panel, node, study):
        typeValue(panel, "batch_labeled", "3")
        assert json.loads(node.planJson) == {"batch_labeled": 3}
        typeValue(panel, "batch_labeled", "")
        assert json.loads(node.planJson) == {}
        assert valueOf(panel, "batch_labeled") == "automatic"

    def test_all_automatic(self, panel, node, study):
        typeValue(panel, "dropout", "0.5")
        typeValue(panel, "spacing", "2, 2")
        assert panel.ui.resetPlanButton.enabled is True
        panel.ui.resetPlanButton.click()
        assert json.loads(node.planJson) == {}
        assert valueOf(panel, "spacing") == "automatic"
        assert panel.ui.resetPlanButton.enabled is False

    def test_a_newer_question_replaces_the_older_one(self, panel, study):
        panel.ui.planButton.click()
        first = panel.planner.child
        typeValue(panel, "dropout", "0.5")
        assert not first.running
        waitFor(lambda: not panel.planner.running, PLAN_S)
        assert valueOf(panel, "dropout") == "0.5"

    def test_lines_that_follow_from_others_cannot_be_typed_over(self, panel, study):
        import qt

        makePlan(panel)
        flags = panel.ui.planTable.item(panel.plan.rowOf("intensity"), 1).flags()
        assert not int(flags) & int(qt.Qt.ItemIsEditable)

    def test_a_change_of_the_choices_is_said_to_outdate_it(self, panel, study):
        makePlan(panel)
        panel.menu.buttons["scribble_crf"].click()
        assert "changed since" in panel.ui.planStatusLabel.text

    def test_the_scene_may_close_while_it_is_made(self, panel, study):
        import slicer

        panel.ui.planButton.click()
        assert panel.planner.running
        slicer.mrmlScene.Clear()
        testbed.process_events(20)
        assert not panel.planner.running
        assert panel.ui.planButton.enabled is False


class TestScene:
    def test_everything_comes_back_with_a_saved_scene(self, module, panel, node, tmp_path):
        import slicer

        panel.menu.buttons["scribble_crf"].click()
        panel.forms.editors["sigma_space_mm"].widget.value = 12.5
        panel.terms.add("entropy")
        node.planJson = json.dumps({"dropout": 0.25})
        path = str(tmp_path / "saved.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear()
        testbed.process_events(20)
        assert panel.menu.chosen == "supervised"
        assert panel.terms.rows == {}
        slicer.util.loadScene(path)
        module.widget.enter()
        assert panel.menu.chosen == "scribble_crf"
        assert panel.forms.editors["sigma_space_mm"].widget.value == pytest.approx(12.5)
        assert list(panel.terms.rows) == ["entropy"]
        assert valueOf(panel, "dropout") == "0.25"

    def test_what_another_version_chose_is_reported_and_ignored(self, panel, node):
        node.method = "from_the_future"
        node.settingsJson = json.dumps(
            {
                "from_the_future": {"a": 1},
                "supervised": {"unheard_of": 2, "learning_rate": 99.0, "validations": 3},
            }
        )
        node.termsJson = json.dumps([{"name": "adversarial", "weight": 1}, {"name": "crf"}])
        node.planJson = json.dumps({"depth": 7, "dropout": 0.25})
        text = panel.ui.noteLabel.text
        for word in ("from_the_future", "unheard_of", "learning_rate", "adversarial", "depth"):
            assert word in text
        request = panel.request()
        assert request.method == "supervised"
        assert request.settings == {"validations": 3}
        assert [term["name"] for term in request.terms] == ["crf"]
        assert request.plan == {"dropout": 0.25}

    def test_broken_text_is_reported_and_ignored(self, panel, node):
        node.settingsJson = "{"
        assert "cannot be read" in panel.ui.noteLabel.text
        assert panel.request().settings == {}

    def test_the_console_s_choice_is_shown(self, panel, node):
        node.method = "proposals"
        assert panel.menu.chosen == "proposals"
        assert "first_share" in panel.forms.editors

    def test_after_cleanup_nothing_is_called(self, module, panel, node):
        panel.cleanup()
        node.method = "proposals"
        module.logic.events.emit("inspection")
        assert panel.menu.chosen == "supervised"


def test_every_control_has_a_name_and_says_what_it_is_for(panel, study):
    import slicer

    panel.terms.add("crf")
    controls = [
        widget
        for kind in ("QPushButton", "QToolButton", "QComboBox", "QRadioButton", "QSpinBox")
        for widget in slicer.util.findChildren(panel.widget, className=kind)
    ]
    assert len(controls) > 20
    for control in controls:
        assert control.objectName, control
        assert control.toolTip, control.objectName
