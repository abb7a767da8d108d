"""The catalog: every schema object of one moment, and how objects are kept as keys under storage id 0.

    "o" + id      the object: checksum, kind, MessagePack
    "n" + name    the id of the object that owns this relation name (an index's name is owned by its table)
    "r" + name(types)   the id of the routine of that name and input types
    "s" + id      a table's statistics, apart so that ANALYZE and DDL don't meet

Objects are written through a transaction like rows, which is all it takes to make DDL transactional: a
snapshot's catalog fits its data, a rolled back CREATE never was, and two transactions that create the same
name meet at its "n" key. A `Catalog` is immutable; the session caches it and loads another when DDL commits.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable
from struct import Struct
from typing import Any

import msgspec

from minidb.catalog.schema import (
    CatalogObject,
    ForeignKeySchema,
    IndexSchema,
    Routine,
    Sequence,
    Table,
    TableStatistics,
    View,
)
from minidb.errors import DataCorrupted, ProgrammingError
from minidb.storage.row_codec import RowCodec
from minidb.txn.transaction import Transaction
from minidb.value.sql_types import SqlType

CATALOG_STORAGE = 0
_PREFIX = CATALOG_STORAGE.to_bytes(4, "big")
_OBJECT = _PREFIX + b"o"
_NAME = _PREFIX + b"n"
_ROUTINE = _PREFIX + b"r"
_STATISTICS = _PREFIX + b"s"
_START = _PREFIX
_STOP = (CATALOG_STORAGE + 1).to_bytes(4, "big")

_ID = Struct(">Q")
_CHECKSUM = Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
_decode_table = msgspec.msgpack.Decoder(Table).decode
_decode_view = msgspec.msgpack.Decoder(View).decode
_decode_sequence = msgspec.msgpack.Decoder(Sequence).decode
_decode_routine = msgspec.msgpack.Decoder(Routine).decode
_decode_statistics = msgspec.msgpack.Decoder(tuple[int, dict[int, tuple[float, float, bytes]]]).decode

# Decoded objects by what is stored: loading again yields the same Table for an unchanged table, so that what
# is prepared per table (codecs, key functions) is found again. Cleared when it has grown.
_decoded: dict[tuple[bytes, bytes | None], CatalogObject | Routine] = {}
_DECODED_LIMIT = 20_000

_uncommitted_versions = itertools.count(-1, -1)


class Catalog:
    """All schema objects of one snapshot, by name and by id."""

    __slots__ = (
        "_by_id",
        "_by_name",
        "_dependents",
        "_indexes",
        "_referencing",
        "_routines",
        "_routines_by_id",
        "version",
    )

    def __init__(self, objects: Iterable[CatalogObject | Routine], version: int) -> None:
        self.version = version
        self._by_id: dict[int, CatalogObject] = {}
        self._by_name: dict[str, CatalogObject] = {}
        self._indexes: dict[str, tuple[Table, IndexSchema | None]] = {}
        self._referencing: dict[int, list[tuple[Table, ForeignKeySchema]]] = {}
        self._dependents: dict[int, list[View]] = {}
        self._routines: dict[str, list[Routine]] = {}
        self._routines_by_id: dict[int, Routine] = {}
        for object_ in objects:
            if isinstance(object_, Routine):
                self._routines_by_id[object_.id] = object_
                self._routines.setdefault(object_.name, []).append(object_)
                continue
            self._by_id[object_.id] = object_
            self._by_name[object_.name] = object_
            if isinstance(object_, Table):
                if object_.primary_key:
                    self._indexes[object_.primary_key_name] = (object_, None)
                for index in object_.indexes:
                    self._indexes[index.name] = (object_, index)
                for foreign_key in object_.foreign_keys:
                    self._referencing.setdefault(foreign_key.target_table, []).append((object_, foreign_key))
            elif isinstance(object_, View):
                for id_, _ in object_.depends:
                    self._dependents.setdefault(id_, []).append(object_)

    def relation(self, name: str) -> CatalogObject | None:
        """The table, view or sequence of that name."""
        return self._by_name.get(name)

    def table(self, name: str) -> Table | None:
        """The table of that name."""
        found = self._by_name.get(name)
        return found if isinstance(found, Table) else None

    def view(self, name: str) -> View | None:
        """The view of that name."""
        found = self._by_name.get(name)
        return found if isinstance(found, View) else None

    def sequence(self, name: str) -> Sequence | None:
        """The sequence of that name."""
        found = self._by_name.get(name)
        return found if isinstance(found, Sequence) else None

    def index(self, name: str) -> tuple[Table, IndexSchema | None] | None:
        """The table that has an index of that name, and the index; None is the primary key."""
        return self._indexes.get(name)

    def table_by_id(self, id_: int) -> Table:
        """The table with that id, which must exist."""
        found = self._by_id[id_]
        assert isinstance(found, Table)
        return found

    def object_by_id(self, id_: int) -> CatalogObject | None:
        """Any object by its id."""
        return self._by_id.get(id_)

    def is_taken(self, name: str) -> bool:
        """Whether a table, view, sequence or index has that name."""
        return name in self._by_name or name in self._indexes

    def objects(self) -> list[CatalogObject]:
        """Everything, sorted by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def tables(self) -> list[Table]:
        """The tables, sorted by name."""
        return [object_ for object_ in self.objects() if isinstance(object_, Table)]

    def routines(self, name: str | None = None) -> list[Routine]:
        """The functions and procedures of that name, or all, sorted by signature."""
        found = self._routines_by_id.values() if name is None else self._routines.get(name, ())
        return sorted(found, key=lambda routine: routine.signature)

    def has_routines(self, name: str) -> bool:
        """Whether a function or procedure has that name."""
        return name in self._routines

    def routine(self, id_: int) -> Routine | None:
        """The function or procedure with that id."""
        return self._routines_by_id.get(id_)

    def routine_columns(self, routine: Routine) -> tuple[tuple[str, SqlType], ...]:
        """The names and types of what a routine yields."""
        if routine.row_of is None:
            return routine.columns
        table = self.table_by_id(routine.row_of)
        return tuple([(column.name, column.type) for column in table.columns])

    def dependent_routines(self, id_: int) -> list[Routine]:
        """The routines whose body or result names a relation or routine, as far as the catalog knows."""
        return [routine for _, routine in sorted(self._routines_by_id.items()) if id_ in routine.depends]

    def referencing(self, table_id: int) -> list[tuple[Table, ForeignKeySchema]]:
        """The foreign keys that point at a table, with the tables they belong to."""
        return self._referencing.get(table_id, [])

    def dependents(self, id_: int) -> list[View]:
        """The views whose query reads a table or view."""
        return self._dependents.get(id_, [])

    def owned_sequences(self, table_id: int, slot: int | None = None) -> list[Sequence]:
        """The sequences that a table's columns (or one of them) own."""
        return [
            object_
            for object_ in self._by_id.values()
            if isinstance(object_, Sequence)
            and object_.owner is not None
            and object_.owner[0] == table_id
            and (slot is None or object_.owner[1] == slot)
        ]


