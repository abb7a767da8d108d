"""The documentation is complete: whatever the code offers is named in it, and its links lead somewhere."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import minidb
from minidb.session.settings import SETTINGS
from minidb.session.system_views import SYSTEM_VIEWS
from minidb_repl.commands import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "minidb").rglob("README.md")])
REFERENCE = ROOT / "docs" / "reference"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """What headings are linked by: lower case, without signs, hyphens for spaces."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in PAGES])
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("folder", ["docs/reference", "docs/decisions"])
def test_every_page_is_in_the_index(folder: str) -> None:
    index = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / folder).glob("*.md")} - {"README.md"}
    assert pages - set(LINK.findall(index)) == set()


def test_the_reference_names_what_there_is() -> None:
    pages = [page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md")]
    words = set(re.findall(r"\w+", "\n".join(pages)))
    offered = {*minidb.__all__, *SETTINGS, *[view.name for view in SYSTEM_VIEWS.values()]}
    for class_ in (minidb.Connection, minidb.Cursor, minidb.Database, minidb.ProcedureTransaction):
        offered |= {name for name in vars(class_) if not name.startswith("_")}
    offered |= set(inspect.signature(minidb.connect).parameters) - {"settings"}
    assert offered - words == set()


def test_the_shell_page_names_every_command() -> None:
    page = (REFERENCE / "shell.md").read_text(encoding="utf-8")
    assert [word for word in COMMANDS if f"`\\{word}" not in page] == []


def test_the_map_has_every_folder() -> None:
    page = (ROOT / "docs" / "architecture" / "README.md").read_text(encoding="utf-8")
    packages = [path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "minidb").rglob("*/__init__.py")]
    assert [package for package in packages if f"`{package}/`" not in page] == []
    named = re.findall(r"`((?:minidb|repl|sql_tests|benchmarks|docs)/[\w/]*)`", page)
    assert [name for name in named if not (ROOT / name).exists()] == []
