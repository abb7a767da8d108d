"""What the statement's changed rows mean to other tables, noted down until all its rows are changed.

    child row written   ->  `missing`: its parent was not there yet (it may be inserted by the same statement)
    parent row gone     ->  `gone`: its children need looking at

A child's parent is looked up at once under a KEY SHARE lock on the parent's key, in the newest committed
state: a delete of the parent then waits for this transaction, or this lookup waited for it and sees it gone.
"""

from __future__ import annotations

from collections.abc import Callable

from minidb.catalog.row_keys import index_keys_of, keys_of, slots_getter
from minidb.catalog.schema import ForeignKeySchema, Table
from minidb.errors import DataError, IntegrityError
from minidb.exec.constraints import column_name, slots_text
from minidb.exec.context import ExecutionContext
from minidb.plan.changes import Target
from minidb.txn.lock_modes import KEY_SHARE
from minidb.value.cast import cast_function
from minidb.value.sql_types import Row, Value

Values = tuple[Value, ...]
Converters = list[Callable[[Value], Value] | None]

_REMEMBERED_PARENTS = 10_000


class ForeignKey:
    """One foreign key with both its tables: from a child row to its parent's key, and back."""

    __slots__ = (
        "_key_of",
        "_order",
        "_to_child",
        "_to_parent",
        "child",
        "child_values",
        "parent",
        "parent_values",
        "row_prefix",
        "schema",
    )

    def __init__(self, schema: ForeignKeySchema, child: Table, parent: Table) -> None:
        self.schema = schema
        self.child = child
        self.parent = parent
        self.child_values = slots_getter(schema.slots)
        self.parent_values = slots_getter(schema.target_slots)
        self._order, self._key_of = _referenced_key(parent, schema.target_slots)
        # Of the parent's rows, if the key is not the row's own but that of an index.
        through_index = frozenset(schema.target_slots) != frozenset(parent.primary_key)
        self.row_prefix = keys_of(parent).prefix if through_index else None
        self._to_parent = _converters(child, schema.slots, parent, schema.target_slots)
        self._to_child = _converters(parent, schema.target_slots, child, schema.slots)

    def parent_key(self, values: Values) -> bytes:
        """Where the parent with these values (of the parent's types, in the foreign key's order) must be."""
        return self._key_of(tuple([values[place] for place in self._order]))

    def as_parent(self, values: Values) -> Values:
        """A child's values in the parent's types."""
        return _convert(values, self._to_parent)

    def as_child(self, values: Values) -> Values:
        """A parent's values in the child's types."""
        return _convert(values, self._to_child)

    def missing_parent(self, values: Values) -> IntegrityError:
        """23503 on the child's side."""
        return self._refused(
            f"Key {slots_text(self.child, self.schema.slots, values)} "
            f'is not present in table "{self.parent.name}".'
        )

    def mixed_nulls(self) -> IntegrityError:
        """23503: MATCH FULL."""
        return self._refused("MATCH FULL does not allow mixing of null and nonnull key values.")

    def _refused(self, detail: str) -> IntegrityError:
        child, name = self.child.name, self.schema.name
        return IntegrityError(
            f'insert or update on table "{child}" violates foreign key constraint "{name}"',
            sqlstate="23503",
            detail=detail,
            table=child,
            constraint=name,
        )

    def still_referenced(self, values: Values) -> IntegrityError:
        """23503 on the parent's side."""
        return IntegrityError(
            f'update or delete on table "{self.parent.name}" violates foreign key constraint '
            f'"{self.schema.name}" on table "{self.child.name}"',
            sqlstate="23503",
            detail=f"Key {slots_text(self.parent, self.schema.target_slots, values)} "
            f'is still referenced from table "{self.child.name}".',
            table=self.child.name,
            constraint=self.schema.name,
        )


