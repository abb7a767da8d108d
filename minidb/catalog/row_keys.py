"""Row <-> key: where a row and its index entries live.

    row           table.storage_id . encoded primary key            (or an 8-byte row id without one)
    index entry   index.storage_id . encoded key parts [. the row's key]    ->  the row's key

"The row's key" in an entry is the row's storage key without its 4-byte prefix. It ends the entry's own key
unless the index is unique and no part is NULL: then two rows with equal parts meet at one key, which is how
uniqueness is found out. The functions here are made once per table and specialised for it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import Any, Final

from minidb.catalog.by_identity import ByIdentity
from minidb.catalog.schema import IndexSchema, Table
from minidb.storage.key_codec import INTEGER_CODE, encoder_for, fit
from minidb.storage.row_codec import RowCodec
from minidb.value.sql_types import INTEGER_KINDS, Row, Value

RowKey = Callable[[Row | list[Value]], bytes]

ROW_ID = Struct(">Q")
STORAGE_ID = Struct(">I")
PREFIX_LENGTH = 4


class TableKeys:
    """What storing and finding a table's rows needs.

    `row_key` makes the storage key from a stored row, `key_of` from the primary key's values (in the
    order of `Table.primary_key`); both are None for a table without a primary key.
    """

    __slots__ = ("codec", "key_of", "prefix", "row_key", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.prefix = STORAGE_ID.pack(table.storage_id)
        self.codec = RowCodec(table.slot_types, table.slot_missing)
        self.key_of: Callable[[tuple[Value, ...]], bytes] | None = None
        self.row_key: RowKey | None = None
        if table.primary_key:
            types = tuple([table.slot_types[slot] for slot in table.primary_key])
            self.key_of = encoder_for(types, prefix=self.prefix)
            if len(types) == 1 and types[0].kind in INTEGER_KINDS:
                self.row_key = _of_integer(self.prefix, table.primary_key[0], self.key_of)
            else:
                self.row_key = _of_slots(table.primary_key, self.key_of)

    def row_id_key(self, row_id: int) -> bytes:
        """The storage key of a hidden row id."""
        return self.prefix + ROW_ID.pack(row_id)


class IndexKeys:
    """What storing and finding an index's entries needs."""

    __slots__ = ("encode", "prefix", "schema", "slots", "unique")

    def __init__(self, schema: IndexSchema) -> None:
        self.schema = schema
        self.unique = schema.unique
        self.prefix = STORAGE_ID.pack(schema.storage_id)
        self.encode = encoder_for(
            [key.type for key in schema.keys],
            [key.descending for key in schema.keys],
            [key.nulls_first for key in schema.keys],
            prefix=self.prefix,
        )
        slots = [key.slot for key in schema.keys if key.slot is not None]
        self.slots: tuple[int, ...] | None = tuple(slots) if len(slots) == len(schema.keys) else None

    def entry(self, values: tuple[Value, ...], row_key: bytes) -> bytes:
        """The entry's key for the parts' values and the row's key (without its prefix)."""
        if self.unique and None not in values:
            return self.encode(values)
        return fit(self.encode(values) + row_key)


keys_of: Final = ByIdentity(TableKeys)
index_keys_of: Final = ByIdentity(IndexKeys)


def integer_packer(prefix: bytes) -> tuple[Callable[[bytes, int], bytes], bytes]:
    """`pack` and `start` such that `pack(start, value)` is the key of one integer that is not negative."""
    return Struct(f">{len(prefix) + 1}sq").pack, prefix + bytes((INTEGER_CODE,))


def _of_integer(prefix: bytes, slot: int, key_of: Callable[[tuple[Value, ...]], bytes]) -> RowKey:
    """One integer column: by far the most frequent primary key."""
    pack, start = integer_packer(prefix)

    def row_key(row: Row | list[Value]) -> bytes:
        value = row[slot]
        return pack(start, value) if value is not None and value >= 0 else key_of((value,))

    return row_key


def _of_slots(slots: tuple[int, ...], key_of: Callable[[tuple[Value, ...]], bytes]) -> RowKey:
    values_of = slots_getter(slots)

    def row_key(row: Row | list[Value]) -> bytes:
        return key_of(values_of(row))

    return row_key


def key_slots(table: Table) -> frozenset[int]:
    """The columns that a foreign key could refer to: those of the primary key and of plain unique indexes.

    An update that changes one of them locks the row as a delete does, any other only FOR NO KEY UPDATE.
    """
    found = set(table.primary_key)
    for index in table.indexes:
        if index.unique and index.predicate is None and all(key.slot is not None for key in index.keys):
            found.update([key.slot for key in index.keys if key.slot is not None])
    return frozenset(found)


def slots_getter(slots: tuple[int, ...]) -> Callable[[Row | list[Value]], tuple[Any, ...]]:
    """A function that picks these slots of a row, as a tuple."""
    if len(slots) == 1:
        slot = slots[0]
        return lambda row: (row[slot],)
    return itemgetter(*slots)
