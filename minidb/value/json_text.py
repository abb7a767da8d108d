"""JSON and JSONB as text. JSON keeps what was written, once it is known to be JSON; JSONB is normalised:

keys sorted by length, then by their bytes, the last of equal keys kept; one space after `:` and `,`; numbers
as numeric prints them, so `1.50` keeps its scale and `1e2` becomes `100`.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from minidb.errors import DataError
from minidb.value.numeric import format_numeric, parse_numeric

_escape = json.encoder.encode_basestring  # non-ASCII characters stay as they are
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Numbers are left as text: only whether it is JSON matters, and Python's int refuses very long ones.
_check = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=str, parse_int=str).decode
_decode_exactly = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=parse_numeric, parse_int=parse_numeric
).decode


def _raise_bad_json(problem: str) -> NoReturn:
    raise DataError("invalid input syntax for type json", sqlstate="22P02", detail=problem)


def _described(error: Exception, text: str) -> str:
    position = getattr(error, "pos", None)
    if position is None:
        return str(error)
    rest = text[position:].split()
    if not rest:
        return "The input string ended unexpectedly."
    token = re.match(r"[A-Za-z0-9_]+|.", rest[0])
    return f'Token "{token[0] if token else rest[0]}" is invalid.'


def parse_json(text: str) -> str:
    """`text` itself, if it is JSON; 22P02 otherwise."""
    try:
        _check(text)
    except ValueError as error:
        _raise_bad_json(_described(error, text))
    except RecursionError:
        raise DataError("JSON is nested too deeply", sqlstate="54001") from None
    return text


def load_python(text: str) -> Any:
    """What a user gets for a JSON value: dicts, lists, ints and floats."""
    try:
        return json.loads(text)
    except ValueError:  # more digits than Python's int reads from text
        return json.loads(text, parse_int=_long_integer)
    except RecursionError:
        raise DataError("JSON is nested too deeply", sqlstate="54001") from None


def _long_integer(digits: str) -> int:
    return int(Decimal(digits))


def parse_jsonb(text: str) -> str:
    """The normalised form of a JSON text."""
    return dump_jsonb(load_exactly(text))


def load_exactly(text: str) -> Any:
    """The Python objects of a JSON text, numbers as Decimal; what JSONB cannot hold is refused."""
    if _NUL.search(text):
        detail = "\\u0000 cannot be converted to text."
        raise DataError("unsupported Unicode escape sequence", sqlstate="22P05", detail=detail)
    try:
        return _decode_exactly(text)
    except ValueError as error:
        _raise_bad_json(_described(error, text))
    except RecursionError:
        raise DataError("JSON is nested too deeply", sqlstate="54001") from None


def dump_jsonb(value: Any) -> str:
    """Python objects as JSONB's text."""
    try:
        result = _dumped(value)
        result.encode()
    except UnicodeEncodeError:
        detail = "Unicode high surrogate must not follow a high surrogate."
        raise DataError("invalid input syntax for type json", sqlstate="22P02", detail=detail) from None
    except RecursionError:
        raise DataError("JSON is nested too deeply", sqlstate="54001") from None
    return result


def _dumped(value: Any) -> str:
    if isinstance(value, str):
        return _escape(value)
    if isinstance(value, dict):
        parts = [f"{_escape(key)}: {_dumped(value[key])}" for key in sorted(value, key=_key_order)]
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join([_dumped(item) for item in value]) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format_numeric(value)
    return format_numeric(parse_numeric(repr(value)))


def _key_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode("utf-8", "surrogatepass")
    return len(encoded), encoded
