"""Declared types under a catalog: names, %TYPE, %ROWTYPE; a table's or view's name is its row."""

from __future__ import annotations

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import Table, View
from minidb.errors import Error, ProgrammingError
from minidb.session.plpgsql.variables import Namespace, Record, Variable
from minidb.session.result import Columns
from minidb.sql.bind import bind
from minidb.sql.object_names import quoted
from minidb.sql.parse import parse
from minidb.sql.plpgsql.syntax import Path, TypeReference
from minidb.value.sql_types import SqlType
from minidb.value.types_by_name import type_from_name

Declared = SqlType | Columns | None  # a scalar type, a row of these columns, RECORD


def declared_type(reference: TypeReference, namespace: Namespace, catalog: Catalog) -> Declared:
    """What a variable of this type holds; errors have their place in the body."""
    try:
        match reference.kind:
            case "record":
                return None
            case "rowtype":
                return _row_type(reference.path, catalog)
            case "type":
                return _type_of(reference.path, namespace, catalog)
            case _:
                return _named(reference, catalog)
    except Error as error:
        if error.position is None:
            error.position = reference.position + 1
        raise


def relation_columns(name: str, catalog: Catalog) -> Columns | None:
    """The columns of a table or view; None if there is none of that name."""
    if not isinstance(catalog.relation(name), Table | View):
        return None
    return bind(parse(f"SELECT * FROM {quoted(name)}")[0], catalog).columns


def _named(reference: TypeReference, catalog: Catalog) -> Declared:
    path = reference.path
    if len(path) == 1 or path[0] in ("pg_catalog", "public"):
        if path[0] != "pg_catalog":
            columns = relation_columns(path[-1], catalog)
            if columns is not None and not reference.modifiers:
                return columns
        if path[0] != "public":
            return type_from_name(path[-1], reference.modifiers)
    raise ProgrammingError(f'type "{".".join(path)}" does not exist', sqlstate="42704")


def _without_schema(path: Path) -> Path:
    return path[1:] if path[0] == "public" and len(path) > 1 else path


def _row_type(path: Path, catalog: Catalog) -> Columns:
    name = _without_schema(path)
    columns = relation_columns(name[0], catalog) if len(name) == 1 else None
    if columns is None:
        raise ProgrammingError(f'relation "{".".join(path)}" does not exist', sqlstate="42P01")
    return columns


def _type_of(path: Path, namespace: Namespace, catalog: Catalog) -> Declared:
    """variable%TYPE, record.field%TYPE, table.column%TYPE."""
    found = namespace.find(path)
    if found is not None:
        member, rest = found
        if isinstance(member, Variable):
            return member.type
        return _field_type(member, rest)
    name = _without_schema(path)
    if len(name) == 2:
        columns = relation_columns(name[0], catalog)
        if columns is None:
            raise ProgrammingError(f'relation "{name[0]}" does not exist', sqlstate="42P01")
        for own, type_ in columns:
            if own == name[1]:
                return type_
        raise ProgrammingError(f'column "{name[1]}" of relation "{name[0]}" does not exist', sqlstate="42703")
    raise ProgrammingError(f'variable "{".".join(path)}" does not exist', sqlstate="42704")


def _field_type(record: Record, rest: Path) -> Declared:
    if not rest:
        return record.columns
    for name, type_ in record.columns or ():
        if (name,) == rest:
            return type_
    raise ProgrammingError(f'record "{record.name}" has no field "{".".join(rest)}"', sqlstate="42703")
