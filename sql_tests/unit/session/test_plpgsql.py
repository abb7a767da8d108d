"""PL/pgSQL by golden files; what they cannot show: damaged bodies, interrupts, sharing, conflicts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import minidb
from minidb.errors import Error
from minidb.session.database import open_database
from minidb.session.session import Session
from minidb.sql.plpgsql.parse import parse_body
from minidb_testkit.golden import check, parse
from minidb_testkit.plpgsql import run_case

FOLDER = Path(__file__).parents[2] / "plpgsql"
FILES = sorted(FOLDER.glob("*.golden"))


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(open_database(":memory:"), True)
    yield session
    session.close()


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
        connection.execute("INSERT INTO t SELECT n, 0 FROM generate_series(1, 10) AS s(n)")
        yield connection


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path, session: Session, rewrite_golden: bool) -> None:
    check(path, lambda case: run_case(session, case), rewrite_golden)


# --- damaged bodies -------------------------------------------------------------------------------


def bodies() -> list[str]:
    """All bodies of the golden files that are right."""
    found = []
    for path in FILES:
        for case in parse(path.read_text(encoding="utf-8")):
            for body in re.findall(r"\$\$(.*?)\$\$", "\n".join(case.script), re.DOTALL):
                try:
                    parse_body(body)
                except Error:
                    continue
                found.append(body)
    return found


def test_every_truncation_is_a_syntax_error() -> None:
    """Cut behind every token: no prefix is a body, but for those that lack the last semicolon or label."""
    refused = 0
    for body in bodies():
        for cut in sorted({match.end() for match in re.finditer(r"\w+|[^\w\s]", body)}):
            try:
                parse_body(body[:cut])
            except Error as error:
                assert error.sqlstate in ("42601", "42704"), (body[:cut], error)
                assert error.position is not None and 1 <= error.position <= cut + 1, (body[:cut], error)
                refused += 1
            else:
                assert re.fullmatch(r"(?i)\s*(end|\w+)?\s*;?\s*", body[cut:]), body[:cut]
    assert refused > 1000


def test_every_missing_token_is_accepted_or_an_error() -> None:
    """Leave out one token, or write it twice: a tree or a clean error, never an exception from inside."""
    for body in bodies():
        for match in re.finditer(r"\w+|[^\w\s]", body):
            for text in (
                body[: match.start()] + body[match.end() :],
                body[: match.end()] + " " + body[match.start() :],
            ):
                try:
                    parse_body(text)
                except Error as error:
                    assert error.sqlstate[:2] in ("42", "0A", "22", "54"), (text, error)


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN " + "IF true THEN " * 2000 + "END",
        "BEGIN " + "LOOP " * 2000,
        "BEGIN x := " + "(" * 5000 + "1" + ")" * 5000 + "; END",
        "DECLARE " * 3000,
        "",
        "\x00",
        "BEGIN 'abc",
        "BEGIN /* /* */",
        'BEGIN "',
        "BEGIN $a$ ",
    ],
)
def test_strange_bodies_are_refused(body: str) -> None:
    with pytest.raises(Error) as caught:
        parse_body(body)
    assert caught.value.sqlstate in ("42601", "54001")


# --- stopping -------------------------------------------------------------------------------------

ENDLESS = [
    "LOOP END LOOP",
    "WHILE true LOOP NULL; END LOOP",
    "FOR i IN 1..2000000000 LOOP CONTINUE; END LOOP",
    "LOOP UPDATE t SET b = b + 1 WHERE a = 1; END LOOP",
    "LOOP BEGIN PERFORM 1 / 0; EXCEPTION WHEN others THEN NULL; END; END LOOP",
]


@pytest.mark.parametrize("loop", ENDLESS)
def test_statement_timeout_stops_a_loop(connection: minidb.Connection, loop: str) -> None:
    connection.execute("SET statement_timeout = '50ms'")
    with pytest.raises(minidb.QueryCanceled):
        connection.execute(f"DO $$ BEGIN UPDATE t SET b = 7; {loop}; END $$")
    connection.execute("RESET statement_timeout")
    assert connection.execute("SELECT max(b) FROM t").fetchone() == (0,)


def test_an_interrupt_stops_a_loop_and_can_be_caught(connection: minidb.Connection) -> None:
    started = threading.Event()
    connection.add_notice_handler(lambda notice: started.set())

    def interrupt() -> None:
        started.wait()
        connection.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    connection.execute(
        """DO $$ BEGIN
          BEGIN RAISE NOTICE 'here'; LOOP END LOOP;
          EXCEPTION WHEN others THEN RAISE NOTICE 'never';
                    WHEN query_canceled THEN INSERT INTO t VALUES (11, 1); END;
          FOR i IN 12..14 LOOP INSERT INTO t VALUES (i, 1); END LOOP;
        END $$"""
    )
    thread.join()
    assert [notice.message for notice in connection.notices] == ["here"]
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (14,)


# --- transactions ---------------------------------------------------------------------------------


def test_a_block_without_autocommit_belongs_to_the_transaction() -> None:
    with minidb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.commit()
        connection.execute("DO $$ BEGIN INSERT INTO t VALUES (1); END $$")
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_an_error_aborts_the_transaction(connection: minidb.Connection) -> None:
    connection.execute("BEGIN")
    with pytest.raises(minidb.DataError):
        connection.execute("DO $$ BEGIN INSERT INTO t VALUES (50, 1); PERFORM 1 / 0; END $$")
    with pytest.raises(minidb.InFailedTransaction):
        connection.execute("SELECT 1")
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (10,)


def test_a_handler_undoes_its_block_alone(connection: minidb.Connection) -> None:
    """Data, schema and settings; and a result that is being read goes on."""
    connection.execute("BEGIN")
    connection.execute("UPDATE t SET b = 1")
    reading = connection.execute("SELECT a FROM t ORDER BY a")
    connection.execute(
        """DO $$ DECLARE r record; n int := 0; BEGIN
          FOR r IN SELECT a FROM t ORDER BY a LOOP
            BEGIN
              UPDATE t SET b = 2 WHERE a = r.a;
              CREATE TABLE made (a int);
              SET timezone = 'Europe/Berlin';
              PERFORM 1 / (r.a % 2);
              DROP TABLE made;
            EXCEPTION WHEN division_by_zero THEN n := n + 1;
            END;
          END LOOP;
          IF n <> 5 THEN RAISE EXCEPTION '%', n; END IF;
        END $$"""
    )
    assert len(reading.fetchall()) == 10
    assert connection.execute("SELECT b, count(*) FROM t GROUP BY b ORDER BY b").fetchall() == [
        (1, 5),
        (2, 5),
    ]
    assert connection.execute("SHOW timezone").fetchone() == ("Europe/Berlin",)
    connection.execute("ROLLBACK")
    assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


def test_a_conflict_can_be_caught_but_not_outrun() -> None:
    """40001 under REPEATABLE READ: the handler's transaction still sees the old row, and still conflicts."""
    with minidb.connect(":memory:shared-plpgsql", autocommit=True) as first:
        first.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
        first.execute("INSERT INTO t VALUES (1, 0)")
        with minidb.connect(":memory:shared-plpgsql", autocommit=True) as second:
            second.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            second.execute("SELECT * FROM t").fetchall()
            first.execute("UPDATE t SET b = 5")
            second.execute(
                """DO $$ DECLARE caught text := ''; BEGIN
                  FOR i IN 1..2 LOOP
                    BEGIN UPDATE t SET b = b + 1;
                    EXCEPTION WHEN others THEN caught := caught || sqlstate; END;
                  END LOOP;
                  IF caught <> '4000140001' THEN RAISE EXCEPTION '%', caught; END IF;
                END $$"""
            )
            second.execute("COMMIT")
        assert first.execute("SELECT b FROM t").fetchone() == (5,)


