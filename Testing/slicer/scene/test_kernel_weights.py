"""The picture's weights against the operator that training applies, and its intensities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses.affinity import Kernel, apply_affinity
from SemiWeakSegLib.learning.preprocess import normalise, window_of
from SemiWeakSegLib.methods.kernel import CRFKernel
from SemiWeakSegLib.scene import kernel_weights
from SemiWeakSegLib.scene.kernel_weights import (
    KernelShape,
    automaticReach,
    intensityWindow,
    neighbourhoodOf,
)

SPACING = (3.0, 1.4, 0.8)
WINDOW = (-200.0, 600.0)
PER_VOLUME = {"scheme": "per_volume", "low_percentile": 0.5, "high_percentile": 99.5}


def image(shape=(9, 17, 23), seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.add.outer(np.arange(shape[0]), np.arange(shape[1])), range(shape[2]))
    return (30 * smooth + rng.normal(0, 60, shape) - 300).astype(np.int16)


def around(values, voxel, spacing, shape, sliceAxis=None):
    """The neighbourhood in an image (z, y, x), or in one of several channels (C, z, y, x)."""
    channels = values if values.ndim == 4 else values[np.newaxis]
    return neighbourhoodOf(channels, voxel, spacing, shape, [WINDOW] * len(channels), sliceAxis)


def row(values, voxel, spacing, shape):
    """The voxel's row of W, by applying W to that voxel alone, on the whole image (C, z, y, x)."""
    scores = torch.zeros((1, 1, *values.shape[1:]), dtype=torch.float64)
    scores[(0, 0, *voxel)] = 1.0
    scaled = (torch.tensor(values, dtype=torch.float64) - WINDOW[0]) / (WINDOW[1] - WINDOW[0])
    kernels = [Kernel(1.0, shape.sigmaSpace, shape.sigmaIntensity)]
    if shape.smoothness:
        kernels.append(Kernel(shape.smoothness, shape.smoothnessSigma))
    steps = torch.tensor([spacing], dtype=torch.float64)
    return apply_affinity(scores, scaled[None], steps, kernels, 1e-5)[0, 0].numpy()


def placed(found, shape):
    """The weights on the whole image, NaN where none was computed."""
    whole = np.full(shape, np.nan)
    box = tuple(
        slice(start, start + step * count, step)
        for start, step, count in zip(found.start, found.step, found.weights.shape, strict=True)
    )
    whole[box] = found.weights
    return whole


