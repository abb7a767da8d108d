"""From text to a prepared statement: bind, optimize, resolve, and pick the fast form if there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Routine
from minidb.exec.fast_change import compile_bulk_change, compile_change
from minidb.exec.fast_fields import parameter_index
from minidb.exec.fast_query import compile_query
from minidb.expr import functions_locks
from minidb.expr.calls import Call
from minidb.expr.node import Expr, walk
from minidb.plan.changes import Change
from minidb.plan.definitions import Call as CallProcedure
from minidb.plan.definitions import CreateTable, Definition, Utility
from minidb.plan.nodes import Lock, Plan, With
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb.plan.traverse import expressions, scanned_tables, walk_statement
from minidb.session.prepared import Prepared, row_converter
from minidb.session.system_views import SYSTEM_VIEWS
from minidb.sql.bind import bind
from minidb.sql.binder import VariableScope
from minidb.sql.parse import ParsedStatement
from minidb.sql.view_columns import routines_called
from minidb.value.python_values import OUTPUT_CONVERTERS
from minidb.value.sql_types import SqlType

_LOCKING: Final = functions_locks.NAMES | {"nextval", "setval"}


def prepare(
    parsed: ParsedStatement,
    catalog: Catalog,
    parameter_types: Sequence[SqlType],
    settings: Mapping[str, Any],
    variables: VariableScope | None = None,
    procedures: Mapping[str, Sequence[Routine]] = MappingProxyType({}),
) -> Prepared:
    """The statement, ready to run under `catalog`; see `bind` for `variables` and `procedures`."""
    bound = bind(parsed, catalog, parameter_types, settings, SYSTEM_VIEWS, variables, procedures)
    statement = bound.plan
    locks_rows = False
    tables_read: tuple[int, ...] = ()
    columns = bound.columns if bound.columns else None
    if isinstance(statement, Plan):
        locks_rows = _needs_transaction(statement)
        statement = resolve(optimize(statement))
        tables_read = scanned_tables(statement)
    elif isinstance(statement, CreateTable) and statement.source is not None:
        source = resolve(optimize(statement.source))
        tables_read = scanned_tables(source)
        statement = replace(statement, source=source)
    prepared = Prepared(
        parsed.text,
        statement,
        catalog,
        tuple(bound.parameter_types),
        tuple(parsed.parameters),
        columns,
        row_converter(columns, OUTPUT_CONVERTERS) if columns else None,
        _tag(statement),
        locks_rows,
    )
    prepared.tables_read = tables_read
    if all(name is None for name in parsed.parameters):
        # A routine hands all of its variables to each statement, used or not.
        _add_fast_forms(prepared, None if variables is None else len(bound.parameter_types))
    return prepared


def _add_fast_forms(prepared: Prepared, parameter_count: int | None) -> None:
    statement = prepared.statement
    if isinstance(statement, Change):
        prepared.fast_change = compile_change(statement, parameter_count)
        prepared.bulk_change = compile_bulk_change(statement, parameter_count)
    elif isinstance(statement, Plan) and not prepared.locks_rows:
        prepared.fast_query = compile_query(statement, parameter_count)
    elif isinstance(statement, CallProcedure):
        inputs = statement.routine.inputs
        handed = [
            parameter_index(argument, declared.type)
            for argument, declared in zip(statement.arguments, inputs, strict=True)
        ]
        if handed == list(range(len(prepared.names))):
            prepared.called = statement.routine.name


def _needs_transaction(statement: Plan) -> bool:
    """Whether it locks or writes, or calls what may: a user's function."""
    return bool(routines_called(statement)) or any(
        isinstance(node, Lock | Change) or any(map(_takes_locks, expressions(node)))
        for node in walk_statement(statement)
    )


def _takes_locks(expression: Expr) -> bool:
    """Whether it calls for locks, which a transaction takes and waits for: advisory ones, or of sequences."""
    return any(isinstance(node, Call) and node.name in _LOCKING for node in walk(expression))


def _tag(statement: Plan | Definition | Utility) -> str:
    if isinstance(statement, With):
        return _tag(statement.body)
    if isinstance(statement, Change):
        return type(statement).__name__.upper()
    if isinstance(statement, Definition):
        return statement.tag
    return "SELECT"
