"""CREATE TABLE, TABLE AS, INDEX, VIEW, SEQUENCE: from what was written to the objects as they shall be."""

from __future__ import annotations

from msgspec.structs import replace

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import (
    ColumnSchema,
    IndexKey,
    IndexSchema,
    Sequence,
    Table,
    View,
)
from minidb.errors import ProgrammingError
from minidb.expr.node import Column, Expr, Slot
from minidb.plan.changes import TargetIndex
from minidb.plan.definitions import (
    AlterSequence,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateView,
    Definition,
    Nothing,
)
from minidb.plan.nodes import Limit, Plan, Project
from minidb.sql.bind_expression import number
from minidb.sql.binder import Binder
from minidb.sql.define_syntax import (
    ColumnSyntax,
    Constraint,
    CreateIndexSyntax,
    CreateTableAsSyntax,
    CreateTableSyntax,
    CreateViewSyntax,
    IndexKeySyntax,
    Like,
    SequenceOptions,
    SequenceSyntax,
)
from minidb.sql.parse import parse_query, parse_tree
from minidb.sql.sequence_options import altered, new_sequence
from minidb.sql.table_draft import MOST_COLUMNS, TableDraft, require_key_type
from minidb.sql.table_expressions import bind_index_key, bind_predicate
from minidb.sql.table_names import check_schema, find_sequence, find_table
from minidb.sql.utility import TableName
from minidb.sql.view_columns import dependencies, horizons
from minidb.value.sql_types import TEXT, Kind, SqlType


def new_table(name: str) -> Table:
    """A table without anything."""
    return Table(id=0, storage_id=0, name=name, columns=(), slot_types=(), slot_missing=())


def _exists(catalog: Catalog, name: TableName, lenient: bool, tag: str) -> Nothing | None:
    """42P07 if the name is taken, or under IF NOT EXISTS only a notice."""
    check_schema(name)
    if not catalog.is_taken(name.name):
        return None
    if lenient:
        return Nothing(tag, f'relation "{name.name}" already exists, skipping')
    raise ProgrammingError(f'relation "{name.name}" already exists', sqlstate="42P07", position=name.position)


# --- CREATE TABLE ---------------------------------------------------------------------------------


def create_table(binder: Binder, syntax: CreateTableSyntax) -> Definition:
    """CREATE TABLE."""
    catalog = binder.catalog
    nothing = _exists(catalog, syntax.table, syntax.if_not_exists, "CREATE TABLE")
    if nothing is not None:
        return nothing
    draft = TableDraft(catalog, new_table(syntax.table.name))
    draft.names.take(syntax.table.name)
    constraints: list[Constraint] = []
    for element in syntax.elements:
        match element:
            case ColumnSyntax():
                if draft.table.column(element.name) is not None:
                    raise _twice(element.name, element.position)
                draft.add_column(element)
            case Like():
                _like(draft, element)
            case _:
                constraints.append(element)
    draft.later.extend([(constraint, "") for constraint in constraints])
    draft.check_generated()
    draft.add_later()
    return CreateTable(draft.table, tuple(draft.sequences), syntax.if_not_exists)


def _twice(name: str, position: int | None = None) -> ProgrammingError:
    return ProgrammingError(f'column "{name}" specified more than once', sqlstate="42701", position=position)


def _like(draft: TableDraft, like: Like) -> None:
    """LIKE: the other table's columns with their NOT NULLs, and more on request."""
    source = find_table(draft.catalog, like.table)
    slots: dict[int, int] = {}
    for column in source.columns:
        if draft.table.column(column.name) is not None:
            raise _twice(column.name, like.table.position)
        slot = len(draft.table.slot_types)
        slots[column.slot] = slot
        copied = ColumnSchema(name=column.name, type=column.type, slot=slot, nullable=column.nullable)
        if "DEFAULTS" in like.including and column.default is not None:
            copied = replace(copied, default=column.default)
        if "GENERATED" in like.including and column.generated is not None:
            copied = replace(copied, generated=column.generated)
        draft.table = replace(
            draft.table,
            columns=(*draft.table.columns, copied),
            slot_types=(*draft.table.slot_types, column.type),
            slot_missing=(*draft.table.slot_missing, None),
        )
        if "IDENTITY" in like.including and column.identity is not None:
            _copy_identity(draft, source, column, copied)
    if "CONSTRAINTS" in like.including:
        draft.table = replace(draft.table, checks=(*draft.table.checks, *source.checks))
    if "INDEXES" in like.including:
        _copy_indexes(draft, source, slots)


def _copy_identity(draft: TableDraft, source: Table, column: ColumnSchema, copied: ColumnSchema) -> None:
    name = draft.names.choose(draft.table.name, column.name, "seq")
    for sequence in draft.catalog.owned_sequences(source.id, column.slot):
        owned = replace(sequence, id=0, storage_id=0, name=name, owner=(draft.table.id, copied.slot))
        draft.sequences.append(owned)
    draft.put_column(replace(copied, nullable=False, identity=column.identity, sequence=name))


