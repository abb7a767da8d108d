"""PEP 249, point by point: https://peps.python.org/pep-0249/."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import minidb


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:") as connection:
        yield connection


@pytest.fixture
def filled(connection: minidb.Connection) -> minidb.Connection:
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20), price NUMERIC(10,2))")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, f"n{i}", i) for i in range(1, 251)])
    connection.commit()
    return connection


def test_module_globals() -> None:
    assert minidb.apilevel == "2.0"
    assert minidb.threadsafety in (0, 1, 2, 3)
    assert minidb.paramstyle == "qmark"


def test_error_tree() -> None:
    assert issubclass(minidb.Warning, Exception)
    assert issubclass(minidb.Error, Exception)
    assert issubclass(minidb.InterfaceError, minidb.Error)
    assert issubclass(minidb.DatabaseError, minidb.Error)
    for kind in (
        minidb.DataError,
        minidb.OperationalError,
        minidb.IntegrityError,
        minidb.InternalError,
        minidb.ProgrammingError,
        minidb.NotSupportedError,
    ):
        assert issubclass(kind, minidb.DatabaseError)
        assert getattr(minidb.Connection, kind.__name__) is kind


def test_description_names_types_and_modifiers(filled: minidb.Connection) -> None:
    description = filled.execute("SELECT id, name, price FROM t").description
    assert description is not None
    assert [d[0] for d in description] == ["id", "name", "price"]
    assert description[0][1] == minidb.NUMBER
    assert description[1][1] == minidb.STRING
    assert description[1][3] == 20
    assert description[2][4:6] == (10, 2)
    assert all(len(d) == 7 for d in description)


def test_description_and_rowcount_without_a_result(filled: minidb.Connection) -> None:
    cursor = filled.execute("UPDATE t SET name = 'x' WHERE id <= 3")
    assert cursor.description is None
    assert cursor.rowcount == 3
    with pytest.raises(minidb.ProgrammingError):
        cursor.fetchone()
    assert filled.cursor().rowcount == -1
    assert filled.cursor().description is None


def test_fetchone_fetchmany_fetchall(filled: minidb.Connection) -> None:
    cursor = filled.execute("SELECT id FROM t ORDER BY id")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    cursor.arraysize = 4
    assert cursor.fetchmany() == [(4,), (5,), (6,), (7,)]
    assert cursor.fetchall() == [(i,) for i in range(8, 251)]
    assert cursor.fetchone() is None
    assert cursor.fetchmany(3) == []
    assert cursor.fetchall() == []


def test_iteration(filled: minidb.Connection) -> None:
    assert [row[0] for row in filled.execute("SELECT id FROM t ORDER BY id DESC")] == list(range(250, 0, -1))


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT ?, ?", (1, "a")),
        ("SELECT $1, $2", [1, "a"]),
        ("SELECT :one, :two", {"one": 1, "two": "a", "unused": None}),
    ],
)
def test_parameter_styles(connection: minidb.Connection, sql: str, parameters: Any) -> None:
    assert connection.execute(sql, parameters).fetchall() == [(1, "a")]


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [("SELECT ?", ()), ("SELECT ?", (1, 2)), ("SELECT :a", {}), ("SELECT :a", (1,)), ("SELECT ?", {"a": 1})],
)
def test_wrong_parameters(connection: minidb.Connection, sql: str, parameters: Any) -> None:
    with pytest.raises(minidb.ProgrammingError) as caught:
        connection.execute(sql, parameters)
    assert caught.value.sqlstate == "07001"


VALUES: list[tuple[str, Any]] = [
    ("BOOLEAN", True),
    ("SMALLINT", -5),
    ("INTEGER", 7),
    ("BIGINT", 2**62),
    ("DOUBLE PRECISION", 1.5),
    ("REAL", 0.5),
    ("NUMERIC(20,4)", decimal.Decimal("12.3400")),
    ("TEXT", "naïve 日本"),
    ("BYTEA", b"\x00\xff"),
    ("DATE", datetime.date(2024, 2, 29)),
    ("TIME", datetime.time(1, 2, 3, 4)),
    ("TIMESTAMP", datetime.datetime(2024, 2, 29, 1, 2, 3, 4)),
    ("TIMESTAMPTZ", datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.UTC)),
    ("INTERVAL", datetime.timedelta(days=3, seconds=5, microseconds=7)),
    ("UUID", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("JSON", {"a": [1, 2, None]}),
    ("JSONB", [1, {"b": "c"}]),
]


@pytest.mark.parametrize(("type_", "value"), VALUES)
def test_values_round_trip(connection: minidb.Connection, type_: str, value: Any) -> None:
    connection.execute(f"CREATE TABLE v (id INTEGER PRIMARY KEY, x {type_})")
    connection.executemany("INSERT INTO v VALUES (?, ?)", [(1, value), (2, None)])
    connection.execute("INSERT INTO v VALUES (3, :x)", {"x": value})
    found = connection.execute("SELECT x FROM v ORDER BY id").fetchall()
    assert found == [(value,), (None,), (value,)]
    assert type(found[0][0]) is type(value)


def test_unknown_python_type_is_refused(connection: minidb.Connection) -> None:
    with pytest.raises(minidb.Error, match="complex"):
        connection.execute("SELECT ?", (1j,))


def test_executemany_counts_and_is_all_or_nothing(filled: minidb.Connection) -> None:
    cursor = filled.executemany("UPDATE t SET name = ? WHERE id = ?", [("a", 1), ("b", 2), ("c", 9999)])
    assert cursor.rowcount == 2
    filled.commit()
    with pytest.raises(minidb.IntegrityError) as caught:
        filled.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1000, "a", 1), (1, "b", 1)])
    assert caught.value.sqlstate == "23505"
    filled.rollback()
    assert filled.execute("SELECT count(*) FROM t").fetchone() == (250,)


def test_commit_and_rollback(filled: minidb.Connection) -> None:
    filled.execute("DELETE FROM t")
    filled.rollback()
    assert filled.execute("SELECT count(*) FROM t").fetchone() == (250,)
    filled.execute("DELETE FROM t WHERE id > 1")
    filled.commit()
    filled.rollback()
    assert filled.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_closed_objects_are_refused() -> None:
    connection = minidb.connect(":memory:")
    cursor = connection.cursor()
    cursor.close()
    with pytest.raises(minidb.InterfaceError):
        cursor.execute("SELECT 1")
    open_cursor = connection.execute("SELECT 1")
    connection.close()
    connection.close()
    for action in (
        lambda: connection.cursor(),
        lambda: connection.commit(),
        lambda: open_cursor.fetchone(),
        lambda: open_cursor.execute("SELECT 1"),
    ):
        with pytest.raises(minidb.InterfaceError):
            action()


def test_several_statements_need_executescript(connection: minidb.Connection) -> None:
    with pytest.raises(minidb.ProgrammingError) as caught:
        connection.execute("SELECT 1; SELECT 2")
    assert caught.value.sqlstate == "42601"
    assert connection.executescript("SELECT 1; SELECT 2;").fetchall() == [(2,)]


def test_empty_text_is_an_error(connection: minidb.Connection) -> None:
    with pytest.raises(minidb.ProgrammingError):
        connection.execute("  -- nothing\n")


def test_row_factories(filled: minidb.Connection) -> None:
    filled.row_factory = minidb.dict_row
    row = filled.execute("SELECT id, name FROM t WHERE id = 1").fetchone()
    assert row == {"id": 1, "name": "n1"}
    filled.row_factory = minidb.named_row
    assert filled.execute("SELECT id, name FROM t WHERE id = 2").fetchall()[0].name == "n2"
    filled.row_factory = lambda cursor, row: list(row)
    assert list(filled.execute("SELECT id FROM t WHERE id = 3")) == [[3]]


def test_failed_statement_aborts_the_transaction(filled: minidb.Connection) -> None:
    filled.execute("DELETE FROM t WHERE id = 1")
    with pytest.raises(minidb.DataError) as caught:
        filled.execute("SELECT 1 / 0")
    assert caught.value.sqlstate == "22012"
    with pytest.raises(minidb.InFailedTransaction) as failed:
        filled.execute("SELECT 1")
    assert failed.value.sqlstate == "25P02"
    filled.rollback()
    assert filled.execute("SELECT count(*) FROM t").fetchone() == (250,)


def test_stream_survives_commit_but_not_rollback_of_what_it_read(filled: minidb.Connection) -> None:
    cursor = filled.execute("SELECT id FROM t ORDER BY id")
    assert cursor.fetchone() == (1,)
    filled.execute("DELETE FROM t")
    filled.commit()
    assert len(cursor.fetchall()) == 249
    assert filled.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_type_constructors() -> None:
    assert minidb.Date(2024, 1, 2) == datetime.date(2024, 1, 2)
    assert minidb.Binary(b"x") == b"x"
    assert isinstance(minidb.DateFromTicks(0), datetime.date)
    assert isinstance(minidb.TimeFromTicks(0), datetime.time)
    assert isinstance(minidb.TimestampFromTicks(0), datetime.datetime)


def test_statusmessage_is_the_last_statements() -> None:
    with minidb.connect(":memory:") as connection:
        cursor = connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY)")
        assert cursor.statusmessage == "CREATE TABLE"
        for id_ in range(3):  # on the hot path from the second time on
            assert cursor.execute("INSERT INTO item VALUES (?)", (id_,)).statusmessage == "INSERT 0 1"
            assert cursor.execute("SELECT * FROM item WHERE id = ?", (id_,)).statusmessage == "SELECT"
            assert connection.execute("DELETE FROM item WHERE id = ?", (9,)).statusmessage == "DELETE 0"
        assert cursor.executemany("INSERT INTO item VALUES (?)", [(5,), (6,)]).statusmessage is None


def test_rowcount_of_a_short_query_is_known_at_once() -> None:
    with minidb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE counted AS SELECT n FROM generate_series(1, 5) AS n")
        for _ in range(3):  # the first time, and prepared
            assert connection.execute("SELECT n FROM counted WHERE n > 2").rowcount == 3
