"""The Π-model and the noisy views it compares."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning.batches import NO_AUGMENTATION, make_augmentation
from SemiWeakSegLib.learning.intensity import IntensityRanges, perturb
from SemiWeakSegLib.learning.terms import PiModelTerm
from SemiWeakSegLib.learning.views import noisy_view
from SemiWeakSegLib.methods.consistency_terms import PiModelTerm as PiModelSettings
from Testing.learning.scans import make_plan
from Testing.learning.steps import (
    Neighbours,
    make_batch,
    make_context,
    make_step,
    smooth_images,
    total_gradient,
)

SHAPES = [(14, 18), (8, 10, 12)]


def batch_of(shape, seed=0, **kept):
    return make_batch(smooth_images(shape, seed=seed), **kept)


def pi_model(augmentation=NO_AUGMENTATION, **settings):
    term = PiModelTerm(PiModelSettings(**settings), 1.0)
    term.start(make_context((14, 18), augmentation=augmentation)[0])
    return term


class TestPiModel:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("distance", ["l2", "kl"])
    def test_compares_two_noisy_views_inside_the_images(self, shape, distance):
        student = Neighbours(len(shape))
        valid = torch.ones(2, 1, *shape, dtype=torch.bool)
        valid[:, :, 5:] = False
        halves = [batch_of(shape), batch_of(shape, 1, valid=valid)]
        value = pi_model(distance=distance)(make_step(student, *halves))
        source = torch.Generator().manual_seed(0)
        found = []
        for half in halves:
            noisy = perturb(half.clean, IntensityRanges(), source)
            with torch.no_grad():
                p = student(noisy).double().softmax(dim=1).numpy()
                q = student(half.image).double().softmax(dim=1).numpy()
            each = ((p - q) ** 2).sum(axis=1)
            if distance == "kl":
                each = (p * np.log(p / q)).sum(axis=1)
            found.append(each[half.valid[:, 0].numpy()])
        assert value.item() == pytest.approx(np.concatenate(found).mean(), rel=1e-4)
        assert value.item() > 1e-4

    def test_both_views_learn_or_the_first_alone(self):
        slopes = {}
        for gradient in ("both", "one"):
            step = make_step(Neighbours(2), batch_of((14, 18)), None)
            pi_model(gradient=gradient)(step).backward()
            slopes[gradient] = step.student.convolution.weight.grad.clone()
            step.student.zero_grad()
            make_step(step.student, step.labeled, None).labeled_logits.backward(
                step.labeled_logits.grad
            )
            through_first = step.student.convolution.weight.grad
            assert torch.allclose(slopes[gradient], through_first) == (gradient == "one")
        assert not torch.allclose(slopes["both"], slopes["one"])

    def test_dropout_is_noise_too(self):
        still = SimpleNamespace(
            weak=IntensityRanges(noise=0, brightness=0, contrast=(1, 1), gamma=(1, 1))
        )
        plain, dropping = Neighbours(2), nn.Sequential(Neighbours(2), nn.Dropout(0.5)).train()
        term = pi_model(still)
        assert term(make_step(plain, batch_of((14, 18)), None)).item() == pytest.approx(0)
        assert term(make_step(dropping, batch_of((14, 18)), None)).item() > 0.01

    def test_acts_on_all_cases_or_on_unlabeled_ones(self):
        term = pi_model(on="unlabeled_cases")
        batch = batch_of((14, 18))
        step = make_step(Neighbours(2), batch, None)
        value = term(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0
        alone = term(make_step(Neighbours(2), None, batch))
        both = term(make_step(Neighbours(2), batch_of((14, 18), 3), batch))
        torch.testing.assert_close(both, alone)
        assert term.uses_unlabeled

    def test_nothing_inside_gives_nought_with_a_gradient_path(self):
        valid = torch.zeros(2, 1, 14, 18, dtype=torch.bool)
        step = make_step(Neighbours(2), batch_of((14, 18), valid=valid), None)
        value = pi_model()(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0


class TestNoisyView:
    @pytest.mark.parametrize("name", ["light", "standard"])
    def test_is_as_weak_as_the_stage_says(self, name):
        batch = batch_of((14, 18))
        augmentation = make_augmentation(name, make_plan(2, (14, 18)))
        found = noisy_view(batch, augmentation, torch.Generator().manual_seed(2))
        expected = perturb(batch.clean, augmentation.weak, torch.Generator().manual_seed(2))
        assert torch.equal(found, expected)

    def test_a_stage_without_noise_still_gets_other_views(self):
        batch, source = batch_of((14, 18)), torch.Generator().manual_seed(0)
        views = [noisy_view(batch, NO_AUGMENTATION, source) for _ in range(6)]
        assert any(not torch.equal(view, batch.clean) for view in views)
        assert any(not torch.equal(view, views[0]) for view in views[1:])
