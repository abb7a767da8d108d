"""The golden sessions: what changes and definitions answer, a file for each subject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minidb.session.database import open_database
from minidb.session.session import Session
from minidb_testkit.golden import check
from minidb_testkit.statements import run_case

STATEMENTS = Path(__file__).parents[2] / "statements"


@pytest.fixture
def session() -> Iterator[Session]:
    """A session of a new database in memory."""
    session = Session(open_database(":memory:"), True)
    yield session
    session.close()


@pytest.mark.parametrize("path", sorted(STATEMENTS.glob("*.golden")), ids=lambda path: path.stem)
def test_statements(path: Path, session: Session, rewrite_golden: bool) -> None:
    check(path, lambda case: run_case(session, case), rewrite_golden)
