"""Exports compute what the model computes; a bundle does so where this package is not there."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from SemiWeakSegLib.cohort.case import Case, SegmentClass
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.images import read_label, write_scalar
from SemiWeakSegLib.learning.export import (
    ExportError,
    exchange,
    export_bundle,
    export_onnx,
    export_torchscript,
)
from SemiWeakSegLib.learning.export.bundle import network_config
from SemiWeakSegLib.learning.export.script import standalone_script
from SemiWeakSegLib.learning.metrics import dice_score
from SemiWeakSegLib.learning.networks import build_network
from SemiWeakSegLib.learning.plan import Plan
from SemiWeakSegLib.learning.predict import predict_run
from SemiWeakSegLib.learning.saved_model import load_model, save_model
from SemiWeakSegLib.runs import RunFolder, RunRequest
from Testing.learning.scans import rotation

CLASSES = [SegmentClass(1, "cavity"), SegmentClass(2, "$__import__('os')")]
PER_VOLUME = {"scheme": "per_volume", "low_percentile": 0.5, "high_percentile": 99.5}
FIXED = {"scheme": "fixed", "low": 10.0, "high": 240.0, "mean": 110.0, "std": 60.0}
# Turned by 15 degrees, x and z exchanged and one axis flipped.
COSINE, SINE = np.cos(np.radians(15)), np.sin(np.radians(15))
AWKWARD = (0.0, -SINE, COSINE, 0.0, COSINE, SINE, -1.0, 0.0, 0.0)
VOLUMES = {
    "straight": Geometry(
        (30, 26, 14), (1.0, 1.1, 2.5), (3.0, -8.0, 20.0), tuple(np.eye(3).ravel())
    ),
    "awkward": Geometry((12, 34, 29), (2.4, 0.9, 1.3), (-40.0, 5.0, 7.0), AWKWARD),
}
PICTURES = {"flat": Geometry((40, 33), (0.9, 1.2), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))}


def make_plan(dimensions: int, **changes) -> Plan:
    strides = [[2] * dimensions, [2] * dimensions]
    spacing = {2: [1.2, 1.0], 3: [2.5, 1.2, 1.0]}[dimensions]
    values = {
        "dimensions": dimensions,
        "channels_in": 1,
        "classes": [each.name for each in CLASSES],
        "orient": True,
        "slice_axis": 0,
        "spacing": spacing,
        "patch_size": [8, 24, 24][-dimensions:],
        "whole": False,
        "batch_labeled": 2,
        "batch_unlabeled": 2,
        "network": {
            "name": "unet",
            "dimensions": dimensions,
            "in_channels": 1,
            "out_channels": 3,
            "channels": [4, 8, 8],
            "strides": strides,
            "residual_units": 1,
            "normalisation": "instance",
            "dropout": 0.1,
        },
        "intensity": [PER_VOLUME],
        "mirror_axes": [],
    }
    return Plan(**{**values, **changes})


def make_run(folder: Path, plan: Plan, seed: int = 0) -> RunFolder:
    """A run that holds a model with random weights: every voxel's class depends on all of them."""
    run = RunFolder.create(folder / "run", RunRequest(method="supervised"))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(plan.network)
    # Spread logits keep rounding from deciding a voxel's class.
    state = {name: 2 * value for name, value in network.state_dict().items()}
    save_model(run.model, plan.network, state, plan, CLASSES)
    return run


def make_images(folder: Path, geometries: dict[str, Geometry]) -> list[Case]:
    """Two bright blobs on noise, on each of the grids."""
    rng = np.random.default_rng(1)
    cases = []
    for name, geometry in geometries.items():
        shape = geometry.array_shape
        grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
        array = rng.normal(60, 10, shape)
        for center in (-0.4, 0.4):
            array += 120 * np.exp(-sum((x - center) ** 2 for x in grid) * 8)
        path = folder / "images" / f"{name}.nii.gz"
        write_scalar(path, array.astype(np.float32), geometry)
        cases.append(Case(name, (path,)))
    return cases


RUN_WITHOUT_PACKAGE = """
import os
import sys
sys.modules["SemiWeakSegLib"] = None  # importing it fails, as where it is not installed
from monai.bundle import run
for folder in sys.argv[1:]:
    os.chdir(os.path.join(folder, "bundle"))
    run(config_file="configs/inference.json", bundle_root=".", dataset_dir="../images",
        output_dir="../out")
"""
SETUPS = {
    "volumes": (VOLUMES, make_plan(3)),
    "slices": (VOLUMES, make_plan(2, intensity=[FIXED])),
    "own_axes": (VOLUMES, make_plan(3, frame=rotation((1, 0.2, 0), 80).ravel().tolist())),
    "as_stored": (VOLUMES, make_plan(2, orient=False, slice_axis=2)),
    "coarse": (VOLUMES, make_plan(3, spacing=[3.0, 2.0, 1.8])),
    "pictures": (PICTURES, make_plan(2)),
}