def _copy_indexes(draft: TableDraft, source: Table, slots: dict[int, int]) -> None:
    names = {column.slot: column.name for column in source.columns}
    if source.primary_key and not draft.table.primary_key:
        draft.table = replace(
            draft.table,
            primary_key=tuple([slots[slot] for slot in source.primary_key]),
            primary_key_name=draft.names.choose(draft.table.name, "", "pkey"),
        )
    for index in source.indexes:
        keys = tuple(
            [
                key
                if key.slot is None
                else IndexKey(slots[key.slot], None, key.type, key.descending, key.nulls_first)
                for key in index.keys
            ]
        )
        middle = "_".join([names[key.slot] if key.slot is not None else "expr" for key in index.keys])
        name = draft.names.choose(draft.table.name, middle, "key" if index.constraint else "idx")
        copied = replace(index, name=name, storage_id=0, keys=keys)
        draft.table = replace(draft.table, indexes=(*draft.table.indexes, copied))


def create_table_as(binder: Binder, syntax: CreateTableAsSyntax) -> Definition:
    """CREATE TABLE AS: columns as the query yields them."""
    nothing = _exists(binder.catalog, syntax.table, syntax.if_not_exists, "CREATE TABLE AS")
    if nothing is not None:
        return nothing
    query = binder.query(parse_tree(syntax.source, list(syntax.query)))
    names = list(query.names)
    if len(syntax.columns) > len(names):
        raise ProgrammingError("too many column names were specified", sqlstate="42601")
    names[: len(syntax.columns)] = syntax.columns
    plan: Plan = query.plan
    columns: list[ColumnSchema] = []
    outputs: list[Column] = []
    expressions: list[Expr] = []
    for slot, (name, column) in enumerate(zip(names, plan.columns, strict=True)):
        if any(each.name == name for each in columns):
            raise _twice(name)
        type_ = TEXT if column.type.kind is Kind.UNKNOWN else column.type
        columns.append(ColumnSchema(name=name, type=type_, slot=slot))
        outputs.append(binder.new_column(name, type_))
        expressions.append(column)
    if len(columns) > MOST_COLUMNS:
        raise ProgrammingError(f"tables can have at most {MOST_COLUMNS} columns", sqlstate="54011")
    table = replace(
        new_table(syntax.table.name),
        columns=tuple(columns),
        slot_types=tuple([column.type for column in columns]),
        slot_missing=(None,) * len(columns),
    )
    plan = Project(plan, tuple(outputs), tuple(expressions))
    if not syntax.with_data:
        plan = Limit(plan, number("0"))
    return CreateTable(table, (), syntax.if_not_exists, plan, "CREATE TABLE AS")


# --- CREATE INDEX ---------------------------------------------------------------------------------


def create_index(binder: Binder, syntax: CreateIndexSyntax) -> Definition:
    """CREATE INDEX."""
    catalog = binder.catalog
    table = find_table(catalog, syntax.table)
    keys: list[IndexKey] = []
    bound: list[Expr] = []
    names: list[str] = []
    draft = TableDraft(catalog, table)
    for key in syntax.keys:
        expression, schema, called = _index_key(draft, key)
        bound.append(expression)
        keys.append(schema)
        names.append(_unused(called, names))
    predicate = None if syntax.where is None else bind_predicate(catalog, table, syntax.where)
    name = syntax.name
    if name is None:
        name = draft.free_index_name(names, False)
    elif catalog.is_taken(name):
        if syntax.if_not_exists:
            return Nothing("CREATE INDEX", f'relation "{name}" already exists, skipping')
        raise ProgrammingError(f'relation "{name}" already exists', sqlstate="42P07")
    index = IndexSchema(
        name=name,
        storage_id=0,
        keys=tuple(keys),
        unique=syntax.unique,
        predicate=None if syntax.where is None else syntax.where.text,
    )
    return CreateIndex(table, TargetIndex(index, tuple(bound), predicate), syntax.if_not_exists)


def _index_key(draft: TableDraft, key: IndexKeySyntax) -> tuple[Expr, IndexKey, str]:
    """The key bound, its schema, and what it is called in a made-up index name."""
    table = draft.table
    if key.column is not None:
        message = f'column "{key.column}" does not exist'
        column = draft.column(key.column, message, key.position)
        require_key_type(column.type)
        schema = IndexKey(column.slot, None, column.type, key.descending, key.nulls_first)
        return Slot(column.slot, column.type), schema, column.name
    assert key.expression is not None
    expression = bind_index_key(draft.catalog, table, key.expression)
    if expression.type.kind is Kind.UNKNOWN:
        raise ProgrammingError("could not determine the type of an index expression", sqlstate="42P18")
    require_key_type(expression.type)
    schema = IndexKey(None, key.expression.text, expression.type, key.descending, key.nulls_first)
    called = key.expression.text.partition("(")[0].strip()
    name = called.lower() if called.isidentifier() else "expr"
    return expression, schema, name


