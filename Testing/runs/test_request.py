"""run.json."""

from __future__ import annotations

import json

import pytest

from SemiWeakSegLib.methods import parse_term
from SemiWeakSegLib.runs import RunError, RunFolder, RunRequest


class TestRoundTrip:
    def test_a_request_survives_its_file(self, tmp_path):
        request = RunRequest(
            method="scribble_crf",
            settings={"crf_weight": 0.5},
            terms=[parse_term("entropy:0.2").to_dict()],
            plan={"patch": [96, 96]},
            minutes=2.5,
            seed=3,
            device="cuda:1",
            predict=("test",),
        )
        run = RunFolder.create(tmp_path / "run", request)
        assert RunFolder.open(run.path).read_request() == request

    def test_it_says_when_and_by_which_version_it_was_made(self):
        request = RunRequest(method="supervised")
        assert request.version == "0.1.0"
        assert request.created.endswith("+00:00")


class TestDamage:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("{", "not readable JSON"),
            ("[]", "expected a JSON object"),
            ('{"schema": 2, "method": "supervised"}', "schema 2"),
            ('{"method": "supervised"}', "schema None"),
            ('{"schema": 1}', "names no method"),
            ('{"schema": 1, "method": "supervised", "stepz": 1}', "stepz"),
        ],
    )
    def test_the_message_names_the_file_and_what_is_wrong(self, tmp_path, content, words):
        path = tmp_path / "run.json"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(RunError, match=words) as caught:
            RunFolder(tmp_path).read_request()
        assert str(path) in str(caught.value)

    def test_a_folder_without_request_is_no_run(self, tmp_path):
        with pytest.raises(RunError, match="is not a run"):
            RunFolder(tmp_path).read_request()

    def test_no_settings_are_shared_between_requests(self):
        first, second = RunRequest(method="a"), RunRequest(method="b")
        first.settings["x"] = 1
        assert json.loads(json.dumps(second.settings)) == {}
