"""Co-training: the network of members, who learns from which case, and the terms' formulas."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import UNLABELED, Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.knowledge import Knowledge
from SemiWeakSegLib.learning.networks import build_network, is_segmenter
from SemiWeakSegLib.learning.recipes.co_training import (
    choose_views,
    describe_members,
    ensemble_settings,
    split_by_group,
)
from SemiWeakSegLib.learning.terms import StageContext, Step
from SemiWeakSegLib.learning.terms.co_training import (
    AgreementTerm,
    DisagreementTerm,
    MemberPseudoLabelTerm,
    MemberSupervisedTerm,
    adversarial_view,
    draw_pair,
    others_labels,
)
from SemiWeakSegLib.learning.view_ensemble import ViewEnsemble
from SemiWeakSegLib.methods.co_training import CoTraining
from Testing.learning.scans import make_plan, make_store, save

SHAPES = {2: (10, 12), 3: (4, 6, 8)}


def plan_of(dimensions, patch=None, strides=None, **changed):
    """A plan whose network can be built."""
    strides = strides or [[2] * dimensions, [2] * dimensions]
    network = {
        "name": "unet",
        "dimensions": dimensions,
        "in_channels": 1,
        "out_channels": 3,
        "channels": [4, 8, 8][: len(strides) + 1],
        "strides": strides,
        "residual_units": 1,
        "normalisation": "instance",
        "dropout": 0.0,
    }
    return make_plan(dimensions, patch or [16] * dimensions, network=network, **changed)


def cases_of(*groups):
    """Labeled cases without files, of these groups."""
    return [
        Case(f"case{number}", (Path("x.mha"),), label=Path("y.mha"), group=group)
        for number, group in enumerate(groups)
    ]


def without_labels(case):
    return dataclasses.replace(case, label=None)


class TestViewEnsemble:
    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_a_member_sees_each_slice_across_its_axis_by_itself(self, axis):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.InstanceNorm2d(3))
        image = torch.randn(2, 2, 5, 6, 7)
        found = ViewEnsemble([network], [axis]).member(0, image)
        assert found.shape == (2, 3, 5, 6, 7)
        for place in range(image.shape[axis + 2]):
            expected = network(image.select(axis + 2, place))
            torch.testing.assert_close(found.select(axis + 2, place), expected)

    @pytest.mark.parametrize("shape", [(2, 3, 5, 6), (2, 3, 3, 4, 5)])
    def test_the_softmax_of_its_logits_is_the_mean_of_the_members_softmaxes(self, shape):
        source = np.random.default_rng(0)
        members = [source.normal(size=shape) * 5 for _ in range(3)]

        def softmax(z):
            powers = np.exp(z - z.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)

        expected = np.mean([softmax(each) for each in members], axis=0)
        found = ViewEnsemble.combine([torch.from_numpy(each) for each in members])
        np.testing.assert_allclose(found.exp().numpy(), expected, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.softmax(dim=1).numpy(), expected, rtol=1e-4, atol=1e-7)

    def test_members_that_are_certain_of_different_classes_stay_finite(self):
        logits = [torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1)]
        logits[0][:, 0], logits[1][:, 1] = 1e4, 1e4
        logits = [each.requires_grad_() for each in logits]
        found = ViewEnsemble.combine(logits)
        torch.testing.assert_close(found.detach(), torch.full((1, 2, 1, 1), math.log(0.5)))
        found.sum().backward()
        assert all(each.grad.isfinite().all() for each in logits)

    def test_half_precision_members_are_combined_in_full(self):
        halves = [torch.randn(1, 3, 4, 4).bfloat16() for _ in range(2)]
        found = ViewEnsemble.combine(halves)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, ViewEnsemble.combine([each.float() for each in halves]))

    @pytest.mark.parametrize("networks", [0, 2])
    def test_a_view_for_every_network(self, networks):
        with pytest.raises(ValueError, match=f"got {networks} networks and 1 views"):
            ViewEnsemble([nn.Identity()] * networks, [None])

    @pytest.mark.parametrize(
        ("dimensions", "views", "count"), [(3, "planes", 3), (3, "subsets", 2), (2, "starts", 4)]
    )
    def test_is_built_from_plain_settings_with_members_that_start_apart(
        self, dimensions, views, count
    ):
        plan = plan_of(dimensions)
        settings = ensemble_settings(CoTraining(members=max(2, min(count, 4))), plan, views)
        assert is_segmenter(settings)
        torch.manual_seed(3)
        network = build_network(settings)
        assert len(network.networks) == count
        image = torch.randn(2, 1, *plan.patch_size)
        members = network.members(image)
        assert not torch.allclose(members[0], members[1])
        torch.testing.assert_close(network(image), network.combine(members))
        if views != "planes":
            # Methods are compared in pairs: the first member begins as the usual network does.
            torch.manual_seed(3)
            usual = build_network(plan.network).state_dict()
            first = network.networks[0].state_dict()
            assert all(torch.equal(first[name], usual[name]) for name in usual)


class TestViews:
    @pytest.mark.parametrize(
        ("dimensions", "groups", "expected"),
        [
            (3, ("a",), "planes"),
            (2, ("a", "b"), "subsets"),
            (2, ("a", "a", "a"), "starts"),
            (2, (None, None), "subsets"),
        ],
    )
    def test_automatic(self, dimensions, groups, expected):
        assert choose_views(CoTraining(), plan_of(dimensions), cases_of(*groups)) == expected

    @pytest.mark.parametrize("views", ["planes", "subsets", "starts"])
    def test_as_asked(self, views):
        assert choose_views(CoTraining(views=views), plan_of(3), cases_of("a", "b")) == views

    @pytest.mark.parametrize(
        ("dimensions", "groups", "words"),
        [
            (2, ("a", "b", "b"), "there are 2 .* choose members=2, views=starts, or label more"),
            (3, ("a", "a"), "there is 1 .* choose views=planes, or label more"),
        ],
    )
    def test_too_few_groups_for_subsets_are_counted_with_a_way_out(self, dimensions, groups, words):
        settings = CoTraining(views="subsets", members=3)
        with pytest.raises(ValueError, match=words):
            choose_views(settings, plan_of(dimensions), cases_of(*groups))

    def test_slices_have_no_planes(self):
        with pytest.raises(ValueError, match=r"needs volumes.*views=auto"):
            choose_views(CoTraining(views="planes"), plan_of(2), cases_of("a", "b"))

    def test_plane_networks_halve_what_the_plan_halves_in_their_plane(self):
        plan = plan_of(3, patch=[4, 8, 16], strides=[[1, 2, 2], [2, 2, 4]])
        settings = ensemble_settings(CoTraining(), plan, "planes")
        assert settings["across"] == [0, 1, 2]
        assert [each["strides"] for each in settings["members"]] == [
            [[2, 2], [2, 4]],
            [[1, 2], [2, 4]],
            [[1, 2], [2, 2]],
        ]
        assert {each["dimensions"] for each in settings["members"]} == {2}
        assert plan.network["dimensions"] == 3

    def test_a_patch_whose_slices_shrink_to_one_voxel_is_named(self):
        plan = plan_of(3, patch=[4, 4, 8])
        with pytest.raises(ValueError, match=r"4 x 4 x 8 .* views=subsets or starts"):
            ensemble_settings(CoTraining(), plan, "planes")

    @pytest.mark.parametrize(
        ("dimensions", "orient", "groups", "words"),
        [
            (3, True, ("a",), "3 networks of 2-D slices (axial, coronal, sagittal)"),
            (3, False, ("a",), "3 networks of 2-D slices (of each image axis)"),
            (2, True, ("a", "b"), "2 networks like this plan's, each learns from labeled cases of"),
            (2, True, ("a",), "2 networks like this plan's, all learn from the same labeled cases"),
        ],
    )
    def test_a_sentence_says_what_there_will_be(self, dimensions, orient, groups, words):
        plan = plan_of(dimensions, orient=orient)
        assert words in describe_members(CoTraining(), plan, cases_of(*groups))


class TestSubsets:
    GROUPS = (*"aabbcdef", None, None)

    def workshop(self, seed=0, dense=range(10)):
        cases = cases_of(*self.GROUPS)
        store = SimpleNamespace(cases=cases)
        return SimpleNamespace(store=store, labeled=list(range(10)), dense=list(dense), seed=seed)

    @pytest.mark.parametrize("members", [2, 3, 5])
    def test_disjoint_complete_and_about_equal_without_dividing_a_group(self, members):
        subsets = split_by_group(self.workshop(), members)
        assert sorted(case for each in subsets for case in each) == list(range(10))
        sizes = [len(each) for each in subsets]
        assert max(sizes) - min(sizes) <= 1
        for pair in ({0, 1}, {2, 3}):
            assert sum(bool(pair & each) for each in subsets) == 1

    def test_fully_labeled_cases_are_shared_out(self):
        for seed in range(5):
            subsets = split_by_group(self.workshop(seed, dense=[4, 5, 6]), 3)
            assert [len(each & {4, 5, 6}) for each in subsets] == [1, 1, 1]

    def test_cases_with_boxes_alone_are_background_for_everybody(self):
        """A network that had nothing else could not learn a class."""
        workshop = self.workshop()
        cases = workshop.store.cases
        for index in (4, 5, 8):
            cases[index] = without_labels(cases[index])
        subsets = split_by_group(workshop, 2)
        assert subsets[0] & subsets[1] == {4, 5, 8}
        assert subsets[0] | subsets[1] == set(range(10))
        plan = plan_of(2)
        few = [cases[6], *(cases[index] for index in (4, 5, 8))]
        assert choose_views(CoTraining(), plan, few) == "starts"
        with pytest.raises(ValueError, match="there is 1"):
            choose_views(CoTraining(views="subsets"), plan, few)

    def test_the_seed_decides(self):
        assert split_by_group(self.workshop(1), 2) == split_by_group(self.workshop(1), 2)
        found = {tuple(split_by_group(self.workshop(seed), 2)) for seed in range(6)}
        assert len(found) > 1


@pytest.fixture(params=[2, 3], ids=["slices", "volumes"])
def store(request, tmp_path):
    """A dense, a scribbled, another dense and two unlabeled cases."""
    source = np.random.default_rng(0)
    shape, spacing = SHAPES[request.param], (1.0, 1.5, 2.5)[: request.param]
    cases = []
    for name in ("dense", "scribbled", "other", "bare", "naked"):
        suffix = ".mha" if request.param == 2 else ".nii.gz"
        image = source.normal(size=shape).astype(np.float32)
        image = save(tmp_path / f"{name}{suffix}", image, spacing=spacing)
        label = source.integers(0, 3, shape).astype(np.uint8)
        if name == "scribbled":
            label[..., 4:] = UNLABELED
        path = None
        if name not in ("bare", "naked"):
            path = save(tmp_path / f"{name}_l{suffix}", label, spacing=spacing)
        cases.append(Case(name, (image,), label=path))
    # One voxel of the patch lies outside the images.
    patch = [size + 1 for size in shape]
    return make_store(tmp_path, cases, make_plan(request.param, patch, whole=True))


def batch_of(store, *cases):
    augmentation = make_augmentation("none", store.plan)
    generator = torch.Generator().manual_seed(0)
    samples = [
        PatchSampler(store, [case], 1, augmentation, annotated=False).draw(generator)
        for case in cases
    ]
    whole = samples[0]
    values = {
        name: torch.cat([getattr(each, name) for each in samples])
        for name in ("image", "weak_image", "clean", "label", "valid")
    }
    units = [unit for each in samples for unit in each.units]
    return dataclasses.replace(whole, units=units, looked_at=None, **values)


def linear_members(store, count=3, scale=1.0):
    """A `ViewEnsemble` of 1×1 convolutions: their gradients have closed forms."""
    kind = nn.Conv2d if store.plan.dimensions == 2 else nn.Conv3d
    torch.manual_seed(5)
    networks = [kind(1, 3, 1) for _ in range(count)]
    with torch.no_grad():
        for network in networks:
            network.weight.mul_(scale)
    return ViewEnsemble(networks, [None] * count)


def step_of(store, labeled=(0, 1), unlabeled=(3, 4), count=3, scale=1.0):
    network = linear_members(store, count, scale)
    batches = [batch_of(store, *cases) if cases else None for cases in (labeled, unlabeled)]
    members = [
        tuple(None if batch is None else logits(batch.image) for batch in batches)
        for logits in (lambda image, m=m: network.member(m, image) for m in range(count))
    ]
    both = [
        None if batch is None else network.combine([pair[half] for pair in members])
        for half, batch in enumerate(batches)
    ]
    return Step(1.0, *batches, *both, network, None, torch.Generator().manual_seed(1), members)


def started(term, store, folder):
    term.start(StageContext(store.plan, store, folder, torch.device("cpu")))
    return term


def voxels(tensor):
    """(B, K, *spatial) -> (N, K) in float64."""
    return tensor.detach().double().movedim(1, -1).flatten(0, -2).numpy()


def softmax(z):
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def gradients(value, step):
    value.backward()
    return [
        sum(0.0 if each.grad is None else float(each.grad.abs().sum()) for each in m.parameters())
        for m in step.student.networks
    ]


class TestSupervision:
    def test_mean_over_members_of_the_loss_on_their_own_cases(self, store):
        subsets = [frozenset({0}), frozenset({1, 2})]
        step = step_of(store, labeled=(0, 1, 2), count=2)
        found = MemberSupervisedTerm(1.0, 0.0, subsets)(step)
        parts = []
        for number, subset in enumerate(subsets):
            rows = [row for row, (case, _) in enumerate(step.labeled.units) if case in subset]
            p = softmax(voxels(step.members[number][0][rows]))
            y = step.labeled.label[rows].flatten().numpy()
            known = y != UNLABELED
            parts.append(-np.log(p[known, y[known]]).mean())
        assert float(found.detach()) == pytest.approx(np.mean(parts), rel=1e-5)

    def test_without_subsets_it_is_the_mean_of_the_usual_loss(self, store):
        step = step_of(store)
        term = MemberSupervisedTerm(1.0, 1.0)
        alone = [term(dataclasses.replace(step, members=[each])).item() for each in step.members]
        assert term(step).item() == pytest.approx(np.mean(alone), rel=1e-6)

    def test_a_member_without_a_case_in_the_batch_gets_a_zero_gradient(self, store):
        """Not None: several processes average what each of them has."""
        step = step_of(store, labeled=(0,), count=2)
        value = MemberSupervisedTerm(1.0, 1.0, [frozenset({0}), frozenset({1})])(step)
        first, second = gradients(value, step)
        assert first > 0 and second == 0
        assert all(each.grad is not None for each in step.student.parameters())

    def test_nothing_annotated_is_zero_and_finite(self, store):
        step = step_of(store)
        step.labeled.label.fill_(UNLABELED)
        value = MemberSupervisedTerm(1.0, 1.0)(step)
        assert float(value) == 0
        assert sum(gradients(value, step)) == 0


class TestAgreement:
    def test_jensen_shannon_divergence_over_voxels_inside(self, store):
        step = step_of(store)
        found = AgreementTerm(1.0, 0.0)(step)
        total = count = 0.0
        for half, batch in enumerate((step.labeled, step.unlabeled)):
            inside = batch.valid.flatten().numpy()
            maps = [softmax(voxels(pair[half]))[inside] for pair in step.members]

            def entropy(p):
                return -(p * np.log(p)).sum(axis=-1)

            divergence = entropy(np.mean(maps, axis=0)) - np.mean([entropy(p) for p in maps], 0)
            total, count = total + divergence.sum(), count + inside.sum()
            assert 0 < inside.sum() < len(inside)
        assert float(found) == pytest.approx(total / count, rel=1e-4)
        assert min(gradients(found, step)) > 0

    def test_members_that_agree_have_nothing_to_learn(self, store):
        step = step_of(store)
        step.members = [step.members[0]] * 3
        assert float(AgreementTerm(1.0, 0.0)(step)) == pytest.approx(0, abs=1e-6)

    def test_nothing_inside_is_zero_and_finite(self, store):
        step = step_of(store)
        for batch in (step.labeled, step.unlabeled):
            batch.valid.fill_(False)
        value = AgreementTerm(1.0, 0.0)(step)
        assert float(value) == 0
        assert all(math.isfinite(each) for each in gradients(value, step))


class TestPseudoLabels:
    @pytest.mark.parametrize("subsets", [None, [frozenset({0}), frozenset({1}), frozenset()]])
    @pytest.mark.parametrize("threshold", [0.0, 0.45])
    def test_members_learn_what_the_others_are_sure_of(self, store, tmp_path, subsets, threshold):
        step = step_of(store, scale=3.0)
        term = started(MemberPseudoLabelTerm(threshold, 1.0, 0.0, subsets), store, tmp_path)
        parts = []
        for number in range(3):
            losses = []
            for half, batch in enumerate((step.labeled, step.unlabeled)):
                maps = [softmax(voxels(pair[half])) for pair in step.members]
                others = np.mean([p for m, p in enumerate(maps) if m != number], axis=0)
                foreign = [subsets is not None and u[0] not in subsets[number] for u in batch.units]
                for_all = np.repeat(foreign, batch.label[0].numel())
                unknown = (batch.label.flatten().numpy() == UNLABELED) | for_all
                unknown &= batch.valid.flatten().numpy()
                sure = unknown & (others.max(axis=-1) >= threshold)
                assert unknown.any() and (threshold == 0 or not (others.max(-1) >= threshold).all())
                losses.extend(-np.log(maps[number][sure, others.argmax(axis=-1)[sure]]))
            parts.append(np.mean(losses))
        found = term(step)
        assert float(found) == pytest.approx(np.mean(parts), rel=1e-4)
        assert min(gradients(found, step)) > 0

    def test_a_threshold_nobody_reaches_is_zero_and_finite(self, store, tmp_path):
        step = step_of(store)
        value = started(MemberPseudoLabelTerm(1.0, 1.0, 0.0), store, tmp_path)(step)
        assert float(value) == 0
        assert sum(gradients(value, step)) == 0

    def test_what_is_known_to_be_absent_is_not_learned(self, store, tmp_path):
        everywhere = {
            index: Knowledge(boxes=(), absent=(1, 2), looked_at=(1, 2)) for index in range(5)
        }
        step = step_of(store, scale=3.0)
        term = started(MemberPseudoLabelTerm(0.0, 1.0, 0.0), store, tmp_path)
        usual = float(term(step))
        term.knowledge = everywhere
        losses = []
        for number, (batch, members) in itertools.product(range(3), step.member_halves()):
            labels = others_labels(members, 0.0)[number]
            kept = batch.valid[:, 0] & (batch.label == UNLABELED) & (labels == 0)
            assert kept.any()
            losses.append(
                (
                    number,
                    nn.functional.cross_entropy(
                        members[number],
                        labels.masked_fill(~kept, 255),
                        ignore_index=255,
                        reduction="sum",
                    ).item(),
                    int(kept.sum()),
                )
            )
        expected = np.mean(
            [
                sum(loss for m, loss, _ in losses if m == number)
                / sum(count for m, _, count in losses if m == number)
                for number in range(3)
            ]
        )
        assert float(term(step)) == pytest.approx(expected, rel=1e-4) != usual

    def test_dense_cases_have_no_voxel_to_label(self, store, tmp_path):
        term = started(MemberPseudoLabelTerm(0.0, 1.0, 0.0), store, tmp_path)
        value = term(step_of(store, labeled=(0, 2), unlabeled=()))
        assert float(value) == 0 and value.requires_grad


class TestDisagreement:
    def test_the_view_climbs_the_cross_entropy_of_the_predicted_class(self, store):
        """Of a linear network: d CE / dx = sum_k (s_k - y_k) w_k."""
        step = step_of(store, unlabeled=())
        batch, network = step.labeled, step.student.networks[0]
        logits = network(batch.image)
        inside = batch.valid[:, 0]
        view = adversarial_view(network, batch.image, logits.argmax(dim=1), inside, 0.1)
        p = softmax(voxels(logits))
        truth = np.eye(3)[p.argmax(axis=-1)]
        slope = (p - truth) @ network.weight.detach().double().flatten().numpy()
        expected = 0.1 * np.sign(slope) * inside.flatten().numpy()
        change = (view - batch.image).flatten().numpy()
        np.testing.assert_allclose(change, expected, atol=1e-6)
        assert (change[~inside.flatten().numpy()] == 0).all()
        assert not view.requires_grad
        assert all(each.grad is None for each in network.parameters())

    def test_one_member_learns_to_withstand_what_misleads_another(self, store):
        step = step_of(store)
        misled, taught = draw_pair(3, torch.Generator().manual_seed(1))
        found = DisagreementTerm(0.2, 1.0, 0.0)(step)
        total = count = 0.0
        for half, batch in enumerate((step.labeled, step.unlabeled)):
            inside = batch.valid[:, 0]
            logits = step.members[misled][half]
            network = step.student.networks[misled]
            view = adversarial_view(network, batch.image, logits.argmax(dim=1), inside, 0.2)
            p = softmax(voxels(logits))
            q = softmax(voxels(step.student.member(taught, view)))
            divergence = (p * (np.log(p) - np.log(q))).sum(axis=-1)[inside.flatten().numpy()]
            total, count = total + divergence.sum(), count + len(divergence)
        assert float(found) == pytest.approx(total / count, rel=1e-4)
        moved = gradients(found, step)
        assert moved[taught] > 0
        assert sum(moved) == moved[taught]

    def test_works_where_gradients_are_off(self, store):
        step = step_of(store)
        with torch.no_grad():
            assert float(DisagreementTerm(0.2, 1.0, 0.0)(step)) > 0

    def test_nothing_inside_is_zero_and_finite(self, store):
        step = step_of(store)
        for batch in (step.labeled, step.unlabeled):
            batch.valid.fill_(False)
        value = DisagreementTerm(0.2, 1.0, 0.0)(step)
        assert float(value) == 0
        assert sum(gradients(value, step)) == 0

    def test_every_ordered_pair_is_drawn(self):
        generator = torch.Generator().manual_seed(0)
        drawn = {draw_pair(3, generator) for _ in range(200)}
        assert drawn == {(a, b) for a in range(3) for b in range(3) if a != b}


@pytest.mark.parametrize("subsets", [None, [frozenset({0}), frozenset({1}), frozenset()]])
def test_no_term_waits_for_the_device(store, tmp_path, monkeypatch, subsets):
    """The device "meta" has no numbers that could be asked for in the middle of a step."""
    # Mixed precision is not known on a device that is not there.
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())
    step = step_of(store)

    def moved(batch):
        names = ("image", "weak_image", "clean", "label", "valid")
        values = {name: getattr(batch, name).to("meta") for name in names}
        return dataclasses.replace(batch, **values)

    labeled, unlabeled = moved(step.labeled), moved(step.unlabeled)
    network = step.student.to("meta")
    members = [
        (network.member(m, labeled.image), network.member(m, unlabeled.image)) for m in range(3)
    ]
    there = dataclasses.replace(step, labeled=labeled, unlabeled=unlabeled, members=members)
    for term in (
        MemberSupervisedTerm(1.0, 1.0, subsets),
        AgreementTerm(1.0, 0.0),
        started(MemberPseudoLabelTerm(0.5, 1.0, 0.0, subsets), store, tmp_path),
        DisagreementTerm(0.1, 1.0, 0.0),
    ):
        value = term(there)
        value.backward(retain_graph=True)
        assert (value.shape, value.device.type) == ((), "meta")
