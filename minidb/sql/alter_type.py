"""ALTER COLUMN ... TYPE: which rows must be written anew, and with what."""

from __future__ import annotations

from msgspec.structs import replace

from minidb.catalog.schema import ColumnSchema, Table
from minidb.errors import NotSupportedError, ProgrammingError
from minidb.expr.cast import cast
from minidb.expr.node import Expr, Slot
from minidb.sql.define_syntax import SetType
from minidb.sql.table_draft import TableDraft, comparable_keys, require_key_type
from minidb.sql.table_expressions import (
    TRANSFORM,
    bind_default,
    bind_generated,
    bind_index,
    bind_over_row,
    used_slots,
)
from minidb.value.sql_types import INTEGER_KINDS, Kind, SqlType

_INTEGERS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)


def set_type(draft: TableDraft, column: ColumnSchema, action: SetType) -> Expr | None:
    """Give the column its new type; the expression of its new values, None if rows can stay as they are."""
    table, catalog, new = draft.table, draft.catalog, action.type
    for other in table.columns:
        if other.generated is not None and other.slot != column.slot:
            if column.slot in used_slots(bind_generated(catalog, table, other, other.generated)):
                raise NotSupportedError(
                    "cannot alter type of a column used by a generated column",
                    detail=f'Column "{column.name}" is used by generated column "{other.name}".',
                )
    value = _value(draft, column, action)
    changed = replace(column, type=new)
    if column.identity is not None and new.kind not in INTEGER_KINDS:
        raise ProgrammingError("identity column type must be smallint, integer, or bigint", sqlstate="22023")
    if column.default is not None:
        _recast_default(draft, changed)
    types = tuple([new if slot == column.slot else type_ for slot, type_ in enumerate(table.slot_types)])
    draft.table = replace(table, slot_types=types)
    draft.put_column(changed)
    _check_foreign_keys(draft, column.slot)
    if column.generated is not None:
        bind_generated(catalog, draft.table, changed, column.generated)
    if column.slot in table.primary_key:
        require_key_type(new)
    _retype_keys(draft)
    if action.using is None and _same_storage(column.type, new):
        return None
    return value


def _value(draft: TableDraft, column: ColumnSchema, action: SetType) -> Expr:
    old = Slot(column.slot, column.type, column.name)
    if action.using is not None:
        using = bind_over_row(draft.catalog, draft.table, action.using, TRANSFORM)
        try:
            return cast(using, action.type, "assignment")
        except ProgrammingError:
            raise ProgrammingError(
                f'result of USING clause for column "{column.name}" cannot be cast automatically to type '
                f"{action.type}",
                sqlstate="42804",
                hint="You might need to add an explicit cast.",
            ) from None
    try:
        return cast(old, action.type, "assignment")
    except ProgrammingError:
        raise ProgrammingError(
            f'column "{column.name}" cannot be cast automatically to type {action.type}',
            sqlstate="42804",
            hint=f'You might need to specify "USING {column.name}::{action.type}".',
        ) from None


def _recast_default(draft: TableDraft, column: ColumnSchema) -> None:
    assert column.default is not None
    try:
        bind_default(draft.catalog, column.name, column.type, column.default)
    except ProgrammingError as error:
        if error.sqlstate != "42804":
            raise
        raise ProgrammingError(
            f'default for column "{column.name}" cannot be cast automatically to type {column.type}',
            sqlstate="42804",
        ) from None


def _check_foreign_keys(draft: TableDraft, slot: int) -> None:
    table = draft.table
    related: list[tuple[str, SqlType, SqlType]] = []
    for key in table.foreign_keys:
        itself = key.target_table == table.id
        parent: Table = table if itself else draft.catalog.table_by_id(key.target_table)
        for own, target in zip(key.slots, key.target_slots, strict=True):
            if slot == own or (parent is table and slot == target):
                related.append((key.name, table.slot_types[own], parent.slot_types[target]))
    for child, key in draft.catalog.referencing(table.id):
        for own, target in zip(key.slots, key.target_slots, strict=True):
            if target == slot and child.id != table.id:
                related.append((key.name, child.slot_types[own], table.slot_types[target]))
    for name, one, other in related:
        if not comparable_keys(one.kind, other.kind):
            raise ProgrammingError(
                f'foreign key constraint "{name}" cannot be implemented',
                sqlstate="42804",
                detail=f"Key columns are of incompatible types: {one.kind.value} and {other.kind.value}.",
            )


def _retype_keys(draft: TableDraft) -> None:
    """Index keys know their types."""
    table = draft.table
    indexes = []
    for index in table.indexes:
        bound = bind_index(draft.catalog, table, index)
        keys = tuple(
            [
                replace(key, type=expression.type)
                for key, expression in zip(index.keys, bound.keys, strict=True)
            ]
        )
        for key in keys:
            require_key_type(key.type)
        indexes.append(replace(index, keys=keys) if keys != index.keys else index)
    draft.table = replace(table, indexes=tuple(indexes))


def _same_storage(old: SqlType, new: SqlType) -> bool:
    """Whether every value stays the same value, in rows and in keys."""
    if old.kind in _INTEGERS and new.kind in _INTEGERS:
        return _INTEGERS.index(new.kind) >= _INTEGERS.index(old.kind)
    if old.kind in (Kind.VARCHAR, Kind.TEXT) and new.kind in (Kind.VARCHAR, Kind.TEXT):
        return new.length is None or (old.length is not None and old.length <= new.length)
    return old == new
