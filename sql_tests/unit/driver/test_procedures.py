"""Procedures from Python: `connection.call`, `cursor.callproc`, and functions registered as procedures."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

import minidb


@pytest.fixture
def connection() -> Iterator[minidb.Connection]:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE account (id int PRIMARY KEY, balance numeric)")
        connection.execute("INSERT INTO account VALUES (1, 100), (2, 50)")
        yield connection


def balances(connection: minidb.Connection) -> list[Any]:
    return list(connection.execute("SELECT * FROM account ORDER BY id").fetchall())


def test_call_gives_the_outputs(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE PROCEDURE p(a int, OUT doubled int, INOUT b text DEFAULT 'd') "
        "LANGUAGE sql AS 'SELECT a * 2, b'"
    )
    connection.execute("CREATE PROCEDURE nothing() LANGUAGE sql AS 'DELETE FROM account'")
    assert connection.call("p", 4) == (8, "d")
    assert connection.call("p", 4, "x") == (8, "x")
    assert connection.call("nothing") is None
    assert balances(connection) == []
    cursor = connection.cursor()
    assert cursor.callproc("p", (1, None, "y")) == [1, 2, "y"]
    assert cursor.fetchall() == [(2, "y")]
    assert cursor.callproc("nothing") == []
    with pytest.raises(minidb.ProgrammingError) as error:
        connection.call("p", 1, 2, 3)
    assert error.value.sqlstate == "42883"


def test_call_asks_for_places_where_outputs_differ(connection: minidb.Connection) -> None:
    connection.execute("CREATE PROCEDURE p(a int, OUT b int) LANGUAGE sql AS 'SELECT 1'")
    connection.execute("CREATE PROCEDURE p(OUT a int, b text) LANGUAGE sql AS 'SELECT 2'")
    with pytest.raises(minidb.ProgrammingError) as error:
        connection.call("p", 1)
    assert error.value.sqlstate == "42725"
    assert connection.execute("CALL p(1, NULL::int)").fetchall() == [(1,)]


def test_a_registered_function_is_a_procedure(connection: minidb.Connection) -> None:
    @connection.database.procedure
    def transfer(
        transaction: minidb.ProcedureTransaction, source: int, target: int, amount: Decimal = Decimal("2.50")
    ) -> Decimal:
        transaction.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, source))
        transaction.executemany("UPDATE account SET balance = balance + ? WHERE id = ?", [(amount, target)])
        found = transaction.execute("SELECT balance FROM account WHERE id = ?", (source,)).fetchone()
        assert isinstance(found[0], Decimal)
        return found[0]

    assert connection.call("transfer", 1, 2, Decimal(10)) == (Decimal(90),)
    assert connection.call("transfer", 1, 2) == (Decimal("87.50"),)
    assert connection.execute("CALL transfer(1, target => 2, amount => 7)").fetchall() == [
        (Decimal("80.50"),)
    ]
    connection.execute("CREATE PROCEDURE through(a int) BEGIN ATOMIC CALL transfer(a, 2, 0.5); END")
    connection.call("through", 1)
    assert balances(connection) == [(1, Decimal("80.00")), (2, Decimal("70.00"))]
    assert connection.describe_routines()[1:] == [
        "procedure transfer(source bigint, target bigint, amount numeric DEFAULT 2.50)  python"
    ]


class Everything(NamedTuple):
    truth: bool
    number: float
    text: Annotated[str, "varchar(3)"]
    when: datetime.datetime
    span: datetime.timedelta
    day: datetime.date | None
    id: uuid.UUID
    data: dict[str, Any]


def test_values_come_and_go_as_python_values(connection: minidb.Connection) -> None:
    given = Everything(
        True,
        1.5,
        "abc",
        datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC),
        datetime.timedelta(days=1),
        None,
        uuid.UUID(int=5),
        {"a": [1, None]},
    )

    @connection.database.procedure
    def same(
        transaction: minidb.ProcedureTransaction,
        truth: bool,
        number: float,
        text: Annotated[str, "varchar(3)"],
        when: datetime.datetime,
        span: datetime.timedelta,
        day: datetime.date | None,
        id: uuid.UUID,
        data: dict[str, Any],
    ) -> Everything:
        found = Everything(truth, number, text, when, span, day, id, data)
        assert found == given
        return found

    cursor = connection.execute("CALL same(?, ?, ?, ?, ?, ?, ?, ?)", tuple(given))
    assert cursor.column_names == Everything._fields
    assert cursor.fetchall() == [tuple(given)]


def test_what_fails_undoes_the_call(connection: minidb.Connection) -> None:
    def empty(transaction: minidb.ProcedureTransaction) -> None:
        transaction.execute("DELETE FROM account")

    @connection.database.procedure
    def raises(transaction: minidb.ProcedureTransaction) -> None:
        empty(transaction)
        raise LookupError("mine")

    @connection.database.procedure
    def commits(transaction: minidb.ProcedureTransaction) -> None:
        empty(transaction)
        transaction.execute("COMMIT")

    @connection.database.procedure
    def commits_the_connection(transaction: minidb.ProcedureTransaction) -> None:
        empty(transaction)
        connection.commit()

    @connection.database.procedure
    def ignores(transaction: minidb.ProcedureTransaction) -> None:
        empty(transaction)
        with contextlib.suppress(minidb.DataError):
            transaction.execute("SELECT 1 / 0").fetchall()

    @connection.database.procedure
    def lies(transaction: minidb.ProcedureTransaction) -> Annotated[int, "smallint"]:
        empty(transaction)
        return 100_000

    with pytest.raises(LookupError, match="mine"):
        connection.call("raises")
    for name, sqlstate in (
        ("commits", "0A000"),
        ("commits_the_connection", "2D000"),
        ("ignores", "25P02"),
        ("lies", "42804"),
    ):
        with pytest.raises(minidb.Error) as error:
            connection.call(name)
        assert error.value.sqlstate == sqlstate, name
        assert not connection.in_transaction
    assert len(balances(connection)) == 2


def test_a_savepoint_inside(connection: minidb.Connection) -> None:
    kept: list[minidb.ProcedureTransaction] = []

    @connection.database.procedure(name="Careful")
    def careful(transaction: minidb.ProcedureTransaction) -> int:
        kept.append(transaction)
        transaction.execute("INSERT INTO account VALUES (3, 0)")
        with pytest.raises(minidb.IntegrityError), transaction.savepoint():
            transaction.execute("INSERT INTO account VALUES (4, 0)")
            transaction.execute("INSERT INTO account VALUES (1, 0)")
        count: int = transaction.execute("SELECT count(*) FROM account").fetchone()[0]
        return count

    assert connection.call("Careful") == (3,)
    with pytest.raises(minidb.ProgrammingError):
        connection.execute("CALL Careful()")
    with pytest.raises(minidb.InterfaceError):
        kept[0].execute("SELECT 1")


def test_in_the_callers_transaction(connection: minidb.Connection) -> None:
    @connection.database.procedure
    def add(transaction: minidb.ProcedureTransaction, id: int) -> None:
        transaction.execute("INSERT INTO account VALUES (?, 0)", (id,))

    with pytest.raises(KeyError), connection.transaction():
        connection.call("add", 7)
        assert len(balances(connection)) == 3
        raise KeyError
    connection.call("add", 8)
    assert [row[0] for row in balances(connection)] == [1, 2, 8]


def test_python_is_never_stored(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.db")
    with minidb.connect(path, autocommit=True) as connection:

        @connection.database.procedure
        def secret(transaction: minidb.ProcedureTransaction) -> None:
            """Does nothing."""

        connection.call("secret")
        with minidb.connect(path, autocommit=True) as other:
            other.call("secret")
    with minidb.connect(path, autocommit=True) as connection:
        with pytest.raises(minidb.ProgrammingError) as error:
            connection.call("secret")
        assert error.value.sqlstate == "42883"
    assert not any(b"secret" in file.read_bytes() for file in Path(path).iterdir() if file.is_file())


def test_signatures_must_be_clear(connection: minidb.Connection) -> None:
    procedure = connection.database.procedure

    def none() -> None: ...
    def no_annotation(transaction: object, a) -> None: ...  # type: ignore[no-untyped-def]
    def many(transaction: object, *a: int) -> None: ...
    def no_type(transaction: object, a: object) -> None: ...
    def bad_result(transaction: object) -> set[int]: ...

    for function in (none, no_annotation, many, no_type, bad_result):
        with pytest.raises(minidb.ProgrammingError) as error:
            procedure(function)
        assert error.value.sqlstate == "42P13", function
