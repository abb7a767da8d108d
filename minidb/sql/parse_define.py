"""CREATE, ALTER, DROP, TRUNCATE, REINDEX from tokens.

sqlglot parses definitions too, but keeps less of them than the catalog must know (its trees drop or rewrite
clauses of PostgreSQL's, and hold no source text of expressions), so they have a parser of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot.tokenizer_core import Token

from minidb.errors import NotSupportedError
from minidb.sql.define_syntax import (
    CreateIndexSyntax,
    CreateViewSyntax,
    DefinitionSyntax,
    DropSyntax,
    Fragment,
    IndexKeySyntax,
    ReindexSyntax,
    RenameSyntax,
    SequenceSyntax,
    TruncateSyntax,
)
from minidb.sql.definition_reader import DefinitionReader
from minidb.sql.parse_routine import KINDS, alter_routine, create_routine, drop_routine
from minidb.sql.parse_table import alter_table, create_table
from minidb.sql.utility import TableName

_KEY_ENDS = frozenset({"ASC", "DESC", "NULLS"})
_DROPPABLE = ("TABLE", "VIEW", "SEQUENCE", "INDEX")


def parse_definition(text: str, tokens: Sequence[Token]) -> DefinitionSyntax:
    """The definition that these tokens of `text` are."""
    reader = DefinitionReader(text, tokens)
    word = reader.word()
    reader.reader.index += 1
    found = _STATEMENTS[word](reader)
    reader.reader.expect_end()
    return found


def _refuse(reader: DefinitionReader, verb: str) -> NotSupportedError:
    """CREATE FUNCTION is not supported."""
    word = reader.word()
    if not word or not word[0].isalpha():
        raise reader.error()
    return reader.refuse("materialized views are" if word == "MATERIALIZED" else f"{verb} {word} is")


def _create(reader: DefinitionReader) -> DefinitionSyntax:
    if reader.accept("OR", "REPLACE"):
        if reader.accept("VIEW"):
            return _create_view(reader, replace=True)
        if reader.word() in ("FUNCTION", "PROCEDURE"):
            return create_routine(reader, replace=True)
        raise _refuse(reader, "CREATE OR REPLACE")
    if reader.word() in ("TEMP", "TEMPORARY", "LOCAL", "GLOBAL"):
        raise reader.refuse("temporary objects are")
    if reader.word() == "UNLOGGED":
        raise reader.refuse("unlogged tables are")
    if reader.word() in ("FUNCTION", "PROCEDURE"):
        return create_routine(reader, replace=False)
    if reader.accept("TABLE"):
        return create_table(reader)
    if reader.accept("UNIQUE"):
        reader.expect("INDEX")
        return _create_index(reader, unique=True)
    if reader.accept("INDEX"):
        return _create_index(reader, unique=False)
    if reader.accept("VIEW"):
        return _create_view(reader, replace=False)
    if reader.accept("SEQUENCE"):
        lenient = reader.if_not_exists()
        name = reader.table()
        return SequenceSyntax(name, False, lenient, reader.sequence_options(closing=False))
    raise _refuse(reader, "CREATE")


def _create_index(reader: DefinitionReader, unique: bool) -> CreateIndexSyntax:
    if reader.word() == "CONCURRENTLY":
        raise reader.refuse("CREATE INDEX CONCURRENTLY is")
    if_not_exists = reader.if_not_exists()
    name: str | None = None
    if if_not_exists or reader.word() != "ON":
        name = reader.name()
    reader.expect("ON")
    reader.accept("ONLY")
    table = reader.table()
    if reader.accept("USING"):
        position = reader.position()
        method = reader.name()
        if method != "btree":
            raise reader.refuse(f'index access method "{method}" is', position)
    reader.expect("(")
    keys = [_index_key(reader)]
    while reader.accept(","):
        keys.append(_index_key(reader))
    reader.expect(")")
    if reader.word() in ("INCLUDE", "WITH", "TABLESPACE"):
        raise reader.refuse(f"{reader.word()} in CREATE INDEX is")
    if reader.accept("NULLS", "NOT", "DISTINCT"):
        raise reader.refuse("NULLS NOT DISTINCT is")
    reader.accept("NULLS", "DISTINCT")
    where = reader.fragment(frozenset()) if reader.accept("WHERE") else None
    return CreateIndexSyntax(name, table, unique, if_not_exists, tuple(keys), where)


def _index_key(reader: DefinitionReader) -> IndexKeySyntax:
    position = reader.position()
    start = reader.reader.index
    column: str | None = None
    expression: Fragment | None = None
    if reader.word() == "(":
        expression = reader.parenthesized()
    else:
        column = reader.name()
        if reader.word() == "(":  # a function call needs no parentheses around it
            reader.skip_parentheses()
            expression = reader.between(start, reader.reader.index)
            column = None
    reader.collation()
    if reader.word() not in (*_KEY_ENDS, ",", ")", "", "+", "-", "*", "/", "|"):
        raise reader.refuse("an operator class is")
    descending = reader.accept("DESC")
    if not descending:
        reader.accept("ASC")
    nulls_first = descending
    if reader.accept("NULLS"):
        nulls_first = reader.accept("FIRST")
        if not nulls_first:
            reader.expect("LAST")
    if reader.word() not in (",", ")"):
        raise reader.error()
    return IndexKeySyntax(column, expression, descending, nulls_first, position)


def _create_view(reader: DefinitionReader, replace: bool) -> CreateViewSyntax:
    view = reader.table()
    columns = reader.names() if reader.word() == "(" else ()
    if reader.word() == "WITH":
        raise reader.refuse("view options are")
    reader.expect("AS")
    first = reader.reader.index
    tokens = reader.reader.rest()
    words = [token.text.upper() for token in tokens]
    if words[-2:] == ["CHECK", "OPTION"]:
        raise reader.refuse("WITH CHECK OPTION is")
    text = reader.between(first, len(reader.reader.tokens)).text
    return CreateViewSyntax(view, replace, columns, tokens, text, reader.text)


def _drop(reader: DefinitionReader) -> DefinitionSyntax:
    if reader.word() in KINDS:
        return drop_routine(reader)
    kind = reader.accept_any(*_DROPPABLE)
    if kind is None:
        raise _refuse(reader, "DROP")
    if reader.word() == "CONCURRENTLY":
        raise reader.refuse("DROP INDEX CONCURRENTLY is")
    if_exists = reader.if_exists()
    names = reader.tables()
    return DropSyntax(kind, names, if_exists, reader.cascade())


def _truncate(reader: DefinitionReader) -> DefinitionSyntax:
    reader.accept("TABLE")
    reader.accept("ONLY")
    tables: list[TableName] = [reader.table()]
    reader.accept("*")
    while reader.accept(","):
        reader.accept("ONLY")
        tables.append(reader.table())
        reader.accept("*")
    restart = reader.accept("RESTART", "IDENTITY")
    if not restart:
        reader.accept("CONTINUE", "IDENTITY")
    return TruncateSyntax(tuple(tables), restart, reader.cascade())


def _reindex(reader: DefinitionReader) -> DefinitionSyntax:
    if reader.word() == "(":
        raise reader.refuse("REINDEX with options is")
    kind = reader.accept_any("INDEX", "TABLE", "DATABASE", "SCHEMA", "SYSTEM")
    if kind is None:
        raise reader.error()
    if reader.word() == "CONCURRENTLY":
        raise reader.refuse("REINDEX CONCURRENTLY is")
    if kind == "SYSTEM":
        raise reader.refuse("REINDEX SYSTEM is")
    if kind == "DATABASE":
        if not reader.reader.at_end():
            reader.name()
        return ReindexSyntax(kind, None)
    return ReindexSyntax(kind, reader.table())


def _alter(reader: DefinitionReader) -> DefinitionSyntax:
    if reader.accept("TABLE"):
        return alter_table(reader)
    if reader.word() in KINDS:
        return alter_routine(reader)
    kind = reader.accept_any("VIEW", "SEQUENCE", "INDEX")
    if kind is None:
        raise _refuse(reader, "ALTER")
    if_exists = reader.if_exists()
    name = reader.table()
    if reader.accept("RENAME", "TO"):
        return RenameSyntax(kind, name, reader.name(), if_exists)
    if kind == "SEQUENCE":
        if reader.word() in ("SET", "OWNER"):
            raise reader.refuse(f"ALTER SEQUENCE ... {reader.word()} is")
        if reader.reader.at_end():
            raise reader.error()
        return SequenceSyntax(name, True, if_exists, reader.sequence_options(closing=False))
    raise _refuse(reader, f"ALTER {kind} ...")


_STATEMENTS: dict[str, Callable[[DefinitionReader], DefinitionSyntax]] = {
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "TRUNCATE": _truncate,
    "REINDEX": _reindex,
}
