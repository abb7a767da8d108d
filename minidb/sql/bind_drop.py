"""DROP, TRUNCATE, and what depends on what: 2BP01 without CASCADE.

table     <- foreign keys of other tables, views that name it; its own sequences go with it
column    <- views that read it, indexes and constraints of it, generated columns over it
view      <- views that name it
routine   <- views, defaults, checks and atomic bodies that call it
sequence  <- defaults that draw from it
unique key of a table  <- foreign keys that refer to it
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import CatalogObject, ForeignKeySchema, Routine, Sequence, Table, View
from minidb.errors import Error, NotSupportedError, ProgrammingError
from minidb.expr.node import Expr, walk
from minidb.expr.user_function import UserFunction
from minidb.plan.definitions import Definition, Drop, Nothing, Truncate
from minidb.sql.define_syntax import DropSyntax, TruncateSyntax
from minidb.sql.table_draft import covers_key
from minidb.sql.table_expressions import expressions_of
from minidb.sql.table_names import find_table, kind_of
from minidb.sql.utility import TableName

_CLASSES: dict[str, type[CatalogObject]] = {"TABLE": Table, "VIEW": View, "SEQUENCE": Sequence}
_NEXT_VALUE = re.compile(r"""nextval\s*\(\s*'((?:[^']|'')*)'""", re.IGNORECASE)


