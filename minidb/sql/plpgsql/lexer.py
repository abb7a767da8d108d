"""PL/pgSQL's text as words: only as much as it takes to find where statements and expressions end.

The SQL inside of a body is cut out as text and read by the SQL parser; sqlglot's tokenizer could not be asked
here, for `1..10` is a number to it. Strings, quoted names and comments are whole tokens or none, so that a
`;` or a `loop` inside of them is not mistaken for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from minidb.errors import SyntaxError_
from minidb.sql.names import fold

WORD: Final = "word"
QUOTED: Final = "quoted"
STRING: Final = "string"
NUMBER: Final = "number"
SYMBOL: Final = "symbol"
END: Final = "end"

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>(?:[uU]&|[bBnNxX])?'(?:[^']|'')*')
    | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\d+(?:\.(?!\.)\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\$\d+)
    | (?P<symbol>:=|\.\.|<<|>>|::|=>|<=|>=|<>|!=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is folded for words, unquoted for quoted names, as written for the rest."""

    kind: str
    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """All tokens of a body, and one of kind END behind them."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        start, position = position, match.end()
        kind = match.lastgroup
        written = match.group()
        if kind == "comment":
            position = _end_of_comment(text, start)
        elif kind == "word":
            found.append(Token(WORD, fold(written), start, position))
        elif kind == "quoted":
            found.append(Token(QUOTED, _unquoted(written, start), start, position))
        elif kind in ("string", "escape", "dollar"):
            found.append(Token(STRING, written, start, position))
        elif kind == "number":
            found.append(Token(NUMBER, written, start, position))
        elif kind == "symbol":
            if written in "'\"":
                what = "quoted string" if written == "'" else "quoted identifier"
                raise SyntaxError_(f'unterminated {what} at or near "{text[start:]}"', position=start + 1)
            if written == "$" and re.match(r"\$(?:[^\W\d]\w*)?\$", text[start:]):
                raise SyntaxError_(
                    f'unterminated dollar-quoted string at or near "{text[start:]}"', position=start + 1
                )
            found.append(Token(SYMBOL, written, start, position))
    found.append(Token(END, "", len(text), len(text)))
    return found


def _end_of_comment(text: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise SyntaxError_(f'unterminated /* comment at or near "{text[start:]}"', position=start + 1)


def _unquoted(written: str, start: int) -> str:
    if written[0] != '"':
        raise SyntaxError_("Unicode escapes in names are not supported", sqlstate="0A000", position=start + 1)
    if written == '""':
        raise SyntaxError_('zero-length delimited identifier at or near """"', position=start + 1)
    return written[1:-1].replace('""', '"')
