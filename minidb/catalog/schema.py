"""What the catalog holds: tables, columns, indexes, constraints, sequences, views, as frozen values.

Expressions (defaults, checks, index expressions and predicates, view queries) are kept as SQL text; the
binder binds them anew for each catalog version, so that what is stored never depends on plan classes.

A column has two positions: its place in `Table.columns` (what the user sees) and `slot`, its place in
the stored row. A dropped column disappears from `columns`; its slot stays, filled with None.
"""

from __future__ import annotations

import msgspec

from minidb.value.sql_types import SqlType, Value


class ColumnSchema(msgspec.Struct, frozen=True):
    """One column of a table."""

    name: str
    type: SqlType
    slot: int
    nullable: bool = True
    default: str | None = None  # SQL text
    identity: str | None = None  # 'always', 'by default', or None
    sequence: str | None = None  # the sequence that SERIAL or IDENTITY owns
    missing: Value = None  # what rows written before ADD COLUMN ... DEFAULT hold here
    generated: str | None = None  # GENERATED ALWAYS AS (expression) STORED: SQL text


class IndexKey(msgspec.Struct, frozen=True):
    """One key part: a stored column (by slot) or an expression over the table's columns."""

    slot: int | None
    expression: str | None
    type: SqlType
    descending: bool = False
    nulls_first: bool = False


class IndexSchema(msgspec.Struct, frozen=True):
    """A secondary index, or the one behind a UNIQUE constraint. Its entries live under `storage_id`."""

    name: str
    storage_id: int
    keys: tuple[IndexKey, ...]
    unique: bool = False
    predicate: str | None = None  # SQL text of a partial index
    constraint: bool = False  # made by UNIQUE: dropped with the constraint, not by DROP INDEX


class CheckSchema(msgspec.Struct, frozen=True):
    """CHECK: holds unless the expression is false."""

    name: str
    expression: str


class ForeignKeySchema(msgspec.Struct, frozen=True):
    """`slots` of this table refer to `target_slots` of `target_table`, which a key of it covers."""

    name: str
    slots: tuple[int, ...]
    target_table: int  # Table.id
    target_slots: tuple[int, ...]
    on_delete: str = "no action"  # no action | restrict | cascade | set null | set default
    on_update: str = "no action"
    match_full: bool = False


class TableStatistics(msgspec.Struct, frozen=True):
    """What ANALYZE stored; per slot: (distinct values, fraction of NULLs, least, greatest)."""

    rows: int
    columns: dict[int, tuple[float, float, Value, Value]] = {}


class Table(msgspec.Struct, frozen=True):
    """A table. `storage_id` prefixes its rows' keys; TRUNCATE and rewrites change it, `id` never changes."""

    id: int
    storage_id: int
    name: str
    columns: tuple[ColumnSchema, ...]
    slot_types: tuple[SqlType, ...]  # every slot ever used, in order; the stored row's shape
    slot_missing: tuple[Value, ...]  # what a shorter, older row holds in each slot
    primary_key: tuple[int, ...] = ()  # slots; empty: rows are keyed by a hidden row id
    primary_key_name: str = ""
    indexes: tuple[IndexSchema, ...] = ()
    checks: tuple[CheckSchema, ...] = ()
    foreign_keys: tuple[ForeignKeySchema, ...] = ()
    statistics: TableStatistics | None = None

    def column(self, name: str) -> ColumnSchema | None:
        """The column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        return None


class View(msgspec.Struct, frozen=True):
    """A named query: SQL text, bound where it is used."""

    id: int
    name: str
    query: str
    columns: tuple[str, ...] = ()  # explicit column names, if given
    depends: tuple[tuple[int, tuple[int, ...]], ...] = ()  # (relation id, slots or places it reads)
    # What `*` means in the query stays as it was when the view was made: of each relation (by id) it sees
    # only the first so many slots, or columns of a view.
    horizons: tuple[tuple[int, int], ...] = ()


class Sequence(msgspec.Struct, frozen=True):
    """A counter outside transactions. `owner` is (table id, slot) of the column that it serves."""

    id: int
    storage_id: int
    name: str
    start: int = 1
    increment: int = 1
    minimum: int = 1
    maximum: int = 2**63 - 1
    cycle: bool = False
    owner: tuple[int, int] | None = None


CatalogObject = Table | View | Sequence


class RoutineArgument(msgspec.Struct, frozen=True):
    """One argument of a routine: `name` is empty if it has none, `default` is SQL text."""

    name: str
    type: SqlType
    mode: str = "in"  # in | out | inout
    default: str | None = None


class Routine(msgspec.Struct, frozen=True):
    """A function or procedure: a body of text in some language, parsed and planned where it is called.

    What it yields are rows of `columns`: a scalar function one row of one column, a set-returning one any
    number, OUT arguments one row; none for `void`. `row_of` is the table or view whose rows it returns:
    then the columns are that relation's.
    """

    id: int
    name: str
    kind: str  # function | procedure
    arguments: tuple[RoutineArgument, ...]
    language: str  # sql | plpgsql
    body: str
    columns: tuple[tuple[str, SqlType], ...] = ()
    returns_set: bool = False
    returns_row: bool = False  # TABLE, several OUT, a table's row: not a value of an expression
    row_of: int | None = None
    atomic: bool = False  # BEGIN ATOMIC or RETURN: checked and bound to what it names at creation
    volatility: str = "volatile"  # volatile | stable | immutable
    strict: bool = False
    depends: tuple[int, ...] = ()  # ids of the relations and routines that an atomic body and the result name

    @property
    def inputs(self) -> tuple[RoutineArgument, ...]:
        """The arguments whose values a call hands in; their types tell routines of one name apart."""
        return tuple([argument for argument in self.arguments if argument.mode != "out"])

    @property
    def signature(self) -> str:
        """name(types), as PostgreSQL names a routine in messages."""
        return f"{self.name}({','.join([str(argument.type) for argument in self.inputs])})"