class Dropping:
    """Collects what goes, and what changes because of it."""

    __slots__ = ("_altered", "_blocked", "_gone", "_routines", "cascade", "catalog", "notices")

    def __init__(self, catalog: Catalog, cascade: bool) -> None:
        self.catalog = catalog
        self.cascade = cascade
        self.notices: list[str] = []
        self._gone: dict[int, CatalogObject] = {}
        self._altered: dict[int, Table] = {}
        self._routines: dict[int, Routine] = {}
        self._blocked: list[str] = []

    def is_gone(self, id_: int) -> bool:
        """Whether the object is dropped."""
        return id_ in self._gone

    def name(self, objects: list[CatalogObject]) -> None:
        """The objects that the statement names: they don't block one another."""
        for object_ in objects:
            self._gone[object_.id] = object_

    def follow(self, object_: CatalogObject) -> None:
        """Everything that depends on a dropped object."""
        described = f"{kind_of(object_)} {object_.name}"
        if isinstance(object_, Table):
            for child, foreign_key in self.catalog.referencing(object_.id):
                if not self.is_gone(child.id):
                    self.lose_foreign_key(child, foreign_key, described)
            for sequence in self.catalog.owned_sequences(object_.id):
                if not self.is_gone(sequence.id):
                    self._gone[sequence.id] = sequence
                    self.follow(sequence)
        if isinstance(object_, Sequence):
            self._defaults(object_, described)
        else:
            for view in self.catalog.dependents(object_.id):
                self.lose_view(view, described)
            for routine in self.catalog.dependent_routines(object_.id):
                by_row = routine.row_of == object_.id
                self.lose_routine(routine, f"type {object_.name}" if by_row else described)

    def name_routines(self, routines: list[Routine]) -> None:
        """The routines that the statement names."""
        for routine in routines:
            self._routines[routine.id] = routine

    def follow_routine(self, routine: Routine) -> None:
        """Everything that depends on a dropped routine: views, bodies, defaults and checks that call it."""
        described = f"{routine.kind} {routine.signature}"
        for view in self.catalog.dependents(routine.id):
            self.lose_view(view, described)
        for other in self.catalog.dependent_routines(routine.id):
            self.lose_routine(other, described)
        for table in self.catalog.tables():
            if not self.is_gone(table.id):
                self._stored_calls(table, routine, described)

    def lose_routine(self, routine: Routine, depends_on: str) -> None:
        """A routine depends on what goes."""
        if routine.id not in self._routines:
            self._lose(f"{routine.kind} {routine.signature}", depends_on)
            self._routines[routine.id] = routine
            self.follow_routine(routine)

    def _stored_calls(self, table: Table, routine: Routine, described: str) -> None:
        """A table loses the defaults and checks that call the routine."""
        texts = [column.default or "" for column in table.columns] + [
            each.expression for each in table.checks
        ]
        if not any(routine.name in text.lower() for text in texts):
            return
        bound = expressions_of(self.catalog, table)
        columns = list(table.columns)
        for place, column in enumerate(columns):
            default = bound.defaults[column.slot]
            if default is not None and _calls(default, routine):
                self._lose(f"default value for column {column.name} of table {table.name}", described)
                columns[place] = replace(column, default=None)
        violated = [name for name, condition in bound.checks if _calls(condition, routine)]
        for name in violated:
            self._lose(f"constraint {name} on table {table.name}", described)
        checks = tuple([check for check in table.checks if check.name not in violated])
        if tuple(columns) != table.columns or checks != table.checks:
            self._altered[table.id] = replace(self.current(table), columns=tuple(columns), checks=checks)

    def routines(self) -> tuple[Routine, ...]:
        """The routines that go."""
        return tuple(self._routines.values())

    def blocked(self) -> list[str]:
        """What stands in the way."""
        return self._blocked

    def lose_view(self, view: View, depends_on: str) -> None:
        """A view depends on what goes."""
        if self.is_gone(view.id):
            return
        self._lose(f"view {view.name}", depends_on)
        self._gone[view.id] = view
        self.follow(view)

    def lose_foreign_key(self, child: Table, foreign_key: ForeignKeySchema, depends_on: str) -> None:
        """A foreign key depends on what goes."""
        self._lose(f"constraint {foreign_key.name} on table {child.name}", depends_on)
        table = self.current(child)
        kept = tuple([each for each in table.foreign_keys if each.name != foreign_key.name])
        self._altered[child.id] = replace(table, foreign_keys=kept)

    def _defaults(self, sequence: Sequence, described: str) -> None:
        for table in self.catalog.tables():
            if self.is_gone(table.id):
                continue
            for column in table.columns:
                if sequence.owner == (table.id, column.slot) and column.identity is not None:
                    self._blocked_by_identity(sequence, table, column.name)
                elif column.default is not None and sequence.name in sequences_in(column.default):
                    self._lose(f"default value for column {column.name} of table {table.name}", described)
                    changed = replace(column, default=None, sequence=None)
                    current = self.current(table)
                    columns = tuple(
                        [changed if each.slot == column.slot else each for each in current.columns]
                    )
                    self._altered[table.id] = replace(current, columns=columns)

    def _blocked_by_identity(self, sequence: Sequence, table: Table, column: str) -> None:
        raise ProgrammingError(
            f"cannot drop sequence {sequence.name} because column {column} of table {table.name} requires it",
            sqlstate="2BP01",
            hint=f"You can drop column {column} of table {table.name} instead.",
        )

    def current(self, table: Table) -> Table:
        """The table with the changes so far."""
        return self._altered.get(table.id, table)

    def alter(self, table: Table) -> None:
        """The table as it shall be."""
        self._altered[table.id] = table

    def _lose(self, dependent: str, depends_on: str) -> None:
        if self.cascade:
            self.notices.append(f"drop cascades to {dependent}")
        else:
            self._blocked.append(f"{dependent} depends on {depends_on}")

    def refuse_if_blocked(self, what: str) -> None:
        """2BP01 if something stands in the way."""
        if self._blocked:
            raise depended_on(what, self._blocked)

    def objects(self) -> tuple[CatalogObject, ...]:
        """What goes."""
        return tuple(self._gone.values())

    def altered(self) -> tuple[tuple[CatalogObject, CatalogObject], ...]:
        """(old, new) of what changes, but is not dropped itself."""
        return tuple(
            [
                (self.catalog.table_by_id(id_), table)
                for id_, table in self._altered.items()
                if id_ not in self._gone
            ]
        )


def depended_on(what: str, details: list[str]) -> ProgrammingError:
    """2BP01."""
    return ProgrammingError(
        f"cannot drop {what} because other objects depend on it",
        sqlstate="2BP01",
        detail="\n".join(details),
        hint="Use DROP ... CASCADE to drop the dependent objects too.",
    )


def sequences_in(default: str) -> list[str]:
    """The sequences that a default's text draws from."""
    found: list[str] = []
    for text in _NEXT_VALUE.findall(default):
        name = text.replace("''", "'").removeprefix("public.")
        found.append(name[1:-1].replace('""', '"') if name[:1] == '"' else name.lower())
    return found


