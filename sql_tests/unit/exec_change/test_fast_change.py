"""The fast forms of changes do what the general path does, or decline."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidb.errors import Error
from minidb.exec.fast_change import compile_bulk_change, compile_change
from minidb.plan.changes import Change
from minidb.session.database import open_database
from minidb.session.session import Session

SCHEMA = (
    "CREATE TABLE t (k int PRIMARY KEY, s smallint, n numeric(6,2), v varchar(4), f double precision, "
    "b boolean NOT NULL DEFAULT true, u bigint UNIQUE, CHECK (s < 100))",
    "CREATE INDEX ON t (v, n)",
)
INSERT = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)"


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(open_database(":memory:"), True)
    for statement in SCHEMA:
        session.execute(statement)
    yield session
    session.close()


def plan_of(session: Session, text: str, parameters: tuple[Any, ...]) -> Change:
    statement = session._prepare(text, parameters).statement
    assert isinstance(statement, Change)
    return statement


def rows(session: Session, query: str = "SELECT * FROM t ORDER BY k") -> list[tuple[Any, ...]]:
    result = session.execute(query)
    return [row for batch in iter(result.next_batch, []) for row in batch]


def outcome(session: Session, run: Any) -> Any:
    """What a change in a transaction of its own answers, and what it leaves."""
    session.begin()
    try:
        count = run()
    except Error as error:
        session.rollback()
        return error.sqlstate, error.message
    else:
        return count, rows(session), rows(session, "SELECT v, n FROM t WHERE v > '' ORDER BY v, n, k")
    finally:
        session.rollback()


VALUES = st.tuples(
    st.one_of(st.integers(-3, 5), st.sampled_from([2**31, None, True])),
    st.one_of(st.integers(-5, 120), st.sampled_from([2**15, 1.5, "7", None])),
    st.one_of(st.decimals(-99999, 99999, places=3), st.integers(-20000, 20000), st.sampled_from([None, 2.5])),
    st.one_of(st.text("ab ", max_size=6), st.sampled_from([None, "nul\0", 5])),
    st.one_of(st.floats(allow_nan=False), st.integers(), st.none()),
    st.one_of(st.booleans(), st.sampled_from([None, 1, "no"])),
    st.one_of(st.integers(0, 5), st.sampled_from([2**63, None])),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameters=VALUES)
def test_insert_is_as_the_general_path_does_it(session: Session, parameters: tuple[Any, ...]) -> None:
    if not rows(session):
        session.execute(INSERT, (1, 1, Decimal("1.5"), "a", 1.5, True, 1))
        session.execute(INSERT, (2, None, None, None, None, False, None))
    fast = compile_change(plan_of(session, INSERT, (1, 1, Decimal(1), "", 1.0, True, 1)))
    assert fast is not None
    general = outcome(session, lambda: session.execute(INSERT, parameters).rowcount)
    counts: list[Any] = []

    def run() -> Any:
        assert session.transaction is not None
        counts.append(fast(session.transaction, parameters))
        return counts[0]

    result = outcome(session, run)
    if counts and counts[0] is not NotImplemented:
        assert result == general
    elif counts:
        assert result[1] == rows(session), "declined, but wrote"
    bulk = compile_bulk_change(plan_of(session, INSERT, (1, 1, Decimal(1), "", 1.0, True, 1)))
    assert bulk is None, "a CHECK is looked at row by row"


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("UPDATE t SET s = ? WHERE k = ?", (5, 1)),
        ("UPDATE t SET s = s + ? WHERE k = ?", (5, 1)),
        ("UPDATE t SET s = s + ?, n = ?, v = 'zz' WHERE k = ?", (5, Decimal("2.345"), 1)),
        ("UPDATE t SET v = ?, u = ? WHERE k = ?", ("q", 77, 2)),
        ("UPDATE t SET v = NULL, u = NULL WHERE k = ?", (1,)),
        ("UPDATE t SET s = ? WHERE k = ? AND b", (5, 2)),
        ("UPDATE t SET s = ? WHERE k = ? AND s = ?", (5, 1, 1)),
        ("UPDATE t SET s = ? WHERE k = 1", (6,)),
        ("UPDATE t SET s = ? WHERE k = ?", (5, 99)),
        ("DELETE FROM t WHERE k = ?", (1,)),
        ("DELETE FROM t WHERE k = ? AND v = ?", (1, "a")),
        ("DELETE FROM t WHERE k = ? AND v = ?", (1, "b")),
        ("DELETE FROM t WHERE k = 2", ()),
        ("INSERT INTO t (k, u) VALUES (?, ?)", (3, 5)),
        ("INSERT INTO t (k, n) VALUES (?, 1.005)", (-3,)),
        ("INSERT INTO t (k, s, v) VALUES (?::int + 1, ? * 2, 'x' || ?)", (3, 4, "y")),
        ("INSERT INTO t (k, s) VALUES (?, ?::int * 1000)", (3, 40)),  # 22003
        ("INSERT INTO t (k, f) VALUES (?, 1.0 / ?::float)", (3, 0.0)),  # 22012
    ],
)
def test_simple_changes_have_a_fast_form(session: Session, text: str, parameters: tuple[Any, ...]) -> None:
    session.execute(INSERT, (1, 1, Decimal("1.5"), "a", 1.5, True, 1))
    session.execute(INSERT, (2, None, None, None, None, False, None))
    fast = compile_change(plan_of(session, text, parameters))
    assert fast is not None
    general = outcome(session, lambda: session.execute(text, parameters).rowcount)
    assert outcome(session, lambda: fast(session.transaction, parameters)) == general
    bulk = compile_bulk_change(plan_of(session, text, parameters))
    if bulk is not None:
        assert outcome(session, lambda: bulk(session.transaction, [parameters])) == general


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("UPDATE t SET s = ? WHERE k = ?", (500, 1)),  # CHECK
        ("UPDATE t SET s = ? WHERE k = ?", (2**15, 1)),  # range
        ("UPDATE t SET s = ? WHERE k = ?", ("5", 1)),  # text
        ("UPDATE t SET b = ? WHERE k = ?", (None, 1)),  # NOT NULL
        ("UPDATE t SET u = ? WHERE k = ?", (2, 1)),  # unique
        ("UPDATE t SET s = ? WHERE k = ?", (5, None)),
        ("UPDATE t SET s = ? WHERE k = ?", (5, 1.0)),
        ("INSERT INTO t (k) VALUES (?)", (1,)),
        ("INSERT INTO t (k, u) VALUES (?, ?)", (9, 1)),
        ("INSERT INTO t (k) VALUES (?)", (9, 9)),
        ("INSERT INTO t (k, s) VALUES (?, ?::int * 2)", (9, "4")),
        ("INSERT INTO t (k, s) VALUES (?, ?::int * 30)", (9, 4)),  # CHECK
        ("INSERT INTO t (k, b) VALUES (?, nullif(?::int, 5) IS NULL AND NULL)", (9, 5)),  # NOT NULL
        ("DELETE FROM t WHERE k = ?", {"k": 1}),
    ],
)
def test_what_is_unusual_is_declined_unwritten(session: Session, text: str, parameters: Any) -> None:
    session.execute(INSERT, (1, 1, Decimal("1.5"), "a", 1.5, True, 1))
    session.execute(INSERT, (2, None, None, None, None, False, 2))
    before = rows(session)
    first = True if "b = ?" in text else 1
    fast = compile_change(plan_of(session, text, (first, 1)[: text.count("?")]))
    assert fast is not None
    session.begin()
    assert fast(session.transaction, parameters) is NotImplemented
    assert rows(session) == before
    session.rollback()


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("INSERT INTO seen (k) VALUES (?)", (2,)),
        ("INSERT INTO seen VALUES (?, current_timestamp)", (2,)),
        ("INSERT INTO seen VALUES (?, current_timestamp(3))", (2,)),
        ("UPDATE seen SET at = now() WHERE k = ?", (1,)),
    ],
)
def test_the_time_is_the_transactions(session: Session, text: str, parameters: tuple[Any, ...]) -> None:
    session.execute("CREATE TABLE seen (k int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
    session.execute("INSERT INTO seen VALUES (1, '2000-01-01')")
    fast = compile_change(plan_of(session, text, parameters))
    assert fast is not None
    session.begin()
    assert session.transaction is not None
    session.transaction.new_statement()
    assert fast(session.transaction, parameters) == 1
    began = session.transaction.started_at
    session.commit()
    ((at,),) = rows(session, "SELECT at FROM seen WHERE at > '2001-01-01'")
    assert abs(at - began) <= datetime.timedelta(milliseconds=0.5 if "(3)" in text else 0)


def test_a_sequence_is_drawn_from(session: Session) -> None:
    session.execute("CREATE TABLE item (id SERIAL PRIMARY KEY, name TEXT UNIQUE)")
    text = "INSERT INTO item (name) VALUES (?)"
    assert compile_change(plan_of(session, text, ("a",))) is not None
    for name in ("a", "b"):
        assert session.execute(text, (name,)).rowcount == 1
        prepared = session.prepared[text]
        assert session.run_fast_change(prepared, (name + name,)) == 1
    assert session.execute_many(text, [(str(number),) for number in range(50)]) == 50
    names = rows(session, "SELECT id, name FROM item ORDER BY id")
    assert names[:4] == [(1, "a"), (2, "aa"), (3, "b"), (4, "bb")]
    assert [id_ for id_, _ in names] == list(range(1, 55))
    assert rows(session, "SELECT currval('item_id_seq'), lastval()") == [(54, 54)]
    with pytest.raises(Error) as error:
        session.execute(text, ("a",))
    assert error.value.sqlstate == "23505"
    session.execute("ALTER SEQUENCE item_id_seq RESTART WITH 100")
    session.execute(text, ("later",))
    assert rows(session, "SELECT id FROM item WHERE name = 'later'") == [(100,)]
    session.begin(read_only=True)
    with pytest.raises(Error) as error:
        session.execute(text, ("no",))
    assert error.value.sqlstate == "25006"
    session.rollback()
    session.execute(text, ("last",))
    assert rows(session, "SELECT id FROM item WHERE name = 'last'") == [(101,)]


def test_expressions_are_inserted_for_each_row(session: Session) -> None:
    session.execute("CREATE TABLE seen (k int PRIMARY KEY, v int, at timestamptz NOT NULL DEFAULT now())")
    text = "INSERT INTO seen (k, v) VALUES (?, ? * 2)"
    bulk = compile_bulk_change(plan_of(session, text, (1, 1)))
    assert bulk is not None
    session.begin()
    assert session.transaction is not None
    assert session.execute_many(text, [(number, number) for number in range(100)]) == 100
    began = session.transaction.started_at
    session.commit()
    assert rows(session, "SELECT * FROM seen ORDER BY k") == [(k, 2 * k, began) for k in range(100)]
    for wrong, sqlstate in ((2**30, "22003"), ("x", "22P02")):
        with pytest.raises(Error) as error:
            session.execute_many(text, [(200, 1), (201, wrong)])
        assert error.value.sqlstate == sqlstate
    with pytest.raises(Error) as error:
        session.execute_many(text, [(200, 1), (5, 1)])
    assert error.value.sqlstate == "23505"
    assert rows(session, "SELECT count(*) FROM seen") == [(100,)]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t (k) VALUES (?) RETURNING k",
        "INSERT INTO t (k) VALUES (?) ON CONFLICT DO NOTHING",
        "INSERT INTO t (k) VALUES (1), (?)",
        "INSERT INTO t (k) SELECT ?::int",
        "INSERT INTO t (k, f) VALUES (?, random())",
        "INSERT INTO t (k, u) VALUES (?, lastval())",
        "INSERT INTO t (k) VALUES ((SELECT ?::int))",
        "INSERT INTO t (k, v) VALUES (?, current_date)",
        "UPDATE t SET k = ? WHERE k = 1",
        "UPDATE t SET s = ?",
        "UPDATE t SET s = 1 WHERE u = ?",
        "UPDATE t SET s = (SELECT 1) WHERE k = ?",
        "DELETE FROM t WHERE k > ?",
    ],
)
def test_other_shapes_have_none(session: Session, text: str) -> None:
    plan = plan_of(session, text, (1,))
    assert compile_change(plan) is None
    assert compile_bulk_change(plan) is None


def bulk_table(session: Session) -> None:
    session.execute(
        "CREATE TABLE bulk (k int PRIMARY KEY, n numeric(6,2), v varchar(4), u int UNIQUE, d date, x uuid)"
    )
    session.execute("CREATE INDEX ON bulk (v)")


BULK = "INSERT INTO bulk VALUES (?, ?, ?, ?, ?, ?)"


def bulk_rows(count: int) -> list[tuple[Any, ...]]:
    day = datetime.date(2024, 1, 1)
    return [
        (
            k - 3,
            Decimal(k) / 3,
            f"v{k % 100}" if k % 5 else None,
            k if k % 7 else None,
            day + datetime.timedelta(days=k),
            uuid.UUID(int=k),
        )
        for k in range(count)
    ]


def test_bulk_insert_is_as_one_by_one(session: Session) -> None:
    bulk_table(session)
    data = bulk_rows(6_000)
    assert session.execute_many(BULK, data) == len(data)
    query = "SELECT * FROM bulk ORDER BY k"
    at_once = rows(session, query)
    by_index = rows(session, "SELECT k FROM bulk WHERE v = 'v33' ORDER BY k")
    session.execute("TRUNCATE bulk")
    session.begin()
    for row in data[:300]:
        session.execute(BULK, row)
    assert rows(session, query) == at_once[:300]
    session.rollback()
    assert [row[0] for row in by_index] == [k - 3 for k in range(6_000) if k % 100 == 33 and k % 5]


def test_bulk_insert_declines_the_whole_batch(session: Session) -> None:
    bulk_table(session)
    plan = plan_of(session, BULK, bulk_rows(1)[0])
    bulk = compile_bulk_change(plan)
    assert bulk is not None
    session.begin()
    good = bulk_rows(5)
    transaction = session.transaction
    assert transaction is not None
    for wrong in [("x",), (1.5,), (True,), (2**31,), (None,)]:
        start = transaction.savepoint()
        assert bulk(transaction, [*good, (*wrong, *good[0][1:])]) is NotImplemented
        transaction.rollback_to(start)
    assert bulk(transaction, [*good, good[0]]) is NotImplemented
    session.rollback()


def test_the_wrong_row_of_many_is_reported(session: Session) -> None:
    bulk_table(session)
    data = bulk_rows(20)
    data[15] = (data[3][0], *data[15][1:])
    with pytest.raises(Error) as caught:
        session.execute_many(BULK, data)
    assert caught.value.sqlstate == "23505"
    assert caught.value.detail == f"Key (k)=({data[3][0]}) already exists."
    assert rows(session, "SELECT count(*) FROM bulk") == [(0,)]


def test_bulk_update_sees_what_it_wrote(session: Session) -> None:
    session.execute("CREATE TABLE c (k int PRIMARY KEY, n int)")
    session.execute("INSERT INTO c VALUES (1, 0)")
    assert session.execute_many("UPDATE c SET n = n + ? WHERE k = ?", [(1, 1), (10, 1), (100, 2)]) == 2
    assert rows(session, "SELECT n FROM c") == [(11,)]
