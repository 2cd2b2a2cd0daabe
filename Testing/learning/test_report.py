"""The report of runs that went well, badly, or not at all; opened in a browser where there is one.

The runs are made here from files alone: ellipsoids for objects, shifted ones for predictions.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SemiWeakSegLib.cohort.case import Box, Case, SegmentClass
from SemiWeakSegLib.cohort.cohort import Cohort
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.images import write_label, write_scalar
from SemiWeakSegLib.learning.evaluate import evaluate_cases, write_metrics
from SemiWeakSegLib.learning.report import write_report
from SemiWeakSegLib.learning.report.curves import collect_curves
from SemiWeakSegLib.learning.report.markup import clock, escape, plain, table
from SemiWeakSegLib.learning.report.pictures import choose_cases
from SemiWeakSegLib.learning.report.record import ANNOTATED, read_record
from SemiWeakSegLib.learning.report.slices import choose_view, window_around
from SemiWeakSegLib.methods import parse_term
from SemiWeakSegLib.runs import EventLog, RunFolder, RunRequest

CLASSES = [SegmentClass(1, "cavity", (0.9, 0.3, 0.2)), SegmentClass(2, "wall & <rim>")]
TURN = math.radians(20)
OBLIQUE = (
    *(math.cos(TURN), 0.0, math.sin(TURN)),
    *(0.0, 1.0, 0.0),
    *(-math.sin(TURN), 0.0, math.cos(TURN)),
)
VOLUME = Geometry((56, 48, 10), (1.2, 1.2, 6.0), (-30.0, 12.0, 5.0), OBLIQUE)
FLAT = Geometry((64, 40), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))


def label_map(geometry: Geometry, shift: float = 0.0, radius: float = 15.0) -> np.ndarray:
    """A ball (or disc) of class 1 in a shell of class 2, moved by `shift` mm along x."""
    shape, spacing = geometry.array_shape, geometry.array_spacing
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    axes[-1] = axes[-1] - shift
    distance = np.sqrt(sum(x**2 for x in np.meshgrid(*axes, indexing="ij")))
    return np.where(distance < radius * 0.6, 1, np.where(distance < radius, 2, 0)).astype(np.uint8)


def make_cohort(folder: Path, geometry: Geometry, count: int, with_truth: bool = True) -> Cohort:
    rng = np.random.default_rng(0)
    suffix = ".nii.gz" if geometry.dimension == 3 else ".png"
    cases = []
    for number in range(count):
        name = f"case_{number:02d}"
        truth = label_map(geometry, shift=number, radius=12 + number)
        image = (truth * 80 + rng.integers(0, 60, truth.shape)).astype(np.uint8)
        write_scalar(folder / "images" / (name + suffix), image, geometry)
        write_label(folder / "labels" / (name + suffix), truth, geometry)
        role = ("train", "test", "test", "test", "validation")[number % 5]
        path = folder / "labels" / (name + suffix) if with_truth else None
        cases.append(Case(name, (folder / "images" / (name + suffix),), truth=path, role=role))
    return Cohort(CLASSES, cases)


def predict(run: RunFolder, cohort: Cohort, geometry: Geometry, with_truth: bool = True) -> None:
    """Predictions that get worse with the case's number, as the predictor leaves them."""
    suffix = ".nii.gz" if geometry.dimension == 3 else ".png"
    rows, pairs = [], []
    for number, case in enumerate(cohort.cases):
        labels = label_map(geometry, shift=number * 2.0, radius=12 + number)
        doubt = np.abs(label_map(geometry, number, 13 + number).astype(np.float32) - labels) / 2
        file, doubt_file = case.id + suffix, case.id + "_uncertainty.nii.gz"
        write_label(run.predictions / file, labels, geometry)
        write_scalar(run.predictions / doubt_file, doubt, geometry)
        score = 0.02 * (number + 1)
        rows.append(
            {"case": case.id, "file": file, "uncertainty_file": doubt_file, "uncertainty": score}
        )
        if case.truth is not None:
            pairs.append((case.id, run.predictions / file, case.truth))
    run.write_json("predictions/predictions.json", rows)
    if with_truth:
        write_metrics(evaluate_cases(pairs, cohort.classes), run.predictions)


