"""What the catalog knows, for people: its tables, one table's definition, the name of a locked object."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import CatalogObject, IndexSchema, Table, View
from minidb.errors import DataCorrupted, ProgrammingError
from minidb.storage.key_decode import decode_key, storage_id_of
from minidb.txn.environment import describe_plainly
from minidb.txn.read_set import ReadRange
from minidb.txn.state import AdvisoryKey, QueueTarget
from minidb.value.sql_types import BIGINT, SqlType, Value
from minidb.value.text import to_text


def describe(catalog: Catalog, name: str | None) -> list[str]:
    """Everything there is, a line each; or one object in full. 42P01 if there is none of that name."""
    if name is None:
        lines = [f"{_kind(object_):<10}{object_.name}" for object_ in catalog.objects()]
        return lines or ["no tables"]
    found = catalog.relation(name)
    if found is None:
        raise ProgrammingError(f'relation "{name}" does not exist', sqlstate="42P01")
    if isinstance(found, Table):
        return _table(catalog, found)
    if isinstance(found, View):
        return [f"view {found.name}", f"  {found.query}"]
    return [
        f"sequence {found.name}",
        f"  start {found.start}, increment {found.increment}, from {found.minimum} to {found.maximum}",
    ]


def _kind(object_: CatalogObject) -> str:
    return "table" if isinstance(object_, Table) else "view" if isinstance(object_, View) else "sequence"


def _table(catalog: Catalog, table: Table) -> list[str]:
    lines = [f"table {table.name}"]
    width = max([len(column.name) for column in table.columns], default=0)
    for column in table.columns:
        parts = [f"  {column.name:<{width}}  {column.type}"]
        if not column.nullable:
            parts.append("not null")
        if column.identity is not None:
            parts.append(f"generated {column.identity} as identity")
        elif column.generated is not None:
            parts.append(f"generated always as ({column.generated}) stored")
        elif column.default is not None:
            parts.append(f"default {column.default}")
        lines.append(" ".join(parts))
    names = {column.slot: column.name for column in table.columns}
    if table.primary_key:
        keys = ", ".join([names[slot] for slot in table.primary_key])
        lines.append(f"primary key {table.primary_key_name} ({keys})")
    for index in table.indexes:
        lines.append(_index(index, names))
    for check in table.checks:
        lines.append(f"check {check.name} ({check.expression})")
    for key in table.foreign_keys:
        target = catalog.table_by_id(key.target_table)
        target_names = {column.slot: column.name for column in target.columns}
        lines.append(
            f"foreign key {key.name} ({', '.join([names[slot] for slot in key.slots])}) references "
            f"{target.name} ({', '.join([target_names[slot] for slot in key.target_slots])})"
        )
    return lines


def _index(index: IndexSchema, names: dict[int, str]) -> str:
    keys = []
    for key in index.keys:
        text = names[key.slot] if key.slot is not None else f"({key.expression})"
        keys.append(text + (" desc" if key.descending else "") + (" nulls first" if key.nulls_first else ""))
    kind = "unique index" if index.unique else "index"
    where = f" where {index.predicate}" if index.predicate is not None else ""
    return f"{kind} {index.name} ({', '.join(keys)}){where}"


def describe_range(catalog: Catalog, read: ReadRange) -> str:
    """What a transaction reads or locks beyond single keys: `rows of table t where (k > 3)`."""
    condition = read.condition()
    name = next(
        (table.name for table in catalog.tables() if table.storage_id == storage_id_of(read.prefix)), None
    )
    if condition is not None and name is not None:
        return f"rows of table {name} where {condition}"
    if read.start[4:] == b"" and (read.stop is None or len(read.stop) == 4):
        return f"all rows of table {name}" if name is not None else describe_target(catalog, read.start)
    # A bound is a key with a zero byte behind it.
    after = "the first" if len(read.start) == 4 else f"after {describe_target(catalog, read.start[:-1])}"
    if read.stop is None or len(read.stop) == 4:
        return f"keys from {after} to the end" if len(read.start) > 4 else "all keys"
    return f"keys {after} up to {describe_target(catalog, read.stop[:-1])}"


def describe_target(catalog: Catalog, target: QueueTarget) -> str:
    """A locked object by name: `table account`, `row (7) of table account`, `key (bob) of index k`."""
    object_, part = locate(catalog, target)
    if object_ is None:
        return describe_plainly(target)
    if part is None:
        return f"{_kind(object_)} {object_.name}"
    return part if part.startswith("key") else f"{part} of {_kind(object_)} {object_.name}"


def locate(catalog: Catalog, target: QueueTarget) -> tuple[CatalogObject | None, str | None]:
    """The relation that a locked object is, or is part of, and which part: `row (7)`, `key (bob) of index k`.

    (None, None) where the catalog does not know it: its own keys, tables that are not committed yet, advisory
    locks.
    """
    if isinstance(target, int):
        return catalog.object_by_id(target), None
    if isinstance(target, AdvisoryKey):
        return None, None
    storage_id = storage_id_of(target)
    for table in catalog.tables():
        if table.storage_id == storage_id:
            if not table.primary_key and len(target) > 4:
                return table, f"row ({int.from_bytes(target[4:], 'big')})"  # its hidden row id
            types = [table.slot_types[slot] for slot in table.primary_key]
            return table, f"row {_values(types, None, target)}"
        for index in table.indexes:
            if index.storage_id == storage_id:
                types = [key.type for key in index.keys]
                descending = [key.descending for key in index.keys]
                behind = [table.slot_types[slot] for slot in table.primary_key] or [BIGINT]
                return table, f"key {_values(types, descending, target, behind)} of index {index.name}"
    return None, None


def _values(
    types: list[SqlType], descending: list[bool] | None, key: bytes, behind: Sequence_[SqlType] = ()
) -> str:
    """The values in a key; an entry may have its row's key `behind` its own parts."""
    if len(key) == 4:
        return "(all)"
    values: tuple[Value, ...]
    try:
        values = decode_key(types, key, descending)
    except DataCorrupted:
        try:
            down = [*(descending or [False] * len(types)), *[False] * len(behind)]
            values = decode_key([*types, *behind], key, down)[: len(types)]
        except DataCorrupted:  # a truncated one
            return f"({key[4:].hex()})"
    shown = [
        "null" if value is None else to_text(value, type_) for value, type_ in zip(values, types, strict=True)
    ]
    return f"({', '.join(shown)})"
