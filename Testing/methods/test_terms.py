"""Terms that a user adds on the command line."""

from __future__ import annotations

import json

import pytest

from SemiWeakSegLib.methods import (
    TERMS,
    CRFTerm,
    EntropyTerm,
    SettingsError,
    TermRequest,
    parse_term,
)


class TestParse:
    def test_name_and_weight(self):
        assert parse_term("entropy:0.1") == TermRequest("entropy", 0.1, EntropyTerm())

    def test_the_weight_may_be_left_out(self):
        weights = {name: parse_term(name).weight_on(3) for name in TERMS}
        assert weights == {name: term.default_weight for name, term in TERMS.items()}
        assert weights["crf"] == 3.0
        assert {parse_term(name).weight for name in TERMS} == {None}

    @pytest.mark.parametrize(
        ("text", "slices", "volumes"),
        [
            ("size", 655.0, 65.0),
            ("size,penalty=log_barrier", 0.05, 0.05),
            ("size,penalty=relative", 0.05, 0.05),
            ("size:2,penalty=relative", 2.0, 2.0),
            ("size:65", 65.0, 65.0),
            ("crf", 3.0, 3.0),
        ],
    )
    def test_the_usual_weight_is_that_of_the_form_and_the_dimensions(self, text, slices, volumes):
        term = parse_term(text)
        assert (term.weight_on(2), term.weight_on(3)) == (slices, volumes)
        assert parse_term(term.to_text()) == term
        assert TermRequest.from_dict(json.loads(json.dumps(term.to_dict()))) == term

    def test_settings_follow_after_commas(self):
        term = parse_term("crf:2,sigma_space_mm=10,form=quadratic")
        assert term == TermRequest("crf", 2.0, CRFTerm(sigma_space_mm=10.0, form="quadratic"))
        assert parse_term("crf,on=all").settings.on == "all"

    @pytest.mark.parametrize("weight", ["x", "-1", "nan", "inf", ""])
    def test_a_bad_weight_is_named(self, weight):
        with pytest.raises(SettingsError, match=f"term entropy: weight is '{weight}'"):
            parse_term(f"entropy:{weight}")

    def test_all_problems_name_the_term(self):
        with pytest.raises(SettingsError) as caught:
            parse_term("crf:x,sigma=3,form=square")
        assert len(caught.value.problems) == 3
        assert all(problem.startswith("term crf: ") for problem in caught.value.problems)

    def test_an_unknown_term_gets_a_suggestion(self):
        with pytest.raises(SettingsError, match="did you mean 'entropy'"):
            parse_term("entrpy:1")


class TestRoundTrip:
    @pytest.mark.parametrize("name", TERMS)
    def test_a_term_survives_json(self, name):
        term = TermRequest(name, 0.5, TERMS[name](ramp=0.7))
        assert TermRequest.from_dict(json.loads(json.dumps(term.to_dict()))) == term

    def test_damaged_values_are_refused(self):
        with pytest.raises(SettingsError, match="weight"):
            TermRequest.from_dict({"name": "size", "weight": "heavy"})
        with pytest.raises(SettingsError, match="gama"):
            TermRequest.from_dict({"name": "size", "settings": {"gama": 1}})