def log_training(run: RunFolder) -> None:
    log = EventLog(run.events_path)
    log.append("started", device="cpu", seed=3, versions={"python": "3.11.4", "torch": "2.13.0"})
    scatter = {"cavity": {"true": [10.0, 20.0, 30.0], "predicted": [12.0, 18.0, 33.0]}}
    for index, (stage, steps) in enumerate((("sizes", 100), ("segment", 300)), start=1):
        log.append("stage", name=stage, index=index, count=2, steps=steps)
        for step in range(20, steps + 1, 20):
            losses = {"supervised": 1.5 / (1 + step / 50), "size": 0.01 + 0.1 / step}
            losses["total"] = sum(losses.values())
            log.append(
                "progress", stage=stage, step=step, total=steps, losses=losses, rate=3.0, eta=9
            )
            if step % 60 == 0 and stage == "segment":
                dice = 0.9 - 0.8 / (1 + step / 40)
                log.append(
                    "validation",
                    stage=stage,
                    step=step,
                    mean_dice=dice,
                    per_class={"cavity": dice + 0.05, "wall & <rim>": dice - 0.05},
                    best=True,
                )
        if stage == "sizes":
            log.append(
                "sizes",
                source="regressor",
                per_class={
                    "cavity": {"r2": 0.42, "mae_percent": 12.0, "mae": 2.3, "relative_width": 0.3}
                },
                scatter=scatter,
                unit="mm^3",
                note="five folds of four cases",
            )
    log.append("note", message="network 1 learns from <case_00>")
    log.append("warning", message="class <b>wall</b> is annotated in one case only")
    log.append("finished", message="")


