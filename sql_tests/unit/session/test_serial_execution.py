"""Serial execution: one call at a time, alone or mixed with interactive transactions; replaying calls."""

from __future__ import annotations

import dataclasses
import datetime
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import minidb
from minidb.session.call_log import read_calls
from minidb_testkit.interleaving import Stepper

SERIAL: dict[str, Any] = {
    "autocommit": True,
    "isolation_level": "serializable",
    "serializable_strategy": "serial",
}


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", execution="serial") as connection:
        connection.execute("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)")
        connection.executemany("INSERT INTO account VALUES (?, ?)", [(i, 100) for i in range(10)])
        connection.execute(
            "CREATE PROCEDURE pay(source int, target int, amount int) LANGUAGE plpgsql AS $$ BEGIN"
            " UPDATE account SET balance = balance - amount WHERE id = source;"
            " UPDATE account SET balance = balance + amount WHERE id = target;"
            " IF (SELECT balance FROM account WHERE id = source) < 0 THEN"
            "  RAISE EXCEPTION 'no money' USING ERRCODE = 'P0042'; END IF; END $$"
        )
        yield connection


def total(connection: minidb.Connection) -> int:
    return int(connection.execute("SELECT sum(balance) FROM account").fetchone()[0])


def in_threads(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- what is refused --------------------------------------------------------------------------------


def test_begin_is_refused_with_a_hint(connection: minidb.Connection) -> None:
    for text in ("BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED", "START TRANSACTION READ ONLY"):
        with pytest.raises(minidb.NotSupportedError, match="serial execution") as error:
            connection.execute(text)
        assert error.value.sqlstate == "0A000"
        assert error.value.hint is not None and "procedure" in error.value.hint
    connection.commit()  # there is nothing to commit, and nothing wrong with that
    assert total(connection) == 1000


def test_serial_execution_needs_autocommit() -> None:
    with pytest.raises(minidb.InterfaceError):
        minidb.connect(":memory:", execution="serial", autocommit=False)
    with pytest.raises(minidb.InterfaceError):
        minidb.connect(":memory:", execution="parallel")
    with minidb.connect(":memory:", **{**SERIAL, "autocommit": False}) as connection:
        for text in ("SELECT 1", "CREATE TABLE t (a int)", "DO $$ BEGIN END $$"):
            with pytest.raises(minidb.NotSupportedError, match="autocommit"):
                connection.execute(text)


def test_all_connections_agree_on_the_execution(tmp_path: Path) -> None:
    path = str(tmp_path / "agree.db")
    with minidb.connect(path, execution="serial"):
        with pytest.raises(minidb.OperationalError) as error:
            minidb.connect(path)
        assert error.value.sqlstate == "55000"
        minidb.connect(path, execution="serial").close()
    with minidb.connect(path), pytest.raises(minidb.OperationalError):
        minidb.connect(path, execution="serial")


def test_an_interactive_transaction_of_the_strategy_is_refused() -> None:
    with minidb.connect(":memory:", **SERIAL) as connection:
        with pytest.raises(minidb.NotSupportedError, match="serial") as error:
            connection.execute("BEGIN")
        assert error.value.hint is not None
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute("COMMIT")


# --- calls ------------------------------------------------------------------------------------------


def test_a_failing_call_undoes_itself_alone(connection: minidb.Connection) -> None:
    connection.call("pay", 1, 2, 60)
    with pytest.raises(minidb.DatabaseError) as error:
        connection.call("pay", 1, 2, 60)
    assert error.value.sqlstate == "P0042"
    found = connection.execute("SELECT balance FROM account WHERE id IN (1, 2) ORDER BY id").fetchall()
    assert found == [(40,), (160,)]
    with pytest.raises(minidb.IntegrityError):
        connection.execute("INSERT INTO account VALUES (77, 1), (1, 1)")
    assert total(connection) == 1000


def test_calls_from_many_threads() -> None:
    path = ":memory:serial-threads"
    with minidb.connect(path, execution="serial") as keeper:
        keeper.execute("CREATE TABLE doctor (id int PRIMARY KEY, on_call boolean)")
        keeper.execute("INSERT INTO doctor SELECT i, true FROM generate_series(1, 20) g(i)")
        least: list[int] = []

        @keeper.database.procedure
        def leave(transaction: minidb.ProcedureTransaction, doctor: int) -> int:
            left = transaction.execute("SELECT count(*) FROM doctor WHERE on_call").fetchone()[0]
            if left > 1:
                transaction.execute("UPDATE doctor SET on_call = false WHERE id = ?", (doctor,))
            least.append(transaction.execute("SELECT count(*) FROM doctor WHERE on_call").fetchone()[0])
            return int(left)

        def work(number: int) -> None:
            with minidb.connect(path, execution="serial") as connection:
                for doctor in range(20):
                    connection.call("leave", (doctor + number) % 20 + 1)

        in_threads(16, work)
        assert min(least) == 1
        calls = dict(keeper.execute("SELECT name, calls FROM minidb_procedures").fetchall())
        assert calls["leave"] == 320
        executor = dict(keeper.execute("SELECT * FROM minidb_serial_executor").fetchall())
        assert executor["queue length"] == 0 and executor["failed calls"] == 0
        assert 1 <= executor["average batch"] <= executor["largest batch"] <= 16
        slowest = keeper.execute("SELECT milliseconds FROM minidb_slowest_calls").fetchall()
        assert slowest == sorted(slowest, reverse=True) and len(slowest) == 20


def test_procedure_timeout(connection: minidb.Connection) -> None:
    connection.execute("SET procedure_timeout = '30ms'")
    with pytest.raises(minidb.QueryCanceled, match="procedure timeout") as error:
        connection.execute("DO $$ BEGIN LOOP UPDATE account SET balance = balance + 1; END LOOP; END $$")
    assert error.value.sqlstate == "57014"
    assert total(connection) == 1000
    connection.execute("SET statement_timeout = '20ms'")
    with pytest.raises(minidb.QueryCanceled, match="statement timeout"):
        connection.execute("DO $$ BEGIN LOOP UPDATE account SET balance = balance + 1; END LOOP; END $$")
    connection.execute("RESET ALL")
    connection.call("pay", 1, 2, 3)
    assert total(connection) == 1000


def test_a_call_that_waits_for_its_turn_can_be_interrupted(connection: minidb.Connection) -> None:
    path = ":memory:serial-interrupt"
    with (
        minidb.connect(path, execution="serial") as first,
        minidb.connect(path, execution="serial") as second,
        minidb.connect(path, execution="serial") as third,
    ):
        first.execute("CREATE TABLE t (a int)")
        runs, go_on = threading.Event(), threading.Event()

        @first.database.procedure
        def slow(transaction: minidb.ProcedureTransaction) -> None:
            transaction.execute("INSERT INTO t VALUES (1)")
            runs.set()
            assert go_on.wait(10)

        leader = threading.Thread(target=first.call, args=("slow",))
        leader.start()
        assert runs.wait(10)
        second.execute("SET statement_timeout = '20ms'")
        with pytest.raises(minidb.QueryCanceled):
            second.execute("INSERT INTO t VALUES (2)")
        second.execute("RESET statement_timeout")
        assert second.execute("SELECT count(*) FROM t").fetchall() == [(0,)]  # a reader waits for nobody
        later = third.call_async("slow")
        assert later.cancel()
        go_on.set()
        leader.join()
        with pytest.raises(CancelledError):
            later.result()
        assert first.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_procedure_cannot_use_another_connection() -> None:
    path = ":memory:serial-inside"
    with minidb.connect(path, execution="serial") as connection:
        connection.execute("CREATE TABLE t (a int)")

        @connection.database.procedure
        def outside(transaction: minidb.ProcedureTransaction) -> None:
            with minidb.connect(path, execution="serial") as other:
                other.execute("INSERT INTO t VALUES (1)")

        with pytest.raises(minidb.NotSupportedError, match="another connection"):
            connection.call("outside")
        connection.execute("INSERT INTO t VALUES (2)")
        assert connection.execute("SELECT a FROM t").fetchall() == [(2,)]


# --- asynchronous calls -----------------------------------------------------------------------------


def test_call_async(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE PROCEDURE add(amount int, OUT result int) LANGUAGE sql AS"
        " 'UPDATE account SET balance = balance + amount WHERE id = 1 RETURNING balance'"
    )
    futures = [connection.call_async("add", i) for i in range(300)]
    results = [future.result()[0] for future in futures]
    assert results == [100 + sum(range(i + 1)) for i in range(300)]  # in the order of the calls
    failing = connection.call_async("pay", 2, 3, 1000)
    following = connection.call_async("pay", 2, 3, 1)
    error = failing.exception()
    assert isinstance(error, minidb.DatabaseError) and error.sqlstate == "P0042"
    assert following.result() is None
    last = connection.call_async("add", 1)
    connection.close()
    assert last.result() == (results[-1] + 1,)


def test_call_async_needs_serial_execution() -> None:
    with minidb.connect(":memory:", autocommit=True) as connection:
        with pytest.raises(minidb.NotSupportedError, match="serial"):
            connection.call_async("p")


# --- mixed with interactive transactions --------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["ssi", "2pl"])
def test_a_call_waits_for_a_lock_without_stopping_the_others(strategy: str) -> None:
    path = f":memory:serial-waits-{strategy}"
    with (
        minidb.connect(path, **SERIAL) as first,
        minidb.connect(path, **SERIAL) as second,
        minidb.connect(path, autocommit=True, isolation_level="serializable") as interactive,
    ):
        interactive.execute(f"SET serializable_strategy = '{strategy}'")
        first.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        first.execute("INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)")
        runs = 0

        @first.database.procedure
        def double(transaction: minidb.ProcedureTransaction, id: int) -> None:
            nonlocal runs
            runs += 1
            transaction.execute("UPDATE t SET v = v + 1 WHERE id = 3")
            transaction.execute("UPDATE t SET v = v * 2 WHERE id = ?", (id,))

        interactive.execute("BEGIN")
        interactive.execute("UPDATE t SET v = v + 1 WHERE id = 1")
        with Stepper(first._session.database.transactions.locks) as stepper:

            def call() -> str:
                first.call("double", 1)
                return "called"

            stepper.step("first", call)
            assert stepper.is_waiting("first")
            assert first.is_waiting()
            assert "row (1) of table t" in str(first.waiting_for())
            second.call("double", 2)  # goes on, and sees nothing of the call that was undone
            assert second.execute("SELECT v FROM t WHERE id = 3").fetchall() == [(31,)]
            outcomes = stepper.step("interactive", lambda: interactive.commit() or "committed")
        assert [outcome.text for outcome in outcomes] == ["committed", "called"]
        assert second.execute("SELECT v FROM t ORDER BY id").fetchall() == [(22,), (40,), (32,)]
        assert runs == 3
        waits = second.execute("SELECT value FROM minidb_serial_executor WHERE name = 'lock waits'")
        assert waits.fetchall() == [(1.0,)]


def test_a_call_waits_for_a_range_that_another_has_read() -> None:
    path = ":memory:serial-range"
    with (
        minidb.connect(path, **SERIAL) as serial,
        minidb.connect(path, **{**SERIAL, "serializable_strategy": "2pl"}) as locking,
    ):
        serial.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        locking.execute("BEGIN")
        assert locking.execute("SELECT count(*) FROM t WHERE v > 5").fetchall() == [(0,)]
        serial.execute("INSERT INTO t VALUES (1, 5)")  # no row of that search
        serial.execute("SET lock_timeout = '20ms'")
        with pytest.raises(minidb.LockNotAvailable) as error:
            serial.execute("INSERT INTO t VALUES (2, 6)")
        assert error.value.detail is not None and "ranges that others have locked" in error.value.detail
        serial.execute("RESET lock_timeout")
        with Stepper(serial._session.database.transactions.locks) as stepper:
            stepper.step("serial", lambda: str(serial.execute("INSERT INTO t VALUES (2, 6)").rowcount))
            assert stepper.is_waiting("serial")
            outcomes = stepper.step("locking", lambda: locking.commit() or "committed")
        assert [outcome.text for outcome in outcomes] == ["committed", "1"]


def test_a_signal_that_a_procedure_swallows_undoes_it_all_the_same() -> None:
    path = ":memory:serial-swallows"
    with (
        minidb.connect(path, **SERIAL) as serial,
        minidb.connect(path, autocommit=True) as interactive,
    ):
        serial.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        serial.execute("INSERT INTO t VALUES (1, 10)")

        @serial.database.procedure
        def stubborn(transaction: minidb.ProcedureTransaction) -> None:
            try:
                transaction.execute("UPDATE t SET v = 0")
            except BaseException as error:
                raise ValueError("something of my own") from error

        serial.execute("SET lock_timeout = '20ms'")
        interactive.execute("BEGIN")
        interactive.execute("UPDATE t SET v = 11")
        with pytest.raises(minidb.LockNotAvailable):
            serial.call("stubborn")
        interactive.execute("COMMIT")
        serial.call("stubborn")
        assert serial.execute("SELECT v FROM t").fetchall() == [(0,)]


def test_write_skew_with_a_call_is_refused_to_the_other() -> None:
    path = ":memory:serial-skew"
    with (
        minidb.connect(path, **SERIAL) as serial,
        minidb.connect(path, autocommit=True, isolation_level="serializable") as ssi,
    ):
        serial.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        serial.execute("INSERT INTO t VALUES (1, 1), (2, 1)")
        ssi.execute("BEGIN")
        assert ssi.execute("SELECT sum(v) FROM t").fetchall() == [(2,)]
        serial.execute("UPDATE t SET v = 0 WHERE id = 1 AND (SELECT sum(v) FROM t) = 2")
        with pytest.raises(minidb.SerializationFailure):
            ssi.execute("UPDATE t SET v = 0 WHERE id = 2")
            ssi.execute("COMMIT")
        ssi.rollback()
        assert serial.execute("SELECT sum(v) FROM t").fetchall() == [(1,)]


def test_a_huge_call(tmp_path: Path) -> None:
    path = str(tmp_path / "huge.db")
    with minidb.connect(path, **SERIAL) as serial:
        store = serial._session.database.store
        store.options = dataclasses.replace(store.options, huge_transaction_bytes=500_000)
        serial.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        serial.execute("INSERT INTO t SELECT i, repeat('x', 50) FROM generate_series(1, 20000) g(i)")
        serial.execute("DELETE FROM t WHERE id > 10")
        assert serial.execute("SELECT count(*) FROM t").fetchall() == [(10,)]


# --- recording and replaying --------------------------------------------------------------------------


def register(connection: minidb.Connection) -> None:
    @connection.database.procedure
    def note(transaction: minidb.ProcedureTransaction, number: int) -> uuid.UUID:
        transaction.execute(
            "INSERT INTO log (at, chance, name, clock)"
            " VALUES (now(), random(), gen_random_uuid(), clock_timestamp())"
        )
        if number % 5 == 0:
            raise ValueError(number)
        return transaction.execute("SELECT gen_random_uuid()").fetchone()[0]  # type: ignore[no-any-return]


def test_replaying_calls_gives_the_same_database(tmp_path: Path) -> None:
    path, calls, again = [str(tmp_path / name) for name in ("a.db", "a.calls", "b.db")]
    options: dict[str, Any] = {"execution": "serial", "record_calls": calls}
    with minidb.connect(path, **options) as connection:
        register(connection)
        connection.execute(
            "CREATE TABLE log (id serial PRIMARY KEY, at timestamptz, chance double precision, name uuid,"
            " clock timestamptz, j json, d date, n numeric, i interval, b bytea)"
        )
        connection.execute("CREATE TABLE heap (a bigint, b text)")
        connection.execute("CREATE SEQUENCE s INCREMENT 3")
        connection.execute(
            "CREATE PROCEDURE fill(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP"
            " INSERT INTO heap VALUES (nextval('s'), 'x' || random()); END LOOP;"
            " IF n = 3 THEN RAISE EXCEPTION 'three'; END IF; END $$"
        )

    def work(number: int) -> None:
        rng = random.Random(number)
        with minidb.connect(path, **options, timezone=rng.choice(["UTC", "Asia/Tokyo"])) as client:
            register(client)
            for _ in range(40):
                _random_call(client, rng)

    in_threads(4, work)
    with minidb.connect(path, **options) as connection:  # after a restart, sequences go on where they were
        register(connection)
        connection.call("note", 1)
        connection.call("fill", 2)
    assert minidb.replay(calls, again, register) == len([each for each in read_calls(calls) if each.text])
    assert minidb.digest(again) == minidb.digest(path)
    assert {name for name, rows, _ in minidb.digest(path) if rows} == {"heap", "log", "log_id_seq", "s"}
    with minidb.connect(again, autocommit=True) as connection:
        connection.execute("UPDATE heap SET b = b || '!' WHERE a = (SELECT max(a) FROM heap)")
    different = [
        one[0] for one, other in zip(minidb.digest(again), minidb.digest(path), strict=True) if one != other
    ]
    assert different == ["heap"]


def _random_call(client: minidb.Connection, rng: random.Random) -> None:
    dice = rng.randrange(8)
    try:
        if dice < 2:
            client.call("note", rng.randrange(100))
        elif dice < 4:
            client.call("fill", rng.randrange(5))
        elif dice == 4:
            client.execute("DELETE FROM heap WHERE a = ?", (rng.randrange(100),))
        elif dice == 5:
            values = ({"a": [1]}, datetime.date(2020, 1, 1), Decimal("1.50"), datetime.timedelta(3, 5), b"\0")
            client.execute(
                "UPDATE log SET (j, d, n, i, b) = (?, ?, ?, ?, ?), at = localtimestamp WHERE id = ?",
                (*values, rng.randrange(50)),
            )
        elif dice == 6:
            client.executemany("INSERT INTO heap VALUES (:a, 'm')", [{"a": 2**40 + i} for i in range(3)])
        else:
            client.execute("SELECT nextval('s')")
    except (minidb.DatabaseError, ValueError):
        pass  # the call is undone, what it drew from sequences is not


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    path, calls = str(tmp_path / "a.db"), str(tmp_path / "a.calls")
    with pytest.raises(minidb.InterfaceError):
        minidb.connect(path, record_calls=calls)
    with minidb.connect(path, execution="serial") as connection:
        connection.execute("CREATE TABLE t (a int)")
    with pytest.raises(minidb.InternalError, match="empty database"):
        minidb.connect(path, execution="serial", record_calls=calls)
    Path(calls).unlink()
    other = str(tmp_path / "b.db")
    with minidb.connect(other, execution="serial", record_calls=calls) as connection:
        connection.execute("CREATE TABLE t (a int)")
        source = tmp_path / "rows.csv"
        source.write_text("1\n")
        with pytest.raises(minidb.NotSupportedError, match="recorded"):
            connection.execute(f"COPY t FROM '{source}'")
        with pytest.raises(minidb.OperationalError, match="already"):
            minidb.connect(other, execution="serial", record_calls=calls + "2")
    with pytest.raises(minidb.InternalError, match="another database"):
        minidb.connect(str(tmp_path / "c.db"), execution="serial", record_calls=calls)
    with pytest.raises(minidb.InternalError, match="empty"):
        minidb.replay(calls, path)


def test_a_damaged_log_is_an_error_and_a_torn_one_is_cut(tmp_path: Path) -> None:
    path, calls = str(tmp_path / "a.db"), tmp_path / "a.calls"
    with minidb.connect(path, execution="serial", record_calls=str(calls)) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1)")
    whole = calls.read_bytes()
    calls.write_bytes(whole[:-3])
    assert [each.text[:6] for each in read_calls(str(calls))] == ["CREATE"]
    calls.write_bytes(whole[:30] + b"?" + whole[31:])
    with pytest.raises(minidb.DataCorrupted):
        read_calls(str(calls))


def test_a_serial_database_has_no_other_strategy() -> None:
    with minidb.connect(":memory:", execution="serial") as connection:
        for setting in ("serializable_strategy = '2pl'", "range_locking = 'next-key'"):
            with pytest.raises(minidb.InternalError) as caught:
                connection.execute(f"SET {setting}")
            assert caught.value.sqlstate == "55P02"
