"""Relations by their names as written in definitions and changes."""

from __future__ import annotations

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import CatalogObject, Sequence, Table, View
from minidb.errors import ProgrammingError
from minidb.sql.utility import TableName


def check_schema(name: TableName) -> None:
    """There is one schema; 3F000 for any other."""
    if name.schema not in (None, "public"):
        raise ProgrammingError(
            f'schema "{name.schema}" does not exist', sqlstate="3F000", position=name.position
        )


def find_relation(catalog: Catalog, name: TableName) -> CatalogObject:
    """The table, view or sequence; 42P01."""
    found = catalog.relation(name.name) if name.schema in (None, "public") else None
    if found is None:
        shown = name.name if name.schema is None else f"{name.schema}.{name.name}"
        raise ProgrammingError(f'relation "{shown}" does not exist', sqlstate="42P01", position=name.position)
    return found


def find_table(catalog: Catalog, name: TableName, what: str = "") -> Table:
    """The table; 42P01, or 42809 if it is something else."""
    found = find_relation(catalog, name)
    if not isinstance(found, Table):
        shown = f'{what} "{name.name}"' if what else f'"{name.name}"'
        raise ProgrammingError(f"{shown} is not a table", sqlstate="42809", position=name.position)
    return found


def kind_of(object_: CatalogObject) -> str:
    """table, view or sequence."""
    if isinstance(object_, Table):
        return "table"
    return "view" if isinstance(object_, View) else "sequence"


def find_sequence(catalog: Catalog, name: TableName) -> Sequence:
    """The sequence; 42P01, 42809."""
    found = find_relation(catalog, name)
    if not isinstance(found, Sequence):
        raise ProgrammingError(f'"{name.name}" is not a sequence', sqlstate="42809", position=name.position)
    return found