def make_run(tmp_path: Path, cohort: Cohort, state: str = "finished") -> RunFolder:
    request = RunRequest(
        method="curriculum_size",
        settings={"gamma": 0.2},
        terms=[parse_term(text).to_dict() for text in ("size", "entropy:0.375")],
        steps=400,
        seed=3,
    )
    run = RunFolder.create(tmp_path / "run", request)
    cohort.save(run.cohort_path)
    run.write_json("plan.json", {"dimensions": 3, "spacing": [6.0, 1.2, 1.2], "notes": ["a note"]})
    run.write_status(state)
    return run


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A finished run on oblique anisotropic volumes with truth, and its report."""
    folder = tmp_path_factory.mktemp("complete")
    cohort = make_cohort(folder, VOLUME, 10)
    run = make_run(folder, cohort)
    log_training(run)
    predict(run, cohort, VOLUME)
    write_report(run)
    return run


class Page(HTMLParser):
    """Text, links and pictures of a page, and whether its tags match."""

    VOID = frozenset({"meta", "img", "source", "br"})

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.text, self.open, self.images, self.addresses = [], [], [], []
        self.feed(self.source)
        assert not self.open, f"not closed: {self.open}"
        self.words = re.sub(r"\s+", " ", " ".join(self.text))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        for name in ("src", "href", "srcset", "action"):
            if name in values:
                self.addresses.append(values[name])
        if tag == "img":
            self.images.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


class TestCompleteRun:
    def test_files_are_pictures_and_a_page(self, complete):
        assert sorted(path.name for path in complete.report.iterdir()) == [
            "curves.png",
            "overlays.png",
            "report.html",
        ]
        for name in ("curves.png", "overlays.png"):
            with Image.open(complete.report / name) as picture:
                assert picture.width > 900
                assert len(np.unique(np.asarray(picture.convert("L")))) > 50

    def test_nothing_comes_from_outside(self, complete):
        page = Page(complete.report / "report.html")
        assert page.addresses
        assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
        assert "<script" not in page.source
        assert "http:" not in page.source and "https:" not in page.source
        assert str(complete.path) not in page.source

    def test_headline_is_the_test_set(self, complete):
        page = Page(complete.report / "report.html")
        metrics = json.loads((complete.predictions / "metrics.json").read_text(encoding="utf-8"))
        test = [c["mean_dice"] for c in metrics["cases"] if int(c["case"][-2:]) % 5 in (1, 2, 3)]
        assert f"{np.mean(test):.3f} mean Dice, 6 cases: test" in page.words

    def test_says_how_it_was_made(self, complete):
        words = Page(complete.report / "report.html").words
        for expected in (
            *("gamma 0.2 changed", "seed 3", "device cpu (asked for: auto)", "torch 2.13.0"),
            *("400 steps", "a note", "spacing 6 x 1.2 x 1.2", "cavity 0.42 12.0", "five folds"),
            "network 1 learns from <case_00>",
        ):
            assert expected in words, expected

    def test_text_from_outside_is_escaped(self, complete):
        page = Page(complete.report / "report.html")
        assert "class <b>wall</b> is annotated" in page.words
        assert "<b>wall" not in page.source
        assert "wall & <rim>" in page.words

    def test_next_to_annotate_are_training_cases_by_doubt(self, complete):
        section = re.search(
            r'<section id="next">([\s\S]*?)</section>',
            (complete.report / "report.html").read_text(encoding="utf-8"),
        )
        assert re.findall(r"case_\d+(?=</td>)", section[1]) == ["case_05", "case_00"]

    def test_no_note_on_synthetic_data(self, complete):
        assert "Synthetic" not in Page(complete.report / "report.html").source

    def test_terms_have_the_weight_they_were_trained_with(self, complete):
        words = Page(complete.report / "report.html").words
        assert re.search(r"settings size 65\b.* entropy 0.375\b", words)

    def test_again_gives_the_same_page(self, complete):
        before = (complete.report / "report.html").read_bytes()
        assert write_report(complete).read_bytes() == before


class TestWeakSupervision:
    """What the methods of weak supervision say of themselves."""

    def make(self, tmp_path, **annotation):
        cohort = make_cohort(tmp_path, FLAT, 2)
        cases = [dataclasses.replace(case, **annotation) for case in cohort.cases]
        run = make_run(tmp_path, cohort.with_cases(cases))
        return run, EventLog(run.events_path)

    def words(self, run):
        return Page(write_report(run)).words

    def test_seeds_of_a_classifier(self, tmp_path):
        run, log = self.make(tmp_path)
        measured = {"share": 0.0312, "accuracy": 0.75, "precision": 0.91, "recall": 0.4}
        unknown = {"share": 0.01, "accuracy": None, "precision": None, "recall": None}
        log.append(
            "seeds",
            cases=7,
            background=0.5,
            undecided=0.4,
            note="no training case is known not to show <wall>",
            per_class={"cavity": measured, "wall & <rim>": unknown},
        )
        words = self.words(run)
        assert "left seeds in 7 cases" in words
        assert "cavity 0.75 0.91 0.40 0.0312" in words
        assert "known not to show <wall>" in words

    def test_rounds_of_refinement_count_once(self, tmp_path):
        run, log = self.make(tmp_path)
        for index, change in ((1, 0.5), (1, 0.123), (2, 0.0)):
            log.append("refinement", round=index, change=change, cases=4, message="")
        words = self.words(run)
        assert "Rounds of refinement" in words
        assert "1 12.3 4 2 0.0 4" in words
        assert "50.0" not in words

    def test_other_methods_have_neither(self, tmp_path):
        words = self.words(self.make(tmp_path)[0])
        assert "Rounds of refinement" not in words
        assert "Seeds from image tags" not in words

    def test_a_boxed_case_is_annotated(self, tmp_path):
        box = Box(1, (0.0, 0.0), (4.0, 4.0), ((1.0, 0.0), (0.0, 1.0)))
        bare = read_record(self.make(tmp_path / "bare", role="train")[0])
        boxed = read_record(self.make(tmp_path / "boxed", role="train", boxes=(box,))[0])
        assert boxed.group("case_00") == ANNOTATED
        assert bare.group("case_00") != ANNOTATED


class TestIncompleteRuns:
    def test_failed_before_the_plan(self, tmp_path):
        run = RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))
        EventLog(run.events_path).append("failed", message="case x: the image is empty")
        run.write_status("failed", "case x: the image is empty")
        words = Page(write_report(run)).words
        assert "case x: the image is empty" in words
        assert "This run is failed" in words
        assert not (run.report / "curves.png").exists()

    def test_only_created(self, tmp_path):
        run = RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))
        words = Page(write_report(run)).words
        assert "not measured" in words
        assert "has not begun when this page was written" in words

    def test_the_worker_writes_its_report_before_it_is_finished(self, tmp_path):
        run = make_run(tmp_path, make_cohort(tmp_path, FLAT, 2), "running")
        assert "still working" in Page(write_report(run)).words
        EventLog(run.events_path).append("predicted", cases=2, mean_uncertainty=0.1)
        assert "still working" not in Page(write_report(run)).words

    def test_no_truth_shows_the_uncertain(self, tmp_path):
        cohort = make_cohort(tmp_path, VOLUME, 4, with_truth=False)
        run = make_run(tmp_path, cohort)
        predict(run, cohort, VOLUME, with_truth=False)
        words = Page(write_report(run)).words
        assert "not measured" in words
        choices = choose_cases(read_record(run))
        assert [(c.case, c.reason) for c in choices] == [
            ("case_03", "most uncertain"),
            ("case_01", "median uncertainty"),
            ("case_00", "least uncertain"),
        ]
        assert (run.report / "overlays.png").exists()

    def test_2d_pictures(self, tmp_path):
        cohort = make_cohort(tmp_path, FLAT, 5)
        run = make_run(tmp_path, cohort)
        predict(run, cohort, FLAT)
        words = Page(write_report(run)).words
        assert "HD95 (px)" in words
        assert (run.report / "overlays.png").exists()

    def test_image_that_went_away_is_a_warning(self, tmp_path):
        cohort = make_cohort(tmp_path, FLAT, 5)
        run = make_run(tmp_path, cohort)
        predict(run, cohort, FLAT)
        cohort.cases[1].images[0].unlink()
        words = Page(write_report(run)).words
        assert "Case case_01 is not pictured" in words

    def test_torn_files_are_a_warning(self, tmp_path):
        run = make_run(tmp_path, make_cohort(tmp_path, FLAT, 2))
        run.plan_path.write_text('{"dimensions": 2', encoding="utf-8")
        with open(run.events_path, "w") as stream:
            stream.write('{"kind": "started", "time": 1.0}\n{"kind": "prog')
        assert "plan.json could not be read" in Page(write_report(run)).words

    def test_a_picture_that_no_longer_holds_is_removed(self, tmp_path):
        cohort = make_cohort(tmp_path, FLAT, 5)
        run = make_run(tmp_path, cohort)
        predict(run, cohort, FLAT)
        write_report(run)
        shutil.rmtree(run.predictions)
        write_report(run)
        assert not (run.report / "overlays.png").exists()

    def test_synthetic_data_are_called_so(self, tmp_path):
        cohort = make_cohort(tmp_path / "synthetic_hearts", FLAT, 2)
        assert "Synthetic data." in Page(write_report(make_run(tmp_path, cohort))).words


class TestCurves:
    def test_stages_follow_each_other(self):
        events = [
            {"kind": "stage", "name": "one"},
            {"kind": "progress", "stage": "one", "step": 10, "losses": {"a": 1.0}},
            {"kind": "stage", "name": "two"},
            {"kind": "progress", "stage": "two", "step": 5, "losses": {"a": 0.5, "b": 2.0}},
            {"kind": "validation", "stage": "two", "step": 7, "mean_dice": 0.4},
        ]
        curves = collect_curves(events)
        assert curves.stages == [("one", 0, 10), ("two", 10, 17)]
        assert curves.losses == {"a": [(10, 1.0), (15, 0.5)], "b": [(15, 2.0)]}
        assert curves.mean_dice == [(17, 0.4)]

    def test_steps_done_again_after_a_resume_count_once(self):
        events = [
            {"kind": "progress", "stage": "s", "step": step, "losses": {"a": value}}
            for step, value in ((10, 1.0), (20, 0.9), (10, 1.0), (20, 0.8), (30, 0.7))
        ]
        assert collect_curves(events).losses == {"a": [(10, 1.0), (20, 0.8), (30, 0.7)]}

    def test_values_that_are_no_numbers_are_left_out(self):
        events = [{"kind": "progress", "stage": "s", "step": 1, "losses": {"a": None}}]
        assert not collect_curves(events)


class TestSlices:
    def weight_at(self, geometry: Geometry, *physical: float) -> np.ndarray:
        """An array with one voxel set: the one nearest to a point in patient space."""
        indices = np.argwhere(np.ones(geometry.array_shape))
        points = geometry.to_physical(indices[:, ::-1])
        nearest = indices[np.argmin(np.linalg.norm(points - physical, axis=1))]
        weight = np.zeros(geometry.array_shape)
        weight[tuple(nearest)] = 1
        return weight

    @pytest.mark.parametrize(
        "direction",
        [
            (1, 0, 0, 0, 1, 0, 0, 0, 1),
            (-1, 0, 0, 0, -1, 0, 0, 0, 1),
            (0, 0, -1, 1, 0, 0, 0, -1, 0),
            (0, 1, 0, 0, 0, 1, 1, 0, 0),
        ],
    )
    @pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
    def test_right_way_up_however_it_is_stored(self, direction, plane):
        size, spacing = (21, 25, 29), (1.0, 1.0, 1.0)
        matrix = np.reshape(direction, (3, 3))
        patient_axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
        # The stored axis that runs along the patient axis across the slices is made coarse.
        stored_axis = int(np.argmax(np.abs(matrix[patient_axis])))
        spacing = tuple(4.0 if axis == stored_axis else 1.0 for axis in range(3))
        origin = tuple(-matrix @ ((np.array(size) - 1) / 2 * spacing))
        geometry = Geometry(size, spacing, origin, tuple(map(float, direction)))
        left_posterior_superior = self.weight_at(geometry, 7.0, 8.0, 9.0)
        view = choose_view(geometry, left_posterior_superior)
        assert view.title.startswith(plane)
        row, column = np.argwhere(view.of(left_posterior_superior))[0]
        height, width = view.of(left_posterior_superior).shape
        # Posterior is at the bottom of an axial slice, superior at the top of the others; left
        # (or, in a sagittal slice, posterior) is on the right.
        assert (row > height / 2) == (plane == "axial")
        assert column > width / 2
        assert view.spacing == (1.0, 1.0)
        letters = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}[plane]
        assert view.letters == tuple(letters)

    def test_an_oblique_slice_names_both_directions(self):
        half = math.sqrt(0.5)
        direction = (half, 0.0, half, 0.0, 1.0, 0.0, -half, 0.0, half)
        view = choose_view(
            Geometry((9, 9, 5), (1.0, 1.0, 4.0), (0, 0, 0), direction), np.zeros((5, 9, 9))
        )
        left, right, top, bottom = view.letters
        assert sorted(left) == ["R", "S"] and sorted(right) == ["I", "L"]
        assert (top, bottom) == ("A", "P")
        assert view.title == "oblique slice 3 of 5"

    def test_slice_with_most_of_the_object(self):
        weight = np.zeros(VOLUME.array_shape)
        weight[3, :5, :5] = 1
        weight[7, :6, :6] = 1
        assert choose_view(VOLUME, weight).of(weight).sum() == 36

    def test_thick_slices_are_cut_across_and_keep_their_spacing(self):
        geometry = Geometry((20, 6, 20), (1.0, 5.0, 2.0), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
        view = choose_view(geometry, np.zeros(geometry.array_shape))
        assert view.spacing == (2.0, 1.0)
        assert view.title == "coronal slice 4 of 6"

    def test_pictures_are_shown_as_stored(self):
        array = np.arange(12).reshape(3, 4)
        geometry = Geometry((4, 3), (1.0, 2.0), (0, 0), (1, 0, 0, 1))
        view = choose_view(geometry, array)
        assert np.array_equal(view.of(array), array)
        assert view.spacing == (2.0, 1.0)

    def test_window_holds_the_object_and_is_square_in_millimetres(self):
        mask = np.zeros((100, 200), bool)
        mask[40:50, 20:60] = True
        rows, columns = window_around(mask, (2.0, 1.0))
        assert rows.start < 40 and rows.stop > 50 and columns.start < 20 and columns.stop > 60
        height, width = (rows.stop - rows.start) * 2.0, (columns.stop - columns.start) * 1.0
        assert height == pytest.approx(width, abs=3)

    def test_window_at_the_border_stays_inside(self):
        mask = np.zeros((60, 60), bool)
        mask[0:10, 50:60] = True
        rows, columns = window_around(mask, (1.0, 1.0))
        assert (rows.start, columns.stop) == (0, 60)
        assert rows.stop - rows.start == columns.stop - columns.start


class TestMarkup:
    def test_escapes_once(self):
        assert escape(escape("<a> & b")) == "&lt;a&gt; &amp; b"

    def test_table_without_rows_is_nothing(self):
        assert table(("a",), []) == ""

    @pytest.mark.parametrize(
        ("seconds", "text"), [(42, "42 s"), (610, "10 min"), (11100, "3 h 05 min"), (None, "-")]
    )
    def test_clock(self, seconds, text):
        assert clock(seconds) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "none"),
            (True, "yes"),
            (0.1, "0.1"),
            ([1, 2.5], "1 x 2.5"),
            ([[2, 2], [1, 2]], "2 x 2, 1 x 2"),
            ({"a": [1, 2]}, "a: 1 x 2"),
        ],
    )
    def test_values_in_words(self, value, text):
        assert plain(value) == text


class TestDuration:
    def test_pauses_between_starts_do_not_count(self, tmp_path):
        run = RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))
        lines = [
            {"kind": kind, "time": time}
            for kind, time in (
                ("started", 0),
                ("stopped", 50),
                ("started", 1000),
                ("finished", 1070),
            )
        ]
        run.events_path.write_text(
            "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
        )
        assert read_record(run).duration == 120


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
COUNT_PICTURES = """
<script>
  addEventListener("load", () => {
    const pictures = [...document.images].map((image) => image.naturalWidth);
    document.documentElement.dataset.pictures = JSON.stringify(pictures);
  });
