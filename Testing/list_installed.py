"""Write the lists of files that the extension installs: `python Testing/list_installed.py`.

Slicer ships what the two CMakeLists.txt name and nothing else. A file that is missing stops the
build; a file that is not named is silently left out, so the lists are made from the folders.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("SemiWeakSeg", "SemiWeakSegLib")
LISTS = {"MODULE_PYTHON_SCRIPTS": True, "MODULE_PYTHON_RESOURCES": False}
"""CMake variable, and whether it names Python files."""
NOT_SHIPPED = {"CMakeLists.txt", "__pycache__", "Testing"}


def files_of(folder: Path) -> list[str]:
    """What lies in a folder and is meant for users, relative to it, in a fixed order.

    Hidden files, byte code, tests and build files are left out.
    """
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in NOT_SHIPPED for part in parts)
        if path.is_file() and not hidden and path.suffix not in {".pyc", ".pyo"}:
            found.append("/".join(parts))
    return sorted(found, key=lambda name: (name.rpartition("/")[0], name))


def listed(text: str, variable: str) -> list[str]:
    """The file names that a CMakeLists.txt gives a variable; ValueError where it sets none."""
    found = re.search(list_pattern(variable), text)
    if found is None:
        raise ValueError(f"no set({variable} …) found: the lists cannot be read or written")
    return found["names"].split()


def filled(folder: Path) -> str:
    """The text of a folder's CMakeLists.txt with both lists made anew."""
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    files = files_of(folder)
    for variable, is_python in LISTS.items():
        listed(text, variable)
        names = [name for name in files if name.endswith(".py") is is_python]
        lines = "".join(f"  {name}\n" for name in names)
        text = re.sub(list_pattern(variable), f"set({variable}\n{lines}  )", text)
    return text


def list_pattern(variable: str) -> str:
    """A pattern for the command that gives a variable its list of names."""
    return rf"set\({variable}\b(?P<names>[^)]*)\)"


def main() -> None:
    for name in FOLDERS:
        path = ROOT / name / "CMakeLists.txt"
        text = filled(path.parent)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
