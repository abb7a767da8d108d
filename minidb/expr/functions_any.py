"""Functions that take arguments of any type: they are built for the types at hand.

concat, concat_ws, format, quote_literal, quote_nullable, num_nulls, num_nonnulls, pg_typeof, to_json,
json_build_object, json_build_array and their jsonb forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from minidb.errors import DataError, ProgrammingError
from minidb.expr.calls import call
from minidb.expr.cast import cast, session_time, settled
from minidb.expr.functions_encoding import quote_ident, quote_literal
from minidb.expr.functions_json import path_builder
from minidb.expr.json_values import json_writer, quoted
from minidb.expr.node import Constant, EvaluationContext, Expr
from minidb.value.json_text import parse_jsonb
from minidb.value.sql_types import INTEGER, JSON, JSONB, TEXT, Kind, SqlType, Value
from minidb.value.text import writer

_DIRECTIVE: Final = re.compile(r"%(?:(\d+)\$)?(-)?(?:\*(?:(\d+)\$)?|(\d+))?(.)?", re.DOTALL)


def _output(argument: Expr) -> Expr:
    """The argument's text as results show it: booleans as t and f, not as the cast has them."""
    if argument.type.kind is Kind.BOOLEAN:
        return call("boolout", [argument], TEXT, lambda value: "t" if value else "f")
    return cast(argument, TEXT, "explicit")


def _concat(*values: str | None) -> str:
    return "".join([value for value in values if value is not None])


def _concat_ws(separator: str | None, *values: str | None) -> str | None:
    return None if separator is None else separator.join([value for value in values if value is not None])


def concat(arguments: Sequence[Expr]) -> Expr | None:
    """concat(any, ...): NULLs are left out."""
    if not arguments:
        return None
    return call(
        "concat", [_output(argument) for argument in arguments], TEXT, _concat, "stable", strict=False
    )


def concat_ws(arguments: Sequence[Expr]) -> Expr | None:
    """concat_ws(separator, any, ...)."""
    if len(arguments) < 2:
        return None
    texts = [cast(arguments[0], TEXT, "implicit"), *[_output(argument) for argument in arguments[1:]]]
    return call("concat_ws", texts, TEXT, _concat_ws, "stable", strict=False)


def format_text(arguments: Sequence[Expr]) -> Expr | None:
    """format(pattern, any, ...): %s, %I, %L, %%, with positions, widths and -."""
    if not arguments:
        return None
    texts = [cast(arguments[0], TEXT, "implicit"), *[_output(argument) for argument in arguments[1:]]]
    return call("format", texts, TEXT, _format, "stable", strict=False)


def _format(pattern: str | None, *values: str | None) -> str | None:
    if pattern is None:
        return None
    next_value = 0

    def take(position: str | None) -> str | None:
        nonlocal next_value
        number = next_value + 1 if position is None else int(position)
        if number == 0:
            raise DataError(
                "format specifies argument 0, but arguments are numbered from 1", sqlstate="22023"
            )
        if number > len(values):
            raise DataError("too few arguments for format()", sqlstate="22023")
        next_value = number
        return values[number - 1]

    def replaced(match: re.Match[str]) -> str:
        position, minus, star_position, width_digits, kind = match.groups()
        if match[0] == "%%":
            return "%"
        if kind is None:
            raise DataError(
                "unterminated format() type specifier", sqlstate="22023", hint='For a single "%" use "%%".'
            )
        width = int(width_digits or 0)
        if "*" in match[0]:
            width = int(take(star_position) or 0)
        if kind not in "sIL":
            raise DataError(
                f'unrecognized format() type specifier "{kind}"',
                sqlstate="22023",
                hint='For a single "%" use "%%".',
            )
        value = take(position)
        if kind == "I":
            if value is None:
                raise DataError("null values cannot be formatted as an SQL identifier", sqlstate="22004")
            text = quote_ident(value)
        elif kind == "L":
            text = "NULL" if value is None else quote_literal(value)
        else:
            text = value or ""
        return text.ljust(abs(width)) if minus or width < 0 else text.rjust(width)

    return _DIRECTIVE.sub(replaced, pattern)


def quote_literal_of(arguments: Sequence[Expr]) -> Expr | None:
    """quote_literal(any)."""
    if len(arguments) != 1:
        return None
    return call("quote_literal", [cast(arguments[0], TEXT, "explicit")], TEXT, quote_literal)


