"""Mean Teacher, its uncertainty-aware form and temporal ensembling as summands of the loss."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.intensity import perturb
from SemiWeakSegLib.learning.schedules import sigmoid_ramp
from SemiWeakSegLib.learning.terms import StageContext, Step, make_term
from SemiWeakSegLib.learning.terms.temporal_ensembling import size_in_words
from SemiWeakSegLib.learning.terms.uncertainty_teacher import dropout_active, is_sure
from SemiWeakSegLib.methods.terms import parse_term
from Testing.learning.scans import make_plan, make_store, save

TERMS = ("mean_teacher", "uncertainty_teacher", "temporal_ensembling")


@pytest.fixture(params=[2, 3], ids=["slices", "volumes"])
def store(request, tmp_path):
    """A dense, a scribbled and an unlabeled case."""
    dims, source, cases = request.param, np.random.default_rng(0), []
    shape, patch = ((14, 12), (12, 12)) if dims == 2 else ((6, 14, 12), (6, 12, 12))
    for name in ("dense", "scribbled", "unlabeled"):
        image = save(tmp_path / f"{name}.nii.gz", source.normal(size=shape).astype(np.float32))
        label = source.integers(0, 3, shape).astype(np.uint8)
        if name == "scribbled":
            label[..., 4:] = 255
        path = None if name == "unlabeled" else save(tmp_path / f"{name}_l.nii.gz", label)
        cases.append(Case(name, (image,), label=path))
    return make_store(tmp_path, cases, make_plan(dims, patch, orient=False))


def network(dims, seed):
    torch.manual_seed(seed)
    return (nn.Conv2d if dims == 2 else nn.Conv3d)(1, 3, 3, padding=1)


def draw(store, index, seed=0):
    amount = make_augmentation("none", store.plan)
    sampler = PatchSampler(store, [index], 2, amount, annotated=index < 2)
    return sampler.draw(torch.Generator().manual_seed(seed))


def step_of(store, labeled=0, unlabeled=2, *, progress=1.0, seed=0, teacher=None):
    dims = store.plan.dimensions
    student = network(dims, 0)
    batches = [
        None if index is None else draw(store, index, seed) for index in (labeled, unlabeled)
    ]
    logits = [None if batch is None else student(batch.image) for batch in batches]
    teacher = teacher or network(dims, 1).eval()
    generator = torch.Generator().manual_seed(seed)
    return Step(progress, *batches, *logits, student, teacher, generator)


def started(store, text, folder, augmentation="standard"):
    term = make_term(parse_term(text), dimensions=2)
    amount = make_augmentation(augmentation, store.plan)
    term.start(StageContext(store.plan, store, folder, torch.device("cpu"), augmentation=amount))
    return term


def gradient_of(value, step):
    value.backward()
    return sum(float(each.grad.abs().sum()) for each in step.student.parameters())


def teachers_answers(step, store, passes, augmentation="standard"):
    """For each half the teacher's probabilities of its noisy views, drawn as the term does."""
    ranges = make_augmentation(augmentation, store.plan).weak
    generator, found = torch.Generator().manual_seed(0), []
    for batch in (step.labeled, step.unlabeled):
        views = [perturb(batch.clean, ranges, generator) for _ in range(passes)]
        with torch.no_grad():
            found.append([step.teacher(view).softmax(dim=1).double().numpy() for view in views])
    return found


