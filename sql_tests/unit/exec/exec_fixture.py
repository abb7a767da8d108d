"""What the operator tests share: a database in memory, tables with indexes, plans run to lists of rows."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minidb.catalog.row_keys import PREFIX_LENGTH, index_keys_of, keys_of
from minidb.catalog.schema import ColumnSchema, IndexKey, IndexSchema, Table
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import drain
from minidb.exec.run import run_query
from minidb.expr.aggregates import AggregateFunction
from minidb.expr.node import Column, Constant, EvaluationContext, Expr, Slot
from minidb.plan.nodes import Plan, Scan, SortKey, Values
from minidb.storage.key_codec import fit
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store
from minidb.txn.database import TransactionalStore
from minidb.txn.interrupt import Interrupt
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import BIGINT, BOOLEAN, INTEGER, Row, SqlType, Value

NOW = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Apply(Expr):
    """A Python function of the operands' values, as an expression."""

    function: Callable[..., Value]
    operands: tuple[Expr, ...]
    type: SqlType = BOOLEAN
    volatile: bool = False

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.function(*[operand.evaluate(row, context) for operand in self.operands])

    def children(self) -> tuple[Expr, ...]:
        return self.operands

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Apply(self.function, children, self.type, self.volatile)

    def is_volatile(self) -> bool:
        return self.volatile


class Total(AggregateFunction):
    """sum() of integers; `keeps_nulls` and several arguments are the tests' business."""

    def __init__(self, keeps_nulls: bool = False) -> None:
        self.name = "total"
        self.type = BIGINT
        self.keeps_nulls = keeps_nulls

    def start(self) -> Any:
        return None

    def add(self, state: Any, value: Value) -> Any:
        return value if state is None else state + value

    def merge(self, state: Any, other: Any) -> Any:
        return other if state is None else state if other is None else state + other

    def finish(self, state: Any) -> Value:
        return state


class Gathered(AggregateFunction):
    """array_agg() as a tuple."""

    def __init__(self, keeps_nulls: bool = False) -> None:
        self.name = "gathered"
        self.type = BIGINT
        self.keeps_nulls = keeps_nulls

    def start(self) -> Any:
        return ()

    def add(self, state: Any, value: Value) -> Any:
        return (*state, value)

    def merge(self, state: Any, other: Any) -> Any:
        return state + other

    def finish(self, state: Any) -> Value:
        return state


class Counted(AggregateFunction):
    """count() and count(*)."""

    def __init__(self) -> None:
        self.name = "count"
        self.type = BIGINT

    def start(self) -> Any:
        return 0

    def add(self, state: Any, value: Value) -> Any:
        return state + 1

    def merge(self, state: Any, other: Any) -> Any:
        return state + other

    def finish(self, state: Any) -> Value:
        return state


def column(type_: SqlType = INTEGER, name: str = "c") -> Column:
    """A column with an id of its own."""
    return Column(next(_ids), name, type_)


def columns(*types: SqlType) -> tuple[Column, ...]:
    """Columns of these types."""
    return tuple([column(type_, f"c{number}") for number, type_ in enumerate(types)])


def slot(index: int, type_: SqlType = INTEGER) -> Slot:
    """The input row's value at `index`."""
    return Slot(index, type_)


def ascending(expression: Expr, nulls_first: bool = False) -> SortKey:
    """A sort key."""
    return SortKey(expression, False, nulls_first)


def descending(expression: Expr, nulls_first: bool = True) -> SortKey:
    """A sort key, NULLs first as by default."""
    return SortKey(expression, True, nulls_first)


def values(types: Sequence[SqlType], rows: Sequence[Row]) -> Values:
    """Literal rows."""
    return Values(
        columns(*types),
        tuple(
            [tuple([Constant(value, type_) for value, type_ in zip(row, types, strict=True)]) for row in rows]
        ),
    )


def context(
    reader: Any = None,
    parameters: Sequence[Any] = (),
    work_mem: int | None = None,
    interrupt: Interrupt | None = None,
) -> ExecutionContext:
    """A context whose settings are empty but for `work_mem`."""
    settings: dict[str, Any] = {"timezone": "UTC"}
    if work_mem is not None:
        settings["work_mem"] = work_mem
    return ExecutionContext(reader, None, list(parameters), settings, NOW, interrupt)


def rows_of(plan: Plan, reader: Any = None, **options: Any) -> list[Row]:
    """All rows of a resolved plan."""
    return drain(run_query(plan, context(reader, **options)))


def make_table(
    types: Sequence[SqlType], primary_key: tuple[int, ...] = (0,), indexes: tuple[IndexSchema, ...] = ()
) -> Table:
    """A table with columns of these types, in slots of the same order."""
    storage_id = next(_ids) + 1000
    return Table(
        id=storage_id,
        storage_id=storage_id,
        name="t",
        columns=tuple([ColumnSchema(f"c{slot}", type_, slot) for slot, type_ in enumerate(types)]),
        slot_types=tuple(types),
        slot_missing=(None,) * len(types),
        primary_key=primary_key,
        primary_key_name="t_pkey" if primary_key else "",
        indexes=indexes,
    )


def make_index(*keys: IndexKey, unique: bool = False) -> IndexSchema:
    """An index with a storage id of its own."""
    return IndexSchema("i", next(_ids) + 1000, keys, unique)


def scan(table: Table, **parts: Any) -> Scan:
    """A scan of all columns."""
    return Scan(table, "t", columns(*table.slot_types), tuple(range(len(table.slot_types))), **parts)


class Database:
    """A database in memory."""

    def __init__(self) -> None:
        self.store = Store.open(None, StoreOptions())
        self.transactions = TransactionalStore(self.store)

    def begin(self) -> Transaction:
        """A transaction that sees what was inserted so far."""
        transaction = self.transactions.begin()
        transaction.new_statement()
        return transaction

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Commit rows with their index entries."""
        transaction = self.begin()
        keys = keys_of(table)
        for row in rows:
            if keys.row_key is not None:
                key = keys.row_key(row)
            else:
                key = keys.row_id_key(transaction.next_row_id(table.storage_id))
            transaction.put(key, keys.codec.encode(row))
            for index in table.indexes:
                index_keys = index_keys_of(index)
                assert index_keys.slots is not None
                parts = tuple([row[slot] for slot in index_keys.slots])
                row_key = key[PREFIX_LENGTH:]
                if index.unique and None not in parts:
                    transaction.put_entry(index_keys.encode(parts), row_key)
                else:
                    transaction.put_entry(fit(index_keys.encode(parts) + row_key), row_key)
        transaction.commit()

    def close(self) -> None:
        """End it all."""
        self.transactions.close()
