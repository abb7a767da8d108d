"""ALTER TABLE: put the new schema in the old one's place, and do to the rows what it asks for.

    1  fill in what only is known now: ids, the values that rows lack in new columns
    2  write the schema: a name that is taken is an error before any row is touched
    3  rewrite rows, check them, build indexes
    4  end the storage that is no longer used

All under ACCESS EXCLUSIVE, so that the newest state is what there is. VALIDATE CONSTRAINT changes no schema:
it only checks, and lets others write, whose new rows the constraint holds for already.
"""

from __future__ import annotations

from msgspec import structs

from minidb.catalog.catalog import put_object
from minidb.catalog.row_keys import keys_of, slots_getter
from minidb.catalog.schema import Sequence, Table
from minidb.catalog.sequence_counter import sequence_counter
from minidb.errors import DataError, IntegrityError
from minidb.exec.constraints import column_name, duplicated_key
from minidb.exec.context import ExecutionContext
from minidb.exec.create_index import build_index, drop_unused, with_storage
from minidb.exec.define_objects import alter_object, create_sequence, drop_object_and_storage
from minidb.exec.foreign_key_queue import ForeignKey
from minidb.exec.stored_rows import stored_rows
from minidb.plan.changes import TargetIndex
from minidb.plan.definitions import AlterTable, CheckForeignKey, CheckNotNull, CheckRows, RewriteRows
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, ROW_SHARE, SHARE_ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE
from minidb.value.sql_types import Row, Value


def alter_table(definition: AlterTable, context: ExecutionContext) -> None:
    """See the module."""
    transaction = context.transaction
    old = definition.old
    if definition.new == old:
        transaction.lock_table(old.id, SHARE_UPDATE_EXCLUSIVE)
        _run_checks(definition, old, SHARE_UPDATE_EXCLUSIVE, context)
        return
    transaction.lock_table(old.id, ACCESS_EXCLUSIVE)
    new = _with_missing(definition, context)
    indexes: list[TargetIndex] = []
    built: list[TargetIndex] = []
    for index in definition.indexes:
        if index.schema.storage_id == 0:
            index = with_storage(index, context)
            built.append(index)
        indexes.append(index)
    new = structs.replace(new, indexes=tuple([index.schema for index in indexes]))
    rewrites = [step for step in definition.steps if isinstance(step, RewriteRows)]
    if rewrites:
        new = structs.replace(
            new,
            storage_id=transaction.environment.allocate_id(),
            slot_missing=(None,) * len(new.slot_types),
            columns=tuple([structs.replace(column, missing=None) for column in new.columns]),
        )
    sequences = {sequence.name: create_sequence(sequence, old.id, context) for sequence in definition.created}
    for object_ in definition.dropped:
        drop_object_and_storage(object_, context)
    for before, after in definition.altered:
        alter_object(before, after, context)
    put_object(transaction, new, old)
    for rewrite in rewrites:
        _rewrite(definition, rewrite, new, sequences, context)
    _run_checks(definition, new, ACCESS_EXCLUSIVE, context)
    for index in built:
        build_index(new, index, context)
    drop_unused(old, new, context)


def _with_missing(definition: AlterTable, context: ExecutionContext) -> Table:
    """The new schema with the values that rows lack in new columns: their defaults, as of now."""
    new = definition.new
    if not definition.missing:
        return new
    missing: list[Value] = list(new.slot_missing)
    for slot, default in definition.missing:
        missing[slot] = default.evaluate((), context)
    return structs.replace(
        new,
        slot_missing=tuple(missing),
        columns=tuple([structs.replace(column, missing=missing[column.slot]) for column in new.columns]),
    )


