"""Method, through its widgets: menu, recommendation, settings, terms, plan, saved scene."""

from __future__ import annotations

import json

import pytest

from SemiWeakSegLib.cohort import CohortSummary
from SemiWeakSegLib.methods import (
    FAMILIES,
    METHODS,
    TERMS,
    Recommendation,
    by_family,
    parse_term,
    recommend,
)
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


def openFamilies(panel) -> list[str]:
    return [family for family, part in panel.menu.families.items() if part.isOpen]


def makePlan(panel) -> None:
    panel.ui.planButton.click()
    waitFor(lambda: not panel.planner.running, PLAN_S)


class TestMenu:
    def test_every_method_has_a_sentence_and_says_what_it_needs(self, panel):
        for name, method in METHODS.items():
            assert panel.menu.summaries[name].text == method.summary
            assert panel.menu.needs[name].text.startswith("needs: ")
            assert panel.menu.buttons[name].toolTip

    def test_methods_stand_under_their_families(self, panel):
        assert list(panel.menu.families) == list(by_family(METHODS))
        for family, part in panel.menu.families.items():
            methods = by_family(METHODS)[family]
            assert part.heading.text == f"{FAMILIES[family]} ({len(methods)})"
            for method in methods:
                assert part.contents.isAncestorOf(panel.menu.buttons[method.name])

    def test_only_the_chosen_method_s_family_is_open_at_first(self, panel):
        assert openFamilies(panel) == ["labels"]

    def test_a_heading_opens_and_folds_and_stays_so(self, panel):
        panel.menu.families["weak"].heading.click()
        panel.menu.families["labels"].heading.click()
        panel.refresh()
        assert openFamilies(panel) == ["weak"]
        assert not panel.menu.families["weak"].contents.isHidden()
        assert panel.menu.families["labels"].contents.isHidden()

    def test_the_family_of_what_the_console_chose_is_opened(self, panel, node):
        node.method = "constrained"
        assert openFamilies(panel) == ["labels", METHODS["constrained"].family]

    def test_a_heading_counts_what_the_cohort_can_feed(self, module, panel, study):
        showSummary(module, panel, summaryWith(cases=2, train=2, scribbled=2))
        methods = by_family(METHODS)["sizes"]
        heading = panel.menu.families["sizes"].heading
        assert heading.text == f"{FAMILIES['sizes']} (0 of {len(methods)})"
        assert "can be used" in heading.toolTip

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


class TestSearch:
    def visible(self, panel) -> list[str]:
        return [
            name
            for name, button in panel.menu.buttons.items()
            if button.isVisibleTo(panel.ui.methodMenu)
        ]

    def test_leaves_what_has_all_words_and_opens_its_family(self, panel):
        panel.ui.methodSearchBox.text = "LIKE voxels crf"
        assert self.visible(panel) == ["scribble_crf"]
        assert panel.menu.families["labels"].widget.isHidden()

    def test_finds_by_the_source_in_the_literature(self, panel):
        panel.ui.methodSearchBox.text = "kervadec"
        found = {name for name, method in METHODS.items() if "Kervadec" in method.source}
        assert set(self.visible(panel)) == found

    def test_emptied_it_leaves_the_families_as_they_were(self, panel):
        panel.menu.families["weak"].open()
        before = openFamilies(panel)
        panel.ui.methodSearchBox.text = "teacher"
        panel.ui.methodSearchBox.text = ""
        assert openFamilies(panel) == before
        assert not any(part.widget.isHidden() for part in panel.menu.families.values())

    def test_what_is_chosen_while_searching_is_open_afterwards(self, panel, node):
        panel.ui.methodSearchBox.text = "image tags"
        panel.menu.buttons["tags"].click()
        panel.ui.methodSearchBox.text = ""
        assert node.method == "tags"
        assert "tags" in self.visible(panel)

    def test_says_that_nothing_was_found(self, panel):
        label = panel.menu._nothingFound
        panel.ui.methodSearchBox.text = "xylophone"
        assert not label.isHidden()
        panel.ui.methodSearchBox.text = ""
        assert label.isHidden()


