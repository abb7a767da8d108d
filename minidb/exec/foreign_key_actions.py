"""Referential actions: what happens to the children of parents that are gone or have another key.

    NO ACTION     refused if there are children, unless a parent with the old key has come back meanwhile
    RESTRICT      refused if there are children
    CASCADE       children go too, or follow the key
    SET NULL, SET DEFAULT

They run when the statement has changed all its rows. What an action changes is queued like the statement's
own changes, until the queue is empty; only then are parents looked for that were missing.
"""

from __future__ import annotations

from minidb.errors import DataError
from minidb.exec.child_rows import ChildRows, Found
from minidb.exec.context import ExecutionContext
from minidb.exec.foreign_key_queue import ForeignKey, ForeignKeyQueue, Values
from minidb.exec.table_writer import TableWriter
from minidb.plan.changes import Target
from minidb.value.sql_types import Row, Value

_CHECK_EVERY = 1000  # rows between two looks at whether to stop


class ChangeStatement:
    """A statement that changes rows: the writers of its tables and the foreign keys between them."""

    __slots__ = ("_targets", "_writers", "context", "queue")

    def __init__(self, targets: tuple[Target, ...], context: ExecutionContext) -> None:
        self.context = context
        self._targets = {target.table.id: target for target in targets}
        self._writers: dict[int, TableWriter] = {}
        needed = any(target.referencing or target.foreign_keys for target in targets)
        self.queue = ForeignKeyQueue(targets, context) if needed else None

    def writer(self, table_id: int) -> TableWriter:
        """The writer of one of the statement's tables."""
        found = self._writers.get(table_id)
        if found is None:
            found = TableWriter(self._targets[table_id], self.context, self.queue)
            self._writers[table_id] = found
        return found

    def finish(self) -> None:
        """Carry out referential actions and checks; called when the statement's own rows are changed."""
        queue = self.queue
        if queue is None:
            return
        while queue.gone:
            foreign_key, changes = next(iter(queue.gone.items()))
            del queue.gone[foreign_key]
            self._act(foreign_key, changes)
        queue.check_missing()

    def _act(self, foreign_key: ForeignKey, changes: list[tuple[Values, Values | None]]) -> None:
        """Do the action of one foreign key for some parents: (old key, new key or None if deleted)."""
        assert self.queue is not None
        schema = foreign_key.schema
        replaced: dict[Values, tuple[Values, Values | None]] = {}
        for old, new in changes:
            action = schema.on_delete if new is None else schema.on_update
            if action == "no action" and self.queue.is_present(foreign_key, old):
                continue
            try:
                replaced[foreign_key.as_child(old)] = (old, new)
            except DataError:
                continue  # a parent whose key no child's type can hold has no children
        if not replaced:
            return
        found = ChildRows(foreign_key, self.context).find(list(replaced))
        for values, children in found.items():
            if children:
                old, new = replaced[values]
                self._change_children(foreign_key, old, new, children)

    def _change_children(
        self, foreign_key: ForeignKey, old: Values, new: Values | None, children: list[Found]
    ) -> None:
        action = foreign_key.schema.on_delete if new is None else foreign_key.schema.on_update
        if action in ("no action", "restrict"):
            raise foreign_key.still_referenced(old)
        writer = self.writer(foreign_key.child.id)
        if action == "cascade" and new is None:
            for count, (key, row) in enumerate(children):
                if count % _CHECK_EVERY == 0:
                    self.context.check_cancel()
                writer.delete(key, row)
            return
        slots = foreign_key.schema.slots
        if action == "cascade":
            assert new is not None
            values = foreign_key.as_child(new)
        elif action == "set null":
            values = (None,) * len(slots)
        else:
            values = self._defaults(writer.target, slots)
        shape = writer.shape(frozenset(slots))
        for count, (key, row) in enumerate(children):
            if count % _CHECK_EVERY == 0:
                self.context.check_cancel()
            changed = writer.complete(replace_slots(row, len(writer.table.slot_types), slots, values))
            writer.update(key, row, changed, shape)
            if action == "set default" and self.queue is not None:
                self.queue.refer(foreign_key, values)  # even if the default is what the row had: it is gone

    def _defaults(self, target: Target, slots: tuple[int, ...]) -> tuple[Value, ...]:
        defaults = [target.defaults[slot] for slot in slots]
        return tuple(
            [None if default is None else default.evaluate((), self.context) for default in defaults]
        )


def replace_slots(row: Row, count: int, slots: tuple[int, ...], values: tuple[Value, ...]) -> Row:
    """A copy of the row's first `count` values with some replaced."""
    changed = list(row[:count])
    for slot, value in zip(slots, values, strict=True):
        changed[slot] = value
    return tuple(changed)
