"""A catalog made from CREATE TABLE and CREATE INDEX texts, without any storage: to test the planner alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import IndexSchema, Table, TableStatistics
from minidb.plan.definitions import CreateIndex, CreateTable
from minidb.plan.nodes import Plan, Scan, ScanIndex
from minidb.plan.traverse import map_children
from minidb.sql.bind import bind
from minidb.sql.parse import parse
from minidb.sql.table_expressions import expressions_of
from minidb.value.sql_types import SqlType, Value

ColumnStatistics = tuple[float, float, Value, Value]  # distinct values, part that is NULL, least, greatest


class Planning:
    """Tables by name; `plan` binds a query over them."""

    def __init__(self, definitions: str = "") -> None:
        self._tables: dict[str, Table] = {}
        self._next_storage_id = 16
        for statement in parse(definitions):
            self._define(bind(statement, self.catalog).plan)

    @property
    def catalog(self) -> Catalog:
        """The tables as the binder sees them."""
        return Catalog(self._tables.values(), 0)

    def define(self, text: str) -> None:
        """More tables and indexes."""
        for statement in parse(text):
            self._define(bind(statement, self.catalog).plan)

    def analyzed(self, name: str, rows: int, columns: Mapping[str, ColumnStatistics] | None = None) -> None:
        """Give a table statistics as ANALYZE would."""
        table = self._tables[name]
        slots = {column.name: column.slot for column in table.columns}
        by_slot = {slots[column]: values for column, values in (columns or {}).items()}
        self._tables[name] = replace(table, statistics=TableStatistics(rows, by_slot))

    def plan(self, query: str, parameter_types: Sequence[SqlType] = ()) -> Plan:
        """The query's plan as bound."""
        (statement,) = parse(query)
        bound = bind(statement, self.catalog, parameter_types).plan
        assert isinstance(bound, Plan)
        return with_indexes(bound, self.catalog)

    def _define(self, definition: object) -> None:
        match definition:
            case CreateTable(table=table):
                indexes = tuple([self._stored(index) for index in table.indexes])
                id_ = len(self._tables) + 1
                self._tables[table.name] = replace(
                    table, id=id_, storage_id=self._new_storage_id(), indexes=indexes
                )
            case CreateIndex(table=table, index=index):
                indexes = (*table.indexes, self._stored(index.schema))
                self._tables[table.name] = replace(self._tables[table.name], indexes=indexes)
            case _:
                raise AssertionError(f"{definition} is not for planning")

    def _stored(self, index: IndexSchema) -> IndexSchema:
        return replace(index, storage_id=self._new_storage_id())

    def _new_storage_id(self) -> int:
        self._next_storage_id += 1
        return self._next_storage_id


def with_indexes(plan: Plan, catalog: Catalog) -> Plan:
    """The plan with the indexes that a scan may use only if they are bound: of expressions, or partial."""
    plan = map_children(plan, lambda child: with_indexes(child, catalog))
    if not isinstance(plan, Scan) or plan.indexes:
        return plan
    bound = [
        ScanIndex(index.schema, index.keys, index.predicate)
        for index in expressions_of(catalog, plan.table).indexes
        if index.predicate is not None or any(key.slot is None for key in index.schema.keys)
    ]
    return dataclasses.replace(plan, indexes=tuple(bound))
