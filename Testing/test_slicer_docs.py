"""The pages about the Slicer module name what is on the screen and in the logic; no Slicer."""

from __future__ import annotations

import ast
import re
import textwrap
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from Testing.fill_docs import ROOT
from Testing.test_docs import blocks, prose

MODULE = ROOT / "SemiWeakSeg" / "SemiWeakSeg.py"
UI = ROOT / "SemiWeakSeg" / "Resources" / "UI"
PAGES = sorted((ROOT / "docs").glob("slicer-*.md"))
SECTIONS = ("setup", "cohort", "annotate", "method", "train", "results")
README_PARTS = ("Install in Slicer", "Tutorial in Slicer", "Troubleshooting")
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
MOST_README_LINES = 200
MOST_PICTURE_BYTES = 1_200_000


@cache
def labels() -> frozenset[str]:
    """Every text of the .ui files, and every text that panels and methods show."""
    found: set[str] = set()
    for path in UI.glob("*.ui"):
        found |= {each.text or "" for each in ElementTree.parse(path).iter("string")}
    library = ROOT / "SemiWeakSegLib"
    for path in [MODULE, *(library / "panels").glob("*.py"), *(library / "methods").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(" ".join(text.split()).rstrip(":") for text in found)


def bold(text: str) -> list[str]:
    return [" ".join(found.split()).rstrip(":") for found in BOLD.findall(text)]


def part(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def logic_class() -> ast.ClassDef:
    tree = ast.parse(MODULE.read_text(encoding="utf-8"))
    return next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "SemiWeakSegLogic"
    )


class TestLabels:
    @pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
    def test_what_is_bold_is_on_the_screen(self, page):
        assert [text for text in bold(prose(page)) if text not in labels()] == []

    @pytest.mark.parametrize("heading", README_PARTS)
    def test_in_the_readme_too(self, heading):
        text = part((ROOT / "README.md").read_text(encoding="utf-8"), heading)
        assert text
        assert [label for label in bold(text) if label not in labels()] == []

    def test_a_label_that_is_not_there_would_be_found(self):
        assert {"Install…", "Save and next", "Let it go on", "Make the plan"} <= labels()
        assert "Do it for me" not in labels()

    @pytest.mark.parametrize("section", SECTIONS)
    def test_every_button_of_a_section_is_on_its_page(self, section):
        page = (ROOT / "docs" / f"slicer-{section}.md").read_text(encoding="utf-8")
        shown = set(bold(page)) | {"Cancel", "Add", "Split", "Details"}
        for widget in ElementTree.parse(UI / f"{section.capitalize()}.ui").iter("widget"):
            if widget.get("class") != "QPushButton":
                continue
            texts = widget.findall("property[@name='text']/string")
            assert texts, widget.get("name")
            assert texts[0].text in shown, f"slicer-{section}.md does not explain {texts[0].text}"

    def test_every_section_has_its_page_and_its_picture(self):
        for section in SECTIONS:
            assert "](pictures/slicer-" in (ROOT / "docs" / f"slicer-{section}.md").read_text(
                encoding="utf-8"
            )


class TestConsole:
    def test_every_public_method_of_the_logic_is_in_the_tables(self):
        page = (ROOT / "docs" / "slicer-console.md").read_text(encoding="utf-8")
        functions = [node for node in logic_class().body if isinstance(node, ast.FunctionDef)]
        public = [node for node in functions if not node.name.startswith("_")]
        assert len(public) > 20
        for node in public:
            isProperty = any(getattr(each, "id", "") == "property" for each in node.decorator_list)
            if isProperty:
                assert f"`{node.name}`" in page, node.name
                continue
            rows = re.findall(rf"`{node.name}\(([^)]*)\)`", page)
            assert rows, f"slicer-console.md does not have {node.name}"
            written = {name.strip() for name in rows[0].split(",") if name.strip(" …")}
            names = {each.arg for each in node.args.args[1:]}
            assert written - {"…"} == names, node.name

    def test_the_example_is_that_of_the_class(self):
        text = ast.get_docstring(logic_class()) or ""
        quoted = textwrap.dedent(text.partition("::\n")[2].partition("\n\n``train``")[0]).strip()
        for page in (ROOT / "docs" / "slicer-console.md", ROOT / "README.md"):
            assert next(blocks(page, "python")).strip() == quoted, page.name
        assert len(quoted.splitlines()) <= 14

    def test_methods_of_the_study_are_there(self):
        page = (ROOT / "docs" / "slicer-console.md").read_text(encoding="utf-8")
        sentence = page.partition("`study`, which")[2].partition("Each\nchange")[0]
        named = set(re.findall(r"`(\w+)\(", sentence))
        assert {"splitCases", "undo"} <= named
        defined: set[str] = set()
        for name in ("study.py", "recorded_cohort.py"):
            source = (ROOT / "SemiWeakSegLib" / "scene" / name).read_text(encoding="utf-8")
            defined |= set(re.findall(r"def (\w+)\(", source))
        assert named <= defined


class TestSize:
    def test_the_readme_can_be_read(self):
        assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= (
            MOST_README_LINES
        )

    def test_pictures_of_the_module_are_small_together(self):
        pictures: list[Path] = list((ROOT / "docs" / "pictures").glob("slicer-*.png"))
        assert pictures
        assert sum(each.stat().st_size for each in pictures) < MOST_PICTURE_BYTES
