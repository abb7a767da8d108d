"""The table of operators and the choice among them: which one is meant, what its operands are converted to.

The tables below list what PostgreSQL's `pg_operator` has for our types; `overloads` chooses among them.
Values whose Python form serves the declared type as it is (an int where bigint or double precision is
declared, a varchar where text is) are not converted, so a column stays a plain column that a rule can match
to an index.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from minidb.errors import ProgrammingError
from minidb.expr import (
    arithmetic,
    bitwise,
    datetime_operators,
    float_functions,
    json_operators,
    patterns,
    refused,
)
from minidb.expr.calls import Volatility
from minidb.expr.cast import cast
from minidb.expr.compare import (
    FUNCTIONS,
    PLAIN,
    Comparison,
    KeyedComparison,
    TotalComparison,
)
from minidb.expr.node import Constant, Expr
from minidb.expr.overloads import Signature, choose
from minidb.value import interval_arithmetic, numeric, numeric_functions
from minidb.value.order import char_key
from minidb.value.sql_types import (
    BOOLEAN,
    FLOAT_KINDS,
    INTEGER_KINDS,
    Kind,
    SqlType,
)

_ORDER: Final = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)
_TOTAL_KINDS: Final = FLOAT_KINDS | {Kind.NUMERIC}
_BIGINT_TO_DOUBLE: Final = frozenset({(Kind.BIGINT, Kind.DOUBLE), (Kind.BIGINT, Kind.REAL)})


class Operator(NamedTuple):
    """What computes an operator for operands of the declared `kinds`."""

    kinds: tuple[Kind, ...]
    result: SqlType
    function: Callable[..., Any] | None  # None: an arithmetic node of its own
    converts: bool = True  # whether operands must have exactly the declared kind's Python form
    with_context: bool = False
    volatility: Volatility = "immutable"


def _arithmetic_operators() -> dict[str, list[Operator]]:
    found: dict[str, list[Operator]] = {}
    for name in "+-*/":
        entries = found[name] = []
        for left in _ORDER:
            for right in _ORDER:
                result = max(left, right, key=_ORDER.index)
                entries.append(Operator((left, right), SqlType(result), None, False))
        for left in (Kind.REAL, Kind.DOUBLE):
            for right in (Kind.REAL, Kind.DOUBLE):
                result = left if left is right else Kind.DOUBLE
                entries.append(Operator((left, right), SqlType(result), None, False))
    for kind in _ORDER:
        found.setdefault("%", []).append(Operator((kind, kind), SqlType(kind), None, False))
    decimal_type = SqlType(Kind.NUMERIC)
    pair = (Kind.NUMERIC, Kind.NUMERIC)
    # Exact addition takes an int as it is; division looks at the digits of both operands.
    found["+"].append(Operator(pair, decimal_type, numeric.add, False))
    found["-"].append(Operator(pair, decimal_type, numeric.subtract, False))
    found["*"].append(Operator(pair, decimal_type, numeric.multiply, False))
    found["/"].append(Operator(pair, decimal_type, numeric.divide))
    found["%"].append(Operator(pair, decimal_type, numeric.modulo))
    found["^"] = [
        Operator((Kind.DOUBLE, Kind.DOUBLE), SqlType(Kind.DOUBLE), float_functions.power),
        Operator(pair, decimal_type, numeric_functions.power),
    ]
    return found


def _pattern_operators() -> dict[str, list[Operator]]:
    names: dict[str, Callable[[str, str], bool]] = {
        "~~": patterns.like,
        "!~~": patterns.not_like,
        "~~*": patterns.ilike,
        "!~~*": patterns.not_ilike,
        "~": patterns.matches,
        "!~": patterns.not_matches,
        "~*": patterns.matches_insensitive,
        "!~*": patterns.not_matches_insensitive,
        "^@": str.startswith,
    }
    return {
        name: [
            Operator((Kind.TEXT, Kind.TEXT), BOOLEAN, function),
            Operator((Kind.CHAR, Kind.TEXT), BOOLEAN, function),
        ]
        for name, function in names.items()
    }


def _binary_operators() -> dict[str, list[Operator]]:
    found = _arithmetic_operators()
    sources = (_pattern_operators(), bitwise_operators(), _datetime_operators(), _json_operators())
    for source in sources:
        for name, entries in source.items():
            found.setdefault(name, []).extend(entries)
    return found


def bitwise_operators() -> dict[str, list[Operator]]:
    """& | # << >> of integers."""
    found: dict[str, list[Operator]] = {"&": [], "|": [], "#": [], "<<": [], ">>": []}
    for kind in _ORDER:
        result = SqlType(kind)
        for name, function in (("&", python.and_), ("|", python.or_), ("#", python.xor)):
            found[name].append(Operator((kind, kind), result, function, False))
        for name in ("<<", ">>"):
            found[name].append(Operator((kind, Kind.INTEGER), result, bitwise.shift(name, kind), False))
    return found


