"""The project's own sqllogictest files, and a sample of SQLite's corpus where it lies beside the repository.

The expected values of the own files are what PostgreSQL answers, derived from its documentation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb_testkit.slt_command import read_known_failures
from minidb_testkit.sqllogictest import run_file

HERE = Path(__file__).parent
CORPUS = HERE.parents[2] / "shared" / "slt"
SAMPLE = (
    "evidence/in1.test",
    "evidence/slt_lang_createview.test",
    "index/orderby/10/slt_good_8.test",
    "random/aggregates/slt_good_20.test",
    "random/expr/slt_good_102.test",
)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.slt")), ids=lambda path: path.stem)
def test_own_file(path: Path) -> None:
    result = run_file(path, path.name)
    assert result.failures == []
    assert result.passed > 0


@pytest.mark.parametrize("name", SAMPLE)
def test_corpus_file(name: str) -> None:
    path = CORPUS / "give" / name
    if not path.exists():
        pytest.skip(f"SQLite's corpus is not at {CORPUS}")
    known = read_known_failures(str(CORPUS / "postgresql_failures.txt"))
    result = run_file(path, name, known.get(name, frozenset()))
    assert result.failures == []
    assert result.passed > 0
