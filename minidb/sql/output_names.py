"""What PostgreSQL calls an output column that has no alias: `a`, `count`, `int4`, `case`, `?column?`."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from minidb.sql.bind_function import BARE, function_name, trim_name
from minidb.sql.names import identifier
from minidb.sql.tokens import INTERVAL_LITERAL
from minidb.sql.types import type_name

NO_NAME: Final = "?column?"

_FIXED: Final[dict[type[exp.Expression], str]] = {
    exp.Extract: "extract",
    exp.Substring: "substring",
    exp.StrPosition: "position",
    exp.Overlay: "overlay",
    exp.AtTimeZone: "timezone",
    exp.Exists: "exists",
    exp.ParseJSON: "json",
    exp.Tuple: "row",
    exp.Array: "array",
    exp.Grouping: "grouping",
    **BARE,
}

# pg_type's names, which a cast without a better name goes by.
_CATALOG_NAMES: Final = {
    "integer": "int4",
    "int": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "boolean": "bool",
    "character varying": "varchar",
    "char": "bpchar",
    "character": "bpchar",
    "decimal": "numeric",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
}


def output_name(tree: exp.Expression) -> str:
    """The column's name."""
    if isinstance(tree, exp.Alias):
        return identifier(tree.args["alias"])
    return _name(tree)[0]


def _name(tree: exp.Expression) -> tuple[str, int]:
    """The name and how much it is worth: 2 a real one, 1 that of a type, 0 none."""
    while isinstance(tree, exp.Paren | exp.Collate | exp.Filter):
        tree = tree.this
    if isinstance(tree, exp.Column):
        return identifier(tree.this), 2
    fixed = _FIXED.get(type(tree))
    if fixed is not None:
        return fixed, 2
    if isinstance(tree, exp.Trim):
        return trim_name(tree), 2
    if isinstance(tree, exp.Boolean):
        return "bool", 1
    if isinstance(tree, exp.Cast):
        name, worth = _name(tree.this)
        if worth == 2:
            return name, worth
        written = type_name(tree.args["to"])[0]
        return _CATALOG_NAMES.get(written, written), 1
    if isinstance(tree, exp.Case):
        default = tree.args.get("default")
        name, worth = (NO_NAME, 0) if default is None else _name(default)
        return (name, worth) if worth == 2 else ("case", 1)
    if isinstance(tree, exp.Subquery | exp.Select | exp.Union | exp.Intersect | exp.Except):
        return _of_query(tree), 2
    called = function_name(tree) if isinstance(tree, exp.Anonymous | exp.Dot) else None
    if called == INTERVAL_LITERAL:
        return "interval", 1
    if called is not None:
        return called, 2
    return NO_NAME, 0


def _of_query(tree: exp.Expression) -> str:
    """A scalar subquery goes by its column's name."""
    while not isinstance(tree, exp.Select):
        if not isinstance(tree.this, exp.Expression):
            return NO_NAME
        tree = tree.this
    return output_name(tree.expressions[0]) if tree.expressions else NO_NAME
