"""Statements that define things, and those that steer the session: data for `exec/define.py` and `session/`.

The binder does the thinking: it resolves names, chooses constraint names, checks dependencies and hands over
the schema objects as they shall be. What only the executor can know is left open: a new object's ids are 0.
Expressions that must look at existing rows are bound over the row as stored (`Slot(i)` is slot i), so a
definition needs no resolve, but for the query of CREATE TABLE AS, which is a plan like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from minidb.catalog.schema import CatalogObject, ForeignKeySchema, Routine, Sequence, Table, View
from minidb.expr.node import Expr
from minidb.plan.changes import TargetIndex
from minidb.plan.nodes import Plan


class Definition:
    """Base of all DDL. `tag` is the command tag; `notices` are for the user."""

    __slots__ = ()
    tag: str


@dataclass(frozen=True, slots=True)
class Nothing(Definition):
    """IF EXISTS of what does not exist, IF NOT EXISTS of what does: only a notice."""

    tag: str
    notice: str


@dataclass(frozen=True, slots=True)
class CreateTable(Definition):
    """A new table (ids 0, index storage ids 0) and the sequences its columns own (owner (0, slot)).

    A foreign key whose `target_table` is 0 refers to the new table itself. `source` fills the table
    (CREATE TABLE AS): its columns are the table's slots.
    """

    table: Table
    sequences: tuple[Sequence, ...] = ()
    if_not_exists: bool = False
    source: Plan | None = None
    tag: str = "CREATE TABLE"


@dataclass(frozen=True, slots=True)
class CreateIndex(Definition):
    """A new index (storage id 0) with its expressions bound, to be filled from the rows."""

    table: Table
    index: TargetIndex
    if_not_exists: bool = False
    tag: str = "CREATE INDEX"


@dataclass(frozen=True, slots=True)
class CreateView(Definition):
    """A new view, or (`replaced`) another query under a view's name."""

    view: View
    replaced: View | None = None
    tag: str = "CREATE VIEW"


@dataclass(frozen=True, slots=True)
class CreateSequence(Definition):
    """A new sequence."""

    sequence: Sequence
    if_not_exists: bool = False
    tag: str = "CREATE SEQUENCE"


@dataclass(frozen=True, slots=True)
class AlterSequence(Definition):
    """Other options; `restart` begins anew from that value."""

    old: Sequence
    new: Sequence
    restart: int | None = None
    tag: str = "ALTER SEQUENCE"


@dataclass(frozen=True, slots=True)
class PutRoutine(Definition):
    """A new function or procedure (id 0), or (`replaced`) another under its id.

    The session checks the body once the routine exists; `body_start` is where it begins in the statement.
    """

    tag: str
    routine: Routine
    replaced: Routine | None = None
    body_start: int | None = None


@dataclass(frozen=True, slots=True)
class Drop(Definition):
    """Objects that end to exist, and tables that lose a foreign key, a default or an index with them."""

    tag: str
    objects: tuple[CatalogObject, ...]
    altered: tuple[tuple[CatalogObject, CatalogObject], ...] = ()
    notices: tuple[str, ...] = ()
    routines: tuple[Routine, ...] = ()


@dataclass(frozen=True, slots=True)
class Truncate(Definition):
    """Empty tables: each gets new storage. `restart`: the sequences that begin anew."""

    tables: tuple[Table, ...]
    restart: tuple[Sequence, ...] = ()
    tag: str = "TRUNCATE TABLE"


@dataclass(frozen=True, slots=True)
class Reindex(Definition):
    """Indexes of tables to be built anew from the rows."""

    tables: tuple[tuple[Table, tuple[TargetIndex, ...]], ...]
    tag: str = "REINDEX"


# --- ALTER TABLE: from one schema to another, with the work on existing rows between --------------


class Step:
    """Something ALTER TABLE must do to, or find out about, existing rows."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CheckRows(Step):
    """23514 unless `condition` holds (or is NULL) for every row."""

    name: str
    condition: Expr


@dataclass(frozen=True, slots=True)
class CheckNotNull(Step):
    """23502 if a row has NULL in the slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class CheckForeignKey(Step):
    """23503 unless every row has its partner."""

    foreign_key: ForeignKeySchema