def _unused(name: str, names: list[str]) -> str:
    """name, name1, name2: as the index's columns are called."""
    candidate, count = name, 0
    while candidate in names:
        count += 1
        candidate = f"{name}{count}"
    return candidate


# --- CREATE VIEW ----------------------------------------------------------------------------------


def create_view(binder: Binder, syntax: CreateViewSyntax) -> Definition:
    """CREATE [OR REPLACE] VIEW."""
    catalog = binder.catalog
    check_schema(syntax.view)
    name = syntax.view.name
    replaced = catalog.view(name) if syntax.replace else None
    if replaced is None and catalog.is_taken(name):
        if syntax.replace:
            raise ProgrammingError(f'"{name}" is not a view', sqlstate="42809", position=syntax.view.position)
        raise ProgrammingError(
            f'relation "{name}" already exists', sqlstate="42P07", position=syntax.view.position
        )
    tree = parse_tree(syntax.source, list(syntax.query))
    query = binder.query(tree)
    if binder.parameter_types:
        raise ProgrammingError("there is no parameter $1", sqlstate="42P02")
    names = list(query.names)
    if len(syntax.columns) > len(names):
        raise ProgrammingError("CREATE VIEW specifies more column names than columns", sqlstate="42601")
    names[: len(syntax.columns)] = syntax.columns
    for place, column in enumerate(names):
        if column in names[:place]:
            raise _twice(column)
    if replaced is not None:
        _check_replacement(binder, replaced, names, query.plan.columns)
    depends = dependencies(catalog, tree, query.plan)
    if replaced is not None and any(id_ == replaced.id for id_, _ in depends):
        raise ProgrammingError(
            f'infinite recursion detected in rules for relation "{name}"', sqlstate="42P17"
        )
    view = View(
        id=0 if replaced is None else replaced.id,
        name=name,
        query=syntax.text,
        columns=tuple(names),
        depends=depends,
        horizons=horizons(catalog, depends),
    )
    return CreateView(view, replaced)


def _check_replacement(binder: Binder, replaced: View, names: list[str], columns: tuple[Column, ...]) -> None:
    """A view's columns stay: more may follow."""
    if len(names) < len(replaced.columns):
        raise ProgrammingError("cannot drop columns from view", sqlstate="42P16")
    for old, new in zip(replaced.columns, names, strict=False):
        if old != new:
            raise ProgrammingError(
                f'cannot change name of view column "{old}" to "{new}"',
                sqlstate="42P16",
                hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            )
    before = view_types(binder, replaced)
    for name, old_type, column in zip(names, before, columns, strict=False):
        if old_type != column.type:
            raise ProgrammingError(
                f'cannot change data type of view column "{name}" from {old_type} to {column.type}',
                sqlstate="42P16",
            )


def view_types(binder: Binder, view: View) -> list[SqlType]:
    """The types of a view's columns."""
    query = binder.query(parse_query(view.query))
    return [column.type for column in query.plan.columns]


# --- sequences ------------------------------------------------------------------------------------


def create_sequence(binder: Binder, syntax: SequenceSyntax) -> Definition:
    """CREATE SEQUENCE."""
    nothing = _exists(binder.catalog, syntax.sequence, syntax.lenient, "CREATE SEQUENCE")
    if nothing is not None:
        return nothing
    if syntax.options.restart is not None:
        raise ProgrammingError('syntax error at or near "RESTART"', sqlstate="42601")
    sequence = new_sequence(syntax.sequence.name, syntax.options)
    return CreateSequence(_owned(binder.catalog, sequence, syntax.options), syntax.lenient)


def alter_sequence(binder: Binder, syntax: SequenceSyntax) -> Definition:
    """ALTER SEQUENCE."""
    if syntax.lenient and binder.catalog.relation(syntax.sequence.name) is None:
        return Nothing("ALTER SEQUENCE", f'relation "{syntax.sequence.name}" does not exist, skipping')
    old = find_sequence(binder.catalog, syntax.sequence)
    new = _owned(binder.catalog, altered(old, syntax.options), syntax.options)
    restart = syntax.options.restart
    if restart is True:
        restart = new.start
    if restart is not None and not new.minimum <= restart <= new.maximum:
        bound, word = (
            (new.minimum, "less than MINVALUE")
            if restart < new.minimum
            else (new.maximum, "greater than MAXVALUE")
        )
        raise ProgrammingError(f"RESTART value ({restart}) cannot be {word} ({bound})", sqlstate="22023")
    return AlterSequence(old, new, restart)


def _owned(catalog: Catalog, sequence: Sequence, options: SequenceOptions) -> Sequence:
    """OWNED BY table.column"""
    if options.owned_by is None:
        return sequence
    if isinstance(options.owned_by, str):
        return replace(sequence, owner=None)
    table_name, column_name = options.owned_by
    table = find_table(catalog, TableName(table_name, None, 0))
    column = table.column(column_name)
    if column is None:
        raise ProgrammingError(
            f'column "{column_name}" of relation "{table_name}" does not exist', sqlstate="42703"
        )
    return replace(sequence, owner=(table.id, column.slot))
