"""Which voxels take part in the CRF: gates in millimetres, on labels of any kind."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.losses import dense_crf_loss
from SemiWeakSegLib.learning.terms import CRFTerm, StageContext, Step
from SemiWeakSegLib.learning.terms.crf import crf_term, near
from SemiWeakSegLib.methods import ScribbleCRF
from SemiWeakSegLib.methods import terms as settings
from Testing.learning.scans import make_plan, make_store, save


class TestNear:
    @pytest.mark.parametrize(
        ("shape", "spacing"), [((9, 12), (1.0, 2.5)), ((5, 7, 6), (3.0, 1.0, 0.7))]
    )
    @pytest.mark.parametrize("reach", [0.0, 1.0, 2.4, 100.0])
    def test_is_a_box_of_millimetres_around_every_voxel(self, shape, spacing, reach):
        generator = torch.Generator().manual_seed(0)
        mask = torch.rand(2, *shape, generator=generator) < 0.06
        steps = torch.tensor([spacing, spacing[::-1]])
        found = near(mask, steps, reach)
        for sample in range(2):
            places = np.argwhere(mask[sample].numpy())
            for voxel in np.ndindex(shape):
                away = np.abs(places - voxel) * steps[sample].numpy()
                expected = bool((away <= reach + 1e-4).all(axis=1).any())
                assert bool(found[(sample, *voxel)]) == expected

    def test_nothing_is_near_nothing(self):
        assert not near(torch.zeros(1, 4, 4, dtype=torch.bool), torch.ones(1, 2), 5.0).any()

    def test_the_mask_itself_is_left_alone(self):
        mask = torch.eye(5, dtype=torch.bool)[None]
        near(mask, torch.ones(1, 2), 2.0)
        assert torch.equal(mask[0], torch.eye(5, dtype=torch.bool))


@pytest.fixture
def step(tmp_path):
    """Two patches of a case of which the left third is annotated."""
    source = np.random.default_rng(0)
    label = np.full((12, 12), 255, dtype=np.uint8)
    label[:, :4] = source.integers(0, 3, (12, 4))
    case = Case(
        "scribbled",
        (save(tmp_path / "i.mha", source.normal(size=(12, 12)).astype(np.float32)),),
        label=save(tmp_path / "l.mha", label),
    )
    store = make_store(tmp_path, [case], make_plan(2, (12, 12), whole=True))
    sampler = PatchSampler(store, [0], 2, make_augmentation("none", store.plan), annotated=True)
    batch = sampler.draw(torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    student = nn.Conv2d(1, 3, 1)
    made = Step(1.0, batch, None, student(batch.image), None, student, None, torch.Generator())
    return made, StageContext(store.plan, store, tmp_path, torch.device("cpu"))


class TestGate:
    @pytest.mark.parametrize(
        ("gate", "columns"),
        [("image", slice(0, 12)), ("unlabeled", slice(2, 12)), ("annotated", slice(0, 6))],
    )
    def test_only_pairs_of_voxels_inside_count(self, step, gate, columns):
        made, context = step
        term = CRFTerm(settings.CRFTerm(gate=gate, gate_mm=2.0), 1.0)
        term.start(context)
        batch, logits = made.labeled, made.labeled_logits
        logits.retain_grad()
        mask = torch.zeros(2, 12, 12, dtype=torch.bool)
        mask[..., columns] = True
        expected = dense_crf_loss(logits, batch.unit_intensity(), batch.spacing, term.kernels, mask)
        value = term(made)
        torch.testing.assert_close(value, expected)
        value.backward()
        touched = logits.grad.abs().sum(dim=1) > 0
        assert torch.equal(touched, mask)

    def test_a_half_that_the_gate_shuts_out_does_not_dilute_the_other(self, step):
        made, context = step
        bare = dataclasses.replace(made.labeled, label=torch.full_like(made.labeled.label, 255))
        logits = made.student(bare.image)
        both = dataclasses.replace(made, unlabeled=bare, unlabeled_logits=logits)
        term = CRFTerm(settings.CRFTerm(on="all", gate="annotated", gate_mm=2.0), 1.0)
        term.start(context)
        assert term(made).item() > 0
        torch.testing.assert_close(term(both), term(made))

    def test_the_reach_of_the_kernel_is_taken_where_none_is_given(self, step):
        term = CRFTerm(settings.CRFTerm(gate="annotated", sigma_space_mm=4.0), 1.0)
        term.start(step[1])
        assert term.gate_mm == 4.0

    def test_outside_the_image_nothing_takes_part(self, step):
        made, context = step
        made.labeled.valid[..., 8:] = False
        term = CRFTerm(settings.CRFTerm(gate="unlabeled", gate_mm=1.0), 1.0)
        term.start(context)
        made.labeled_logits.retain_grad()
        term(made).backward()
        assert not made.labeled_logits.grad[..., 8:].any()
        assert made.labeled_logits.grad[..., 4:8].any()


class TestForms:
    @pytest.mark.parametrize("neighbourhood", ["dense", "grid"])
    def test_a_normalised_cut_has_a_name_of_its_own(self, step, neighbourhood):
        """Kernel cut: Potts and normalised cut together, each seen in the curves."""
        made, context = step
        names, values = [], []
        for form in ("potts", "normalised_cut"):
            term = CRFTerm(settings.CRFTerm(form=form, neighbourhood=neighbourhood), 1.0)
            term.start(context)
            names.append(term.name)
            values.append(term(made).item())
        assert len(set(names)) == 2
        assert values[0] != values[1]
        assert all(0 < value < 1 for value in values)

    def test_a_method_s_kernel_becomes_a_term_whole(self):
        method = ScribbleCRF(sigma_space_mm=7.0, gate="unlabeled", gate_mm=3.0, smoothness=0.5)
        term = crf_term(method, 2.0, neighbourhood="grid", ramp=0.1)
        assert term.settings == settings.CRFTerm(
            neighbourhood="grid",
            ramp=0.1,
            sigma_space_mm=7.0,
            gate="unlabeled",
            gate_mm=3.0,
            smoothness=0.5,
        )
        assert term.weight == 2.0
