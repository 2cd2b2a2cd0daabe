"""Batches and terms on a device that is not the CPU, where none is there: "meta" stands for it.

Tensors on it have no values. So what mixes devices fails, and what asks the device for a number
in the middle of a step (a GPU would have to be waited for) fails too.
"""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Box, Case, SegmentClass
from SemiWeakSegLib.learning.batches import Augmentation, PatchSampler
from SemiWeakSegLib.learning.intensity import IntensityRanges
from SemiWeakSegLib.learning.spatial import SpatialRanges
from SemiWeakSegLib.learning.store import CaseStore
from SemiWeakSegLib.learning.terms import StageContext, Step, SupervisedTerm, make_term
from SemiWeakSegLib.methods.terms import parse_term
from Testing.learning.scans import make_plan, save

META = torch.device("meta")
# Without noise: random numbers cannot be drawn on a device that is not there.
QUIET = IntensityRanges(noise=0.0, probability=1.0)
ON_CPU = {"spacing", "volume_factor", "voxel_volume", "centres"}


@pytest.fixture(params=["slices", "whole slices", "volumes", "resident volumes"])
def store(request, tmp_path):
    """A dense, a scribbled and an unlabeled case; class 2 was not looked at in the first."""
    dims = 2 if "slices" in request.param else 3
    shape, patch = ((20, 24), (16, 16)) if dims == 2 else ((10, 20, 24), (8, 16, 16))
    whole = "whole" in request.param
    source = np.random.default_rng(0)
    cases = []
    for name in ("dense", "scribbled", "unlabeled"):
        image = save(tmp_path / f"{name}.mha", source.normal(size=shape).astype(np.float32))
        label = source.integers(0, 3, shape).astype(np.uint8)
        if name == "scribbled":
            label[..., 4:] = 255
        path = None if name == "unlabeled" else save(tmp_path / f"{name}_l.mha", label)
        looked_at = (1,) if name == "dense" else None
        cases.append(Case(name, (image,), label=path, looked_at=looked_at))
    plan = make_plan(dims, (32, 32) if whole else patch, whole=whole)
    made = CaseStore(cases, plan, META, tmp_path / "cache")
    made.resident = "resident" in request.param
    return made


def draw(store, cases, seed, **kwargs):
    strong = IntensityRanges(noise=0.0, probability=1.0, cutout=1)
    spatial = SpatialRanges(mirror_axes=(0,), probability=0.7, elastic_mm=seed % 2)
    sampler = PatchSampler(store, cases, 3, Augmentation(spatial, QUIET, strong), **kwargs)
    return sampler.draw(torch.Generator().manual_seed(seed))


def step_of(store, seed=0):
    labeled = draw(store, [0, 1], seed, annotated=True)
    unlabeled = draw(store, [2], seed, annotated=False, strong_view=True)
    kind = nn.Conv2d if store.plan.dimensions == 2 else nn.Conv3d
    network = kind(1, 3, 1).to(META)
    logits = [network(batch.image) for batch in (labeled, unlabeled)]
    return Step(0.5, labeled, unlabeled, *logits, network, network, torch.Generator())


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_is_made_there_without_waiting(store, seed):
    for batch in (
        draw(store, [0, 1], seed, annotated=True),
        draw(store, [2], seed, annotated=False, strong_view=True),
    ):
        for name, value in vars(batch).items():
            if isinstance(value, torch.Tensor):
                assert value.device.type == ("cpu" if name in ON_CPU else "meta"), name


@pytest.mark.parametrize(
    "text",
    [
        "supervised",
        "entropy",
        "size",
        "size:1,penalty=log_barrier,sources=labeled",
        "moments:1,penalty=log_barrier",
        "moments",
        "area",
        "prior",
        "prior:1,form=prior_aware,on=all",
        "class_ratio",
        "mutual_information",
        "pseudo_label:1,teacher=ema",
        "pseudo_label:1,teacher=own",
        "pseudo_label:1,teacher=own,strong_view=false",
        "pseudo_label:1,selection=class_balanced",
        "cutmix",
        "cutmix:1,teacher=own,selection=class_balanced",
        "adversarial",
        "adversarial:1,criterion=wasserstein,see_image=false",
        "adversarial_self_training",
        "adversarial_self_training:1,criterion=wasserstein,true_maps=softened",
        "crf:1,on=all",
        "crf:1,on=all,smoothness=0.5,form=quadratic",
        "crf:1,on=all,neighbourhood=grid",
        "crf:1,on=all,form=normalised_cut,gate=unlabeled",
        "crf:1,on=all,neighbourhood=grid,gate=annotated",
        "transformation",
        "transformation:1,transform=flips,teacher=ema",
        "transformation:1,transform=elastic,distance=kl,gradient=one",
        "pi_model",
        "pi_model:1,distance=kl,gradient=both",
        "mean_teacher",
        "uncertainty_teacher:1,passes=2",
        "temporal_ensembling",
        "ict",
        "mixup",
    ],
)
def test_a_term_is_worked_out_there_without_waiting(store, text, tmp_path, monkeypatch):
    # Mixed precision is not known on a device that is not there.
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())
    products = tmp_path / "products"
    products.mkdir()
    (products / "sizes.json").write_text(
        json.dumps({"bounds": {"unlabeled": [[[1, 2], [3, None]]]}})
    )
    term = (
        SupervisedTerm(on="all")
        if text == "supervised"
        else make_term(parse_term(text), dimensions=2)
    )
    # What the dense case says nothing of.
    classes = [SegmentClass(1, "one"), SegmentClass(2, "two", size_bounds=(1.0, 9.0))]
    augmentation = Augmentation(None, QUIET, QUIET)
    term.start(StageContext(store.plan, store, products, META, classes, augmentation=augmentation))
    step = step_of(store)
    value = term(step)
    term.after_step(step)
    assert value.device.type == "meta"
    assert value.requires_grad


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("name", ["boxes", "candidates"])
def test_boxes_are_learned_there_without_waiting(dimensions, name, tmp_path):
    """Solid, flat, turned and sticking out of the image; seen from bent patches."""
    image = save(tmp_path / "boxed.nii.gz", np.ones((10, 20, 24), np.float32))
    turned = ((0.8, 0.6, 0.0), (-0.6, 0.8, 0.0), (0.0, 0.0, 1.0))
    boxes = (
        Box(1, (12.0, 10.0, 5.0), (8.0, 6.0, 4.0), turned),
        Box(1, (12.0, 10.0, 2.0), (8.0, 6.0, 1.0), tuple(map(tuple, np.eye(3)))),
        Box(2, (0.0, 0.0, 5.0), (12.0, 12.0, 9.0), tuple(map(tuple, np.eye(3)))),
    )
    case = Case("boxed", (image,), boxes=boxes, sizes={2: (10.0, 90.0)}, looked_at=(1,))
    plan = make_plan(dimensions, (8, 16, 16)[-dimensions:], orient=False)
    store = CaseStore([case], plan, META, tmp_path / "cache")
    for seed in range(4):
        batch = draw(store, [0], seed, annotated=True)
        logits = torch.zeros(3, 3, *plan.patch_size, device=META, requires_grad=True)
        step = Step(1.0, batch, None, logits, None, torch.nn.Identity(), None, torch.Generator())
        term = make_term(parse_term(name), dimensions=2)
        term.start(StageContext(plan, store, tmp_path, META))
        value = term(step)
        assert value.device.type == "meta"
        value.backward()
