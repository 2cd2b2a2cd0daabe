"""The networks that tell sizes: their start, and images too small to be halved five times."""

from __future__ import annotations

import itertools

import pytest
import torch

from SemiWeakSegLib.learning.networks import RoomyConvolution, build_network
from SemiWeakSegLib.learning.plan import PlanError
from SemiWeakSegLib.learning.recipes import plan_run
from SemiWeakSegLib.learning.short_floats import autocast
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import CurriculumSize
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Images of a few pixels."""
    return make_cohort(tmp_path_factory.mktemp("cohort"), shape=(12, 14), labeled=4)


def regressor(backbone, dimensions):
    torch.manual_seed(0)
    described = {"name": "size_regressor", "dimensions": dimensions, "in_channels": 1}
    return build_network({**described, "classes": 2, "backbone": backbone})


@pytest.mark.usefixtures("short_floats")
@pytest.mark.parametrize(
    ("backbone", "grid"),
    [
        *itertools.product(("small", "resnet18"), ((8, 9), (5, 8, 12), (7, 3, 8))),
        ("seresnext101", (40, 40)),
        ("seresnext101", (6, 40, 40)),
    ],
)
def test_they_start_at_the_mean_and_learn_from_small_images(backbone, grid):
    network = regressor(backbone, len(grid))
    image, position = torch.randn(2, 1, *grid), torch.tensor([0.2, 0.7])
    layers = list(network.modules())
    first = next(each for each in layers if isinstance(each, torch.nn.Conv2d | torch.nn.Conv3d))
    last = [each for each in layers if isinstance(each, torch.nn.Linear)][-1]
    for start in (True, False):
        if not start:
            # At its start the last layer is zero, and lets no gradient through.
            torch.nn.init.normal_(last.weight)
        with autocast(torch.device("cpu")):
            sizes = network(image, position).float()
        assert torch.equal(sizes, torch.ones(2, 2)) == start
    sizes.square().sum().backward()
    assert all(torch.isfinite(weights.grad).all() for weights in network.parameters())
    assert first.weight.grad.abs().max() > 0


@pytest.mark.filterwarnings("ignore:TF32")
@pytest.mark.parametrize("length", range(1, 11))
def test_zeros_beyond_short_volumes_change_nothing(length):
    torch.manual_seed(0)
    plain = torch.nn.Conv3d(2, 8, 7, 2, 3, bias=False)
    image = torch.randn(2, 2, length, 6, 9)
    found = []
    for layer in (RoomyConvolution(plain), plain):
        sent = image.clone().requires_grad_()
        plain.weight.grad = None
        # The plain one by the library's own loops, which are slow and right.
        with torch.backends.mkldnn.flags(enabled=layer is not plain):
            out = layer(sent)
            out.square().mean().backward()
        found.append((out, sent.grad, plain.weight.grad.clone()))
    for roomy, expected in zip(*found, strict=True):
        assert roomy.shape == expected.shape
        assert torch.allclose(roomy, expected, rtol=1e-4, atol=1e-6)


def test_the_small_one_halves_until_two_voxels_are_left():
    network = regressor("small", 2).backbone
    seen = []
    for layer in network:
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.register_forward_hook(lambda _, __, found: seen.append(tuple(found.shape[2:])))
    for grid, expected in (
        ((64, 40), [(32, 20), (16, 10), (8, 5), (4, 3)]),
        ((16, 12), [(8, 6), (4, 3), (2, 2), (2, 2)]),
        ((5, 1), [(3, 1), (2, 1), (2, 1), (2, 1)]),
    ):
        seen.clear()
        network(torch.randn(1, 2, *grid))
        assert seen == expected


@pytest.mark.parametrize("regressor", ["small", "resnet18"])
def test_sizes_are_learned_from_images_of_a_few_pixels(tmp_path, cohort, regressor):
    kinds = [event["kind"] for event in train(tmp_path, cohort, {"regressor": regressor})]
    assert kinds[-1] == "finished" and "warning" not in kinds


def train(folder, cohort, settings, **request):
    """The events of a short run of `curriculum_size`."""
    settings = {"folds": 2, **settings}
    run = make_run(folder / "run", cohort, "curriculum_size", settings=settings, steps=4, **request)
    work(run)
    return EventLog(run.events_path).read()[0]


class TestBatchesOfOne:
    """Batch normalisation of one image that is a single voxel at the bottom of the network."""

    @pytest.mark.parametrize("regressor", ["resnet18", "seresnext101"])
    def test_they_are_refused_before_work_starts(self, cohort, regressor):
        settings = CurriculumSize(regressor=regressor)
        with pytest.raises(PlanError, match=f"batch_labeled=1: regressor={regressor} needs 2"):
            plan_run(cohort, settings, [], {"batch_labeled": 1}, "cpu")

    @pytest.mark.parametrize(
        ("settings", "overrides"),
        [
            ({"regressor": "small"}, {"batch_labeled": 1}),
            ({"sizes_from": "segmenter"}, {"batch_labeled": 1}),
            ({}, {"batch_labeled": 1, "patch_size": "16,48"}),
            ({}, {"batch_labeled": 2}),
        ],
    )
    def test_all_others_train(self, tmp_path, cohort, settings, overrides):
        assert train(tmp_path, cohort, settings, plan=overrides)[-1]["kind"] == "finished"
