"""What the escapes in E'...' and U&'...' stand for.

https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE
"""

from __future__ import annotations

import re
from typing import Final

from minidb.errors import DataError, SyntaxError_

_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE: Final = re.compile(
    r"''|\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)
_UNICODE: Final = re.compile(r"''|\\(?:(\\)|([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|(.?))", re.DOTALL)


def escape_string(body: str, position: int) -> str:
    """The text of E'body'. Octal and hexadecimal escapes are bytes of UTF-8."""
    pieces: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(body):
        pieces.append(body[end : match.start()].encode("utf-8", "surrogatepass"))
        end = match.end()
        octal, hexadecimal, short, long, simple = match.groups()
        if octal is not None:
            pieces.append(bytes([int(octal, 8) & 0xFF]))
        elif hexadecimal is not None:
            pieces.append(bytes([int(hexadecimal, 16)]))
        elif short is not None or long is not None:
            pieces.append(_code_point(int(short or long, 16), position).encode("utf-8", "surrogatepass"))
        elif simple is None:
            pieces.append(b"'")
        elif simple in "uU":
            raise SyntaxError_(
                "invalid Unicode escape",
                position=position,
                hint="Unicode escapes must be \\uXXXX or \\UXXXXXXXX.",
            )
        else:
            pieces.append(_SIMPLE.get(simple, simple).encode())
    pieces.append(body[end:].encode("utf-8", "surrogatepass"))
    return _decoded(b"".join(pieces), position)


def unicode_string(body: str, position: int) -> str:
    """The text of U&'body'."""

    def replaced(match: re.Match[str]) -> str:
        backslash, short, long, wrong = match.groups()
        if backslash is not None:
            return "\\"
        if short is not None or long is not None:
            return _code_point(int(short or long, 16), position)
        if wrong is None:
            return "'"
        raise SyntaxError_(
            "invalid Unicode escape", position=position, hint="Unicode escapes must be \\XXXX or \\+XXXXXX."
        )

    return _decoded(_UNICODE.sub(replaced, body).encode("utf-8", "surrogatepass"), position)


def _code_point(code: int, position: int) -> str:
    if code == 0 or code > 0x10FFFF:
        raise SyntaxError_("invalid Unicode escape value", position=position)
    return chr(code)


def _decoded(data: bytes, position: int) -> str:
    """UTF-8, in which a pair of surrogates (\\uD83D\\uDE00) is one character."""
    try:
        text = data.decode("utf-8", "surrogatepass")
        text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise DataError(
            'invalid byte sequence for encoding "UTF8"', sqlstate="22021", position=position
        ) from None
    if "\0" in text:
        raise DataError(
            'invalid byte sequence for encoding "UTF8": 0x00', sqlstate="22021", position=position
        )
    return text
