"""Who imports what, read from the sources: the module loads where torch is not installed."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from Testing.slicer.packaging.building import ROOT

LIBRARY = ROOT / "SemiWeakSegLib"
STANDARD = set(sys.stdlib_module_names)
ARRAYS = {"numpy", "scipy", "SimpleITK"}
SCENE = {*ARRAYS, "vtk", "slicer"}
ALLOWED = {
    "cohort": ARRAYS,
    "methods": set(),
    "runs": set(),
    "scene": SCENE,
    "panels": {*SCENE, "qt", "ctk"},
}
"""The rooms of Slicer's own process; what they may import beside the standard library."""
NEVER = {"torch", "monai", "matplotlib"}
"""Not even inside a function: they would be loaded into Slicer's process."""
OTHER_PROCESS = {"learning", "commands"}
"""Rooms of the library that only the training process imports."""


def modules(room: str) -> list[Path]:
    return sorted((LIBRARY / room).rglob("*.py"))


MODULE = ROOT / "SemiWeakSeg" / "SemiWeakSeg.py"
IN_SLICER = [
    *((path, ALLOWED[room]) for room in ALLOWED for path in modules(room)),
    (LIBRARY / "__init__.py", set()),
    (MODULE, ALLOWED["panels"]),
]
every_file_in_slicer = pytest.mark.parametrize(
    ("path", "allowed"), IN_SLICER, ids=[p.relative_to(ROOT).as_posix() for p, _ in IN_SLICER]
)


def imported(path: Path, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names of the modules that these nodes import; relative ones are resolved."""
    package = path.relative_to(ROOT).parent.parts
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield stem
            yield from (f"{stem}.{each.name}" for each in node.names)


def at_file_scope(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run when the file is imported; what only type checkers see is left out."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_file_scope(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in ("body", "orelse", "finalbody"):
                yield from at_file_scope(getattr(node, name, []))
            for handler in getattr(node, "handlers", []):
                yield from at_file_scope(handler.body)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def top(name: str) -> str:
    return name.partition(".")[0]


class TestFileScope:
    @every_file_in_slicer
    def test_only_what_slicer_bundles_is_imported(self, path, allowed):
        found = {top(name) for name in imported(path, at_file_scope(parse(path).body))}
        assert sorted(found - STANDARD - allowed - {"SemiWeakSegLib"}) == []

    @every_file_in_slicer
    def test_the_training_packages_are_not_imported_anywhere(self, path, allowed):
        names = set(imported(path, ast.walk(parse(path))))
        assert sorted(name for name in names if top(name) in NEVER) == []
        rooms = {name.split(".")[1] for name in names if name.startswith("SemiWeakSegLib.")}
        assert sorted(rooms & OTHER_PROCESS) == []

    def test_the_rooms_of_slicers_process_are_all_there(self):
        for room in ALLOWED:
            assert modules(room), room
        assert MODULE.is_file()

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("import torch", {"torch"}),
            ("try:\n    import torch\nexcept ImportError:\n    import json", {"torch", "json"}),
            ("class A:\n    import torch", {"torch"}),
            ("with a:\n    import torch", {"torch"}),
            ("def f():\n    import torch", set()),
            ("if TYPE_CHECKING:\n    import torch\nelse:\n    import json", {"json"}),
            (
                "from ..learning import plan",
                {"SemiWeakSegLib.learning", "SemiWeakSegLib.learning.plan"},
            ),
        ],
    )
    def test_this_reading_of_sources(self, source, found):
        path = LIBRARY / "scene" / "any.py"
        assert set(imported(path, at_file_scope(ast.parse(source).body))) == found


class TestWhatTrainingNeeds:
    def test_every_package_is_bundled_required_or_optional(self):
        """A package that nobody installs would only be missed by a user."""
        requirements = ROOT / "SemiWeakSeg" / "Resources" / "requirements.txt"
        required = set(
            re.findall(r"^([A-Za-z][\w-]*)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
        )
        known = STANDARD | ARRAYS | required | {"torch", "SemiWeakSegLib"}
        missing = {}
        for path in [p for room in sorted(OTHER_PROCESS) for p in modules(room)]:
            names = {top(name) for name in imported(path, at_file_scope(parse(path).body))}
            if names - known:
                missing[path.relative_to(ROOT).as_posix()] = sorted(names - known)
        assert missing == {}