def quote_nullable(arguments: Sequence[Expr]) -> Expr | None:
    """quote_nullable(any): the word NULL for a NULL."""
    if len(arguments) != 1:
        return None
    text = cast(arguments[0], TEXT, "explicit")
    return call("quote_nullable", [text], TEXT, _quote_nullable, strict=False)


def _quote_nullable(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text)


def num_nulls(arguments: Sequence[Expr]) -> Expr | None:
    """num_nulls(any, ...)."""
    if not arguments:
        return None
    return call("num_nulls", arguments, INTEGER, lambda *values: values.count(None), strict=False)


def num_nonnulls(arguments: Sequence[Expr]) -> Expr | None:
    """num_nonnulls(any, ...)."""
    if not arguments:
        return None
    return call(
        "num_nonnulls", arguments, INTEGER, lambda *values: len(values) - values.count(None), strict=False
    )


def pg_typeof(arguments: Sequence[Expr]) -> Expr | None:
    """pg_typeof(any): the name of the type, without modifiers."""
    return Constant(arguments[0].type.kind.value, TEXT) if len(arguments) == 1 else None


# --- JSON -----------------------------------------------------------------------------------------


def _to_json(name: str, result: SqlType) -> Callable[[Sequence[Expr]], Expr | None]:
    def build(arguments: Sequence[Expr]) -> Expr | None:
        if len(arguments) != 1:
            return None
        argument = arguments[0]
        if argument.type.kind is Kind.UNKNOWN:
            raise ProgrammingError(
                "could not determine polymorphic type because input has type unknown", sqlstate="42804"
            )
        type_ = argument.type

        def convert(context: EvaluationContext, value: Value) -> str:
            text = json_writer(type_, session_time(context))(value)
            return parse_jsonb(text) if result is JSONB else text

        return call(name, [argument], result, convert, "stable", with_context=True)

    return build


def _json_build(name: str, result: SqlType, *, is_object: bool) -> Callable[[Sequence[Expr]], Expr | None]:
    def build(arguments: Sequence[Expr]) -> Expr | None:
        if is_object and len(arguments) % 2:
            raise DataError(
                "argument list must have even number of elements",
                sqlstate="22023",
                hint=f"The arguments of {name}() must consist of alternating keys and values.",
            )
        typed = [settled(argument) for argument in arguments]
        types = [argument.type for argument in typed]

        def convert(context: EvaluationContext, *values: Value) -> str:
            session = session_time(context)
            texts: list[str] = []
            for index, (value, type_) in enumerate(zip(values, types, strict=True)):
                if is_object and index % 2 == 0:
                    if value is None:
                        raise DataError(
                            f"argument {index + 1} cannot be null", sqlstate="22023",
                            hint="Object keys should be text.",
                        )  # fmt: skip
                    texts.append(quoted(writer(type_, session)(value)))
                else:
                    texts.append("null" if value is None else json_writer(type_, session)(value))
            text = _object(texts) if is_object else "[" + ", ".join(texts) + "]"
            return parse_jsonb(text) if result is JSONB else text

        return call(name, typed, result, convert, "stable", strict=False, with_context=True)

    return build


def _object(texts: list[str]) -> str:
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return "{" + ", ".join([f"{key} : {value}" for key, value in pairs]) + "}"


Builder = Callable[[Sequence[Expr]], "Expr | None"]
BUILDERS: Final[dict[str, Builder]] = {
    "concat": concat,
    "concat_ws": concat_ws,
    "format": format_text,
    "quote_literal": quote_literal_of,
    "quote_nullable": quote_nullable,
    "num_nulls": num_nulls,
    "num_nonnulls": num_nonnulls,
    "pg_typeof": pg_typeof,
    "to_json": _to_json("to_json", JSON),
    "to_jsonb": _to_json("to_jsonb", JSONB),
    "json_extract_path": path_builder("json_extract_path", Kind.JSON, as_string=False),
    "json_extract_path_text": path_builder("json_extract_path_text", Kind.JSON, as_string=True),
    "jsonb_extract_path": path_builder("jsonb_extract_path", Kind.JSONB, as_string=False),
    "jsonb_extract_path_text": path_builder("jsonb_extract_path_text", Kind.JSONB, as_string=True),
    "json_build_object": _json_build("json_build_object", JSON, is_object=True),
    "jsonb_build_object": _json_build("jsonb_build_object", JSONB, is_object=True),
    "json_build_array": _json_build("json_build_array", JSON, is_object=False),
    "jsonb_build_array": _json_build("jsonb_build_array", JSONB, is_object=False),
}
