"""Renaming in stored texts: a table keeps its expressions as SQL, so they must follow its columns' names.

The text is changed where its columns stand and nowhere else; the parser says where that is.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from sqlglot import exp

from minidb.catalog.schema import Table
from minidb.sql.names import identifier
from minidb.sql.object_names import quoted
from minidb.sql.parse import parse_expression

_SELECT = len("SELECT ")


def rename_column_in_texts(table: Table, old: str, new: str) -> Table:
    """The table with another name for a column in its checks, generated columns and indexes."""
    return _map_texts(table, lambda text: _renamed(text, old, new, "this"))


def rename_table_in_texts(table: Table, old: str, new: str) -> Table:
    """The same for the table's own name, where it qualifies a column."""
    return _map_texts(table, lambda text: _renamed(text, old, new, "table"))


def _renamed(text: str, old: str, new: str, part: str) -> str:
    places: list[tuple[int, int]] = []
    for column in parse_expression(text).find_all(exp.Column):
        name = column.args.get(part)
        if isinstance(name, exp.Identifier) and identifier(name) == old:
            places.append((int(name.meta["start"]) - _SELECT, int(name.meta["end"]) + 1 - _SELECT))
    for start, end in sorted(places, reverse=True):
        text = text[:start] + quoted(new) + text[end:]
    return text


def _map_texts(table: Table, change: Callable[[str], str]) -> Table:
    return replace(
        table,
        columns=tuple(
            [
                column if column.generated is None else replace(column, generated=change(column.generated))
                for column in table.columns
            ]
        ),
        checks=tuple([replace(check, expression=change(check.expression)) for check in table.checks]),
        indexes=tuple(
            [
                replace(
                    index,
                    keys=tuple(
                        [
                            key if key.expression is None else replace(key, expression=change(key.expression))
                            for key in index.keys
                        ]
                    ),
                    predicate=None if index.predicate is None else change(index.predicate),
                )
                for index in table.indexes
            ]
        ),
    )
