"""The documentation's examples run, and print what they say they print.

The Python blocks of a page run in order, in one namespace and a fresh folder. Comment lines that begin a
line, right behind a statement, are what the block prints. SQL blocks run statement by statement.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import minidb

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "minidb").rglob("README.md")])
BLOCK = re.compile(r"^```(python|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages_with(language: str) -> list[str]:
    found = []
    for page in PAGES:
        if any(match[1] == language for match in BLOCK.finditer(page.read_text(encoding="utf-8"))):
            found.append(page.relative_to(ROOT).as_posix())
    return found


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [match[2] for match in BLOCK.finditer(text) if match[1] == language]


@pytest.mark.parametrize("page", pages_with("python"))
def test_python(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "example"}
    for block in blocks(page, "python"):
        lines = block.splitlines()
        expected = [line.lstrip()[2:] for line in lines if re.match(r"\s*# ", line)]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(block, page, "exec"), namespace)
        assert output.getvalue().splitlines() == expected


@pytest.mark.parametrize("page", pages_with("sql"))
def test_sql(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with minidb.connect(":memory:", autocommit=True) as connection:
        for block in blocks(page, "sql"):
            connection.executescript(block)