</script>
"""


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
class TestBrowser:
    def browse(self, page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        flags += ["--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}"]
        command = [BROWSER, *flags, *arguments, page.as_uri()]
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", timeout=120, check=True
        )

    def test_console_is_silent(self, complete, tmp_path):
        answer = self.browse(complete.report / "report.html", tmp_path, "--dump-dom")
        assert "segmentation report" in answer.stdout
        assert "CONSOLE" not in answer.stderr

    def test_a_console_error_would_be_seen(self, complete, tmp_path):
        page = tmp_path / "wrong.html"
        source = (complete.report / "report.html").read_text(encoding="utf-8")
        page.write_text(
            source.replace("<main>", '<main><img src="file:///nowhere.png">'), encoding="utf-8"
        )
        assert "CONSOLE" in self.browse(page, tmp_path, "--dump-dom").stderr

    def test_pictures_are_shown(self, complete, tmp_path):
        source = (complete.report / "report.html").read_text(encoding="utf-8")
        # The page forbids scripts; the copy that counts its pictures must allow one.
        copy = tmp_path / "copy.html"
        allowed = re.sub(r"<meta http-equiv[^>]*>", "", source)
        copy.write_text(allowed.replace("</body>", COUNT_PICTURES + "</body>"), encoding="utf-8")
        answer = self.browse(copy, tmp_path, "--virtual-time-budget=5000", "--dump-dom")
        widths = json.loads(re.search(r'data-pictures="(\[[^"]*\])"', answer.stdout)[1])
        assert len(widths) == 3
        assert min(widths) > 300
