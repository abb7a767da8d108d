"""The aggregate functions by name: which one a call means, by the same choice as for other functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from minidb.errors import ProgrammingError
from minidb.expr import refused
from minidb.expr.aggregate_base import AggregateFunction as AggregateFunction
from minidb.expr.aggregate_basic import FOLDS, Count, Extreme, Fold, StringAggregate
from minidb.expr.aggregate_json import json_aggregate
from minidb.expr.aggregate_statistics import KINDS, REGRESSIONS, FloatVariance, NumericVariance, Regression
from minidb.expr.aggregate_sum import Average, FloatAverage, FloatSum, IntegerSum, IntervalSum, NumericSum
from minidb.expr.cast import settled
from minidb.expr.node import Expr
from minidb.expr.operator_table import adapted
from minidb.expr.overloads import Signature, choose
from minidb.value.sql_types import BIGINT, NUMERIC, TEXT, Kind, SqlType

_INTEGERS: Final = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)
_FLOATS: Final = (Kind.REAL, Kind.DOUBLE)
_ORDERED: Final = (
    *_INTEGERS, *_FLOATS, Kind.NUMERIC, Kind.TEXT, Kind.CHAR, Kind.DATE, Kind.TIME, Kind.TIMESTAMP,
    Kind.TIMESTAMPTZ, Kind.INTERVAL,
)  # fmt: skip
_JSON: Final = {
    "json_agg": Kind.JSON,
    "jsonb_agg": Kind.JSONB,
    "json_object_agg": Kind.JSON,
    "jsonb_object_agg": Kind.JSONB,
}


Makers = dict[tuple[Kind, ...], Callable[[], AggregateFunction]]


def _sums() -> dict[str, Makers]:
    total: Makers = {
        (Kind.SMALLINT,): partial(IntegerSum, "sum", BIGINT),
        (Kind.INTEGER,): partial(IntegerSum, "sum", BIGINT),
        (Kind.BIGINT,): partial(IntegerSum, "sum", NUMERIC),
        (Kind.NUMERIC,): partial(NumericSum, "sum"),
        (Kind.REAL,): partial(FloatSum, "sum", SqlType(Kind.REAL)),
        (Kind.DOUBLE,): partial(FloatSum, "sum", SqlType(Kind.DOUBLE)),
        (Kind.INTERVAL,): partial(IntervalSum, "sum"),
    }
    average: Makers = {(kind,): partial(Average, "avg", integers=True) for kind in _INTEGERS}
    average |= {(kind,): partial(FloatAverage, "avg") for kind in _FLOATS}
    average[Kind.NUMERIC,] = partial(Average, "avg", integers=False)
    average[Kind.INTERVAL,] = partial(IntervalSum, "avg")
    return {"sum": total, "avg": average}


def _statistics() -> dict[str, Makers]:
    found: dict[str, Makers] = {}
    for name in KINDS:
        makers: Makers = {(kind,): partial(NumericVariance, name, integers=True) for kind in _INTEGERS}
        makers |= {(kind,): partial(FloatVariance, name) for kind in _FLOATS}
        makers[Kind.NUMERIC,] = partial(NumericVariance, name, integers=False)
        found[name] = makers
    for name in REGRESSIONS:
        found[name] = {(Kind.DOUBLE, Kind.DOUBLE): partial(Regression, name)}
    return found


def _others() -> dict[str, Makers]:
    found: dict[str, Makers] = {
        "string_agg": {
            (Kind.TEXT, Kind.TEXT): partial(StringAggregate, "string_agg", TEXT),
            (Kind.BYTEA, Kind.BYTEA): partial(StringAggregate, "string_agg", SqlType(Kind.BYTEA)),
        }
    }
    for name in ("min", "max"):
        found[name] = {(kind,): partial(Extreme, name, SqlType(kind)) for kind in _ORDERED}
    for name, function in FOLDS.items():
        kinds = _INTEGERS if name.startswith("bit") else (Kind.BOOLEAN,)
        found[name] = {(kind,): partial(Fold, name, SqlType(kind), function) for kind in kinds}
    return found


_MAKERS: Final[dict[str, Makers]] = _sums() | _statistics() | _others()
_SIGNATURES: Final[dict[str, list[Signature]]] = {
    name: [Signature(kinds, position) for position, kinds in enumerate(makers)]
    for name, makers in _MAKERS.items()
}


def is_aggregate(name: str) -> bool:
    """Whether `name`, in lower case, is an aggregate function's, even of one that `aggregate` refuses."""
    return name == "count" or name in _MAKERS or name in _JSON or name in refused.AGGREGATES


def aggregate(
    name: str, arguments: Sequence[Expr], distinct: bool = False
) -> tuple[AggregateFunction, list[Expr]]:
    """The function, and its arguments as it wants them; 42883 if there is none for their types.

    `arguments` is empty for count(*).
    """
    if name in refused.AGGREGATES:
        raise refused.refuse("the aggregate function", name)
    if distinct:
        _check_distinct(arguments)
    if name == "count" and len(arguments) <= 1:
        return Count(name), list(arguments)
    json_kind = _JSON.get(name)
    if json_kind is not None and len(arguments) == (2 if "object" in name else 1):
        typed = [settled(argument) for argument in arguments]
        return json_aggregate(name, json_kind, [argument.type for argument in typed]), typed
    kinds = tuple([argument.type.kind for argument in arguments])
    found = choose(_SIGNATURES.get(name, []), kinds)
    if isinstance(found, Signature):
        function = _MAKERS[name][found.kinds]()
        pairs = zip(arguments, found.kinds, strict=True)
        return function, [adapted(argument, kind, True) for argument, kind in pairs]
    spelled = f"{name}({', '.join([kind.value for kind in kinds])})"
    if found is None:
        raise ProgrammingError(
            f"function {spelled} does not exist",
            sqlstate="42883",
            hint="No function matches the given name and argument types. "
            "You might need to add explicit type casts.",
        )
    raise ProgrammingError(
        f"function {spelled} is not unique",
        sqlstate="42725",
        hint="Could not choose a best candidate function. You might need to add explicit type casts.",
    )


def _check_distinct(arguments: Sequence[Expr]) -> None:
    for argument in arguments:
        if argument.type.kind is Kind.JSON:
            raise ProgrammingError("could not identify an equality operator for type json", sqlstate="42883")
