"""The relational operators as frozen dataclasses, shared by the binder, the rules and the executor.

Every relation has output `columns`: `Column` expressions with ids that are unique in the statement. An
expression refers to a column by id, so a rule can move it without renumbering; a column that no input of
a node yields is a reference to an enclosing query (correlation) or to the left side of a `NestedLoop`.

    binder     -> Scan(FullScan) Join Filter Project Aggregate Sort Limit ...      ids
    optimizer  -> Scan(KeyLookup | KeyRange) HashJoin NestedLoop Sort(limit) ...   ids
    resolve    -> the same nodes, `Column` replaced by `Slot` and `OuterSlot`      positions

The statements that define things are in `plan/definitions.py`, those that change rows in `plan/changes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minidb.catalog.schema import IndexSchema, Table
from minidb.expr.aggregates import AggregateFunction
from minidb.expr.node import Column, Expr
from minidb.plan.system_view import SystemView
from minidb.value.sql_types import SqlType

JoinKind = Literal["inner", "left", "right", "full", "semi", "anti"]


class Plan:
    """A relation: some rows with the output columns `columns`."""

    __slots__ = ()
    columns: tuple[Column, ...]


# --- leaves ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FullScan:
    """All rows, in key order."""


@dataclass(frozen=True, slots=True)
class KeyLookup:
    """The rows whose whole key equals one of `keys`: of the primary key, or of a unique `index`.

    Each key is a tuple of expressions, one per key part; NULL finds nothing; equal keys count once.
    """

    index: IndexSchema | None
    keys: tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The rows with the key parts `equal` and then one part between `low` and `high`, in key order.

    `index` None is the primary key. Without bounds and `equal`: the whole index, for its order. `low` and
    `high` bound the first part after `equal` in SQL's order (the executor swaps them for a DESC part).
    A bound that evaluates to NULL makes the range empty. `not_null` leaves out NULLs of that part.
    """

    index: IndexSchema | None
    equal: tuple[Expr, ...] = ()
    low: Expr | None = None
    low_inclusive: bool = True
    high: Expr | None = None
    high_inclusive: bool = True
    not_null: bool = False


Access = FullScan | KeyLookup | KeyRange


@dataclass(frozen=True, slots=True)
class ScanIndex:
    """An index with expressions or a predicate, bound over the stored row (`Slot(i)` is slot i)."""

    schema: IndexSchema
    keys: tuple[Expr, ...]
    predicate: Expr | None


@dataclass(frozen=True, slots=True)
class Scan(Plan):
    """Rows of a stored table: `columns[i]` is stored slot `slots[i]`; `where` is tested inside.

    `indexes` are the table's indexes that have an expression or a predicate, bound; the planner uses such
    an index only if it is given here (those over plain columns it finds in `table`).

    `key`, if asked for, is the row's storage key (bytes): one more output column, the last, for
    UPDATE, DELETE and row locks. It is part of `columns` (as the last) and has no entry in `slots`.
    `shared`: it is asked for in order to lock the rows for sharing, not to change them.
    """

    table: Table
    alias: str
    columns: tuple[Column, ...]
    slots: tuple[int, ...]
    access: Access = FullScan()
    where: Expr | None = None
    reverse: bool = False
    key: Column | None = None
    indexes: tuple[ScanIndex, ...] = ()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Values(Plan):
    """Literal rows; `Values((), ((),))` is the one empty row of a SELECT without FROM."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True, slots=True)
class FunctionScan(Plan):
    """A function in FROM: generate_series(start, stop[, step]), or a user's, whose id is `routine`."""

    function: str
    arguments: tuple[Expr, ...]
    columns: tuple[Column, ...]
    routine: int = 0
    volatile: bool = False
    returns_set: bool = True


@dataclass(frozen=True, slots=True)
class CteScan(Plan):
    """The rows of the CTE `cte` (an id unique in the statement), under columns of its own."""

    cte: int
    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class SystemScan(Plan):
    """All rows of a system view: `columns` are all of its columns."""

    view: SystemView
    alias: str
    columns: tuple[Column, ...]


# --- one input ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter(Plan):
    """The rows of `source` for which `where` is true (not null)."""

    source: Plan
    where: Expr

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.source.columns


@dataclass(frozen=True, slots=True)
class Project(Plan):
    """`columns[i]` is `expressions[i]` of the source's row."""

    source: Plan
    columns: tuple[Column, ...]
    expressions: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class SortKey:
    """One ORDER BY term; NULLs last when ascending, first when descending, unless it says so."""

    expression: Expr
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Sort(Plan):
    """`source` in order; with `limit`, only its first rows (top-N)."""

    source: Plan
    keys: tuple[SortKey, ...]
    limit: Expr | None = None

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.source.columns