def load(transaction: Transaction) -> Catalog:
    """The catalog as the transaction sees it. Its version is unique if the transaction itself changed it."""
    if not transaction.catalog_changed:
        return _assemble(transaction.batches(_START, _STOP), transaction.snapshot.commit_id)
    transaction.next_command()  # the statement that changed it has written it just now
    return _assemble(transaction.batches(_START, _STOP), next(_uncommitted_versions))


def _assemble(batches: Iterable[list[tuple[bytes, bytes]]], version: int) -> Catalog:
    objects: dict[bytes, bytes] = {}
    statistics: dict[bytes, bytes] = {}
    for batch in batches:
        for key, value in batch:
            if key.startswith(_OBJECT):
                objects[key[5:]] = value
            elif key.startswith(_STATISTICS):
                statistics[key[5:]] = value
    return Catalog([_object(value, statistics.get(id_)) for id_, value in objects.items()], version)


def put_object(transaction: Transaction, new: CatalogObject, old: CatalogObject | None = None) -> None:
    """Write an object; `old` is what it replaces. 42P07 if another object has one of its names."""
    id_ = _ID.pack(new.id)
    new_names = _names(new)
    old_names = _names(old) if old is not None else frozenset()
    for name in sorted(old_names - new_names):
        transaction.delete(_NAME + name.encode())
    for name in sorted(new_names - old_names):
        if not transaction.insert(_NAME + name.encode(), id_):
            raise ProgrammingError(f'relation "{name}" already exists', sqlstate="42P07")
    transaction.put(_OBJECT + id_, _encode_object(new))


def put_routine(transaction: Transaction, new: Routine, old: Routine | None = None) -> None:
    """Write a routine; `old` is what it replaces. 42723 if another has its name and input types."""
    id_ = _ID.pack(new.id)
    key = _routine_key(new)
    if old is None or _routine_key(old) != key:
        if old is not None:
            transaction.delete(_routine_key(old))
        if not transaction.insert(key, id_):
            raise ProgrammingError(
                f'function "{new.name}" already exists with same argument types', sqlstate="42723"
            )
    transaction.put(_OBJECT + id_, _with_checksum(b"r" + _encode(new)))


