"""Function calls: ordinary ones, those with a syntax of their own, aggregates.

lower(x)                          Anonymous: name and arguments as written
EXTRACT, SUBSTRING, TRIM ...      back to PostgreSQL's functions: extract, substring, btrim ...
CURRENT_DATE ...                  functions without parentheses
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from minidb.errors import Error, NotSupportedError, ProgrammingError, SyntaxError_
from minidb.expr import aggregates, conditional, functions
from minidb.expr.cast import cast
from minidb.expr.node import Constant, Expr
from minidb.sql import bind_aggregate
from minidb.sql.binder import Binder
from minidb.sql.names import fold, identifier, position_of, refuse
from minidb.sql.scope import Scope
from minidb.sql.tokens import INTERVAL_LITERAL
from minidb.value.sql_types import INTEGER, INTERVAL, TEXT, UNKNOWN, SqlType
from minidb.value.types_by_name import type_from_name

SET_RETURNING: Final = frozenset(
    """
    generate_series unnest json_array_elements json_array_elements_text jsonb_array_elements
    jsonb_array_elements_text json_each json_each_text jsonb_each jsonb_each_text json_object_keys
    jsonb_object_keys regexp_matches regexp_split_to_table string_to_table generate_subscripts
    """.split()  # noqa: SIM905
)
_WINDOW_FUNCTIONS: Final = frozenset(
    {
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
    }
)


def call(name: str, arguments: list[Expr], scope: Scope) -> Expr:
    """A function of that name; a type's name with one argument is a cast."""
    conditional_form = _CONDITIONALS.get(name)
    if conditional_form is not None:
        return conditional_form(arguments)
    try:
        return functions.function(name, arguments)
    except ProgrammingError as error:
        target = _type_called(name) if len(arguments) == 1 and error.sqlstate == "42883" else None
        if target is None:
            raise
        return cast(arguments[0], target, "explicit")


def _type_called(name: str) -> SqlType | None:
    try:
        return type_from_name(name)
    except Error:
        return None


def _nullif(arguments: list[Expr]) -> Expr:
    if len(arguments) != 2:
        raise SyntaxError_("NULLIF takes two arguments")
    return conditional.nullif(arguments[0], arguments[1])


_CONDITIONALS: Final[dict[str, Callable[[list[Expr]], Expr]]] = {
    "coalesce": conditional.coalesce,
    "nullif": _nullif,
    "greatest": conditional.greatest,
    "least": conditional.least,
}


def function_name(tree: exp.Expression) -> str | None:
    """The folded name of an ordinary call, its schema checked; None if the node is no such call."""
    if isinstance(tree, exp.Dot) and isinstance(tree.expression, exp.Anonymous):
        schema = identifier(tree.this)
        if schema not in ("pg_catalog", "public"):
            raise ProgrammingError(
                f'schema "{schema}" does not exist', sqlstate="3F000", position=position_of(tree)
            )
        tree = tree.expression
    if not isinstance(tree, exp.Anonymous):
        return None
    return identifier(tree.this) if isinstance(tree.this, exp.Identifier) else fold(str(tree.this))