def call(folder: Path, *command: str) -> None:
    """Run Python in a folder, on one thread of the CPU, with nothing added to its path."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """Each setup predicted by us and by its bundle, all bundles in one process."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, (geometries, plan) in SETUPS.items():
        (folder / name).mkdir()
        run = make_run(folder / name, plan)
        predict_run(run, make_images(folder / name, geometries), device="cpu")
        export_bundle(run, folder / name / "bundle")
    call(folder, "-c", RUN_WITHOUT_PACKAGE, *(str(folder / name) for name in SETUPS))
    return folder


class TestBundle:
    @pytest.mark.parametrize("setup", SETUPS)
    def test_agrees_with_our_own_prediction(self, predicted, setup):
        folder = predicted / setup
        for name in SETUPS[setup][0]:
            ours, geometry = read_label(folder / "run" / "predictions" / f"{name}.nii.gz")
            theirs, their_geometry = read_label(folder / "out" / f"{name}.nii.gz")
            if geometry.dimension == 2:
                theirs = theirs[0]  # the README says so
                assert their_geometry.size == (*geometry.size, 1)
            else:
                assert geometry.describe_difference(their_geometry, 1e-3) is None
            present = np.unique(ours)
            assert len(present) > 1
            for index in present:
                assert dice_score(theirs == index, ours == index) >= 0.98

    def test_command_line(self, predicted, tmp_path):
        pytest.importorskip("fire", reason="monai.bundle's command line needs fire")
        folder = predicted / "pictures"
        command = ["-m", "monai.bundle", "run", "--config_file", "configs/inference.json"]
        command += ["--bundle_root", ".", "--dataset_dir", str(folder / "images")]
        command += ["--output_dir", str(tmp_path / "out")]
        call(folder / "bundle", *command)
        again = read_label(tmp_path / "out" / "flat.nii.gz")[0]
        assert np.array_equal(again, read_label(folder / "out" / "flat.nii.gz")[0])

    def test_several_channels_are_the_fourth_axis(self, tmp_path):
        plan = make_plan(3, channels_in=2, intensity=[PER_VOLUME, FIXED])
        plan.network["in_channels"] = 2
        run = make_run(tmp_path, plan)
        case = make_images(tmp_path / "one", {"straight": VOLUMES["straight"]})[0]
        volume = sitk.ReadImage(str(case.images[0]))
        path = tmp_path / "images" / "both.nii.gz"
        path.parent.mkdir()
        sitk.WriteImage(sitk.JoinSeries([volume, 200 - volume]), str(path))
        row = predict_run(run, [Case("both", (path,))], device="cpu")[0]
        export_bundle(run, tmp_path / "bundle")
        call(tmp_path, "-c", RUN_WITHOUT_PACKAGE, str(tmp_path))
        ours = read_label(run.predictions / row["file"])[0]
        theirs = read_label(tmp_path / "out" / "both.nii.gz")[0]
        assert np.mean(ours == theirs) > 0.999
        assert len(np.unique(ours)) > 1

    def test_what_is_inside(self, tmp_path):
        bundle = export_bundle(make_run(tmp_path, make_plan(3)), tmp_path / "bundle")
        names = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()}
        assert names == {
            "LICENSE",
            "configs/inference.json",
            "configs/metadata.json",
            "docs/README.md",
            "models/model.pt",
            "models/model.ts",
            "scripts/__init__.py",
            "scripts/planned_grid.py",
        }
        described = json.loads((bundle / "configs/metadata.json").read_text(encoding="utf-8"))
        channels = described["network_data_format"]["outputs"]["pred"]["channel_def"]
        assert channels == {"0": "background", "1": "cavity", "2": "class $__import__('os')"}
        state = torch.load(bundle / "models/model.pt", weights_only=True)
        assert all(isinstance(value, torch.Tensor) for value in state.values())

    def test_names_from_outside_are_never_evaluated(self, tmp_path):
        bundle = export_bundle(make_run(tmp_path, make_plan(3)), tmp_path / "bundle")
        assert "__import__('os')" not in (bundle / "configs/inference.json").read_text(
            encoding="utf-8"
        )

    def test_readme_says_where_it_differs(self, tmp_path):
        bundle = export_bundle(make_run(tmp_path, make_plan(2)), tmp_path / "bundle")
        text = (bundle / "docs/README.md").read_text(encoding="utf-8")
        for expected in ("Where it differs", "no uncertainty maps", "bfloat16", "cavity"):
            assert expected in text
        assert "synthetic" not in text

    def test_synthetic_training_data_are_named(self, tmp_path):
        run = make_run(tmp_path, make_plan(2))
        Cohort(CLASSES, [Case("phantom_01", (tmp_path / "x.nii.gz",))]).save(run.cohort_path)
        bundle = export_bundle(run, tmp_path / "bundle")
        assert "synthetic" in (bundle / "docs/README.md").read_text(encoding="utf-8")
        assert "synthetic" in (bundle / "configs/metadata.json").read_text(encoding="utf-8")

    def test_never_writes_over_something(self, tmp_path):
        run = make_run(tmp_path, make_plan(2))
        out = tmp_path / "bundle"
        out.mkdir()
        (out / "mine.txt").write_text("mine", encoding="utf-8")
        with pytest.raises(ExportError, match="already holds something"):
            export_bundle(run, out)
        assert [path.name for path in out.iterdir()] == ["mine.txt"]

    def test_an_empty_folder_is_taken(self, tmp_path):
        (tmp_path / "bundle").mkdir()
        bundle = export_bundle(make_run(tmp_path, make_plan(2)), tmp_path / "bundle")
        assert (bundle / "configs/inference.json").exists()

    def test_run_without_model(self, tmp_path):
        run = RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))
        with pytest.raises(FileNotFoundError, match="train"):
            export_bundle(run, tmp_path / "bundle")


