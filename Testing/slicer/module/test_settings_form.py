"""The form made from a settings dataclass: every kind of field, edited as a person does."""

from __future__ import annotations

import dataclasses

import pytest

from SemiWeakSegLib.methods import METHODS, TERMS, Settings, setting


@dataclasses.dataclass(frozen=True)
class Twins(Settings):
    gate: str = setting("image", "who takes part", choices=("image", "box"))
    gate_mm: float = setting(0.0, "how far", minimum=0.0, unit="mm")


@dataclasses.dataclass(frozen=True)
class Example(Settings):
    flips: bool = setting(True, "mirror the patches")
    folds: int = setting(5, "number of folds", minimum=2, maximum=9)
    rate: float = setting(0.003, "step size", minimum=1e-7, maximum=1.0)
    reach_mm: float = setting(4.0, "how far it looks", minimum=0.5, unit="mm")
    kind: str = setting("near_by", "which neighbours", choices=("near_by", "all"))
    title: str = setting("first", "a name")
    bound: float | None = setting(None, "an upper bound", minimum=1.5)


@pytest.fixture
def changes():
    return []


@pytest.fixture
def form(application, changes):
    from SemiWeakSegLib.panels.settings_form import SettingsForm

    form = SettingsForm(Example.descriptions(), lambda: changes.append(dict(form.values)))
    yield form
    form.widget.deleteLater()


def test_settings_that_differ_in_the_unit_are_called_differently(application):
    from SemiWeakSegLib.panels.settings_form import SettingsForm

    form = SettingsForm(Twins.descriptions())
    assert [label.text for label in form.labels.values()] == ["Gate", "Gate mm"]
    form.widget.deleteLater()


@pytest.mark.parametrize("name", ["scribble_crf", "tags"])
def test_a_title_stands_where_the_name_would_not_do(application, name):
    from SemiWeakSegLib.panels.settings_form import SettingsForm

    form = SettingsForm(METHODS[name].descriptions())
    texts = {key: label.text for key, label in form.labels.items()}
    assert (texts["gate"], texts["gate_mm"]) == ("Gate", "Gate reach")
    assert texts["crf_weight"] == "CRF weight"
    assert texts["learning_rate"] == "Learning rate"
    form.widget.deleteLater()


def widgetOf(form, name):
    return form.editors[name].widget


