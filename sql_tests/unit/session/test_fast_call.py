"""The short way of `connection.call`: it gives what CALL gives, and steps aside where that differs."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

import minidb
from minidb.session.fast_call import FastCall

SERIAL = {"isolation_level": "serializable", "serializable_strategy": "serial"}


@pytest.fixture(
    params=[{}, {"isolation_level": "serializable"}, SERIAL], ids=["read committed", "ssi", "serial"]
)
def connection(request: pytest.FixtureRequest) -> Any:
    settings: dict[str, Any] = request.param
    with minidb.connect(":memory:", autocommit=True, **settings) as opened:
        opened.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance NUMERIC NOT NULL, note TEXT)")
        opened.execute("INSERT INTO account VALUES (1, 10, 'one'), (2, 20, 'two')")
        opened.execute(
            "CREATE PROCEDURE pay(which INTEGER, amount BIGINT, why TEXT, OUT left_over NUMERIC)"
            " LANGUAGE plpgsql AS $$ BEGIN UPDATE account SET balance = balance + amount, note = why"
            " WHERE id = which RETURNING balance INTO left_over; END $$"
        )
        yield opened


def fast(connection: minidb.Connection) -> list[FastCall]:
    return list(connection._session._fast_calls.values())


def test_the_second_call_is_fast_and_gives_the_same(connection: minidb.Connection) -> None:
    first = connection.call("pay", 1, 5, "a")
    assert [call.routine.name for call in fast(connection)] == ["pay"]
    assert (first, connection.call("pay", 1, 5, "b")) == ((15,), (20,))
    assert connection.call("pay", 9, 5, "nobody") == (None,)
    assert connection.execute("SELECT balance, note FROM account WHERE id = 1").fetchall() == [(20, "b")]


def test_arguments_that_need_more_go_the_general_way(connection: minidb.Connection) -> None:
    connection.call("pay", 1, 5, "a")
    assert connection.call("pay", 1, 2**40, "large") == (15 + 2**40,)
    for arguments in ((2**40, 1, "a"), (1, 2**70, "a"), ("x", 1, "a"), (1, 1, "a\x00"), (1, 1), (1, 1, 1.5)):
        with pytest.raises(minidb.Error) as error:
            connection.call("pay", *arguments)
        with pytest.raises(minidb.Error) as same:
            connection.execute(f"CALL pay({', '.join(['?'] * len(arguments))}, NULL)", arguments)
        assert error.value.sqlstate == same.value.sqlstate


def test_a_replaced_or_overloaded_procedure_is_noticed(connection: minidb.Connection) -> None:
    connection.call("pay", 1, 5, "a")
    connection.execute(
        "CREATE OR REPLACE PROCEDURE pay(which INTEGER, amount BIGINT, why TEXT, OUT left_over NUMERIC)"
        " LANGUAGE plpgsql AS $$ BEGIN left_over := -1; END $$"
    )
    assert connection.call("pay", 1, 5, "a") == (-1,)
    assert connection.call("pay", 1, 5, "a") == (-1,)
    connection.execute(
        "CREATE PROCEDURE pay(which INTEGER, amount INTEGER, why TEXT, OUT left_over NUMERIC)"
        " LANGUAGE plpgsql AS $$ BEGIN left_over := -2; END $$"
    )
    assert connection.call("pay", 1, 5, "a") == (-2,)
    connection.execute("DROP PROCEDURE pay(INTEGER, INTEGER, TEXT)")
    connection.execute("DROP PROCEDURE pay")
    with pytest.raises(minidb.ProgrammingError) as error:
        connection.call("pay", 1, 5, "a")
    assert error.value.sqlstate == "42883"


def test_a_failing_call_is_undone(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE PROCEDURE fail(which INTEGER) LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE account SET balance = 0 WHERE id = which; RAISE EXCEPTION 'no'; END $$"
    )
    connection.execute("CREATE PROCEDURE nothing(which INTEGER) LANGUAGE sql AS 'SELECT 1'")

    @connection.database.procedure
    def odd(transaction: minidb.ProcedureTransaction, which: int) -> None:
        transaction.execute("UPDATE account SET balance = 0 WHERE id = ?", (which,))
        if which == 2:
            raise KeyError(which)

    assert connection.call("nothing", 1) is None and connection.call("nothing", 1) is None
    assert connection.call("odd", 9) is None
    for _ in range(2):
        with pytest.raises(minidb.ProgrammingError, match="no") as error:
            connection.call("fail", 2)
        assert error.value.sqlstate == "P0001"
        with pytest.raises(KeyError):
            connection.call("odd", 2)
    assert not connection.in_transaction
    assert connection.execute("SELECT balance FROM account WHERE id = 2").fetchall() == [(20,)]


def test_in_an_open_transaction_it_is_a_part_of_that() -> None:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.execute("CREATE PROCEDURE add(a INTEGER) LANGUAGE sql AS 'INSERT INTO t VALUES (a)'")
        connection.call("add", 1)
        connection.execute("BEGIN")
        connection.call("add", 2)
        connection.execute("ROLLBACK")
        connection.call("add", 3)
        assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (3,)]


def test_call_as_a_statement_takes_the_short_way_too(connection: minidb.Connection) -> None:
    text = "CALL pay(?, ?, ?, NULL)"
    first = connection.execute(text, (1, 5, "a"))
    description, rows = first.description, first.fetchall()
    assert fast(connection) == []
    second = connection.execute(text, [1, 5, "b"])
    assert [call.routine.name for call in fast(connection)] == ["pay"]
    assert (second.description, second.rowcount, second.statusmessage) == (
        description, first.rowcount, first.statusmessage,
    )  # fmt: skip
    assert (rows, second.fetchall()) == ([(15,)], [(20,)])
    for wrong in ((1, 5), (1, 5, "a", 7), (1, 5, None), {"a": 1}):
        with pytest.raises(minidb.Error) if wrong != (1, 5, None) else nullcontext():
            connection.execute(text, wrong)
    assert connection.execute("SELECT balance, note FROM account WHERE id = 1").fetchall() == [(25, None)]


def test_other_orders_of_parameters_go_the_general_way(connection: minidb.Connection) -> None:
    connection.execute(
        "CREATE PROCEDURE minus(a INTEGER, b INTEGER, OUT c INTEGER)"
        " LANGUAGE plpgsql AS $$ BEGIN c := a - b; END $$"
    )
    for _ in range(3):
        assert connection.execute("CALL minus($1, $2, NULL)", (5, 3)).fetchall() == [(2,)]
        assert connection.execute("CALL minus($2, $1, NULL)", (5, 3)).fetchall() == [(-2,)]
        assert connection.execute("CALL minus($1, $1, NULL)", (5,)).fetchall() == [(0,)]
        assert connection.execute("CALL minus(?, ? + 1, NULL)", (5, 3)).fetchall() == [(1,)]
        assert connection.execute("CALL minus(?, 1, NULL)", (5,)).fetchall() == [(4,)]
        assert connection.execute("CALL minus(b => ?, a => ?, c => NULL)", (5, 3)).fetchall() == [(-2,)]
        assert connection.execute("CALL minus(:b, :a, NULL)", {"a": 5, "b": 3}).fetchall() == [(-2,)]


def test_a_call_in_an_open_transaction_is_a_part_of_that() -> None:
    with minidb.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.execute("CREATE PROCEDURE add(a INTEGER) LANGUAGE sql AS 'INSERT INTO t VALUES (a)'")
        for _ in range(2):
            connection.execute("CALL add(?)", (1,))
        connection.execute("BEGIN")
        connection.execute("CALL add(?)", (2,))
        connection.execute("ROLLBACK")
        connection.execute("CREATE OR REPLACE PROCEDURE add(a INTEGER) LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CALL add(?)", (3,))
        assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (1,)]