class TestRecommendation:
    def test_before_the_cohort_is_checked_there_is_none(self, panel):
        assert "open a cohort" in panel.ui.recommendationLabel.text
        assert panel.ui.useRecommendationButton.enabled is False
        assert panel.ui.useRecommendationButton.toolTip

    def test_it_is_named_with_its_reason_and_marked_in_the_menu(self, module, panel, study):
        showSummary(module, panel, summaryWith(cases=3, train=3, with_tags=3, tagged=3))
        assert "<b>Recommended: Image tags.</b> 3 tagged cases" in (
            panel.ui.recommendationLabel.text
        )
        assert panel.menu.summaries["tags"].text.startswith("Recommended. ")
        assert panel.menu.summaries["supervised"].text == METHODS["supervised"].summary
        assert "weak" in openFamilies(panel)

    def test_with_unlabeled_cases_it_gives_the_figures(self, module, panel, study):
        found = recommend(module.logic.inspection.summary)
        assert METHODS[found.method].title in panel.ui.recommendationLabel.text
        assert "points of Dice" in panel.ui.recommendationLabel.text

    def test_one_click_takes_it(self, module, panel, node, study):
        showSummary(module, panel, summaryWith(cases=4, train=4, scribbled=4))
        panel.ui.useRecommendationButton.click()
        assert node.method == "scribble_crf"
        assert panel.menu.chosen == "scribble_crf"
        assert panel.ui.useRecommendationButton.enabled is False

    def test_the_click_sets_settings_and_terms_and_keeps_what_else_was_set(
        self, panel, node, study, monkeypatch
    ):
        found = Recommendation(
            "pseudo_label",
            "Because.",
            settings={"threshold": 0.8},
            terms=(parse_term("transformation:0.2,zoom=1.5"),),
        )
        from SemiWeakSegLib.panels import recommendation_row

        monkeypatch.setattr(recommendation_row, "recommend", lambda summary: found)
        panel.menu.buttons["pseudo_label"].click()
        panel.forms.editors["validations"].widget.value = 3
        panel.terms.add("crf")
        button = panel.ui.useRecommendationButton
        assert button.enabled is True
        assert "Threshold: 0.8" in button.toolTip
        assert "Transformation consistency, weight 0.2" in button.toolTip
        assert "Pseudo-labels + Transformation consistency" in panel.ui.recommendationLabel.text
        button.click()
        assert json.loads(node.settingsJson) == {
            "pseudo_label": {"threshold": 0.8, "validations": 3}
        }
        assert [term["name"] for term in json.loads(node.termsJson)] == ["crf", "transformation"]
        assert json.loads(node.termsJson)[1] == {
            "name": "transformation",
            "weight": 0.2,
            "settings": {"zoom": 1.5},
        }
        assert button.enabled is False
        panel.terms.rows["transformation"].weight.value = 0.3
        assert button.enabled is True

    @pytest.mark.parametrize(
        ("added", "kept"),
        [(["ict", "crf"], ["crf"]), (["pseudo_label", "entropy"], ["entropy"])],
    )
    def test_the_click_takes_away_terms_that_cannot_be_trained_beside_it(
        self, panel, node, study, monkeypatch, added, kept
    ):
        """Another teacher, or the term that the method is."""
        from SemiWeakSegLib.panels import recommendation_row

        found = Recommendation("pseudo_label", "Because.", settings={"teacher": "frozen"})
        monkeypatch.setattr(recommendation_row, "recommend", lambda summary: found)
        panel.refresh()
        for name in added:
            panel.terms.add(name)
        panel.ui.useRecommendationButton.click()
        assert [term["name"] for term in json.loads(node.termsJson)] == kept
        assert panel.ui.noteLabel.text == ""

    def test_it_follows_the_cohort(self, module, panel, study):
        showSummary(module, panel, summaryWith(cases=9, train=9, scribbled=4))
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
    def test_a_weight_that_nobody_chose_follows_the_form_of_the_term(self, panel, node):
        panel.terms.add("size")
        row = panel.terms.rows["size"]
        penalty = row.form.editors["penalty"].widget
        assert row.weight.value == 65
        penalty.setCurrentIndex(2)
        assert (penalty.currentText, row.weight.value) == ("log barrier", 0.05)
        assert "usual: 0.05" in row.weight.toolTip
        assert json.loads(node.termsJson)[0]["weight"] is None
        penalty.setCurrentIndex(1)
        assert row.weight.value == 65
        row.weight.value = 7
        assert json.loads(node.termsJson)[0]["weight"] == 7
        penalty.setCurrentIndex(0)
        assert row.weight.value == 7

    def test_a_weight_that_nobody_chose_follows_the_dimensions_of_the_plan(self, panel, node):
        panel.terms.add("size")
        panel.terms.add("entropy")
        node.planJson = json.dumps({"dimensions": 2})
        row = panel.terms.rows["size"]
        assert row.weight.value == 655
        assert "usual: 655" in row.weight.toolTip
        row.weight.value = 65
        node.planJson = json.dumps({"dimensions": "several"})
        assert panel.terms.rows["size"].weight.value == 65
        assert panel.request().terms[0]["weight"] == 65
        assert panel.terms.rows["entropy"].weight.value == 0.1

    def test_add_weigh_set_and_remove(self, panel, node):
        panel.ui.termsBox.collapsed = False
        panel.terms.addBox.setCurrentIndex(panel.terms.addBox.findData("entropy") - 1)
        pressDown(panel.terms.addBox)
        assert json.loads(node.termsJson) == [{"name": "entropy", "weight": None, "settings": {}}]
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

    def test_they_stand_under_headings_that_cannot_be_chosen(self, panel, node):
        from PySide6.QtCore import Qt

        box = panel.terms.addBox
        entries = [(box.itemText(place), box.itemData(place)) for place in range(box.count)]
        expected = []
        for family, terms in by_family(TERMS).items():
            expected += [FAMILIES[family], *(term.name for term in terms)]
        assert [name or text for text, name in entries[1:]] == expected
        for place, (_text, name) in enumerate(entries[1:], start=1):
            enabled = bool(box.model().index(place, 0).flags() & Qt.ItemIsEnabled)
            assert enabled == bool(name)
            if name:
                assert box.itemData(place, Qt.ToolTipRole) == TERMS[name].summary
        panel.ui.termsBox.collapsed = False
        pressDown(box)  # over the first heading
        assert [term["name"] for term in json.loads(node.termsJson)] == [entries[2][1]]

    def test_the_term_that_the_method_consists_of_is_not_offered(self, panel):
        box = panel.terms.addBox
        assert box.findData("pseudo_label") > 0
        panel.menu.buttons["pseudo_label"].click()
        assert box.findData("pseudo_label") == -1
        panel.menu.buttons["supervised"].click()
        assert box.findData("pseudo_label") > 0

    def test_terms_with_the_same_teacher_go_together(self, panel, study):
        for name in ("pseudo_label", "cutmix", "ict"):
            panel.terms.add(name)
        assert panel.ui.noteLabel.text == ""

    def test_two_teachers_are_told_before_the_start(self, panel, study):
        panel.terms.add("ict")
        panel.terms.add("pseudo_label")
        teacher = panel.terms.rows["pseudo_label"].form.editors["teacher"]
        teacher.widget.currentIndex = teacher.description.choices.index("frozen")
        assert "one teacher" in panel.ui.noteLabel.text
        assert "by the term ict" in panel.ui.noteLabel.text
        panel.terms.remove("ict")
        assert panel.ui.noteLabel.text == ""

    def test_a_term_on_unlabeled_cases_without_any_is_said_to_do_nothing(
        self, module, panel, study
    ):
        panel.terms.add("prior")
        assert panel.ui.noteLabel.text == ""
        showSummary(module, panel, summaryWith(cases=2, train=2, labeled=2))
        assert "the term 'prior' does nothing" in panel.ui.noteLabel.text
        panel.terms.remove("prior")
        panel.terms.add("adversarial")
        assert "the term 'adversarial' does nothing" in panel.ui.noteLabel.text

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
    """The cohort is the same in all of these tests, so that equal questions have one answer."""

    @pytest.fixture(autouse=True)
    def remembered(self, application, monkeypatch):
        from SemiWeakSegLib.panels import planning
        from Testing.slicer.module.remembering import RememberingChild

        monkeypatch.setattr(planning, "ChildProcess", RememberingChild)

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
        node.termsJson = json.dumps([{"name": "telepathy", "weight": 1}, {"name": "crf"}])
        node.planJson = json.dumps({"depth": 7, "dropout": 0.25})
        text = panel.ui.noteLabel.text
        for word in ("from_the_future", "unheard_of", "learning_rate", "telepathy", "depth"):
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
