"""Transformation consistency: what is compared, where, and who learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from SemiWeakSegLib.learning.terms import TransformationTerm
from SemiWeakSegLib.methods.consistency_terms import TransformationTerm as Settings
from Testing.learning.steps import (
    SPACINGS,
    LinearShares,
    Neighbours,
    make_batch,
    make_context,
    make_step,
    smooth_images,
    total_gradient,
)

SHAPES = [(14, 18), (8, 10, 12)]


def batch_of(shape, seed=0, **kept):
    return make_batch(smooth_images(shape, seed=seed), spacing=SPACINGS[len(shape)], **kept)


def started(shape, mirror_axes=None, teacher="own", **settings):
    """Without a teacher unless told: the network is compared with itself."""
    term = TransformationTerm(Settings(teacher=teacher, **settings), 1.0)
    term.start(make_context(shape, mirror_axes=mirror_axes)[0])
    return term


def warp(transform, row, values):
    """(C, *shape) of one sample by SciPy, and where it came from inside."""
    shape = values.shape[1:]
    centre = [(n - 1) / 2 for n in shape]
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    matrix = transform.matrix[row].double().numpy()
    places = (grid - centre) @ matrix.T + centre
    if transform.displacement is not None:
        field = transform.displacement[row].double().numpy()
        points = field.shape[1:]
        steps = [(k - 1) / (n - 1) for k, n in zip(points, shape, strict=True)]
        at = np.moveaxis(grid * steps, -1, 0)
        moved = [ndimage.map_coordinates(each, at, order=1) for each in field]
        places = places + np.stack(moved, axis=-1)
    inside = np.all((places >= -0.5) & (places <= np.array(shape) - 0.5), axis=-1)
    at = np.moveaxis(places, -1, 0)
    read = [ndimage.map_coordinates(each, at, order=1, mode="nearest") for each in values]
    return np.stack(read), inside


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=0))
    return exponentials / exponentials.sum(axis=0)


@pytest.mark.parametrize("shape", SHAPES)
class TestTransformationFormula:
    @pytest.mark.parametrize("kind", ["all", "flips", "affine", "elastic"])
    @pytest.mark.parametrize("distance", ["l2", "kl"])
    def test_is_nought_for_an_equivariant_network(self, shape, kind, distance):
        """Also where T brings voxels in from outside, which count nowhere."""
        term = started(shape, transform=kind, distance=distance)
        step = make_step(LinearShares(), batch_of(shape), batch_of(shape, 1))
        assert term(step).item() == pytest.approx(0, abs=1e-5)

    @pytest.mark.parametrize("kind", ["all", "flips", "affine", "elastic"])
    @pytest.mark.parametrize("distance", ["l2", "kl"])
    def test_equals_the_formula_by_scipy(self, shape, kind, distance):
        term = started(shape, transform=kind, distance=distance, rotation_degrees=40.0)
        student = Neighbours(len(shape))
        valid = torch.ones(2, 1, *shape, dtype=torch.bool)
        valid[:, :, :, :4] = False
        halves = [batch_of(shape), batch_of(shape, 1, valid=valid)]
        step = make_step(student, *halves)
        value = term(step)
        spacing = torch.cat([half.spacing for half in halves])
        transform = term.draw(spacing, torch.Generator().manual_seed(0))

        found = []
        for row in range(4):
            half, place = halves[row // 2], row % 2
            image = half.image[place].double().numpy()
            logits = student(half.image)[place].detach().double().numpy()
            target, inside = warp(transform, row, softmax(logits))
            known, _ = warp(transform, row, half.valid[place].double().numpy())
            moved = np.where(inside, warp(transform, row, image)[0], image.min())
            with torch.no_grad():
                answer = student(torch.from_numpy(moved)[None].float())[0]
            answer = softmax(answer.double().numpy())
            each = ((target - answer) ** 2).sum(axis=0)
            if distance == "kl":
                each = (target * np.log(target / answer)).sum(axis=0)
            counts = inside & (known[0] > 0.999)
            assert counts.any()
            assert kind == "flips" or not inside.all()
            found.append(each[counts])
        assert value.item() == pytest.approx(np.concatenate(found).mean(), rel=2e-3)
        assert value.item() > 1e-3

    def test_what_lies_outside_the_image_does_not_matter(self, shape):
        term = started(shape, transform="all")
        values = []
        for filled in (0.1, 0.7):
            batch = batch_of(shape)
            batch.valid[:, :, :, :5] = False
            batch.image[:, :, :, :5] = filled
            # Voxel by voxel: what is outside reaches nothing inside.
            torch.manual_seed(0)
            student = (nn.Conv2d if len(shape) == 2 else nn.Conv3d)(1, 3, 1)
            student.weight.data *= 20
            values.append(term(make_step(student, None, batch)).item())
        assert values[0] == pytest.approx(values[1], rel=1e-4)
        assert values[0] > 1e-6

    def test_nothing_inside_gives_nought_with_a_gradient_path(self, shape):
        term = started(shape)
        valid = torch.zeros(2, 1, *shape, dtype=torch.bool)
        step = make_step(Neighbours(len(shape)), batch_of(shape, valid=valid), None)
        value = term(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0


class TestTransformationLearning:
    shape = (14, 18)

    def test_gradients_flow_through_both_sides_or_one(self):
        slopes = {}
        for gradient in ("both", "one"):
            step = make_step(Neighbours(2), batch_of(self.shape), batch_of(self.shape, 1))
            started(self.shape, gradient=gradient)(step).backward()
            direct = [step.labeled_logits.grad, step.unlabeled_logits.grad]
            assert all((each is not None) == (gradient == "both") for each in direct)
            slopes[gradient] = step.student.convolution.weight.grad
        assert not torch.allclose(slopes["both"], slopes["one"])

    @pytest.mark.parametrize("distance", ["l2", "kl"])
    def test_gradient_by_finite_differences(self, distance):
        def value(bias):
            student = Neighbours(2)
            student.convolution.bias.data[0] += bias
            step = make_step(student, batch_of(self.shape), None)
            return started(self.shape, distance=distance)(step), student

        found, student = value(0.0)
        found.backward()
        expected = (value(0.02)[0] - value(-0.02)[0]).item() / 0.04
        assert student.convolution.bias.grad[0].item() == pytest.approx(expected, rel=0.01)

    def test_a_teacher_gives_the_transformed_side(self):
        teacher = Neighbours(2, seed=5).eval()
        step = make_step(Neighbours(2), None, batch_of(self.shape), teacher=teacher)
        term = started(self.shape, teacher="ema")
        assert term.teacher == "ema"
        value = term(step)
        value.backward()
        assert step.unlabeled_logits.grad is None
        assert total_gradient(step) > 0
        assert teacher.convolution.weight.grad is None
        # As its own teacher it learns what it learns from one side.
        own = make_step(Neighbours(2), None, batch_of(self.shape), teacher=Neighbours(2))
        alone = started(self.shape, gradient="one")
        assert alone.teacher is None
        torch.testing.assert_close(
            started(self.shape, teacher="ema")(own),
            alone(make_step(Neighbours(2), None, batch_of(self.shape))),
        )
        assert not torch.allclose(value, started(self.shape, teacher="ema")(own))

    def test_the_teacher_sees_the_weak_view(self):
        weak = smooth_images(self.shape, seed=7)
        batch = make_batch(smooth_images(self.shape), weak_image=weak)
        seen = []

        class Listening(Neighbours):
            def forward(self, image):
                seen.append(image)
                return super().forward(image)

        step = make_step(Neighbours(2), None, batch, teacher=Listening(2))
        started(self.shape, teacher="ema")(step)
        assert len(seen) == 1
        assert torch.equal(seen[0], weak)

    def test_acts_on_all_cases_or_on_unlabeled_ones(self):
        labeled, unlabeled = batch_of(self.shape), batch_of(self.shape, 1)
        term = started(self.shape, on="unlabeled_cases")
        alone = term(make_step(Neighbours(2), None, unlabeled))
        torch.testing.assert_close(term(make_step(Neighbours(2), labeled, unlabeled)), alone)
        everywhere = started(self.shape)(make_step(Neighbours(2), labeled, unlabeled))
        assert not torch.allclose(everywhere, alone)
        step = make_step(Neighbours(2), labeled, None)
        value = term(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0
        assert term.uses_unlabeled

    def test_one_transform_a_step_that_the_generator_decides(self):
        term = started(self.shape)
        values = [
            term(make_step(Neighbours(2), batch_of(self.shape), None, seed=seed)).item()
            for seed in (1, 1, 2)
        ]
        assert values[0] == values[1] != values[2]


class TestTransformationChoice:
    def test_flips_follow_the_plan(self):
        term = started((12, 12, 12), mirror_axes=[2], transform="flips")
        transform = term.draw(torch.ones(20, 3), torch.Generator().manual_seed(0))
        assert (transform.matrix[:, 2, 2] == -1).all()
        assert (transform.matrix[:, [0, 1], [0, 1]] == 1).all()

    def test_flips_of_images_that_know_left_from_right_become_affine_and_it_is_said(self):
        term = TransformationTerm(Settings(transform="flips"), 1.0)
        made, events = make_context((12, 12), mirror_axes=[])
        term.start(made)
        assert [event.kind for event in events] == ["warning"]
        assert "flip_axes=all" in events[0].message
        transform = term.draw(torch.ones(4, 2), torch.Generator().manual_seed(0))
        assert not any(transform.is_axis_aligned(row) for row in range(4))
        assert (torch.linalg.det(transform.matrix) > 0).all()

    def test_flips_that_may_neither_mirror_nor_turn_are_said_to_do_nothing(self):
        still = Settings(transform="flips", rotation_degrees=0, zoom=1)
        made, events = make_context((12, 12), mirror_axes=[])
        TransformationTerm(still, 1.0).start(made)
        assert "does nothing" in events[0].message

    def test_flips_along_all_axes_when_asked_for(self):
        made, events = make_context((12, 12), mirror_axes=[])
        term = TransformationTerm(Settings(transform="flips", flip_axes="all"), 1.0)
        term.start(made)
        assert not events
        transform = term.draw(torch.ones(40, 2), torch.Generator().manual_seed(0))
        assert transform.is_axis_aligned(0)
        assert (transform.matrix == -1).any(dim=0).diagonal().all()

    @pytest.mark.parametrize("kind", ["affine", "all"])
    def test_turns_and_zooms_stay_within_their_strength(self, kind):
        spacing = torch.tensor([2.0, 1.0])
        term = started((12, 12), mirror_axes=[], transform=kind, rotation_degrees=10.0, zoom=1.5)
        transform = term.draw(spacing.repeat(200, 1), torch.Generator().manual_seed(0))
        physical = transform.matrix * spacing[:, None] / spacing[None, :]
        zoom = torch.linalg.det(physical).sqrt()
        assert zoom.min() >= 1 / 1.5 - 1e-5
        assert zoom.max() <= 1.5 + 1e-5
        assert zoom.max() / zoom.min() > 1.8
        angle = torch.atan2(physical[:, 1, 0], physical[:, 0, 0]).abs().rad2deg()
        assert 9 < angle.max() <= 10 + 1e-3
        assert (transform.displacement is not None) == (kind == "all")

    def test_bending_is_a_share_of_the_shortest_edge_in_mm(self):
        term = started((40, 60), transform="elastic", elastic=0.05)
        spacing = torch.tensor(SPACINGS[2]).repeat(400, 1)
        transform = term.draw(spacing, torch.Generator().manual_seed(0))
        assert torch.equal(transform.matrix, torch.eye(2).repeat(400, 1, 1))
        millimetres = transform.displacement.std(dim=(0, 2, 3)) * spacing[0]
        assert torch.allclose(millimetres, torch.tensor([3.0, 3.0]), rtol=0.05)

    def test_volumes_of_thick_slices_are_turned_within_slices(self):
        term = started((8, 10, 12), transform="affine")
        matrix = term.draw(torch.ones(5, 3), torch.Generator().manual_seed(0)).matrix
        assert (matrix[:, 0, 1:] == 0).all()
        assert (matrix[:, 1:, 0] == 0).all()

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"transform": "affine", "rotation_degrees": 0.0, "zoom": 1.0}, "transform=affine"),
            ({"transform": "elastic", "elastic": 0.0}, "transform=elastic"),
            ({"rotation_degrees": 0.0, "zoom": 1.0, "elastic": 0.0}, "transform=flips"),
        ],
    )
    def test_a_transform_without_strength_is_refused(self, settings, words):
        assert any(words in problem for problem in Settings(**settings).validate())