@dataclass(frozen=True, slots=True)
class RewriteRows(Step):
    """New storage: slot i of every row becomes `values[i]`; keys and entries follow the new schema.

    `counters` are slots that get the next value of a new sequence (by name).
    """

    values: tuple[Expr, ...]
    counters: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AlterTable(Definition):
    """From `old` to `new`, which is complete but for new storage ids (0).

    `missing` are the values that rows of today have in new slots. `steps` run in order over rows as the new
    schema has them; `indexes` are all of the new schema's, for those that must be built (storage id 0).
    """

    old: Table
    new: Table
    indexes: tuple[TargetIndex, ...] = ()
    missing: tuple[tuple[int, Expr], ...] = ()
    steps: tuple[Step, ...] = ()
    created: tuple[Sequence, ...] = ()
    dropped: tuple[CatalogObject, ...] = ()
    altered: tuple[tuple[CatalogObject, CatalogObject], ...] = ()  # other objects that change with it
    notices: tuple[str, ...] = ()
    tag: str = "ALTER TABLE"


@dataclass(frozen=True, slots=True)
class RenameObject(Definition):
    """ALTER VIEW, SEQUENCE, INDEX ... RENAME TO: the object under its new name (an index: its table)."""

    tag: str
    changed: tuple[tuple[CatalogObject, CatalogObject], ...]  # (old, new), the renamed one first


# --- what steers the session ----------------------------------------------------------------------


class Utility:
    """Base of the statements that neither query, change nor define: the session carries them out."""

    __slots__ = ()
    needs_no_snapshot: ClassVar[bool] = False  # the transaction may still take its first one after it


@dataclass(frozen=True, slots=True)
class Begin(Utility):
    """BEGIN, START TRANSACTION; None: the session's default. `level` as PostgreSQL spells it, lower case."""

    level: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@dataclass(frozen=True, slots=True)
class Commit(Utility):
    """COMMIT, END; `chain` begins the next transaction with the same characteristics."""

    chain: bool = False


@dataclass(frozen=True, slots=True)
class Rollback(Utility):
    """ROLLBACK, ABORT."""

    chain: bool = False


@dataclass(frozen=True, slots=True)
class Savepoint(Utility):
    """SAVEPOINT name."""

    name: str


@dataclass(frozen=True, slots=True)
class RollbackTo(Utility):
    """ROLLBACK TO SAVEPOINT name."""

    name: str


@dataclass(frozen=True, slots=True)
class Release(Utility):
    """RELEASE SAVEPOINT name."""

    name: str


@dataclass(frozen=True, slots=True)
class SetTransaction(Utility):
    """SET TRANSACTION: the current transaction's characteristics."""

    needs_no_snapshot: ClassVar[bool] = True
    level: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@dataclass(frozen=True, slots=True)
class SetSessionCharacteristics(Utility):
    """SET SESSION CHARACTERISTICS AS TRANSACTION: the defaults of transactions to come."""

    needs_no_snapshot: ClassVar[bool] = True
    level: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@dataclass(frozen=True, slots=True)
class SetSetting(Utility):
    """SET [LOCAL] name TO value; value None: RESET to the default; name "all" with None: all of them."""

    needs_no_snapshot: ClassVar[bool] = True
    name: str
    value: str | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Show(Utility):
    """SHOW name; "all" shows every setting."""

    needs_no_snapshot: ClassVar[bool] = True
    name: str


@dataclass(frozen=True, slots=True)
class Explain(Utility):
    """EXPLAIN: the statement's plan (not yet optimized), run if `analyze`; `locks`: what it will lock."""

    statement: Plan | Definition
    analyze: bool = False
    verbose: bool = False
    costs: bool = True
    timing: bool = True
    locks: bool = False
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Analyze(Utility):
    """ANALYZE: gather statistics of these tables; empty: of all."""

    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class LockTables(Utility):
    """LOCK TABLE: each of the tables, in this order, in one mode (of txn.lock_modes)."""

    needs_no_snapshot: ClassVar[bool] = True
    tables: tuple[Table, ...]
    mode: int
    wait: bool = True


@dataclass(frozen=True, slots=True)
class Copy(Utility):
    """COPY table [(columns)] | (query) FROM | TO path. `options` by lower-case name."""

    table: Table | None
    slots: tuple[int, ...]
    source: Plan | None
    to: bool
    path: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Do(Utility):
    """DO: a parsed PL/pgSQL body, and where its text begins in the statement's if positions can be told."""

    body: object
    offset: int | None


@dataclass(frozen=True, slots=True)
class Call(Utility):
    """CALL: `arguments` are those of the routine's inputs, over no row; a Python procedure has id 0."""

    routine: Routine
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint(Utility):
    """CHECKPOINT: move what the log holds into the pages now."""


@dataclass(frozen=True, slots=True)
class Discard(Utility):
    """DISCARD ALL | PLANS | SEQUENCES | TEMP."""

    what: str


@dataclass(frozen=True, slots=True)
class Vacuum(Utility):
    """VACUUM [(ANALYZE)]: there is nothing to vacuum; `analyze` gathers statistics as ANALYZE does."""

    tables: tuple[Table, ...] = ()
    analyze: bool = False
