"""The documentation says what the program does: commands, links, tables, code, names."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from SemiWeakSegLib.cohort import SIMULATIONS
from SemiWeakSegLib.commands.cases import parse_case_names
from SemiWeakSegLib.commands.cohort import PARTS
from SemiWeakSegLib.commands.failures import MEANINGS
from SemiWeakSegLib.commands.main import COMMANDS, build_parser
from SemiWeakSegLib.commands.new_run import parse_overrides
from SemiWeakSegLib.learning.plan import Plan
from SemiWeakSegLib.methods import METHODS, TERMS, SegmentationSettings, get, parse_term
from SemiWeakSegLib.methods.inference import INFERENCES
from SemiWeakSegLib.methods.menu import as_json
from SemiWeakSegLib.runs.events import KINDS
from SemiWeakSegLib.runs.folder import STATES, RunFolder
from Testing.fill_docs import MARKED, PAGES, QUOTED, ROOT, documents, filled

DOCUMENTS = documents()
BLOCK = re.compile(r"^ *```(?P<language>\w*)\n(?P<body>.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PROGRAM = "-m SemiWeakSegLib"
LARGEST_PICTURE = 150_000
NETWORK_LINES = {"channels", "residual_units", "dropout"}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))


def blocks(path: Path, language: str) -> Iterator[str]:
    """The text of each code block of a language."""
    for found in BLOCK.finditer(path.read_text(encoding="utf-8")):
        if found["language"] == language:
            yield textwrap.dedent(found["body"])


def prose(path: Path) -> str:
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def command_lines() -> list[tuple[str, list[str]]]:
    """Every command line of the program in a shell block, with the document it is in."""
    found = []
    for path in DOCUMENTS:
        for body in blocks(path, "sh"):
            for line in body.replace("\\\n", " ").splitlines():
                _, program, rest = line.partition(PROGRAM)
                if program:
                    found.append((path.name, shlex.split(rest, comments=True)))
    return found


COMMAND_LINES = command_lines()
every_command = pytest.mark.parametrize(
    "words", [words for _, words in COMMAND_LINES], ids=[f"{n}: {w}" for n, w in COMMAND_LINES]
)


class TestCommandLines:
    @every_command
    def test_each_parses_and_names_what_there_is(self, words):
        if not words:
            return  # the bare program prints the usual path
        arguments = build_parser().parse_args(words)
        assert callable(arguments.run_command)
        if getattr(arguments, "method", None):
            get(arguments.method)().with_assignments(arguments.set)
        for text in getattr(arguments, "add", []):
            parse_term(text)
        lines = {each.name for each in dataclasses.fields(Plan)} | NETWORK_LINES
        assert set(parse_overrides(getattr(arguments, "plan", []))) <= lines
        for choice in ("cases", "predict"):
            if isinstance(getattr(arguments, choice, None), str):
                parse_case_names(getattr(arguments, choice))

    def test_every_command_is_shown_somewhere(self):
        assert set(COMMANDS) <= {words[0] for _, words in COMMAND_LINES if words}

    def test_every_part_of_cohort_is_shown_somewhere(self):
        parts = {part.__name__.rpartition("cohort_")[2] for part in PARTS}
        shown = {words[1] for _, words in COMMAND_LINES if words[:1] == ["cohort"]}
        assert "inspect" in parts
        assert parts <= shown


class TestLinks:
    @every_document
    def test_links_pictures_and_headings_exist(self, path):
        for found in LINK.finditer(prose(path)):
            target, _, anchor = found["target"].partition("#")
            if "://" in target:
                continue
            file = (path.parent / target).resolve() if target else path
            assert file.exists(), f"{path.name} points to {target}"
            if anchor:
                assert anchor in headings(file), f"{path.name} points to {target}#{anchor}"

    def test_every_page_is_linked_from_the_index(self):
        index = ROOT / "docs" / "index.md"
        linked = {
            (index.parent / found["target"].partition("#")[0]).resolve()
            for found in LINK.finditer(index.read_text(encoding="utf-8"))
        }
        pages = {path for path in DOCUMENTS if path.parent != ROOT and path != index}
        assert pages <= linked

    def test_pictures_are_small_and_used(self):
        texts = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
        for picture in (ROOT / "docs" / "pictures").iterdir():
            assert picture.stat().st_size < LARGEST_PICTURE, picture.name
            assert picture.name in texts, f"no page shows {picture.name}"


def headings(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


class TestFilledIn:
    @every_document
    def test_tables_and_quotations_are_those_of_the_code(self, path):
        text = path.read_text(encoding="utf-8")
        assert filled(text) == text, "run: python Testing/fill_docs.py"

    def test_every_method_and_term_has_its_table_once(self):
        marked = [
            found["name"]
            for path in DOCUMENTS
            for found in MARKED.finditer(path.read_text(encoding="utf-8"))
        ]
        wanted = ["methods", "terms", "shared"]
        wanted += [f"method {name}" for name in METHODS] + [f"term {name}" for name in TERMS]
        wanted += [f"inference {name}" for name in INFERENCES]
        assert sorted(name for name in marked if not name.startswith("results ")) == sorted(wanted)

    @pytest.mark.parametrize("method", as_json()["methods"], ids=list(METHODS))
    def test_every_setting_is_on_the_page_with_its_default(self, method):
        page = ROOT / "docs" / "methods" / f"{PAGES[method['name']]}.md"
        text = page.read_text(encoding="utf-8")
        own = text.partition(f"<!-- table: method {method['name']} -->")[2].partition("<!-- /")[0]
        shared = (ROOT / "docs" / "methods" / "supervised.md").read_text(encoding="utf-8")
        shared_names = {each.name for each in SegmentationSettings.descriptions()}
        for setting in method["settings"]:
            default = setting["default"]
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            where = shared if setting["name"] in shared_names else own
            assert f"| `{setting['name']}` | `{shown}` |" in where


class TestCode:
    @every_document
    def test_python_compiles_and_imports_what_there_is(self, path):
        for body in blocks(path, "python"):
            for node in ast.walk(ast.parse(body)):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("SemiWeakSegLib"):
                    module = importlib.import_module(node.module)
                    for item in node.names:
                        assert hasattr(module, item.name), f"{node.module} has no {item.name}"

    def test_the_walk_through_quotes_the_program(self):
        """Whether the quotations are up to date is tested with the tables."""
        page = ROOT / "docs" / "adding-a-method.md"
        quoted = QUOTED.findall(page.read_text(encoding="utf-8"))
        assert len(quoted) == len(list(blocks(page, "python"))) == 7

    def test_the_first_example_without_slicer_runs(self, tmp_path, monkeypatch):
        example = next(blocks(ROOT / "docs" / "console.md", "python"))
        monkeypatch.chdir(tmp_path)
        short = example.replace("steps=300", "steps=2").replace(
            '"heart")',
            '"heart", patients=3, labeled=1, scribbled=0, test_patients=1, validation_patients=1)',
            1,
        )
        assert short != example
        exec(compile(short, "console.md", "exec"), {"__name__": "console"})
        assert (tmp_path / "runs" / "python" / "report" / "report.html").is_file()


class TestNames:
    """What programs rely on is on its page."""

    @pytest.mark.parametrize(
        ("page", "wanted"),
        [
            ("runs.md", [*KINDS, *STATES]),
            ("plan.md", [each.name for each in dataclasses.fields(Plan)] + sorted(NETWORK_LINES)),
            ("cohorts.md", list(SIMULATIONS)),
        ],
    )
    def test_every_name_is_explained(self, page, wanted):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert [name for name in wanted if f"`{name}`" not in text] == []

    def test_every_exit_code_has_its_meaning(self):
        text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
        assert all(f"| {code} | {meaning} |" in text for code, meaning in MEANINGS.items())

    def test_every_code_of_a_check_is_explained(self):
        text = (ROOT / "docs" / "cohorts.md").read_text(encoding="utf-8")
        codes = set()
        for path in (ROOT / "SemiWeakSegLib" / "cohort").glob("*.py"):
            source = path.read_text(encoding="utf-8")
            codes |= set(re.findall(r'"(?:error|warning)",\s*"(\w+)"', source))
        assert {"duplicate_id", "not_finite", "shared_image"} <= codes
        assert [code for code in sorted(codes) if f"`{code}`" not in text] == []

    def test_every_file_of_a_run_is_named(self):
        text = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
        run = RunFolder("run")
        parts = [name for name, value in vars(RunFolder).items() if isinstance(value, property)]
        for name in parts:
            found = getattr(run, name).relative_to(run.path).as_posix()
            assert f"`{found}" in text, f"runs.md does not name {found}"
