"""Numeric operators and functions against PostgreSQL's answers, digit for digit."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_cases import cases, disagreements

from minidb.errors import DataError
from minidb.value import numeric, numeric_functions

_BINARY: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": numeric.add,
    "-": numeric.subtract,
    "*": numeric.multiply,
    "/": numeric.divide,
    "%": numeric.modulo,
    "div": numeric.truncate_divide,
    "gcd": numeric_functions.gcd,
    "lcm": numeric_functions.lcm,
    "log": numeric_functions.log,
    "power": numeric_functions.power,
}
_UNARY: dict[str, Callable[[Decimal], Any]] = {
    "sqrt": numeric_functions.sqrt,
    "ln": numeric_functions.ln,
    "log": numeric_functions.log10,
    "exp": numeric_functions.exp,
    "ceil": numeric.ceiling,
    "floor": numeric.floor,
    "round": numeric.round_numeric,
    "trunc": numeric.truncate_numeric,
    "sign": numeric.sign,
    "abs": numeric.absolute,
    "-": numeric.negate,
    "trim_scale": numeric_functions.trim_scale,
    "scale": lambda value: numeric.scale_of(value) if value.is_finite() else None,
    "min_scale": numeric_functions.min_scale,
}


def _computed(operands: tuple[str, ...]) -> Any:
    name, first, second = operands
    left = numeric.parse_numeric(first)
    if name in ("round", "trunc") and second:
        rescale = numeric.round_numeric if name == "round" else numeric.truncate_numeric
        result: Any = rescale(left, int(second))
    elif second:
        result = _BINARY[name](left, numeric.parse_numeric(second))
    else:
        result = _UNARY[name](left)
    return numeric.format_numeric(result) if isinstance(result, Decimal) else result


def test_operators_and_functions_are_postgresqls() -> None:
    assert disagreements(cases("numeric_cases"), _computed) == []


def test_results_do_not_depend_on_the_callers_context() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert disagreements(cases("numeric_cases"), _computed) == []


_DECIMALS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=8
)


@given(_DECIMALS, _DECIMALS)
def test_arithmetic_is_exact_and_never_yields_negative_zero(left: Decimal, right: Decimal) -> None:
    left, right = numeric.normalised(left), numeric.normalised(right)
    for operation in (numeric.add, numeric.subtract, numeric.multiply):
        result = operation(left, right)
        assert result or not result.is_signed()
        exponent = result.as_tuple().exponent
        assert isinstance(exponent, int) and exponent <= 0
    assert numeric.subtract(numeric.add(left, right), right) == left
    if right:
        quotient, remainder = numeric.truncate_divide(left, right), numeric.modulo(left, right)
        assert numeric.add(numeric.multiply(quotient, right), remainder) == left
        error = numeric.subtract(numeric.multiply(numeric.divide(left, right), right), left)
        # Half a unit in the last place, as that much of the divisor.
        scale = numeric.scale_of(numeric.divide(left, right))
        assert abs(numeric.multiply(error, Decimal(2))) <= numeric.multiply(
            abs(right), numeric.quantum(scale)
        )


def test_precision_and_scale_round_and_refuse() -> None:
    fit = numeric.fitter(4, 1)
    assert [str(fit(Decimal(text))) for text in ("1", "-0.05", "999.94", "0.04", "-0.04")] == [
        "1.0", "-0.1", "999.9", "0.0", "0.0",
    ]  # fmt: skip
    with pytest.raises(DataError) as caught:
        fit(Decimal("999.95"))
    assert caught.value.sqlstate == "22003"
    assert caught.value.message == "numeric field overflow"
    detail = "A field with precision 4, scale 1 must round to an absolute value less than 10^3."
    assert caught.value.detail == detail
    assert numeric.fitter(4, 1)(numeric.NAN).is_nan()


def test_more_digits_than_numeric_holds_are_an_error() -> None:
    huge = numeric.parse_numeric("9e131071")
    for operation in (lambda: numeric.add(huge, huge), lambda: numeric.multiply(huge, huge)):
        with pytest.raises(DataError) as caught:
            operation()
        assert caught.value.sqlstate == "22003"


@given(st.floats(min_value=-1e300, max_value=1e300, allow_subnormal=False))
def test_doubles_become_their_fifteen_digits(value: float) -> None:
    assert float(numeric.from_double(value)) == pytest.approx(value, rel=1e-14)


def test_width_buckets() -> None:
    bucket = numeric_functions.width_bucket
    low, high = Decimal("0.2"), Decimal("10.06")
    assert bucket(Decimal("5.35"), low, high, 5) == 3
    assert bucket(Decimal("5.35"), high, low, 5) == 3
    assert (bucket(Decimal(0), low, high, 5), bucket(Decimal(11), low, high, 5)) == (0, 6)
    with pytest.raises(DataError) as caught:
        bucket(Decimal(1), low, low, 5)
    assert caught.value.sqlstate == "2201G"
