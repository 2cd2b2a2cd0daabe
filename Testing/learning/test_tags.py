"""Image tags: what is known of each unit, what is refused, and a method that learns from them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Box, Case, summary
from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.saved_model import keep_model, load_tensors
from SemiWeakSegLib.learning.tags import check_tags, tagged_cases, unit_tags
from SemiWeakSegLib.learning.terms import StageContext, Step, TagClassificationTerm
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import SettingsError, Tags
from SemiWeakSegLib.methods.menu import METHODS, missing_requirements
from SemiWeakSegLib.methods.terms import parse_term
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.scans import make_plan, make_store, save
from Testing.learning.tagged import make_tagged_cohort
from Testing.learning.tiny import make_run

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = {"augmentation": "standard", "saliency": "contrast", "validations": 2}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_tagged_cohort(tmp_path_factory.mktemp("pictures"), shape=(24, 24))


def events(run, kind):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == kind]


def store_of(tmp_path, shape, plan, **case):
    """A store of one case; ``label``: an array or None."""
    label = case.pop("label", None)
    suffix = ".nii.gz" if len(shape) == 3 else ".mha"
    image = save(tmp_path / f"image{suffix}", np.random.default_rng(0).normal(size=shape))
    if label is not None:
        label = save(tmp_path / f"label{suffix}", label.astype(np.uint8))
    return make_store(tmp_path, [Case("one", (image,), label=label, **case)], plan)


SLICES = make_plan(2, (8, 8), whole=True, orient=False)
VOLUMES = make_plan(3, (4, 8, 8), whole=True, orient=False)


class TestUnitTags:
    def test_tags_of_an_image(self, tmp_path):
        store = store_of(tmp_path, (8, 8), SLICES, present=(2,), absent=(1,))
        assert unit_tags(store, 0).tolist() == [[0, 1]]

    def test_tags_of_a_volume(self, tmp_path):
        store = store_of(tmp_path, (4, 8, 8), VOLUMES, present=(1,))
        assert unit_tags(store, 0).tolist() == [[1, -1]]

    def test_slices_of_a_volume_inherit_only_what_is_absent(self, tmp_path):
        store = store_of(tmp_path, (4, 8, 8), SLICES, present=(1,), absent=(2,))
        assert unit_tags(store, 0).tolist() == [[-1, 0]] * 4

    def test_labels_say_it_slice_by_slice(self, tmp_path):
        label = np.zeros((4, 8, 8))
        label[1, 3, 3], label[2, 4, 4] = 1, 2
        label[3, 0, 0] = 255  # not complete: what is not there is unknown
        store = store_of(tmp_path, (4, 8, 8), SLICES, label=label, present=(1, 2))
        assert unit_tags(store, 0).tolist() == [[0, 0], [1, 0], [0, 1], [-1, -1]]

    def test_a_class_nobody_looked_for_is_not_absent(self, tmp_path):
        label = np.zeros((8, 8))
        label[3, 3] = 1
        store = store_of(tmp_path, (8, 8), SLICES, label=label, looked_at=(1,))
        assert unit_tags(store, 0).tolist() == [[1, -1]]

    def test_boxes_and_sizes_are_tags_too(self, tmp_path):
        box = Box(1, (3.0, 3.0), (4.0, 4.0), ((1.0, 0.0), (0.0, 1.0)))
        store = store_of(tmp_path, (8, 8), SLICES, boxes=(box,), sizes={2: (0.0, 0.0)})
        assert unit_tags(store, 0).tolist() == [[1, 0]]

    def test_slices_that_no_box_of_a_class_meets_do_not_show_it(self, tmp_path):
        box = Box(1, (3.0, 3.0, 1.5), (4.0, 4.0, 2.0), tuple(map(tuple, np.eye(3))))
        store = store_of(tmp_path, (4, 8, 8), SLICES, boxes=(box,))
        found = unit_tags(store, 0)[:, 0].tolist()
        assert found == [0, -1, -1, 0]
        assert (unit_tags(store, 0)[:, 1] == -1).all()

    def test_nothing_known_is_not_tagged(self, tmp_path):
        store = store_of(tmp_path, (8, 8), SLICES)
        assert tagged_cases(store, [0]) == []


class TestCheckTags:
    def test_tags_of_volumes_do_not_fit_a_plan_of_slices(self, tmp_path):
        store = store_of(tmp_path, (4, 8, 8), SLICES, present=(1,), absent=(2,))
        with pytest.raises(ValueError, match=r"class one .*--plan dimensions=3"):
            check_tags(store, [0])

    def test_they_do_where_labels_show_the_class_in_some_slice(self, tmp_path):
        label = np.zeros((4, 8, 8))
        label[1, 3, 3] = 1
        store = store_of(tmp_path, (4, 8, 8), SLICES, label=label, present=(1,))
        assert check_tags(store, [0]) == ["no training case is known to show two: it gets no seeds"]

    def test_a_class_that_is_always_there_is_noted(self, tmp_path):
        store = store_of(tmp_path, (4, 8, 8), VOLUMES, present=(1, 2))
        notes = check_tags(store, [0])
        assert len(notes) == 2
        assert notes[0].startswith("no training case is known not to show one")

    def test_somebody_must_show_something(self, tmp_path):
        store = store_of(tmp_path, (8, 8), SLICES, absent=(1, 2))
        with pytest.raises(ValueError, match="known to show any class"):
            check_tags(store, [0])


class TestTerm:
    @pytest.mark.parametrize("known", [(1, 0), (1, -1), (-1, -1)])
    def test_is_the_cross_entropy_of_the_known_tags(self, tmp_path, known):
        present = tuple(k + 1 for k, value in enumerate(known) if value == 1)
        absent = tuple(k + 1 for k, value in enumerate(known) if value == 0)
        store = store_of(tmp_path, (8, 8), SLICES, present=present, absent=absent)
        sampler = PatchSampler(
            store, [0], 3, make_augmentation("none", store.plan), annotated=False
        )
        batch = sampler.draw(torch.Generator().manual_seed(0))
        logits = torch.randn(3, 2, requires_grad=True)
        term = TagClassificationTerm([0])
        term.start(StageContext(store.plan, store, tmp_path, torch.device("cpu")))
        value = term(Step(0.0, batch, None, logits, None, None, None, torch.Generator()))
        value.backward()
        losses = [
            math.log1p(math.exp(-z if tag else z))
            for row in logits.tolist()
            for z, tag in zip(row, known, strict=True)
            if tag != -1
        ]
        assert value.item() == pytest.approx(np.mean(losses) if losses else 0.0, rel=1e-5)
        unknown = [k for k, tag in enumerate(known) if tag == -1]
        assert not logits.grad[:, unknown].any()


class TestSettings:
    def test_thresholds_must_not_cross(self):
        with pytest.raises(SettingsError, match="background_threshold"):
            Tags.from_dict({"object_threshold": 0.3, "background_threshold": 0.4})

    def test_is_on_the_menu_and_needs_tags(self, pictures):
        assert METHODS["tags"] is Tags
        assert missing_requirements(Tags, summary(pictures)) == []
        bare = pictures.with_cases(
            [replace(case, present=(), absent=()) for case in pictures.cases]
        )
        assert "image tags" in missing_requirements(Tags, summary(bare))[0]


@pytest.mark.usefixtures("no_report")
class TestTraining:
    def test_tags_alone_segment_pictures(self, pictures, tmp_path):
        run = make_run(
            tmp_path / "run",
            pictures,
            "tags",
            settings=QUICK,
            steps=120,
            plan={"batch_labeled": 4},
            predict=("test",),
        )
        assert work(run) == "finished"
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["mean_dice"] > 0.8
        seeds = events(run, "seeds")[0]
        assert seeds["cases"] == 24
        assert seeds["note"] == ""
        for values in seeds["per_class"].values():
            assert values["precision"] > 0.7
            assert values["recall"] > 0.5
            assert values["accuracy"] == 1.0

    def test_seeds_obey_tags_in_volumes(self, tmp_path):
        cohort = make_tagged_cohort(tmp_path / "data", shape=(8, 16, 16), train=8, test=0)
        run = make_run(tmp_path / "run", cohort, "tags", settings=QUICK, steps=8)
        assert work(run) == "finished"
        for number, case in enumerate(cohort.cases[:8]):
            seeds = np.load(run.path / "stages" / "seeds" / f"{number}.npy")
            assert seeds.shape == (1, 8, 16, 16)
            found = set(np.unique(seeds).tolist()) - {0, 255}
            assert found <= set(case.present)
            assert (seeds == 0).any()
            if not case.present:
                assert (seeds == 0).all()

    def test_resumes_bit_for_bit_with_everything_on(self, pictures, tmp_path, monkeypatch):
        settings = {
            "erasing_rounds": 1,
            "pooling": "log_sum_exp",
            "saliency": "gradient",
            "evidence": "grad_cam",
            "validations": 2,
        }
        request = {"steps": 10, "settings": settings, "plan": {"batch_labeled": 4}}
        whole = make_run(tmp_path / "whole", pictures, "tags", **request)
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", pictures, "tags", **request)
        original = trainer.StageTrainer.step
        for steps, resume in ((2, False), (4, True)):
            left = iter(range(steps))

            def step(self, left=left):
                if next(left, None) is None:
                    raise KeyboardInterrupt
                original(self)

            with monkeypatch.context() as patch:
                patch.setattr(trainer.StageTrainer, "step", step)
                with pytest.raises(KeyboardInterrupt):
                    work(broken, resume=resume)
            if not resume:  # stopped while it classified: nothing there segments
                assert not keep_model(broken, pictures.classes)
        work(broken, resume=True)
        expected, found = (load_tensors(run.model / "weights.pt") for run in (whole, broken))
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_labels_are_kept_and_give_tags(self, pictures, tmp_path):
        """An annotated case keeps its label, teaches the classifier, and gets no seeds."""
        cases = list(pictures.cases)
        cases[2] = replace(cases[2], label=cases[2].truth, present=(), absent=())
        run = make_run(tmp_path / "run", pictures.with_cases(cases), "tags", steps=6)
        work(run)
        stages = {event["name"]: event for event in events(run, "stage")}
        assert stages["classifier"]["labeled"] == stages["segment"]["labeled"] == 24
        assert events(run, "seeds")[0]["cases"] == 23

    def test_a_frozen_teacher_learns_the_seeds(self, pictures, tmp_path):
        """Nothing else is labeled."""
        term = parse_term("pseudo_label:1,teacher=frozen").to_dict()
        run = make_run(tmp_path / "run", pictures, "tags", steps=6, terms=[term])
        assert work(run) == "finished"
        stages = {event["name"]: event for event in events(run, "stage")}
        assert list(stages) == ["classifier", "teacher", "segment"]
        assert stages["teacher"]["labeled"] == stages["segment"]["labeled"] == 24

    def test_needs_tags(self, pictures, tmp_path):
        bare = pictures.with_cases(
            [replace(case, present=(), absent=()) for case in pictures.cases]
        )
        with pytest.raises(ValueError, match="no training case has image tags"):
            work(make_run(tmp_path / "run", bare, "tags", steps=4))
