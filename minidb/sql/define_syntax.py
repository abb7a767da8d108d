"""Definitions as written: what the parsers of CREATE, ALTER and DROP hand to the binder.

Names are folded, types are looked up, expressions are pieces of the text: that is what the catalog stores.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot.tokenizer_core import Token

from minidb.sql.utility import TableName, UnboundUtility
from minidb.value.sql_types import SqlType


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the statement's text that is an expression; `start` counts characters from 0."""

    text: str
    start: int


# --- constraints, of a column or of a table -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constraint:
    """Base. `name` is None unless CONSTRAINT gave one."""

    name: str | None
    position: int


@dataclass(frozen=True, slots=True)
class NotNull(Constraint):
    """NOT NULL; `nullable` is the explicit NULL."""

    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Default(Constraint):
    """DEFAULT expression."""

    expression: Fragment


@dataclass(frozen=True, slots=True)
class Generated(Constraint):
    """GENERATED ALWAYS AS (expression) STORED."""

    expression: Fragment


@dataclass(frozen=True, slots=True)
class SequenceOptions:
    """START, INCREMENT ...; what is not given is None (`minimum` and `maximum`: "no" for NO MINVALUE)."""

    start: int | None = None
    increment: int | None = None
    minimum: int | str | None = None
    maximum: int | str | None = None
    cycle: bool | None = None
    type: SqlType | None = None
    restart: int | bool | None = None  # True: from the start value
    owned_by: tuple[str, str] | str | None = None  # table and column, or "none"


@dataclass(frozen=True, slots=True)
class Identity(Constraint):
    """GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(sequence options)]."""

    kind: str
    options: SequenceOptions


@dataclass(frozen=True, slots=True)
class Check(Constraint):
    """CHECK (expression)."""

    expression: Fragment


@dataclass(frozen=True, slots=True)
class Key(Constraint):
    """PRIMARY KEY or UNIQUE; no columns: the column that it stands at. `index`: USING INDEX."""

    primary: bool
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class References(Constraint):
    """FOREIGN KEY; no columns: the column that it stands at; no target columns: the primary key."""

    columns: tuple[str, ...]
    table: TableName
    target_columns: tuple[str, ...] = ()
    match_full: bool = False
    on_delete: str = "no action"
    on_update: str = "no action"


@dataclass(frozen=True, slots=True)
class ColumnSyntax:
    """One column: `serial` has its integer type in `type`."""

    name: str
    type: SqlType
    serial: bool
    constraints: tuple[Constraint, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Like:
    """LIKE table [INCLUDING ...]: which of defaults, constraints, identity, indexes, generated come along."""

    table: TableName
    including: frozenset[str]


# --- statements -----------------------------------------------------------------------------------


class DefinitionSyntax(UnboundUtility):
    """Base of all of them."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CreateTableSyntax(DefinitionSyntax):
    """CREATE TABLE with its columns and constraints in the order written."""

    table: TableName
    if_not_exists: bool
    elements: tuple[ColumnSyntax | Constraint | Like, ...]


@dataclass(frozen=True, slots=True)
class CreateTableAsSyntax(DefinitionSyntax):
    """CREATE TABLE AS: `query` are the tokens of the query, in `source`."""

    table: TableName
    if_not_exists: bool
    columns: tuple[str, ...]
    query: tuple[Token, ...]
    with_data: bool
    source: str


@dataclass(frozen=True, slots=True)
class IndexKeySyntax:
    """A key of CREATE INDEX: a column's name or an expression."""

    column: str | None
    expression: Fragment | None
    descending: bool
    nulls_first: bool
    position: int


@dataclass(frozen=True, slots=True)
class CreateIndexSyntax(DefinitionSyntax):
    """CREATE INDEX."""

    name: str | None
    table: TableName
    unique: bool
    if_not_exists: bool
    keys: tuple[IndexKeySyntax, ...]
    where: Fragment | None


@dataclass(frozen=True, slots=True)
class CreateViewSyntax(DefinitionSyntax):
    """CREATE VIEW: the query as tokens in `source`, and as text to be stored."""

    view: TableName
    replace: bool
    columns: tuple[str, ...]
    query: tuple[Token, ...]
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class SequenceSyntax(DefinitionSyntax):
    """CREATE SEQUENCE or (`alter`) ALTER SEQUENCE; `lenient` is IF [NOT] EXISTS."""

    sequence: TableName
    alter: bool
    lenient: bool
    options: SequenceOptions


@dataclass(frozen=True, slots=True)
class DropSyntax(DefinitionSyntax):
    """DROP TABLE | VIEW | SEQUENCE | INDEX."""

    kind: str
    names: tuple[TableName, ...]
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class TruncateSyntax(DefinitionSyntax):
    """TRUNCATE."""

    tables: tuple[TableName, ...]
    restart: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class ReindexSyntax(DefinitionSyntax):
    """REINDEX INDEX | TABLE name, or the whole database (`name` None)."""

    kind: str
    name: TableName | None


@dataclass(frozen=True, slots=True)
class RenameSyntax(DefinitionSyntax):
    """ALTER TABLE | VIEW | SEQUENCE | INDEX name RENAME TO new_name."""

    kind: str
    name: TableName
    new_name: str
    if_exists: bool


# --- ALTER TABLE ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ADD [COLUMN]."""

    column: ColumnSyntax
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class DropColumn:
    """DROP [COLUMN]."""

    name: str
    if_exists: bool
    cascade: bool
    position: int


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """RENAME [COLUMN]."""

    name: str
    new_name: str
    position: int


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """ADD [CONSTRAINT]; `validate`: not NOT VALID, so rows there must satisfy it."""

    constraint: Constraint
    validate: bool = True


@dataclass(frozen=True, slots=True)
class ValidateConstraint:
    """VALIDATE CONSTRAINT."""

    name: str


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """DROP CONSTRAINT."""

    name: str
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class RenameConstraint:
    """RENAME CONSTRAINT."""

    name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class SetDefault:
    """ALTER COLUMN ... SET DEFAULT, or DROP DEFAULT (None)."""

    name: str
    expression: Fragment | None
    position: int


@dataclass(frozen=True, slots=True)
class SetNotNull:
    """ALTER COLUMN ... SET | DROP NOT NULL."""

    name: str
    not_null: bool
    position: int


@dataclass(frozen=True, slots=True)
class SetType:
    """ALTER COLUMN ... TYPE [USING expression]."""

    name: str
    type: SqlType
    using: Fragment | None
    position: int


@dataclass(frozen=True, slots=True)
class SetIdentity:
    """ALTER COLUMN ... ADD GENERATED ... AS IDENTITY (`identity`), or DROP IDENTITY, or DROP EXPRESSION."""

    name: str
    identity: Identity | None
    drop: str  # "identity" or "expression" where there is nothing to add
    if_exists: bool
    position: int


Action = (
    AddColumn
    | DropColumn
    | RenameColumn
    | AddConstraint
    | ValidateConstraint
    | DropConstraint
    | RenameConstraint
    | SetDefault
    | SetNotNull
    | SetType
    | SetIdentity
)


@dataclass(frozen=True, slots=True)
class AlterTableSyntax(DefinitionSyntax):
    """ALTER TABLE with its actions in order."""

    table: TableName
    if_exists: bool
    actions: tuple[Action, ...]
