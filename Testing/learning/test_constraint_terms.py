"""Terms on sizes, places and proportions: what they act on, what they keep, how they resume."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import Augmentation, PatchSampler
from SemiWeakSegLib.learning.intensity import IntensityRanges
from SemiWeakSegLib.learning.losses.area import area_loss
from SemiWeakSegLib.learning.losses.equality import equality_loss
from SemiWeakSegLib.learning.losses.marginals import mutual_information_loss
from SemiWeakSegLib.learning.losses.size import size_penalty, soft_proportions
from SemiWeakSegLib.learning.schedules import barrier_sharpness
from SemiWeakSegLib.learning.spatial import SpatialRanges
from SemiWeakSegLib.learning.terms import (
    AreaTerm,
    ClassRatioTerm,
    MomentsTerm,
    MutualInformationTerm,
    PriorTerm,
    SizeTerm,
    StageContext,
    Step,
    make_term,
)
from SemiWeakSegLib.methods import terms as settings
from Testing.learning.scans import ball, make_plan, make_store, save

TURNED = SpatialRanges(rotation_degrees=20.0, zoom=(0.9, 1.1), mirror_axes=(0, 1), probability=1.0)


@pytest.fixture
def store(tmp_path):
    """A dense and an unlabeled case: a disc of class 1 in 24 × 28 pixels of 2 × 1 mm."""
    cases = []
    for name, centre in (("dense", (10, 12)), ("unlabeled", (13, 15))):
        label = ball((24, 28), centre, 7.0, [2.0, 1.0]).astype(np.uint8)
        image = save(tmp_path / f"{name}.mha", label * np.float32(9), spacing=(1.0, 2.0))
        path = save(tmp_path / f"{name}_l.mha", label, spacing=(1.0, 2.0))
        cases.append(Case(name, (image,), **{"label" if name == "dense" else "truth": path}))
    return make_store(tmp_path, cases, make_plan(2, (32, 32), spacing=[2.0, 1.0], whole=True))


def batch_of(store, index, ranges=None, size=3):
    augmentation = Augmentation(ranges, None, IntensityRanges())
    sampler = PatchSampler(store, [index], size, augmentation, annotated=False)
    return sampler.draw(torch.Generator().manual_seed(0))


def decided(batch, sharp=40.0):
    """Logits that say where the image is bright."""
    bright = batch.image[:, 0] > 4.5
    return sharp * torch.stack([~bright, bright, torch.zeros_like(bright)], dim=1).float()


def step_of(store, ranges=None, *, progress=1.0, logits=decided, labeled=True):
    first = batch_of(store, 0, ranges) if labeled else None
    second = batch_of(store, 1, ranges)
    outputs = [None if each is None else logits(each).requires_grad_() for each in (first, second)]
    return Step(progress, first, second, *outputs, nn.Identity(), None, torch.Generator())


def soft(batch):
    return torch.randn(len(batch), 3, 32, 32, generator=torch.Generator().manual_seed(len(batch)))


def started(term, store, folder, sizes=None):
    folder.mkdir(exist_ok=True)
    if sizes is not None:
        (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")
    term.start(StageContext(store.plan, store, folder, torch.device("cpu")))
    return term


class TestSchedule:
    def test_sharpness_grows_by_a_tenth_with_every_twentieth(self):
        assert barrier_sharpness(0) == 5
        assert barrier_sharpness(0.05) == pytest.approx(5.5)
        assert barrier_sharpness(1) == pytest.approx(5 * 1.1**20)


class TestSize:
    def test_the_barrier_sharpens_with_progress(self, store, tmp_path):
        low, high = 600.0, 900.0
        sizes = {"bounds": {"unlabeled": [[[low, high], [None, None]]]}}
        term = SizeTerm(settings.SizeTerm(penalty="log_barrier"), 1.0)
        started(term, store, tmp_path / "products", sizes)
        for progress in (0.1, 1.0):
            step = step_of(store, progress=progress, logits=soft)
            batch = step.unlabeled
            inside = batch.valid[:, 0].float()
            share = inside.flatten(1).mean(dim=1, keepdim=True)
            found = soft_proportions(step.unlabeled_logits, batch.valid[:, 0]) * share
            total = 32 * 32 * 2.0
            bounds = torch.tensor([[0, math.inf], [low / total, high / total], [0, math.inf]])
            expected = size_penalty(
                found,
                bounds.expand(3, 3, 2),
                "log_barrier",
                torch.tensor([[0.01, 0.1 * high / total, 0.01]]).expand(3, 3),
                barrier_sharpness(progress),
            )
            assert torch.allclose(term(step), expected)

    @pytest.mark.parametrize("name", ["size", "area"])
    def test_a_term_that_nothing_bounds_says_so(self, store, tmp_path, name):
        events = []

        def started_with(**sizes):
            store.cases[1] = dataclasses.replace(store.cases[1], **sizes)
            context = StageContext(
                store.plan,
                store,
                tmp_path,
                torch.device("cpu"),
                emit=lambda kind, **fields: events.append((kind, fields["message"])),
            )
            make_term(settings.parse_term(name), dimensions=2).start(context)

        started_with()
        assert [kind for kind, _ in events] == ["warning"]
        assert f"the term '{name}' does nothing" in events[0][1]
        started_with(sizes={1: (10.0, math.inf)})
        assert len(events) == 1

    def test_bounds_from_the_labeled_cases(self, store, tmp_path):
        term = SizeTerm(settings.SizeTerm(sources="labeled", margin=0.1), 1.0)
        started(term, store, tmp_path / "products")
        assert term(step_of(store)).item() == pytest.approx(0, abs=1e-9)
        grown = step_of(store)
        grown.unlabeled_logits = torch.full((3, 3, 32, 32), -40.0)
        grown.unlabeled_logits[:, 1] = 40
        assert term(grown).item() > 0


class TestMoments:
    def term(self, **values):
        return MomentsTerm(settings.MomentsTerm(**values), 1.0)

    @pytest.mark.parametrize("ranges", [None, TURNED])
    def test_a_region_in_its_place_costs_nothing_however_turned(self, store, tmp_path, ranges):
        # The unlabeled disc lies 6 mm and 3 mm from the labeled one; its length is 12 mm.
        term = started(self.term(margin=0.7), store, tmp_path / "products")
        step = step_of(store, ranges)
        assert term(step).item() == 0

    @pytest.mark.parametrize("ranges", [None, TURNED])
    def test_a_region_out_of_place_costs_by_its_distance(self, store, tmp_path, ranges):
        term = started(self.term(attributes="centroid", margin=0.0), store, tmp_path / "products")
        length = float(term.lengths[0])
        step = step_of(store, ranges, labeled=False)
        # 2 * 3 mm and 3 mm off, each as a share of the length.
        expected = (6 / length) ** 2 + (3 / length) ** 2
        assert term(step).item() == pytest.approx(expected, rel=0.1)

    def test_bounds_of_a_former_stage_come_first(self, store, tmp_path):
        rows = [[[[0, 100], [None, None]], [[None, None]] * 2]]
        sizes = {"bounds": {}, "centroid": {"unlabeled": rows}}
        term = self.term(attributes="centroid")
        started(term, store, tmp_path / "products", sizes)
        assert term(step_of(store)).item() == 0
        sizes["centroid"]["unlabeled"][0][0][0] = [10, 100]
        started(term, store, tmp_path / "products", sizes)
        length = float(term.lengths[0])
        # Row 13 of 24 lies 3 mm below the middle.
        assert term(step_of(store)).item() == pytest.approx((7 / length) ** 2, rel=0.01)

    def test_a_gradient_moves_the_region_towards_its_bounds(self, store, tmp_path):
        term = started(self.term(attributes="centroid", margin=0.0), store, tmp_path / "products")
        step = step_of(store, logits=lambda batch: decided(batch, 3.0), labeled=False)
        term(step).backward()
        gradient = step.unlabeled_logits.grad[:, 1]
        # The labeled disc lies above: more there, less below.
        assert (gradient[:, 8:12, 16] < 0).all()
        assert (gradient[:, 24:27, 16] > 0).all()

    def test_nothing_predicted_costs_nothing_and_stays_finite(self, store, tmp_path):
        term = started(self.term(margin=0.0), store, tmp_path / "products")
        step = step_of(store)
        empty = torch.full((3, 3, 32, 32), -60.0)
        empty[:, 0] = 60
        step.labeled_logits = empty.clone().requires_grad_()
        step.unlabeled_logits = empty.clone().requires_grad_()
        value = term(step)
        value.backward()
        assert value.item() == pytest.approx(0, abs=1e-6)
        assert step.unlabeled_logits.grad.isfinite().all()

    def test_without_labeled_cases_it_says_what_is_needed(self, store, tmp_path):
        store.cases[0] = dataclasses.replace(store.cases[0], role="validation")
        with pytest.raises(ValueError, match="fully labeled training cases"):
            started(self.term(), store, tmp_path / "products")


class TestPrior:
    @pytest.mark.parametrize("form", ["l2", "kl", "reverse_kl", "prior_aware"])
    def test_compares_the_batchs_mean_with_the_usual(self, store, tmp_path, form):
        term = PriorTerm(settings.PriorTerm(form=form), 1.0)
        started(term, store, tmp_path / "products")
        step = step_of(store, logits=soft)
        share = float((store.arrays(0).label == 1).float().mean())
        usual = torch.tensor([1 - share, share, 0])
        assert torch.allclose(term.usual, usual)
        mask = step.unlabeled.valid[:, 0]
        mean = soft_proportions(step.unlabeled_logits, mask).mean(dim=0, keepdim=True)
        expected = equality_loss(mean, usual, form, -1 / usual.clamp(min=1e-6))
        assert torch.allclose(term(step), expected)

    def test_the_dual_climbs_and_is_kept(self, store, tmp_path):
        term = PriorTerm(settings.PriorTerm(form="prior_aware", dual_rate=0.5), 1.0)
        started(term, store, tmp_path / "products")
        step = step_of(store, logits=soft)
        before = term.dual.clone()
        term(step)
        term.after_step(step)
        assert not torch.equal(term.dual, before)
        other = PriorTerm(settings.PriorTerm(form="prior_aware"), 1.0)
        started(other, store, tmp_path / "products")
        other.load_state_dict(term.state_dict())
        assert torch.equal(other.dual, term.dual)
        assert torch.equal(other(step), term(step))

    @pytest.mark.parametrize("prior_aware", [True, False])
    def test_what_is_kept_is_the_same_in_all_processes(self, store, tmp_path, prior_aware):
        """Two processes see other batches; the mean over both is what each of them learns by."""
        steps = [
            step_of(store, logits=lambda batch, sign=sign: sign * soft(batch)) for sign in (1, -1)
        ]

        def term_of():
            if prior_aware:
                return PriorTerm(settings.PriorTerm(form="prior_aware", dual_rate=0.5), 1.0)
            return MutualInformationTerm(settings.MutualInformationTerm(), 1.0)

        said = []
        for step in steps:
            term = started(term_of(), store, tmp_path / "products")
            term.average = lambda tensor: said.append(tensor) or tensor
            term(step)
            term.after_step(step)
        mean = sum(said) / 2
        assert not torch.allclose(said[0], said[1])
        kept = []
        for step in steps:
            term, context = (
                term_of(),
                StageContext(
                    store.plan,
                    store,
                    tmp_path / "products",
                    torch.device("cpu"),
                    average=lambda tensor: mean,
                ),
            )
            term.start(context)
            term(step)
            term.after_step(step)
            kept.append(*term.state_dict().values())
        assert torch.equal(*kept)

    def test_no_such_half_gives_nought(self, store, tmp_path):
        step = step_of(store, logits=soft)
        step.unlabeled = step.unlabeled_logits = None
        for term in (
            PriorTerm(settings.PriorTerm(), 1),
            ClassRatioTerm(settings.ClassRatioTerm(), 1),
        ):
            assert started(term, store, tmp_path / "products")(step).item() == 0
        assert MutualInformationTerm(settings.MutualInformationTerm(), 1.0)(step).item() == 0


class TestClassRatio:
    def test_costs_what_is_missing_of_a_share_of_the_usual(self, store, tmp_path):
        term = ClassRatioTerm(settings.ClassRatioTerm(share=0.5), 1.0)
        started(term, store, tmp_path / "products")
        step = step_of(store)
        assert term(step).item() == 0
        step.unlabeled_logits = torch.zeros(3, 3, 32, 32)
        step.unlabeled_logits[:, 0] = 60
        assert term(step).item() == pytest.approx(0.5 * float(term.usual[1]))


class TestArea:
    def test_is_the_area_loss_of_what_the_cohort_knows(self, store, tmp_path):
        sizes = {"bounds": {"unlabeled": [[[100.0, 120.0], [None, None]]]}}
        term = started(AreaTerm(settings.AreaTerm(), 1.0), store, tmp_path / "products", sizes)
        step = step_of(store, logits=soft)
        bounds = torch.tensor([[0, math.inf], [100 / 2048, 120 / 2048], [0, math.inf]])
        probabilities = step.unlabeled_logits.softmax(dim=1) * step.unlabeled.valid
        assert torch.allclose(term(step), area_loss(probabilities, bounds.expand(3, 3, 2)))

    def test_nothing_known_gives_nought(self, store, tmp_path):
        term = started(AreaTerm(settings.AreaTerm(), 1.0), store, tmp_path / "products")
        value = term(step_of(store))
        value.backward()
        assert value.item() == 0


class TestMutualInformation:
    def test_the_marginal_is_a_moving_average_that_is_kept(self, store):
        term = MutualInformationTerm(settings.MutualInformationTerm(memory=0.75), 1.0)
        step = step_of(store, logits=soft)
        logits, mask = step.unlabeled_logits, step.unlabeled.valid[:, 0]
        means = []
        for turn in range(3):
            step.unlabeled_logits = logits.detach() * (turn + 1)
            probabilities = step.unlabeled_logits.softmax(dim=1).movedim(1, -1)[mask]
            mean = probabilities.mean(dim=0)
            means.append(mean if not means else 0.75 * means[-1] + 0.25 * mean)
            expected = mutual_information_loss(step.unlabeled_logits, means[-1], mask)
            assert torch.allclose(term(step), expected, atol=1e-6)
            term.after_step(step)
        other = MutualInformationTerm(settings.MutualInformationTerm(memory=0.75), 1.0)
        other.load_state_dict(term.state_dict())
        assert torch.equal(other(step), term(step))


@pytest.mark.parametrize(
    ("text", "kind", "whole"),
    [
        ("moments:0.2,attributes=spread", MomentsTerm, True),
        ("prior,form=prior_aware", PriorTerm, True),
        ("area:2,sources=labeled", AreaTerm, True),
        ("class_ratio,share=0.3", ClassRatioTerm, True),
        ("mutual_information", MutualInformationTerm, False),
    ],
)
def test_what_a_user_writes_becomes_a_term(text, kind, whole):
    request = settings.parse_term(text)
    term = make_term(request, dimensions=2)
    assert type(term) is kind
    assert request.settings.whole_images is whole
    assert term.uses_unlabeled
