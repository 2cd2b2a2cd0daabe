"""Predictions on the images' own grids: alignment, uncertainty, clean-up, files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from SemiWeakSegLib.cohort import Case, Cohort, read_geometry
from SemiWeakSegLib.commands.predict import notes
from SemiWeakSegLib.learning import predict
from SemiWeakSegLib.learning.layout import Layout, identity_axes
from SemiWeakSegLib.learning.plan import make_plan as plan_cohort
from SemiWeakSegLib.learning.predict import (
    case_score,
    fill,
    keep_largest,
    on_own_grid,
    predict_case,
    predict_run,
    prediction_name,
    select_cases,
)
from SemiWeakSegLib.learning.saved_model import SavedModel, load_model, save_model
from SemiWeakSegLib.methods.inference import GraphCut, MeanField
from SemiWeakSegLib.runs.folder import RunFolder
from Testing.learning.scans import (
    AS_IT_IS,
    CLASSES,
    Threshold,
    ball,
    centre_of_mass,
    dice,
    make_cohort,
    make_plan,
    rotation,
    save,
)

LEVELS = [50.0, 150.0]


def two_balls(shape, spacing):
    """Intensities 0, 100 and 200; spacing in array order."""
    extents = np.array(shape) * spacing
    label = np.zeros(shape, dtype=np.uint8)
    radius = 0.22 * extents.max()
    along = int(np.argmax(extents))
    for value, place in ((1, 0.27), (2, 0.74)):
        centre = [n * 0.45 for n in shape]
        centre[along] = place * shape[along]
        label[ball(shape, centre, radius, list(spacing))] = value
    return label


def predict_one(folder, path, plan, channel=0, **options):
    network = Threshold(LEVELS, channel=channel)
    model = SavedModel(network, plan, CLASSES)
    row = predict_case(
        model, Case("a", path if isinstance(path, tuple) else (path,)), folder, **options
    )
    return folder / row["file"], row


GEOMETRIES = {
    "plain": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, 1.0, -1.0]),
    "permuted": np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]], dtype=float),
    "oblique": rotation((1, 2, 3), 21),
    "oblique and permuted": rotation((3, -1, 2), 25)
    @ np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]], dtype=float),
    "far from every axis": rotation((1, 1, 1), 45),
}


class TestGeometry:
    @pytest.mark.parametrize("kind", GEOMETRIES)
    def test_an_image_across_those_that_were_learned_from_is_told(self, tmp_path, kind):
        shape = (14, 16, 18)
        direction = GEOMETRIES[kind]
        path = save(tmp_path / "a.nrrd", two_balls(shape, [1.0] * 3) * 100.0, direction=direction)
        plan = make_plan(3, (16, 16, 24), intensity=[AS_IT_IS])
        _, row = predict_one(tmp_path / "out", path, plan)
        assert row.get("askew") == (36 if kind == "far from every axis" else None)
        assert len(notes([row])) == ("askew" in row)
        own = make_plan(3, (16, 16, 24), frame=direction.ravel().tolist(), intensity=[AS_IT_IS])
        _, row = predict_one(tmp_path / "own", path, own)
        assert "askew" not in row
        _, row = predict_one(tmp_path / "stored", path, make_plan(3, (16, 16, 24), orient=False))
        assert "askew" not in row

    @pytest.mark.parametrize("name", GEOMETRIES)
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_round_trip_is_exact_without_resampling(self, tmp_path, name, dimensions):
        shape, spacing = (11, 18, 25), (1.0, 1.0, 1.0)
        label = two_balls(shape, spacing)
        image = save(
            tmp_path / "a.nii.gz",
            (label * 100.0).astype(np.float32),
            spacing=(1, 1, 1),
            origin=(-31.5, 12.25, 107.0),
            direction=GEOMETRIES[name],
        )
        plan = make_plan(dimensions, (8,) * dimensions)
        path, _ = predict_one(tmp_path / "out", image, plan)
        found = sitk.ReadImage(str(path))
        assert found.GetPixelID() == sitk.sitkUInt8
        assert np.array_equal(sitk.GetArrayFromImage(found), label)
        original = sitk.ReadImage(str(image))
        assert found.GetSize() == original.GetSize()
        for get in ("GetSpacing", "GetOrigin", "GetDirection"):
            assert getattr(found, get)() == pytest.approx(getattr(original, get)(), abs=1e-6)

    @pytest.mark.parametrize("name", GEOMETRIES)
    @pytest.mark.parametrize("spacing", [(0.8, 0.8, 0.8), (0.7, 1.1, 2.0), (3.0, 0.9, 0.6)])
    def test_resampled_predictions_stay_aligned(self, tmp_path, name, spacing):
        shape = tuple(round(44 / step) for step in spacing)
        label = two_balls(shape, spacing)
        image = save(
            tmp_path / "a.nrrd",
            (label * 100.0).astype(np.float32),
            spacing=spacing[::-1],
            origin=(40.0, -7.0, 3.5),
            direction=GEOMETRIES[name],
        )
        truth = save(
            tmp_path / "truth.nrrd",
            label,
            spacing=spacing[::-1],
            origin=(40.0, -7.0, 3.5),
            direction=GEOMETRIES[name],
        )
        path, _ = predict_one(tmp_path / "out", image, make_plan(3, (16, 16, 16)))
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        assert read_geometry(path).describe_difference(read_geometry(truth), 1e-4) is None
        # Between background and class 2 a thin shell has the intensity of class 1.
        assert dice(found == 2, label == 2) > 0.95
        assert dice(found > 0, label > 0) > 0.95
        shift = centre_of_mass(path, 2) - centre_of_mass(truth, 2)
        assert np.linalg.norm(shift) < 0.25

    @pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (0.8, 0.75, 0.85), (1.0, 0.6, 0.6)])
    def test_dice_after_resampling(self, tmp_path, spacing):
        shape = tuple(round(40 / step) for step in spacing)
        label = (two_balls(shape, spacing) == 1).astype(np.uint8)
        image = save(
            tmp_path / "a.nii.gz", (label * 100.0).astype(np.float32), spacing=spacing[::-1]
        )
        path, _ = predict_one(tmp_path / "out", image, make_plan(3, (16, 16, 16)))
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        assert dice(found == 1, label == 1) > 0.97

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_single_slice_volumes(self, tmp_path, axis):
        shape = [30, 30, 30]
        shape[axis] = 1
        label = np.zeros(shape, dtype=np.uint8)
        flat = np.squeeze(label, axis)
        flat[ball((30, 30), (10, 19), 6)] = 1
        image = save(tmp_path / "a.nii.gz", label * 100.0, direction=rotation((1, 0, 2), 14))
        plan = plan_cohort(make_cohort([Case("a", (image,))]))
        plan.intensity = [AS_IT_IS]
        path, _ = predict_one(tmp_path / "out", image, plan)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), label)

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".mha"])
    def test_pictures(self, tmp_path, suffix):
        label = np.zeros((33, 47), dtype=np.uint8)
        label[ball((33, 47), (12, 30), 8)] = 1
        label[2:9, 3:11] = 2
        image = save(tmp_path / f"a{suffix}", label * np.uint8(100))
        path, row = predict_one(tmp_path / "out", image, make_plan(2, (16, 16)))
        assert path.name == f"a{suffix}"
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), label)
        uncertain = sitk.ReadImage(str(tmp_path / "out" / row["uncertainty_file"]))
        assert uncertain.GetSize() == (47, 33)

    def test_colour_pictures_have_three_channels(self, tmp_path):
        label = np.zeros((20, 24), dtype=np.uint8)
        label[5:12, 6:20] = 1
        colours = np.stack([label * 0, label * 100, label * 0 + 7], axis=-1).astype(np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(tmp_path / "a.png"))
        plan = make_plan(2, (16, 16), channels_in=3, intensity=[AS_IT_IS] * 3)
        path, _ = predict_one(tmp_path / "out", tmp_path / "a.png", plan, channel=1)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), label)

    def test_several_channels(self, tmp_path):
        label = two_balls((9, 14, 20), (1, 1, 1))
        direction = GEOMETRIES["permuted"]
        paths = tuple(
            save(tmp_path / f"a_{k}.nii.gz", values.astype(np.float32), direction=direction)
            for k, values in enumerate((label * 0, label * 100))
        )
        plan = make_plan(3, (8, 8, 8), channels_in=2, intensity=[AS_IT_IS] * 2)
        path, _ = predict_one(tmp_path / "out", paths, plan, channel=1)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), label)

    def test_flips_do_not_move_anything(self, tmp_path):
        label = two_balls((9, 14, 20), (1, 1, 1))
        image = save(tmp_path / "a.nii.gz", label * 100.0, direction=GEOMETRIES["flipped"])
        path, _ = predict_one(tmp_path / "out", image, make_plan(3, (8, 8, 8)), flips=True)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), label)


class TestUncertainty:
    def layout(self, shape):
        return Layout(shape, identity_axes(len(shape)), None, (1.0,) * len(shape), shape)

    def test_is_the_entropy_of_the_probabilities(self):
        scores = torch.rand(4, 1, 5, 6, 7).softmax(dim=0)
        label, entropy, background = on_own_grid(scores, self.layout((5, 6, 7)))
        values = scores[:, 0].double().numpy()
        expected = -(values * np.log(values)).sum(axis=0) / math.log(4)
        assert entropy == pytest.approx(expected, abs=1e-5)
        assert entropy.dtype == np.float32
        assert np.array_equal(label, values.argmax(axis=0))
        assert np.array_equal(background, scores[0, 0].numpy())

    @pytest.mark.parametrize("classes", [2, 3, 7])
    def test_lies_between_certain_and_no_idea(self, classes):
        scores = torch.zeros(classes, 1, 2, 2)
        scores[:, 0, 0] = 1 / classes
        scores[1, 0, 1] = 1
        _, entropy, _ = on_own_grid(scores, self.layout((2, 2)))
        assert entropy[0] == pytest.approx(1, abs=1e-6)
        assert entropy[1].tolist() == [0, 0]
        assert entropy.max() <= 1

    def test_files_are_float_in_range_on_the_same_grid(self, tmp_path):
        image = save(
            tmp_path / "a.nii.gz",
            np.random.default_rng(0).normal(60, 30, (6, 9, 9)).astype(np.float32),
            spacing=(0.7, 0.7, 2.0),
        )
        path, row = predict_one(tmp_path / "out", image, make_plan(3, (8, 8, 8)))
        written = sitk.ReadImage(str(tmp_path / "out" / row["uncertainty_file"]))
        values = sitk.GetArrayFromImage(written)
        assert values.dtype == np.float32
        assert 0 <= values.min() <= values.max() <= 1
        assert written.GetSpacing() == pytest.approx(sitk.ReadImage(str(path)).GetSpacing())
        assert 0 <= row["uncertainty"] <= 1

    def test_score_is_the_mean_where_something_may_be(self):
        entropy = np.array([0.9, 0.5, 0.1, 0.3])
        background = np.array([1.0, 0.95, 0.2, 0.96])
        assert case_score(entropy, background) == pytest.approx(0.3)

    def test_nothing_found_is_most_uncertain(self):
        assert case_score(np.zeros((3, 3)), np.ones((3, 3))) == 1.0


class TestCleanUp:
    def test_largest_component_of_every_class(self):
        label = np.zeros((12, 12), dtype=np.uint8)
        label[1:4, 1:4], label[6, 6], label[4, 4] = 1, 1, 1
        label[8:10, 8:10], label[0, 11] = 2, 2
        kept = keep_largest(label, 3)
        expected = np.zeros_like(label)
        expected[1:4, 1:4], expected[8:10, 8:10] = 1, 2
        assert np.array_equal(kept, expected)

    def test_holes_are_filled_but_other_classes_stay(self):
        label = np.zeros((9, 9), dtype=np.uint8)
        label[1:8, 1:8] = 1
        label[3, 3], label[5, 5] = 0, 2
        filled = fill(label, 3)
        assert filled[3, 3] == 1
        assert filled[5, 5] == 2
        assert filled[0, 0] == 0

    def test_options_reach_the_file(self, tmp_path):
        label = np.zeros((20, 20), dtype=np.uint8)
        label[3:12, 3:12], label[6, 6], label[17, 17] = 1, 0, 1
        image = save(tmp_path / "a.mha", label * 100.0)
        path, _ = predict_one(
            tmp_path / "out", image, make_plan(2, (8, 8)), largest_component=True, fill_holes=True
        )
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        assert (found[6, 6], found[17, 17]) == (1, 0)
        assert found.sum() == 81


class TestRefinement:
    @pytest.mark.parametrize("refinement", [MeanField(weight=5.0), GraphCut(weight=5.0)])
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_the_label_map_follows_the_image_and_the_doubt_stays(
        self, tmp_path, refinement, dimensions
    ):
        """A network that is undecided about a noisy image; grids and axes as in any prediction."""
        shape, direction = (6, 30, 28), GEOMETRIES["permuted"]
        label = two_balls(shape, (3.0, 1.0, 1.0))
        noise = np.random.default_rng(0).normal(0, 22, shape)
        image = save(
            tmp_path / "a.nii.gz",
            (label * 100.0 + noise).astype(np.float32),
            spacing=(1.0, 1.0, 3.0),
            direction=direction,
        )
        spacing = [3.0, 1.0, 1.0] if dimensions == 3 else [1.0, 1.0]
        plan = make_plan(dimensions, (8,) * dimensions, orient=False, spacing=spacing)
        model = SavedModel(Threshold(LEVELS, sharpness=0.08), plan, CLASSES)
        rows = {
            name: predict_case(model, Case("a", (image,)), tmp_path / name, refinement=asked)
            for name, asked in (("plain", None), ("refined", refinement))
        }
        found = {
            name: sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name / row["file"])))
            for name, row in rows.items()
        }
        wrong = {name: np.mean(each != label) for name, each in found.items()}
        assert wrong["refined"] < 0.5 * wrong["plain"]
        assert rows["refined"]["uncertainty"] == rows["plain"]["uncertainty"]


class TestNames:
    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            ("p1.nii.gz", "p1.nii.gz"),
            ("p1.NRRD", "p1.NRRD"),
            ("p1.mhd", "p1.nii.gz"),
            ("p1.jpg", "p1.nii.gz"),
            ("p1.png", "p1.png"),
            ("p1_0000.nii.gz", "p1.nii.gz"),
        ],
    )
    def test_follow_the_image(self, tmp_path, image, expected):
        assert prediction_name(Case("p1", (tmp_path / image,))) == expected

    def test_a_series_folder_gives_one_file(self, tmp_path):
        (tmp_path / "series.nii").mkdir()
        assert prediction_name(Case("p1", (tmp_path / "series.nii",))) == "p1.nii.gz"


class TestSelection:
    def test_by_role_and_annotation(self, tmp_path):
        def case(name, values, **kwargs):
            image = save(tmp_path / f"{name}.mha", np.zeros((4, 4), np.float32))
            label = None
            if values is not None:
                label = save(tmp_path / f"{name}_l.mha", np.array(values, np.uint8).reshape(2, 2))
            return Case(name, (image,), label=label, **kwargs)

        cohort = Cohort(
            CLASSES,
            [
                case("dense", [0, 1, 1, 2]),
                case("scribble", [0, 1, 255, 255]),
                case("nothing", None),
                case("validation", [0, 1, 1, 2], role="validation"),
                case("test", None, role="test"),
            ],
        )

        def names(which):
            return [each.id for each in select_cases(cohort, which)]

        assert names("unlabeled") == ["scribble", "nothing"]
        assert names("train") == ["dense", "scribble", "nothing"]
        assert names("validation") == ["validation"]
        assert names("test") == ["test"]
        assert len(names("all")) == 5
        with pytest.raises(ValueError, match="expected all, unlabeled"):
            names("some")


NETWORK = {
    "name": "unet",
    "dimensions": 2,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [[2, 2]],
}


class TestRun:
    @pytest.fixture
    def run(self, tmp_path):
        from SemiWeakSegLib.learning.networks import build_network

        run = RunFolder(tmp_path / "run")
        plan = make_plan(2, (8, 8), network=NETWORK)
        save_model(run.model, NETWORK, build_network(NETWORK).state_dict(), plan, CLASSES)
        return run

    def test_rows_are_kept_and_ranked(self, run, tmp_path):
        source = np.random.default_rng(0)
        cases = [
            Case(
                f"c{k}",
                (save(tmp_path / f"c{k}.png", source.integers(0, 255, (12, 10), np.uint8)),),
            )
            for k in range(3)
        ]
        seen = []
        first = predict_run(run, cases[:2], device="cpu", progress=lambda *n: seen.append(n))
        predict_run(run, cases[2:], device="cpu")
        rows = json.loads((run.predictions / "predictions.json").read_text(encoding="utf-8"))
        assert seen == [(1, 2), (2, 2)]
        assert [row["case"] for row in first] == ["c0", "c1"]
        assert {row["case"] for row in rows} == {"c0", "c1", "c2"}
        scores = [row["uncertainty"] for row in rows]
        assert scores == sorted(scores, reverse=True)
        for row in rows:
            assert (run.predictions / row["file"]).exists()
            assert (run.predictions / row["uncertainty_file"]).exists()

    def test_another_folder_leaves_the_runs_predictions_alone(self, run, tmp_path):
        case = Case("c", (save(tmp_path / "c.png", np.zeros((9, 9), np.uint8)),))
        predict_run(run, [case], tmp_path / "elsewhere", "cpu")
        assert (tmp_path / "elsewhere" / "c.png").exists()
        assert not run.predictions.exists()

    def test_a_saved_model_answers_as_before(self, run):
        first, second = load_model(run.model), load_model(run.model)
        image = torch.randn(1, 1, 8, 8)
        assert torch.equal(first.network(image), second.network(image))
        assert first.classes == CLASSES
        assert first.plan == make_plan(2, (8, 8), network=NETWORK)
        assert not first.network.training

    def test_a_run_without_model_says_what_to_do(self, tmp_path):
        run = RunFolder(tmp_path)
        make_cohort([]).save(run.cohort_path)
        with pytest.raises(FileNotFoundError, match="train or resume the run first"):
            predict_run(run, [], device="cpu")

    def test_a_model_of_another_schema_is_refused(self, run):
        path = run.model / "model.json"
        path.write_text(path.read_text(encoding="utf-8").replace('"schema": 1', '"schema": 9'))
        with pytest.raises(ValueError, match="schema 9"):
            load_model(run.model)

    def test_weights_that_would_run_code_are_refused(self, run):
        torch.save({"weight": predict.predict_case}, run.model / "weights.pt")
        with pytest.raises(Exception, match=r"[Ww]eights.only|Unsupported"):
            load_model(run.model)
