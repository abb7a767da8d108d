"""A prepared statement: text that has been parsed, bound, optimized and resolved against one catalog.

Prepared statements are immutable and shared by all sessions of a database. One is valid while its `catalog`
is the catalog of the transaction that runs it (compared by identity: DDL replaces the object).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from minidb.catalog.catalog import Catalog
from minidb.plan.changes import Change
from minidb.plan.definitions import Begin, Commit, Definition, Rollback, Utility
from minidb.plan.nodes import Plan, With
from minidb.session.result import Columns, Converter
from minidb.value.python_values import input_converter
from minidb.value.sql_types import Row, SqlType

FastQuery = Callable[[Any, Sequence[Any]], Any]  # (reader, parameters) -> list[Row] | NotImplemented
FastChange = Callable[[Any, Sequence[Any]], Any]  # (transaction, parameters) -> int | NotImplemented
BulkChange = Callable[[Any, list[Any]], Any]  # the same for many parameter rows


BEGIN_AND_END: Final = (Begin, Commit, Rollback)


class Prepared:
    """See the module. `statement` is resolved; the `fast_*` forms exist for the simplest shapes only."""

    __slots__ = (
        "bulk_change",
        "called",
        "catalog",
        "changes_rows",
        "columns",
        "convert",
        "convert_parameters",
        "fast_change",
        "fast_query",
        "locks_rows",
        "names",
        "statement",
        "tables_read",
        "tag",
        "text",
    )

    def __init__(
        self,
        text: str,
        statement: Plan | Change | Definition | Utility,
        catalog: Catalog,
        parameter_types: tuple[SqlType, ...],
        names: tuple[str | None, ...],
        columns: Columns | None,
        convert: Converter | None,
        tag: str,
        locks_rows: bool,
    ) -> None:
        self.text = text
        self.statement = statement
        self.catalog = catalog
        self.convert_parameters = [input_converter(type_) for type_ in parameter_types]
        self.tables_read: tuple[int, ...] = ()  # ids
        self.names = names  # of the parameters, None for positional ones
        self.columns = columns
        self.convert = convert
        self.tag = tag
        self.changes_rows = changes_rows(statement)
        self.locks_rows = locks_rows  # a query that locks or writes: it cannot run on a bare snapshot
        self.fast_query: FastQuery | None = None
        self.fast_change: FastChange | None = None
        self.bulk_change: BulkChange | None = None
        self.called: str | None = None  # the procedure that it calls with its parameters in their order

    def has_short_way(self) -> bool:
        """Whether the driver and the session look for it by its text alone."""
        fast = self.fast_query or self.fast_change or self.called
        return bool(fast) or isinstance(self.statement, BEGIN_AND_END)


def changes_rows(statement: object) -> bool:
    """Whether it is an INSERT, UPDATE or DELETE, with or without WITH."""
    return isinstance(statement.body if isinstance(statement, With) else statement, Change)


def row_converter(columns: Columns, converters: dict[Any, Callable[[Any], Any]]) -> Converter | None:
    """A function that turns a row's internal values into Python's, or None where nothing differs."""
    wanted = [converters.get(type_.kind) for _, type_ in columns]
    if not any(wanted):
        return None

    def convert(row: Row) -> Row:
        return tuple(
            [
                value if function is None or value is None else function(value)
                for value, function in zip(row, wanted, strict=True)
            ]
        )

    return convert