class TestMeanTeacher:
    def test_is_the_squared_distance_summed_over_classes(self, store, tmp_path):
        term, step = started(store, "mean_teacher", tmp_path), step_of(store)
        value = term(step)
        total = count = 0
        answers = teachers_answers(step, store, 1)
        halves = zip((step.labeled, step.unlabeled), answers, strict=True)
        for (batch, (target,)), logits in zip(
            halves, (step.labeled_logits, step.unlabeled_logits), strict=True
        ):
            mine = logits.detach().softmax(dim=1).double().numpy()
            mask = batch.valid[:, 0].numpy()
            total += ((mine - target) ** 2).sum(axis=1)[mask].sum()
            count += mask.sum()
        assert value.item() == pytest.approx(total / count, rel=1e-5)
        assert gradient_of(value, step) > 0
        assert all(each.grad is None for each in step.teacher.parameters())

    def test_the_teacher_sees_another_view_than_the_student(self, store, tmp_path, monkeypatch):
        seen = []
        term, step = started(store, "mean_teacher", tmp_path), step_of(store)
        step.teacher.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        term(step)
        for view, batch in zip(seen, (step.labeled, step.unlabeled), strict=True):
            assert not torch.equal(view, batch.image)
            assert view.shape == batch.image.shape

    def test_unlabeled_cases_only_if_wished(self, store, tmp_path):
        term, step = started(store, "mean_teacher:1,on=unlabeled_cases", tmp_path), step_of(store)
        step.labeled_logits.retain_grad()
        term(step).backward()
        assert step.labeled_logits.grad is None

    def test_weight_follows_its_ramp(self, store, tmp_path):
        term = make_term(parse_term("mean_teacher:0.2,ramp=0.5"), dimensions=2)
        assert term.weight_at(0.25) == pytest.approx(0.2 * math.exp(-5 / 4))
        assert term.weight_at(0.6) == 0.2

    def test_takes_a_strong_view_where_wished(self):
        assert not make_term(
            parse_term("mean_teacher:1,strong_view=false"), dimensions=2
        ).uses_strong_view
        assert make_term(parse_term("mean_teacher"), dimensions=2).uses_strong_view


def simplex(classes, count=200_000):
    """Points spread evenly over the distributions of so many classes, (1, C, 1, count)."""
    source = np.random.default_rng(0)
    points = source.dirichlet(np.ones(classes), count)
    return torch.from_numpy(points.T.copy()).reshape(1, classes, 1, count)