@pytest.mark.parametrize("voxel", [(4, 8, 11), (0, 0, 22), (8, 16, 0)])
@pytest.mark.parametrize(
    "shape", [KernelShape(4.0, 0.1), KernelShape(2.5, 0.3), KernelShape(3.0, 0.1, 0.5, 2.0)]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_they_are_the_voxel_s_row_of_the_affinity(voxel, shape, channels):
    values = np.stack([image(seed=seed) for seed in range(channels)])
    found = placed(around(values, voxel, SPACING, shape), values.shape[1:])
    wanted = row(values, voxel, SPACING, shape) / shape.highest
    inside = ~np.isnan(found)
    # The operator rounds its sigmas a little, so that its tables are shared.
    np.testing.assert_allclose(found[inside], wanted[inside], atol=0.006)
    assert found[voxel] == 0.0
    # What is left out would not be seen.
    assert wanted[~inside].max(initial=0.0) < 0.02


def test_of_slices_a_voxel_hears_its_own_only():
    values = image()
    shape = KernelShape(4.0, 0.1)
    found = around(values, (4, 8, 11), SPACING, shape, sliceAxis=1)
    assert found.start[1] == 8
    assert found.weights.shape[1] == 1
    wanted = row(values[None, :, 8], (4, 11), (SPACING[0], SPACING[2]), shape)
    whole = placed(found, values.shape)[:, 8]
    inside = ~np.isnan(whole)
    np.testing.assert_allclose(whole[inside], wanted[inside], atol=0.006)


def test_of_a_large_neighbourhood_some_voxels_are_computed_each_exactly(monkeypatch):
    values, voxel, shape = image(), (4, 9, 10), KernelShape(9.0, 0.1)
    every = placed(around(values, voxel, SPACING, shape), values.shape)
    monkeypatch.setattr(kernel_weights, "MOST_VOXELS", 300)
    found = around(values, voxel, SPACING, shape)
    assert found.weights.size <= 300
    # The finest axis is thinned first.
    assert found.step[2] >= found.step[1] >= found.step[0]
    some = placed(found, values.shape)
    inside = ~np.isnan(some)
    assert inside[voxel]
    np.testing.assert_allclose(some[inside], every[inside], atol=1e-6)


def test_values_that_are_no_numbers_are_heard_like_the_lowest():
    values = image().astype(float)
    values[4, 8, 12] = np.nan
    found = around(values, (4, 8, 11), SPACING, KernelShape(4.0, 0.1))
    assert np.isfinite(found.weights).all()


def test_settings_give_the_widths():
    settings = CRFKernel(sigma_space_mm=7.0, sigma_intensity=0.2, smoothness=0.5).to_dict()
    assert KernelShape.ofSettings(settings) == KernelShape(7.0, 0.2, 0.5, 3.0)
    assert KernelShape.ofSettings({"sigma_space_mm": 0.0, "sigma_intensity": 0.1}).reach == 0.0


def test_of_a_large_scan_only_the_reach_and_a_bounded_number_of_voxels_are_computed():
    values = image((128, 256, 256))
    near = around(values, (60, 130, 120), (2.0, 1.0, 1.0), KernelShape(10.0, 0.1))
    assert near.weights.shape == (31, 61, 61)
    far = around(values, (60, 130, 120), (2.0, 1.0, 1.0), KernelShape(90.0, 0.1))
    most = kernel_weights.MOST_VOXELS
    assert most / 8 < far.weights.size <= most


class TestWindow:
    @pytest.mark.parametrize("background", [0.0, 0.5])
    def test_an_image_is_scaled_as_training_scales_it(self, background):
        values = np.random.default_rng(1).gamma(3.0, 100.0, (30, 40, 50)).astype(np.float32)
        values.reshape(-1)[: int(background * values.size)] = 0.0
        assert_same_intensities(values, PER_VOLUME, None)
        assert_same_intensities(values, PER_VOLUME, PER_VOLUME)

    def test_ct_is_clipped_to_the_plan_s_range_first(self):
        values = np.random.default_rng(1).normal(-300, 500, (30, 40, 50)).astype(np.float32)
        scheme = {"scheme": "fixed", "low": -100.0, "high": 250.0, "mean": 40.0, "std": 60.0}
        assert_same_intensities(values, scheme, scheme)

    def test_of_a_large_image_a_sample_says_the_same(self):
        values = np.random.default_rng(2).gamma(3.0, 100.0, (80, 90, 100))
        low, high = np.percentile(values, [0.5, 99.5])
        found = intensityWindow(values)
        assert found == pytest.approx((low, high), rel=0.05)

    @pytest.mark.parametrize("value", [3.0, np.nan])
    def test_without_contrast_there_is_still_a_window(self, value):
        low, high = intensityWindow(np.full((4, 5, 6), value))
        assert np.isfinite([low, high]).all()


def assert_same_intensities(values, trained, shown):
    planned = normalise(values, trained)
    low, high = window_of(planned)
    wanted = np.clip((planned - low) / (high - low), 0, 1)
    low, high = intensityWindow(values, shown)
    np.testing.assert_allclose(np.clip((values - low) / (high - low), 0, 1), wanted, atol=0.01)


class TestAutomaticReach:
    def test_it_is_a_share_of_the_mean_extent(self):
        images = [((10, 20, 30), (2.0, 1.0, 1.0)), ((20, 20, 20), (1.0, 2.0, 0.5))]
        extents = [20, 20, 30, 20, 40, 10]
        assert automaticReach(images) == pytest.approx(0.08 * np.mean(extents))

    def test_slices_leave_an_axis_out(self):
        images = [((10, 20, 30), (2.0, 1.0, 1.0))]
        assert automaticReach(images, 0) == pytest.approx(0.08 * 25)

    def test_without_images_there_is_none(self):
        assert automaticReach([]) == 0.0
