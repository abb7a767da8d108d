"""INSERT of many parameter rows at once (executemany): columns are checked, not values, and C does the loops.

    rows -> columns: one set of types, one min and max each -> encoded rows and keys -> insert_many

Anything unusual, a value to be converted, a NULL that is not allowed, a key that is taken, declines the whole
batch before the caller has seen any of it; row by row, the general path finds out which row it was.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

from minidb.catalog.row_keys import PREFIX_LENGTH, TableKeys, integer_packer, keys_of
from minidb.exec.fast_fields import Field
from minidb.exec.fast_indexes import FastIndex
from minidb.plan.changes import Target
from minidb.txn.lock_modes import ROW_EXCLUSIVE
from minidb.value.sql_types import INTEGER_KINDS, Row, Value

_CHUNK: Final = 5_000  # rows at a time: what is held twice stays small
_NONE: Final = type(None)
_SEQUENCES: Final = ({tuple}, {list})


def compile_bulk_insert(
    target: Target, fields: list[Field], indexes: list[FastIndex], count: int
) -> Callable[[Any, list[Any]], Any]:
    """The closure (transaction, rows) -> row count, or NotImplemented: then roll back what it wrote."""
    table = target.table
    table_id = table.id
    as_given = [field.index for field in fields] == list(range(count))
    store = _storer(target, indexes)

    def run(transaction: Any, rows: list[Any]) -> Any:
        if transaction.read_only:
            return NotImplemented
        transaction.lock_table(table_id, ROW_EXCLUSIVE)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            if set(map(type, chunk)) not in _SEQUENCES or set(map(len, chunk)) != {count}:
                return NotImplemented
            columns = list(zip(*chunk, strict=True))
            changed = not as_given or type(chunk[0]) is list
            slots: list[Any] = []
            for field in fields:
                if field.index is None:
                    slots.append(repeat(field.value, len(chunk)))
                    continue
                column = columns[field.index]
                accepted = _accepted(field, column)
                if accepted is None:
                    return NotImplemented
                changed = changed or accepted is not column
                slots.append(accepted)
            stored = list(zip(*slots, strict=True)) if changed else chunk
            if not store(transaction, stored):
                return NotImplemented
            transaction.interrupt.check()
        return len(rows)

    return run


def _accepted(field: Field, column: tuple[Value, ...]) -> Any:
    """The column as it is to be stored: itself where nothing needs doing; None if it cannot be taken."""
    types = set(map(type, column))
    values: Any = column
    if _NONE in types:
        if not field.nullable:
            return None
        types.discard(_NONE)
        if not types:
            return column
        values = [value for value in column if value is not None]
    if types != {field.python_type}:
        return None
    if field.low is not None:
        if min(values) < field.low or max(values) > field.high:
            return None
    elif field.python_type is str and "\0" in "".join(values):
        return None
    fit = field.fit
    if fit is None:
        return column
    return [None if value is None else fit(value) for value in column]


def _storer(target: Target, indexes: list[FastIndex]) -> Callable[[Any, list[Row]], bool]:
    table = target.table
    keys = keys_of(table)
    encode_many = keys.codec.encode_many
    prefix, storage_id = keys.prefix, table.storage_id

    keys_of_rows = _key_maker(keys)

    def store(transaction: Any, rows: list[Row]) -> bool:
        """Write rows and index entries; False if a key is taken."""
        if keys_of_rows is not None:
            stored = keys_of_rows(rows)
            if transaction.insert_many(list(zip(stored, encode_many(rows), strict=True))) is not None:
                return False
        else:
            next_id = transaction.next_row_id
            stored = [prefix + next_id(storage_id).to_bytes(8, "big") for _ in rows]
            transaction.put_entries(dict(zip(stored, encode_many(rows), strict=True)))
        for index in indexes:
            single: list[tuple[bytes, bytes]] = []
            shared: dict[bytes, bytes] = {}
            for row, key in zip(rows, stored, strict=True):
                row_key = key[PREFIX_LENGTH:]
                entry, is_single = index.entry(row, row_key)
                if is_single:
                    single.append((entry, row_key))
                else:
                    shared[entry] = row_key
            if shared:
                transaction.put_entries(shared)
            if single and transaction.insert_many(single) is not None:
                return False
        return True

    return store


def _key_maker(keys: TableKeys) -> Callable[[list[Row]], list[bytes]] | None:
    """The storage keys of many rows; None for a table without a primary key."""
    row_key, slots = keys.row_key, keys.table.primary_key
    if row_key is None:
        return None
    if len(slots) != 1 or keys.table.slot_types[slots[0]].kind not in INTEGER_KINDS:
        return lambda rows: list(map(row_key, rows))
    pick = itemgetter(slots[0])
    pack, start = integer_packer(keys.prefix)

    def integer_keys(rows: list[Row]) -> list[bytes]:
        values = list(map(pick, rows))
        if min(values) < 0:
            return list(map(row_key, rows))
        return list(map(pack, repeat(start), values))

    return integer_keys