def _datetime_operators() -> dict[str, list[Operator]]:
    found: dict[str, list[Operator]] = {}
    for name, left, right, result, function, with_context in datetime_operators.TABLE:
        volatility: Volatility = "stable" if with_context else "immutable"
        entry = Operator((left, right), SqlType(result), function, True, with_context, volatility)
        found.setdefault(name, []).append(entry)
    return found


def _json_operators() -> dict[str, list[Operator]]:
    found: dict[str, list[Operator]] = {}
    for name, left, right, result, function in json_operators.TABLE:
        found.setdefault(name, []).append(Operator((left, right), SqlType(result), function))
    return found


def _comparison_operators() -> list[Operator]:
    crossing = (_ORDER, (Kind.REAL, Kind.DOUBLE), (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ))
    pairs = [(left, right) for group in crossing for left in group for right in group]
    for kind in (
        Kind.BOOLEAN, Kind.NUMERIC, Kind.TEXT, Kind.CHAR, Kind.BYTEA, Kind.TIME, Kind.INTERVAL, Kind.UUID,
        Kind.JSONB,
    ):  # fmt: skip
        pairs.append((kind, kind))
    return [Operator(pair, BOOLEAN, None, False) for pair in pairs]


def _unary_operators() -> dict[str, list[Operator]]:
    found: dict[str, list[Operator]] = {"+": [], "-": [], "~": [], "@": [], "|/": [], "||/": []}
    for kind in _ORDER:
        result = SqlType(kind)
        found["+"].append(Operator((kind,), result, python.pos))
        found["-"].append(Operator((kind,), result, arithmetic.negate_integer(kind)))
        found["~"].append(Operator((kind,), result, python.invert))
        found["@"].append(Operator((kind,), result, arithmetic.absolute_integer(kind)))
    for kind in (Kind.REAL, Kind.DOUBLE):
        result = SqlType(kind)
        found["+"].append(Operator((kind,), result, python.pos))
        found["-"].append(Operator((kind,), result, python.neg))
        found["@"].append(Operator((kind,), result, abs))
    decimal_type = SqlType(Kind.NUMERIC)
    found["+"].append(Operator((Kind.NUMERIC,), decimal_type, _same))
    found["-"].append(Operator((Kind.NUMERIC,), decimal_type, numeric.negate))
    found["@"].append(Operator((Kind.NUMERIC,), decimal_type, numeric.absolute))
    found["-"].append(Operator((Kind.INTERVAL,), SqlType(Kind.INTERVAL), interval_arithmetic.negate_interval))
    found["|/"].append(Operator((Kind.DOUBLE,), SqlType(Kind.DOUBLE), float_functions.square_root))
    found["||/"].append(Operator((Kind.DOUBLE,), SqlType(Kind.DOUBLE), float_functions.cube_root))
    return found


