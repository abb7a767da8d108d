"""A table as a definition builds it up, column by column and constraint by constraint.

CREATE TABLE begins with nothing, ALTER TABLE with the table there is; every step leaves a complete `Table`,
over which the next one's expressions can be bound. Ids and new storage ids stay 0: the executor gives them.
"""

from __future__ import annotations

from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import (
    CheckSchema,
    ColumnSchema,
    ForeignKeySchema,
    IndexKey,
    IndexSchema,
    Sequence,
    Table,
)
from minidb.errors import ProgrammingError
from minidb.sql.define_syntax import (
    Check,
    ColumnSyntax,
    Constraint,
    Default,
    Generated,
    Identity,
    Key,
    NotNull,
    References,
    SequenceOptions,
)
from minidb.sql.object_names import (
    RelationNames,
    choose,
    constraint_name,
    constraint_names,
    joined,
    next_value_text,
)
from minidb.sql.sequence_options import new_sequence
from minidb.sql.table_expressions import bind_check, bind_default, bind_generated, used_slots
from minidb.sql.table_names import find_table
from minidb.value.sql_types import INTEGER_KINDS, NUMERIC_KINDS, TEXT_KINDS, Kind, SqlType

MOST_COLUMNS = 1600


class TableDraft:
    """See the module. `later` are constraints that wait until all columns are there."""

    __slots__ = ("catalog", "later", "names", "sequences", "table")

    def __init__(self, catalog: Catalog, table: Table) -> None:
        self.catalog = catalog
        self.table = table
        self.names = RelationNames(catalog)
        self.sequences: list[Sequence] = []
        self.later: list[tuple[Constraint, str]] = []

    # -- columns --------------------------------------------------------------------------------------

    def add_column(self, syntax: ColumnSyntax) -> ColumnSchema:
        """Add a column with all its constraints but those in `later`."""
        table = self.table
        if len(table.columns) >= MOST_COLUMNS:
            raise ProgrammingError(f"tables can have at most {MOST_COLUMNS} columns", sqlstate="54011")
        slot = len(table.slot_types)
        column = ColumnSchema(name=syntax.name, type=syntax.type, slot=slot)
        self.table = replace(
            table,
            columns=(*table.columns, column),
            slot_types=(*table.slot_types, syntax.type),
            slot_missing=(*table.slot_missing, None),
        )
        if syntax.serial:
            sequence = self._own_sequence(column, SequenceOptions())
            column = replace(
                column, nullable=False, default=next_value_text(sequence.name), sequence=sequence.name
            )
        column = self._column_constraints(column, syntax)
        self.put_column(column)
        if column.default is not None and not syntax.serial:
            default = next(each for each in syntax.constraints if isinstance(each, Default))
            bind_default(self.catalog, column.name, column.type, default.expression)
        return column

    def put_column(self, column: ColumnSchema) -> None:
        """Replace the column of the same slot."""
        columns = tuple([column if each.slot == column.slot else each for each in self.table.columns])
        self.table = replace(self.table, columns=columns)

    def _column_constraints(self, column: ColumnSchema, syntax: ColumnSyntax) -> ColumnSchema:
        table = self.table
        declared: bool | None = False if syntax.serial else None
        for constraint in syntax.constraints:
            match constraint:
                case NotNull():
                    if declared is not None and declared != constraint.nullable:
                        raise ProgrammingError(
                            f'conflicting NULL/NOT NULL declarations for column "{column.name}" '
                            f'of table "{table.name}"',
                            sqlstate="42601",
                            position=constraint.position,
                        )
                    declared = constraint.nullable
                    column = replace(column, nullable=constraint.nullable)
                case Default():
                    self._only_value(column, constraint, "default")
                    column = replace(column, default=constraint.expression.text)
                case Generated():
                    self._only_value(column, constraint, "generation expression")
                    column = replace(column, generated=constraint.expression.text)
                case Identity():
                    self._only_value(column, constraint, "identity")
                    column = self.identity(column, constraint)
                    if declared:
                        raise ProgrammingError(
                            f'conflicting NULL/NOT NULL declarations for column "{column.name}" '
                            f'of table "{table.name}"',
                            sqlstate="42601",
                            position=constraint.position,
                        )
                    declared = False
                case _:
                    self.later.append((constraint, column.name))
        return column

    def _only_value(self, column: ColumnSchema, constraint: Constraint, what: str) -> None:
        """A column gets its value in one way."""
        present = (
            "default"
            if column.default is not None
            else "identity"
            if column.identity is not None
            else "generation expression"
            if column.generated is not None
            else None
        )
        if present is None:
            return
        kind = {"default": "default values", "identity": "identity specifications"}
        if present == what:
            message = f"multiple {kind.get(what, 'generation clauses')} specified for column"
        else:
            first, second = sorted(
                (present, what), key=("default", "identity", "generation expression").index
            )
            message = f"both {first} and {second} specified for column"
        raise ProgrammingError(
            f'{message} "{column.name}" of table "{self.table.name}"',
            sqlstate="42601",
            position=constraint.position,
        )

    def identity(self, column: ColumnSchema, constraint: Identity) -> ColumnSchema:
        """The column with an identity and its sequence."""
        if column.type.kind not in INTEGER_KINDS:
            raise ProgrammingError(
                "identity column type must be smallint, integer, or bigint", sqlstate="22023"
            )
        sequence = self._own_sequence(column, constraint.options)
        return replace(column, nullable=False, identity=constraint.kind, sequence=sequence.name)

    def _own_sequence(self, column: ColumnSchema, options: SequenceOptions) -> Sequence:
        name = self.names.choose(self.table.name, column.name, "seq")
        sequence = replace(new_sequence(name, options, column.type), owner=(self.table.id, column.slot))
        self.sequences.append(sequence)
        return sequence

    def check_generated(self) -> None:
        """Generation expressions, which may name columns that come later."""
        for column in self.table.columns:
            if column.generated is not None:
                bind_generated(self.catalog, self.table, column, column.generated)

    def column(self, name: str, message: str, position: int | None = None) -> ColumnSchema:
        """The column of that name; 42703 with this message."""
        found = self.table.column(name)
        if found is None:
            raise ProgrammingError(message, sqlstate="42703", position=position)
        return found

    # -- constraints ----------------------------------------------------------------------------------

    def add_later(self) -> None:
        """The constraints that waited: keys first, as PostgreSQL names and builds them."""
        waiting, self.later = self.later, []
        waiting.sort(key=lambda item: _rank(item[0]))
        for constraint, column in waiting:
            self.add_constraint(constraint, column)

    def add_constraint(self, constraint: Constraint, column: str = "") -> None:
        """Add a constraint; `column` is the column that it stands at, if it does."""
        if constraint.name is not None and constraint.name in constraint_names(self.table):
            raise ProgrammingError(
                f'constraint "{constraint.name}" for relation "{self.table.name}" already exists',
                sqlstate="42710",
                position=constraint.position,
            )
        match constraint:
            case Key():
                self._add_key(constraint, constraint.columns or (column,))
            case Check():
                self._add_check(constraint)
            case References():
                self._add_foreign_key(constraint, constraint.columns or (column,))
            case _:
                raise AssertionError(f"{type(constraint).__name__} is no table constraint")

    def _add_key(self, key: Key, names: tuple[str, ...]) -> None:
        table = self.table
        what = "primary key" if key.primary else "unique"
        slots: list[int] = []
        for name in names:
            column = self.column(name, f'column "{name}" named in key does not exist', key.position)
            if column.slot in slots:
                raise ProgrammingError(
                    f'column "{name}" appears twice in {what} constraint',
                    sqlstate="42701",
                    position=key.position,
                )
            slots.append(column.slot)
        if key.primary:
            if table.primary_key:
                raise ProgrammingError(
                    f'multiple primary keys for table "{table.name}" are not allowed',
                    sqlstate="42P16",
                    position=key.position,
                )
            name = key.name or self.names.choose(table.name, "", "pkey")
        else:
            name = key.name or self.names.choose(table.name, joined(names), "key")
        if key.name is not None:
            if self.names.is_taken(key.name):
                raise ProgrammingError(
                    f'relation "{key.name}" already exists', sqlstate="42P07", position=key.position
                )
            self.names.take(key.name)
        for slot in slots:
            require_key_type(table.slot_types[slot])
        if key.primary:
            for slot in slots:
                column = next(each for each in self.table.columns if each.slot == slot)
                self.put_column(replace(column, nullable=False))
            self.table = replace(self.table, primary_key=tuple(slots), primary_key_name=name)
        else:
            index = IndexSchema(
                name=name,
                storage_id=0,
                keys=tuple([IndexKey(slot, None, table.slot_types[slot]) for slot in slots]),
                unique=True,
                constraint=True,
            )
            self.table = replace(self.table, indexes=(*self.table.indexes, index))

    def _add_check(self, check: Check) -> None:
        condition = bind_check(self.catalog, self.table, check.expression)
        slots = used_slots(condition)
        middle = ""
        if len(slots) == 1:
            middle = next(column.name for column in self.table.columns if column.slot in slots)
        name = check.name or constraint_name(self.table, middle, "check")
        added = CheckSchema(name, check.expression.text)
        self.table = replace(self.table, checks=(*self.table.checks, added))

    def _add_foreign_key(self, syntax: References, names: tuple[str, ...]) -> None:
        table = self.table
        itself = syntax.table.name == table.name and syntax.table.schema in (None, "public")
        parent = table if itself else find_table(self.catalog, syntax.table, "referenced relation")
        slots: list[int] = []
        for name in names:
            message = f'column "{name}" referenced in foreign key constraint does not exist'
            slots.append(self.column(name, message, syntax.position).slot)
        targets = _referenced_slots(parent, syntax)
        if len(slots) != len(targets):
            raise ProgrammingError(
                "number of referencing and referenced columns for foreign key disagree",
                sqlstate="42830",
                position=syntax.position,
            )
        if not covers_key(parent, targets):
            raise ProgrammingError(
                f'there is no unique constraint matching given keys for referenced table "{parent.name}"',
                sqlstate="42830",
                position=syntax.position,
            )
        name = syntax.name or constraint_name(table, joined(names), "fkey")
        for slot, target in zip(slots, targets, strict=True):
            _require_comparable(name, table, slot, parent, target)
        for column in table.columns:
            if column.slot in slots and column.generated is not None:
                _refuse_on_generated(syntax)
        added = ForeignKeySchema(
            name, tuple(slots), parent.id, targets, syntax.on_delete, syntax.on_update, syntax.match_full
        )
        self.table = replace(self.table, foreign_keys=(*table.foreign_keys, added))

    def free_index_name(self, columns: list[str], unique: bool) -> str:
        """A made-up name for CREATE INDEX."""
        return choose(self.table.name, joined(columns), "key" if unique else "idx", self.names.is_taken)


