"""How the functions of SQL are listed: a signature as text, and the Python function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from minidb.expr.calls import Volatility
from minidb.value.sql_types import BOOLEAN, Kind, SqlType

_KINDS: Final[dict[str, Kind]] = {
    "boolean": Kind.BOOLEAN,
    "smallint": Kind.SMALLINT,
    "integer": Kind.INTEGER,
    "bigint": Kind.BIGINT,
    "real": Kind.REAL,
    "double": Kind.DOUBLE,
    "numeric": Kind.NUMERIC,
    "text": Kind.TEXT,
    "character": Kind.CHAR,
    "bytea": Kind.BYTEA,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ,
    "interval": Kind.INTERVAL,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
}


class Overload(NamedTuple):
    """One function of a name. `with_context`: its first argument is the evaluation context."""

    name: str
    kinds: tuple[Kind, ...]
    result: SqlType
    function: Callable[..., Any]
    volatility: Volatility
    strict: bool
    with_context: bool


def define(
    signature: str,
    function: Callable[..., Any],
    volatility: Volatility = "immutable",
    *,
    strict: bool = True,
    with_context: bool = False,
) -> Overload:
    """`define("left(text, integer) text", left)`."""
    name, _, rest = signature.partition("(")
    arguments, _, result = rest.partition(")")
    kinds = tuple([_KINDS[word.strip()] for word in arguments.split(",") if word.strip()])
    result_kind = _KINDS[result.strip()]
    type_ = BOOLEAN if result_kind is Kind.BOOLEAN else SqlType(result_kind)
    return Overload(name, kinds, type_, function, volatility, strict, with_context)
