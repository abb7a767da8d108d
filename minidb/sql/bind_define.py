"""CREATE, ALTER, DROP, TRUNCATE, REINDEX -> plan.definitions: the one match over what was written."""

from __future__ import annotations

from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import CatalogObject, ColumnSchema, Sequence, Table, View
from minidb.errors import NotSupportedError, ProgrammingError
from minidb.plan.changes import TargetIndex
from minidb.plan.definitions import Definition, Nothing, Reindex, RenameObject
from minidb.sql import bind_create, bind_routine
from minidb.sql.bind_alter import alter_table
from minidb.sql.bind_drop import bind_drop, bind_truncate, sequences_in
from minidb.sql.binder import Binder
from minidb.sql.define_syntax import (
    AlterTableSyntax,
    CreateIndexSyntax,
    CreateTableAsSyntax,
    CreateTableSyntax,
    CreateViewSyntax,
    DefinitionSyntax,
    DropSyntax,
    ReindexSyntax,
    RenameSyntax,
    SequenceSyntax,
    TruncateSyntax,
)
from minidb.sql.object_names import next_value_text
from minidb.sql.rename_columns import rename_table_in_texts
from minidb.sql.routine_syntax import CreateRoutineSyntax, DropRoutineSyntax, RenameRoutineSyntax
from minidb.sql.system_names import refuse_system_views
from minidb.sql.table_expressions import bind_index
from minidb.sql.table_names import check_schema, find_table

_CLASSES: dict[str, type[CatalogObject]] = {"TABLE": Table, "VIEW": View, "SEQUENCE": Sequence}


def bind_definition(binder: Binder, syntax: DefinitionSyntax) -> Definition:
    """The definition with its names resolved, ready to be carried out."""
    catalog = binder.catalog
    refuse_system_views(binder, syntax)
    match syntax:
        case CreateTableSyntax():
            return bind_create.create_table(binder, syntax)
        case CreateTableAsSyntax():
            return bind_create.create_table_as(binder, syntax)
        case CreateIndexSyntax():
            return bind_create.create_index(binder, syntax)
        case CreateViewSyntax():
            return bind_create.create_view(binder, syntax)
        case SequenceSyntax(alter=True):
            return bind_create.alter_sequence(binder, syntax)
        case SequenceSyntax():
            return bind_create.create_sequence(binder, syntax)
        case AlterTableSyntax():
            return alter_table(catalog, syntax)
        case RenameSyntax():
            return _rename(catalog, syntax)
        case DropSyntax():
            return bind_drop(catalog, syntax)
        case TruncateSyntax():
            return bind_truncate(catalog, syntax)
        case CreateRoutineSyntax():
            return bind_routine.create_routine(binder, syntax)
        case DropRoutineSyntax():
            return bind_routine.drop_routines(catalog, syntax)
        case RenameRoutineSyntax():
            return bind_routine.rename_routine(catalog, syntax)
        case ReindexSyntax():
            return _reindex(catalog, syntax)
        case _:
            raise AssertionError(f"unknown definition {type(syntax).__name__}")


# --- ALTER ... RENAME TO --------------------------------------------------------------------------


def _rename(catalog: Catalog, syntax: RenameSyntax) -> Definition:
    tag = f"ALTER {syntax.kind}"
    name, new = syntax.name.name, syntax.new_name
    check_schema(syntax.name)
    found = catalog.relation(name)
    index = catalog.index(name)
    if found is None and index is None:
        message = f'relation "{name}" does not exist'
        if syntax.if_exists:
            return Nothing(tag, message + ", skipping")
        raise ProgrammingError(message, sqlstate="42P01", position=syntax.name.position)
    if catalog.is_taken(new):
        raise ProgrammingError(f'relation "{new}" already exists', sqlstate="42P07")
    if index is not None:
        if syntax.kind not in ("INDEX", "TABLE"):
            raise _wrong_kind(syntax)
        return RenameObject(tag, ((index[0], _with_index_name(index[0], name, new)),))
    assert found is not None
    if syntax.kind == "INDEX" or (syntax.kind != "TABLE" and not isinstance(found, _CLASSES[syntax.kind])):
        raise _wrong_kind(syntax)
    dependents = [] if isinstance(found, Sequence) else catalog.dependents(found.id)
    if dependents:
        raise NotSupportedError(
            f"renaming what a view reads is not supported: view {dependents[0].name} depends on {name}"
        )
    if isinstance(found, Table):
        renamed: CatalogObject = replace(rename_table_in_texts(found, name, new), name=new)
        return RenameObject(tag, ((found, renamed),))
    if isinstance(found, View):
        return RenameObject(tag, ((found, replace(found, name=new)),))
    changed: list[tuple[CatalogObject, CatalogObject]] = [(found, replace(found, name=new))]
    for table in catalog.tables():
        columns = tuple([_with_sequence_name(column, name, new) for column in table.columns])
        if columns != table.columns:
            changed.append((table, replace(table, columns=columns)))
    return RenameObject(tag, tuple(changed))


def _wrong_kind(syntax: RenameSyntax) -> ProgrammingError:
    article = "an" if syntax.kind == "INDEX" else "a"
    return ProgrammingError(
        f'"{syntax.name.name}" is not {article} {syntax.kind.lower()}',
        sqlstate="42809",
        position=syntax.name.position,
    )


def _with_index_name(table: Table, name: str, new: str) -> Table:
    if table.primary_key and table.primary_key_name == name:
        return replace(table, primary_key_name=new)
    indexes = [replace(index, name=new) if index.name == name else index for index in table.indexes]
    return replace(table, indexes=tuple(indexes))


def _with_sequence_name(column: ColumnSchema, name: str, new: str) -> ColumnSchema:
    if column.sequence == name:
        column = replace(column, sequence=new)
    if column.default is not None and name in sequences_in(column.default):
        if column.default != next_value_text(name):
            raise NotSupportedError(
                f"renaming a sequence inside of an expression is not supported: the default of column "
                f'"{column.name}" draws from "{name}"'
            )
        column = replace(column, default=next_value_text(new))
    return column


# --- REINDEX --------------------------------------------------------------------------------------


def _reindex(catalog: Catalog, syntax: ReindexSyntax) -> Definition:
    if syntax.name is None or syntax.kind == "SCHEMA":
        if syntax.name is not None and syntax.name.name != "public":
            raise ProgrammingError(f'schema "{syntax.name.name}" does not exist', sqlstate="3F000")
        return Reindex(tuple([(table, _indexes(catalog, table, None)) for table in catalog.tables()]))
    check_schema(syntax.name)
    if syntax.kind == "TABLE":
        table = find_table(catalog, syntax.name)
        return Reindex(((table, _indexes(catalog, table, None)),))
    found = catalog.index(syntax.name.name)
    if found is None:
        if catalog.relation(syntax.name.name) is not None:
            raise ProgrammingError(f'"{syntax.name.name}" is not an index', sqlstate="42809")
        raise ProgrammingError(f'relation "{syntax.name.name}" does not exist', sqlstate="42P01")
    table = found[0]
    # The primary key is the table itself: there is nothing beside the rows to be built.
    return Reindex(((table, _indexes(catalog, table, syntax.name.name)),))


def _indexes(catalog: Catalog, table: Table, name: str | None) -> tuple[TargetIndex, ...]:
    return tuple(
        [
            bind_index(catalog, table, replace(index, storage_id=0))
            for index in table.indexes
            if name is None or index.name == name
        ]
    )
