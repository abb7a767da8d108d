"""Functions of json and jsonb values: what kind they are, their parts, cleaned and indented forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from minidb.errors import DataError
from minidb.expr.calls import call
from minidb.expr.cast import cast
from minidb.expr.function_table import Overload, define
from minidb.expr.json_operators import as_text, element, elements, member
from minidb.expr.node import Expr
from minidb.value.json_text import dump_jsonb, load_exactly
from minidb.value.numeric import format_numeric
from minidb.value.sql_types import JSON, JSONB, TEXT, Kind, SqlType

_quoted: Final[Callable[[str], str]] = json.JSONEncoder(ensure_ascii=False).encode


def type_name(text: str) -> str:
    """json_typeof."""
    first = text.lstrip(" \t\n\r")[:1]
    names = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}
    return names.get(first, "number")


def array_length(text: str) -> int:
    """json_array_length."""
    found = elements(text)
    if found is None:
        kind = "a non-array" if type_name(text) == "object" else "a scalar"
        raise DataError(f"cannot get array length of {kind}", sqlstate="22023")
    return len(found)


def without_nulls(text: str) -> str:
    """jsonb_strip_nulls: object members that are null left out, at every depth."""
    return dump_jsonb(_stripped(load_exactly(text)))


def without_nulls_in_order(text: str) -> str:
    """json_strip_nulls: without blanks, members in their order."""
    return _compact(_stripped(load_exactly(text)))


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_stripped(item) for item in value]
    return value


def _compact(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quoted(key)}:{_compact(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_compact(item) for item in value]) + "]"
    return dump_jsonb(value)


def pretty(text: str) -> str:
    """jsonb_pretty: four blanks a level."""
    return _indented(load_exactly(text), 0)


def _indented(value: Any, depth: int) -> str:
    if isinstance(value, Decimal):
        return format_numeric(value)
    if not isinstance(value, dict | list):
        return dump_jsonb(value)
    inner, outer = "\n" + "    " * (depth + 1), "\n" + "    " * depth
    if isinstance(value, dict):
        parts = [f"{_quoted(key)}: {_indented(item, depth + 1)}" for key, item in value.items()]
        opening, closing = "{}"
    else:
        parts = [_indented(item, depth + 1) for item in value]
        opening, closing = "[]"
    if not parts:
        return opening + outer + closing
    return opening + inner + f",{inner}".join(parts) + outer + closing


def _step(text: str, key: str) -> str | None:
    kind = type_name(text)
    if kind == "object":
        return member(text, key)
    if kind == "array":
        try:
            return element(text, int(key))
        except ValueError:
            return None
    return None


def extract_path(text: str, *path: str) -> str | None:
    """json_extract_path(json, key, ...)."""
    found: str | None = text
    for key in path:
        if found is None:
            return None
        found = _step(found, key)
    return found


def extract_path_text(text: str, *path: str) -> str | None:
    """json_extract_path_text(json, key, ...)."""
    return as_text(extract_path(text, *path))


def path_builder(name: str, kind: Kind, *, as_string: bool) -> Callable[[Sequence[Expr]], Expr | None]:
    """json_extract_path and its relatives: any number of keys."""
    source = JSON if kind is Kind.JSON else JSONB
    result: SqlType = TEXT if as_string else source
    function = extract_path_text if as_string else extract_path

    def build(arguments: Sequence[Expr]) -> Expr | None:
        if len(arguments) < 2 or arguments[0].type.kind not in (kind, Kind.UNKNOWN):
            return None
        typed = [cast(arguments[0], source, "implicit")]
        typed += [cast(argument, TEXT, "implicit") for argument in arguments[1:]]
        return call(name, typed, result, function)

    return build


FUNCTIONS: Final[tuple[Overload, ...]] = (
    define("json_typeof(json) text", type_name),
    define("jsonb_typeof(jsonb) text", type_name),
    define("json_array_length(json) integer", array_length),
    define("jsonb_array_length(jsonb) integer", array_length),
    define("json_strip_nulls(json) json", without_nulls_in_order),
    define("jsonb_strip_nulls(jsonb) jsonb", without_nulls),
    define("jsonb_pretty(jsonb) text", pretty),
)
