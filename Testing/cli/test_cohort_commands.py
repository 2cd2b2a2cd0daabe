"""phantom and cohort make, check, split, simulate, show, on real files."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from SemiWeakSegLib.cohort import SIMULATIONS, Cohort, CohortSummary, read_label
from SemiWeakSegLib.commands.cohort_simulate import KINDS
from SemiWeakSegLib.methods import recommend


class TestMake:
    def test_images_without_labels_are_unlabeled_cases(self, cohort_file):
        cohort = Cohort.load(cohort_file)
        kinds = {case.id: cohort.annotation_kind(case) for case in cohort.cases}
        assert kinds == {
            **dict.fromkeys(("patienta", "patientb", "patientc", "patientd"), "labeled"),
            **dict.fromkeys(("patiente", "patientf"), "unlabeled"),
        }
        assert [each.name for each in cohort.classes] == ["anterior", "posterior"]

    def test_a_foreign_unlabeled_value_becomes_255_in_a_copy(self, command, folders, write_image):
        label = np.full((4, 16, 16), 4, np.uint8)
        label[1, 5, 5:8], label[1, 5, 9:12], label[0, 0, :] = 1, 2, 0
        source = folders / "labels" / "patienta.nii.gz"
        write_image(source, label)
        before = source.read_bytes()
        made = command(
            "cohort",
            "make",
            folders / "c.json",
            "--images",
            folders / "images",
            "--labels",
            folders / "labels",
            "--classes",
            "1=a,2=b",
            "--unlabeled-value",
            "4",
        )
        assert made.code == 0, made.err
        case = Cohort.load(folders / "c.json").case("patienta")
        values = read_label(case.label)[0]
        assert np.array_equal(values, np.where(label == 4, 255, label))
        assert source.read_bytes() == before

    def test_painted_strokes_with_a_background_of_their_own(self, command, folders, write_image):
        painted = np.zeros((4, 16, 16), np.uint8)
        painted[1, 5, 5:8], painted[1, 5, 9:12], painted[0, 0, :] = 1, 2, 3
        write_image(folders / "labels" / "patienta.nii.gz", painted)
        options = ("--classes", "1=a,2=b", "--unlabeled-value", 0, "--background-value", 3)
        places = ("--images", folders / "images", "--labels", folders / "labels")
        made = command("cohort", "make", folders / "c.json", *places, *options)
        assert made.code == 0, made.err
        values = read_label(Cohort.load(folders / "c.json").case("patienta").label)[0]
        wanted = np.full_like(painted, 255)
        wanted[1, 5, 5:8], wanted[1, 5, 9:12], wanted[0, 0, :] = 1, 2, 0
        assert np.array_equal(values, wanted)

    def test_the_group_pattern_makes_groups(self, command, folders):
        command(
            "cohort",
            "make",
            folders / "c.json",
            "--images",
            folders / "images",
            "--classes",
            "1=a",
            "--group-pattern",
            "patient([ab]|[c-f])",
        )
        assert Cohort.load(folders / "c.json").case("patientb").group == "b"

    def test_all_bad_options_are_named_at_once(self, command, tmp_path):
        outcome = command(
            "cohort",
            "make",
            tmp_path / "no" / "c.json",
            "--images",
            tmp_path / "x",
            "--labels",
            tmp_path / "y",
            "--group-pattern",
            "(",
            "--classes",
            "1=a",
        )
        assert outcome.code == 3
        for words in ("4 problems", "--images", "--labels", "--group-pattern", "folder"):
            assert words in outcome.err
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("classes", ["1", "x=a", "1=a,1=b", "=a"])
    def test_classes_that_cannot_be_read_change_nothing(self, command, folders, classes):
        outcome = command(
            "cohort",
            "make",
            folders / "c.json",
            "--images",
            folders / "images",
            "--classes",
            classes,
        )
        assert outcome.code == 3
        assert not (folders / "c.json").exists()


class TestCheck:
    def test_a_sound_cohort_passes(self, command, cohort_file):
        outcome = command("cohort", "check", cohort_file)
        assert outcome.code == 0
        assert "0 errors" in outcome.out

    def test_all_errors_are_listed_with_case_and_file(self, command, cohort_file, write_image):
        labels = cohort_file.parent / "labels"
        write_image(labels / "patienta.nii.gz", np.zeros((4, 16, 16), np.uint8), (1.0, 1.0, 3.0))
        write_image(labels / "patientb.nii.gz", np.full((4, 16, 16), 7, np.uint8))
        outcome = command("cohort", "check", cohort_file)
        assert outcome.code == 3
        for name in ("patienta", "patientb"):
            assert f"case {name}, {labels / name}.nii.gz" in outcome.out
        findings = json.loads(command("cohort", "check", cohort_file, "--json").out)
        assert {each["case"] for each in findings if each["severity"] == "error"} == {
            "patienta",
            "patientb",
        }

    def test_headers_only_does_not_see_values(self, command, cohort_file, write_image):
        bad = cohort_file.parent / "labels" / "patientb.nii.gz"
        write_image(bad, np.full((4, 16, 16), 7, np.uint8))
        assert command("cohort", "check", cohort_file, "--headers-only").code == 0

    def test_resampling_is_done_when_asked_for_and_touches_no_source(
        self, command, cohort_file, write_image
    ):
        bad = cohort_file.parent / "labels" / "patienta.nii.gz"
        label = np.repeat(read_label(bad)[0], 2, axis=0)
        write_image(bad, label, (1.0, 1.0, 1.0))
        before = bad.read_bytes()
        assert command("cohort", "check", cohort_file).code == 3
        out = cohort_file.parent / "resampled"
        outcome = command("cohort", "check", cohort_file, "--resample", out)
        assert outcome.code == 0, outcome.out
        case = Cohort.load(out / "cohort.json").case("patienta")
        assert read_label(case.label)[0].shape == (4, 16, 16)
        assert bad.read_bytes() == before
        assert command("cohort", "check", cohort_file, "--resample", out).code == 3

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 99}'])
    def test_a_damaged_file_is_named(self, command, tmp_path, content):
        file = tmp_path / "c.json"
        file.write_text(content, encoding="utf-8")
        outcome = command("cohort", "check", file)
        assert outcome.code == 3
        assert "c.json" in outcome.err

    def test_a_file_that_is_not_there_is_named(self, command, tmp_path):
        outcome = command("cohort", "check", tmp_path / "none.json")
        assert outcome.code == 3
        assert "none.json" in outcome.err


class TestSplit:
    def test_the_same_seed_gives_the_same_roles(self, command, cohort_file):
        outs = [cohort_file.with_name(f"{name}.json") for name in "xyz"]
        for out, seed in zip(outs, (1, 1, 2), strict=True):
            line = ("--validation", "0.25", "--test", "0.25", "--seed", seed, "--out", out)
            assert command("cohort", "split", cohort_file, *line).code == 0
        roles = [[case.role for case in Cohort.load(out).cases] for out in outs]
        assert roles[0] == roles[1]
        assert sorted(roles[0]) == sorted(roles[2])
        assert {"train", "validation", "test"} == set(roles[0])
        assert {case.role for case in Cohort.load(cohort_file).cases} == {"train"}

    def test_labels_can_be_hidden_without_a_new_split(self, command, cohort_file):
        command("cohort", "split", cohort_file, "--validation", "0.25")
        before = [case.role for case in Cohort.load(cohort_file).cases]
        outcome = command("cohort", "split", cohort_file, "--keep-labels", "1")
        assert outcome.code == 0
        assert "1 labeled, 4 unlabeled" in outcome.out
        assert [case.role for case in Cohort.load(cohort_file).cases] == before

    def test_nothing_left_to_train_on_is_refused(self, command, cohort_file):
        before = cohort_file.read_bytes()
        outcome = command("cohort", "split", cohort_file, "--validation", "0.6", "--test", "0.4")
        assert outcome.code == 3
        assert cohort_file.read_bytes() == before


class TestSimulate:
    def test_the_kinds_are_those_of_the_simulator(self):
        assert tuple(SIMULATIONS) == KINDS

    def test_scribbles_stay_under_their_share(self, command, cohort_file):
        out = cohort_file.with_name("scribbled.json")
        outcome = command(
            "cohort",
            "simulate",
            cohort_file,
            "--kind",
            "scribbles",
            "--fraction",
            "0.05",
            "--seed",
            "0",
            "--out",
            out,
        )
        assert outcome.code == 0, outcome.err
        assert "4 scribbled, 2 unlabeled" in outcome.out
        case = Cohort.load(out).case("patienta")
        share = np.mean(read_label(case.label)[0] != 255)
        assert 0 < share <= 0.05
        assert case.truth is not None

    def test_the_cohort_itself_is_not_overwritten(self, command, cohort_file):
        before = cohort_file.read_bytes()
        outcome = command("cohort", "simulate", cohort_file, "--kind", "tags", "--out", cohort_file)
        assert outcome.code == 3
        assert cohort_file.read_bytes() == before

    def test_named_cases_only(self, command, cohort_file):
        out = cohort_file.with_name("mixed.json")
        options = ("--kind", "boxes", "--cases", "patienta", "patientb", "--out", out)
        outcome = command("cohort", "simulate", cohort_file, *options)
        assert outcome.code == 0, outcome.err
        assert "2 labeled, 2 boxed, 2 unlabeled" in outcome.out
        again = cohort_file.with_name("again.json")
        options = ("--kind", "extreme_points", "--cases", "patientc", "--out", again)
        outcome = command("cohort", "simulate", out, *options)
        assert outcome.code == 0, outcome.err
        assert "1 labeled, 1 scribbled, 2 boxed, 2 unlabeled" in outcome.out
        assert "carrying    points in 1, boxes in 3" in outcome.out
        assert "--method boxes" in outcome.out

    def test_cases_that_cannot_be_simplified_are_all_named(self, command, cohort_file):
        out = cohort_file.with_name("none.json")
        options = ("--kind", "tags", "--cases", "patienta", "nobody", "patientf", "--out", out)
        outcome = command("cohort", "simulate", cohort_file, *options)
        assert outcome.code == 3
        assert "no case 'nobody'" in outcome.err
        assert "patientf is a train case that is unlabeled" in outcome.err
        assert not out.exists()


class TestBox:
    @pytest.fixture
    def extreme(self, command, cohort_file):
        """A cohort of extreme points, and a copy without the boxes that they span."""
        out = cohort_file.with_name("extreme.json")
        command("cohort", "simulate", cohort_file, "--kind", "extreme_points", "--out", out)
        cohort = Cohort.load(out)
        bare = [dataclasses.replace(case, boxes=()) for case in cohort.cases]
        points = out.with_name("points.json")
        cohort.with_cases(bare).save(points)
        return cohort, points

    def test_points_span_the_box_that_was_simulated(self, command, extreme):
        cohort, points = extreme
        outcome = command("cohort", "box", points)
        assert outcome.code == 0, outcome.err
        assert "patienta: anterior, " in outcome.out
        assert outcome.out.splitlines()[-1] == f"wrote {points}"
        for case, expected in zip(Cohort.load(points).cases, cohort.cases, strict=True):
            assert len(case.boxes) == len(expected.boxes)
            for box, other in zip(case.boxes, expected.boxes, strict=True):
                assert box.class_index == other.class_index
                assert box.center == pytest.approx(other.center, abs=1e-4)
                assert sorted(box.size) == pytest.approx(sorted(other.size), abs=1e-4)

    def test_margin_chosen_classes_and_another_file(self, command, extreme):
        cohort, points = extreme
        before = points.read_bytes()
        out = points.with_name("boxed.json")
        options = ("--margin", "1.5", "--classes", "posterior", "--out", out)
        assert command("cohort", "box", points, *options).code == 0
        assert points.read_bytes() == before
        (box,) = Cohort.load(out).case("patienta").boxes
        (expected,) = [each for each in cohort.case("patienta").boxes if each.class_index == 2]
        assert box.class_index == 2
        wider = [edge + 3 for edge in expected.size]
        assert sorted(box.size) == pytest.approx(sorted(wider), abs=1e-4)

    def test_what_has_a_box_keeps_it_and_nothing_else_is_an_error(self, command, extreme):
        _, points = extreme
        command("cohort", "box", points)
        before = points.read_bytes()
        outcome = command("cohort", "box", points)
        assert outcome.code == 3
        assert "no training case has enough points" in outcome.err
        outcome = command("cohort", "box", points, "--classes", "middle")
        assert outcome.code == 3
        assert "has no class 'middle'; it has anterior, posterior" in outcome.err
        assert points.read_bytes() == before


class TestSizes:
    def test_distribution_and_suggestion(self, command, cohort_file):
        text = command("cohort", "sizes", cohort_file).out
        assert text.startswith("sizes in mm³")
        row = next(line for line in text.splitlines() if line.startswith("1 anterior"))
        assert row.split() == ["1", "anterior", "4", *["100"] * 5, "90", "to", "110"]

    def test_json_says_the_same_with_every_size(self, command, cohort_file):
        content = json.loads(command("cohort", "sizes", cohort_file, "--json", "--margin", 0).out)
        assert (content["unit"], content["margin"]) == ("mm³", 0)
        first = content["classes"][0]
        assert first["sizes"] == [100.0] * 4
        assert [first[name] for name in ("min", "q1", "median", "q3", "max")] == [100.0] * 5
        assert (first["suggested"], first["bounds"]) == ([100.0, 100.0], None)

    def test_bounds_are_saved_when_asked_for(self, command, cohort_file):
        before = cohort_file.read_bytes()
        command("cohort", "sizes", cohort_file)
        copy = cohort_file.with_name("copy.json")
        assert command("cohort", "sizes", cohort_file, "--out", copy).code == 0
        assert cohort_file.read_bytes() == before
        assert command("cohort", "sizes", cohort_file, "--save", "--margin", "0.5").code == 0
        bounds = [item.size_bounds for item in Cohort.load(cohort_file).classes]
        assert bounds == [(50.0, 150.0), (50.0, 150.0)]
        assert Cohort.load(copy).classes[0].size_bounds == pytest.approx((90.0, 110.0))
        assert "sizes       anterior 50 to 150" in command("cohort", "show", cohort_file).out
        assert "50 to 150" in command("cohort", "sizes", cohort_file).out

    def test_of_a_cohort_without_annotation_advice_is_no_command(self, command, cohort_file):
        bare = cohort_file.with_name("bare.json")
        outcome = command("cohort", "simulate", cohort_file, "--kind", "unlabeled", "--out", bare)
        assert "next:" not in outcome.out
        assert "Nothing is annotated yet" in outcome.out

    def test_without_a_full_label_nothing_is_known(self, command, cohort_file):
        bare = cohort_file.with_name("bare.json")
        command("cohort", "simulate", cohort_file, "--kind", "unlabeled", "--out", bare)
        outcome = command("cohort", "sizes", bare, "--save")
        assert outcome.code == 3
        assert "no fully labeled training case shows a class" in outcome.err


class TestShow:
    def test_points_and_boxes_of_each_case(self, command, cohort_file):
        out = cohort_file.with_name("extreme.json")
        command("cohort", "simulate", cohort_file, "--kind", "extreme_points", "--out", out)
        content = json.loads(command("cohort", "show", out, "--json").out)
        assert (content["cases"][0]["points"], content["cases"][0]["boxes"]) == (14, 2)
        assert (content["summary"]["with_points"], content["summary"]["with_boxes"]) == (4, 4)
        lines = command("cohort", "inspect", out).out.splitlines()
        told = next(each for line in lines if (each := json.loads(line)).get("case") == "patienta")
        assert (told["kind"], told["points"], told["boxes"]) == (
            "scribbled",
            {"1": 7, "2": 7},
            {"1": 1, "2": 1},
        )

    def test_counts_classes_and_cases(self, command, cohort_file):
        text = command("cohort", "show", cohort_file, "--cases").out
        assert "4 labeled, 2 unlabeled" in text
        assert "1 anterior, 2 posterior" in text
        assert sum(line.startswith("patient") for line in text.splitlines()) == 6

    def test_what_to_try_first_and_why(self, command, cohort_file):
        text = command("cohort", "show", cohort_file).out
        content = json.loads(command("cohort", "show", cohort_file, "--json").out)
        found = recommend(CohortSummary(**content["summary"]))
        assert content["recommendation"] == found.to_dict()
        assert f"try first   {found.options()}. {found.reason}"[:60] in text
        assert max(map(len, text.splitlines())) <= 96

    def test_json(self, command, cohort_file):
        content = json.loads(command("cohort", "show", cohort_file, "--json").out)
        assert content["summary"]["labeled"] == 4
        assert content["classes"] == {"1": "anterior", "2": "posterior"}
        assert len(content["cases"]) == 6


class TestPhantom:
    def test_it_makes_the_cohort_that_was_asked_for(self, command, tmp_path):
        options = (
            "--patients",
            "3",
            "--labeled",
            "1",
            "--scribbled",
            "1",
            "--validation",
            "1",
            "--test",
            "0",
        )
        outcome = command("phantom", tmp_path / "ph", *options)
        assert outcome.code == 0, outcome.err
        assert "synthetic" in outcome.out
        assert "1 labeled, 1 scribbled, 2 unlabeled" in outcome.out
        assert len(Cohort.load(tmp_path / "ph" / "cohort.json").cases) == 6

    def test_a_folder_in_use_is_left_alone(self, command, tmp_path):
        (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
        assert command("phantom", tmp_path).code == 3
        assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]

    def test_counts_that_do_not_fit_are_refused(self, command, tmp_path):
        outcome = command("phantom", tmp_path / "ph", "--patients", "2")
        assert outcome.code == 3
        assert not (tmp_path / "ph").exists()
