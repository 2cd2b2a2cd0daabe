"""Centroid and spread: regressed, judged, bounded, and used; and sizes that a cohort states."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.cohort.images import read_label, write_label
from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.attributes import label_attributes
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.moments import (
    MomentBounds,
    describe_errors,
    moment_errors,
    nan_mean,
    plan_bounds,
    predict_moments,
    start_moments,
)
from SemiWeakSegLib.learning.networks import build_network
from SemiWeakSegLib.learning.terms import SizeRegressionTerm, Step
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.scans import Threshold, ball, make_plan, make_store, save
from Testing.learning.test_priors_and_sizes import make_workshop
from Testing.learning.test_training import Interrupted, final_weights, interrupt_after
from Testing.learning.tiny import make_cohort, make_run

BOTH = ("centroid", "spread")
SPACING = (2.0, 1.0)


def make_regressor(dimensions=2, moments=BOTH):
    described = {"name": "size_regressor", "dimensions": dimensions, "in_channels": 1}
    return build_network({**described, "classes": 2, "backbone": "small", "moments": list(moments)})


def shop_of(folder, centres, labeled=None, patch=(32, 32)):
    cases = []
    for number, centre in enumerate(centres):
        label = ball((22, 27), centre, 7.0, list(SPACING)).astype(np.uint8)
        image = save(folder / f"c{number}.mha", label * np.float32(100), spacing=SPACING[::-1])
        path = save(folder / f"c{number}_l.mha", label, spacing=SPACING[::-1])
        kind = "label" if labeled is None or number in labeled else "truth"
        cases.append(Case(f"c{number}", (image,), **{kind: path}))
    plan = make_plan(2, patch, spacing=list(SPACING), whole=True)
    store = make_store(folder, cases, plan)
    return make_workshop(folder, store, range(len(cases)) if labeled is None else labeled)[0]


class TestRegressor:
    def test_of_sizes_alone_it_is_what_it_was(self):
        torch.manual_seed(0)
        plain = make_regressor(moments=())
        names = set(plain.state_dict())
        assert {name for name in names if not name.startswith("backbone")} == {"mean_proportion"}
        output = plain(torch.rand(2, 1, 32, 32), torch.rand(2))
        assert output.shape == (2, 2)
        assert torch.equal(plain.split(output)[0], output)

    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_starts_from_the_usual_values(self, dimensions):
        network = make_regressor(dimensions)
        network.usual_moments.copy_(torch.arange(4 * dimensions).reshape(2, 2, dimensions) + 1.0)
        network.length.copy_(torch.tensor([3.0, 4.0]))
        image = torch.rand(2, 1, *[32] * dimensions)
        sizes, moments = network.split(network(image, torch.rand(2)))
        assert torch.allclose(sizes, torch.ones(2, 2))
        assert torch.allclose(moments["centroid"], network.usual_moments[0].expand(2, -1, -1))
        assert torch.allclose(moments["spread"], network.usual_moments[1].expand(2, -1, -1))

    def test_centroids_move_in_lengths_and_spreads_stay_positive(self):
        network = make_regressor()
        network.usual_moments.fill_(6.0)
        network.length.copy_(torch.tensor([3.0, 4.0]))
        output = torch.full((1, 10), -2.0)
        _, moments = network.split(output)
        assert moments["centroid"][0].tolist() == [[0, 0], [-2, -2]]
        expected = 6 * math.log1p(math.exp(-2)) / math.log(2)
        assert moments["spread"][0].flatten().tolist() == pytest.approx([expected] * 4)

    def test_start_is_the_mean_and_the_middle_where_patches_are_mirrored(self, tmp_path):
        shop = shop_of(tmp_path, [(8, 10), (9, 14)])
        shop.plan.mirror_axes[:] = [0]
        network = make_regressor()
        with torch.no_grad():
            start_moments(network, shop, [0, 1])
        truth = [label_attributes(shop.store.arrays(n).label, 3, SPACING) for n in range(2)]
        mean = {name: (truth[0][name] + truth[1][name])[0, 0] / 2 for name in BOTH}
        assert network.usual_moments[0, 0, 0] == 0
        assert network.usual_moments[0, 0, 1] == pytest.approx(float(mean["centroid"][1]))
        assert network.usual_moments[1, 0].tolist() == pytest.approx(mean["spread"].tolist())
        size = float(truth[0]["size"][0, 0, 0] + truth[1]["size"][0, 0, 0]) / 2
        assert float(network.length[0]) == pytest.approx(math.sqrt(size))
        # A class that no case shows starts as big as the others.
        assert float(network.length[1]) == pytest.approx(math.sqrt(size))
        assert network.usual_moments[1, 1, 0] == pytest.approx(math.sqrt(size / 12))


class TestRegressionTerm:
    def test_is_smooth_l1_of_what_the_patch_shows_in_lengths(self, tmp_path):
        shop = shop_of(tmp_path, [(8, 10)])
        sampler = PatchSampler(
            shop.store, [0], 2, make_augmentation("none", shop.plan), annotated=False
        )
        batch = sampler.draw(torch.Generator().manual_seed(0))
        network = make_regressor()
        network.length.fill_(5.0)
        output = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
        step = Step(1.0, batch, None, output, None, network, None, torch.Generator())
        sizes, guess = network.split(output)
        shares = (batch.label == 1).flatten(1).float().mean(dim=1)
        true_sizes = torch.stack([shares, torch.zeros(2)], dim=1)
        expected = nn.functional.smooth_l1_loss(sizes, true_sizes)
        # The patch is centred on the image: what it shows lies where the case has it, up to the
        # half voxel by which odd images miss the middle of even patches.
        truth = label_attributes(shop.store.arrays(0).label, 3, SPACING)
        shift = torch.tensor([0.0, -0.5])
        places = truth["centroid"][0, 0] + shift
        for name, true in (("centroid", places), ("spread", truth["spread"][0, 0])):
            far = (guess[name][:, 0] - true) / 5.0
            expected = expected + nn.functional.smooth_l1_loss(far, torch.zeros_like(far))
        assert torch.allclose(SizeRegressionTerm(3)(step), expected, rtol=1e-4)


class Pointer(nn.Module):
    """Stands for a trained regressor: finds the bright region of any image exactly."""

    def __new__(cls, moments=BOTH):
        network = make_regressor(moments=moments)
        network.split = lambda output: output
        network.forward = cls.look
        return network

    @staticmethod
    def look(images, position):
        found = label_attributes((images[:, 0] > 50).byte(), 3, SPACING)
        return None, {name: found[name] for name in BOTH}


class TestPrediction:
    centres = ((8, 10), (12, 16))

    def test_a_segmenters_moments_are_the_true_ones(self, tmp_path):
        shop = shop_of(tmp_path, self.centres)
        for index in range(2):
            truth = label_attributes(shop.store.arrays(index).label, 3, SPACING)
            found = predict_moments(Threshold([50, 150]), shop, index, BOTH)
            for name in BOTH:
                assert found[name][:, 0] == pytest.approx(truth[name][:, 0].numpy(), abs=0.01)
                assert np.isnan(found[name][:, 1]).all()

    def test_a_regressors_mirrored_views_agree_and_lie_in_the_image(self, tmp_path):
        shop = shop_of(tmp_path, self.centres)
        for index in range(2):
            truth = label_attributes(shop.store.arrays(index).label, 3, SPACING)
            found = predict_moments(Pointer(), shop, index, BOTH)
            for name in BOTH:
                assert found[name][:, 0] == pytest.approx(truth[name][:, 0].numpy(), abs=1e-4)


class TestErrors:
    def test_by_hand(self):
        truth = np.array([[[0.0, 1.0]], [[2.0, 1.0]], [[4.0, 1.0]], [[np.nan, np.nan]]])
        guess = np.array([[[1.0, 1.5]], [[2.0, 0.5]], [[3.0, 1.0]], [[9.0, 9.0]]])
        (found,) = moment_errors(truth, guess)
        assert found.r2[0] == pytest.approx(1 - 2 / 8)
        assert math.isnan(found.r2[1])
        assert found.mean_absolute.tolist() == pytest.approx([2 / 3, 1 / 3])
        assert found.half_width.tolist() == [1.0, 0.5]

    def test_a_class_without_pairs_has_no_error(self):
        (found,) = moment_errors(np.full((2, 1, 2), np.nan), np.zeros((2, 1, 2)))
        assert np.isnan(found.r2).all()
        assert np.isinf(found.half_width).all()

    def test_means_leave_out_what_is_not_known(self):
        found = nan_mean([np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])])
        assert found[:2].tolist() == [2, 5]
        assert math.isnan(found[2])


class TestBounds:
    labeled = np.array([[[0.0, 10.0]], [[4.0, 12.0]]])
    lengths = np.array([10.0])

    def plan(self, name, rule, errors=True):
        truth = np.array([[[0.0, 1.0]], [[2.0, 2.0]], [[4.0, 3.0]]])
        guess = truth + np.array([[[1.5, 9.0]], [[0.0, -9.0]], [[0.0, 9.0]]])
        found = moment_errors(truth, guess) if errors else None
        return plan_bounds(name, self.labeled, self.lengths, found, 0.1, rule), found

    def test_gamma_is_in_lengths_and_believes_everything(self):
        made, _ = self.plan("centroid", "gamma", errors=False)
        found = made.around(np.array([[[5.0, -5.0]]]))
        assert found[0, 0].tolist() == [[4, 6], [-6, -4]]

    def test_a_useless_axis_is_bounded_by_the_labeled_cases(self):
        for rule in ("cross_validated", "wider"):
            made, errors = self.plan("centroid", rule)
            assert errors[0].r2[0] > 0 > errors[0].r2[1]
            found = made.around(np.array([[[5.0, -5.0]]]))
            assert found[0, 0].tolist() == [[3.5, 6.5], [5, 17]]
        spread, _ = self.plan("spread", "wider")
        assert spread.around(np.array([[[5.0, 5.0]]]))[0, 0, 1].tolist() == [0, 18]

    def test_without_any_error_nothing_is_believed(self):
        made, _ = self.plan("centroid", "wider", errors=False)
        assert made.around(np.array([[[5.0, -5.0]]]))[0, 0].tolist() == [[-5, 9], [5, 17]]

    def test_errors_are_said_in_plain_values(self):
        made, errors = self.plan("centroid", "wider")
        row = json.loads(json.dumps(describe_errors(made, errors, ["one"])))["one"]
        assert row["width_mm"] == [1.5, None]
        assert row["mae_mm"] == [0.5, 9.0]
        assert isinstance(made, MomentBounds)


pytestmark = pytest.mark.usefixtures("one_thread")


def events(run, kind):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == kind]


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"))


ALL_THREE = {"folds": 2, "regressor": "small", "attributes": "size_centroid_spread"}


class TestCurriculum:
    @pytest.mark.parametrize("source", ["regressor", "both"])
    def test_bounds_sizes_places_and_extents(self, slices, tmp_path, monkeypatch, source):
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        settings = {**ALL_THREE, "sizes_from": source}
        run = make_run(tmp_path / "run", slices, "curriculum_size", settings=settings)
        assert work(run) == "finished"
        stored = json.loads((run.path / "stages" / "sizes.json").read_text(encoding="utf-8"))
        assert np.array(stored["bounds"]["case02"]).shape == (1, 2, 2)
        for name in BOTH:
            assert np.array(stored[name]["case02"], dtype=float).shape == (1, 2, 2, 2)
        said = events(run, "sizes")[0]["moments"]
        assert set(said) == set(BOTH)
        assert len(said["centroid"]["bright"]["r2"]) == 2
        assert "moments" in events(run, "progress")[-1]["losses"]
        page = (run.report / "report.html").read_text(encoding="utf-8")
        assert page.count("<td>centroid</td>") == page.count("<td>spread</td>") == 2

    @pytest.mark.usefixtures("no_report")
    def test_resumes_bit_for_bit(self, slices, tmp_path, monkeypatch):
        whole = make_run(
            tmp_path / "whole", slices, "curriculum_size", settings=ALL_THREE, steps=12
        )
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(
            tmp_path / "broken", slices, "curriculum_size", settings=ALL_THREE, steps=12
        )
        for steps in (2, 7):
            with monkeypatch.context() as patch:
                interrupt_after(patch, steps)
                with pytest.raises(Interrupted):
                    work(broken, resume=steps != 2)
        work(broken, resume=True)
        expected, found = final_weights(whole), final_weights(broken)
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    @pytest.mark.usefixtures("no_report")
    def test_true_places_satisfy_their_own_bounds(self, tmp_path):
        volumes = make_cohort(tmp_path / "data", shape=(12, 16, 20))
        settings = {"attributes": "size_centroid"}
        run = make_run(tmp_path / "run", volumes, "oracle_size", settings=settings, steps=3)
        work(run)
        stored = json.loads((run.path / "stages" / "sizes.json").read_text(encoding="utf-8"))
        case = next(each for each in volumes.cases if each.id == "case02")
        label = read_label(case.truth)[0]
        bounds = np.array(stored["centroid"]["case02"][0])
        for value in (1, 2):
            places = np.argwhere(label == value).mean(axis=0) - (np.array(label.shape) - 1) / 2
            assert (bounds[value - 1, :, 0] < places).all()
            assert (places < bounds[value - 1, :, 1]).all()
        assert "spread" not in stored


@pytest.mark.usefixtures("no_report")
class TestStateOfTerms:
    def test_what_terms_keep_survives_an_interruption(self, slices, tmp_path, monkeypatch):
        terms = [
            {"name": "prior", "weight": 0.1, "settings": {"form": "prior_aware"}},
            {"name": "mutual_information", "weight": 0.1},
            {"name": "moments"},
            {"name": "area", "settings": {"sources": "labeled"}},
            {"name": "class_ratio"},
        ]
        whole = make_run(tmp_path / "whole", slices, terms=terms, steps=8)
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", slices, terms=terms, steps=8)
        with monkeypatch.context() as patch:
            interrupt_after(patch, 4)
            with pytest.raises(Interrupted):
                work(broken)
        work(broken, resume=True)
        expected, found = final_weights(whole), final_weights(broken)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.usefixtures("no_report")
class TestConstrained:
    """A single scribble inside each object: where they end, only the bounds can say."""

    def cohort(self, folder, bounds):
        cohort = make_cohort(folder, labeled=0, scribbled=3, unlabeled=2)
        cases = []
        for case in cohort.cases:
            if case.label is not None and case.role == "train":
                truth, geometry = read_label(case.truth)
                sparse = np.full_like(truth, 255)
                for value in (1, 2):
                    middle = np.argwhere(truth == value).mean(axis=0).round().astype(int)
                    sparse[middle[0], middle[1] - 1 : middle[1] + 2] = value
                sparse[0, ::6] = 0
                write_label(case.label, sparse, geometry)
            cases.append(case)
        classes = [replace(each, size_bounds=bounds) for each in cohort.classes]
        return replace(cohort, classes=classes, cases=cases)

    def dice(self, folder, cohort, method, **settings):
        plan = {"batch_labeled": 6, "batch_unlabeled": 4, "channels": "8,16,32,32"}
        run = make_run(
            folder, cohort, method, steps=50, predict=("test",), settings=settings, plan=plan
        )
        work(run)
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        return metrics["mean_dice"]

    def test_common_bounds_say_where_an_object_ends(self, tmp_path):
        cohort = self.cohort(tmp_path / "data", (35.0, 75.0))
        bare = self.dice(tmp_path / "bare", cohort, "supervised")
        for penalty in ("proportion", "log_barrier"):
            bounded = self.dice(tmp_path / penalty, cohort, "constrained", penalty=penalty)
            assert bounded > bare + 0.1