def _rewrite(
    definition: AlterTable,
    rewrite: RewriteRows,
    new: Table,
    sequences: dict[str, Sequence],
    context: ExecutionContext,
) -> None:
    """Every row anew, under the new storage id and by the new primary key."""
    transaction = context.transaction
    keys = keys_of(new)
    old_count = len(definition.old.slot_types)
    added: list[Value] = [None] * (len(new.slot_types) - old_count)
    for slot, default in definition.missing:
        added[slot - old_count] = default.evaluate((), context)
    extension = tuple(added)
    generated = {column.slot for column in new.columns if column.generated is not None}
    plain = [(slot, value.evaluate) for slot, value in enumerate(rewrite.values) if slot not in generated]
    computed = [(slot, rewrite.values[slot].evaluate) for slot in sorted(generated)]
    known = context.transaction.environment.counters
    counters = [(slot, sequence_counter(known, sequences[name])) for slot, name in rewrite.counters]
    for _, rows in stored_rows(definition.old, context):
        pairs: dict[bytes, bytes] = {}
        for row in rows:
            complete = row + extension
            values = list(complete)
            for slot, evaluate in plain:
                values[slot] = evaluate(complete, context)
            for slot, counter in counters:
                values[slot] = counter.next()
            halfway = tuple(values)
            for slot, evaluate in computed:
                values[slot] = evaluate(halfway, context)
            changed = tuple(values)
            key = _key(new, changed, context)
            if key in pairs or (new.primary_key and transaction.first_written((key,)) is not None):
                raise duplicated_key(new, None, slots_getter(new.primary_key)(changed))
            pairs[key] = keys.codec.encode(changed)
        transaction.put_entries(pairs)


def _key(table: Table, row: Row, context: ExecutionContext) -> bytes:
    keys = keys_of(table)
    if keys.row_key is not None:
        for slot in table.primary_key:
            if row[slot] is None:
                raise _contains_nulls(table, slot)
        return keys.row_key(row)
    return keys.row_id_key(context.transaction.next_row_id(table.storage_id))


def _contains_nulls(table: Table, slot: int) -> IntegrityError:
    name = column_name(table, slot)
    return IntegrityError(
        f'column "{name}" of relation "{table.name}" contains null values',
        sqlstate="23502",
        table=table.name,
        column=name,
    )


def _run_checks(definition: AlterTable, table: Table, mode: int, context: ExecutionContext) -> None:
    for step in definition.steps:
        match step:
            case CheckNotNull():
                _check_not_null(table, step, context)
            case CheckRows():
                _check_rows(table, step, context)
            case CheckForeignKey():
                _check_foreign_key(table, step, mode, context)


def _check_not_null(table: Table, step: CheckNotNull, context: ExecutionContext) -> None:
    for _, rows in stored_rows(table, context):
        for row in rows:
            if row[step.slot] is None:
                raise _contains_nulls(table, step.slot)


def _check_rows(table: Table, step: CheckRows, context: ExecutionContext) -> None:
    for _, rows in stored_rows(table, context):
        if False in step.condition.evaluate_batch(rows, context):
            raise IntegrityError(
                f'check constraint "{step.name}" of relation "{table.name}" is violated by some row',
                sqlstate="23514",
                table=table.name,
                constraint=step.name,
            )


def _check_foreign_key(table: Table, step: CheckForeignKey, mode: int, context: ExecutionContext) -> None:
    """Every row's parent must be there. Nobody changes parents meanwhile, or `mode` lets others write."""
    schema = step.foreign_key
    parent = table
    if schema.target_table != table.id:
        parent = context.catalog.table_by_id(schema.target_table)
        parent_mode = SHARE_ROW_EXCLUSIVE if mode == ACCESS_EXCLUSIVE else ROW_SHARE
        context.transaction.lock_table(parent.id, parent_mode)
    foreign_key = ForeignKey(schema, table, parent)
    present: set[bytes] = set()
    for keys, rows in stored_rows(table, context):
        for row_key, row in zip(keys, rows, strict=True):
            values = foreign_key.child_values(row)
            if None in values:
                if schema.match_full and any(value is not None for value in values):
                    raise foreign_key.mixed_nulls()
                continue
            try:
                key = foreign_key.parent_key(foreign_key.as_parent(values))
            except DataError:
                raise foreign_key.missing_parent(values) from None
            if key not in present:
                if context.transaction.get_latest(key) is not None:
                    present.add(key)
                elif context.transaction.get_latest(row_key) is not None:
                    # Still there, so it was not removed together with its parent just now.
                    raise foreign_key.missing_parent(values)