def _anonymous(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    return _ordinary(binder, tree, scope, None)


def _dot(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    if function_name(tree) is None:
        raise refuse("a field of a composite value is", tree)
    return _ordinary(binder, tree, scope, None)


def _filter(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    where = tree.args["expression"]
    return _ordinary(binder, tree.this, scope, where.this if isinstance(where, exp.Where) else where)


def _ordinary(binder: Binder, tree: exp.Expression, scope: Scope, condition: exp.Expression | None) -> Expr:
    name = function_name(tree)
    if name is None:
        if isinstance(tree, exp.WithinGroup):
            raise refuse("ordered-set aggregates (WITHIN GROUP) are", tree)
        raise refuse("FILTER here is", tree)
    anonymous = tree.expression if isinstance(tree, exp.Dot) else tree
    arguments = anonymous.expressions
    if name == INTERVAL_LITERAL:
        return interval_literal(*[argument.name for argument in arguments])
    if aggregates.is_aggregate(name):
        return bind_aggregate.bind_call(binder, name, anonymous, scope, condition)
    _check_plain(name, anonymous, condition)
    if binder.catalog.has_routines(name):
        return binder.parts.user_function(binder, name, anonymous, scope)
    bound = [binder.expression(argument, scope) for argument in arguments]
    try:
        return call(name, bound, scope)
    except Error as error:
        if error.position is None:
            error.position = position_of(anonymous)
        raise


def _check_plain(name: str, tree: exp.Expression, condition: exp.Expression | None) -> None:
    """What only an aggregate or a window function may have."""
    if name in _WINDOW_FUNCTIONS:
        raise ProgrammingError(
            f"window function {name} requires an OVER clause", sqlstate="42809", position=position_of(tree)
        )
    if name in SET_RETURNING:
        raise refuse(f"the set-returning function {name} outside FROM is", tree)
    if name == "row":
        raise refuse("a row as a value is", tree)
    if condition is not None:
        raise ProgrammingError(
            f"FILTER specified, but {name} is not an aggregate function",
            sqlstate="42809",
            position=position_of(tree),
        )
    for argument in tree.expressions:
        inner = argument
        if isinstance(inner, exp.Order):
            raise ProgrammingError(
                f"ORDER BY specified, but {name} is not an aggregate function",
                sqlstate="42809",
                position=position_of(tree),
            )
        if isinstance(inner, exp.Distinct):
            raise ProgrammingError(
                f"DISTINCT specified, but {name} is not an aggregate function",
                sqlstate="42809",
                position=position_of(tree),
            )
        if isinstance(inner, exp.Star):
            raise ProgrammingError(
                f"{name}(*) specified, but {name} is not an aggregate function",
                sqlstate="42809",
                position=position_of(tree),
            )


# --- syntax of their own --------------------------------------------------------------------------


def interval_literal(text: str, fields: str, precision: str) -> Expr:
    """INTERVAL(precision) 'text' fields."""
    target = INTERVAL
    if precision:
        target = type_from_name("interval", [int(precision)])
    if not fields:
        return cast(Constant(text, UNKNOWN), target, "explicit")
    return functions.interval_constant(text, fields, target)


def _extract(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    field = tree.this
    name = field.name.lower() if isinstance(field, exp.Var | exp.Literal) else identifier(field)
    operand = binder.expression(tree.args["expression"], scope)
    return call("extract", [Constant(name, TEXT), operand], scope)


def _substring(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    arguments = [binder.expression(tree.this, scope)]
    start, length = tree.args.get("start"), tree.args.get("length")
    if start is not None:
        arguments.append(binder.expression(start, scope))
    elif length is not None:
        arguments.append(Constant(1, INTEGER))  # SUBSTRING(text FOR length)
    if length is not None:
        arguments.append(binder.expression(length, scope))
    return call("substring", arguments, scope)


def _position(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    text = binder.expression(tree.this, scope)
    return call("position", [text, binder.expression(tree.args["substr"], scope)], scope)


def _overlay(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    parts = [tree.this, tree.args["expression"], tree.args["from_"], tree.args.get("for_")]
    return call("overlay", [binder.expression(part, scope) for part in parts if part is not None], scope)


_TRIMS: Final = {"BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}


def _trim(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    arguments = [binder.expression(tree.this, scope)]
    characters = tree.args.get("expression")
    if characters is not None:
        arguments.append(binder.expression(characters, scope))
    return call(trim_name(tree), arguments, scope)


def trim_name(tree: exp.Expression) -> str:
    """The function that TRIM(BOTH | LEADING | TRAILING ...) stands for."""
    return _TRIMS[str(tree.args.get("position") or "BOTH").upper()]


BARE: Final[dict[type[exp.Expression], str]] = {
    exp.CurrentDate: "current_date",
    exp.CurrentTime: "current_time",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Localtime: "localtime",
    exp.Localtimestamp: "localtimestamp",
    exp.CurrentUser: "current_user",
    exp.CurrentRole: "current_role",
    exp.SessionUser: "session_user",
    exp.CurrentCatalog: "current_catalog",
    exp.CurrentSchema: "current_schema",
}


def _bare(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    name = BARE[type(tree)]
    precision = tree.args.get("this")
    arguments = [] if precision is None else [binder.expression(precision, scope)]
    if name == "current_time":
        raise NotSupportedError("type time with time zone is not supported", position=position_of(tree))
    return call(name, arguments, scope)


RULES: Final[dict[type[exp.Expression], Callable[[Binder, exp.Expression, Scope], Expr]]] = {
    exp.Anonymous: _anonymous,
    exp.Dot: _dot,
    exp.Filter: _filter,
    exp.Extract: _extract,
    exp.Substring: _substring,
    exp.StrPosition: _position,
    exp.Overlay: _overlay,
    exp.Trim: _trim,
    **dict.fromkeys(BARE, _bare),
}
