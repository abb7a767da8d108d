"""`connection.database`: what the connections of this process to one database share: procedures in Python.

    @connection.database.procedure
    def withdraw(transaction: minidb.ProcedureTransaction, account: int, amount: Decimal) -> Decimal:
        change = "UPDATE account SET balance = balance - ? WHERE id = ? RETURNING balance"
        return transaction.execute(change, (amount, account)).fetchone()[0]

    connection.call("withdraw", 1, Decimal("9.50"))        CALL withdraw(1, 9.50)

The function's annotations are its SQL signature. It lives in this process only: nothing of it is stored in
the database's files or run from them, so another program that opens the database does not have it.
"""

from __future__ import annotations

import datetime
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar, overload

from minidb.catalog.schema import Routine, RoutineArgument
from minidb.driver.procedure_transaction import ProcedureTransaction
from minidb.errors import Error, ProgrammingError
from minidb.expr.node import Constant
from minidb.expr.render import render_constant
from minidb.session.database import Database as SharedDatabase
from minidb.session.session import Session
from minidb.sql.definition_reader import parse_type
from minidb.value.python_values import OUTPUT_CONVERTERS, to_internal
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMPTZ,
    UUID,
    Row,
    SqlType,
    Value,
)

Function = TypeVar("Function", bound=Callable[..., Any])

_TYPES: Final[dict[Any, SqlType]] = {
    bool: BOOLEAN,
    int: BIGINT,
    float: DOUBLE,
    Decimal: NUMERIC,
    str: TEXT,
    bytes: BYTEA,
    datetime.date: DATE,
    datetime.time: TIME,
    datetime.datetime: TIMESTAMPTZ,
    datetime.timedelta: INTERVAL,
    uuid.UUID: UUID,
    dict: JSON,
    list: JSON,
}


class Database:
    """Made by `Connection.database`."""

    def __init__(self, shared: SharedDatabase) -> None:
        self._shared = shared

    @overload
    def procedure(self, function: Function, /) -> Function: ...

    @overload
    def procedure(self, /, *, name: str) -> Callable[[Function], Function]: ...

    def procedure(self, function: Any = None, /, *, name: str | None = None) -> Any:
        """Register a function as a procedure, under its own name or `name`; replaces one of the same types.

        Its first parameter gets a `ProcedureTransaction`; the others are the procedure's arguments, with
        types from their annotations: bool, int (bigint), float (double precision), Decimal (numeric), str
        (text), bytes (bytea), date, time, datetime (timestamp with time zone), timedelta (interval), UUID,
        dict and list (json), or `Annotated[int, "smallint"]` for any SQL type. Defaults are the arguments'
        defaults. What it returns is the result: nothing, a value, or a tuple with a column each. Errors:
        42P13 for a function whose signature has no SQL form; at a call, 42804 for a result that does not fit.
        """

        def register(wanted: Function) -> Function:
            routine = _routine_of(wanted, name or wanted.__name__)
            self._shared.register(routine, _caller_of(wanted, routine))
            return wanted

        return register if function is None else register(function)


# --- the signature --------------------------------------------------------------------------------


def _routine_of(function: Callable[..., Any], name: str) -> Routine:
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise ProgrammingError(
            f"procedure {name} takes no transaction: its first parameter", sqlstate="42P13"
        )
    arguments: list[RoutineArgument] = []
    for parameter in parameters[1:]:
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise ProgrammingError(
                f"procedure {name}: *{parameter.name} cannot be an argument", sqlstate="42P13"
            )
        if parameter.name not in hints:
            raise ProgrammingError(
                f"procedure {name}: parameter {parameter.name} has no annotation", sqlstate="42P13"
            )
        type_ = _sql_type(hints[parameter.name], f"procedure {name}: parameter {parameter.name}")
        default: str | None = None
        if parameter.default is not inspect.Parameter.empty:
            default = _default_text(parameter.default, type_)
        arguments.append(RoutineArgument(parameter.name, type_, "in", default))
    columns = _columns(hints.get("return", type(None)), name)
    return Routine(0, name, "procedure", tuple(arguments), "python", "", columns, returns_row=True)


def _sql_type(hint: Any, what: str) -> SqlType:
    if typing.get_origin(hint) is typing.Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, str):
                return parse_type(extra)
        hint = hint.__origin__
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        if len(options) == 1:
            return _sql_type(options[0], what)
    found = _TYPES.get(typing.get_origin(hint) or hint)
    if found is None:
        raise ProgrammingError(
            f"{what}: {hint!r} stands for no SQL type",
            sqlstate="42P13",
            hint='Annotated[..., "numeric(10,2)"] names one.',
        )
    return found


def _columns(hint: Any, name: str) -> tuple[tuple[str, SqlType], ...]:
    """The result's columns: of a tuple one for each of its parts, by their names if they have any."""
    what = f"procedure {name}: the result"
    if hint is None or hint is type(None):
        return ()
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        fields = typing.get_type_hints(hint, include_extras=True)
        return tuple([(field, _sql_type(fields[field], what)) for field in hint._fields])
    if typing.get_origin(hint) is tuple:
        parts = typing.get_args(hint)
        return tuple([(f"column{place}", _sql_type(part, what)) for place, part in enumerate(parts, 1)])
    return (("result", _sql_type(hint, what)),)


def _default_text(value: Any, type_: SqlType) -> str:
    return "NULL" if value is None else render_constant(Constant(to_internal(value, type_), type_))


# --- the call -------------------------------------------------------------------------------------


def _caller_of(function: Callable[..., Any], routine: Routine) -> Callable[[Any, Sequence[Value]], list[Row]]:
    """What CALL runs: values out to Python, the result back in."""
    out = [OUTPUT_CONVERTERS.get(argument.type.kind) for argument in routine.arguments]
    names = [argument.name for argument in routine.arguments]
    columns = routine.columns

    def call(session: Session, values: Sequence[Value]) -> list[Row]:
        given = {
            name: value if value is None or convert is None else convert(value)
            for name, value, convert in zip(names, values, out, strict=True)
        }
        transaction = ProcedureTransaction(session)
        try:
            returned = function(transaction, **given)
        finally:
            transaction.close()
        return _returned(returned)

    def _returned(returned: Any) -> list[Row]:
        if not columns:
            if returned is not None:
                raise _mismatch(routine, "it returned a value, but its annotation declares none")
            return []
        parts = returned if len(columns) > 1 or isinstance(returned, tuple) else (returned,)
        if not isinstance(parts, tuple) or len(parts) != len(columns):
            raise _mismatch(routine, f"it did not return {len(columns)} values")
        try:
            return [
                tuple(
                    [
                        None if part is None else to_internal(part, type_)
                        for part, (_, type_) in zip(parts, columns, strict=True)
                    ]
                )
            ]
        except Error as error:
            raise _mismatch(routine, str(error)) from error

    return call


def _mismatch(routine: Routine, detail: str) -> ProgrammingError:
    return ProgrammingError(
        f"the result of procedure {routine.name} does not fit its annotation",
        sqlstate="42804",
        detail=detail,
    )
