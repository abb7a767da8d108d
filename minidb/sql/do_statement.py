"""DO [LANGUAGE name] 'code': a body that is run once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot.tokenizer_core import TokenType

from minidb.errors import NotSupportedError, ProgrammingError
from minidb.sql.utility import TokenReader, UnboundUtility


@dataclass(frozen=True, slots=True)
class DoStatement(UnboundUtility):
    """DO: `position` is the code's, from 1; `offset` what to add to a position in it, if that can be told."""

    body: str
    position: int
    offset: int | None


def parse_do(reader: TokenReader) -> DoStatement:
    """DO with its language before or behind the code."""
    reader.expect("DO")
    language, body = "plpgsql", None
    start = 0
    while not reader.at_end():
        if reader.accept("LANGUAGE"):
            token = reader.token
            is_string = token is not None and token.token_type is TokenType.STRING
            language = reader.string().lower() if is_string else reader.name()
        elif body is None:
            assert reader.token is not None
            start = reader.token.start
            body = reader.string()
        else:
            raise ProgrammingError("conflicting or redundant options", sqlstate="42601")
    if body is None:
        raise ProgrammingError("no inline code specified", sqlstate="42601")
    if language == "sql":
        raise NotSupportedError(f'language "{language}" does not support inline code execution')
    if language != "plpgsql":
        raise ProgrammingError(f'language "{language}" does not exist', sqlstate="42704")
    return DoStatement(body, start + 1, _offset(reader.text, start, body))


def _offset(text: str, start: int, body: str) -> int | None:
    """Where the code begins in the text, if it stands there as it is: with no escapes in it."""
    opening = text.index("$", start + 1) + 1 if text[start] == "$" else text.index("'", start) + 1
    return opening if text.startswith(body, opening) else None
