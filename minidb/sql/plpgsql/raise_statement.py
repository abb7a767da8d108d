"""RAISE [level] ['format', value, ... | condition | SQLSTATE 'code'] [USING option = value, ...]."""

from __future__ import annotations

from typing import Final

from minidb.errors import ProgrammingError
from minidb.sql.plpgsql.conditions import SQLSTATES, is_sqlstate
from minidb.sql.plpgsql.lexer import STRING
from minidb.sql.plpgsql.reader import Reader
from minidb.sql.plpgsql.syntax import Fragment, Raise

LEVELS: Final = ("debug", "log", "info", "notice", "warning", "exception")
_OPTIONS: Final = ("message", "detail", "hint", "errcode", "column", "constraint", "table")
_UNSUPPORTED_OPTIONS: Final = ("datatype", "schema")


def parse_raise(reader: Reader, position: int) -> Raise:
    """The statement up to its semicolon; RAISE has been read."""
    if reader.at(";"):
        return Raise(position, "exception", True, None, None, None, (), ())
    level = "exception"
    token = reader.token
    if any(reader.at(word) for word in LEVELS):
        level = token.text
        reader.index += 1
    sqlstate = condition = text = None
    values: tuple[Fragment, ...] = ()
    if reader.token.kind == STRING:
        text = reader.string()
        if reader.accept(","):
            values = reader.expressions("using", ";")
        _check_count(text, len(values), token.start)
    elif reader.at("sqlstate"):
        reader.index += 1
        place = reader.token
        sqlstate = reader.string()
        if not is_sqlstate(sqlstate):
            written = reader.text[place.start : place.end]
            raise reader.wrong(f'invalid SQLSTATE code at or near "{written}"', place)
    elif not reader.at("using") and not reader.at(";"):
        place = reader.token
        condition = reader.name()
        if condition not in SQLSTATES:
            raise ProgrammingError(
                f'unrecognized exception condition "{condition}"', sqlstate="42704", position=place.start + 1
            )
        sqlstate = SQLSTATES[condition][0]
    options = _options(reader) if reader.accept("using") else ()
    if text is None and sqlstate is None and not options:
        raise reader.error()
    return Raise(position, level, False, sqlstate, condition, text, values, options)


def _options(reader: Reader) -> tuple[tuple[str, Fragment], ...]:
    found: list[tuple[str, Fragment]] = []
    while True:
        token = reader.token
        name = reader.name()
        if name in _UNSUPPORTED_OPTIONS:
            reader.index -= 1
            raise reader.unsupported(f"the RAISE option {name.upper()}")
        if name not in _OPTIONS:
            written = reader.text[token.start : token.end]
            raise reader.wrong(f'unrecognized RAISE statement option at or near "{written}"', token)
        if not reader.accept("="):
            reader.expect(":=")
        if name in [known for known, _ in found]:
            raise reader.wrong(f"RAISE option already specified: {name.upper()}", token)
        found.append((name, reader.expression(",", ";")))
        if not reader.accept(","):
            return tuple(found)


def _check_count(text: str, count: int, position: int) -> None:
    wanted = text.replace("%%", "").count("%")
    if wanted != count:
        few = "few" if count < wanted else "many"
        raise ProgrammingError(
            f"too {few} parameters specified for RAISE", sqlstate="42601", position=position + 1
        )