def bind_drop(catalog: Catalog, syntax: DropSyntax) -> Definition:
    """DROP TABLE | VIEW | SEQUENCE | INDEX."""
    tag = f"DROP {syntax.kind}"
    if syntax.kind == "INDEX":
        return _drop_indexes(catalog, syntax, tag)
    objects: list[CatalogObject] = []
    notices: list[str] = []
    for name in syntax.names:
        found = catalog.relation(name.name) if name.schema in (None, "public") else None
        if found is None and (catalog.index(name.name) is None or name.schema not in (None, "public")):
            message = f'{syntax.kind.lower()} "{name.name}" does not exist'
            if not syntax.if_exists:
                raise ProgrammingError(message, sqlstate="42P01", position=name.position)
            notices.append(message + ", skipping")
        elif not isinstance(found, _CLASSES[syntax.kind]):
            raise _wrong_kind(name, syntax.kind, found)
        elif found not in objects:
            objects.append(found)
    if not objects:
        return Nothing(tag, "\n".join(notices))
    dropping = Dropping(catalog, syntax.cascade)
    dropping.name(objects)
    for object_ in objects:
        dropping.follow(object_)
        dropping.refuse_if_blocked(f"{kind_of(object_)} {object_.name}")
    return Drop(
        tag, dropping.objects(), dropping.altered(), tuple(notices + dropping.notices), dropping.routines()
    )


def _calls(expression: Expr, routine: Routine) -> bool:
    return any(isinstance(node, UserFunction) and node.routine == routine.id for node in walk(expression))


def _wrong_kind(name: TableName, kind: str, found: CatalogObject | None) -> Error:
    hint = None
    if found is not None:
        article = "an" if kind == "INDEX" else "a"
        actual = kind_of(found).upper()
        hint = f"Use DROP {actual} to remove a {actual.lower()}."
    else:
        article, hint = "a", "Use DROP INDEX to remove an index."
    return ProgrammingError(
        f'"{name.name}" is not {article} {kind.lower()}',
        sqlstate="42809",
        position=name.position,
        hint=hint,
    )


def _drop_indexes(catalog: Catalog, syntax: DropSyntax, tag: str) -> Definition:
    notices: list[str] = []
    dropping = Dropping(catalog, syntax.cascade)
    changed = False
    for name in syntax.names:
        found = catalog.index(name.name) if name.schema in (None, "public") else None
        if found is None:
            other = catalog.relation(name.name)
            if other is not None:
                raise _wrong_kind(name, "INDEX", other)
            message = f'index "{name.name}" does not exist'
            if not syntax.if_exists:
                raise ProgrammingError(message, sqlstate="42704", position=name.position)
            notices.append(message + ", skipping")
            continue
        table, index = found
        if index is None or index.constraint:
            raise ProgrammingError(
                f"cannot drop index {name.name} because constraint {name.name} on table {table.name} "
                "requires it",
                sqlstate="2BP01",
                hint=f"You can drop constraint {name.name} on table {table.name} instead.",
            )
        current = dropping.current(table)
        kept = tuple([each for each in current.indexes if each.name != index.name])
        changed_table = replace(current, indexes=kept)
        dropping.alter(changed_table)
        lose_key(dropping, changed_table, f"index {index.name}")
        dropping.refuse_if_blocked(f"index {index.name}")
        changed = True
    if not changed:
        return Nothing(tag, "\n".join(notices))
    return Drop(tag, (), dropping.altered(), tuple(notices + dropping.notices))


def lose_key(dropping: Dropping, table: Table, described: str) -> None:
    """Foreign keys that referred to a key which `table`, as it shall be, no longer has."""
    for child, foreign_key in dropping.catalog.referencing(table.id):
        present = [key.name for key in dropping.current(child).foreign_keys]
        if foreign_key.name in present and not covers_key(table, foreign_key.target_slots):
            dropping.lose_foreign_key(child, foreign_key, described)


def bind_truncate(catalog: Catalog, syntax: TruncateSyntax) -> Definition:
    """TRUNCATE: tables that refer to a truncated one must be truncated with it."""
    tables: dict[int, Table] = {}
    for name in syntax.tables:
        table = find_table(catalog, name)
        tables[table.id] = table
    pending = list(tables.values())
    while pending:
        table = pending.pop()
        for child, _ in catalog.referencing(table.id):
            if child.id in tables:
                continue
            if not syntax.cascade:
                raise NotSupportedError(
                    "cannot truncate a table referenced in a foreign key constraint",
                    detail=f'Table "{child.name}" references "{table.name}".',
                    hint=f'Truncate table "{child.name}" at the same time, or use TRUNCATE ... CASCADE.',
                )
            tables[child.id] = child
            pending.append(child)
    restart: list[Sequence] = []
    if syntax.restart:
        for id_ in tables:
            restart.extend(catalog.owned_sequences(id_))
    return Truncate(tuple(tables.values()), tuple(restart))
