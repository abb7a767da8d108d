"""JSON: -> ->> of json and jsonb; || - @> <@ ? of jsonb.

A json value is the text as it was given: what `->` takes out of it is a piece of that text. A jsonb value is
normalised text: keys sorted by length and bytes, the last of equal keys kept, `, ` and `: ` between, numbers
as numeric. It is parsed anew by each operator, which keeps rows plain text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from minidb.errors import DataError
from minidb.value.json_text import dump_jsonb, load_exactly
from minidb.value.sql_types import Kind

_DECODER: Final = json.JSONDecoder()


def _blank(text: str, index: int) -> int:
    """The next position that is no white space."""
    while index < len(text) and text[index] in " \t\n\r":
        index += 1
    return index


def _members(text: str) -> list[tuple[str, str]] | None:
    """Each key of a JSON object with its value's text; None if the text is no object."""
    index = _blank(text, 0)
    if not text.startswith("{", index):
        return None
    members: list[tuple[str, str]] = []
    index = _blank(text, index + 1)
    while not text.startswith("}", index):
        key, index = _DECODER.raw_decode(text, index)
        start = _blank(text, _blank(text, index) + 1)
        _, index = _DECODER.raw_decode(text, start)
        members.append((key, text[start:index]))
        index = _blank(text, index)
        if text.startswith(",", index):
            index = _blank(text, index + 1)
    return members


def elements(text: str) -> list[str] | None:
    """The text of each element of a JSON array; None if the text is no array."""
    index = _blank(text, 0)
    if not text.startswith("[", index):
        return None
    found: list[str] = []
    index = _blank(text, index + 1)
    while not text.startswith("]", index):
        _, end = _DECODER.raw_decode(text, index)
        found.append(text[index:end])
        index = _blank(text, end)
        if text.startswith(",", index):
            index = _blank(text, index + 1)
    return found


def member(text: str, key: str) -> str | None:
    """text -> 'key': of equal keys the last."""
    found: str | None = None
    for name, value in _members(text) or []:
        if name == key:
            found = value
    return found


def element(text: str, index: int) -> str | None:
    """text -> index, from the end if negative."""
    found = elements(text)
    if found is None or not -len(found) <= index < len(found):
        return None
    return found[index]


def as_text(text: str | None) -> str | None:
    """What ->> makes of a value: a string without its quotes, null as NULL, the rest as it is."""
    if text is None or text == "null":
        return None
    if text.startswith('"'):
        result: str = _DECODER.decode(text)
        return result
    return text


def member_text(text: str, key: str) -> str | None:
    """text ->> 'key'."""
    return as_text(member(text, key))


def element_text(text: str, index: int) -> str | None:
    """text ->> index."""
    return as_text(element(text, index))


def concatenate(left: str, right: str) -> str:
    """left || right of jsonb: objects are merged, anything else becomes one array."""
    first, second = load_exactly(left), load_exactly(right)
    if isinstance(first, dict) and isinstance(second, dict):
        return dump_jsonb({**first, **second})
    return dump_jsonb(
        (first if isinstance(first, list) else [first]) + (second if isinstance(second, list) else [second])
    )


def without_key(text: str, key: str) -> str:
    """text - 'key': the member, or the equal strings of an array, left out."""
    value = load_exactly(text)
    if isinstance(value, dict):
        return dump_jsonb({name: item for name, item in value.items() if name != key})
    if isinstance(value, list):
        return dump_jsonb([item for item in value if item != key])
    raise DataError("cannot delete from scalar", sqlstate="22023")


def without_index(text: str, index: int) -> str:
    """text - index: the array without that element."""
    value = load_exactly(text)
    if isinstance(value, dict):
        raise DataError("cannot delete from object using integer index", sqlstate="22023")
    if not isinstance(value, list):
        raise DataError("cannot delete from scalar", sqlstate="22023")
    if -len(value) <= index < len(value):
        del value[index]
    return dump_jsonb(value)


def contains(left: str, right: str) -> bool:
    """left @> right."""
    first, second = load_exactly(left), load_exactly(right)
    if isinstance(first, list) and not isinstance(second, list | dict):
        return any(_contains(item, second) for item in first)  # an array contains a bare scalar
    return _contains(first, second)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return all(key in left and _contains(left[key], value) for key, value in right.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(any(_contains(candidate, item) for candidate in left) for item in right)
    return type(left) is type(right) and not isinstance(left, dict | list) and bool(left == right)


def contained(left: str, right: str) -> bool:
    """left <@ right."""
    return contains(right, left)


def has_key(text: str, key: str) -> bool:
    """text ? 'key': a member, or a string element, or the string itself."""
    value = load_exactly(text)
    if isinstance(value, dict | list):
        return key in value
    return bool(value == key)


TABLE: Final[tuple[tuple[str, Kind, Kind, Kind, Callable[..., Any]], ...]] = (
    ("->", Kind.JSON, Kind.TEXT, Kind.JSON, member),
    ("->", Kind.JSON, Kind.INTEGER, Kind.JSON, element),
    ("->", Kind.JSONB, Kind.TEXT, Kind.JSONB, member),
    ("->", Kind.JSONB, Kind.INTEGER, Kind.JSONB, element),
    ("->>", Kind.JSON, Kind.TEXT, Kind.TEXT, member_text),
    ("->>", Kind.JSON, Kind.INTEGER, Kind.TEXT, element_text),
    ("->>", Kind.JSONB, Kind.TEXT, Kind.TEXT, member_text),
    ("->>", Kind.JSONB, Kind.INTEGER, Kind.TEXT, element_text),
    ("-", Kind.JSONB, Kind.TEXT, Kind.JSONB, without_key),
    ("-", Kind.JSONB, Kind.INTEGER, Kind.JSONB, without_index),
    ("@>", Kind.JSONB, Kind.JSONB, Kind.BOOLEAN, contains),
    ("<@", Kind.JSONB, Kind.JSONB, Kind.BOOLEAN, contained),
    ("?", Kind.JSONB, Kind.TEXT, Kind.BOOLEAN, has_key),
)
