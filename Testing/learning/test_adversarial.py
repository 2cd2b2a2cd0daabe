"""Adversarial terms: who is judged by whom, on which voxels, and who learns from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.saved_model import load_tensors, save_tensors
from SemiWeakSegLib.learning.terms import StageContext, Step, adversary, make_term
from SemiWeakSegLib.methods.adversarial_terms import (
    AdversarialSelfTrainingTerm,
    AdversarialTerm,
)
from SemiWeakSegLib.methods.menu import get
from SemiWeakSegLib.methods.terms import TermRequest, parse_term
from Testing.learning.scans import make_store, plan_of_patch, save

DENSE, SCRIBBLED, UNLABELED_CASE = 0, 1, 2
SHAPES = {2: (20, 24), 3: (8, 14, 16)}
PATCHES = {2: (12, 12), 3: (6, 12, 12)}
SMALL = {"discriminator_width": 8}


@pytest.fixture(params=[2, 3])
def dims(request):
    """2-D and 3-D."""
    return request.param


@pytest.fixture
def store(tmp_path, dims):
    """A dense, a scribbled and an unlabeled case, wider than the patch."""
    source = np.random.default_rng(0)
    cases = []
    for name in ("dense", "scribbled", "unlabeled"):
        image = save(tmp_path / f"{name}.mha", source.normal(size=SHAPES[dims]).astype(np.float32))
        label = source.integers(0, 3, SHAPES[dims]).astype(np.uint8)
        if name == "scribbled":
            label[..., 6:] = 255
        path = None if name == "unlabeled" else save(tmp_path / f"{name}_l.mha", label)
        cases.append(Case(name, (image,), label=path))
    return make_store(tmp_path, cases, plan_of_patch(PATCHES[dims]))


def context_of(store, said=None, **kept):
    def emit(kind, **fields):
        if said is not None:
            said.append((kind, fields["message"]))

    torch.manual_seed(0)
    plan = store.plan
    return StageContext(
        plan,
        store,
        store.entries[0].folder,
        torch.device("cpu"),
        augmentation=make_augmentation("none", plan),
        emit=emit,
        **kept,
    )


def step_of(store, labeled=DENSE, *, unlabeled=UNLABELED_CASE, progress=1.0, seed=0):
    """Patches 3 and 2 at a time, so that what broadcasts across the batch is found out."""
    torch.manual_seed(seed)
    kind = nn.Conv2d if store.plan.dimensions == 2 else nn.Conv3d
    student = kind(1, 3, 3, padding=1)
    generator = torch.Generator().manual_seed(seed)
    batches, logits = [], []
    for case, size in ((labeled, 3), (unlabeled, 2)):
        batch = None
        if case is not None:
            augmentation = make_augmentation("none", store.plan)
            annotated = case != UNLABELED_CASE
            sampler = PatchSampler(store, [case], size, augmentation, annotated=annotated)
            batch = sampler.draw(generator)
        batches.append(batch)
        logits.append(None if batch is None else student(batch.image) * 3)
        if batch is not None:
            logits[-1].retain_grad()
    return Step(progress, *batches, *logits, student, None, generator)


def started(settings, store, said=None, weight=1.0, **kept):
    term = make_term(TermRequest(settings.name, weight, settings), dimensions=2)
    term.start(context_of(store, said, **kept))
    return term


def scores_of(term, maps):
    with torch.no_grad():
        return term.adversary.network.eval()(maps).double().numpy()


def half_outside(batch):
    """The batch as if the last half of every patch lay outside the image."""
    valid = batch.valid.clone()
    valid[..., valid.shape[-1] // 2 :] = False
    return replace(batch, valid=valid)


def nothing_inside(batch):
    return replace(batch, valid=torch.zeros_like(batch.valid))


def weights_of(term):
    return [each.detach().clone() for each in term.adversary.network.parameters()]


def moved(before, after):
    return [not torch.equal(*pair) for pair in zip(before, after, strict=True)]


class TestAdversarial:
    @pytest.mark.parametrize("see_image", [True, False])
    @pytest.mark.parametrize("criterion", ["bce", "least_squares", "hinge", "wasserstein"])
    def test_the_value_is_how_badly_unlabeled_maps_pass(self, store, criterion, see_image):
        term = started(AdversarialTerm(criterion, see_image=see_image, **SMALL), store)
        step = step_of(store)
        step.unlabeled = half_outside(step.unlabeled)
        maps = step.unlabeled_logits.detach().softmax(dim=1) * step.unlabeled.valid
        if see_image:
            maps = torch.cat([maps, step.unlabeled.clean], dim=1)
        f = scores_of(term, maps)[:, 0]
        expected = {
            "bce": np.log1p(np.exp(-f)),
            "least_squares": (f - 1) ** 2,
            "hinge": -f,
            "wasserstein": -f,
        }[criterion].mean()
        assert term(step).item() == pytest.approx(expected, rel=1e-5)

    def test_the_segmenter_learns_on_unlabeled_cases_inside_the_image_alone(self, store):
        term = started(AdversarialTerm(**SMALL), store)
        step = step_of(store)
        step.unlabeled = half_outside(step.unlabeled)
        term(step).backward()
        gradient = step.unlabeled_logits.grad
        inside = step.unlabeled.valid.expand_as(gradient)
        assert gradient[inside].abs().sum() > 0
        assert not gradient[~inside].any()
        assert step.labeled_logits.grad is None
        assert all(each.grad is None for each in term.adversary.network.parameters())

    def test_its_own_step_does_not_reach_the_segmenter(self, store):
        term = started(AdversarialTerm(**SMALL), store)
        step = step_of(store)
        term(step)
        before = weights_of(term)
        term.after_step(step)
        assert all(moved(before, weights_of(term)))
        assert all(each.grad is None for each in step.student.parameters())
        assert not any(each.requires_grad for each in term.adversary.network.parameters())

    def test_maps_of_annotated_cases_become_the_real_ones(self, store):
        """A student that says class 0 in one case and class 1 in the other is told apart."""

        class ByCase(nn.Module):
            def forward(self, image):
                logits = torch.zeros(len(image), 3, *image.shape[2:])
                logits[:, 0] = 3.0
                return logits

        settings = AdversarialTerm(see_image=False, discriminator_rate=1e-2, **SMALL)
        term = started(settings, store)
        for seed in range(30):
            step = step_of(store, seed=seed)
            step.student = ByCase()
            wrong = torch.zeros_like(step.unlabeled_logits)
            wrong[:, 1] = 3.0
            step.unlabeled_logits = wrong.requires_grad_()
            value = term(step)
            term.after_step(step)
        value.backward()
        assert value > 1
        # What is asked of the unlabeled maps is to look like those of the annotated cases.
        assert step.unlabeled_logits.grad[:, 0].mean() < 0 < step.unlabeled_logits.grad[:, 1].mean()

    def test_maps_of_annotated_cases_are_predicted_on_patches_drawn_like_the_others(self, store):
        """Supervision looks at annotated voxels (the left edge here), the adversary anywhere."""
        term = started(AdversarialTerm(**SMALL), store)
        supervised, own = [], []
        for seed in range(12):
            step = step_of(store, SCRIBBLED, seed=seed)
            like = term._like_unlabeled(step)
            assert {case for case, _ in like.units} == {SCRIBBLED}
            assert len(like) == len(step.unlabeled)
            supervised += step.labeled.centres[:, -1].tolist()
            own += like.centres[:, -1].tolist()
        assert max(supervised) < max(own)

    def test_both_are_seen_through_the_same_view(self, store):
        """Where a term asks for strong views of unlabeled cases, the others get them too."""
        term = started(AdversarialTerm(**SMALL), store)
        step = step_of(store)
        like = term._like_unlabeled(step)
        assert like.image is like.weak_image
        step.unlabeled = replace(step.unlabeled, image=step.unlabeled.image + 1)
        like = term._like_unlabeled(step)
        assert not torch.equal(like.image, like.weak_image)

    @pytest.mark.parametrize("labeled, unlabeled", [(None, UNLABELED_CASE), (DENSE, None)])
    def test_one_half_alone_gives_nought(self, store, labeled, unlabeled):
        term = started(AdversarialTerm(**SMALL), store)
        step = step_of(store, labeled, unlabeled=unlabeled)
        before = weights_of(term)
        value = term(step)
        value.backward()
        term.after_step(step)
        assert value.item() == 0
        assert not any(moved(before, weights_of(term)))


class TestSelfTraining:
    @pytest.mark.parametrize("labeled", [DENSE, SCRIBBLED])
    @pytest.mark.parametrize("criterion", ["bce", "least_squares", "hinge", "wasserstein"])
    def test_the_value_is_that_of_the_paper(self, store, criterion, labeled):
        settings = AdversarialSelfTrainingTerm(criterion, threshold=0.5, **SMALL)
        term = started(settings, store)
        term.adversary.usual, term.adversary.updates = torch.tensor([-0.05, 0.1]), 10**4
        step = step_of(store, labeled)
        step.labeled, step.unlabeled = half_outside(step.labeled), half_outside(step.unlabeled)
        known, unknown, others = [], [], []
        for batch, logits in step.halves("all"):
            probabilities = logits.detach().softmax(dim=1)
            f = scores_of(term, probabilities * batch.valid)[:, 0]
            fool = {
                "bce": np.log1p(np.exp(-f)),
                "least_squares": (f - 1) ** 2,
                "hinge": -f,
                "wasserstein": -f,
            }[criterion]
            real = {
                "bce": 1 / (1 + np.exp(-f)),
                "least_squares": f,
                "hinge": (f + 1) / 2,
                "wasserstein": (f + 0.05) / 0.1,
            }[criterion]
            valid, label = batch.valid[:, 0].numpy(), batch.label.numpy()
            known += fool[valid & (label != 255)].tolist()
            unknown += fool[valid & (label == 255)].tolist()
            passing = valid & (label == 255) & (real > 0.5)
            others += (-probabilities.max(dim=1).values.log().numpy()[passing]).tolist()
        expected = 0.01 * np.mean(known) + 0.001 * np.mean(unknown)
        if others:
            expected += 0.1 * np.mean(others)
        assert term(step).item() == pytest.approx(expected, rel=1e-4)
        if criterion in ("bce", "wasserstein"):
            assert others

    def test_without_a_voxel_that_passes_the_adversary_still_trains(self, store):
        term = started(AdversarialSelfTrainingTerm(threshold=1.0, **SMALL), store)
        step = step_of(store)
        before = weights_of(term)
        term(step).backward()
        term.after_step(step)
        assert step.unlabeled_logits.grad.abs().sum() > 0
        assert step.labeled_logits.grad.abs().sum() > 0
        assert all(moved(before, weights_of(term)))

    def test_self_training_waits(self, store):
        settings = AdversarialSelfTrainingTerm(
            annotated_weight=0.0, unlabeled_weight=0.0, threshold=0.0, **SMALL
        )
        values = [
            started(settings, store)(step_of(store, progress=progress)).item()
            for progress in (0.24, 0.25)
        ]
        assert values[0] == 0
        assert values[1] > 0

    def test_the_discriminator_learns_where_the_truth_is_known(self, store):
        """Logits and labels of other voxels change nothing in its update."""
        after = []
        for change in (0.0, 5.0):
            term = started(AdversarialSelfTrainingTerm(**SMALL), store)
            step = step_of(store, SCRIBBLED)
            unknown = (step.labeled.label == 255).unsqueeze(1)
            assert unknown.any()
            step.labeled_logits = step.labeled_logits.detach().clone()
            step.labeled_logits[:, :1] += change * unknown
            term(step)
            term.after_step(step)
            after.append(weights_of(term))
        assert not any(moved(*after))

    def test_background_that_may_be_a_class_nobody_looked_for_is_not_a_truth(self, store):
        term = started(AdversarialSelfTrainingTerm(**SMALL), store)
        step = step_of(store)
        looked_at = torch.tensor([[True, True, False], [True, True, True], [True, False, True]])
        step.labeled = replace(step.labeled, looked_at=looked_at)
        term(step)
        true, predicted, known = term.coming
        label = step.labeled.label
        partial = torch.tensor([True, False, True]).reshape(-1, *[1] * (label.ndim - 1))
        assert torch.equal(known[:, 0], ~(partial & (label == 0)))
        for maps in (true, predicted):
            assert torch.equal(maps.sum(dim=1) > 0, known[:, 0])

    @pytest.mark.parametrize("labeled", [None, DENSE])
    def test_softened_truth_differs_where_the_prediction_is_wrong_or_unsure(self, store, labeled):
        term = started(AdversarialSelfTrainingTerm(true_maps="softened", **SMALL), store)
        step = step_of(store, labeled)
        assert term(step).isfinite()
        if labeled is None:
            assert term.coming is None
            return
        true, predicted, _ = term.coming
        correct = predicted.gather(1, step.labeled.label.unsqueeze(1))
        assert torch.equal((true != predicted).any(dim=1, keepdim=True), correct < 0.9)

    def test_without_a_dense_training_case_it_says_so(self, store):
        said = []
        store.cases = [replace(store.cases[0], role="validation"), *store.cases[1:]]
        started(AdversarialSelfTrainingTerm(**SMALL), store, said)
        assert len(said) == 1
        assert "no case is fully labeled" in said[0][1]

    def test_a_case_in_which_a_class_was_not_looked_for_is_no_whole_truth(self, store):
        said = []
        store.cases = [replace(store.cases[0], looked_at=(1,)), *store.cases[1:]]
        started(AdversarialSelfTrainingTerm(**SMALL), store, said)
        assert "no case is fully labeled" in said[0][1]


@pytest.mark.parametrize("name", ["adversarial", "adversarial_self_training"])
class TestBoth:
    def test_patches_outside_the_image_give_nought(self, store, name):
        term = started(parse_term(f"{name},discriminator_width=8").settings, store)
        step = step_of(store)
        step.labeled, step.unlabeled = map(nothing_inside, (step.labeled, step.unlabeled))
        value = term(step)
        value.backward()
        term.after_step(step)
        assert value.item() == 0
        assert step.unlabeled_logits.grad is not None
        assert not step.unlabeled_logits.grad.any()
        assert all(each.isfinite().all() for each in weights_of(term))

    def test_a_step_that_overflowed_does_not_spoil_the_discriminator(self, store, name):
        term = started(parse_term(f"{name},discriminator_width=8").settings, store)
        step = step_of(store)
        for logits in (step.labeled_logits, step.unlabeled_logits):
            logits.data[0] = torch.inf
        term(step)
        term.after_step(step)
        assert all(each.isfinite().all() for each in weights_of(term))

    @pytest.mark.parametrize("criterion", ["bce", "wasserstein"])
    def test_a_restored_term_goes_on_alike_to_the_bit(self, store, name, criterion, tmp_path):
        settings = parse_term(f"{name},discriminator_width=8,criterion={criterion}").settings
        terms = [started(settings, store)]
        for seed in range(3):
            step = step_of(store, seed=seed)
            terms[0](step)
            terms[0].after_step(step)
        save_tensors(tmp_path / "state.pt", {"terms": [terms[0].state_dict()]})
        torch.manual_seed(5)
        terms.append(make_term(TermRequest(name, 1.0, settings), dimensions=2))
        terms[1].start(context_of(store))
        terms[1].load_state_dict(load_tensors(tmp_path / "state.pt")["terms"][0])
        values = []
        for term in terms:
            for seed in (7, 8):
                step = step_of(store, seed=seed)
                values.append(term(step).item())
                term.after_step(step)
        assert values[:2] == values[2:]
        assert not any(moved(*map(weights_of, terms)))

    def test_processes_start_alike_and_share_every_update(self, store, name):
        calls = []
        term = started(
            parse_term(f"{name},discriminator_width=8").settings,
            store,
            copy_from_main=lambda network: calls.append("copied"),
            average_gradients=lambda network: calls.append(
                all(each.grad is not None for each in network.parameters())
            ),
        )
        step = step_of(store)
        term(step)
        term.after_step(step)
        assert calls == ["copied", True]

    def test_method_and_term_have_the_same_settings_and_defaults(self, name, store):
        added = parse_term(name)
        assert get(name)().request() == replace(added, weight=added.weight_on(2))

    def test_a_critic_must_be_limited(self, name, store):
        settings = replace(parse_term(name).settings, criterion="wasserstein", gradient_penalty=0.0)
        assert "nothing limits the discriminator" in settings.validate()[0]
        assert len(get(name)(criterion="wasserstein", gradient_penalty=0.0).validate()) == 1
        assert not replace(settings, spectral_norm="on").validate()


@pytest.mark.parametrize("dims", [2], indirect=True)
class TestCritic:
    def test_scores_count_from_those_of_the_latest_other_maps(self, store):
        """All scores of a critic wander together; how far the two kinds lie apart does not."""
        term = started(AdversarialSelfTrainingTerm("wasserstein", **SMALL), store)
        judge = term.adversary
        mask = torch.ones(2, 1, dtype=torch.bool)
        for place in (0.0, 50.0, -30.0):
            scores = torch.full((2, 1), place)
            judge._note(step_of(store), scores + 4, scores, mask, mask, 2.0)
            found = judge.realness(place + torch.tensor([0.0, 2.0, 4.0]))
            torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 1.0]))

    def test_usual_scores_are_means_without_the_bias_of_their_start(self, store):
        settings = AdversarialSelfTrainingTerm("wasserstein", **SMALL)
        term = started(settings, store)
        judge = term.adversary
        step = step_of(store)
        mask = torch.ones(2, 1, dtype=torch.bool)
        for _ in range(3):
            judge._note(step, torch.full((2, 1), 3.0), torch.full((2, 1), -1.0), mask, mask, 2.0)
        found = judge.realness(torch.tensor([-1.0, 1.0, 3.0]))
        torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 1.0]))

    @pytest.mark.parametrize("criterion", ["bce", "least_squares", "hinge", "wasserstein"])
    def test_every_criterion_tells_two_kinds_of_maps_apart(self, store, criterion):
        settings = AdversarialTerm(criterion, discriminator_rate=3e-3, see_image=False, **SMALL)
        term = started(settings, store)
        step = step_of(store)
        torch.manual_seed(0)
        shift = torch.tensor([2.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
        real, fake = (
            torch.softmax(torch.randn(4, 3, 12, 12) + sign * shift, dim=1) for sign in (1, -1)
        )
        mask = torch.ones(4, 1, dtype=torch.bool)
        for _ in range(60):
            term.adversary.learn(step, real, fake, mask, mask, ramp=0.0)
        assert (term.adversary.realness(torch.tensor(scores_of(term, real))) > 0.5).all()
        assert (term.adversary.realness(torch.tensor(scores_of(term, fake))) < 0.5).all()


@pytest.mark.parametrize("dims", [2], indirect=True)
class TestWatch:
    def watch(self, store, settings=None, **kept):
        said = []
        settings = settings or AdversarialTerm()
        return adversary.Watch(settings, context_of(store, said, **kept), "adversarial"), said

    def note(self, watch, real, other, windows=1, present=1.0):
        hits = torch.tensor([real, 1.0, other, 1.0]) * present
        for _ in range(windows * adversary.WINDOW):
            watch.note(hits, 0.5)

    @pytest.mark.parametrize(
        "real, other, words",
        [
            (1.0, 0.99, "always wins"),
            (1.0, 0.0, "no better than by guessing"),
            (0.5, 0.5, "too weak"),
            (0.9, 0.8, None),
        ],
    )
    def test_it_speaks_once_and_says_what_to_do(self, store, real, other, words):
        watch, said = self.watch(store)
        self.note(watch, real, other, windows=3)
        assert len(said) == (words is not None)
        for kind, message in said:
            assert kind == "warning"
            assert words in message
            assert "discriminator_rate" in message

    def test_winning_and_losing_are_said_each(self, store):
        watch, said = self.watch(store)
        for right in (1.0, 0.5, 0.5, 1.0):
            self.note(watch, right, right)
        assert len(said) == 2

    def test_one_window_of_guessing_is_not_yet_lost(self, store):
        """The discriminator may only have begun; a resumed run remembers the window."""
        watch, said = self.watch(store)
        for right in (0.5, 0.9, 0.5):
            self.note(watch, right, right)
        assert not said
        again, more = self.watch(store)
        again.load_state_dict(watch.state_dict())
        self.note(again, 0.5, 0.5)
        assert len(more) == 1

    def test_a_window_that_is_not_full_says_nothing(self, store):
        watch, said = self.watch(store)
        for _ in range(adversary.WINDOW - 1):
            watch.note(torch.ones(4), 0.5)
        assert not said

    @pytest.mark.parametrize("steps, judged", [(40, [10, 10, 10]), (165, [18, 18]), (900, [])])
    def test_a_short_stage_is_judged_by_a_tenth_of_it(self, store, steps, judged):
        watch, _ = self.watch(store)
        found = []
        watch._judge = lambda right, over: found.append(over)
        for step in range(36):
            watch.note(torch.ones(4), 0.2 + step / steps)
        assert found == judged

    def test_a_window_without_maps_says_nothing(self, store):
        watch, said = self.watch(store)
        self.note(watch, 1.0, 1.0, present=0.0)
        assert not said

    def test_a_critic_may_win(self, store):
        watch, said = self.watch(store, AdversarialTerm("wasserstein"))
        self.note(watch, 1.0, 1.0)
        assert not said

    def test_advice_fits_the_term(self, store):
        for settings, words in (
            (AdversarialTerm(), "see_image to false"),
            (AdversarialSelfTrainingTerm(), "true_maps to softened"),
        ):
            watch, said = self.watch(store, settings)
            self.note(watch, 1.0, 1.0)
            assert words in said[0][1]

    def test_the_hits_of_all_processes_count(self, store):
        watch, said = self.watch(store, average=lambda sums: sums * torch.tensor([0.5, 1, 0.5, 1]))
        self.note(watch, 1.0, 1.0, windows=2)
        assert "50.0 %" in said[0][1]

    def test_what_was_said_is_not_said_again_after_a_resume(self, store):
        watch, said = self.watch(store)
        self.note(watch, 1.0, 1.0)
        for _ in range(7):
            watch.note(torch.ones(4), 0.5)
        again, more = self.watch(store)
        again.load_state_dict(watch.state_dict())
        assert again.steps == 7
        self.note(again, 1.0, 1.0)
        assert len(said) == 1
        assert not more

    @pytest.mark.parametrize("ramp, from_then", [(0.3, 0.3), (1.0, 0.5)])
    def test_nothing_is_judged_before_the_weight_is_up_or_half_the_stage_over(
        self, store, ramp, from_then
    ):
        term = started(AdversarialTerm(ramp=ramp, **SMALL), store)
        for progress, expected in ((from_then - 0.01, 0), (from_then + 0.01, 1)):
            step = step_of(store, progress=progress)
            term(step)
            term.after_step(step)
            assert term.adversary.watch.steps == expected