@dataclass(frozen=True, slots=True)
class Limit(Plan):
    """`count` rows after `offset`; `ties` (the sort keys) adds the peers of the last row."""

    source: Plan
    count: Expr | None
    offset: Expr | None = None
    ties: tuple[SortKey, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.source.columns


@dataclass(frozen=True, slots=True)
class Distinct(Plan):
    """Each row once; with `on`, the first row of each group of equal `on` (source sorted by them first)."""

    source: Plan
    on: tuple[Expr, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.source.columns


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate of an `Aggregate` node: `column` is its output."""

    column: Column
    function: AggregateFunction
    arguments: tuple[Expr, ...]  # empty: count(*)
    distinct: bool = False
    where: Expr | None = None  # FILTER (WHERE ...)
    order_by: tuple[SortKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate(Plan):
    """A row per group: the group's columns, then the aggregates'. Without `group`, exactly one row."""

    source: Plan
    group: tuple[Column, ...]
    group_expressions: tuple[Expr, ...]
    calls: tuple[AggregateCall, ...]

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.group + tuple([call.column for call in self.calls])


Waiting = Literal["block", "skip", "error"]  # for a row lock: wait, SKIP LOCKED, NOWAIT


@dataclass(frozen=True, slots=True)
class RowMark:
    """What FOR UPDATE and its kind lock of a row: the stored row of `table` whose storage key is `key`."""

    key: Column
    table: Table
    mode: int  # of txn.lock_modes
    wait: Waiting


@dataclass(frozen=True, slots=True)
class Lock(Plan):
    """SELECT ... FOR UPDATE and its kind: locks each row by its marks, in this order, then passes it on."""

    source: Plan
    marks: tuple[RowMark, ...]

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.source.columns


# --- two inputs -----------------------------------------------------------------------------------


def _joined(kind: JoinKind, left: Plan, right: Plan) -> tuple[Column, ...]:
    return left.columns if kind in ("semi", "anti") else left.columns + right.columns


@dataclass(frozen=True, slots=True)
class Join(Plan):
    """A join whose algorithm is not chosen yet. Rows are left + right; semi and anti: left only.

    `null_aware` (anti only) is NOT IN: a NULL on either side of the comparison `on` rejects the row.
    """

    kind: JoinKind
    left: Plan
    right: Plan
    on: Expr | None
    null_aware: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return _joined(self.kind, self.left, self.right)


@dataclass(frozen=True, slots=True)
class SemiJoin:
    """A semi or anti join with `right` that some relations of a `MultiJoin` take part in."""

    kind: JoinKind
    right: Plan
    on: Expr | None
    null_aware: bool = False


@dataclass(frozen=True, slots=True)
class MultiJoin(Plan):
    """Inner joins, and semi and anti joins among them, in an order that is still to be chosen.

    It exists only between two rules of the optimizer.
    """

    relations: tuple[Plan, ...]
    conjuncts: tuple[Expr, ...]
    filters: tuple[SemiJoin, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return tuple([column for relation in self.relations for column in relation.columns])


@dataclass(frozen=True, slots=True)
class HashJoin(Plan):
    """Equality of `left_keys` and `right_keys`, then `residual`; the right side is hashed."""

    kind: JoinKind
    left: Plan
    right: Plan
    left_keys: tuple[Expr, ...]
    right_keys: tuple[Expr, ...]
    residual: Expr | None = None
    null_aware: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return _joined(self.kind, self.left, self.right)


@dataclass(frozen=True, slots=True)
class NestedLoop(Plan):
    """For each left row the matching right rows.

    `bindings` are the left columns that `right` refers to (index lookups, LATERAL): the executor puts
    them into `context.outer` and runs `right` anew for each left row. Without bindings `right` is run once
    and kept. Kinds right and full have no bindings.
    """

    kind: JoinKind
    left: Plan
    right: Plan
    on: Expr | None = None
    bindings: tuple[Column, ...] = ()
    binding_slots: tuple[int, ...] = ()  # their positions in the left row; filled by resolve

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return _joined(self.kind, self.left, self.right)


@dataclass(frozen=True, slots=True)
class SetOperation(Plan):
    """UNION, INTERSECT, EXCEPT [ALL] of inputs whose column types already agree."""

    kind: Literal["union", "intersect", "except"]
    all: bool
    left: Plan
    right: Plan
    columns: tuple[Column, ...]


# --- statements with WITH -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cte:
    """One WITH item: evaluated at most once, when first scanned. `step` makes it recursive.

    A data-modifying item is a `Change` plan, run to its end even if nobody scans it.
    """

    id: int
    name: str
    plan: Plan
    step: Plan | None = None  # WITH RECURSIVE: scans the CTE's own working table by a CteScan of `id`
    union_all: bool = True


@dataclass(frozen=True, slots=True)
class With(Plan):
    """CTEs that `body` (and later CTEs) may scan."""

    ctes: tuple[Cte, ...]
    body: Plan

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        return self.body.columns


def value_type(plan: Plan) -> SqlType:
    """The type of a one-column plan's column."""
    return plan.columns[0].type
