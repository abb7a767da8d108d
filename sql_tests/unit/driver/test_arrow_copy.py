"""Arrow in and out, COPY to and from files."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import minidb


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.executescript("""
            CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, price NUMERIC(10,2), day DATE, flag BOOLEAN,
                            moment TIMESTAMPTZ, span INTERVAL);
            INSERT INTO t VALUES
              (1, 'a,b', 1.50, '2024-02-29', true, '2024-02-29 10:00:00+02', '1 mon 2 days 03:00:00'),
              (2, 'say "x"', NULL, NULL, false, NULL, NULL),
              (3, '', 0.00, '1999-12-31', NULL, '2000-01-01 00:00:00+00', '00:00:01'),
              (4, NULL, -2.25, NULL, NULL, NULL, NULL)""")
        yield connection


ROWS = "SELECT * FROM t ORDER BY id"


def test_fetch_arrow_table(connection: minidb.Connection) -> None:
    table = connection.execute(ROWS).fetch_arrow_table()
    assert table.schema.names == ["id", "name", "price", "day", "flag", "moment", "span"]
    assert table.schema.field("id").type == pa.int32()
    assert table.schema.field("price").type == pa.decimal128(10, 2)
    assert table.column("price").to_pylist() == [Decimal("1.50"), None, Decimal("0.00"), Decimal("-2.25")]
    assert table.column("day").to_pylist()[0] == datetime.date(2024, 2, 29)
    assert table.column("moment").to_pylist()[0] == datetime.datetime(2024, 2, 29, 8, tzinfo=datetime.UTC)


def test_capsule_and_batches(connection: minidb.Connection) -> None:
    assert pa.table(connection.execute(ROWS)).num_rows == 4
    reader = connection.execute("SELECT g FROM generate_series(1, 40000) AS s(g)").fetch_record_batch()
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 40000
    assert len(sizes) > 1


def test_unbounded_numeric_keeps_its_digits(connection: minidb.Connection) -> None:
    table = connection.execute("SELECT 1::numeric / 3 AS x").fetch_arrow_table()
    assert table.column("x").to_pylist()[0] == Decimal("0.33333333333333333333")


def test_ingest_modes(connection: minidb.Connection) -> None:
    data = connection.execute("SELECT id, name, price, day FROM t").fetch_arrow_table()
    cursor = connection.cursor()
    assert cursor.adbc_ingest("copy", data) == 4
    with pytest.raises(minidb.ProgrammingError) as caught:
        cursor.adbc_ingest("copy", data)
    assert caught.value.sqlstate == "42P07"
    assert cursor.adbc_ingest("copy", data.to_batches()[0], mode="append") == 4
    assert cursor.adbc_ingest("copy", data.to_reader(), mode="create_append") == 4
    assert connection.execute("SELECT count(*), count(DISTINCT id) FROM copy").fetchone() == (12, 4)
    assert cursor.adbc_ingest("copy", data, mode="replace") == 4
    assert connection.execute("SELECT sum(price) FROM copy").fetchone() == (Decimal("-0.75"),)
    with pytest.raises(minidb.ProgrammingError):
        cursor.adbc_ingest("copy", data, mode="maybe")
    with pytest.raises(minidb.InterfaceError):
        cursor.adbc_ingest("copy", [1, 2])


def test_failed_ingest_keeps_nothing(connection: minidb.Connection) -> None:
    data = pa.table({"id": [10, 11, 1]})
    with pytest.raises(minidb.IntegrityError):
        connection.cursor().adbc_ingest("t", data, mode="append")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (4,)


@pytest.mark.parametrize(
    "options",
    [
        "FORMAT text",
        "FORMAT text, HEADER, DELIMITER '|', NULL '-'",
        "FORMAT csv",
        "FORMAT csv, HEADER, DELIMITER ';', NULL 'n/a'",
        "FORMAT parquet",
        "FORMAT arrow",
    ],
)
def test_copy_there_and_back(connection: minidb.Connection, tmp_path: Path, options: str) -> None:
    path = tmp_path / "file"
    assert connection.execute(f"COPY t TO '{path}' ({options})").rowcount == 4
    before = connection.execute(ROWS).fetchall()
    connection.execute("CREATE TABLE back AS SELECT * FROM t WHERE false")
    assert connection.execute(f"COPY back FROM '{path}' ({options})").rowcount == 4
    assert connection.execute("SELECT * FROM back ORDER BY id").fetchall() == before


def test_copy_of_a_query_and_of_columns(connection: minidb.Connection, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    connection.execute(f"COPY (SELECT id + 100, name FROM t WHERE id < 3) TO '{path}' (FORMAT csv)")
    assert path.read_text() == '101,"a,b"\n102,"say ""x"""\n'
    connection.execute(f"COPY t (id, name) FROM '{path}' (FORMAT csv)")
    assert connection.execute("SELECT id, name, price FROM t WHERE id = 101").fetchone() == (101, "a,b", None)