class TestUncertainty:
    @pytest.mark.parametrize("classes", [2, 3, 4, 5])
    def test_keeps_about_a_third_of_all_distributions_at_the_start(self, classes):
        points = simplex(classes)
        kept = is_sure(points, 0.75, 0.0)
        assert 0.28 < kept.double().mean().item() < 0.45
        p = points[0, :, 0].numpy()
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=0)
        share = 0.75 + 0.25 * sigmoid_ramp(0.0, 1.0)
        assert np.array_equal(kept[0, 0].numpy(), entropy < share * np.log(classes))

    def test_leaves_out_less_and_less(self):
        points = simplex(3)
        kept = [is_sure(points, 0.75, t).double().mean().item() for t in (0, 0.3, 0.6, 1)]
        assert kept == sorted(kept)
        assert kept[0] < 0.5 * kept[-1]
        assert kept[-1] > 0.999

    def test_certain_answers_are_sure(self):
        certain = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
        assert is_sure(certain, 0.75, 0.0).all()
        assert not is_sure(torch.full((1, 3, 1, 1), 1 / 3), 0.75, 1.0).any()

    @pytest.mark.parametrize("progress", [0.0, 0.7])
    def test_is_the_mean_over_the_voxels_that_are_sure(self, store, tmp_path, progress):
        text = "uncertainty_teacher:1,passes=3,limit=0.9"
        term, step = started(store, text, tmp_path), step_of(store, progress=progress)
        value = term(step)
        share = 0.9 + 0.1 * math.exp(-5 * (1 - progress) ** 2)
        total = count = everything = 0
        for batch, logits, answers in zip(
            (step.labeled, step.unlabeled),
            (step.labeled_logits, step.unlabeled_logits),
            teachers_answers(step, store, 3),
            strict=True,
        ):
            mean = np.mean(answers, axis=0)
            entropy = -(mean * np.log(mean)).sum(axis=1)
            mask = (entropy < share * np.log(3)) & batch.valid[:, 0].numpy()
            mine = logits.detach().softmax(dim=1).double().numpy()
            total += ((mine - mean) ** 2).sum(axis=1)[mask].sum()
            count += mask.sum()
            everything += mask.size
        assert 0.05 * everything < count < 0.95 * everything
        assert value.item() == pytest.approx(total / count, rel=1e-4)
        assert gradient_of(value, step) > 0

    def test_nobody_sure_gives_nought(self, store, tmp_path):
        term, step = started(store, "uncertainty_teacher:1,limit=0", tmp_path), step_of(store)
        step = dataclasses.replace(step, progress=0.0)
        for parameter in step.teacher.parameters():  # the same answer everywhere: 1/3
            nn.init.zeros_(parameter)
        value = term(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0

    def test_dropout_is_active_while_it_asks_and_rests_again(self, store, tmp_path):
        dims = store.plan.dimensions
        batch_norm = (nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d)(3)
        teacher = nn.Sequential(network(dims, 1), batch_norm, nn.Dropout(0.5)).eval()
        term = started(store, "uncertainty_teacher:1,passes=2", tmp_path, "none")
        step, modes = step_of(store, teacher=teacher), []
        teacher.register_forward_hook(
            lambda *_: modes.append([module.training for module in teacher])
        )
        before = batch_norm.running_mean.clone()
        term(step)
        assert modes == [[False, False, True]] * 4
        assert not any(module.training for module in teacher.modules())
        assert torch.equal(batch_norm.running_mean, before)

    def test_dropout_rests_again_after_an_error(self):
        teacher = nn.Sequential(nn.Dropout3d(0.5)).eval()
        with pytest.raises(KeyError), dropout_active(teacher):
            assert teacher[0].training
            raise KeyError
        assert not teacher[0].training


class TestTemporalEnsembling:
    def test_has_nothing_to_say_of_voxels_seen_for_the_first_time(self, store, tmp_path):
        term, step = started(store, "temporal_ensembling", tmp_path), step_of(store)
        value = term(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0

    def test_is_the_squared_distance_from_the_corrected_mean(self, store, tmp_path):
        """Z follows the formula; patches of a step overlap, those of the next show new voxels."""
        term = started(store, "temporal_ensembling:1,memory=0.7,on=unlabeled_cases", tmp_path)
        dims = store.plan.dimensions
        shape = store.entries[2].shape[1:]
        Z, visits = np.zeros((3, *shape)), np.zeros(shape)
        parts = []
        for number, seed in enumerate((7, 8, 8, 2)):
            step = step_of(store, seed=seed)
            with torch.no_grad():
                step.student.weight.mul_(1 + number)
            step.unlabeled_logits = step.student(step.unlabeled.image)
            mine = step.unlabeled_logits.detach().softmax(dim=1).double().numpy()
            value = term(step)
            places = step.unlabeled.positions().round().long().numpy()
            rows = [
                (unit, *place)
                for (_, unit), place in zip(step.unlabeled.units, places, strict=True)
            ]
            total = count = 0
            for row, place in enumerate(rows):
                known = visits[place] > 0
                weight = np.maximum(1 - 0.7 ** visits[place], 1e-9)
                distance = ((mine[row] - Z[(slice(None), *place)] / weight) ** 2).sum(axis=0)
                total, count = total + distance[known].sum(), count + known.sum()
            assert value.item() == pytest.approx(total / max(count, 1), rel=0.01, abs=1e-6)
            parts.append(count / mine[:, 0].size)
            for row, place in enumerate(rows):
                every = (slice(None), *place)
                Z[every] = 0.7 * Z[every] + 0.3 * mine[row]
                visits[place] += 1
        assert total > 0
        assert any(0 < part < 1 for part in parts)
        assert gradient_of(value, step) > 0
        assert len(shape) == dims + 1

    def test_takes_in_what_came_from_the_device_before_it_goes_on(self, store, tmp_path):
        """On a GPU predictions are on their way when a step ends."""
        term = started(store, "temporal_ensembling", tmp_path)
        settled, target, save = [], term.ensemble.target, term.ensemble.store.save
        term.ensemble.settle = lambda: settled.append("settle")
        term.ensemble.target = lambda batch: settled.append("target") or target(batch)
        term.ensemble.store.save = lambda: settled.append("save") or save()
        term(step_of(store))
        term.state_dict()
        assert settled == ["settle", "target", "target", "settle", "save"]

    def test_says_what_space_it_needs(self, store, tmp_path, monkeypatch):
        said = []
        term = make_term(parse_term("temporal_ensembling"), dimensions=2)
        context = StageContext(
            store.plan,
            store,
            tmp_path / "not" / "yet",
            torch.device("cpu"),
            emit=lambda kind, **fields: said.append((kind, fields)),
        )
        term.start(context)
        voxels = sum(math.prod(entry.shape[1:]) for entry in store.entries)
        assert [kind for kind, _ in said] == ["note"]
        assert said[0][1]["bytes"] == voxels * 7
        assert "maps of 3 cases" in said[0][1]["message"]
        usage = type("Usage", (), {"free": 10})
        monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
        term.start(context)
        assert [kind for kind, _ in said] == ["note", "note", "warning"]
        assert "mean_teacher" in said[-1][1]["message"]

    def test_counts_the_cases_it_acts_on_and_all_processes(self, store, tmp_path):
        said = []
        for text, processes in (
            ("temporal_ensembling:1,on=unlabeled_cases", 1),
            ("temporal_ensembling", 4),
        ):
            context = StageContext(
                store.plan,
                store,
                tmp_path,
                torch.device("cpu"),
                emit=lambda kind, **fields: said.append(fields),
                processes=processes,
            )
            make_term(parse_term(text), dimensions=2).start(context)
        marked = sum(entry.annotated for entry in store.entries)
        assert 0 < marked < len(store.entries)
        assert f"maps of {len(store.entries) - marked} case" in said[0]["message"]
        assert "in each of 4 processes" in said[1]["message"]
        assert size_in_words(8 * said[1]["bytes"]) + " in the run folder" in said[1]["message"]

    def test_keeps_its_maps_in_the_checkpoint_and_clears_up(self, store, tmp_path):
        straight = started(store, "temporal_ensembling", tmp_path / "straight")
        broken = started(store, "temporal_ensembling", tmp_path / "broken")
        for number in range(6):
            expected, found = (
                straight(step_of(store, seed=number)),
                broken(step_of(store, seed=number)),
            )
            assert torch.equal(expected, found)
            if number in (1, 3):
                state = broken.state_dict()
                broken(step_of(store, seed=77))  # lost
                broken = started(store, "temporal_ensembling", tmp_path / "broken")
                broken.load_state_dict(state)
        assert expected.item() > 0
        assert list((tmp_path / "broken").rglob("maps-*.bin"))
        # Of a process that the run was not resumed with.
        other = tmp_path / "broken" / "temporal" / "process-1"
        other.mkdir()
        (other / "maps-000001.bin").write_bytes(b"old")
        broken.finish()
        assert not list((tmp_path / "broken").iterdir())

    def test_another_process_clears_up_only_its_own(self, store, tmp_path):
        terms = []
        for rank in (0, 1):
            term = make_term(parse_term("temporal_ensembling"), dimensions=2)
            cpu = torch.device("cpu")
            term.start(StageContext(store.plan, store, tmp_path / "maps", cpu, rank=rank))
            term(step_of(store))
            term.state_dict()
            terms.append(term)
        terms[1].finish()
        [left] = (tmp_path / "maps" / "temporal").iterdir()
        assert left.name == "process-0"


@pytest.mark.parametrize("text", TERMS)
class TestEveryTeacher:
    def test_nothing_inside_the_image_gives_nought(self, store, text, tmp_path):
        term = started(store, text, tmp_path)
        for _ in range(2):
            step = step_of(store)
            for batch in (step.labeled, step.unlabeled):
                batch.valid = torch.zeros_like(batch.valid)
            value = term(step)
            assert value.item() == 0
            assert gradient_of(value, step) == 0

    def test_takes_annotated_and_unlabeled_voxels_alike(self, store, text, tmp_path):
        """Scribbled cases count whole; without unlabeled cases it acts on those alone."""
        term = started(store, text, tmp_path)
        for _ in range(2):
            step = step_of(store, labeled=1, unlabeled=None, progress=1.0)
            with torch.no_grad():
                step.student.weight.mul_(1 + _)
            step.labeled_logits = step.student(step.labeled.image)
            step.labeled_logits.retain_grad()
            value = term(step)
        value.backward()
        moved = step.labeled_logits.grad.abs().sum(dim=1)
        assert moved[step.labeled.label == 255].any()
        assert moved[step.labeled.label != 255].any()
