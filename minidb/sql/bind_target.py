"""What a change of a table's rows needs, gathered from the catalog: its own expressions, and through foreign
keys the other tables that must be looked at or changed in turn.

    insert         its foreign keys' parents are looked up
    update of s    foreign keys with columns in s; tables that refer to columns in s: their on_update action
    delete         tables that refer to it: their on_delete action, which deletes or updates there

Only what the statement can touch is gathered: an UPDATE of columns that are in no foreign key has none.
"""

from __future__ import annotations

from collections.abc import Iterable

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import ForeignKeySchema, Table
from minidb.plan.changes import Target
from minidb.sql.binder import Binder
from minidb.sql.table_expressions import expressions_of


class _Reach:
    """What is known of one table: is it changed, which foreign keys matter."""

    __slots__ = ("changed", "foreign_keys", "referencing", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.changed = False
        self.foreign_keys: dict[str, ForeignKeySchema] = {}
        self.referencing: dict[tuple[int, str], ForeignKeySchema] = {}


class Targets:
    """Gathers the targets of one statement; `insert`, `update` and `delete` say what happens to rows."""

    __slots__ = ("_catalog", "_pending", "_reached", "_seen", "table")

    def __init__(self, catalog: Catalog, table: Table) -> None:
        self.table = table
        self._catalog = catalog
        self._reached: dict[int, _Reach] = {table.id: _Reach(table)}
        self._pending: list[tuple[Table, str, frozenset[int]]] = []
        self._seen: set[tuple[int, str, frozenset[int]]] = set()

    def insert(self) -> None:
        """Rows are inserted."""
        reach = self._changed(self.table)
        for foreign_key in self.table.foreign_keys:
            self._refer(reach, foreign_key)

    def update(self, slots: Iterable[int]) -> None:
        """Rows change in these slots."""
        self._note(self.table, "update", frozenset(slots))
        self._follow()

    def delete(self) -> None:
        """Rows are deleted."""
        self._note(self.table, "delete", frozenset())
        self._follow()

    def finish(self, binder: Binder) -> tuple[Target, ...]:
        """All targets, the statement's own table first."""
        return tuple([self._target(binder, reach) for reach in self._reached.values()])

    def _note(self, table: Table, event: str, slots: frozenset[int]) -> None:
        if event == "update":
            slots = slots | {column.slot for column in table.columns if column.generated is not None}
        if (table.id, event, slots) not in self._seen:
            self._seen.add((table.id, event, slots))
            self._pending.append((table, event, slots))

    def _follow(self) -> None:
        while self._pending:
            table, event, slots = self._pending.pop()
            reach = self._changed(table)
            if event == "update":
                for foreign_key in table.foreign_keys:
                    if not slots.isdisjoint(foreign_key.slots):
                        self._refer(reach, foreign_key)
            for child, foreign_key in self._catalog.referencing(table.id):
                if event == "delete":
                    self._act(reach, child, foreign_key, foreign_key.on_delete, "delete")
                elif not slots.isdisjoint(foreign_key.target_slots):
                    self._act(reach, child, foreign_key, foreign_key.on_update, "update")

    def _refer(self, reach: _Reach, foreign_key: ForeignKeySchema) -> None:
        reach.foreign_keys[foreign_key.name] = foreign_key
        self._reach(self._catalog.table_by_id(foreign_key.target_table))

    def _act(
        self, reach: _Reach, child: Table, foreign_key: ForeignKeySchema, action: str, event: str
    ) -> None:
        reach.referencing[child.id, foreign_key.name] = foreign_key
        self._reach(child)
        if action == "cascade" and event == "delete":
            self._note(child, "delete", frozenset())
        elif action not in ("no action", "restrict"):
            self._note(child, "update", frozenset(foreign_key.slots))

    def _reach(self, table: Table) -> _Reach:
        return self._reached.setdefault(table.id, _Reach(table))

    def _changed(self, table: Table) -> _Reach:
        reach = self._reach(table)
        reach.changed = True
        return reach

    def _target(self, binder: Binder, reach: _Reach) -> Target:
        table = reach.table
        if not reach.changed:
            return Target(table, (), (), (), (), ())
        stored = expressions_of(self._catalog, table)
        names = {column.slot: column.name for column in table.columns}
        row = tuple(
            [
                binder.new_column(names.get(slot, f"dropped {slot}"), type_, table.name)
                for slot, type_ in enumerate(table.slot_types)
            ]
        )
        return Target(
            table,
            row,
            stored.indexes,
            stored.checks,
            tuple([column.slot for column in table.columns if not column.nullable]),
            stored.defaults,
            stored.generated,
            tuple(reach.foreign_keys.values()),
            tuple([(child, foreign_key) for (child, _), foreign_key in reach.referencing.items()]),
        )
