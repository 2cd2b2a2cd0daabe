"""An inspection takes in the child's lines as they come and keeps problems with their cases."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from SemiWeakSegLib.cohort import Case, Geometry, make_phantom, write_label
from SemiWeakSegLib.cohort.file_facts import FileFacts
from SemiWeakSegLib.runs.worker import worker_environment
from SemiWeakSegLib.scene.inspection import Inspection, inspectionCommand
from SemiWeakSegLib.scene.interpreter import workerPython
from SemiWeakSegLib.scene.study import Study

SUMMARY = {
    **{"cases": 2, "train": 2, "labeled": 1, "scribbled": 0, "boxed": 0, "tagged": 0},
    **{"unlabeled": 1, "validation": 0, "test": 0, "with_truth": 0, "classes": 1, "dimension": 3},
    **{"with_points": 1, "with_boxes": 0, "with_tags": 0, "with_sizes": 0, "partial": 0},
    **{"boxed_partly": 0, "sliced": False, "single": False},
}


def problem(case: str | None, code: str, severity: str = "error") -> dict:
    return {
        **{"severity": severity, "code": code, "case": case, "file": "/x/ü.nii"},
        **{"found": "found", "expected": "expected"},
    }


def lines(*contents: dict) -> bytes:
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in contents)


CASE = {
    **{"case": "ä", "kind": "labeled", "voxels": {"0": 20, "1": 4}, "size": [4, 3, 2]},
    **{"spacing": [1.0, 1.0, 2.5], "channels": 1, "dimension": 3, "problems": []},
}
WHOLE = lines(
    {"phase": "headers", "problems": [problem("ä", "grid"), problem(None, "no_train", "warning")]},
    CASE,
    {"phase": "voxels", "problems": [problem("ä", "label_values")], "summary": SUMMARY},
)


class TestLines:
    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_output_may_be_cut_anywhere(self, size):
        inspection = Inspection()
        for start in range(0, len(WHOLE), size):
            inspection.feed(WHOLE[start : start + size])
        assert inspection.finished
        assert inspection.facts["ä"].voxels == {0: 20, 1: 4}
        assert inspection.facts["ä"].total == 24
        assert inspection.facts["ä"].spacing == (1.0, 1.0, 2.5)
        assert inspection.summary.labeled == 1
        assert [each.code for each in inspection.problems] == ["label_values"]
        assert inspection.problems[0].file.name == "ü.nii"

    def test_what_came_so_far_counts(self):
        inspection = Inspection()
        first, second, last = WHOLE.splitlines(keepends=True)
        assert inspection.feed(first)
        assert [each.code for each in inspection.problemsOf("ä")] == ["grid"]
        assert [each.code for each in inspection.problemsOf(None)] == ["no_train"]
        severities = [inspection.problemsOf(case)[0].severity for case in ("ä", None)]
        assert severities == ["error", "warning"]
        assert not inspection.feed(second[:-1])
        assert not inspection.finished
        inspection.feed(b"\n" + last)
        assert inspection.problemsOf(None) == []

    def test_problems_of_a_case_are_added_once_while_it_works(self):
        inspection = Inspection()
        inspection.feed(lines({"phase": "headers", "problems": [problem("ä", "grid")]}))
        found = [problem("ä", "grid"), problem("ä", "empty_image", "warning")]
        inspection.feed(lines({**CASE, "problems": found}))
        assert [each.code for each in inspection.problemsOf("ä")] == ["grid", "empty_image"]

    def test_a_case_that_cannot_be_read_has_empty_facts(self):
        inspection = Inspection()
        empty = dict.fromkeys(("size", "spacing", "channels", "dimension", "kind"))
        inspection.feed(lines({"case": "b", "voxels": {}, **empty}))
        assert inspection.facts["b"].kind is None
        assert inspection.facts["b"].total == 0

    def test_other_output_is_passed_over(self):
        inspection = Inspection()
        inspection.feed(b"WARNING: itk\n[1]\n\xff\xfe\n{}\n" + WHOLE)
        assert inspection.finished
        assert inspection.errors == []


class TestEnd:
    def test_the_childs_own_error_is_kept(self):
        inspection = Inspection()
        inspection.feed(lines({"error": "no such file"}))
        inspection.end(3, "something else")
        assert inspection.errors == ["no such file"]
        assert not inspection.finished

    def test_a_child_that_dies_leaves_a_reason(self):
        inspection = Inspection()
        inspection.feed(WHOLE[:50])
        inspection.end(1, "Traceback ...\nMemoryError\n")
        assert inspection.errors == ["MemoryError"]

    def test_without_text_the_exit_code_is_told(self):
        inspection = Inspection()
        inspection.end(137)
        assert "137" in inspection.errors[0]

    def test_after_all_lines_the_end_is_no_error(self):
        inspection = Inspection()
        inspection.feed(WHOLE[:-1])
        inspection.end(0)
        assert inspection.finished
        assert inspection.errors == []


class TestRealChild:
    def inspect(self, study: Study) -> Inspection:
        done = subprocess.run(
            [workerPython(), *inspectionCommand(study.path)],
            env=worker_environment(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        inspection = Inspection()
        inspection.feed(done.stdout)
        inspection.end(done.returncode, done.stderr.decode())
        return inspection

    def test_it_tells_of_a_phantom_and_spares_reading_it_again(self, tmp_path, monkeypatch):
        make_phantom(
            tmp_path, patients=3, labeled=1, scribbled=1, validation_patients=1, test_patients=0
        )
        study = Study.open(tmp_path)
        inspection = self.inspect(study)
        assert inspection.finished
        assert not inspection.hasErrors
        assert set(inspection.facts) == {case.id for case in study.cohort.cases}
        study.rememberFacts(inspection.facts)
        monkeypatch.setattr("SemiWeakSegLib.cohort.cohort.read_label", None)
        for case in study.cohort.cases:
            assert inspection.facts[case.id].kind == study.cohort.annotation_kind(case)

    def test_a_missing_image_is_a_problem_of_its_case(self, tmp_path):
        study = Study.create(tmp_path / "s")
        study.addCases([Case("gone", (tmp_path / "gone.nii.gz",))])
        inspection = self.inspect(study)
        assert inspection.problemsOf("gone")[0].severity == "error"
        assert inspection.finished
        assert inspection.summary is None

    def test_a_file_that_is_no_cohort_is_an_error_in_words(self, tmp_path):
        study = Study.create(tmp_path / "s")
        study.path.write_text("{}", encoding="utf-8")
        inspection = self.inspect(study)
        assert str(study.path) in inspection.errors[0]


def test_what_cannot_be_remembered_is_read_again(tmp_path):
    label = tmp_path / "label.nii.gz"
    grid = Geometry((4, 3, 2), (1.0,) * 3, (0.0,) * 3, (1, 0, 0, 0, 1, 0, 0, 0, 1))
    write_label(label, np.ones((2, 3, 4), np.uint8), grid)
    (tmp_path / "file").write_text("", encoding="utf-8")
    facts = FileFacts(tmp_path / "file" / "memory.json")  # in a file, where nothing can be made
    assert facts.label(label, 1).counts == {1: 24}
    facts.save()
    assert (tmp_path / "file").is_file()
