"""Texts of several statements, and results as libpq prints them. The transactions: isolation/*.spec."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minidb.session.database import open_database
from minidb.session.session import Session
from minidb_testkit.simple_query import run_simple_query


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(open_database(":memory:"), True)
    yield session
    session.close()


def printed(session: Session, text: str) -> str:
    answer = run_simple_query(session, text)
    assert answer.error is None
    return "\n".join([line for result in answer.results for line in result])


def test_numbers_to_the_right_others_to_the_left(session: Session) -> None:
    rows = "(1, 'a', 1.5, true, NULL), (20, 'bcd', -0.25, NULL, NULL)"
    text = f"SELECT * FROM (VALUES {rows}) t(i, t, n, b, empty)"
    assert printed(session, text).splitlines() == [
        " i|t  |    n|b|empty",
        "--+---+-----+-+-----",
        " 1|a  |  1.5|t|     ",
        "20|bcd|-0.25| |     ",
        "(2 rows)",
    ]


@pytest.mark.parametrize(
    ("value", "right"), [("'12'", True), ("'1e5'", True), ("'e5'", False), ("'5e'", False), ("''", True)]
)
def test_what_looks_like_a_number_is_one(session: Session, value: str, right: bool) -> None:
    cell = printed(session, f"SELECT {value} AS long_header").splitlines()[2]
    assert cell.startswith(" ") == right


def test_commands_print_nothing(session: Session) -> None:
    assert printed(session, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)") == ""
    assert printed(session, "") == ""


def test_session_time_zone(session: Session) -> None:
    printed(session, "SET timezone = 'Europe/Berlin'")
    assert "2024-07-01 14:00:00+02" in printed(session, "SELECT timestamptz '2024-07-01 12:00:00+00' AS at")


def test_settings_that_only_steer_postgresql(session: Session) -> None:
    assert printed(session, "SET LOCAL enable_seqscan = off; SET deadlock_timeout = '10ms'") == ""
    answer = run_simple_query(session, "SET no_such_setting = 1")
    assert answer.error == 'ERROR:  unrecognized configuration parameter "no_such_setting"'


def test_storage_options_of_postgresql(session: Session) -> None:
    text = (
        "CREATE TABLE t (a int, b text) WITH (fillfactor=50); CREATE INDEX ON t USING hash(a);"
        "CREATE UNIQUE INDEX ON t (a) INCLUDE (b)"
    )
    assert printed(session, text) == ""
    assert run_simple_query(session, "CREATE TABLE u (a int) WITH (oids)").error is not None
    assert "with (fillfactor=50)" in printed(session, "SELECT ' with (fillfactor=50)' AS text")


def test_begin_with_a_level_after_a_query_is_refused(session: Session) -> None:
    answer = run_simple_query(session, "SELECT 1; BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert answer.error == "ERROR:  SET TRANSACTION ISOLATION LEVEL must be called before any query"


def test_syntax_error_runs_nothing(session: Session) -> None:
    printed(session, "CREATE TABLE t (a int)")
    answer = run_simple_query(session, "INSERT INTO t VALUES (1); SELEC")
    assert answer.error is not None and "syntax error" in answer.error
    assert "0\n" in printed(session, "SELECT count(*) FROM t")
