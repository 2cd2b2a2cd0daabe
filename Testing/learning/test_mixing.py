"""Mixtures of samples and transforms replayed on whatever belongs to a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from SemiWeakSegLib.learning.mixing import Mixture, draw_mixture
from SemiWeakSegLib.learning.replay import replay, sample_flips
from SemiWeakSegLib.learning.spatial import SpatialRanges, SpatialTransform, sample_transform


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class TestMixture:
    @pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
    def test_mixes_each_sample_with_its_partner(self, shape):
        values = torch.randn(3, 2, *shape)
        mixture = Mixture(torch.tensor([0.25, 1.0, 0.5]), torch.tensor([2, 0, 1]), (0, 0))
        found = mixture.mix(values)
        assert torch.allclose(found[0], 0.25 * values[0] + 0.75 * values[2])
        assert torch.equal(found[1], values[1])
        assert torch.allclose(found[2], (values[2] + values[1]) / 2)

    def test_labels_and_masks_follow(self):
        mixture = Mixture(torch.ones(3), torch.tensor([2, 0, 1]), (0, 0))
        label = torch.randint(0, 256, (3, 4, 4), dtype=torch.uint8)
        assert torch.equal(mixture.partner(label), label[[2, 0, 1]])
        mask = torch.rand(3, 1, 4, 4) < 0.5
        assert torch.equal(mixture.partner(mask), mask[[2, 0, 1]])

    @pytest.mark.parametrize("batch", [2, 3, 7])
    def test_nobody_is_its_own_partner_and_everyone_is_somebodys(self, batch):
        for seed in range(20):
            order = draw_mixture(batch, (4, 4), 0.2, generator(seed)).order.tolist()
            assert sorted(order) == list(range(batch))
            assert all(place != partner for place, partner in enumerate(order))

    def test_all_rings_of_three_are_drawn(self):
        orders = {
            tuple(draw_mixture(3, (4, 4), 0.2, generator(s)).order.tolist()) for s in range(30)
        }
        assert orders == {(1, 2, 0), (2, 0, 1)}

    @pytest.mark.parametrize("shape", [(8, 12), (8, 9, 16)])
    def test_a_lone_sample_is_mixed_with_itself_moved(self, shape):
        mixture = draw_mixture(1, shape, 0.2, generator())
        quarter = [n / 4 for n in shape]
        assert all(q - 1 <= s <= 3 * q + 1 for s, q in zip(mixture.shift, quarter, strict=True))
        image = torch.randn(1, 2, *shape)
        label = torch.randint(0, 3, (1, *shape))
        moved, moved_label = mixture.partner(image), mixture.partner(label)
        place = tuple(n // 2 for n in shape)
        come_from = tuple((p - s) % n for p, s, n in zip(place, mixture.shift, shape, strict=True))
        assert torch.equal(moved[(0, slice(None), *place)], image[(0, slice(None), *come_from)])
        assert moved_label[(0, *place)] == label[(0, *come_from)]

    @pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
    def test_shares_are_beta_distributed(self, alpha):
        share = draw_mixture(4000, (2, 2), alpha, generator()).share.double().numpy()
        assert stats.kstest(share, stats.beta(alpha, alpha).cdf).pvalue > 0.01
        assert ((share >= 0) & (share <= 1)).all()

    def test_the_generator_decides_everything(self):
        first, again = (draw_mixture(5, (4, 4), 0.3, generator(3)) for _ in range(2))
        other = draw_mixture(5, (4, 4), 0.3, generator(4))
        assert torch.equal(first.share, again.share)
        assert torch.equal(first.order, again.order)
        assert not torch.equal(first.share, other.share)


class TestFlips:
    @pytest.mark.parametrize(("axes", "dimensions"), [((0, 1), 2), ((1,), 2), ((0, 2), 3)])
    def test_at_least_one_of_the_axes_and_no_other_is_mirrored(self, axes, dimensions):
        matrix = sample_flips(axes, 60, dimensions, generator()).matrix
        signs = matrix.diagonal(dim1=1, dim2=2)
        assert torch.equal(torch.diag_embed(signs), matrix)
        assert ((signs == 1) | (signs == -1)).all()
        mirrored = {
            tuple(axis for axis, sign in enumerate(row) if sign < 0) for row in signs.tolist()
        }
        subsets = {axes, *((axis,) for axis in axes)}
        assert mirrored == subsets

    def test_no_axis_is_an_error(self):
        with pytest.raises(ValueError, match="at least one axis"):
            sample_flips((), 2, 2, generator())


class TestReplay:
    @pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
    def test_flips_move_voxels_and_interpolate_nothing(self, shape):
        values = torch.randn(5, 3, *shape)
        transform = sample_flips(tuple(range(len(shape))), 5, len(shape), generator())
        found, valid = replay(transform, values)
        for row in range(5):
            axes = [a for a in range(len(shape)) if transform.matrix[row, a, a] < 0]
            assert torch.equal(
                found[row],
                torch.from_numpy(np.flip(values[row].numpy(), [axis + 1 for axis in axes]).copy()),
            )
        assert valid.all()
        warped, _ = transform.apply(values)
        assert torch.allclose(found, warped, atol=1e-5)

    @pytest.mark.parametrize("elastic", [0.0, 1.0])
    def test_anything_else_is_the_transforms_own_warp(self, elastic):
        ranges = SpatialRanges(probability=1.0, mirror_axes=(0,), elastic_mm=elastic)
        transform = sample_transform(ranges, torch.ones(2, 2), generator())
        values = torch.randn(2, 3, 9, 11)
        for found, expected in zip(replay(transform, values), transform.apply(values), strict=True):
            assert torch.equal(found, expected)

    def test_bent_without_a_turn_is_not_taken_for_a_flip(self):
        still = torch.eye(2).repeat(2, 1, 1)
        transform = SpatialTransform(still, torch.randn(2, 2, 5, 5, generator=generator()))
        values = torch.randn(2, 1, 9, 9)
        assert not torch.allclose(replay(transform, values)[0], values)

    def test_gradients_pass(self):
        values = torch.randn(2, 1, 6, 6, requires_grad=True)
        replay(sample_flips((0,), 2, 2, generator()), values)[0].sum().backward()
        assert torch.equal(values.grad, torch.ones_like(values))
