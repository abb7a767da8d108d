"""LANGUAGE SQL: the body's statements one after the other; the rows of the last one are the result.

The argument's names mean its values where no column has the name; `$1` does everywhere. The last statement's
columns are converted to the declared result as an assignment would, which is looked at when the routine is
created and again whenever its statements were planned anew.
"""

from __future__ import annotations

from collections.abc import Callable

from minidb.catalog.schema import Routine
from minidb.errors import Error, ProgrammingError
from minidb.expr.cast import cast
from minidb.expr.node import EvaluationContext, Slot
from minidb.session.inner_statement import InnerStatement
from minidb.session.prepared import Prepared
from minidb.session.result import Columns
from minidb.session.routine_call import Language, RoutineCall
from minidb.session.state import SessionState
from minidb.sql.bind_routine import routine_variables
from minidb.sql.parse import parse
from minidb.value.sql_types import Row, SqlType

RowFunction = Callable[[Row, EvaluationContext], Row]


class SqlBody:
    """A compiled body. `fit` converts the last statement's rows, as it is prepared in `_fits`."""

    __slots__ = ("_fit", "_fits", "statements")

    def __init__(self, statements: tuple[InnerStatement, ...]) -> None:
        self.statements = statements
        self._fits: tuple[Prepared, Columns] | None = None
        self._fit: RowFunction | None = None

    def fit(self, prepared: Prepared, columns: Columns) -> RowFunction | None:
        """How the last statement's rows become the result's; None: they are it. 42P13 if they can't."""
        fits = self._fits
        if fits is None or fits[0] is not prepared or fits[1] != columns:
            self._fit = _conversion(prepared.columns or (), columns)
            self._fits = (prepared, columns)
        return self._fit


def _compile(routine: Routine) -> SqlBody:
    variables = routine_variables(routine)
    types = [argument.type for argument in routine.inputs]
    return SqlBody(tuple([InnerStatement(parsed, variables, types) for parsed in parse(routine.body)]))


def _check(body: SqlBody, routine: Routine, session: SessionState) -> None:
    """Bind every statement, as PostgreSQL does with check_function_bodies; and compare the result."""
    columns = session.catalog.routine_columns(routine)
    prepared: Prepared | None = None
    for statement in body.statements:
        prepared = session.prepare_inner(statement)
    if not columns:
        return
    if prepared is None or prepared.columns is None:
        raise _mismatch(
            columns,
            "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.",
        )
    body.fit(prepared, columns)


def _run(body: SqlBody, call: RoutineCall) -> list[Row]:
    rows: list[Row] = []
    columns = call.columns
    values = call.values
    last = len(body.statements) - 1
    for number, statement in enumerate(body.statements):
        try:
            result = call.run(statement, values)
            if number == last and columns:
                while batch := result.next_batch():
                    rows.extend(batch)
                rows = _fitted(body, call, statement, rows)
        except Error as error:
            error.position = None  # it counts within the body
            error.add_context(f'SQL function "{call.routine.name}" statement {number + 1}')
            raise
    return rows


def _fitted(body: SqlBody, call: RoutineCall, statement: InnerStatement, rows: list[Row]) -> list[Row]:
    if not call.routine.returns_set:
        del rows[1:]
    prepared = call.session.prepare_inner(statement)
    fit = body.fit(prepared, call.columns)
    if fit is None or not rows:
        return rows
    context = call.session.evaluation_context([])
    return [fit(row, context) for row in rows]


# --- the result's type ----------------------------------------------------------------------------


def _conversion(found: Columns, wanted: Columns) -> RowFunction | None:
    if len(found) != len(wanted):
        if len(wanted) == 1:
            raise _mismatch(wanted, "Final statement must return exactly one column.")
        few = len(found) < len(wanted)
        raise _mismatch(wanted, f"Final statement returns too {'few' if few else 'many'} columns.")
    if all(
        has.kind is target.kind and _is_plain(target)
        for (_, has), (_, target) in zip(found, wanted, strict=True)
    ):
        return None
    places = []
    for place, ((_, has), (_, target)) in enumerate(zip(found, wanted, strict=True)):
        try:
            places.append(cast(Slot(place, has), target, "assignment"))
        except ProgrammingError:
            if len(wanted) == 1:
                raise _mismatch(wanted, f"Actual return type is {has}.") from None
            raise _mismatch(
                wanted, f"Final statement returns {has} instead of {target} at column {place + 1}."
            ) from None

    def fit(row: Row, context: EvaluationContext) -> Row:
        return tuple([expression.evaluate(row, context) for expression in places])

    return fit


def _is_plain(type_: SqlType) -> bool:
    return type_.length is None and type_.precision is None


def _mismatch(wanted: Columns, detail: str) -> ProgrammingError:
    declared = str(wanted[0][1]) if len(wanted) == 1 else "record"
    return ProgrammingError(
        f"return type mismatch in function declared to return {declared}", sqlstate="42P13", detail=detail
    )


SQL = Language("sql", _compile, _check, _run)
