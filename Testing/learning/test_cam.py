"""Evidence against MONAI and hand computation; erasing finds more; saliency; seeds of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from monai.visualize import CAM, GradCAM
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.cam import (
    cam,
    contrast_saliency,
    evidence,
    grad_cam,
    gradient_saliency,
    mine,
    relative,
)
from SemiWeakSegLib.learning.classifier import TagClassifier, local_levels
from SemiWeakSegLib.learning.networks import build_network, is_segmenter
from SemiWeakSegLib.learning.seeds import SeedRule, case_seeds, make_seeds
from SemiWeakSegLib.learning.tags import ABSENT, PRESENT, UNKNOWN
from Testing.learning.scans import make_plan, make_store, save

SHAPES = {2: (16, 24), 3: (8, 12, 16)}


def classifier(dimensions: int, pooling: str = "average") -> TagClassifier:
    """A small one with statistics that are not those of a fresh network, in eval mode."""
    torch.manual_seed(1)
    network = TagClassifier(
        dimensions, 2, 3, [6, 8, 10], [[2] * dimensions] * 2, pooling=pooling, shrink=2
    )
    network(torch.randn(4, 2, *SHAPES[dimensions]))
    return network.eval()


def as_it_is(maps):
    """MONAI would otherwise invert its maps."""
    return maps


def not_stretched(size):
    """MONAI would otherwise stretch its maps to the image's size."""
    return as_it_is


@pytest.mark.parametrize("dimensions", [2, 3])
class TestActivationMaps:
    def test_cam_equals_monai(self, dimensions):
        network, images = classifier(dimensions), torch.randn(1, 2, *SHAPES[dimensions])
        # MONAI wants a linear layer behind the pooling: the same weights in that form.
        linear = nn.Linear(10, 3)
        linear.weight.data = network.weigh.weight.data.flatten(1)
        linear.bias.data = network.bias.data
        pooling = nn.AdaptiveAvgPool2d(1) if dimensions == 2 else nn.AdaptiveAvgPool3d(1)
        other = nn.Sequential(network.features, pooling, nn.Flatten(), linear).eval()
        torch.testing.assert_close(other(images), network(images))
        theirs = CAM(other, "0", "3", upsampler=not_stretched, postprocessing=as_it_is)
        for k in range(3):
            # MONAI's map has the bias in every voxel.
            expected = theirs(images, class_idx=torch.tensor([k]))[:, 0] - network.bias[k]
            torch.testing.assert_close(cam(network, images)[:, k], expected, rtol=1e-4, atol=1e-5)

    def test_grad_cam_equals_monai_on_any_layer(self, dimensions):
        network, images = classifier(dimensions), torch.randn(1, 2, *SHAPES[dimensions])
        for name, layer in (("features", None), ("features.1", network.features[1])):
            theirs = GradCAM(network, name, upsampler=not_stretched, postprocessing=as_it_is)
            ours = grad_cam(network, images, layer)
            for k in range(3):
                expected = theirs(images, class_idx=k)[:, 0]
                torch.testing.assert_close(ours[:, k], expected, rtol=1e-4, atol=1e-6)

    def test_maps_do_not_depend_on_the_other_images_of_a_batch(self, dimensions):
        network, images = classifier(dimensions), torch.randn(3, 2, *SHAPES[dimensions])
        for kind in ("cam", "grad_cam"):
            alone = torch.cat([evidence(network, each[None], kind) for each in images])
            torch.testing.assert_close(evidence(network, images, kind), alone, atol=1e-5, rtol=1e-4)

    def test_evidence_has_the_size_of_the_image_and_ends_at_one(self, dimensions):
        network, images = classifier(dimensions), torch.randn(2, 2, *SHAPES[dimensions])
        maps = evidence(network, images)
        assert maps.shape == (2, 3, *SHAPES[dimensions])
        tops = maps.flatten(2).amax(dim=2)
        assert bool((maps >= 0).all())
        assert bool(((tops - 1).abs() < 1e-6).logical_or(tops == 0).all())

    def test_grad_cam_leaves_no_gradients_in_the_network(self, dimensions):
        network = classifier(dimensions)
        grad_cam(network, torch.randn(1, 2, *SHAPES[dimensions]))
        gradient_saliency(network, torch.randn(1, 2, *SHAPES[dimensions]))
        assert all(each.grad is None for each in network.parameters())


