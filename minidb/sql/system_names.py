"""Definitions leave the system views alone: none is altered or dropped, and no relation takes one's name.

PostgreSQL keeps its catalogs in a schema that is searched first, so a user's `pg_locks` would be created and
then never be seen. Here a relation of the user's would hide the view instead; both are worse than a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from minidb.errors import ProgrammingError
from minidb.plan.system_view import SYSTEM_SCHEMA
from minidb.sql.binder import Binder
from minidb.sql.define_syntax import (
    CreateTableAsSyntax,
    CreateTableSyntax,
    CreateViewSyntax,
    DefinitionSyntax,
    RenameSyntax,
    SequenceSyntax,
)
from minidb.sql.utility import TableName


def refuse_system_views(binder: Binder, syntax: DefinitionSyntax) -> None:
    """42501 if the definition would create, alter or drop something by a system view's name."""
    created = _created(syntax)
    if created is not None and _is_system_view(binder, created):
        raise ProgrammingError(
            f'permission denied to create "{created.name}"',
            sqlstate="42501",
            position=created.position,
            detail="A system view has this name.",
        )
    for name in _names(syntax):
        if _is_system_view(binder, name) and binder.catalog.relation(name.name) is None:
            raise ProgrammingError(
                f'permission denied: "{name.name}" is a system view', sqlstate="42501", position=name.position
            )


def _is_system_view(binder: Binder, name: TableName) -> bool:
    return name.schema in (None, "public", SYSTEM_SCHEMA) and name.name in binder.system_views


def _created(syntax: DefinitionSyntax) -> TableName | None:
    match syntax:
        case CreateTableSyntax(table=name) | CreateTableAsSyntax(table=name) | CreateViewSyntax(view=name):
            return name
        case SequenceSyntax(sequence=name, alter=False):
            return name
        case RenameSyntax(name=old, new_name=new):
            return TableName(new, old.schema, old.position)
        case _:
            return None


def _names(part: object) -> Iterator[TableName]:
    """The relations that a definition names, those of its constraints included."""
    if isinstance(part, TableName):
        yield part
    elif isinstance(part, tuple):
        for each in part:
            yield from _names(each)
    elif is_dataclass(part):
        for field in fields(part):
            yield from _names(getattr(part, field.name))
