"""Commands that programs ask: plan, environment, cohort inspect."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from SemiWeakSegLib.cohort import Cohort, make_phantom


@pytest.fixture(scope="module")
def cohort_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspected")
    make_phantom(folder, patients=3, labeled=1, scribbled=1, validation_patients=0, test_patients=1)
    return folder / "cohort.json"


class TestInspect:
    def test_tells_phases_and_cases_in_order(self, command, cohort_path):
        outcome = command("cohort", "inspect", cohort_path)
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        cohort = Cohort.load(cohort_path)
        assert outcome.code == 0
        assert lines[0] == {"phase": "headers", "problems": []}
        assert [line["case"] for line in lines[1:-1]] == [case.id for case in cohort.cases]
        assert lines[-1]["phase"] == "voxels"
        assert lines[-1]["summary"]["labeled"] == 1
        assert lines[-1]["summary"]["scribbled"] == 1

    def test_counts_annotated_voxels_of_each_class(self, command, cohort_path):
        lines = command("cohort", "inspect", cohort_path).out.splitlines()[1:-1]
        facts = {line["case"]: line for line in map(json.loads, lines)}
        cohort = Cohort.load(cohort_path)
        for case in cohort.cases:
            found = facts[case.id]
            assert found["kind"] == cohort.annotation_kind(case)
            voxels = sum(found["voxels"].values())
            if found["kind"] == "labeled":
                size = found["size"]
                assert voxels == size[0] * size[1] * size[2]
            elif found["kind"] == "scribbled":
                assert 0 < voxels <= 0.011 * found["size"][0] * found["size"][1] * found["size"][2]
            else:
                assert voxels == 0

    def test_a_broken_file_is_a_finding_and_the_rest_is_told(self, command, cohort_path, tmp_path):
        shutil.copytree(cohort_path.parent, tmp_path / "copy")
        cohort = Cohort.load(tmp_path / "copy" / "cohort.json")
        cohort.cases[1].images[0].write_bytes(b"no image")
        outcome = command("cohort", "inspect", cohort.path)
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        assert outcome.code == 0
        assert [(each["code"], each["case"]) for each in lines[0]["problems"]] == [
            ("unreadable", cohort.cases[1].id)
        ]
        assert len(lines) == len(cohort.cases) + 2
        assert lines[-1]["summary"] is None

    def test_what_is_remembered_is_not_read_again(self, command, cohort_path, tmp_path):
        memory = tmp_path / "seen.json"
        first = command("cohort", "inspect", cohort_path, "--memory", memory).out
        document = json.loads(memory.read_text(encoding="utf-8"))
        cohort = Cohort.load(cohort_path)
        entry = document["files"][f"image|{cohort.cases[0].images[0]}"]
        entry["findings"] = [
            {"severity": "warning", "code": "told", "found": "this", "expected": "that"}
        ]
        memory.write_text(json.dumps(document), encoding="utf-8")
        again = command("cohort", "inspect", cohort_path, "--memory", memory).out
        assert '"told"' in again
        os.utime(cohort.cases[0].images[0])
        assert command("cohort", "inspect", cohort_path, "--memory", memory).out == first

    @pytest.mark.parametrize("content", ["", "[]", '{"version": 0}', '{"version": 1}'])
    def test_a_torn_memory_is_no_memory(self, command, cohort_path, tmp_path, content):
        memory = tmp_path / "seen.json"
        memory.write_text(content, encoding="utf-8")
        assert command("cohort", "inspect", cohort_path, "--memory", memory).code == 0
        assert json.loads(memory.read_text(encoding="utf-8"))["files"]

    def test_no_cohort_is_an_error_line(self, command, tmp_path):
        outcome = command("cohort", "inspect", tmp_path / "absent.json")
        assert "absent.json" in json.loads(outcome.out)["error"]
        assert outcome.code != 0


class TestPlan:
    def test_lines_say_what_can_be_set(self, command, cohort_path):
        outcome = command("plan", cohort_path, "--json", "--plan", "batch_labeled=3")
        content = json.loads(outcome.out)
        lines = {line["key"]: line for line in content["lines"]}
        assert outcome.code == 0
        assert content["plan"]["dimensions"] == lines["dimensions"]["value"] == 2
        assert lines["batch_labeled"]["value"] == 3
        assert lines["batch_labeled"]["overridden"]
        assert not lines["batch_unlabeled"]["overridden"]
        assert not lines["classes"]["settable"]

    def test_every_settable_line_takes_its_own_text(self, command, cohort_path):
        lines = json.loads(command("plan", cohort_path, "--json").out)["lines"]
        overrides = [f"{line['key']}={line['text']}" for line in lines if line["settable"]]
        again = json.loads(command("plan", cohort_path, "--json", "--plan", *overrides).out)
        assert [line["value"] for line in again["lines"]] == [line["value"] for line in lines]

    def test_a_method_of_whole_images_changes_the_plan(self, command, cohort_path):
        plan = json.loads(command("plan", cohort_path, "--method", "oracle_size", "--json").out)
        assert plan["plan"]["whole"]

    def test_problems_come_together(self, command, cohort_path):
        outcome = command("plan", cohort_path, "--method", "nothing", "--plan", "broken")
        assert outcome.code == 3
        assert "nothing" in outcome.err
        assert "broken" in outcome.err

    def test_as_text(self, command, cohort_path):
        out = command("plan", cohort_path, "--plan", "batch_labeled=3").out
        assert "batch_labeled    3 (by hand)" in out
        assert "note: 2-D slices" in out


class TestEnvironment:
    def test_names_versions_and_devices(self, command):
        found = json.loads(command("environment", "--json").out)
        assert found["packages"]["torch"]
        assert found["devices"][-1]["name"] == "cpu"
        assert found["error"] is None
        assert found["cache"]["bytes"] >= 0

    def test_without_torch_it_says_so(self, command, monkeypatch):
        from SemiWeakSegLib.commands import environment

        absent = environment.metadata.PackageNotFoundError

        def version(name):
            if name in ("torch", "monai"):
                raise absent(name)
            return "1.0"

        monkeypatch.setattr(environment.metadata, "version", version)
        found = json.loads(command("environment", "--json").out)
        assert found["packages"]["torch"] is None
        assert found["devices"] == []
        assert "not installed" in command("environment").out

    def test_a_broken_torch_is_a_finding(self, command, monkeypatch):
        import torch

        def broken():
            raise OSError("libcudart is missing")

        monkeypatch.setattr(torch.cuda, "is_available", broken)
        found = json.loads(command("environment", "--json").out)
        assert found["error"] == "libcudart is missing"
