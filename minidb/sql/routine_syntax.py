"""Definitions of functions and procedures as written, and CALL: what their parsers hand to the binder."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot.tokenizer_core import Token

from minidb.sql.define_syntax import DefinitionSyntax, Fragment
from minidb.sql.utility import TableName, UnboundUtility
from minidb.value.sql_types import SqlType


@dataclass(frozen=True, slots=True)
class TypeSyntax:
    """A type, or the name of a relation, or (`column`) relation.column%TYPE; both None: void or record."""

    type: SqlType | None
    relation: str | None
    column: str | None
    position: int
    word: str = ""  # void, record


@dataclass(frozen=True, slots=True)
class ArgumentSyntax:
    """[mode] [name] type [DEFAULT expression]"""

    mode: str
    name: str
    type: TypeSyntax
    default: Fragment | None
    position: int


@dataclass(frozen=True, slots=True)
class BodySyntax:
    """The body's text, and where it begins in the statement (None: it was written with escapes).

    `atomic` is for BEGIN ATOMIC ... END and RETURN: the text holds the statements alone.
    """

    text: str
    start: int | None
    atomic: bool


@dataclass(frozen=True, slots=True)
class CreateRoutineSyntax(DefinitionSyntax):
    """CREATE [OR REPLACE] FUNCTION | PROCEDURE. `columns` are RETURNS TABLE's; `returns` None: not said."""

    kind: str
    routine: TableName
    replace: bool
    arguments: tuple[ArgumentSyntax, ...]
    returns: TypeSyntax | None
    returns_set: bool
    columns: tuple[tuple[str, TypeSyntax], ...]
    language: str
    volatility: str
    strict: bool
    body: BodySyntax


@dataclass(frozen=True, slots=True)
class RoutineName:
    """name[(types)] of DROP and ALTER; `types` None: there must be only one of that name."""

    name: TableName
    types: tuple[TypeSyntax, ...] | None


@dataclass(frozen=True, slots=True)
class DropRoutineSyntax(DefinitionSyntax):
    """DROP FUNCTION | PROCEDURE | ROUTINE."""

    kind: str
    names: tuple[RoutineName, ...]
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class RenameRoutineSyntax(DefinitionSyntax):
    """ALTER FUNCTION | PROCEDURE | ROUTINE name RENAME TO new_name."""

    kind: str
    name: RoutineName
    new_name: str


@dataclass(frozen=True, slots=True)
class CallStatement(UnboundUtility):
    """CALL: the tokens of `name(arguments)`, preceded by a SELECT so that they are a query."""

    tokens: tuple[Token, ...]