def _rank(constraint: Constraint) -> int:
    if isinstance(constraint, Key):
        return 0 if constraint.primary else 1
    return 2 if isinstance(constraint, Check) else 3


def _referenced_slots(parent: Table, syntax: References) -> tuple[int, ...]:
    if not syntax.target_columns:
        if not parent.primary_key:
            raise ProgrammingError(
                f'there is no primary key for referenced table "{parent.name}"',
                sqlstate="42704",
                position=syntax.position,
            )
        return parent.primary_key
    found: list[int] = []
    for name in syntax.target_columns:
        column = parent.column(name)
        if column is None:
            raise ProgrammingError(
                f'column "{name}" referenced in foreign key constraint does not exist',
                sqlstate="42703",
                position=syntax.position,
            )
        if column.slot in found:
            raise ProgrammingError(
                "foreign key referenced-columns list must not contain duplicates",
                sqlstate="42830",
                position=syntax.position,
            )
        found.append(column.slot)
    return tuple(found)


def covers_key(table: Table, slots: tuple[int, ...]) -> bool:
    """Whether the slots are exactly a primary key or a unique key of the table."""
    wanted = frozenset(slots)
    if frozenset(table.primary_key) == wanted:
        return True
    return any(
        index.unique and index.predicate is None and frozenset([key.slot for key in index.keys]) == wanted
        for index in table.indexes
    )


