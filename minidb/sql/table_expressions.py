"""The expressions that a table keeps as text, bound over its stored row, and the checks they had to pass.

A stored expression sees one row of its table and nothing else, so it is bound once per table version and
in its final form (`Slot(i)` is the row's slot i); statements that need it just take it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from minidb.catalog.catalog import Catalog
from minidb.catalog.schema import ColumnSchema, IndexSchema, Table
from minidb.errors import Error, NotSupportedError, ProgrammingError
from minidb.expr import logic
from minidb.expr.cast import cast
from minidb.expr.node import Column, Constant, Expr, Slot, transform, walk
from minidb.expr.user_function import UserFunction
from minidb.plan.changes import TargetIndex
from minidb.sql.bind_expression import bind_expression, bind_in_clause
from minidb.sql.bind_function import call
from minidb.sql.bind_routine_call import bind_value
from minidb.sql.binder import Binder, BoundQuery, Parts
from minidb.sql.define_syntax import Fragment
from minidb.sql.names import identifier, position_of
from minidb.sql.object_names import quoted
from minidb.sql.parse import parse_expression
from minidb.sql.scope import Relation, Scope
from minidb.value.sql_types import TEXT, SqlType

CHECK = "check constraint"
DEFAULT = "DEFAULT expression"
INDEX = "index expression"
PREDICATE = "index predicate"
GENERATION = "column generation expression"
TRANSFORM = "transform expression"

_SELECT = len("SELECT (")


@dataclass(frozen=True, slots=True)
class TableExpressions:
    """All that a table's columns, checks and indexes compute; `defaults` by slot, None: NULL."""

    table: Table
    indexes: tuple[TargetIndex, ...]
    checks: tuple[tuple[str, Expr], ...]
    defaults: tuple[Expr | None, ...]
    generated: tuple[tuple[int, Expr], ...]


def expressions_of(catalog: Catalog, table: Table) -> TableExpressions:
    """The table's expressions, bound once per table version."""
    found = _bound.get(id(table))
    if found is None or found.table is not table:
        found = TableExpressions(
            table,
            tuple([bind_index(catalog, table, index) for index in table.indexes]),
            tuple([(check.name, bind_check(catalog, table, check.expression)) for check in table.checks]),
            _defaults(catalog, table),
            tuple(
                [
                    (column.slot, bind_generated(catalog, table, column, column.generated))
                    for column in table.columns
                    if column.generated is not None
                ]
            ),
        )
        if len(_bound) >= _LIMIT:
            _bound.clear()
        _bound[id(table)] = found
    return found


# By identity, as in catalog/row_keys.py: an entry keeps its table, so the id stays taken.
_bound: dict[int, TableExpressions] = {}
_LIMIT = 5_000


def bind_over_row(catalog: Catalog, table: Table, text: str | Fragment, what: str) -> Expr:
    """An expression over the table's stored row; positions in errors point into a fragment's statement."""
    source = text if isinstance(text, str) else text.text
    try:
        tree = parse_expression(f"({source})")  # in parentheses, so that nothing after it reads as an alias
        _refuse_parts(tree, what)
        binder = Binder(catalog, (), {}, _ALONE, {})
        row = tuple([binder.new_column(str(slot), type_) for slot, type_ in enumerate(table.slot_types)])
        scope = Scope()
        scope.add(
            Relation(
                table.name,
                tuple([column.name for column in table.columns]),
                tuple([row[column.slot] for column in table.columns]),
                table,
            ),
            visible=True,
        )
        bound = bind_in_clause(binder, tree, scope, _CLAUSES[what])
        if what not in (CHECK, DEFAULT, TRANSFORM) and any(
            isinstance(part, UserFunction) for part in walk(bound)
        ):
            raise NotSupportedError(f"a user-defined function in an {what} is not supported")
    except Error as error:
        if error.position is not None:
            error.position = None if isinstance(text, str) else error.position - _SELECT + text.start
        raise
    return _slots(bound, row)


# What an aggregate "is not allowed in".
_CLAUSES = {
    CHECK: "check constraints",
    DEFAULT: "DEFAULT expressions",
    INDEX: "index expressions",
    PREDICATE: "index predicates",
    GENERATION: "column generation expressions",
    TRANSFORM: "transform expressions",
}


def _no_query(binder: Binder, tree: exp.Expression, scope: Scope | None, *how: object) -> BoundQuery:
    raise NotSupportedError("cannot use subquery in a stored expression", position=position_of(tree))


_ALONE = Parts(bind_expression, _no_query, _no_query, bind_value)


def _refuse_parts(tree: exp.Expression, what: str) -> None:
    for node in tree.walk():
        if isinstance(node, exp.Query | exp.Exists):
            raise NotSupportedError(f"cannot use subquery in {what}", position=position_of(node))
        if isinstance(node, exp.Column) and what == DEFAULT and identifier(node.this) not in _WORDS:
            raise NotSupportedError(f"cannot use column reference in {what}", position=position_of(node))


