"""ALTER TABLE: actions one after the other over the table as the ones before left it.

Each action yields another complete schema, and the work that it means for rows there are: values to be
checked, rows to be rewritten. A new index has storage id 0, so the executor builds it; one that is no longer
in the schema loses its storage. A column keeps its slot for ever, so most changes leave rows as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import CatalogObject, ColumnSchema, Sequence, Table, TableStatistics
from minidb.errors import NotSupportedError, ProgrammingError
from minidb.expr.node import Constant, Expr, Slot, walk
from minidb.plan.definitions import (
    AlterTable,
    CheckForeignKey,
    CheckNotNull,
    CheckRows,
    Definition,
    Nothing,
    RewriteRows,
    Step,
)
from minidb.sql.alter_type import set_type
from minidb.sql.bind_drop import Dropping, depended_on, lose_key
from minidb.sql.define_syntax import (
    AddColumn,
    AddConstraint,
    AlterTableSyntax,
    DropColumn,
    DropConstraint,
    RenameColumn,
    RenameConstraint,
    SetDefault,
    SetIdentity,
    SetNotNull,
    SetType,
    ValidateConstraint,
)
from minidb.sql.object_names import constraint_names
from minidb.sql.rename_columns import rename_column_in_texts
from minidb.sql.table_draft import TableDraft
from minidb.sql.table_expressions import (
    bind_check,
    bind_default,
    bind_generated,
    bind_index,
    column_default,
    used_slots,
)
from minidb.sql.table_names import find_table


def alter_table(catalog: Catalog, syntax: AlterTableSyntax) -> Definition:
    """ALTER TABLE with all its actions."""
    if syntax.if_exists and catalog.relation(syntax.table.name) is None:
        return Nothing("ALTER TABLE", f'relation "{syntax.table.name}" does not exist, skipping')
    alteration = Alteration(catalog, find_table(catalog, syntax.table))
    for action in syntax.actions:
        match action:
            case AddColumn():
                alteration.add_column(action)
            case DropColumn():
                alteration.drop_column(action)
            case RenameColumn():
                alteration.rename_column(action)
            case AddConstraint():
                alteration.add_constraint(action)
            case ValidateConstraint():
                alteration.validate_constraint(action)
            case DropConstraint():
                alteration.drop_constraint(action)
            case RenameConstraint():
                alteration.rename_constraint(action)
            case SetDefault():
                alteration.set_default(action)
            case SetNotNull():
                alteration.set_not_null(action)
            case SetType():
                alteration.set_type(action)
            case SetIdentity():
                alteration.set_identity(action)
    return alteration.finish()


class Alteration:
    """An ALTER TABLE in the making; `draft.table` is the schema so far."""

    __slots__ = (
        "_checks",
        "_counters",
        "_dropped",
        "_missing",
        "_retyped",
        "_values",
        "catalog",
        "draft",
        "dropping",
        "notices",
        "old",
    )

    def __init__(self, catalog: Catalog, table: Table) -> None:
        self.catalog = catalog
        self.old = table
        self.draft = TableDraft(catalog, table)
        self.notices: list[str] = []
        self._checks: list[Step] = []
        self._values: dict[int, Expr] = {}  # slots that a rewrite computes
        self._counters: list[tuple[int, str]] = []
        self._missing: list[tuple[int, Expr]] = []
        self._dropped: list[Sequence] = []
        self._retyped: set[int] = set()
        self.dropping = Dropping(catalog, False)

    @property
    def table(self) -> Table:
        """The schema so far."""
        return self.draft.table

    def column(self, name: str, position: int | None = None) -> ColumnSchema:
        """A column that must exist."""
        message = f'column "{name}" of relation "{self.table.name}" does not exist'
        return self.draft.column(name, message, position)

    # -- columns --------------------------------------------------------------------------------------

    def add_column(self, action: AddColumn) -> None:
        """ADD COLUMN: rows there are get its default without being written, if that is one value."""
        syntax = action.column
        draft = self.draft
        if draft.table.column(syntax.name) is not None:
            message = f'column "{syntax.name}" of relation "{draft.table.name}" already exists'
            if action.if_not_exists:
                self.notices.append(message + ", skipping")
                return
            raise ProgrammingError(message, sqlstate="42701", position=syntax.position)
        column = draft.add_column(syntax)
        if column.generated is not None:
            self._values[column.slot] = bind_generated(self.catalog, draft.table, column, column.generated)
        elif column.sequence is not None:
            self._counters.append((column.slot, column.sequence))
        else:
            self._add_default(column)
        if not column.nullable:
            self._checks.append(CheckNotNull(column.slot))
        waiting, draft.later = draft.later, []
        for constraint, name in waiting:
            self._constrain(partial(draft.add_constraint, constraint, name))

    def _add_default(self, column: ColumnSchema) -> None:
        default = column_default(self.catalog, column)
        if default is None:
            return
        if any(node.is_volatile() for node in walk(default)):
            self._values[column.slot] = default
        else:
            self._missing.append((column.slot, default))

    def drop_column(self, action: DropColumn) -> None:
        """DROP COLUMN: constraints and indexes that are about it go too; its slot stays."""
        column = self.table.column(action.name)
        if column is None:
            message = f'column "{action.name}" of relation "{self.table.name}" does not exist'
            if not action.if_exists:
                raise ProgrammingError(message, sqlstate="42703", position=action.position)
            self.notices.append(message + ", skipping")
            return
        described = f"column {column.name} of table {self.table.name}"
        dropping = self._start_dropping(action.cascade)
        for view in self.catalog.dependents(self.old.id):
            if any(id_ == self.old.id and column.slot in slots for id_, slots in view.depends):
                dropping.lose_view(view, described)
        generated = self._generated_over(column)
        if generated and not action.cascade:
            details = [
                f"column {each.name} of table {self.table.name} depends on {described}" for each in generated
            ]
            raise depended_on(described, details)
        self._forget_columns([column, *generated])
        dropping.alter(self.table)
        lose_key(dropping, self.table, described)
        dropping.refuse_if_blocked(described)
        self.draft.table = dropping.current(self.old)

    def _generated_over(self, column: ColumnSchema) -> list[ColumnSchema]:
        return [
            each
            for each in self.table.columns
            if each.generated is not None
            and column.slot in used_slots(bind_generated(self.catalog, self.table, each, each.generated))
        ]

    def _forget_columns(self, columns: list[ColumnSchema]) -> None:
        slots = {column.slot for column in columns}
        table = self.table
        checks = tuple(
            [
                check
                for check in table.checks
                if slots.isdisjoint(used_slots(bind_check(self.catalog, table, check.expression)))
            ]
        )
        indexes = []
        for index in table.indexes:
            bound = bind_index(self.catalog, table, index)
            read = set().union(*[used_slots(key) for key in bound.keys])
            if bound.predicate is not None:
                read |= used_slots(bound.predicate)
            if slots.isdisjoint(read):
                indexes.append(index)
        if not slots.isdisjoint(table.primary_key):
            table = replace(table, primary_key=(), primary_key_name="")
        foreign_keys = [key for key in table.foreign_keys if slots.isdisjoint(key.slots)]
        for sequence in self.catalog.owned_sequences(self.old.id):
            if sequence.owner is not None and sequence.owner[1] in slots:
                self._dropped.append(sequence)
        self.draft.sequences = [
            each for each in self.draft.sequences if each.owner is None or each.owner[1] not in slots
        ]
        self._counters = [each for each in self._counters if each[0] not in slots]
        for slot in slots & self._values.keys():
            self._values[slot] = Constant(None, table.slot_types[slot])
        self.draft.table = replace(
            table,
            columns=tuple([each for each in table.columns if each.slot not in slots]),
            checks=checks,
            indexes=tuple(indexes),
            foreign_keys=tuple(foreign_keys),
        )
        self._checks = [
            step for step in self._checks if not (isinstance(step, CheckNotNull) and step.slot in slots)
        ]

    def rename_column(self, action: RenameColumn) -> None:
        """RENAME COLUMN: in the expressions too, which are kept as text."""
        column = self.column(action.name, action.position)
        table = self.table
        if table.column(action.new_name) is not None:
            raise ProgrammingError(
                f'column "{action.new_name}" of relation "{table.name}" already exists', sqlstate="42701"
            )
        for view in self.catalog.dependents(self.old.id):
            if any(id_ == self.old.id and column.slot in slots for id_, slots in view.depends):
                raise NotSupportedError(
                    f"renaming a column that a view reads is not supported: view {view.name} depends on "
                    f"column {column.name} of table {table.name}"
                )
        self.draft.table = rename_column_in_texts(table, action.name, action.new_name)
        self.draft.put_column(replace(self._now(column), name=action.new_name))

    def _now(self, column: ColumnSchema) -> ColumnSchema:
        return next(each for each in self.table.columns if each.slot == column.slot)

    # -- constraints ----------------------------------------------------------------------------------

    def add_constraint(self, action: AddConstraint) -> None:
        """ADD CONSTRAINT: rows there are must satisfy it, unless it is NOT VALID."""
        before = len(self._checks)
        self._constrain(partial(self.draft.add_constraint, action.constraint))
        if not action.validate:
            del self._checks[before:]

    def validate_constraint(self, action: ValidateConstraint) -> None:
        """VALIDATE CONSTRAINT: look whether rows that were there before it satisfy it."""
        table, name = self.table, action.name
        if name not in constraint_names(table):
            raise ProgrammingError(
                f'constraint "{name}" of relation "{table.name}" does not exist', sqlstate="42704"
            )
        check = next((each for each in table.checks if each.name == name), None)
        foreign_key = next((each for each in table.foreign_keys if each.name == name), None)
        if check is not None:
            self._checks.append(CheckRows(name, bind_check(self.catalog, table, check.expression)))
        elif foreign_key is not None:
            self._checks.append(CheckForeignKey(foreign_key))
        else:
            raise ProgrammingError(
                f'constraint "{name}" of relation "{table.name}" is not a foreign key or check constraint',
                sqlstate="42809",
            )

    def _constrain(self, add: Callable[[], None]) -> None:
        before = self.table
        add()
        after = self.table
        for check in after.checks[len(before.checks) :]:
            self._checks.append(CheckRows(check.name, bind_check(self.catalog, after, check.expression)))
        for foreign_key in after.foreign_keys[len(before.foreign_keys) :]:
            self._checks.append(CheckForeignKey(foreign_key))
        if after.primary_key != before.primary_key:
            for slot in after.primary_key:
                self._checks.append(CheckNotNull(slot))

    def drop_constraint(self, action: DropConstraint) -> None:
        """DROP CONSTRAINT of any kind."""
        table, name = self.table, action.name
        described = f"constraint {name} on table {table.name}"
        if name not in constraint_names(table):
            message = f'constraint "{name}" of relation "{table.name}" does not exist'
            if not action.if_exists:
                raise ProgrammingError(message, sqlstate="42704")
            self.notices.append(message + ", skipping")
            return
        if table.primary_key and name == table.primary_key_name:
            table = replace(table, primary_key=(), primary_key_name="")
        else:
            table = replace(
                table,
                checks=tuple([each for each in table.checks if each.name != name]),
                foreign_keys=tuple([each for each in table.foreign_keys if each.name != name]),
                indexes=tuple(
                    [each for each in table.indexes if not (each.constraint and each.name == name)]
                ),
            )
        self.draft.table = table
        dropping = self._start_dropping(action.cascade)
        lose_key(dropping, table, described)
        dropping.refuse_if_blocked(described)
        self.draft.table = dropping.current(self.old)

    def _start_dropping(self, cascade: bool) -> Dropping:
        self.dropping.cascade = cascade
        self.dropping.alter(self.table)
        return self.dropping

    def rename_constraint(self, action: RenameConstraint) -> None:
        """RENAME CONSTRAINT, and with it the index behind a key."""
        table, name, new = self.table, action.name, action.new_name
        if name not in constraint_names(table):
            raise ProgrammingError(
                f'constraint "{name}" for table "{table.name}" does not exist', sqlstate="42704"
            )
        if new in constraint_names(table):
            raise ProgrammingError(
                f'constraint "{new}" for relation "{table.name}" already exists', sqlstate="42710"
            )
        indexes = [
            replace(each, name=new) if each.constraint and each.name == name else each
            for each in table.indexes
        ]
        primary = new if table.primary_key and table.primary_key_name == name else table.primary_key_name
        is_relation = primary != table.primary_key_name or tuple(indexes) != table.indexes
        if is_relation and self.catalog.is_taken(new):
            raise ProgrammingError(f'relation "{new}" already exists', sqlstate="42P07")
        self.draft.table = replace(
            table,
            checks=tuple([replace(each, name=new) if each.name == name else each for each in table.checks]),
            foreign_keys=tuple(
                [replace(each, name=new) if each.name == name else each for each in table.foreign_keys]
            ),
            indexes=tuple(indexes),
            primary_key_name=primary,
        )

    # -- ALTER COLUMN ---------------------------------------------------------------------------------

    def set_default(self, action: SetDefault) -> None:
        """SET DEFAULT, DROP DEFAULT."""
        column = self.column(action.name, action.position)
        if column.identity is not None:
            raise ProgrammingError(
                f'column "{column.name}" of relation "{self.table.name}" is an identity column',
                sqlstate="42601",
                hint="Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead."
                if action.expression is None
                else None,
            )
        if column.generated is not None:
            raise ProgrammingError(
                f'column "{column.name}" of relation "{self.table.name}" is a generated column',
                sqlstate="42601",
            )
        text: str | None = None
        if action.expression is not None:
            bind_default(self.catalog, column.name, column.type, action.expression)
            text = action.expression.text
        self.draft.put_column(replace(column, default=text))

    def set_not_null(self, action: SetNotNull) -> None:
        """SET NOT NULL, DROP NOT NULL."""
        column = self.column(action.name, action.position)
        if not action.not_null:
            if column.slot in self.table.primary_key:
                raise ProgrammingError(f'column "{column.name}" is in a primary key', sqlstate="42P16")
            if column.identity is not None:
                raise ProgrammingError(
                    f'column "{column.name}" of relation "{self.table.name}" is an identity column',
                    sqlstate="42601",
                )
        elif column.nullable:
            self._checks.append(CheckNotNull(column.slot))
        self.draft.put_column(replace(column, nullable=not action.not_null))

    def set_type(self, action: SetType) -> None:
        """TYPE: the values that rows get, if they must be written anew."""
        column = self.column(action.name, action.position)
        if column.slot in self._retyped:
            raise NotSupportedError(f'cannot alter type of column "{column.name}" twice')
        if column.slot >= len(self.old.slot_types):
            raise NotSupportedError(f'cannot alter the type of column "{column.name}" where it is added')
        self._retyped.add(column.slot)
        for view in self.catalog.dependents(self.old.id):
            if any(id_ == self.old.id and column.slot in slots for id_, slots in view.depends):
                raise NotSupportedError("cannot alter type of a column used by a view or rule")
        value = set_type(self.draft, column, action)
        if value is not None:
            self._values[column.slot] = value
            # What refers to the column is looked at again with its new values.
            for check in self.table.checks:
                self._checks.append(
                    CheckRows(check.name, bind_check(self.catalog, self.table, check.expression))
                )
            for key in self.table.foreign_keys:
                if column.slot in key.slots:
                    self._checks.append(CheckForeignKey(key))

    def set_identity(self, action: SetIdentity) -> None:
        """ADD GENERATED ... AS IDENTITY, DROP IDENTITY, DROP EXPRESSION."""
        column = self.column(action.name, action.position)
        what = f'column "{column.name}" of relation "{self.table.name}"'
        if action.identity is not None:
            if column.nullable:
                raise ProgrammingError(
                    f"{what} must be declared NOT NULL before identity can be added", sqlstate="55000"
                )
            if column.identity is not None:
                raise ProgrammingError(f"{what} is already an identity column", sqlstate="55000")
            if column.default is not None:
                raise ProgrammingError(f"{what} already has a default value", sqlstate="55000")
            self.draft.put_column(self.draft.identity(column, action.identity))
            return
        present = column.identity if action.drop == "identity" else column.generated
        if present is None:
            kind = "an identity column" if action.drop == "identity" else "a stored generated column"
            if not action.if_exists:
                raise ProgrammingError(f"{what} is not {kind}", sqlstate="55000")
            self.notices.append(f"{what} is not {kind}, skipping")
        elif action.drop == "expression":
            self.draft.put_column(replace(column, generated=None))
        else:
            self.draft.put_column(replace(column, identity=None, sequence=None))
            for sequence in self.catalog.owned_sequences(self.old.id, column.slot):
                self._dropped.append(sequence)

    # -- the result -----------------------------------------------------------------------------------

    def finish(self) -> Definition:
        """The definition: schemas, and the work between them."""
        old, table = self.old, self.table
        steps: list[Step] = []
        moved = old.primary_key != table.primary_key
        computed = {slot for slot, value in self._values.items() if not isinstance(value, Slot)}
        if computed or self._counters or moved:
            values = [
                self._values.get(slot, Slot(slot, type_)) for slot, type_ in enumerate(table.slot_types)
            ]
            steps.append(RewriteRows(tuple(values), tuple(self._counters)))
            table = replace(
                table,
                storage_id=0,
                indexes=tuple([replace(index, storage_id=0) for index in table.indexes]),
            )
        if computed and table.statistics is not None:
            kept = {slot: each for slot, each in table.statistics.columns.items() if slot not in computed}
            table = replace(table, statistics=TableStatistics(table.statistics.rows, kept))
        steps.extend(self._checks)
        altered: list[tuple[CatalogObject, CatalogObject]] = [
            pair for pair in self.dropping.altered() if pair[0].id != old.id
        ]
        return AlterTable(
            old,
            table,
            tuple([bind_index(self.catalog, table, index) for index in table.indexes]),
            tuple(self._missing),
            tuple(steps),
            tuple(self.draft.sequences),
            (*self._dropped, *self.dropping.objects()),
            tuple(altered),
            (*self.notices, *self.dropping.notices),
        )