@pytest.mark.parametrize(
    ("text", "sqlstate", "row"),
    [
        ("10,x\n11,y\nabc,z\n", "22P02", "3"),
        ("10,x\n1,y\n", "23505", "2"),
        ("10,x\n11\n", "22P0", "2"),
        ("10,x\n99999999999,y\n", "22", "2"),
    ],
)
def test_bad_input_names_the_row_and_keeps_nothing(
    connection: minidb.Connection, tmp_path: Path, text: str, sqlstate: str, row: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(minidb.Error, match=f"row #?{row}|Row #{row}") as caught:
        connection.execute(f"COPY t (id, name) FROM '{path}' (FORMAT csv)")
    assert caught.value.sqlstate.startswith(sqlstate)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (4,)


def test_bad_files_and_options(connection: minidb.Connection, tmp_path: Path) -> None:
    text = tmp_path / "not.parquet"
    text.write_text("this is no parquet file")
    for sql, state in (
        (f"COPY t FROM '{tmp_path}/missing.csv' (FORMAT csv)", "58P01"),
        (f"COPY t FROM '{text}' (FORMAT parquet)", "22P04"),
        (f"COPY t FROM '{text}' (FORMAT arrow)", "22P04"),
        (f"COPY t TO '{tmp_path}/x' (FORMAT binary)", "0A000"),
        (f"COPY t TO '{tmp_path}/x' (FORMAT text, DELIMITER 'a')", "22023"),
        (f"COPY t TO '{tmp_path}/x' (FORMAT csv, NULL 'a,b')", "22023"),
        (f"COPY t TO '{tmp_path}/x' (FORMAT csv, DELIMITER 'ab')", "22023"),
        (f"COPY t TO '{tmp_path}/x' (FORMAT parquet, HEADER)", "42601"),
        (f"COPY nothing TO '{tmp_path}/x' (FORMAT csv)", "42P01"),
        (f"COPY t TO '{tmp_path}/no/such/folder' (FORMAT csv)", "58P01"),
    ):
        with pytest.raises(minidb.Error) as caught:
            connection.execute(sql)
        assert caught.value.sqlstate == state, sql


def test_text_format_escapes(connection: minidb.Connection, tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    connection.execute("CREATE TABLE texts (id INTEGER, body TEXT)")
    bodies = ["a\tb", "two\nlines", "back\\slash", "\\N", "", None, "\u00e9\r\x0b", "a|b"]
    connection.executemany("INSERT INTO texts VALUES (?, ?)", list(enumerate(bodies)))
    connection.execute(f"COPY texts TO '{path}'")
    assert path.read_bytes().splitlines()[:4] == [
        b"0\ta\\tb",
        b"1\ttwo\\nlines",
        b"2\tback\\\\slash",
        b"3\t\\\\N",
    ]
    connection.execute("TRUNCATE texts")
    connection.execute(f"COPY texts FROM '{path}'")
    assert [body for (body,) in connection.execute("SELECT body FROM texts ORDER BY id")] == bodies
    path.write_bytes(b"20\t\\101\\x42\\q\n21\tx\\\ny\n\\.\nignored")
    connection.execute(f"COPY texts FROM '{path}'")
    found = connection.execute("SELECT body FROM texts WHERE id >= 20 ORDER BY id").fetchall()
    assert found == [("ABq",), ("x\ny",)]
    for content, problem in (
        (b"1\n", 'missing data for column "body" .row 1'),
        (b"1\ta\n2\tb\tc\n", "extra data after last expected column .row 2"),
        (b"1\ta\nx\tb\n", "invalid input syntax for type integer: .x. .row 2"),
        (b"1\t\xff\n", "utf-8"),
        (b"1\t\\xff\n", "UTF8"),
    ):
        path.write_bytes(content)
        with pytest.raises(minidb.DataError, match=problem):
            connection.execute(f"COPY texts FROM '{path}'")


def test_parquet_columns_are_found_by_name(connection: minidb.Connection, tmp_path: Path) -> None:
    path = tmp_path / "named.parquet"
    pq.write_table(pa.table({"name": ["z"], "extra": [1.5], "id": [50]}), path)
    connection.execute(f"COPY t (id, name) FROM '{path}' (FORMAT parquet)")
    assert connection.execute("SELECT name FROM t WHERE id = 50").fetchone() == ("z",)
