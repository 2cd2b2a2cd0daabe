"""Several terms in one training: whom they learn from is known beforehand, and they all act."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from SemiWeakSegLib.learning import recipes, trainer
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.stages import Stage
from SemiWeakSegLib.learning.terms import make_term
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import METHODS, TERMS, TermRequest, parse_term
from SemiWeakSegLib.methods.supervised import Supervised
from SemiWeakSegLib.methods.term_method import TermMethod
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")

TEACHERS = [
    (name, choice)
    for name, term in TERMS.items()
    for field in term.descriptions()
    if field.name == "teacher"
    for choice in field.choices
]


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), scribbled=1)


def events(run, kind):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == kind]


class TestTeachersAreKnownBeforehand:
    """`methods.conflicts` looks at settings only: they must say what the terms will ask for."""

    @pytest.mark.parametrize("name", list(TERMS))
    def test_by_default(self, name):
        settings = TERMS[name]()
        made = make_term(TermRequest(name, 1.0, settings), dimensions=2)
        assert made.teacher == settings.learns_from

    @pytest.mark.parametrize(("name", "choice"), TEACHERS)
    def test_for_every_choice(self, name, choice):
        settings = TERMS[name](teacher=choice)
        made = make_term(TermRequest(name, 1.0, settings), dimensions=2)
        assert made.teacher == settings.learns_from

    @pytest.mark.parametrize(
        "method", [each for each in METHODS.values() if issubclass(each, TermMethod)]
    )
    def test_of_methods_of_one_term(self, method):
        assert make_term(method().request(), dimensions=2).teacher == method().learns_from


def workshop_of(unlabeled, dimensions=3, emit=lambda kind, **fields: None):
    """What `make_stages` asks of a workshop when the method's own recipe is another's."""
    plan = SimpleNamespace(dimensions=dimensions)
    return SimpleNamespace(unlabeled=unlabeled, plan=plan, emit=emit)


def test_cases_that_a_former_stage_labeled_are_not_unlabeled_to_a_term(monkeypatch):
    """Seeds of image tags make them learn as annotated ones: they must not come twice."""
    own = Stage("segment", 1.0, {"name": "unet"}, list, labeled=[0, 1], unlabeled=[2])
    monkeypatch.setitem(recipes.RECIPES, Supervised, lambda settings, workshop: [own])
    extra = [parse_term("mean_teacher")]
    (stage,) = recipes.make_stages(Supervised(), extra, workshop_of([1, 2]))
    assert stage.unlabeled == [2]


def test_a_setting_that_was_changed_for_nothing_is_a_warning(monkeypatch):
    own = Stage("segment", 1.0, {"name": "unet"}, list, labeled=[0, 1])
    monkeypatch.setitem(recipes.RECIPES, Supervised, lambda settings, workshop: [own])
    told = []
    workshop = workshop_of([2], emit=lambda kind, **fields: told.append(fields))
    recipes.make_stages(Supervised(), [parse_term("crf:1,gate_mm=3")], workshop)
    assert ["gate_mm=3.0 does nothing" in each["message"] for each in told] == [True]


@pytest.mark.parametrize(
    ("text", "dimensions", "weight"),
    [("size", 2, 655.0), ("size", 3, 65.0), ("size:7", 2, 7.0), ("entropy", 2, 0.1)],
)
def test_a_weight_that_nobody_chose_is_that_of_the_plan(monkeypatch, text, dimensions, weight):
    own = Stage("segment", 1.0, {"name": "unet"}, list, labeled=[0])
    monkeypatch.setitem(recipes.RECIPES, Supervised, lambda settings, workshop: [own])
    workshop = workshop_of([1], dimensions)
    (stage,) = recipes.make_stages(Supervised(), [parse_term(text)], workshop)
    assert [term.weight for term in stage.make_terms()] == [weight]


class TestTogether:
    TERMS = (
        *("mean_teacher", "temporal_ensembling", "cutmix", "ict", "transformation"),
        *("adversarial", "entropy", "crf", "mixup"),
    )

    def test_terms_of_all_families_train_in_one_run(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        terms = [parse_term(text).to_dict() for text in self.TERMS]
        run = make_run(tmp_path / "run", slices, terms=terms, steps=6)
        assert work(run) == "finished"
        told = events(run, "progress")[-1]["losses"]
        assert set(told) == {"supervised", "total", *(term["name"] for term in terms)}
        weights = load_tensors(run.model / "weights.pt")
        assert all(torch.isfinite(each).all() for each in weights.values())
        assert events(run, "warning") == []
