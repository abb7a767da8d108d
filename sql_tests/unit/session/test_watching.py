"""What watchers see of sessions that no golden file can say: of the fast path, of ended sessions."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import pytest

import minidb
from minidb.session.settings import DESCRIPTIONS, SETTINGS
from minidb_testkit.golden import parse

PLANS = Path(__file__).parents[2] / "plans"


@pytest.fixture
def watcher() -> Any:
    connection = minidb.connect(":memory:watching", autocommit=True)
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    connection.execute("INSERT INTO t VALUES (1, 10)")
    yield connection
    connection.close()


def test_statements_of_the_fast_path_are_seen_without_times(watcher: Any) -> None:
    other = minidb.connect(":memory:watching", application_name="other")
    for text in ("SELECT v FROM t WHERE id = ?", "UPDATE t SET v = v + 1 WHERE id = ?"):
        for _ in range(2):  # the second one is prepared
            other.execute(text, (1,))
        seen = watcher.execute(
            "SELECT query, state, query_start, state_change FROM pg_stat_activity "
            "WHERE application_name = 'other'"
        )
        assert seen.fetchall() == [(text, "idle in transaction", None, None)]
    other.execute("SELECT count(*) FROM t")
    (times,) = watcher.execute(
        "SELECT query_start >= xact_start, state_change >= query_start FROM pg_stat_activity "
        "WHERE application_name = 'other'"
    ).fetchall()
    assert times == (True, True)
    other.close()


def test_sessions_have_numbers_and_go(watcher: Any) -> None:
    others = [minidb.connect(":memory:watching") for _ in range(3)]
    numbers = [other.execute("SELECT pg_backend_pid()").fetchone()[0] for other in others]
    assert len(set(numbers)) == 3
    others[0].close()
    others[1].commit()
    del others[1]
    gc.collect()
    seen = [pid for (pid,) in watcher.execute("SELECT pid FROM pg_stat_activity").fetchall()]
    assert numbers[2] in seen and len(seen) == 2
    others[1].close()


def test_a_commit_that_fails_is_an_abort(watcher: Any) -> None:
    """Deferred to COMMIT or not, a failure is counted once, with its SQLSTATE."""
    with pytest.raises(minidb.IntegrityError):
        watcher.execute("INSERT INTO t VALUES (1, 10)")
    watcher.execute("BEGIN")
    with pytest.raises(minidb.DataError):
        watcher.execute("SELECT 1 / (v - 10) FROM t")
    with pytest.raises(minidb.InternalError):
        watcher.execute("SELECT 1")  # refused: the transaction has failed before
    watcher.execute("ROLLBACK")
    counted = watcher.execute("SELECT sqlstate, value FROM minidb_counters WHERE name = 'aborts'")
    assert counted.fetchall() == [("22012", 1), ("23505", 1)]


def test_explain_locks_tells_what_is_locked() -> None:
    """Every statement of the golden file, really run: the tables that it locks, and how it locks rows."""
    connection = minidb.connect(":memory:")
    connection.cursor().executescript((PLANS / "explain_locks.sql").read_text(encoding="utf-8"))
    connection.cursor().executescript(
        "INSERT INTO branch VALUES (1, 'x'), (2, 'y');"
        "INSERT INTO account VALUES (1, 'amy', 2, 5), (4, 'ann', 1, 15), (7, 'zoe', 1, 16);"
        "INSERT INTO card VALUES ('c', 4); INSERT INTO note VALUES ('n'); COMMIT"
    )
    cases = parse((PLANS / "explain_locks.golden").read_text(encoding="utf-8"))
    for case in cases:
        (statement,) = case.script
        lines = [line for (line,) in connection.execute(f"EXPLAIN (LOCKS) {statement}").fetchall()]
        told = set(re.findall(r"^  ([A-Z ]+) on (table \w+|.)", "\n".join(lines), re.MULTILINE))
        tables = {(mode, what[6:]) for mode, what in told if what.startswith("table")}
        connection.execute(statement)
        locks = connection.execute("SELECT mode, object, key FROM minidb_locks").fetchall()
        assert {(mode, name) for mode, name, key in locks if key is None} == tables, statement
        assert {mode for mode, _, key in locks if key is not None} <= {mode for mode, _ in told}, statement
        connection.rollback()
    assert len(cases) > 15
    connection.close()


def test_every_setting_is_described() -> None:
    assert DESCRIPTIONS.keys() == SETTINGS.keys()