class TestScript:
    def test_uses_nothing_of_this_package(self):
        tree = ast.parse(standalone_script("1"))
        modules = {
            node.module if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert not [name for name in modules if not name or "SemiWeakSeg" in name]
        assert all(node.level == 0 for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))


class TestTorchScript:
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_computes_the_same_at_another_size(self, tmp_path, dimensions):
        run = make_run(tmp_path, make_plan(dimensions))
        file = export_torchscript(run, tmp_path / "out" / "model.ts")
        image = torch.randn(3, 1, *[8, 40, 16][-dimensions:])
        with torch.no_grad():
            expected = load_model(run.model).network(image)
            torch.testing.assert_close(torch.jit.load(str(file))(image), expected)

    def test_carries_plan_and_classes(self, tmp_path):
        run = make_run(tmp_path, make_plan(2))
        extra = {"model.json": ""}
        torch.jit.load(str(export_torchscript(run, tmp_path / "m.ts")), _extra_files=extra)
        assert json.loads(extra["model.json"])["plan"]["spacing"] == [1.2, 1.0]

    def test_is_not_written_when_it_differs(self, tmp_path, monkeypatch):
        run = make_run(tmp_path, make_plan(2))
        other = build_network(make_plan(2).network).eval()
        right_trace = torch.jit.trace
        monkeypatch.setattr(torch.jit, "trace", lambda _, image: right_trace(other, image))
        with pytest.raises(ExportError, match="differs from the model's by"):
            export_torchscript(run, tmp_path / "m.ts")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


class TestOnnx:
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_computes_the_same_at_another_size(self, tmp_path, dimensions):
        for name in ("onnx", "onnxscript"):
            pytest.importorskip(name)
        onnxruntime = pytest.importorskip("onnxruntime")
        run = make_run(tmp_path, make_plan(dimensions))
        file = export_onnx(run, tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        image = torch.randn(3, 1, *[8, 40, 16][-dimensions:])
        with torch.no_grad():
            expected = load_model(run.model).network(image).numpy()
        found = session.run(["logits"], {"image": image.numpy()})[0]
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
        properties = session.get_modelmeta().custom_metadata_map
        assert json.loads(properties["model.json"])["classes"][0]["name"] == "cavity"

    @pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
    def test_says_what_is_missing(self, tmp_path, monkeypatch, missing):
        run = make_run(tmp_path, make_plan(2))
        find = exchange.importlib.util.find_spec
        monkeypatch.setattr(
            exchange.importlib.util,
            "find_spec",
            lambda name: None if name == missing else find(name),
        )
        if any(find(name) is None for name in ("onnx", "onnxscript", "onnxruntime")):
            pytest.skip("one of the packages is really missing")
        with pytest.raises(ExportError, match=f"pip install {missing}$"):
            export_onnx(run, tmp_path / "model.onnx")
        assert not (tmp_path / "model.onnx").exists()


def test_a_bundle_describes_segmenters_only():
    with pytest.raises(ExportError, match="named 'classifier'"):
        network_config({"name": "classifier"})