def typeInto(line, text):
    """Type a text and press return, as a person does."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    line.text = text
    QTest.keyClick(line, Qt.Key_Return)


class TestShown:
    def test_the_defaults_and_nothing_is_changed(self, form, changes):
        assert widgetOf(form, "flips").checked is True
        assert widgetOf(form, "folds").value == 5
        assert widgetOf(form, "rate").value == pytest.approx(0.003)
        assert widgetOf(form, "kind").currentText == "near by"
        assert widgetOf(form, "title").text == "first"
        assert form.editors["bound"].automatic.checked is True
        assert form.values == {}
        assert changes == []

    def test_ranges_and_units(self, form):
        folds, reach = widgetOf(form, "folds"), widgetOf(form, "reach_mm")
        assert (folds.minimum, folds.maximum) == (2, 9)
        assert reach.minimum == pytest.approx(0.5)
        assert reach.suffix == " mm"
        assert form.labels["reach_mm"].text == "Reach"

    def test_the_smallest_permitted_number_can_be_entered(self, form):
        rate = widgetOf(form, "rate")
        assert rate.minimum == pytest.approx(1e-7)
        rate.value = 1e-7
        assert form.values["rate"] == pytest.approx(1e-7)

    def test_help_range_and_default_are_in_the_tooltip(self, form):
        for widget in (widgetOf(form, "folds"), form.labels["folds"]):
            assert "number of folds" in widget.toolTip
            assert "2 to 9" in widget.toolTip
            assert "5" in widget.toolTip

    def test_every_widget_has_a_name_and_a_tooltip(self, form):
        for name in form.descriptions:
            assert widgetOf(form, name).objectName == f"setting_{name}"
            assert widgetOf(form, name).toolTip
            assert form.resetButtons[name].toolTip

    @pytest.mark.parametrize("kind", [*METHODS.values(), *TERMS.values()], ids=lambda k: k.name)
    def test_what_the_form_shows_is_what_the_library_means(self, application, kind):
        from SemiWeakSegLib.panels.settings_form import SettingsForm

        form = SettingsForm(kind.descriptions())
        for name, default in kind().to_dict().items():
            widget = form.editors[name].widget
            if default is None:
                assert form.editors[name].automatic.checked
            elif isinstance(default, bool):
                assert widget.checked is default
            elif isinstance(default, (int, float)):
                assert widget.value == pytest.approx(default)
            else:
                assert widget.currentText == default.replace("_", " ")
        assert form.values == {}


class TestEdited:
    @pytest.mark.parametrize(
        ("name", "edit", "value"),
        [
            ("flips", lambda widget: widget.click(), False),
            ("folds", lambda widget: widget.stepUp(), 6),
            ("rate", lambda widget: setattr(widget, "value", 0.02), 0.02),
            ("kind", lambda widget: setattr(widget, "currentIndex", 1), "all"),
        ],
    )
    def test_a_change_is_kept_and_told_once(self, form, changes, name, edit, value):
        edit(widgetOf(form, name))
        assert form.values == {name: value}
        assert changes == [{name: value}]
        assert type(form.values[name]) is type(value)
        assert "bold" in form.labels[name].styleSheet

    def test_back_at_the_default_it_is_no_change_any_more(self, form, changes):
        widgetOf(form, "folds").value = 7
        widgetOf(form, "folds").value = 5
        assert form.values == {}
        assert "bold" not in form.labels["folds"].styleSheet
        assert len(changes) == 2

    def test_out_of_range_is_held_at_the_border(self, form):
        widgetOf(form, "folds").value = 40
        assert form.values == {"folds": 9}

    def test_automatic_gives_way_to_a_number_and_comes_back(self, form):
        editor = form.editors["bound"]
        assert editor.inner.widget.enabled is False
        editor.automatic.click()
        assert editor.inner.widget.enabled is True
        assert form.values == {"bound": 1.5}
        editor.inner.widget.value = 3.0
        assert form.values == {"bound": 3.0}
        editor.automatic.click()
        assert form.values == {}

    def test_what_comes_out_is_valid(self, form):
        for name in ("folds", "rate", "reach_mm"):
            widgetOf(form, name).stepDown()
        typeInto(widgetOf(form, "title"), "second")
        changed = Example.from_dict(form.values)
        assert changed.title == "second"
        assert changed.folds == 4


class TestUsed:
    @pytest.fixture
    def form(self, application):
        from SemiWeakSegLib.panels.settings_form import SettingsForm

        form = SettingsForm(METHODS["pseudo_label"].descriptions())
        yield form
        form.widget.deleteLater()

    def enabled(self, form):
        names = ("threshold", "portion_end", "first_share")
        shown = {name: form.editors[name].widget.enabled for name in names}
        assert shown == {name: form.labels[name].enabled for name in names}
        return [name for name in names if shown[name]]

    def test_what_does_nothing_beside_the_others_is_grey(self, form):
        assert self.enabled(form) == ["threshold"]
        selection = form.editors["selection"].widget
        selection.setCurrentIndex(1)
        assert self.enabled(form) == ["portion_end"]
        form.setValues({"teacher": "frozen"})
        assert self.enabled(form) == ["threshold", "first_share"]
        form.reset()
        assert self.enabled(form) == ["threshold"]

    def test_the_tooltip_says_with_what_it_is_used(self, form):
        assert "Used with: selection class_balanced" in form.editors["portion_end"].widget.toolTip
        assert "Used with" not in form.editors["weight"].widget.toolTip

    def test_a_value_that_does_nothing_now_is_kept(self, form):
        form.setValues({"portion_end": 0.8})
        assert form.values == {"portion_end": 0.8}


class TestSet:
    def test_values_are_shown_without_telling(self, form, changes):
        form.setValues({"folds": 3, "flips": False})
        assert widgetOf(form, "folds").value == 3
        assert widgetOf(form, "flips").checked is False
        assert changes == []

    def test_more_digits_than_the_form_had_are_neither_lost_nor_hidden(self, form):
        form.setValues({"rate": 0.123456789})
        assert form.values == {"rate": 0.123456789}
        assert widgetOf(form, "rate").value == pytest.approx(0.123456789, abs=1e-12)

    def test_what_it_does_not_know_is_left_out(self, form):
        form.setValues({"unheard_of": 1})
        assert form.values == {}

    def test_the_default_is_no_change(self, form):
        form.setValues({"folds": 5})
        assert form.values == {}


class TestReset:
    def test_all(self, form, changes):
        form.setValues({"folds": 3, "rate": 0.5})
        form.reset()
        assert form.values == {}
        assert widgetOf(form, "folds").value == 5
        assert changes == [{}]

    def test_one(self, form):
        form.setValues({"folds": 3, "rate": 0.5})
        assert form.resetButtons["folds"].enabled is True
        form.resetButtons["folds"].click()
        assert form.values == {"rate": 0.5}
        assert widgetOf(form, "folds").value == 5
        assert form.resetButtons["folds"].enabled is False
