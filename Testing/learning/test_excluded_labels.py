"""What boxes and absent tags rule out is learned from no prediction, however sure it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.boxes_in_patches import boxes_in_patch, without_excluded
from SemiWeakSegLib.learning.terms import StageContext, Step, make_term
from SemiWeakSegLib.methods import parse_term
from Testing.learning.scans import make_plan, make_store, save
from Testing.learning.test_box_terms import batch_of as boxed_batch
from Testing.learning.test_box_terms import box, store_of

CPU = torch.device("cpu")
TAGGED, BARE = 1, 2

TERMS = (
    "pseudo_label:1,threshold=0,teacher=own,strong_view=false",
    "pseudo_label:1,threshold=0,selection=class_balanced,portion_start=1,portion_end=1",
    "cutmix:1,threshold=0,loss=cross_entropy",
    "cutmix:1,threshold=0,teacher=own,loss=cross_entropy",
    "adversarial_self_training:1,threshold=0,discriminator_width=8,annotated_weight=0,"
    "unlabeled_weight=0",
)


@pytest.fixture(params=[(12, 12), (6, 12, 12)], ids=["slices", "volumes"])
def store(request, tmp_path):
    """A labeled case, one of which class 2 is said to be absent, and a bare one."""
    source, shape, cases = np.random.default_rng(0), request.param, []
    for name in ("dense", "tagged", "bare"):
        image = source.normal(size=shape).astype(np.float32)
        image = (
            save(tmp_path / f"{name}.nii.gz", image)
            if len(shape) == 3
            else save(tmp_path / f"{name}.mha", image)
        )
        label = save(tmp_path / f"{name}_l.mha", source.integers(0, 3, shape).astype(np.uint8))
        absent = (2,) if name == "tagged" else ()
        cases.append(Case(name, (image,), label=label if name == "dense" else None, absent=absent))
    return make_store(tmp_path, cases, make_plan(len(shape), shape, whole=True))


def sure_of(store, value):
    """A network that gives every voxel the same class."""
    network = (nn.Conv2d if store.plan.dimensions == 2 else nn.Conv3d)(1, 3, 1)
    with torch.no_grad():
        network.weight.zero_()
        network.bias.fill_(-4.0)
        network.bias[value] = 4.0
    return network


def step_on(store, case, value=2):
    """Two unlabeled patches of a case; teacher and student are sure of the class."""
    augmentation = make_augmentation("none", store.plan)
    batch = PatchSampler(store, [case], 2, augmentation, annotated=False).draw(
        torch.Generator().manual_seed(0)
    )
    student = sure_of(store, value)
    teacher = sure_of(store, value).eval().requires_grad_(False)
    logits = student(batch.image)
    generator = torch.Generator().manual_seed(1)
    return Step(1.0, None, batch, None, logits, student, teacher, generator, [(None, logits)])


@pytest.mark.parametrize("text", TERMS)
@pytest.mark.parametrize(
    ("case", "value", "learned"), [(TAGGED, 2, False), (TAGGED, 1, True), (BARE, 2, True)]
)
def test_a_class_that_is_absent_is_not_learned(store, tmp_path, text, case, value, learned):
    term = make_term(parse_term(text), dimensions=2)
    augmentation = make_augmentation("none", store.plan)
    term.start(StageContext(store.plan, store, tmp_path, CPU, augmentation=augmentation))
    step = step_on(store, case, value)
    term(step).backward()
    gradient = step.student.bias.grad[value]
    assert (gradient < 0) == learned
    assert learned or gradient == 0


@pytest.mark.parametrize("shape", [(24, 20), (10, 24, 20)], ids=["slices", "volumes"])
def test_outside_its_boxes_a_class_is_unknown_and_other_classes_stay(tmp_path, shape):
    size, middle = [9.0] * len(shape), [(n - 1) / 2 for n in shape[::-1]]
    store = store_of(tmp_path, shape, shape, boxes=(box(1, middle, size),), absent=())
    batch = boxed_batch(store)
    [found] = boxes_in_patch(batch, 0, store.knowledge[0])
    inside = torch.zeros_like(batch.label, dtype=torch.bool)
    inside[(0, *found.region)] = found.inside
    assert 0 < inside.sum() < inside.numel()
    for value in (0, 1, 2, 255):
        labels = torch.full_like(batch.label, value)
        kept = without_excluded(labels, batch, store.knowledge, 3)
        expected = labels.masked_fill(~inside, 255) if value == 1 else labels
        assert torch.equal(kept, expected)
    labels = torch.ones_like(batch.label)
    assert without_excluded(labels, batch, {}, 3) is labels
