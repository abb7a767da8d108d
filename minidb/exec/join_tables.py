"""The hashed side of a join: rows by key.

A key is the value of the one key expression, or the tuple of several. None means that some part is NULL:
such a row equals nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from minidb.exec.context import ExecutionContext
from minidb.exec.equality import column_map
from minidb.exec.pipeline import column_values
from minidb.expr.node import Expr
from minidb.value.sql_types import Row


class JoinKeys:
    """Computes the keys of one side's rows."""

    __slots__ = ("_context", "_expressions", "_maps")

    def __init__(self, expressions: tuple[Expr, ...], context: ExecutionContext) -> None:
        self._context = context
        self._expressions = expressions
        self._maps = [column_map(expression.type) for expression in expressions]

    def columns(self, rows: list[Row]) -> list[list[Any]]:
        """One list per key part."""
        columns: list[list[Any]] = []
        for expression, map_ in zip(self._expressions, self._maps, strict=True):
            column = column_values(expression, rows, self._context)
            columns.append(column if map_ is None else map_(column))
        return columns

    def of(self, rows: list[Row]) -> list[Any]:
        """A key for each row, None if a part is NULL."""
        columns = self.columns(rows)
        if len(columns) == 1:
            return columns[0]
        keys: list[Any] = list(zip(*columns, strict=True))
        if any(None in column for column in columns):
            return [None if None in key else key for key in keys]
        return keys


class JoinTable:
    """One side's rows by key, in the cheapest form that will do.

    unique     key -> row, while no key has come twice: most joins are along a foreign key
    by_key     key -> rows, from then on
    numbered   key -> numbers of rows, if it matters which rows found a partner (RIGHT, FULL)
    """

    __slots__ = ("by_key", "matched", "numbered", "rows", "unique")

    def __init__(self, numbered: bool) -> None:
        self.numbered = numbered
        self.unique: dict[Any, Row] | None = None if numbered else {}
        self.by_key: defaultdict[Any, list[Any]] = defaultdict(list)
        self.rows: list[Row] = []  # by number
        self.matched = bytearray()  # by number

    def add(self, keys: list[Any], rows: list[Row]) -> None:
        """Add rows with their keys."""
        by_key = self.by_key
        if self.numbered:
            number = len(self.rows)
            for key in keys:
                by_key[key].append(number)
                number += 1
            self.rows += rows
            self.matched.extend(bytes(len(rows)))
            by_key.pop(None, None)
            return
        if self.unique is not None:
            if self._add_unique(self.unique, keys, rows):
                return
            for key, row in self.unique.items():
                by_key[key].append(row)
            self.unique = None
        for key, row in zip(keys, rows, strict=True):
            by_key[key].append(row)
        by_key.pop(None, None)

    def _add_unique(self, unique: dict[Any, Row], keys: list[Any], rows: list[Row]) -> bool:
        """Add rows if their keys are new; otherwise add none."""
        if None in keys:
            rows = [row for key, row in zip(keys, rows, strict=True) if key is not None]
            keys = [key for key in keys if key is not None]
        if unique and not unique.keys().isdisjoint(keys):
            return False
        new = dict(zip(keys, rows, strict=True))
        if len(new) < len(keys):
            return False
        unique.update(new)
        return True

    def partners(self, keys: list[Any]) -> list[list[Any] | None]:
        """For each key of the other side its rows here, or their numbers."""
        if self.unique is not None:
            return [None if row is None else [row] for row in map(self.unique.get, keys)]
        return list(map(self.by_key.get, keys))

    def is_empty(self) -> bool:
        """Whether no key is in it."""
        return not self.by_key and not self.unique

    def largest(self) -> int:
        """How many rows the most frequent key has."""
        return max(map(len, self.by_key.values()), default=1)

    def unmatched(self) -> list[Row]:
        """The rows that found no partner."""
        return [row for row, matched in zip(self.rows, self.matched, strict=True) if not matched]