# Functions that are called without parentheses and may look like columns.
_WORDS = frozenset(
    {"user", "current_user", "session_user", "current_role", "current_catalog", "current_schema"}
)


def _slots(expression: Expr, row: tuple[Column, ...]) -> Expr:
    places = {column.id: place for place, column in enumerate(row)}

    def visit(node: Expr) -> Expr:
        return Slot(places[node.id], node.type, node.name) if isinstance(node, Column) else node

    return transform(expression, visit)


def bind_check(catalog: Catalog, table: Table, text: str | Fragment) -> Expr:
    """A CHECK's condition."""
    return logic.require_boolean(bind_over_row(catalog, table, text, CHECK), "CHECK")


def bind_default(catalog: Catalog, column_name: str, type_: SqlType, text: str | Fragment) -> Expr:
    """A DEFAULT, cast to its column's type."""
    bound = bind_over_row(catalog, _NO_TABLE, text, DEFAULT)
    return assign(bound, type_, column_name, "default expression")


_NO_TABLE = Table(id=0, storage_id=0, name="", columns=(), slot_types=(), slot_missing=())


def next_value(sequence: str) -> Expr:
    """nextval('sequence')"""
    return call("nextval", [Constant(quoted(sequence), TEXT)], Scope())


def _defaults(catalog: Catalog, table: Table) -> tuple[Expr | None, ...]:
    found: list[Expr | None] = [None] * len(table.slot_types)
    for column in table.columns:
        found[column.slot] = column_default(catalog, column)
    return tuple(found)


def column_default(catalog: Catalog, column: ColumnSchema) -> Expr | None:
    """What a column gets that an INSERT leaves out; None: NULL (or its generation expression)."""
    if column.identity is not None and column.sequence is not None:
        return assign(next_value(column.sequence), column.type, column.name, "default expression")
    if column.default is not None:
        return bind_default(catalog, column.name, column.type, column.default)
    return None


def bind_generated(catalog: Catalog, table: Table, column: ColumnSchema, text: str | Fragment) -> Expr:
    """The expression of a GENERATED ALWAYS AS column: immutable, over columns that are not generated."""
    bound = bind_over_row(catalog, table, text, GENERATION)
    _require_immutable(bound, "generation expression is not immutable")
    generated = {each.slot: each.name for each in table.columns if each.generated is not None}
    generated[column.slot] = column.name
    for node in walk(bound):
        if isinstance(node, Slot) and node.index in generated:
            raise ProgrammingError(
                f'cannot use generated column "{generated[node.index]}" in column generation expression',
                sqlstate="42P17",
                detail="A generated column cannot reference another generated column.",
            )
    return assign(bound, column.type, column.name, "default expression")


def bind_index(catalog: Catalog, table: Table, index: IndexSchema) -> TargetIndex:
    """An index's keys and predicate."""
    keys: list[Expr] = []
    for key in index.keys:
        if key.slot is not None:
            keys.append(Slot(key.slot, table.slot_types[key.slot]))
        else:
            assert key.expression is not None
            keys.append(bind_over_row(catalog, table, key.expression, INDEX))
    predicate = None if index.predicate is None else bind_predicate(catalog, table, index.predicate)
    return TargetIndex(index, tuple(keys), predicate)


def bind_index_key(catalog: Catalog, table: Table, text: Fragment) -> Expr:
    """A new index's key expression: immutable."""
    bound = bind_over_row(catalog, table, text, INDEX)
    _require_immutable(bound, "functions in index expression must be marked IMMUTABLE")
    return bound


def bind_predicate(catalog: Catalog, table: Table, text: str | Fragment) -> Expr:
    """A partial index's condition: immutable."""
    bound = logic.require_boolean(bind_over_row(catalog, table, text, PREDICATE), "WHERE")
    _require_immutable(bound, "functions in index predicate must be marked IMMUTABLE")
    return bound


def _require_immutable(expression: Expr, message: str) -> None:
    if any(node.is_volatile() or node.is_stable() for node in walk(expression)):
        raise ProgrammingError(message, sqlstate="42P17")


def assign(expression: Expr, type_: SqlType, column: str, what: str = "expression") -> Expr:
    """The expression cast to a column's type by PostgreSQL's rules for assignments; 42804."""
    try:
        return cast(expression, type_, "assignment")
    except ProgrammingError as error:
        if error.sqlstate not in ("42804", "42846"):
            raise
        raise ProgrammingError(
            f'column "{column}" is of type {type_} but {what} is of type {expression.type}',
            sqlstate="42804",
            position=error.position,
            hint="You will need to rewrite or cast the expression.",
        ) from None


def used_slots(expression: Expr) -> frozenset[int]:
    """The slots that a bound stored expression reads."""
    return frozenset([node.index for node in walk(expression) if isinstance(node, Slot)])