def _same(value: Any) -> Any:
    return value


_COMPARISONS: Final = _comparison_operators()
_BINARY: Final = _binary_operators()
_UNARY: Final = _unary_operators()
SPELLINGS: Final = {
    "!=": "<>", "==": "=", "LIKE": "~~", "NOT LIKE": "!~~", "ILIKE": "~~*", "NOT ILIKE": "!~~*", "**": "^",
}  # fmt: skip


@lru_cache(maxsize=4096)
def _resolve(name: str, kinds: tuple[Kind, ...]) -> Operator | bool | None:
    """The operator for operands of these kinds; None if there is none, False if it is not unique."""
    if len(kinds) == 1:
        table = _UNARY.get(name, [])
    else:
        table = _COMPARISONS if name in FUNCTIONS else _BINARY.get(name, [])
    signatures = [Signature(entry.kinds, position) for position, entry in enumerate(table)]
    if name in FUNCTIONS and kinds == (Kind.UNKNOWN, Kind.UNKNOWN):
        kinds = (Kind.TEXT, Kind.TEXT)
    found = choose(signatures, kinds, is_operator=True)
    if isinstance(found, list):
        return False
    return None if found is None else table[found.position]


def resolved(name: str, operands: tuple[Expr, ...]) -> Operator:
    found = _resolve(name, tuple([operand.type.kind for operand in operands]))
    if isinstance(found, Operator):
        return found
    names = [operand.type.kind.value for operand in operands]
    spelled = f"{name} {names[0]}" if len(names) == 1 else f"{names[0]} {name} {names[1]}"
    if name in refused.OPERATORS:
        raise refused.refuse("the operator", name)
    if found is None:
        types, casts = (
            ("types", "explicit type casts") if len(names) == 2 else ("type", "an explicit type cast")
        )
        hint = f"No operator matches the given name and argument {types}. You might need to add {casts}."
        raise ProgrammingError(f"operator does not exist: {spelled}", sqlstate="42883", hint=hint)
    raise ProgrammingError(
        f"operator is not unique: {spelled}",
        sqlstate="42725",
        hint="Could not choose a best candidate operator. You might need to add explicit type casts.",
    )


def adapted(operand: Expr, declared: Kind, converts: bool) -> Expr:
    """The operand in the declared kind's Python form, or in one that does as well."""
    kind = operand.type.kind
    if kind is declared or (kind is Kind.VARCHAR and declared is Kind.TEXT):
        return operand
    if kind is Kind.UNKNOWN or isinstance(operand, Constant):
        return cast(operand, SqlType(declared), "implicit")
    if kind in INTEGER_KINDS and declared in INTEGER_KINDS:
        return operand
    if kind is Kind.REAL and declared is Kind.DOUBLE:
        return operand
    if kind in INTEGER_KINDS and not converts:
        return operand
    return cast(operand, SqlType(declared), "implicit")


def compare(name: str, left: Expr, right: Expr) -> Comparison:
    """`left name right` for one of = <> < <= > >=."""
    chosen = resolved(name, (left, right))
    first, second = chosen.kinds
    if first is not second and (first not in INTEGER_KINDS and first not in FLOAT_KINDS):
        first = second = Kind.TIMESTAMPTZ if Kind.TIMESTAMPTZ in chosen.kinds else Kind.TIMESTAMP
    # Ints and Decimals compare exactly in Python as in SQL; bigint and double compare as doubles in SQL.
    left = adapted(left, first, (left.type.kind, first) in _BIGINT_TO_DOUBLE)
    right = adapted(right, second, (right.type.kind, second) in _BIGINT_TO_DOUBLE)
    if first in _TOTAL_KINDS or second in _TOTAL_KINDS:
        return TotalComparison(name, left, right)
    if first is Kind.CHAR:
        return KeyedComparison(name, left, right, BOOLEAN, char_key)
    return PLAIN[name](name, left, right)