def _require_comparable(name: str, child: Table, slot: int, parent: Table, target: int) -> None:
    one, other = child.slot_types[slot], parent.slot_types[target]
    if comparable_keys(one.kind, other.kind):
        return
    child_name = next(column.name for column in child.columns if column.slot == slot)
    parent_name = next(column.name for column in parent.columns if column.slot == target)
    raise ProgrammingError(
        f'foreign key constraint "{name}" cannot be implemented',
        sqlstate="42804",
        detail=f'Key columns "{child_name}" and "{parent_name}" are of incompatible types: '
        f"{_plain(one)} and {_plain(other)}.",
    )


def comparable_keys(one: Kind, other: Kind) -> bool:
    """Whether a foreign key may lead from one kind of column to the other."""
    if one is other:
        return True
    for kinds in (INTEGER_KINDS, TEXT_KINDS):
        if one in kinds and other in kinds:
            return True
    return one in NUMERIC_KINDS and other in NUMERIC_KINDS and other not in INTEGER_KINDS


def _plain(type_: SqlType) -> str:
    return type_.kind.value


def _refuse_on_generated(syntax: References) -> None:
    """PostgreSQL: a generated column cannot be set."""
    clauses = [("ON UPDATE", syntax.on_update), ("ON DELETE", syntax.on_delete)]
    for clause, action in clauses:
        if action in ("set null", "set default") or (clause == "ON UPDATE" and action == "cascade"):
            raise ProgrammingError(
                f"invalid {clause} action for foreign key constraint containing generated column",
                sqlstate="42601",
                position=syntax.position,
            )


def require_key_type(type_: SqlType) -> None:
    """42704 unless values of the type have an order."""
    if type_.kind is Kind.JSON:
        raise ProgrammingError(
            f'data type {type_} has no default operator class for access method "btree"',
            sqlstate="42704",
            hint="You must specify an operator class for the index or define a default operator class "
            "for the data type.",
        )
