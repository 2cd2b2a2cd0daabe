"""The menu: names, what a cohort lacks, text and JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from SemiWeakSegLib.methods import (
    FAMILIES,
    METHODS,
    TERMS,
    SettingsError,
    as_json,
    by_family,
    conflicts,
    describe,
    get,
    idle_settings,
    idle_terms,
    parse_term,
)
from SemiWeakSegLib.methods import missing_requirements as missing

NAMES = {
    "labels": ["supervised", "mixup"],
    "weak": ["scribble_crf", "tags", "boxes", "refinement"],
    "pseudo_labels": ["proposals", "pseudo_label", "entropy", "cutmix"],
    "consistency": ["transformation", "pi_model", "ict"],
    "teachers": ["mean_teacher", "uncertainty_teacher", "temporal_ensembling"],
    "networks": ["co_training", "adversarial", "adversarial_self_training"],
    "sizes": ["curriculum_size", "oracle_size", "constrained"],
}


def counts(**given: int) -> SimpleNamespace:
    kinds = ("labeled", "scribbled", "boxed", "tagged", "unlabeled", "with_truth")
    carried = ("with_boxes", "with_tags", "with_sizes")
    return SimpleNamespace(**{**dict.fromkeys((*kinds, *carried), 0), **given})


class TestNames:
    def test_the_methods_are_those_promised_family_by_family(self):
        found = {
            family: [method.name for method in methods]
            for family, methods in by_family(METHODS).items()
        }
        assert found == NAMES
        assert all(method.name == name for name, method in METHODS.items())

    @pytest.mark.parametrize("kinds", [METHODS, TERMS])
    def test_each_stands_in_one_family_in_the_order_of_the_families(self, kinds):
        grouped = by_family(kinds)
        assert [family for family in FAMILIES if family in grouped] == list(grouped)
        assert sorted(kind.name for kinds in grouped.values() for kind in kinds) == sorted(kinds)

    def test_a_term_stands_where_the_method_of_its_name_does(self):
        for name in METHODS.keys() & TERMS.keys():
            assert TERMS[name].family == METHODS[name].family

    def test_a_near_miss_gets_a_suggestion(self):
        with pytest.raises(SettingsError, match="did you mean 'scribble_crf'"):
            get("scribblecrf")

    def test_a_name_like_no_other_gets_the_list(self):
        with pytest.raises(SettingsError, match="the methods are supervised, curriculum_size"):
            get("zzz")


class TestRequirements:
    @pytest.mark.parametrize(
        ("name", "cohort", "lacks"),
        [
            ("supervised", counts(labeled=1), []),
            ("supervised", counts(scribbled=1), []),
            ("supervised", counts(unlabeled=9, boxed=2), ["labels or scribbles"]),
            ("scribble_crf", counts(scribbled=1), []),
            ("curriculum_size", counts(labeled=1, unlabeled=1), []),
            ("curriculum_size", counts(scribbled=3, unlabeled=1), ["fully labeled"]),
            ("curriculum_size", counts(), ["fully labeled", "without labels"]),
            ("proposals", counts(scribbled=1, tagged=1), []),
            ("pseudo_label", counts(labeled=1), ["without labels"]),
            # outside its boxes a boxed case is annotated
            ("adversarial", counts(labeled=1, boxed=2, with_boxes=2), ["without labels"]),
            ("oracle_size", counts(labeled=1, unlabeled=1), ["reference segmentations"]),
            ("oracle_size", counts(labeled=1, unlabeled=1, with_truth=1), []),
        ],
    )
    def test_each_lack_gives_one_sentence_with_advice(self, name, cohort, lacks):
        sentences = missing(get(name), cohort)
        assert len(sentences) == len(lacks)
        for sentence, words in zip(sentences, lacks, strict=True):
            assert sentence.startswith(f"{name} needs ")
            assert words in sentence
            assert len(sentence.partition("none: ")[2]) > 10

    @pytest.mark.parametrize(
        ("need", "given", "words"),
        [
            ("boxed", ["with_boxes"], "a box around each object"),
            ("tagged", ["with_tags"], "present or absent"),
            ("bounded", ["with_sizes", "with_tags", "with_boxes"], "cohort sizes"),
            ("supervised", ["labeled", "scribbled", "with_boxes"], "segment, scribble or box"),
        ],
    )
    def test_needs_of_weak_annotations(self, need, given, words):
        method = SimpleNamespace(name="some", needs=(need,))
        (sentence,) = missing(method, counts(unlabeled=5))
        assert sentence.startswith("some needs ") and words in sentence
        for each in given:
            assert missing(method, counts(**{each: 1})) == []


class TestConflicts:
    def conflicts(self, method: str, *terms: str) -> list[str]:
        settings = get(method)() if method else None
        return conflicts(settings, [parse_term(term) for term in terms])

    def test_any_number_of_terms_with_the_same_teacher_go_together(self):
        teachers = ("mean_teacher", "uncertainty_teacher", "ict", "cutmix", "pseudo_label")
        assert self.conflicts("supervised", *teachers) == []
        assert self.conflicts("mean_teacher", "cutmix", "crf", "entropy") == []
        assert self.conflicts("supervised", "pseudo_label,teacher=frozen") == []

    def test_two_kinds_of_teacher_are_named_with_who_asks_for_them(self):
        (sentence,) = self.conflicts("mean_teacher", "crf", "pseudo_label,teacher=frozen")
        assert "the moving average of the weights by the method mean_teacher" in sentence
        assert "a frozen first-stage network by the term pseudo_label" in sentence
        assert "crf" not in sentence

    def test_a_network_that_teaches_itself_is_no_teacher(self):
        own = "pseudo_label,teacher=own"
        assert self.conflicts("mean_teacher", own) == []
        frozen = "pseudo_label,teacher=frozen"
        assert (
            self.conflicts("supervised", frozen, "cutmix,teacher=own", "transformation,teacher=own")
            == []
        )

    def test_a_term_is_there_once(self):
        assert self.conflicts("", "crf", "entropy", "crf") == ["the term crf is added twice"]
        (sentence,) = self.conflicts("entropy", "entropy")
        assert "the method entropy has the term entropy already" in sentence

    @pytest.mark.parametrize(
        ("method", "values", "term"),
        [
            ("scribble_crf", {}, "crf"),
            ("scribble_crf", {"neighbourhood": "both"}, "crf,neighbourhood=grid"),
            ("scribble_crf", {"entropy_weight": 0.1}, "entropy"),
            ("boxes", {}, "boxes"),
            ("boxes", {}, "candidates"),
            ("boxes", {}, "crf"),
            ("constrained", {}, "size"),
            ("curriculum_size", {}, "size"),
            ("oracle_size", {"attributes": "size_centroid"}, "moments"),
            ("tags", {}, "size"),
            ("tags", {}, "crf"),
            ("refinement", {}, "candidates"),
        ],
    )
    def test_a_method_of_several_terms_has_each_of_them_once(self, method, values, term):
        (sentence,) = conflicts(get(method)(**values), [parse_term(term)])
        assert "already: change the settings of the method" in sentence

    @pytest.mark.parametrize(
        ("method", "values", "term"),
        [
            ("scribble_crf", {}, "crf,form=normalised_cut"),
            ("scribble_crf", {}, "crf,neighbourhood=grid"),
            ("scribble_crf", {"crf_weight": 0.0}, "crf"),
            ("scribble_crf", {}, "entropy"),
            ("boxes", {"crf_weight": 0.0}, "crf"),
            ("curriculum_size", {}, "moments"),
            ("tags", {"size_weight": 0.0}, "size"),
        ],
    )
    def test_other_forms_and_what_has_no_weight_may_be_added(self, method, values, term):
        assert conflicts(get(method)(**values), [parse_term(term)]) == []

    def test_a_kernel_cut_is_two_terms(self):
        assert self.conflicts("supervised", "crf", "crf,form=normalised_cut") == []

    def test_terms_are_compared_where_the_method_s_settings_are_wrong(self):
        assert len(self.conflicts("", "ict", "pseudo_label,teacher=frozen")) == 1


class TestIdleTerms:
    def test_a_term_on_unlabeled_cases_without_any(self):
        terms = [parse_term(text) for text in ("prior", "prior,on=all", "crf")]
        (sentence,) = idle_terms(terms, 0)
        assert sentence.startswith("the term 'prior' does nothing")
        assert idle_terms(terms, 1) == []

    def test_a_term_that_always_needs_them(self):
        terms = [parse_term("adversarial"), parse_term("adversarial_self_training")]
        (sentence,) = idle_terms(terms, 0)
        assert sentence.startswith("the term 'adversarial' does nothing")
        assert "on=all" not in sentence


class TestIdleSettings:
    def test_those_of_the_method_and_of_its_terms(self):
        settings = METHODS["pseudo_label"]().with_assignments(["portion_end=0.8"])
        terms = [parse_term("crf:1,gate_mm=3"), parse_term("entropy:0.2")]
        assert idle_settings(settings, terms) == [
            "the setting portion_end=0.8 does nothing: it is used with selection class_balanced",
            "of the term 'crf', the setting gate_mm=3.0 does nothing: it is used with gate "
            "unlabeled or annotated",
        ]

    @pytest.mark.parametrize("method", METHODS.values(), ids=lambda each: each.name)
    def test_no_default_does_nothing(self, method):
        assert idle_settings(method(), []) == []


class TestMenu:
    def test_the_text_names_every_method_term_and_setting(self):
        text = describe()
        for entry in as_json()["methods"] + as_json()["terms"]:
            assert f"  {entry['name']}: " in text
            assert all(field["name"] in text for field in entry["settings"])

    def test_the_text_has_a_heading_for_each_family(self):
        lines = describe().splitlines()
        places = [lines.index(f"== {FAMILIES[family]} ==") for family in NAMES]
        assert places == sorted(places)
        assert lines.count(f"== {FAMILIES['weak']} ==") == 2  # of methods, and of terms

    def test_the_text_fits_its_width(self):
        assert max(len(line) for line in describe(80).splitlines()) <= 80

    def test_json_holds_what_a_form_needs(self):
        menu = json.loads(json.dumps(as_json()))
        assert [method["name"] for method in menu["methods"]] == list(METHODS)
        assert menu["families"] == FAMILIES
        assert all(each["family"] in FAMILIES for each in menu["methods"] + menu["terms"])
        curriculum = next(each for each in menu["methods"] if each["name"] == "curriculum_size")
        folds = next(field for field in curriculum["settings"] if field["name"] == "folds")
        assert (folds["type"], folds["default"], folds["minimum"], folds["maximum"]) == (
            "int",
            3,
            2,
            10,
        )
        weights = {each["name"]: each["default_weight"] for each in menu["terms"]}
        assert weights["size"] == {"slices": 655, "volumes": 65}
        assert weights["crf"] == {"slices": 3, "volumes": 3}
