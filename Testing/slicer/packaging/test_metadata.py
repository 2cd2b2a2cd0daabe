"""What the extensions index and the extensions manager read is complete and says the same."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from Testing import draw_icon
from Testing.slicer.packaging.building import ROOT, SHARE_FOLDER

CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
ENTRY = json.loads((ROOT / "SemiWeakSeg.json").read_text(encoding="utf-8"))
RAW = "https://raw.githubusercontent.com/"
BUNDLED = {"numpy", "scipy", "SimpleITK"}
"""What Slicer brings along of the library's dependencies."""
ALLOWED = {
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
"""The fields of an entry, as the schema that it names has them."""


def setting(name: str) -> str:
    """EXTENSION_<name>: one quoted text on one line, which is all that the index's check reads."""
    found = re.findall(rf'^set\(EXTENSION_{name} "([^"\n]+)"\)', CMAKE, re.MULTILINE)
    assert len(found) == 1, f'CMakeLists.txt needs one line set(EXTENSION_{name} "…")'
    return found[0]


def in_repository(url: str) -> Path:
    """The file of this checkout that a raw address names."""
    owner_and_name = urlsplit(ENTRY["scm_url"]).path.removeprefix("/").removesuffix(".git")
    start = f"{RAW}{owner_and_name}/{ENTRY['scm_revision']}/"
    assert url.startswith(start), f"{url} is not below {start}"
    return ROOT / url.removeprefix(start)


class TestExtension:
    def test_project_and_entry_have_the_same_name(self):
        assert re.findall(r"project\s*\(\s*([^\s)]+)", CMAKE)[0] == "SemiWeakSeg"

    def test_homepage_is_the_repository(self):
        assert setting("HOMEPAGE") + ".git" == ENTRY["scm_url"]

    def test_contributors_are_people_with_their_organisation(self):
        assert re.fullmatch(
            r"[^(),]+ \([^()]+\)(, [^(),]+ \([^()]+\))*", setting("CONTRIBUTORS")
        ), "Firstname Lastname (Organisation), …"

    def test_description_is_one_or_two_sentences(self):
        sentences = re.findall(r"[.!?](?:\s|$)", setting("DESCRIPTION"))
        assert 1 <= len(sentences) <= 2
        assert len(setting("DESCRIPTION")) < 250

    def test_icon_address_names_the_icon(self):
        assert in_repository(setting("ICONURL")) == ROOT / "SemiWeakSeg.png"

    def test_screenshot_addresses_name_pictures_of_this_repository(self):
        addresses = setting("SCREENSHOTURLS").split(" ")
        assert addresses
        for address in addresses:
            assert in_repository(address).is_file(), address
            assert in_repository(address).suffix in {".png", ".jpg"}

    def test_the_licence_is_apache(self):
        words = (ROOT / "LICENSE").read_text(encoding="utf-8").split()[:4]
        assert words == ["Apache", "License", "Version", "2.0,"]
        assert "Apache-2.0" in (ROOT / "README.md").read_text(encoding="utf-8")

    def test_the_manager_gets_it_all(self, installed):
        lines = (installed / SHARE_FOLDER / "SemiWeakSeg.s4ext").read_text(encoding="utf-8")
        found = dict(line.split(" ", 1) for line in lines.splitlines())
        assert found.pop("depends") == "PyTorch"
        assert found == {name.lower(): setting(name) for name in map(str.upper, found)}
        assert len(found) == 5


class TestIndexEntry:
    def test_fields_are_those_of_the_schema(self):
        assert {"$schema", "category", "scm_url", "scm_revision", "tier"} <= set(ENTRY)
        for name, value in ENTRY.items():
            assert type(value) is ALLOWED[name], name

    def test_the_schema_is_one_of_the_index(self):
        assert re.fullmatch(
            r"https://raw\.githubusercontent\.com/Slicer/Slicer/main/Schemas/"
            r"slicer-extension-catalog-entry-schema-v1\.0\.[12]\.json#",
            ENTRY["$schema"],
        )

    def test_values(self):
        assert ENTRY["category"] == "Segmentation"
        assert ENTRY["tier"] in range(1, 6)
        assert ENTRY["build_dependencies"] == ["PyTorch"]
        assert ENTRY["scm_revision"]

    def test_it_depends_on_what_the_build_depends_on(self):
        depends = re.findall(r'set\(EXTENSION_DEPENDS "([^"]+)"\)', CMAKE)
        assert depends == [" ".join(ENTRY["build_dependencies"])]

    def test_the_repository_is_named_as_the_index_wants(self):
        address = urlsplit(ENTRY["scm_url"])
        assert address.scheme == "https"
        assert address.path.endswith("/SlicerSemiWeakSeg.git")

    def test_the_file_is_formatted_as_the_index_formats(self):
        raw = (ROOT / "SemiWeakSeg.json").read_bytes()
        assert b"\r" not in raw
        assert raw.decode() == json.dumps(ENTRY, indent=2) + "\n"
        assert list(ENTRY) == sorted(ENTRY)


class TestIcons:
    @pytest.mark.parametrize("path", draw_icon.ICONS, ids=["extension", "module"])
    def test_size_and_surround(self, path):
        with Image.open(path) as picture:
            assert (picture.format, picture.size, picture.mode) == ("PNG", (128, 128), "RGBA")
            alpha = np.asarray(picture)[..., 3]
        corners = alpha[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert not corners.any()
        assert alpha[64, 64] == 255

    @pytest.mark.parametrize("path", draw_icon.ICONS, ids=["extension", "module"])
    def test_it_is_what_the_script_draws(self, path):
        """Within a shade: another version of the drawing library rounds edges otherwise."""
        with Image.open(path) as picture:
            drawn = np.asarray(draw_icon.icon(), dtype=float)
            assert np.abs(np.asarray(picture, dtype=float) - drawn).mean() < 1

    def test_the_thumbnail_is_what_the_script_draws(self):
        with Image.open(draw_icon.THUMBNAIL) as picture:
            drawn = np.asarray(draw_icon.thumbnail(), dtype=float)
            assert np.abs(np.asarray(picture, dtype=float) - drawn).mean() < 1


class TestRequirements:
    @pytest.fixture
    def requirements(self):
        """Read as slicer.packaging.load_requirements does: a requirement or a comment a line."""
        path = ROOT / "SemiWeakSeg" / "Resources" / "requirements.txt"
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        assert not any(line.startswith("-") for line in lines), "options are ignored by Slicer"
        return [Requirement(line) for line in lines if line and not line.startswith("#")]

    @pytest.fixture
    def dependencies(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return [Requirement(text) for text in project["dependencies"]]

    def test_torch_is_left_to_its_extension(self, requirements):
        assert not {"torch", "torchvision"} & {each.name for each in requirements}

    def test_they_are_the_dependencies_that_slicer_lacks(self, requirements, dependencies):
        wanted = [each for each in dependencies if each.name not in {*BUNDLED, "torch"}]
        assert sorted(map(str, requirements)) == sorted(map(str, wanted))

    def test_what_was_tested_is_among_the_allowed_versions(self, requirements):
        lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        tested = dict(line.split("==") for line in lines if "==" in line)
        for each in requirements:
            assert tested[each.name] in each.specifier, each.name


class TestPublishingPage:
    ROW = re.compile(
        r"^\|[^|]+\| `(?P<file>[^`:]+)(?::(?P<line>\d+))?` \| `(?P<start>[^`]+)` \|", re.MULTILINE
    )
    """What it is, its file (with the line, where that seldom changes), and how the line begins."""
    PAGE = ROOT / "docs" / "publishing.md"

    def rows(self):
        return list(self.ROW.finditer(self.PAGE.read_text(encoding="utf-8")))

    def places(self):
        """(file, line) of each row; AssertionError where a row points at no line, or another."""
        found = set()
        for row in self.rows():
            lines = (ROOT / row["file"]).read_text(encoding="utf-8").splitlines()
            at = [n for n, line in enumerate(lines, 1) if line.strip().startswith(row["start"])]
            assert len(at) == 1, f"{row['start']} stands {len(at)} times in {row['file']}"
            assert row["line"] in (None, str(at[0])), f"{row['file']}: it is in line {at[0]} now"
            found.add((row["file"], at[0]))
        return found

    def test_every_row_of_its_table_points_at_its_line(self):
        assert len(self.places()) == 6

    def test_the_address_of_the_repository_stands_nowhere_else(self):
        owner_and_name = urlsplit(ENTRY["scm_url"]).path.removesuffix(".git")
        found = set()
        for path in self.texts():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if owner_and_name in line or "PUBLISHER" in line:
                    found.add((path.relative_to(ROOT).as_posix(), number))
        assert found
        assert sorted(found - self.places()) == [], "name the place in docs/publishing.md"

    def texts(self):
        """Where an address could stand; the page itself explains the placeholder."""
        for name in ("CMakeLists.txt", "SemiWeakSeg.json", "README.md", "pyproject.toml"):
            yield ROOT / name
        for folder in ("SemiWeakSeg", "SemiWeakSegLib", "docs"):
            for suffix in (".py", ".md", ".txt", ".ui"):
                yield from (p for p in (ROOT / folder).rglob(f"*{suffix}") if p != self.PAGE)
