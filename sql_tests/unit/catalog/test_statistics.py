"""ANALYZE: what is counted exactly, what is estimated from a sample."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from minidb.catalog import statistics
from minidb.catalog.schema import Table
from minidb.driver.connection import Connection, connect


@pytest.fixture
def connection() -> Iterator[Connection]:
    connection = connect(":memory:", autocommit=True)
    yield connection
    connection.close()


def analyzed(connection: Connection, name: str) -> Table:
    connection.execute("ANALYZE")
    table = connection._session.database.catalog.table(name)
    assert table is not None
    return table


def test_a_small_table_is_known_exactly(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER, d DATE, w DOUBLE PRECISION, s TEXT)"
    )
    connection.execute(
        "INSERT INTO t SELECT i, nullif(i % 5, 0), DATE '2024-01-01' + i, i, 'text ' || i % 7"
        " FROM generate_series(1, 100) g(i)"
    )
    connection.execute("INSERT INTO t VALUES (0, NULL, NULL, 'NaN', NULL)")
    table = analyzed(connection, "t")
    assert statistics.row_count(table) == 101
    assert statistics.distinct_values(table, 1) == 4
    assert statistics.null_fraction(table, 1) == pytest.approx(21 / 101)
    assert statistics.bounds(table, 1) == (1, 4)
    assert statistics.bounds(table, 2) == (datetime.date(2024, 1, 2), datetime.date(2024, 4, 10))
    assert statistics.bounds(table, 3) == (1.0, 100.0)  # NaN is no place on the line
    assert statistics.distinct_values(table, 4) == 7
    assert statistics.bounds(table, 4) is None


def test_an_empty_table(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER)")
    table = analyzed(connection, "t")
    assert statistics.row_count(table) == 0
    assert statistics.distinct_values(table, 1) == 1
    assert statistics.bounds(table, 1) is None


def test_without_analyze_there_are_assumptions(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER)")
    table = connection._session.database.catalog.table("t")
    assert table is not None
    assert statistics.row_count(table) == statistics.ASSUMED_ROWS
    assert statistics.distinct_values(table, 0) == statistics.ASSUMED_ROWS
    assert statistics.distinct_values(table, 1) < statistics.ASSUMED_ROWS


def test_a_large_table_is_sampled(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, few INTEGER, many INTEGER)")
    connection.execute("INSERT INTO t SELECT i, i % 10, i / 2 FROM generate_series(0, 149999) g(i)")
    table = analyzed(connection, "t")
    assert statistics.row_count(table) == 150_000  # every row is counted
    assert statistics.distinct_values(table, 1) == 10
    assert 60_000 < statistics.distinct_values(table, 2) < 90_000  # 75,000
    bounds = statistics.bounds(table, 2)
    assert bounds is not None
    assert bounds[0] < 100 and bounds[1] > 74_800
