"""COPY table | (query) FROM | TO 'path' with options, in the present and the old spelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import NotSupportedError, ProgrammingError
from minidb.sql.utility import TableName, TokenReader, UnboundUtility, option_value


@dataclass(frozen=True, slots=True)
class CopyStatement(UnboundUtility):
    """COPY: of a table's columns or of a query (its tokens), `to` or from a file."""

    table: TableName | None
    columns: tuple[tuple[str, int], ...] | None  # name, position
    query: tuple[Token, ...]
    to: bool
    path: str
    options: dict[str, str | bool | tuple[str, ...]]


_COPY_OPTIONS: Final = frozenset(
    {
        "format",
        "header",
        "delimiter",
        "null",
        "quote",
        "escape",
        "force_quote",
        "force_not_null",
        "force_null",
    }
    | {"encoding", "compression"}
)


def parse_copy(reader: TokenReader) -> UnboundUtility:
    reader.expect("COPY")
    table: TableName | None = None
    columns: list[tuple[str, int]] | None = None
    query: tuple[Token, ...] = ()
    if reader.word() == "(":
        query = _parenthesised(reader)
    else:
        table = reader.table()
        if reader.accept("("):
            columns = []
            while True:
                token = reader.token
                columns.append((reader.name(), 0 if token is None else token.start + 1))
                if reader.accept(")"):
                    break
                reader.expect(",")
    to = reader.accept("TO")
    if not to:
        reader.expect("FROM")
        if query:
            raise reader.error()
    for place in ("STDIN", "STDOUT", "PROGRAM"):
        if reader.word() == place:
            raise reader.unsupported(f"COPY {'TO' if to else 'FROM'} {place}")
    path = reader.string()
    options = _copy_options(reader)
    if reader.word() == "WHERE":
        raise reader.unsupported("COPY FROM with WHERE")
    return CopyStatement(table, None if columns is None else tuple(columns), query, to, path, options)


def _parenthesised(reader: TokenReader) -> tuple[Token, ...]:
    """The tokens between this parenthesis and its partner."""
    start = reader.index + 1
    depth = 0
    while (token := reader.token) is not None:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        reader.index += 1
        if depth == 0:
            return tuple(reader.tokens[start : reader.index - 1])
    raise reader.error()


def _copy_options(reader: TokenReader) -> dict[str, str | bool | tuple[str, ...]]:
    """[WITH] (name value, ...), or the old spelling without parentheses."""
    options: dict[str, str | bool | tuple[str, ...]] = {}
    reader.accept("WITH")
    if not reader.accept("("):
        _old_copy_options(reader, options)
        return options
    while True:
        token = reader.token
        position = None if token is None else token.start + 1
        name = reader.name()
        if name not in _COPY_OPTIONS:
            if name in ("freeze", "default", "log_verbosity", "on_error"):
                raise NotSupportedError(f"COPY option {name} is not supported", position=position)
            raise ProgrammingError(f'option "{name}" not recognized', sqlstate="42601", position=position)
        if name in options:
            raise ProgrammingError("conflicting or redundant options", sqlstate="42601", position=position)
        if reader.accept("("):
            names = [reader.name()]
            while reader.accept(","):
                names.append(reader.name())
            reader.expect(")")
            options[name] = tuple(names)
        elif reader.accept("*"):
            options[name] = ("*",)
        else:
            options[name] = option_value(reader)
        if reader.accept(")"):
            return options
        reader.expect(",")


def _old_copy_options(reader: TokenReader, options: dict[str, str | bool | tuple[str, ...]]) -> None:
    while not reader.at_end() and reader.word() != "WHERE":
        if reader.accept("CSV"):
            options["format"] = "csv"
        elif reader.accept("HEADER"):
            options["header"] = True
        elif reader.word() in ("DELIMITER", "NULL", "QUOTE", "ESCAPE", "ENCODING"):
            name = reader.word().lower()
            reader.index += 1
            reader.accept("AS")
            options[name] = reader.string()
        else:
            raise reader.error()
