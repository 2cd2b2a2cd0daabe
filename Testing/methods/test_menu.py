"""The menu: names, what a cohort lacks, text and JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from SemiWeakSegLib.methods import METHODS, SettingsError, as_json, describe, get
from SemiWeakSegLib.methods import missing_requirements as missing

NAMES = [
    "supervised",
    "curriculum_size",
    "proposals",
    "oracle_size",
    "scribble_crf",
    "pseudo_label",
    "tags",
    "boxes",
    "constrained",
    "refinement",
]


def counts(**given: int) -> SimpleNamespace:
    kinds = ("labeled", "scribbled", "boxed", "tagged", "unlabeled", "with_truth")
    carried = ("with_boxes", "with_tags", "with_sizes")
    return SimpleNamespace(**{**dict.fromkeys((*kinds, *carried), 0), **given})


class TestNames:
    def test_the_methods_are_those_promised(self):
        assert list(METHODS) == NAMES
        assert [METHODS[name].name for name in NAMES] == NAMES

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


class TestMenu:
    def test_the_text_names_every_method_term_and_setting(self):
        text = describe()
        for entry in as_json()["methods"] + as_json()["terms"]:
            assert f"  {entry['name']}: " in text
            assert all(field["name"] in text for field in entry["settings"])

    def test_the_text_fits_its_width(self):
        assert max(len(line) for line in describe(80).splitlines()) <= 80

    def test_json_holds_what_a_form_needs(self):
        menu = json.loads(json.dumps(as_json()))
        assert [method["name"] for method in menu["methods"]] == NAMES
        folds = next(field for field in menu["methods"][1]["settings"] if field["name"] == "folds")
        assert (folds["type"], folds["default"], folds["minimum"], folds["maximum"]) == (
            "int",
            3,
            2,
            10,
        )
