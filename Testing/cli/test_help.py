"""Help that teaches: overview, examples that work, exit codes, near misses."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from SemiWeakSegLib.commands.main import OVERVIEW, build_parser
from SemiWeakSegLib.commands.parser import PROGRAM

ISSUE_FORMS = [
    "cohort make COHORT.json --images DIR --labels DIR --classes 1=anterior,2=posterior "
    "--unlabeled-value 4 --group-pattern REGEX",
    "cohort make COHORT.json --images DIR --classes 1=anterior,2=posterior",
    "cohort simulate COHORT.json --kind scribbles --fraction 0.01 --seed 0 --out SCRIBBLED.json",
    "train RUN --cohort COHORT.json --method NAME --set key=value other=value --add term:1 "
    "--steps 5 --seed 1 --device cpu",
    "train RUN --cohort COHORT.json --method NAME --set a=1 --set b=2 --add x --add y --minutes 2",
    "predict RUN --images DIR --out DIR",
    "predict RUN --cases all",
    "predict RUN --cases unlabeled",
    "predict RUN --cases validation",
    "predict RUN --cases test",
    "evaluate DIR --truth DIR --json FILE",
    "methods",
    "methods --json",
    "phantom OUT --patients 8 --seed 1",
    "resume RUN",
    "stop RUN",
    "status RUN --json",
    "report RUN",
    "export RUN --bundle DIR",
    "export RUN --torchscript FILE",
    "export RUN --onnx FILE",
    "cache --delete",
]


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield child
                yield from parsers(child)


EVERY = list(parsers(build_parser()))


def examples(text: str) -> list[str]:
    text = text.replace("\\\n", " ")
    return re.findall(rf"{re.escape(PROGRAM)} (.+?)(?:\"|$)", text, flags=re.MULTILINE)


class TestForms:
    @pytest.mark.parametrize("form", ISSUE_FORMS)
    def test_the_forms_of_the_issue_are_understood(self, form):
        assert callable(build_parser().parse_args(shlex.split(form)).run_command)

    def test_settings_gather_over_repeated_options(self):
        parsed = build_parser().parse_args(shlex.split(ISSUE_FORMS[4]))
        assert (parsed.set, parsed.add) == (["a=1", "b=2"], ["x", "y"])


class TestHelp:
    @pytest.mark.parametrize("parser", EVERY, ids=lambda parser: parser.prog)
    def test_every_command_has_examples_that_parse_and_exit_codes(self, parser):
        text = parser.format_help()
        assert "exit codes:" in text
        found = examples(text.partition("examples:")[2])
        assert found
        for example in found:
            build_parser().parse_args(shlex.split(example))

    @pytest.mark.parametrize("parser", EVERY, ids=lambda parser: parser.prog)
    def test_every_option_is_explained(self, parser):
        for action in parser._actions:
            if not isinstance(action, argparse._SubParsersAction):
                assert action.help, f"{parser.prog} {action.dest}"

    def test_every_command_is_listed_with_a_summary(self, command):
        listed = command("--help").out
        for parser in EVERY:
            words = parser.prog.removeprefix(PROGRAM).split()
            if len(words) == 1:
                assert re.search(rf"^ +{words[0]} +\w", listed, flags=re.MULTILINE)

    def test_without_arguments_the_usual_path_is_shown(self, command):
        shown = command()
        assert (shown.code, shown.out) == (0, OVERVIEW)
        words = [line.split()[0] for line in examples(OVERVIEW)]
        path = ["cohort", "cohort", "cohort", "train", "predict", "evaluate", "report"]
        assert words[:7] == path
        for example in examples(OVERVIEW):
            if "--help" not in example:
                build_parser().parse_args(shlex.split(example))

    def test_the_version(self, command):
        assert command("--version").out == "SemiWeakSeg 0.1.0\n"


class TestUsage:
    def test_a_mistyped_command_gets_a_suggestion(self, command):
        outcome = command("trian")
        assert outcome.code == 2
        assert "did you mean 'train'" in outcome.err

    def test_what_a_command_does_not_know_is_named_beside_its_own_usage(self, command):
        outcome = command("cohort", "make", "c.json", "images", "--lables", "labels")
        assert outcome.code == 2
        assert outcome.err.startswith("usage: python -m SemiWeakSegLib cohort make")
        assert "'images' is one too many" in outcome.err
        assert "there is no option '--lables' (did you mean '--labels'?)" in outcome.err

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("--debug", "a command is missing"),
            ("cohort", "say what to do"),
            ("train run --cohort c.json", "both --cohort and --method"),
            ("train run --steps 5", "for a new run"),
            ("train run --cohort c --method m --steps 0", "not a whole number of at least 1"),
            ("train run --cohort c --method m --minutes x", "not a number"),
            ("train run --cohort c --method m --steps 1 --minutes 1", "not allowed with"),
            ("cohort make c.json", "either --images DIR or --from FILE"),
            ("cohort make c.json --from a --labels b", "--labels goes with --images"),
            ("predict run --images a --cases all", "not allowed with"),
            ("export run", "required"),
            ("status run --json --follow", "exclude each other"),
        ],
    )
    def test_contradictions_and_gaps_end_with_2(self, command, line, words):
        outcome = command(*shlex.split(line))
        assert outcome.code == 2
        assert words in outcome.err
