"""The lists of files to install say what the folders hold."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from Testing.list_installed import FOLDERS, LISTS, ROOT, files_of, filled, listed

every_folder = pytest.mark.parametrize("name", FOLDERS)


def listed_in(name: str) -> list[str]:
    text = (ROOT / name / "CMakeLists.txt").read_text(encoding="utf-8")
    return [file for variable in LISTS for file in listed(text, variable)]


class TestLists:
    @every_folder
    def test_every_file_is_listed_once(self, name):
        found, wanted = listed_in(name), files_of(ROOT / name)
        missing = sorted(set(wanted) - set(found))
        assert missing == [], f"not shipped: {missing}; run: python Testing/list_installed.py"
        assert len(found) == len(set(found))

    @every_folder
    def test_every_listed_file_exists(self, name):
        superfluous = sorted(set(listed_in(name)) - set(files_of(ROOT / name)))
        assert superfluous == [], (
            f"listed but absent, which stops the build: {superfluous}; "
            "run: python Testing/list_installed.py"
        )

    @every_folder
    def test_the_script_would_change_nothing(self, name):
        text = (ROOT / name / "CMakeLists.txt").read_text(encoding="utf-8")
        assert filled(ROOT / name) == text, "run: python Testing/list_installed.py"


class TestResources:
    """A resource whose name is misspelled would only be missed when its panel is shown."""

    def named(self, *endings):
        """Names of files with these endings among the module's texts."""
        paths = [ROOT / "SemiWeakSeg" / "SemiWeakSeg.py"]
        paths += sorted((ROOT / "SemiWeakSegLib" / "panels").glob("*.py"))
        for path in paths:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    name = Path(node.value).name
                    if name.endswith(endings) and name not in endings and " " not in name:
                        yield name

    def shipped(self):
        return {Path(name).name for name in files_of(ROOT / "SemiWeakSeg")}

    def test_each_that_the_module_names_is_there(self):
        named = set(self.named(".ui", ".png", ".svg"))
        assert "SemiWeakSeg.ui" in named
        assert sorted(named - self.shipped()) == []

    def test_each_form_is_used(self):
        forms = {name for name in self.shipped() if name.endswith(".ui")}
        assert sorted(forms - set(self.named(".ui"))) == []


class TestTheScript:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "CMakeLists.txt").write_text(
            "set(MODULE_PYTHON_SCRIPTS\n  gone.py\n  )\nset(MODULE_PYTHON_RESOURCES)\nmacro(A B)\n"
        )
        return tmp_path

    def make(self, folder, *names):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("")

    def test_new_files_go_into_the_list_of_their_kind(self, folder):
        self.make(folder, "b.py", "a/c.py", "a/picture.png")
        assert filled(folder) == (
            "set(MODULE_PYTHON_SCRIPTS\n  b.py\n  a/c.py\n  )\n"
            "set(MODULE_PYTHON_RESOURCES\n  a/picture.png\n  )\nmacro(A B)\n"
        )

    def test_what_is_not_for_users_stays_out(self, folder):
        self.make(folder, "__pycache__/b.pyc", "a/CMakeLists.txt", ".hidden", "Testing/test_a.py")
        assert files_of(folder) == []

    def test_a_file_without_the_lists_is_refused(self, folder):
        (folder / "CMakeLists.txt").write_text("project(A)\n")
        with pytest.raises(ValueError, match="MODULE_PYTHON_SCRIPTS"):
            filled(folder)
