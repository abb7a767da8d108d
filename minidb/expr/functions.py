"""Ordinary functions by name: `function(name, arguments)` chooses the overload and builds the call.

The functions themselves are in the `functions_*` modules, by topic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from minidb.errors import DataError, ProgrammingError
from minidb.expr import (
    functions_any,
    functions_datetime,
    functions_encoding,
    functions_format,
    functions_json,
    functions_locks,
    functions_numeric,
    functions_regexp,
    functions_string,
    functions_system,
    refused,
)
from minidb.expr.calls import call
from minidb.expr.cast import cast
from minidb.expr.function_table import Overload
from minidb.expr.node import Constant, Expr
from minidb.expr.operator_table import adapted
from minidb.expr.overloads import Signature, choose
from minidb.value.date_fields import truncate_interval
from minidb.value.interval import Interval
from minidb.value.interval_input import parse_interval
from minidb.value.sql_types import INTERVAL, Kind, SqlType


def _by_name() -> dict[str, list[Overload]]:
    found: dict[str, list[Overload]] = {}
    for module in (
        functions_string.FUNCTIONS,
        functions_regexp.FUNCTIONS,
        functions_encoding.FUNCTIONS,
        functions_numeric.FUNCTIONS,
        functions_json.FUNCTIONS,
        functions_format.FUNCTIONS,
        functions_datetime.FUNCTIONS,
        functions_system.FUNCTIONS,
        functions_locks.FUNCTIONS,
    ):
        for overload in module:
            found.setdefault(overload.name, []).append(overload)
    return found


_OVERLOADS: Final = _by_name()


def function_names() -> list[str]:
    """The names of all functions, sorted."""
    return sorted({*_OVERLOADS, *functions_any.BUILDERS})


def overload_kinds(name: str) -> list[tuple[Kind, ...]]:
    """The argument kinds of each function of that name."""
    return [overload.kinds for overload in _OVERLOADS.get(name, ())]


def function(name: str, arguments: Sequence[Expr]) -> Expr:
    """The call `name(arguments)`; 42883 if there is no such function for these types, 42725 if several."""
    builder = functions_any.BUILDERS.get(name)
    if builder is not None:
        built = builder(arguments)
        if built is not None:
            return built
    overloads = _OVERLOADS.get(name, [])
    if not overloads and name in refused.FUNCTIONS:
        raise refused.refuse("the function", name)
    kinds = tuple([argument.type.kind for argument in arguments])
    signatures = [Signature(overload.kinds, position) for position, overload in enumerate(overloads)]
    found = choose(signatures, kinds)
    if not isinstance(found, Signature):
        raise _not_found(name, arguments, ambiguous=found is not None)
    chosen = overloads[found.position]
    adapted_arguments = [
        adapted(argument, kind, True) for argument, kind in zip(arguments, chosen.kinds, strict=True)
    ]
    return call(
        name,
        adapted_arguments,
        chosen.result,
        chosen.function,
        chosen.volatility,
        strict=chosen.strict,
        with_context=chosen.with_context,
    )


def _not_found(name: str, arguments: Sequence[Expr], *, ambiguous: bool) -> ProgrammingError:
    spelled = f"{name}({', '.join([argument.type.kind.value for argument in arguments])})"
    if ambiguous:
        return ProgrammingError(
            f"function {spelled} is not unique",
            sqlstate="42725",
            hint="Could not choose a best candidate function. You might need to add explicit type casts.",
        )
    return ProgrammingError(
        f"function {spelled} does not exist",
        sqlstate="42883",
        hint="No function matches the given name and argument types. "
        "You might need to add explicit type casts.",
    )


def interval_constant(text: str, fields: str, target: SqlType) -> Expr:
    """INTERVAL 'text' fields, such as `DAY TO SECOND`: what is finer than the last field is cut off."""
    last = fields.upper().split(" TO ")[-1].split("(")[0].strip()
    if last not in _INTERVAL_FIELDS:
        raise DataError(f'invalid INTERVAL fields: "{fields}"', sqlstate="22023")
    value = parse_interval(text, last.lower())
    return cast(Constant(_cut(value, last), INTERVAL), target, "explicit")


_INTERVAL_FIELDS: Final = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


def _cut(value: Interval, last: str) -> Interval:
    match last:
        case "YEAR":
            return truncate_interval("year", value)
        case "MONTH":
            return Interval(value.months, 0, 0)
        case "DAY":
            return Interval(value.months, value.days, 0)
        case "HOUR" | "MINUTE":
            return truncate_interval(last.lower(), value)
        case _:
            return value
