"""Transactions as the driver offers them: blocks, savepoints, retries, isolation levels, DDL."""

from __future__ import annotations

from pathlib import Path

import pytest

import minidb


@pytest.fixture
def path(tmp_path: Path) -> str:
    name = str(tmp_path / "test.db")
    with minidb.connect(name) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        connection.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
    return name


def test_block_commits_and_rolls_back(path: str) -> None:
    with minidb.connect(path, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("UPDATE t SET n = 1 WHERE id = 1")
        with pytest.raises(ZeroDivisionError), connection.transaction():
            connection.execute("UPDATE t SET n = 2 WHERE id = 1")
            raise ZeroDivisionError
        assert connection.execute("SELECT n FROM t WHERE id = 1").fetchone() == (1,)


def test_inner_block_is_a_savepoint(path: str) -> None:
    with minidb.connect(path, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("UPDATE t SET n = 1 WHERE id = 1")
            with pytest.raises(minidb.DataError), connection.transaction():
                connection.execute("UPDATE t SET n = 2 WHERE id = 2")
                connection.execute("SELECT 1 / 0")
            connection.execute("UPDATE t SET n = n + 10 WHERE id = 1")
        assert connection.execute("SELECT n FROM t ORDER BY id").fetchall() == [(11,), (0,)]


def test_lost_update_is_refused_and_retried(path: str) -> None:
    with minidb.connect(path) as ours, minidb.connect(path) as theirs:
        attempts = 0

        def increment() -> None:
            nonlocal attempts
            attempts += 1
            (n,) = ours.execute("SELECT n FROM t WHERE id = 1").fetchone()
            if attempts == 1:
                theirs.execute("UPDATE t SET n = n + 100 WHERE id = 1")
                theirs.commit()
            ours.execute("UPDATE t SET n = ? WHERE id = 1", (n + 1,))

        ours.transaction(isolation_level="repeatable read", retry=True).run(increment)
        assert attempts == 2
        assert theirs.execute("SELECT n FROM t WHERE id = 1").fetchone() == (101,)


def test_constraint_violations_are_not_retried(path: str) -> None:
    with minidb.connect(path) as connection:
        attempts = 0

        @connection.transaction(retry=5)
        def insert() -> None:
            nonlocal attempts
            attempts += 1
            connection.execute("INSERT INTO t VALUES (1, 1)")

        with pytest.raises(minidb.IntegrityError):
            insert()
        assert attempts == 1


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for, without making them."""
    asked: list[float] = []
    monkeypatch.setattr("minidb.driver.transaction_block.time.sleep", asked.append)
    return asked


@pytest.mark.parametrize("error", [minidb.SerializationFailure, minidb.DeadlockDetected])
def test_attempts_are_bounded(path: str, pauses: list[float], error: type[minidb.Error]) -> None:
    with minidb.connect(path) as connection:
        attempts = 0

        def fail() -> None:
            nonlocal attempts
            attempts += 1
            connection.execute("UPDATE t SET n = n + 1 WHERE id = 1")
            raise error("never")

        with pytest.raises(error):
            connection.transaction(retry=12).run(fail)
        assert attempts == 12
        assert connection.execute("SELECT n FROM t WHERE id = 1").fetchone() == (0,)
    assert len(pauses) == 11
    for number, pause in enumerate(pauses):
        assert 0 <= pause <= min(0.001 * 2**number, 0.5)
    assert len(set(pauses)) > 1  # jitter


@pytest.mark.parametrize(
    "error",
    [
        *(minidb.IntegrityError("23505"), minidb.LockNotAvailable("55P03"), minidb.QueryCanceled("57014")),
        *(ZeroDivisionError(), KeyboardInterrupt()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_not_retried(path: str, pauses: list[float], error: BaseException) -> None:
    with minidb.connect(path) as connection:
        attempts = 0

        def fail() -> None:
            nonlocal attempts
            attempts += 1
            raise error

        with pytest.raises(type(error)):
            connection.transaction(retry=True).run(fail)
        assert attempts == 1 and not pauses and not connection.in_transaction


def test_only_the_outermost_tries_again(path: str, pauses: list[float]) -> None:
    with minidb.connect(path) as connection:
        attempts = {"outer": 0, "inner": 0}

        def inner() -> None:
            attempts["inner"] += 1
            if attempts["inner"] < 3:
                raise minidb.SerializationFailure("not yet")

        def outer() -> str:
            attempts["outer"] += 1
            connection.transaction(retry=5).run(inner)
            return "done"

        assert connection.transaction(retry=5).run(outer) == "done"
        assert attempts == {"outer": 3, "inner": 3}


def test_a_swallowed_error_is_no_success(path: str) -> None:
    with minidb.connect(path) as connection:

        def swallow() -> str:
            connection.execute("UPDATE t SET n = 7 WHERE id = 1")
            with pytest.raises(minidb.DataError):
                connection.execute("SELECT 1 / 0")
            return "looks well"

        with pytest.raises(minidb.InFailedTransaction, match="rolled back"):
            connection.transaction(retry=True).run(swallow)
        with pytest.raises(minidb.InFailedTransaction, match="rolled back"), connection.transaction():
            swallow()
        assert connection.execute("SELECT n FROM t WHERE id = 1").fetchone() == (0,)


@pytest.mark.parametrize(
    "asked", [{"isolation_level": "repeatable read"}, {"read_only": True}, {"deferrable": True}]
)
def test_an_inner_block_cannot_ask_for_another_transaction(path: str, asked: dict[str, object]) -> None:
    with minidb.connect(path) as connection:
        connection.execute("SELECT 1")  # begins a READ COMMITTED transaction
        with pytest.raises(minidb.InternalError) as raised, connection.transaction(**asked):  # type: ignore
            pass
        assert raised.value.sqlstate == "25001" and raised.value.hint
        with connection.transaction(isolation_level="read committed", read_only=False, deferrable=False):
            pass


def test_retry_in_a_with_block_is_refused(path: str) -> None:
    with minidb.connect(path) as connection, pytest.raises(minidb.InterfaceError):
        with connection.transaction(retry=True):
            pass


@pytest.mark.parametrize("asked", [{"retry": 0}, {"retry": 1.5}, {"retry": "3"}, {"isolation_level": 5}])
def test_what_a_transaction_cannot_be_is_said(path: str, asked: dict[str, object]) -> None:
    with minidb.connect(path, autocommit=True) as connection:
        with pytest.raises(minidb.Error) as caught, connection.transaction(**asked):  # type: ignore
            pass
        assert caught.value.sqlstate == "22023"
        with pytest.raises(minidb.ProgrammingError):
            connection.isolation_level = 5  # type: ignore
        assert connection.isolation_level == "read committed"


def test_isolation_levels(path: str) -> None:
    with minidb.connect(path) as reader, minidb.connect(path, autocommit=True) as writer:
        for level, expected in (("read committed", 1), ("repeatable read", 1)):
            reader.isolation_level = level
            before = reader.execute("SELECT n FROM t WHERE id = 1").fetchone()
            writer.execute("UPDATE t SET n = n + 1 WHERE id = 1")
            after = reader.execute("SELECT n FROM t WHERE id = 1").fetchone()
            assert after[0] - before[0] == (expected if level == "read committed" else 0)
            reader.rollback()


def test_serializable_from_every_side(path: str) -> None:
    with minidb.connect(path, isolation_level="serializable", serializable_strategy="2pl") as connection:
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("serializable",)
        assert connection.execute("SHOW serializable_strategy").fetchone() == ("2pl",)
    with minidb.connect(path, autocommit=True) as connection:
        connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        connection.execute("SET LOCAL serializable_strategy = '2pl'")
        connection.execute("SELECT 1 FROM t")
        with pytest.raises(minidb.InternalError) as caught:
            connection.execute("SET LOCAL serializable_strategy = 'ssi'")
        assert caught.value.sqlstate == "25001"
        connection.execute("ROLLBACK")
        assert connection.execute("SHOW serializable_strategy").fetchone() == ("ssi",)
        with pytest.raises(minidb.ProgrammingError) as wrong:
            connection.execute("SET range_locking = 'gaps'")
        assert wrong.value.sqlstate == "22023"


def test_a_deferrable_transaction_waits_for_a_safe_snapshot(path: str) -> None:
    def read() -> object:
        return reader.execute("SELECT n FROM t WHERE id = 1").fetchone()

    with minidb.connect(path, isolation_level="serializable", lock_timeout="1ms") as reader:
        with minidb.connect(path, isolation_level="serializable") as writer:
            writer.execute("SELECT n FROM t WHERE id = 2")
            writer.execute("UPDATE t SET n = 7 WHERE id = 1")
            assert reader.transaction(read_only=True).run(read) == (0,)
            with pytest.raises(minidb.LockNotAvailable) as caught:
                reader.transaction(read_only=True, deferrable=True).run(read)
            assert "a safe snapshot" in str(caught.value.detail)
        assert reader.transaction(read_only=True, deferrable=True).run(read) == (7,)


def test_read_only(path: str) -> None:
    with minidb.connect(path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
        with pytest.raises(minidb.InternalError) as caught:
            connection.execute("DELETE FROM t")
        assert caught.value.sqlstate == "25006"


def test_ddl_is_transactional(path: str) -> None:
    with minidb.connect(path) as ours, minidb.connect(path) as theirs:
        ours.execute("CREATE TABLE u (id INTEGER)")
        ours.execute("INSERT INTO u VALUES (1)")
        with pytest.raises(minidb.ProgrammingError):
            theirs.execute("SELECT * FROM u")
        theirs.rollback()
        ours.rollback()
        with pytest.raises(minidb.ProgrammingError):
            ours.execute("SELECT * FROM u")
        ours.rollback()
        ours.execute("ALTER TABLE t ADD COLUMN extra TEXT DEFAULT 'x'")
        ours.commit()
        assert theirs.execute("SELECT * FROM t ORDER BY id").fetchall() == [(1, 0, "x"), (2, 0, "x")]


def test_savepoints(path: str) -> None:
    with minidb.connect(path, autocommit=True) as connection:
        connection.executescript("""
            BEGIN; UPDATE t SET n = 1; SAVEPOINT a; UPDATE t SET n = 2; SAVEPOINT b; UPDATE t SET n = 3;
            ROLLBACK TO b""")
        assert connection.execute("SELECT DISTINCT n FROM t").fetchall() == [(2,)]
        connection.executescript("ROLLBACK TO a; RELEASE a; COMMIT")
        assert connection.execute("SELECT DISTINCT n FROM t").fetchall() == [(1,)]
        connection.execute("BEGIN")
        with pytest.raises(minidb.InternalError) as caught:
            connection.execute("ROLLBACK TO nowhere")
        assert caught.value.sqlstate == "3B001"
        connection.execute("ROLLBACK")


def test_settings_follow_the_transaction(path: str) -> None:
    def shown(connection: minidb.Connection) -> str:
        return str(connection.execute("SHOW lock_timeout").fetchone()[0])

    with minidb.connect(path, autocommit=True) as connection:
        connection.executescript("BEGIN; SET lock_timeout = '5s'; ROLLBACK")
        assert shown(connection) == "0"
        connection.executescript("BEGIN; SET LOCAL lock_timeout = '5s'")
        assert shown(connection) == "5s"
        connection.execute("COMMIT")
        assert shown(connection) == "0"
        connection.executescript("BEGIN; SET lock_timeout = 250; COMMIT")
        assert shown(connection) == "250ms"
        wrong = ["'soon'", "99999999999999", "'30d'"]  # at most 2147483647 ms
        refused = [(f"SET lock_timeout = {value}", "22023") for value in wrong]
        refused.append(("SET work_mem = '2TB'", "22023"))
        for sql, state in (("SET nonsense = 1", "42704"), *refused):
            with pytest.raises(minidb.ProgrammingError) as caught:
                connection.execute(sql)
            assert caught.value.sqlstate == state


def test_settings_follow_the_savepoint(path: str) -> None:
    def shown(connection: minidb.Connection) -> str:
        return str(connection.execute("SHOW lock_timeout").fetchone()[0])

    with minidb.connect(path, autocommit=True, lock_timeout="1s") as connection:
        connection.executescript("""
            BEGIN; SET LOCAL lock_timeout = '2s'; SAVEPOINT a; SET lock_timeout = '3s'; SAVEPOINT b;
            SET LOCAL lock_timeout = '4s'; ROLLBACK TO b""")
        assert shown(connection) == "3s"
        connection.execute("ROLLBACK TO a")
        assert shown(connection) == "2s"
        connection.execute("COMMIT")
        assert shown(connection) == "1s"


def test_a_subtransaction_cannot_change_the_level(path: str) -> None:
    with minidb.connect(path, autocommit=True) as connection:
        for text in (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "SET TRANSACTION DEFERRABLE",
            "SET LOCAL serializable_strategy = '2pl'",
        ):
            connection.executescript("BEGIN ISOLATION LEVEL SERIALIZABLE; SAVEPOINT a")
            with pytest.raises(
                minidb.InternalError, match="must not be called in a subtransaction"
            ) as caught:
                connection.execute(text)
            assert caught.value.sqlstate == "25001"
            connection.execute("ROLLBACK")
