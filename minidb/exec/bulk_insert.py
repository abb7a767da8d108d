"""INSERT of many parameter rows at once (executemany): columns are checked, not values, and C does the loops.

    rows -> columns: one set of types, one packing of integers each -> encoded rows and keys -> insert_many

Anything unusual, a value to be converted, a NULL that is not allowed, a key that is taken, declines the whole
batch before the caller has seen any of it; row by row, the general path finds out which row it was.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

from minidb.catalog.row_keys import PREFIX_LENGTH, TableKeys, integer_packer, keys_of
from minidb.exec.fast_fields import Field
from minidb.exec.fast_indexes import FastIndex
from minidb.plan.changes import Target
from minidb.txn.lock_modes import ROW_EXCLUSIVE
from minidb.value.sql_types import INTEGER_BOUNDS, INTEGER_KINDS, Kind, Value

Column = tuple[Value, ...]

_CHUNK: Final = 5_000  # rows at a time: what is held twice stays small
_NONE: Final = type(None)
_SEQUENCES: Final = {tuple, list}
# Integer types by their greatest value: packing refuses what is out of range, faster than a comparison.
_CODES: Final = {
    INTEGER_BOUNDS[kind][1]: code
    for kind, code in ((Kind.SMALLINT, "h"), (Kind.INTEGER, "i"), (Kind.BIGINT, "q"))
}


def compile_bulk_insert(
    target: Target, fields: list[Field], indexes: list[FastIndex], count: int
) -> Callable[[Any, list[Any]], Any]:
    """The closure (transaction, rows) -> row count, or NotImplemented: then roll back what it wrote."""
    table = target.table
    table_id = table.id
    store = _storer(target, indexes)

    def run(transaction: Any, rows: list[Any]) -> Any:
        if transaction.read_only:
            return NotImplemented
        transaction.lock_table(table_id, ROW_EXCLUSIVE)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            columns = _columns(chunk, count)
            if columns is None:
                return NotImplemented
            slots: list[Any] = []
            for field in fields:
                if field.index is None:
                    slots.append((field.value,) * len(chunk))
                    continue
                accepted = _accepted(field, columns[field.index])
                if accepted is None:
                    return NotImplemented
                slots.append(accepted)
            if not store(transaction, slots, len(chunk)):
                return NotImplemented
            transaction.interrupt.check()
        return len(rows)

    return run


def _columns(rows: list[Any], count: int) -> list[Column] | None:
    """The values of each parameter; None if the rows are no sequences of that length."""
    if not set(map(type, rows)) <= _SEQUENCES or set(map(len, rows)) != {count}:
        return None
    return [tuple(map(itemgetter(place), rows)) for place in range(count)]


def _accepted(field: Field, column: Column) -> Column | None:
    """The column as it is to be stored: itself where nothing needs doing; None if it cannot be taken."""
    types = set(map(type, column))
    values = column
    if _NONE in types:
        if not field.nullable:
            return None
        types.discard(_NONE)
        if not types:
            return column
        values = tuple([value for value in column if value is not None])
    if types != {field.python_type}:
        return None
    if field.low is not None:
        try:
            struct.pack(f"={len(values)}{_CODES[field.high]}", *values)
        except struct.error:
            return None
    elif field.python_type is str and "\0" in "".join(values):
        return None
    fit = field.fit
    if fit is None:
        return column
    return tuple([None if value is None else fit(value) for value in column])


def _storer(target: Target, indexes: list[FastIndex]) -> Callable[[Any, list[Column], int], bool]:
    table = target.table
    keys = keys_of(table)
    encode_columns = keys.codec.encode_columns
    prefix, storage_id = keys.prefix, table.storage_id

    keys_of_rows = _key_maker(keys)

    def store(transaction: Any, columns: list[Column], count: int) -> bool:
        """Write rows and index entries; False if a key is taken."""
        if keys_of_rows is not None:
            stored = keys_of_rows(columns)
            if transaction.insert_many(stored, encode_columns(columns, count)) is not None:
                return False
        else:
            next_id = transaction.next_row_id
            stored = [prefix + next_id(storage_id).to_bytes(8, "big") for _ in range(count)]
            transaction.put_entries(dict(zip(stored, encode_columns(columns, count), strict=True)))
        for index in indexes:
            entries: list[bytes] = []  # which an equal row would meet
            singles: list[bytes] = []
            shared: dict[bytes, bytes] = {}
            for row, key in zip(zip(*columns, strict=True), stored, strict=True):
                row_key = key[PREFIX_LENGTH:]
                entry, is_single = index.entry(row, row_key)
                if is_single:
                    entries.append(entry)
                    singles.append(row_key)
                else:
                    shared[entry] = row_key
            transaction.put_entries(shared)
            if transaction.insert_many(entries, singles) is not None:
                return False
        return True

    return store


def _key_maker(keys: TableKeys) -> Callable[[list[Column]], list[bytes]] | None:
    """The storage keys of many rows; None for a table without a primary key."""
    key_of, slots = keys.key_of, keys.table.primary_key
    if key_of is None:
        return None
    if len(slots) != 1 or keys.table.slot_types[slots[0]].kind not in INTEGER_KINDS:
        return lambda columns: list(map(key_of, zip(*[columns[slot] for slot in slots], strict=True)))
    pack, start = integer_packer(keys.prefix)

    def integer_keys(columns: list[Column]) -> list[bytes]:
        values: Any = columns[slots[0]]
        if min(values) < 0:
            return list(map(key_of, zip(values, strict=True)))
        return list(map(pack, repeat(start), values))

    return integer_keys
