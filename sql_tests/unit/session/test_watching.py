"""What watchers see of sessions that no golden file can say: of the fast path, of ended sessions."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import pytest

import minidb
from minidb.session.database import open_database
from minidb.session.session import Session
from minidb.session.settings import DESCRIPTIONS, SETTINGS
from minidb_testkit.golden import parse
from minidb_testkit.interleaving import Stepper

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


@pytest.mark.parametrize(
    ("text", "parameters", "sqlstate"),
    [
        ("INSERT INTO t VALUES (?, ?)", (1, 10), "23505"),
        ("UPDATE t SET v = ? WHERE id = ?", (2**40, 1), "22003"),  # the short path declines
        ("COPY t FROM 'nowhere.csv'", (), "58P01"),
    ],
)
@pytest.mark.parametrize("autocommit", [True, False])
def test_each_end_is_counted_once(
    watcher: Any, text: str, parameters: tuple[Any, ...], sqlstate: str, autocommit: bool
) -> None:
    def counted() -> dict[Any, int]:
        rows = watcher.execute("SELECT coalesce(sqlstate, name), value FROM minidb_counters").fetchall()
        return {name: value for name, value in rows if value and name in ("commits", "rollbacks", sqlstate)}

    before = counted()
    with minidb.connect(":memory:watching", autocommit=autocommit) as other:
        for _ in range(2):  # the second one is prepared
            with pytest.raises(minidb.Error) as caught:
                other.execute(text, parameters)
            assert caught.value.sqlstate == sqlstate
            other.rollback()
    assert counted() == {**before, "rollbacks": 2, sqlstate: 2}


def test_a_statement_that_begins_again_has_rolled_nothing_back() -> None:
    database = open_database(":memory:")
    first, second = Session(database, True), Session(database, True)
    update = "UPDATE t SET v = v + 1 WHERE id = ?"
    with Stepper(database.transactions.locks) as stepper:
        first.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        first.execute("INSERT INTO t VALUES (1, 10)")
        second.execute(update, (1,))
        prepared = second.database.prepared[update]
        first.execute("BEGIN")
        first.execute(update, (1,))
        (waits,) = stepper.step("second", lambda: second.run_fast_change(prepared, (1,)))
        assert waits.waits
        stepper.step("first", first.commit)
        assert (database.tally.restarts, database.tally.rollbacks) == (1, 0)
    first.close()
    second.close()


LOCKS = "SELECT holder, mode, object, key, waits_for FROM minidb_locks WHERE mode IN ('SHARE', 'FOR SHARE')"


@pytest.mark.parametrize(
    ("range_locking", "key"),
    [("predicate", "rows of table t where (v > 100)"), ("next-key", "all rows of table t")],
)
def test_two_phase_locking_shows_what_it_read(watcher: Any, range_locking: str, key: str) -> None:
    reader = minidb.connect(
        ":memory:watching",
        isolation_level="serializable",
        serializable_strategy="2pl",
        range_locking=range_locking,
    )
    reader.execute("SELECT v FROM t WHERE id = 1").fetchall()
    reader.execute("SELECT v FROM t WHERE v > 100").fetchall()
    ((holder, strategy),) = watcher.execute("SELECT id, strategy FROM minidb_transactions").fetchall()
    assert strategy == "2pl"
    locks = watcher.execute(LOCKS + " ORDER BY mode").fetchall()
    assert locks == [(holder, "FOR SHARE", "t", "row (1)", None), (holder, "SHARE", "t", key, None)]
    watcher.execute("SET lock_timeout = '1ms'")
    with pytest.raises(minidb.LockNotAvailable):
        watcher.execute("INSERT INTO t VALUES (3, 300)")
    reader.close()


def test_a_safe_snapshot_leaves_nothing(watcher: Any) -> None:
    watcher.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
    lines = watcher.execute("EXPLAIN (LOCKS) SELECT v FROM t WHERE id = 1").fetchall()
    assert lines[-2:] == [
        ("Locks: none",),
        ("Reads: nothing is locked or recorded (SERIALIZABLE, safe snapshot)",),
    ]


def test_a_writer_waits_for_a_range() -> None:
    database = open_database(":memory:")
    reader, writer, watcher = (Session(database, True) for _ in range(3))

    def run(session: Session, text: str) -> str:
        return str(session.execute(text).next_batch())

    with Stepper(database.transactions.locks) as stepper:
        run(watcher, "CREATE TABLE t (id int PRIMARY KEY, v int)")
        run(reader, "SET serializable_strategy = '2pl'")
        run(reader, "BEGIN ISOLATION LEVEL SERIALIZABLE")
        run(reader, "SELECT * FROM t WHERE v > 100")
        (waits,) = stepper.step("writer", lambda: run(writer, "INSERT INTO t VALUES (3, 300)"))
        assert waits.waits
        seen = run(watcher, "SELECT mode, object, key, waits_for FROM minidb_locks WHERE NOT granted")
        assert seen == f"[('writing', 't', 'row (3) of table t', '{reader.transaction.id}')]"  # type: ignore[union-attr]
        seen = run(
            watcher, "SELECT pid, wait_event, state, query FROM pg_stat_activity WHERE wait_event <> ''"
        )
        assert seen == f"[({writer.id}, 'object', 'active', 'INSERT INTO t VALUES (3, 300)')]"
        seen = run(
            watcher, "SELECT locktype, mode, granted FROM pg_locks WHERE locktype = 'object' ORDER BY 3"
        )
        assert seen == "[('object', 'ExclusiveLock', False), ('object', 'ShareLock', True)]"
        stepper.step("reader", lambda: run(reader, "COMMIT"))
    for session in (reader, writer, watcher):
        session.close()


def test_the_conflict_graph_is_shown_while_it_is_retained(watcher: Any) -> None:
    watcher.execute("INSERT INTO t VALUES (2, 20)")
    first, second, last = (
        minidb.connect(":memory:watching", isolation_level="serializable") for _ in range(3)
    )
    for connection in (last, first, second):
        connection.execute("SELECT count(*) FROM t WHERE v = 20").fetchall()
    strategies = watcher.execute("SELECT DISTINCT strategy FROM minidb_transactions").fetchall()
    assert strategies == [("ssi",)]
    ids = [connection._session.transaction.id for connection in (first, second)]  # type: ignore[union-attr]
    first.execute("UPDATE t SET v = 11 WHERE id = 1")
    first.commit()
    second.execute("UPDATE t SET v = 21 WHERE id = 2")
    second.commit()
    graph = watcher.execute("SELECT transaction, successor, kind, object FROM minidb_conflicts ORDER BY 1")
    assert graph.fetchall() == [(ids[0], ids[1], "rw", "row (2) of table t"), (ids[1], None, None, None)]
    for connection in (last, first, second):
        connection.close()
    assert watcher.execute("SELECT count(*) FROM minidb_conflicts").fetchone() == (0,)


def test_advisory_locks_are_shown_with_their_session(watcher: Any) -> None:
    other = minidb.connect(":memory:watching")
    other.execute("SELECT pg_advisory_lock(5), pg_advisory_xact_lock_shared(2, -1)").fetchall()
    ((number,),) = other.execute("SELECT pg_backend_pid()").fetchall()
    seen = watcher.execute("SELECT session, mode, object, key FROM minidb_locks ORDER BY holder IS NULL")
    assert seen.fetchall() == [
        (number, "SHARE", None, "advisory lock (2, -1)"),
        (number, "EXCLUSIVE", None, "advisory lock 5"),
    ]
    seen = watcher.execute(
        "SELECT pid, mode, classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' ORDER BY objid"
    )
    assert seen.fetchall() == [
        (number, "ExclusiveLock", 0, 5, 1),
        (number, "ShareLock", 2, 2**32 - 1, 2),
    ]
    other.close()


READ_COMMITTED = {"isolation_level": "read committed"}
TWO_PHASE = {"isolation_level": "serializable", "serializable_strategy": "2pl"}


@pytest.mark.parametrize(
    "settings",
    [READ_COMMITTED, TWO_PHASE, {**TWO_PHASE, "range_locking": "next-key"}],
    ids=["read committed", "2pl predicate", "2pl next-key"],
)
def test_explain_locks_tells_what_is_locked(settings: dict[str, str]) -> None:
    """Every statement of the golden file, really run: the tables that it locks, how it locks rows, and under
    two-phase locking the tables whose keys and ranges it share-locks."""
    connection = minidb.connect(":memory:", **settings)
    connection.cursor().executescript((PLANS / "explain_locks.sql").read_text(encoding="utf-8"))
    connection.cursor().executescript(
        "INSERT INTO branch VALUES (1, 'x'), (2, 'y');"
        "INSERT INTO account VALUES (1, 'amy', 2, 5), (4, 'ann', 1, 15), (7, 'zoe', 1, 16);"
        "INSERT INTO card VALUES ('c', 4); INSERT INTO note VALUES ('n'); COMMIT"
    )
    cases = parse((PLANS / "explain_locks.golden").read_text(encoding="utf-8"))
    for case in cases:
        (statement,) = case.script
        told = "\n".join([line for (line,) in connection.execute(f"EXPLAIN (LOCKS) {statement}").fetchall()])
        modes = set(re.findall(r"^  ([A-Z ]+) on (table \w+|.)", told, re.MULTILINE))
        tables = {(mode, what[6:]) for mode, what in modes if what.startswith("table")}
        read = set(re.findall(r"^  (?:keys|range|all rows|all) of (\w+)", told, re.MULTILINE))
        connection.execute(statement)
        locks = connection.execute("SELECT mode, object, key FROM minidb_locks").fetchall()
        connection.rollback()
        assert {(mode, name) for mode, name, key in locks if key is None} == tables, statement
        parts = {(mode, name) for mode, name, key in locks if key is not None}
        shared = {(mode, name) for mode, name in parts if mode in ("SHARE", "FOR SHARE")}
        assert {mode for mode, _ in parts - shared} <= {mode for mode, _ in modes}, statement
        assert {name for _, name in shared} <= read <= {name for _, name in parts}, statement
    assert len(cases) > 15
    connection.close()


@pytest.mark.parametrize(
    "options",
    [
        {"execution": "serial"},
        {"autocommit": True, "isolation_level": "serializable", "serializable_strategy": "serial"},
    ],
)
def test_explain_locks_tells_of_serial_execution(options: dict[str, Any]) -> None:
    with minidb.connect(":memory:", **options) as connection:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY)")
        lines = connection.execute("EXPLAIN (LOCKS) SELECT * FROM account").fetchall()
        assert lines[-1] == (
            "Reads: recorded only if others that are SERIALIZABLE are open (SERIALIZABLE, serial)",
        )


def test_every_setting_is_described() -> None:
    assert DESCRIPTIONS.keys() == SETTINGS.keys()
