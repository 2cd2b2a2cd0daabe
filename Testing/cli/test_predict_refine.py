"""`predict --refine`: what is asked for reaches the label maps, and mistakes are named."""

from __future__ import annotations

import pytest
import SimpleITK as sitk
import torch

from SemiWeakSegLib.learning.networks import build_network
from SemiWeakSegLib.learning.saved_model import save_model
from Testing.learning.scans import make_plan
from Testing.learning.tiny import CLASSES, make_cohort, make_run

NETWORK = {
    "name": "unet",
    "dimensions": 2,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [[2, 2]],
}


@pytest.fixture
def run(tmp_path):
    """A run with an untrained model: its label maps are all holes and islands."""
    cohort = make_cohort(tmp_path / "data", labeled=1, unlabeled=1, validation=0)
    run = make_run(tmp_path / "run", cohort)
    torch.manual_seed(0)
    weights = build_network(NETWORK).state_dict()
    save_model(run.model, NETWORK, weights, make_plan(2, (8, 8), network=NETWORK), CLASSES)
    return run


def label_of(folder):
    [path] = [each for each in folder.iterdir() if each.suffix == ".mha"]
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_settings_follow_the_kind_after_commas(command, run, tmp_path):
    borders = {}
    for name, options in {
        "plain": [],
        "none": ["--refine", "graph_cut,weight=0"],
        "cut": ["--refine", "graph_cut,weight=2,sigma_intensity=10"],
        "field": ["--refine", "mean_field,weight=2,sigma_space_mm=2,sigma_intensity=10"],
    }.items():
        out = tmp_path / name
        found = command("predict", run.path, "--cases", "test", "--out", out, *options)
        assert found.code == 0, found.err
        label = label_of(out)
        borders[name] = int((label[1:] != label[:-1]).sum() + (label[:, 1:] != label[:, :-1]).sum())
    assert borders["none"] == borders["plain"] > 0
    assert borders["cut"] < borders["plain"]
    assert borders["field"] < borders["plain"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("graphcut", "did you mean 'graph_cut'"),
        ("graph_cut,sigma_space_mm=3", "graph_cut: "),
        ("mean_field,weight=-1", "mean_field: weight"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(command, run, tmp_path, asked, said):
    found = command(
        "predict", run.path, "--cases", "test", "--out", tmp_path / "o", "--refine", asked
    )
    assert found.code == 3
    assert said in found.err
    assert not (tmp_path / "o").exists()
