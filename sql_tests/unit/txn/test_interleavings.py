"""SQL sessions step by step under every isolation level: sql_tests/interleavings/*.golden."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb_testkit.golden import check
from minidb_testkit.sql_interleaving import run_levels

FILES = sorted((Path(__file__).parents[2] / "interleavings").glob("*.golden"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_interleaving(path: Path, rewrite_golden: bool) -> None:
    check(path, run_levels, rewrite_golden)


def test_there_are_some() -> None:
    assert FILES
