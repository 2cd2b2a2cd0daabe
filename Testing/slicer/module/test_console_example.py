"""What docs/slicer-console.md tells to type works: the ten lines, and the batch script."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import slicer

from SemiWeakSegLib.cohort import Cohort, make_phantom, read_label, summary
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.training import TrainingRequest, problemsOf
from Testing.test_docs import blocks

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "slicer-console.md"
SCRIPT = ROOT / "docs" / "scripts" / "whole_study.py"
BATCH = Path(__file__).with_name("batch.py")
STEPS = 3
LIMIT_S = 400


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Images, and full labels of all of them but two, called case1, case2, ..."""
    hearts = make_phantom(
        tmp_path / "hearts",
        patients=5,
        labeled=1,
        scribbled=0,
        validation_patients=1,
        test_patients=1,
    )
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number, case in enumerate(hearts.cases, start=1):
        shutil.copy(case.images[0], tmp_path / "images" / f"case{number}.nii.gz")
        if number not in (7, 8):
            shutil.copy(case.truth or case.label, tmp_path / "labels" / f"case{number}.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestTenLines:
    def test_they_run_from_a_folder_to_a_second_training(self, module, folder, capsys):
        example = next(blocks(PAGE, "python"))
        assert len(example.splitlines()) <= 14
        short = example.replace("steps=2000", f"steps={STEPS}")
        short = short.replace('["liver", "tumor"]', '["liver", "tumor", "vessel"]')
        names: dict[str, object] = {}
        exec(compile(short, PAGE.name, "exec"), names)
        try:
            assert len(capsys.readouterr().out.splitlines()) == 3
            run, again = names["run"], names["again"]
            assert run.state() == again.state() == "finished"
            assert run.path != again.path
            [node] = names["nodes"]
            assert node.IsA("vtkMRMLSegmentationNode")
            study = Cohort.load(folder / "study" / "cohort.json")
            [case] = [each for each in study.cases if each.id == "case7"]
            accepted, _grid = read_label(case.label)
            [row] = [row for row in names["logic"].listResults(run) if row.caseId == "case7"]
            predicted, _grid = read_label(row.labelFile)
            assert (accepted == predicted).all()
            assert row.review == "accepted"
        finally:
            names["logic"].cleanup()

    def test_the_panels_follow_their_own_logic(self, module, folder):
        [example] = [each for each in blocks(PAGE, "python") if "getModuleWidget" in each]
        folder = folder / "study"
        logic = module.logic
        logic.createCohortFromFolders(folder, images="images", labels="labels")
        logic.closeCohort()
        exec(compile(example, PAGE.name, "exec"), {"slicer": slicer})
        assert logic.activeCase == "case7"
        assert "10 cases" in module.widget.ui.cohortSection.text
        assert "case7" in module.widget.ui.annotateSection.text
        panel = module.panels["method"]
        assert panel.menu.chosen == "cutmix"
        assert panel.request().terms == [{"name": "mean_teacher", "weight": 0.2, "settings": {}}]

    def test_methods_settings_and_terms_can_be_asked_for_as_written(self, module, folder):
        study = module.logic.createCohortFromFolders(
            folder / "study", images="images", labels="labels"
        )
        asked = []

        def train(method, settings=(), terms=(), steps=None):
            asked.append(TrainingRequest(method, dict(settings), list(terms), steps=steps))

        logic = SimpleNamespace(recommend=module.logic.recommend, train=train)
        examples = [
            each for each in blocks(PAGE, "python") if "recommend()" in each or "terms=" in each
        ]
        assert len(examples) == 2
        for example in examples:
            exec(compile(example, PAGE.name, "exec"), {"logic": logic})
        for each in asked:
            assert problemsOf(each, summary(study.cohort)) == []
        assert [term["name"] for term in asked[1].terms] == ["cutmix", "mean_teacher"]


class TestBatch:
    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(BATCH), str(SCRIPT), *map(str, words)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "QT_QPA_PLATFORM": "offscreen"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False
        )

    def test_a_whole_study_on_hearts_that_it_makes(self, application, tmp_path):
        done = self.run(tmp_path / "out", "--steps", STEPS)
        assert done.returncode == 0, done.stdout + done.stderr
        hearts = tmp_path / "out" / "hearts"
        runs = [RunFolder.open(each) for each in sorted((hearts / "runs").glob("pseudo_label-*"))]
        assert [run.state() for run in runs] == ["finished", "finished"]
        [accepted] = re.findall(r"^accepted: (\S+)$", done.stdout, re.MULTILINE)
        [case] = [each for each in Cohort.load(hearts / "cohort.json").cases if each.id == accepted]
        assert case.label.parent == hearts / "annotations"
        taught = Cohort.load(runs[1].cohort_path).cases
        assert [each.label for each in taught if each.id == accepted] == [case.label]
        assert re.search(r"^step \d+: Dice", done.stdout, re.MULTILINE)

    def test_a_folder_that_is_not_there_ends_with_one(self, application, tmp_path):
        done = self.run(tmp_path / "out", "--images", tmp_path / "nowhere", "--classes", "liver")
        assert done.returncode == 1
        assert str(tmp_path / "nowhere") in done.stderr
        assert not list((tmp_path / "out").glob("runs/*"))

    def test_the_options_on_the_page_are_those_of_the_script(self):
        tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
        known = {
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"
        }
        shown = "\n".join(body for body in blocks(PAGE, "sh") if SCRIPT.name in body)
        options = set(re.findall(r"--[a-z-]+", shown)) - {"--no-main-window", "--python-script"}
        assert options == {each for each in known if each.startswith("--")}
