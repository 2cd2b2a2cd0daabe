"""Mean field and graph cut on images: energies, fixed labels, masks, spacing, both dimensions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.crf_inference import graph_cut, mean_field, refine
from SemiWeakSegLib.learning.losses import Kernel, apply_affinity
from SemiWeakSegLib.learning.losses.grid import apply_grid
from SemiWeakSegLib.methods.inference import GraphCut, MeanField

KERNELS = [Kernel(1.0, 2.0, 0.3), Kernel(0.3, 1.5)]
CASES = [((7, 8), (1.0, 2.0)), ((4, 5, 6), (3.0, 1.0, 1.5))]
dimensions = pytest.mark.parametrize(("shape", "spacing"), CASES)


def scene(shape, classes=3, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, classes, *shape, generator=generator, dtype=torch.float64)
    image = torch.rand(batch, 1, *shape, generator=generator, dtype=torch.float64)
    return logits.softmax(dim=1), image


def noisy_disc(size=32, noise=0.15, seed=0):
    """An image with a bright disc, probabilities with much noise, and the disc."""
    generator = torch.Generator().manual_seed(seed)
    line = torch.linspace(-1, 1, size)
    disc = (line[:, None] ** 2 + line**2 < 0.35).float()
    image = 0.25 + 0.5 * disc + noise * torch.randn(size, size, generator=generator)
    logits = 1.5 * (2 * disc - 1) + 1.5 * torch.randn(size, size, generator=generator)
    foreground = logits.sigmoid()
    probabilities = torch.stack([1 - foreground, foreground])[None]
    return probabilities, image.clamp(0, 1)[None, None], disc.bool()


def free_energy(found, probabilities, weights, weight):
    """Of the formula, over flattened voxels; weights (N, N)."""
    q = found[0].flatten(1).numpy()
    p = probabilities[0].flatten(1).numpy()
    degree = weights.sum() / len(weights)
    pairs = sum(row @ weights @ row for row in q)
    return (q * np.log(np.maximum(q, 1e-300) / p)).sum() - weight / (2 * degree) * pairs


def matrix(shape, apply):
    """W by its columns."""
    count = int(np.prod(shape))
    basis = torch.eye(count, dtype=torch.float64).view(1, count, *shape)
    return apply(basis)[0].flatten(1).numpy()


class TestMeanField:
    @dimensions
    @pytest.mark.parametrize("weight", [0.5, 5.0, 50.0])
    def test_the_free_energy_falls_to_a_fixed_point(self, shape, spacing, weight):
        probabilities, image = scene(shape)
        steps = torch.tensor([spacing])
        weights = matrix(
            shape,
            lambda basis: apply_affinity(basis, image, steps, KERNELS, 1e-7),
        )
        values = [
            free_energy(
                mean_field(
                    probabilities, image, steps, KERNELS, weight, iterations=n, tolerance=1e-7
                ),
                probabilities,
                weights,
                weight,
            )
            for n in (0, 1, 2, 3, 5, 10, 30)
        ]
        assert all(b <= a + 1e-6 for a, b in itertools.pairwise(values))
        assert values[-1] < values[0]
        if weight < 10:
            near = free_energy(
                mean_field(
                    probabilities, image, steps, KERNELS, weight, iterations=60, tolerance=1e-7
                ),
                probabilities,
                weights,
                weight,
            )
            assert near == pytest.approx(values[-1], abs=0.02 * (values[0] - values[-1]))

    def test_a_fixed_point_fulfils_the_equations(self):
        """Q_i(k) ~ p_i(k) exp(weight sum_j w_ij Q_j(k) / d)."""
        probabilities, image = scene((6, 6))
        steps = torch.ones(1, 2)
        found = mean_field(
            probabilities, image, steps, KERNELS, 2.0, iterations=300, tolerance=1e-7
        )
        weights = matrix((6, 6), lambda each: apply_affinity(each, image, steps, KERNELS, 1e-7))
        q = found[0].flatten(1).numpy()
        p = probabilities[0].flatten(1).numpy()
        expected = p * np.exp(2.0 * q @ weights / (weights.sum() / 36))
        assert q == pytest.approx(expected / expected.sum(axis=0), abs=1e-4)

    def test_no_weight_changes_nothing(self):
        probabilities, image = scene((5, 5))
        found = mean_field(probabilities, image, torch.ones(1, 2), KERNELS, 0.0)
        torch.testing.assert_close(found, probabilities, atol=1e-5, rtol=0)

    def test_a_constant_labelling_stays_at_the_borders_too(self):
        _, image = scene((9, 9))
        probabilities = torch.tensor([0.1, 0.8, 0.1]).view(1, 3, 1, 1).expand(1, 3, 9, 9)
        found = mean_field(probabilities, image.float(), torch.ones(1, 2), KERNELS, 3.0)
        assert (found.argmax(dim=1) == 1).all()

    def test_noise_is_cleaned_along_the_image_s_edges(self):
        probabilities, image, disc = noisy_disc()
        wrong = (probabilities[0, 1] > 0.5) != disc
        kernels = [Kernel(1.0, 3.0, 0.2)]
        found = mean_field(probabilities, image, torch.ones(1, 2), kernels, 4.0)
        left = (found[0, 1] > 0.5) != disc
        assert wrong.float().mean() > 0.1
        assert left.float().mean() < 0.03

    def test_samples_do_not_see_each_other(self):
        probabilities, image = scene((6, 7), batch=2)
        steps = torch.tensor([[1.0, 1.0], [2.0, 0.5]])
        both = mean_field(probabilities, image, steps, KERNELS, 2.0)
        for sample in range(2):
            part = slice(sample, sample + 1)
            alone = mean_field(probabilities[part], image[part], steps[part], KERNELS, 2.0)
            torch.testing.assert_close(both[part], alone)


def cut(probabilities, image, steps, **options):
    labels = graph_cut(probabilities, image, steps, 0.2, 3.0, **options)
    return torch.nn.functional.one_hot(labels.long(), probabilities.shape[1]).movedim(-1, 1)


def field(probabilities, image, steps, **options):
    return mean_field(probabilities, image, steps, KERNELS, 3.0, **options)


both = pytest.mark.parametrize("infer", [field, cut])


@both
@dimensions
class TestFixedLabels:
    def test_voxels_keep_to_what_they_may_be(self, infer, shape, spacing):
        probabilities, image = scene(shape)
        allowed = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(1)) < 0.5
        allowed[:, 0] |= ~allowed.any(dim=1)
        found = infer(probabilities, image, torch.tensor([spacing]), allowed=allowed)
        assert not found[~allowed].any()
        assert found.isfinite().all()
        torch.testing.assert_close(found.sum(dim=1).double(), torch.ones(1, *shape).double())

    def test_annotated_voxels_pull_their_neighbours(self, infer, shape, spacing):
        probabilities = torch.full((1, 2, *shape), 0.5)
        image = torch.full((1, 1, *shape), 0.5)
        allowed = torch.ones(1, 2, *shape, dtype=torch.bool)
        allowed[(0, 0, *[0] * len(shape))] = False
        found = infer(probabilities, image, torch.tensor([spacing]), allowed=allowed)
        assert found[(0, 1, *[0] * len(shape))] == 1
        assert (found[0, 1] >= 0.5).all() or found[0, 1].sum() == 1


@both
class TestMask:
    def test_voxels_outside_keep_what_they_had_and_tell_nothing(self, infer):
        probabilities, image = scene((8, 8))
        mask = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.6
        found = infer(probabilities, image, torch.ones(1, 2), mask=mask)
        assert torch.equal(found.argmax(1)[~mask], probabilities.argmax(1)[~mask])
        other = torch.where(mask.unsqueeze(1), probabilities, probabilities.flip(1))
        again = infer(other, image, torch.ones(1, 2), mask=mask)
        torch.testing.assert_close(again.movedim(1, -1)[mask], found.movedim(1, -1)[mask])

    def test_nothing_taking_part_changes_nothing(self, infer):
        probabilities, image = scene((5, 6))
        mask = torch.zeros(1, 5, 6, dtype=torch.bool)
        found = infer(probabilities, image, torch.ones(1, 2), mask=mask)
        assert torch.equal(found.argmax(1), probabilities.argmax(1))


class TestGraphCut:
    @dimensions
    def test_it_minimises_the_energy_of_the_same_affinity_as_the_loss(self, shape, spacing):
        probabilities, image = scene(shape, classes=2)
        steps = torch.tensor([spacing]).double()
        weights = matrix(shape, lambda basis: apply_grid(basis, image, steps, 0.2))
        degree = weights.sum() / len(weights)
        labels = graph_cut(probabilities, image, steps, 0.2, 3.0)[0].flatten().numpy()

        def energy(candidate):
            own = -np.log(probabilities[0].flatten(1).numpy())
            differ = candidate[:, None] != candidate
            pairs = (weights * differ).sum() / 2
            return own[candidate, np.arange(len(candidate))].sum() + 3.0 / degree * pairs

        best, source = energy(labels), np.random.default_rng(0)
        for _ in range(300):
            candidate = labels ^ (source.random(len(labels)) < source.choice([0.02, 0.1, 0.5]))
            assert best <= energy(candidate.astype(np.uint8)) + 1e-3

    def test_neighbours_across_thick_slices_bind_less(self):
        probabilities = torch.full((1, 2, 6, 6), 0.5)
        probabilities[0, :, :3] = torch.tensor([0.6, 0.4]).view(2, 1, 1)
        probabilities[0, :, 3:] = torch.tensor([0.42, 0.58]).view(2, 1, 1)
        image = torch.full((1, 1, 6, 6), 0.5)
        thick = graph_cut(probabilities, image, torch.tensor([[8.0, 1.0]]), 0.2, 2.0)
        thin = graph_cut(probabilities, image, torch.tensor([[1.0, 8.0]]), 0.2, 2.0)
        assert thick[0].float().std() > 0
        assert thin[0].float().std() == 0


class TestRefine:
    @pytest.mark.parametrize("settings", [MeanField(), GraphCut()])
    def test_a_volume_s_slices_are_worked_on_one_by_one(self, settings):
        probabilities, image, disc = noisy_disc()
        scores = torch.cat([probabilities, probabilities.flip(1)]).transpose(0, 1)
        images = torch.cat([image, image]).transpose(0, 1)
        refined = refine(scores, images, (1.0, 1.0), settings)
        assert refined.shape == scores.shape
        labels = refined.argmax(dim=0)
        assert ((labels[0] == 1) != disc).float().mean() < 0.05
        assert ((labels[1] == 0) != disc).float().mean() < 0.05

    @pytest.mark.parametrize("settings", [MeanField(), GraphCut()])
    def test_volumes_with_more_channels_than_are_compared(self, settings):
        scores = torch.rand(3, 1, 6, 7, 8).softmax(dim=0)
        refined = refine(scores, torch.rand(4, 1, 6, 7, 8), (2.0, 1.0, 1.0), settings)
        torch.testing.assert_close(refined.sum(dim=0), torch.ones(1, 6, 7, 8))

    def test_an_unknown_kind_is_refused(self):
        with pytest.raises(TypeError, match="no inference"):
            refine(torch.rand(2, 1, 3, 3), torch.rand(1, 1, 3, 3), (1, 1), object())
