"""Names that the module's code uses exist in the real Slicer, also on paths no other test takes.

The code is read, not run: `self.ui.NAME.attribute` is looked up by the class that the .ui file
gives NAME, `slicer.app.attribute` and the like by the table of what Slicer 5.12.3 showed.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from Testing.testbed import tables

ROOT = Path(__file__).resolve().parents[3]
FORMS = sorted((ROOT / "SemiWeakSeg" / "Resources" / "UI").glob("*.ui"))
SOURCES = [
    ROOT / "SemiWeakSeg" / "SemiWeakSeg.py",
    *sorted((ROOT / "SemiWeakSegLib" / "panels").glob("*.py")),
    *sorted((ROOT / "SemiWeakSegLib" / "scene").glob("*.py")),
]
# What PySide6 has in the testbed, and Qt 5.15 has not.
QT6_ONLY = {
    "checkStateChanged",
    "globalPosition",
    "legacyText",
    "setChildProcessModifier",
    "setUnixProcessParameters",
}
ROOTS = ("slicer.app", "slicer.util", "slicer.packaging")
QOBJECT = {"connect", "disconnect"}
SIGNATURE = re.compile(r"(\w+)\((.*)\)")


def _classes() -> dict[str, set[str]]:
    """Object name in any form -> widget classes."""
    found: dict[str, set[str]] = {}
    for form in FORMS:
        for widget in ElementTree.parse(form).getroot().iter("widget"):
            found.setdefault(widget.get("name"), set()).add(widget.get("class"))
    return found


CLASSES = _classes()


def _dotted(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _has(className: str, name: str) -> bool:
    names = tables.observed_names(className)
    return names is None or name in names or name in tables.widget_names()


def _problems(source: Path) -> list[str]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    problems = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        place = f"{source.name}:{node.lineno}"
        if node.attr in QT6_ONLY:
            problems.append(f"{place}: {node.attr} came with Qt 6")
        owner = _dotted(node.value)
        # PythonQt gives `connect` and the like to the application as to every object.
        known = (tables.observed_names(owner) or {node.attr}) | QOBJECT
        if owner in ROOTS and node.attr not in known:
            problems.append(f"{place}: {owner} has no {node.attr}")
        if owner.startswith("self.ui.") and owner.count(".") == 2:
            widget = owner.rpartition(".")[2]
            if widget not in CLASSES:
                problems.append(f"{place}: no form has a widget {widget}")
                continue
            if not any(_has(each, node.attr) for each in CLASSES[widget]):
                problems.append(f"{place}: {CLASSES[widget]} {widget} has no {node.attr}")
        if owner.startswith("qt.") and owner.count(".") == 1:
            names = tables.observed_names(owner.removeprefix("qt."))
            if names is not None and not _has(owner.removeprefix("qt."), node.attr):
                problems.append(f"{place}: {owner} has no {node.attr}")
    return problems


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_names_exist_in_slicer(source):
    assert _problems(source) == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
class TestForms:
    def test_slots_and_signals_of_forms_exist(self, form):
        root = ElementTree.parse(form).getroot()
        classes = {each.get("name"): each.get("class") for each in root.iter("widget")}
        for connection in root.iter("connection"):
            texts = {child.tag: child.text for child in connection if child.text}
            for end, what in (("sender", "signal"), ("receiver", "slot")):
                name = SIGNATURE.fullmatch(texts[what])[1]
                assert _has(classes[texts[end]], name), (texts[end], texts[what])

    def test_enums_are_written_as_qt_5_reads_them(self, form):
        for element in ElementTree.parse(form).getroot().iter():
            if element.tag in ("enum", "set"):
                for value in element.text.split("|"):
                    # Designer of Qt 6 writes Qt::Orientation::Horizontal, which Qt 5 cannot read.
                    assert value.count("::") == 1, value

    def test_every_mrml_widget_gets_the_scene(self, form):
        root = ElementTree.parse(form).getroot()
        wired = {
            each.findtext("receiver")
            for each in root.iter("connection")
            if each.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        }
        for widget in root.iter("widget"):
            kind, name = widget.get("class"), widget.get("name")
            takes = tables.observed_names(kind) or frozenset()
            if "setMRMLScene" in takes and kind != "qMRMLWidget":
                assert name in wired, f"{kind} {name} never gets a scene"

    def test_what_a_person_can_press_or_fill_in_explains_itself(self, form):
        quiet = ("QWidget", "QLabel", "QFrame", "QStackedWidget", "qMRMLWidget", "QGroupBox")
        for widget in ElementTree.parse(form).getroot().iter("widget"):
            if widget.get("class") in quiet:
                continue
            tips = [
                each.findtext("string")
                for each in widget.findall("property")
                if each.get("name") == "toolTip"
            ]
            assert tips and tips[0], f"{widget.get('class')} {widget.get('name')} has no tooltip"