class ForeignKeyQueue:
    """The foreign keys that a statement touches, and what is left to be done about them."""

    __slots__ = ("_incoming", "_outgoing", "_present", "context", "gone", "missing", "targets")

    def __init__(self, targets: tuple[Target, ...], context: ExecutionContext) -> None:
        self.context = context
        self.targets = {target.table.id: target for target in targets}
        self._outgoing: dict[int, list[ForeignKey]] = {}
        self._incoming: dict[int, list[ForeignKey]] = {}
        self._present: set[bytes] = set()  # parents seen, locked, and so still there
        self.missing: dict[ForeignKey, list[Values]] = {}
        self.gone: dict[ForeignKey, list[tuple[Values, Values | None]]] = {}

    def outgoing(self, table_id: int) -> list[ForeignKey]:
        """The foreign keys of a table."""
        found = self._outgoing.get(table_id)
        if found is None:
            target = self.targets[table_id]
            found = self._outgoing[table_id] = [
                ForeignKey(schema, target.table, self.targets[schema.target_table].table)
                for schema in target.foreign_keys
            ]
        return found

    def incoming(self, table_id: int) -> list[ForeignKey]:
        """The foreign keys to a table."""
        found = self._incoming.get(table_id)
        if found is None:
            target = self.targets[table_id]
            found = self._incoming[table_id] = [
                ForeignKey(schema, self.targets[child].table, target.table)
                for child, schema in target.referencing
            ]
        return found

    def inserted(self, table_id: int, row: Row) -> None:
        """A row was stored in a table."""
        for foreign_key in self.outgoing(table_id):
            self.refer(foreign_key, foreign_key.child_values(row))

    def updated(self, table_id: int, old: Row, new: Row) -> None:
        """A row changed."""
        for foreign_key in self.outgoing(table_id):
            values = foreign_key.child_values(new)
            if values != foreign_key.child_values(old):
                self.refer(foreign_key, values)
        for foreign_key in self.incoming(table_id):
            before = foreign_key.parent_values(old)
            after = foreign_key.parent_values(new)
            if before != after and None not in before:
                self._present.clear()
                self.gone.setdefault(foreign_key, []).append((before, after))

    def deleted(self, table_id: int, row: Row) -> None:
        """A row was removed."""
        for foreign_key in self.incoming(table_id):
            values = foreign_key.parent_values(row)
            if None not in values:
                self._present.clear()
                self.gone.setdefault(foreign_key, []).append((values, None))

    def check_missing(self) -> None:
        """Look again for the parents that were not there: 23503 if they still are not.

        40001 if the transaction's snapshot shows one: another took it away since, and a retry sees so.
        """
        while self.missing:
            foreign_key, rows = next(iter(self.missing.items()))
            del self.missing[foreign_key]
            for values in rows:
                if not self._has_parent(foreign_key, values):
                    self._refuse_if_gone(foreign_key, values)
                    raise foreign_key.missing_parent(values)

    def _refuse_if_gone(self, foreign_key: ForeignKey, values: Values) -> None:
        transaction = self.context.transaction
        control = transaction.control
        if control.snapshot_per_statement:
            return
        try:
            key = foreign_key.parent_key(foreign_key.as_parent(values))
        except DataError:
            return
        if transaction.snapshot.get(key) is not None:
            control.before_write(transaction, key)

    def is_present(self, foreign_key: ForeignKey, values: Values) -> bool:
        """Whether a parent with these values exists, now and until this transaction ends."""
        key = foreign_key.parent_key(values)
        if key in self._present:
            return True
        transaction = self.context.transaction
        prefix = foreign_key.row_prefix
        row_key = None
        if prefix is not None:
            # Behind an index the row is locked too, and first, as a delete locks them.
            row_key = transaction.get_latest(key)
            if row_key is not None:
                transaction.lock(prefix + row_key, KEY_SHARE)
        transaction.lock(key, KEY_SHARE)
        transaction.saw_existence(key)
        found = transaction.get_latest(key)
        if found is None:
            return False
        if prefix is not None and found != row_key:
            transaction.lock(prefix + found, KEY_SHARE)
        if len(self._present) >= _REMEMBERED_PARENTS:
            self._present.clear()
        self._present.add(key)
        return True

    def refer(self, foreign_key: ForeignKey, values: Values) -> None:
        """A child row refers to the parent with these values."""
        if None in values:
            if foreign_key.schema.match_full and any(value is not None for value in values):
                raise foreign_key.mixed_nulls()
            return
        if not self._has_parent(foreign_key, values):
            self.missing.setdefault(foreign_key, []).append(values)

    def _has_parent(self, foreign_key: ForeignKey, values: Values) -> bool:
        try:
            wanted = foreign_key.as_parent(values)
        except DataError:
            return False  # a value that the parent's type cannot hold
        return self.is_present(foreign_key, wanted)


def _converters(
    source: Table, source_slots: tuple[int, ...], target: Table, target_slots: tuple[int, ...]
) -> Converters | None:
    """Per column the cast from the source's type to the target's where they differ; None: nowhere."""
    found: Converters = []
    for source_slot, target_slot in zip(source_slots, target_slots, strict=True):
        source_type, target_type = source.slot_types[source_slot], target.slot_types[target_slot]
        same = source_type.kind is target_type.kind
        found.append(None if same else cast_function(source_type, target_type, False))
    return found if any(found) else None


def _convert(values: Values, converters: Converters | None) -> Values:
    if converters is None:
        return values
    return tuple(
        [
            value if convert is None or value is None else convert(value)
            for value, convert in zip(values, converters, strict=True)
        ]
    )


def _referenced_key(parent: Table, slots: tuple[int, ...]) -> tuple[list[int], Callable[[Values], bytes]]:
    """In which order the parent's key takes the referenced values, and the function to the key."""
    if frozenset(slots) == frozenset(parent.primary_key):
        key_of = keys_of(parent).key_of
        assert key_of is not None
        return [slots.index(slot) for slot in parent.primary_key], key_of
    for index in parent.indexes:
        if index.unique and index.predicate is None:
            found = [key.slot for key in index.keys if key.slot is not None]
            if len(found) == len(index.keys) and frozenset(found) == frozenset(slots):
                return [slots.index(slot) for slot in found], index_keys_of(index).encode
    names = ", ".join([column_name(parent, slot) for slot in slots])
    raise AssertionError(f"no unique key of {parent.name} covers ({names})")
