"""Settings dataclasses: parsing, ranges, messages, round trips."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from SemiWeakSegLib.methods import METHODS, TERMS, Settings, SettingsError, setting
from SemiWeakSegLib.methods.settings import ABOVE_ZERO


@dataclasses.dataclass(frozen=True)
class Example(Settings):
    rate: float = setting(0.5, "a rate", minimum=0.0, maximum=1.0)
    folds: int = setting(5, "folds", minimum=2)
    reach: float | None = setting(None, "reach", minimum=0.0, unit="mm")
    flips: bool = setting(True, "flips")
    kind: str = setting("a", "kind", choices=("a", "b"))


def problems_of(call) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        call()
    return caught.value.problems


KINDS = {"int": int, "float": float}


class TestAssignments:
    @pytest.mark.parametrize(
        ("text", "name", "value"),
        [
            ("rate=0.25", "rate", 0.25),
            ("rate=1e-3", "rate", 0.001),
            ("rate=1", "rate", 1.0),
            ("folds=10", "folds", 10),
            ("reach=3.5", "reach", 3.5),
            ("reach=none", "reach", None),
            ("flips=no", "flips", False),
            ("flips=True", "flips", True),
            (" kind = b ", "kind", "b"),
        ],
    )
    def test_a_value_is_read_by_the_type_of_its_field(self, text, name, value):
        changed = Example().with_assignments([text])
        assert getattr(changed, name) == value
        assert type(getattr(changed, name)) is type(value)

    def test_other_fields_keep_their_values(self):
        start = Example(folds=7)
        assert start.with_assignments(["rate=0.1"]) == Example(rate=0.1, folds=7)
        assert start == Example(folds=7)

    @pytest.mark.parametrize(
        "text",
        [
            "rate=2",
            "rate=-0.1",
            "rate=nan",
            "rate=x",
            "rate=",
            "rate=none",
            "folds=2.5",
            "folds=1",
            "reach=-1",
            "reach=inf",
            "flips=maybe",
            "kind=c",
        ],
    )
    def test_a_value_out_of_range_names_field_and_value(self, text):
        name, _, value = text.partition("=")
        (problem,) = problems_of(lambda: Example().with_assignments([text]))
        assert problem.startswith(f"{name} is ")
        assert "must be" in problem
        assert value.strip("-") in problem.lower()

    def test_all_problems_come_at_once(self):
        texts = ["rate=7", "fold=3", "kind", "flips=yes", "flips=no", "folds=0"]
        problems = problems_of(lambda: Example().with_assignments(texts))
        assert len(problems) == 5
        together = "\n".join(problems)
        assert "did you mean 'folds'" in together
        assert "'kind' is not of the form key=value" in together
        assert "'flips' is set twice" in together

    def test_limits_are_inclusive(self):
        assert Example().with_assignments(["rate=0", "folds=2"]) == Example(rate=0.0, folds=2)


class TestFromDict:
    def test_a_whole_number_stands_for_a_float(self):
        value = Example.from_dict({"rate": 1}).rate
        assert isinstance(value, float)
        assert value == 1.0

    @pytest.mark.parametrize(
        "values",
        [
            {"rate": "0.5"},
            {"rate": True},
            {"folds": 3.0},
            {"flips": 1},
            {"kind": None},
            {"rate": math.inf},
        ],
    )
    def test_a_wrong_type_is_refused(self, values):
        assert len(problems_of(lambda: Example.from_dict(values))) == 1

    def test_an_unknown_name_gets_the_nearest_known_one(self):
        (problem,) = problems_of(lambda: Example.from_dict({"flip": True}))
        assert "no setting 'flip'" in problem
        assert "did you mean 'flips'" in problem


@dataclasses.dataclass(frozen=True)
class Dependent(Settings):
    kind: str = setting("a", "kind", choices=("a", "b"))
    amount: float | None = setting(1.0, "amount", minimum=0.0)
    rate: float = setting(0.5, "rate", minimum=0.0, used_if={"kind": ("b",)})
    width: int = setting(3, "width", minimum=1, used_if={"amount": ABOVE_ZERO})


class TestUsedIf:
    @pytest.mark.parametrize(
        ("values", "used"),
        [
            ({}, {"kind", "amount", "width"}),
            ({"kind": "b"}, {"kind", "amount", "rate", "width"}),
            ({"amount": 0.0}, {"kind", "amount"}),
            ({"amount": None}, {"kind", "amount", "width"}),
        ],
    )
    def test_what_is_used_depends_on_the_others(self, values, used):
        all_values = {**Dependent().to_dict(), **values}
        found = {each.name for each in Dependent.descriptions() if each.is_used(all_values)}
        assert found == used

    def test_what_was_changed_for_nothing_is_named(self):
        assert Dependent(rate=0.7, kind="b", width=4).idle() == []
        assert Dependent(kind="a", amount=0.0).idle() == []
        assert Dependent(rate=0.7, width=4, amount=0.0).idle() == [
            "rate=0.7 does nothing: it is used with kind b",
            "width=4 does nothing: it is used with amount above 0",
        ]

    def test_a_form_that_lacks_the_other_setting_uses_all(self):
        assert all(each.is_used({}) for each in Dependent.descriptions())

    def test_it_survives_json(self):
        plain = [each.to_dict()["used_if"] for each in Dependent.descriptions()]
        assert json.loads(json.dumps(plain)) == [{}, {}, {"kind": ["b"]}, {"amount": []}]


class TestEverySetting:
    @pytest.mark.parametrize("kind", [*METHODS.values(), *TERMS.values()], ids=lambda k: k.__name__)
    def test_what_it_is_used_with_can_be_chosen(self, kind):
        fields = {each.name: each for each in kind.descriptions()}
        for field in fields.values():
            for name, allowed in field.used_if:
                assert name != field.name
                if allowed:
                    assert set(allowed) < set(fields[name].choices)
                else:
                    assert fields[name].minimum == 0

    @pytest.mark.parametrize("kind", [*METHODS.values(), *TERMS.values()], ids=lambda k: k.__name__)
    def test_defaults_are_valid_documented_and_survive_json(self, kind):
        default = kind()
        assert default.validate() == []
        assert kind.from_dict(json.loads(json.dumps(default.to_dict()))) == default
        for field in kind.descriptions():
            assert len(field.help) > 3
            assert field.type in ("bool", "int", "float", "str")
            if field.type == "str":
                assert field.choices, f"{field.name} has no choices"
            if field.type in ("int", "float"):
                assert field.minimum is not None, f"{field.name} has no range"

    @pytest.mark.parametrize("kind", [*METHODS.values(), *TERMS.values()], ids=lambda k: k.__name__)
    def test_the_limits_of_each_field_hold(self, kind):
        for field in kind.descriptions():
            if field.maximum is not None:
                bad = KINDS[field.type](field.maximum * 2 + 1)
            elif field.minimum is not None:
                bad = KINDS[field.type](field.minimum - 1)
            elif field.choices:
                bad = "no such choice"
            else:
                continue
            broken = dataclasses.replace(kind(), **{field.name: bad})
            assert any(text.startswith(f"{field.name} is ") for text in broken.validate())

    @pytest.mark.parametrize("kind", METHODS.values(), ids=lambda k: k.__name__)
    def test_a_supervised_loss_without_any_weight_is_refused(self, kind):
        texts = ["cross_entropy_weight=0", "dice_weight=0"]
        assert "both 0" in problems_of(lambda: kind().with_assignments(texts))[0]
        assert kind().with_assignments(texts[:1]).dice_weight == 1.0

    def test_settings_cannot_be_changed_in_place(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            METHODS["supervised"]().learning_rate = 1.0