class TestClassifier:
    def test_logits_are_the_mean_of_the_maps_and_the_bias(self):
        network, images = classifier(2), torch.randn(2, 2, 16, 24)
        network.bias.data = torch.tensor([1.0, 2.0, 3.0])
        expected = network.maps(images).mean(dim=(2, 3)) + torch.tensor([1.0, 2.0, 3.0])
        torch.testing.assert_close(network(images), expected)

    def test_log_sum_exp_lies_between_mean_and_maximum_and_keeps_a_constant(self):
        network = classifier(3, "log_sum_exp")
        maps = torch.randn(2, 3, 4, 5, 6)
        pooled = network.pool(maps) - network.bias
        flat = maps.flatten(2)
        assert bool((pooled > flat.mean(dim=2)).all() and (pooled < flat.amax(dim=2)).all())
        expected = np.log(np.exp(4.0 * flat.numpy()).mean(axis=2)) / 4.0
        np.testing.assert_allclose(pooled.detach().numpy(), expected, rtol=1e-5)
        constant = network.pool(torch.full((1, 3, 4, 5, 6), 0.7)) - network.bias
        torch.testing.assert_close(constant, torch.full((1, 3), 0.7))

    @pytest.mark.parametrize("pooling", ["average", "log_sum_exp"])
    def test_what_pads_an_image_is_not_pooled(self, pooling):
        network, maps = classifier(2, pooling), torch.randn(2, 3, 4, 6)
        valid = torch.zeros(2, 1, 16, 24, dtype=torch.bool)
        valid[0, :, 4:12, 8:20], valid[1] = True, True
        pooled = network.pool(maps, valid)
        alone = network.pool(maps[:1, :, 1:3, 2:5])
        torch.testing.assert_close(pooled[:1], alone, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(pooled[1:], network.pool(maps[1:]))

    def test_in_training_too(self, tmp_path):
        """A batch of an image smaller than its patch, and the image alone."""
        array = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
        plan = make_plan(2, (16, 24), whole=True)
        store = make_store(tmp_path, [Case("a", (save(tmp_path / "a.mha", array),))], plan)
        still = make_augmentation("none", plan)
        sampler = PatchSampler(store, [0], 2, still, annotated=False)
        batch = sampler.draw(torch.Generator().manual_seed(0))
        network = TagClassifier(2, 1, 3, [2, 2], [[1, 1]]).eval()
        network.features, network.weigh = nn.Identity(), nn.Conv2d(1, 3, 1, bias=False)
        assert not batch.valid.all()
        inside = batch.image[batch.valid].reshape(2, 1, 8, 8)
        torch.testing.assert_close(network.of_batch(batch), network(inside))

    def test_thick_slices_shrink_in_the_plane_alone(self):
        strides = [[1, 2, 2], [1, 2, 2], [2, 2, 2]]
        network = TagClassifier(3, 1, 2, [4, 4, 4, 4], strides, shrink=4)
        assert network.maps(torch.zeros(2, 1, 6, 16, 24)).shape == (2, 2, 3, 4, 6)

    def test_levels_see_no_more_than_half_of_the_image(self):
        strides = [[2, 2]] * 5
        for edge in (64, 128, 256):
            levels = local_levels(strides, [edge, edge])
            network = TagClassifier(2, 1, 1, [2] * levels, strides).double().eval()
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.ones_(module.weight)
            image = torch.zeros(1, 1, edge, edge, dtype=torch.double, requires_grad=True)
            maps = network.maps(image)
            maps[0, 0, maps.shape[2] // 2, maps.shape[3] // 2].backward()
            seen = int((image.grad[0, 0].abs().sum(dim=0) > 0).sum())
            assert edge / 6 < seen <= edge / 2

    def test_at_least_two_levels_for_tiny_images(self):
        assert local_levels([[2, 2], [2, 2]], [8, 8]) == 2

    def test_is_built_from_plain_settings_and_is_no_segmenter(self):
        settings = {
            "name": "classifier",
            "dimensions": 2,
            "in_channels": 1,
            "classes": 2,
            "channels": [4, 8],
            "strides": [[2, 2]],
            "pooling": "average",
        }
        assert isinstance(build_network(settings), TagClassifier)
        assert not is_segmenter(settings)
        assert is_segmenter({"name": "unet"})

    def test_unknown_pooling_is_refused(self):
        with pytest.raises(ValueError, match="pooling 'max'"):
            TagClassifier(2, 1, 1, [4], [[2, 2]], pooling="max")


class Spots(TagClassifier):
    """Sees class 1 in bright voxels, and is sure of it while any is there."""

    def __init__(self):
        super().__init__(2, 1, 1, [1], [[1, 1]])

    def maps(self, image):
        # Brightest first, so that the plain map shows the brighter spot alone.
        return image.clamp(min=0) ** 3

    def pool(self, maps, valid=None):
        seen = maps if valid is None else maps * valid
        return (seen.flatten(2).amax(dim=2) - 0.5) * 10


class TestErasing:
    @pytest.fixture
    def image(self):
        """A bright spot and a weaker one, in an image whose median is 0."""
        image = torch.zeros(1, 1, 12, 12)
        image[0, 0, 2:4, 2:4] = 2.0
        image[0, 0, 8:10, 8:10] = 1.0
        return image

    def test_a_second_round_finds_what_the_first_outshone(self, image):
        present = torch.ones(1, 1, dtype=torch.bool)
        plain, _ = mine(Spots(), image, present)
        mined, regions = mine(Spots(), image, present, rounds=3)
        assert (plain >= 0.5).sum() == 4
        assert (mined >= 0.5).sum() == 8
        # The third look finds the class gone: nothing is added any more.
        assert [int(each.sum()) for each in regions] == [4, 8]

    def test_regions_grow_round_by_round_where_the_class_is_present(self):
        torch.manual_seed(0)
        images = torch.rand(2, 1, 12, 12) + 0.5
        maps, regions = mine(Spots(), images, torch.tensor([[True], [False]]), rounds=3)
        assert len(regions) == 4
        for before, after in itertools.pairwise(regions):
            assert bool((after | ~before).all())
            assert after.sum() > before.sum()
        assert not maps[1].any()

    def test_without_rounds_it_is_the_plain_evidence(self):
        network, images = classifier(2), torch.randn(2, 2, 16, 24)
        maps, _ = mine(network, images, torch.ones(2, 3, dtype=torch.bool))
        torch.testing.assert_close(maps, evidence(network, images))


class TestCaseSeeds:
    @pytest.mark.parametrize("saliency", ["none", "contrast", "gradient"])
    def test_seeds_lie_on_the_object_in_an_image_smaller_than_a_patch(self, saliency, tmp_path):
        array = np.zeros((7, 9), dtype=np.float32)
        array[1:4, 5:8] = 2.0
        plan = make_plan(2, (12, 16), whole=True, classes=["one"])
        store = make_store(tmp_path, [Case("a", (save(tmp_path / "a.mha", array),))], plan)
        shop = SimpleNamespace(plan=plan, store=store, device=torch.device("cpu"))
        rule = SeedRule(saliency=saliency, saliency_threshold=0.3)
        seeds = case_seeds(Spots(), shop, 0, np.array([[PRESENT]], dtype=np.int8), rule)
        assert seeds.shape == (1, 7, 9)
        found = np.argwhere(seeds[0] == 1)
        # The gradient of the maximum is that of one voxel.
        assert 1 <= len(found) <= 9
        assert bool(((found >= [1, 5]) & (found < [4, 8])).all())
        assert seeds[0, 6].tolist() == [0] * 9

    def test_bright_padding_is_no_evidence(self, tmp_path):
        array = np.full((7, 9), -1.0, dtype=np.float32)
        array[2:4, 5:7] = 2.0
        plan = make_plan(2, (12, 16), whole=True, classes=["one"])
        store = make_store(tmp_path, [Case("a", (save(tmp_path / "a.mha", array),))], plan)
        store.entries[0] = replace(store.entries[0], floor=(9.0,))
        shop = SimpleNamespace(plan=plan, store=store, device=torch.device("cpu"))
        for rule in (SeedRule(), SeedRule(rounds=2)):
            seeds = case_seeds(Spots(), shop, 0, np.array([[PRESENT]], dtype=np.int8), rule)
            assert np.array_equal(seeds[0] == 1, array == array.max())


class TestSaliency:
    def test_gradient_by_finite_differences(self):
        """Before smoothing: a voxel counts by how much the logit moves with it."""
        network, images = classifier(2).double(), torch.randn(1, 2, 8, 8, dtype=torch.double)
        inputs = images.requires_grad_()
        network(inputs)[:, 1].sum().backward()
        step = torch.zeros_like(images)
        step[0, 1, 3, 4] = 1e-5
        with torch.no_grad():
            moved = (network(images + step) - network(images - step))[0, 1] / 2e-5
        assert moved.item() == pytest.approx(images.grad[0, 1, 3, 4].item(), rel=1e-5)
        maps = gradient_saliency(network, images.detach())
        assert maps.shape == (1, 3, 8, 8)
        assert float(maps.max()) == 1.0

    def test_contrast_is_high_on_the_object_whatever_its_sign(self):
        for sign in (1.0, -1.0):
            image = torch.full((1, 1, 20, 20), 5.0)
            image[0, 0, 6:12, 6:12] += sign * 3.0
            background = torch.ones(1, 1, 20, 20, dtype=torch.bool)
            background[0, 0, 5:13, 5:13] = False
            maps = contrast_saliency(image, background)
            assert float(maps[0, 0, 8:10, 8:10].min()) > 0.9
            assert float(maps[0, 0, :3].max()) < 0.05

    def test_relative_keeps_a_map_without_evidence_at_zero(self):
        maps = torch.stack([torch.full((3, 3), -1.0), torch.full((3, 3), 0.2)])[None]
        assert torch.equal(relative(maps)[0, 0], torch.zeros(3, 3))
        assert torch.equal(relative(maps)[0, 1], torch.ones(3, 3))


class TestSeeds:
    rule = SeedRule(object_threshold=0.5, background_threshold=0.2)

    def test_thresholds_cut_object_undecided_and_background(self):
        evidence = np.array([[0.9, 0.5, 0.49, 0.2, 0.19, 0.0]])
        seeds = make_seeds(evidence, None, np.array([PRESENT]), self.rule)
        assert seeds.tolist() == [1, 1, 255, 255, 0, 0]
        assert seeds.dtype == np.uint8

    def test_the_greater_evidence_decides_between_classes(self):
        evidence = np.array([[0.9, 0.6, 0.0], [0.7, 0.8, 0.0]])
        assert make_seeds(evidence, None, np.array([1, 1]), self.rule).tolist() == [1, 2, 0]

    def test_absent_classes_get_nothing_and_leave_background(self):
        evidence = np.array([[0.9, 0.6, 0.0], [0.7, 0.8, 0.0]])
        seeds = make_seeds(evidence, None, np.array([ABSENT, ABSENT]), self.rule)
        assert seeds.tolist() == [0, 0, 0]

    def test_unknown_classes_get_nothing_but_keep_their_place_open(self):
        evidence = np.array([[0.9, 0.0, 0.0], [0.0, 0.8, 0.0]])
        seeds = make_seeds(evidence, None, np.array([PRESENT, UNKNOWN]), self.rule)
        assert seeds.tolist() == [1, 255, 0]

    def test_some_background_is_always_found(self):
        """Evidence everywhere: the tenth with the least of it."""
        evidence = np.linspace(0.3, 0.45, 20)[None]
        seeds = make_seeds(evidence, None, np.array([PRESENT]), self.rule)
        assert np.flatnonzero(seeds == 0).tolist() == [0, 1]

    def test_seeds_grow_over_what_is_salient_and_connected_and_seen(self):
        evidence = np.array([[0.1, 0.3, 0.9, 0.9, 0.3, 0.3, 0.1, 0.3]])
        saliency = np.array([[1.0, 1.0, 1.0, 0.1, 1.0, 1.0, 1.0, 1.0]])
        seeds = make_seeds(evidence, saliency, np.array([PRESENT]), self.rule)
        # Not past the gap at 3, nor at 0, where there is too little evidence.
        assert seeds.tolist() == [0, 1, 1, 255, 255, 255, 0, 255]

    def test_without_salient_core_the_evidence_stands(self):
        evidence, saliency = np.array([[0.9, 0.6, 0.0]]), np.zeros((1, 3))
        assert make_seeds(evidence, saliency, np.array([1]), self.rule).tolist() == [1, 1, 0]