def drop_routine(transaction: Transaction, routine: Routine) -> None:
    """Remove a routine."""
    transaction.delete(_routine_key(routine))
    transaction.delete(_OBJECT + _ID.pack(routine.id))


def _routine_key(routine: Routine) -> bytes:
    return _ROUTINE + routine.signature.encode()


def drop_object(transaction: Transaction, object_: CatalogObject) -> None:
    """Remove an object, its names and its statistics. Its storage is the caller's to drop."""
    id_ = _ID.pack(object_.id)
    for name in sorted(_names(object_)):
        transaction.delete(_NAME + name.encode())
    transaction.delete(_OBJECT + id_)
    if isinstance(object_, Table) and object_.statistics is not None:
        transaction.delete(_STATISTICS + id_)


def put_statistics(transaction: Transaction, table: Table, statistics: TableStatistics) -> None:
    """Store what ANALYZE found."""
    columns: dict[int, tuple[float, float, bytes]] = {}
    for slot, (distinct, nulls, least, greatest) in statistics.columns.items():
        type_ = table.slot_types[slot]
        codec = RowCodec((type_, type_), (None, None))
        columns[slot] = (distinct, nulls, codec.encode((least, greatest)))
    transaction.put(_STATISTICS + _ID.pack(table.id), _with_checksum(_encode((statistics.rows, columns))))


def definition_key(id_: int) -> bytes:
    """The key that changes whenever the object does: who waited for its lock looks at it again."""
    return _OBJECT + _ID.pack(id_)


def _names(object_: CatalogObject) -> frozenset[str]:
    names = [object_.name]
    if isinstance(object_, Table):
        names.extend([index.name for index in object_.indexes])
        if object_.primary_key:
            names.append(object_.primary_key_name)
    return frozenset(names)


def _with_checksum(data: bytes) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(data)) + data


def _checked(stored: bytes) -> bytes:
    data = stored[4:]
    if len(stored) < 5 or zlib.crc32(data) != _CHECKSUM.unpack_from(stored)[0]:
        raise DataCorrupted("a catalog entry is damaged: its checksum does not match")
    return data


def _encode_object(object_: CatalogObject) -> bytes:
    if isinstance(object_, Table):
        # Values have no type in MessagePack, so those of `slot_missing` go through the row codec,
        # and the columns' copies of them are left out.
        codec = RowCodec(object_.slot_types, object_.slot_missing)
        stored = msgspec.structs.replace(
            object_,
            columns=tuple([msgspec.structs.replace(column, missing=None) for column in object_.columns]),
            slot_missing=(codec.encode(object_.slot_missing),),
            statistics=None,
        )
        return _with_checksum(b"t" + _encode(stored))
    return _with_checksum((b"v" if isinstance(object_, View) else b"s") + _encode(object_))


def _object(stored: bytes, statistics: bytes | None) -> CatalogObject | Routine:
    memo = (stored, statistics)
    found = _decoded.get(memo)
    if found is None:
        found = _decode_object(stored, statistics)
        if len(_decoded) >= _DECODED_LIMIT:
            _decoded.clear()
        _decoded[memo] = found
    return found


def _decode_object(stored: bytes, statistics: bytes | None) -> CatalogObject | Routine:
    data = _checked(stored)
    kind, body = data[:1], data[1:]
    if kind == b"v":
        return _decode_view(body)
    if kind == b"s":
        return _decode_sequence(body)
    if kind == b"r":
        return _decode_routine(body)
    table = _decode_table(body)
    count = len(table.slot_types)
    nothing: tuple[Any, ...] = (None,) * count
    missing = tuple(RowCodec(table.slot_types, nothing).decode(table.slot_missing[0])[:count])
    columns = tuple(
        [msgspec.structs.replace(column, missing=missing[column.slot]) for column in table.columns]
    )
    return msgspec.structs.replace(
        table,
        columns=columns,
        slot_missing=missing,
        statistics=_table_statistics(table, statistics) if statistics is not None else None,
    )


def _table_statistics(table: Table, stored: bytes) -> TableStatistics:
    rows, columns = _decode_statistics(_checked(stored))
    found: dict[int, tuple[float, float, Any, Any]] = {}
    for slot, (distinct, nulls, bounds) in columns.items():
        type_ = table.slot_types[slot]
        least, greatest = RowCodec((type_, type_), (None, None)).decode(bounds)[:2]
        found[slot] = (distinct, nulls, least, greatest)
    return TableStatistics(rows, found)