def test_read_committed_statements_see_what_others_commit_meanwhile() -> None:
    """Each statement of a body has a snapshot of its own."""
    with minidb.connect(":memory:shared-plpgsql", autocommit=True) as first:
        first.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
        first.execute("INSERT INTO t VALUES (1, 0)")
        with minidb.connect(":memory:shared-plpgsql", autocommit=True) as second:
            second.add_notice_handler(lambda notice: first.execute("UPDATE t SET b = b + 10"))
            second.execute(
                """DO $$ DECLARE n int; BEGIN
                  SELECT b INTO n FROM t WHERE a = 1;
                  RAISE NOTICE 'the other one commits now';
                  UPDATE t SET b = b + 1 WHERE a = 1 RETURNING b INTO n;
                  IF n <> 11 THEN RAISE EXCEPTION '%', n; END IF;
                END $$"""
            )
        assert first.execute("SELECT b FROM t").fetchone() == (11,)


# --- notices --------------------------------------------------------------------------------------


def test_notices_are_kept_and_handed_on(connection: minidb.Connection) -> None:
    seen: list[str] = []
    handler = lambda notice: seen.append(notice.severity)  # noqa: E731
    connection.add_notice_handler(handler)
    connection.execute(
        "DO $$ BEGIN RAISE DEBUG 'd'; RAISE LOG 'l'; RAISE INFO 'i'; RAISE WARNING 'w'; END $$"
    )
    connection.execute("SET client_min_messages = error")
    connection.execute("DO $$ BEGIN RAISE WARNING 'w'; RAISE INFO 'i'; END $$")
    connection.execute("SET client_min_messages = debug1")
    connection.execute(
        "DO $$ BEGIN RAISE DEBUG 'd' USING HINT = 'h', DETAIL = 'more', ERRCODE = '01234'; END $$"
    )
    connection.remove_notice_handler(handler)
    connection.execute("DO $$ BEGIN RAISE NOTICE 'n'; END $$")
    assert seen == ["INFO", "WARNING", "INFO", "DEBUG"]
    assert [notice.severity for notice in connection.notices] == [*seen, "NOTICE"]
    debug = connection.notices[3]
    assert (debug.message, debug.hint, debug.detail, debug.sqlstate) == ("d", "h", "more", "01234")
    with pytest.raises(minidb.Error) as caught:
        connection.execute("SET client_min_messages = loud")
    assert caught.value.sqlstate == "22023"


def test_a_body_is_prepared_anew_after_ddl(connection: minidb.Connection) -> None:
    block = "DO $$ DECLARE r t%ROWTYPE; BEGIN SELECT * INTO r FROM t WHERE a = 1; RAISE NOTICE '%', r; END $$"
    connection.execute(block)
    connection.execute("ALTER TABLE t ADD COLUMN c text DEFAULT 'new'")
    connection.execute(block)
    assert [notice.message for notice in connection.notices] == ["(1,0)", "(1,0,new)"]
