"""One FROM item: a table, a view, a CTE, a derived table, VALUES or a function.

Each comes with its scope (the names it makes) and with what it needs from the items to its left: the
columns that a LATERAL subquery or a function's arguments refer to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from minidb.catalog.schema import Routine, Table, View
from minidb.errors import Error, ProgrammingError, SyntaxError_
from minidb.expr.cast import cast, common_type
from minidb.expr.node import Column, Expr
from minidb.plan.nodes import CteScan, FunctionScan, Plan, RowMark, Scan, SystemScan, Values
from minidb.plan.system_view import SYSTEM_SCHEMA, SystemView
from minidb.sql.bind_expression import bind_in_clause
from minidb.sql.bind_function import SET_RETURNING, function_name
from minidb.sql.bind_routine_call import bind_in_from
from minidb.sql.binder import Binder, BoundQuery
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.parse import parse_query
from minidb.sql.row_locks import LockClause, strongest
from minidb.sql.scope import Relation, Scope
from minidb.txn.lock_modes import NO_KEY_UPDATE
from minidb.value.sql_types import BIGINT, INTERVAL, TEXT, TIMESTAMP, Kind, SqlType

HIDDEN_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema"})


@dataclass(slots=True)
class Item:
    """A FROM item: its plan, its names, and the columns it needs from its left."""

    plan: Plan
    scope: Scope
    needs: dict[int, Column] = field(default_factory=dict)


@dataclass(slots=True)
class FromContext:
    """What all items of one FROM share. `query` is the scope that the names end up in."""

    binder: Binder
    query: Scope
    locks: tuple[LockClause, ...] = ()

    def pushed(self, alias: str) -> tuple[LockClause, ...]:
        """The locking that the query behind a relation inherits."""
        locked = strongest(self.locks, alias)
        return () if locked is None else (locked,)


# --- tables ---------------------------------------------------------------------------------------


def bind_table(context: FromContext, tree: exp.Expression, left: Scope) -> Item:
    """A name in FROM, or a function call."""
    if not isinstance(tree.this, exp.Identifier):
        return _bind_function(context, tree, left)
    if tree.args.get("ordinality"):
        raise refuse("WITH ORDINALITY on a table is", tree)
    name = identifier(tree.this)
    schema = None if tree.args.get("db") is None else identifier(tree.args["db"])
    alias = tree.args.get("alias")
    binder = context.binder
    common = binder.common_table(name) if schema is None else None
    if common is not None:
        return _bind_common(context, tree, alias)
    found = relation_named(binder, name, schema, position_of(tree))
    if isinstance(found, View):
        return _bind_view(context, found, alias, position_of(tree))
    if isinstance(found, SystemView):
        return _bind_system_view(context, found, alias)
    item = scan(binder, found, name if alias is None else identifier(alias.this), context.query)
    relation = item.scope.relations[0]
    locked = strongest(context.locks, relation.name)
    if locked is not None:
        assert isinstance(item.plan, Scan)
        key = binder.new_column("key", SqlType(Kind.BYTEA), relation.name)
        shared = locked.mode < NO_KEY_UPDATE
        item.plan = replace(item.plan, columns=(*item.plan.columns, key), key=key, shared=shared)
        relation.marks = (RowMark(key, found, locked.mode, locked.wait),)
    if alias is not None:
        relation.original = name if relation.name != name else None
        _rename(item.scope, alias)
    return item


def relation_named(
    binder: Binder, name: str, schema: str | None, position: int | None
) -> Table | View | SystemView:
    """The table or view; 42P01 if there is none, 42809 if it is something else."""
    found = binder.catalog.relation(name) if schema in (None, "public") else None
    if isinstance(found, Table | View):
        return found
    if found is None and schema in (None, SYSTEM_SCHEMA) and name in binder.system_views:
        return binder.system_views[name]
    if schema in HIDDEN_SCHEMAS:
        raise refuse_at(f"the schema {schema} is not supported", position)
    written = name if schema is None else f"{schema}.{name}"
    if found is not None:
        raise refuse_at(f'reading the sequence "{name}" as a table is not supported', position)
    if binder.catalog.index(name) is not None and schema in (None, "public"):
        raise ProgrammingError(f'"{name}" is an index', sqlstate="42809", position=position)
    if schema is None and name.startswith("pg_"):
        raise refuse_at(f'the system catalog "{name}" is not supported', position)
    raise ProgrammingError(f'relation "{written}" does not exist', sqlstate="42P01", position=position)


def refuse_at(message: str, position: int | None) -> Error:
    """0A000 with a position."""
    error = refuse("")
    error.args = (message,)
    error.message = message
    error.position = position
    return error


def scan(binder: Binder, table: Table, alias: str, query: Scope | None) -> Item:
    """All rows of a stored table, under columns of their own."""
    schemas = table.columns
    horizon = binder.horizons.get(table.id)
    if horizon is not None:
        schemas = tuple([column for column in schemas if column.slot < horizon])
    columns = tuple([binder.new_column(column.name, column.type, alias) for column in schemas])
    names = tuple([column.name for column in schemas])
    plan = Scan(table, alias, columns, tuple([column.slot for column in schemas]))
    scope = Scope() if query is None else query.sibling()
    scope.add(Relation(alias, names, columns, table))
    return Item(plan, scope)


def _bind_common(context: FromContext, tree: exp.Expression, alias: exp.Expression | None) -> Item:
    binder = context.binder
    name = identifier(tree.this)
    common = binder.common_table(name)
    assert common is not None
    if not common.returns:
        raise ProgrammingError(
            f'WITH query "{name}" does not have a RETURNING clause',
            sqlstate="0A000",
            position=position_of(tree),
        )
    common.references += 1
    relation_name = name if alias is None else identifier(alias.this)
    columns = tuple(
        [
            binder.new_column(own, type, relation_name)
            for own, type in zip(common.names, common.types, strict=True)
        ]
    )
    scope = context.query.sibling()
    relation = Relation(relation_name, common.names, columns, original=name if alias is not None else None)
    relation.unlockable = "a WITH query"
    scope.add(relation)
    _rename(scope, alias)
    return Item(CteScan(common.id, name, columns), scope)


def _bind_view(context: FromContext, view: View, alias: exp.Expression | None, position: int | None) -> Item:
    """The view's query, bound as if nothing around it were there."""
    binder = context.binder
    if view.name in binder.views:
        raise ProgrammingError(
            f'infinite recursion detected in rules for relation "{view.name}"', sqlstate="42P17"
        )
    relation_name = view.name if alias is None else identifier(alias.this)
    saved = binder.common_tables, binder.horizons, binder.variables
    binder.common_tables, binder.horizons, binder.variables = [], dict(view.horizons), None
    binder.views.append(view.name)
    try:
        query = binder.query(parse_query(view.query), locks=context.pushed(relation_name))
    except Error as error:
        error.position = position
        raise
    finally:
        binder.views.pop()
        binder.common_tables, binder.horizons, binder.variables = saved
    names = view.columns + query.names[len(view.columns) :]
    shown = binder.horizons.get(view.id, len(names))
    return derived(context, query, relation_name, names[:shown], alias)


def _bind_system_view(context: FromContext, view: SystemView, alias: exp.Expression | None) -> Item:
    """Its rows exist only while they are read: FOR UPDATE passes them by, as it does a function's."""
    relation_name = view.name if alias is None else identifier(alias.this)
    columns = tuple([context.binder.new_column(name, type_, relation_name) for name, type_ in view.columns])
    scope = context.query.sibling()
    names = tuple([name for name, _ in view.columns])
    relation = Relation(relation_name, names, columns, original=view.name if alias is not None else None)
    relation.unlockable = "a system view"
    scope.add(relation)
    _rename(scope, alias)
    return Item(SystemScan(view, relation_name, columns), scope)


def derived(
    context: FromContext,
    query: BoundQuery,
    name: str,
    names: tuple[str, ...],
    alias: exp.Expression | None,
) -> Item:
    """A query's rows as a relation."""
    scope = context.query.sibling()
    scope.add(Relation(name, names, query.plan.columns[: len(names)], marks=query.marks))
    _rename(scope, alias)
    return Item(query.plan, scope)


def _rename(scope: Scope, alias: exp.Expression | None) -> None:
    """AS name(a, b ...): other names for the first columns of the scope's one relation."""
    columns = [] if alias is None else alias.args.get("columns") or []
    if not columns:
        return
    relation = scope.relations[0]
    if len(columns) > len(relation.names):
        raise ProgrammingError(
            f'table "{relation.name}" has {len(relation.names)} columns available '
            f"but {len(columns)} columns specified",
            sqlstate="42P10",
            position=position_of(columns[0]),
        )
    for column in columns:
        if isinstance(column, exp.ColumnDef):
            raise refuse("a column definition list is", column)
    names = [identifier(column) for column in columns]
    relation.names = (*names, *relation.names[len(names) :])
    for visible, new in zip(scope.visible, relation.names, strict=True):
        visible.name = new


# --- derived tables -------------------------------------------------------------------------------


def bind_derived(
    context: FromContext, tree: exp.Expression, left: Scope, alias: exp.Expression | None, *, lateral: bool
) -> Item:
    """(SELECT ...) AS alias; only LATERAL sees the items to its left."""
    if alias is None:
        what = "VALUES" if isinstance(tree, exp.Values) else "subquery"
        raise SyntaxError_(
            f"{what} in FROM must have an alias",
            position=position_of(tree),
            hint=f"For example, FROM ({'VALUES' if what == 'VALUES' else 'SELECT'} ...) [AS] foo.",
        )
    if lateral:
        outer = left
    else:
        outer = context.query.sibling()
        outer.unreachable = list(left.relations)
    name = identifier(alias.this)
    query = context.binder.query(tree, outer, locks=context.pushed(name))
    item = derived(context, query, name, query.names, alias)
    if lateral:
        item.needs = needed(query.free, left)
    return item


def needed(free: dict[int, Column], left: Scope) -> dict[int, Column]:
    """Those of the free columns that come from the items to the left."""
    there = {column.id for relation in left.relations for column in relation.columns}
    return {id_: column for id_, column in free.items() if id_ in there}


# --- functions ------------------------------------------------------------------------------------


def _bind_function(context: FromContext, tree: exp.Expression, left: Scope) -> Item:
    """A function in FROM; its arguments see the items to the left."""
    binder = context.binder
    called = tree.this
    name = function_name(called)
    if tree.args.get("ordinality"):
        raise refuse("WITH ORDINALITY is", tree)
    alias = tree.args.get("alias")
    named = name or called.key
    relation_name = named if alias is None or alias.this is None else identifier(alias.this)
    scope = Scope(left)
    if name is not None and binder.catalog.has_routines(name):
        found = bind_in_from(binder, name, _call_in(called), scope)
        if found is not None:
            return _user_function(context, found, relation_name, alias, needed(scope.level.free, left))
    if name == "generate_series":
        arguments = [
            bind_in_clause(binder, argument, scope, "functions in FROM") for argument in called.expressions
        ]
        typed, result = series(arguments, called)
        column = binder.new_column(relation_name, result, relation_name)
        plan: Plan = FunctionScan(name, tuple(typed), (column,))
    elif name in SET_RETURNING:
        raise refuse(f"the set-returning function {name} is", called)
    else:
        value = bind_in_clause(binder, called, scope, "functions in FROM")
        column = binder.new_column(relation_name, value.type, relation_name)
        plan = Values((column,), ((value,),))
    result_scope = context.query.sibling()
    result_scope.add(Relation(relation_name, (relation_name,), (column,), unlockable="a function"))
    _rename(result_scope, alias)
    return Item(plan, result_scope, needed(scope.level.free, left))


def _call_in(tree: exp.Expression) -> exp.Expression:
    """The call itself, without its schema."""
    return tree.expression if isinstance(tree, exp.Dot) else tree


def _user_function(
    context: FromContext,
    found: tuple[Routine, list[Expr]],
    relation_name: str,
    alias: exp.Expression | None,
    needs: dict[int, Column],
) -> Item:
    """The rows of a user's function, under the names of its result; a lone value goes by the alias."""
    routine, arguments = found
    binder = context.binder
    shape = binder.catalog.routine_columns(routine) or (("", TEXT),)  # void has a column, too
    columns = tuple([binder.new_column(name or relation_name, type_, relation_name) for name, type_ in shape])
    plan = FunctionScan(
        routine.name,
        tuple(arguments),
        columns,
        routine.id,
        volatile=routine.volatility == "volatile",
        returns_set=routine.returns_set,
    )
    scope = context.query.sibling()
    scope.add(Relation(relation_name, tuple([column.name for column in columns]), columns))
    _rename(scope, alias)
    return Item(plan, scope, needs)


def series(arguments: list[Expr], tree: exp.Expression) -> tuple[list[Expr], SqlType]:
    """generate_series over integer, bigint, numeric or timestamps: the arguments converted, and the type."""
    if len(arguments) not in (2, 3):
        raise _no_such_series(arguments, tree)
    kinds = {argument.type.kind for argument in arguments[:2]}
    if kinds & {Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.DATE}:
        if len(arguments) != 3:
            raise _no_such_series(arguments, tree)
        zoned = Kind.TIMESTAMPTZ in kinds or Kind.TIMESTAMP not in kinds
        result = SqlType(Kind.TIMESTAMPTZ) if zoned else TIMESTAMP
        start, stop = [cast(argument, result, "implicit") for argument in arguments[:2]]
        return [start, stop, cast(arguments[2], INTERVAL, "implicit")], result
    shared = common_type(arguments, "generate_series")
    if shared.kind is Kind.SMALLINT:
        shared = SqlType(Kind.INTEGER)
    elif shared.kind is Kind.UNKNOWN:
        shared = BIGINT  # parameters whose type is not known yet
    if shared.kind not in (Kind.INTEGER, Kind.BIGINT, Kind.NUMERIC):
        raise _no_such_series(arguments, tree)
    result = SqlType(shared.kind)
    return [cast(argument, result, "implicit") for argument in arguments], result


def _no_such_series(arguments: list[Expr], tree: exp.Expression) -> Error:
    types = ", ".join([argument.type.kind.value for argument in arguments])
    return ProgrammingError(
        f"function generate_series({types}) does not exist",
        sqlstate="42883",
        position=position_of(tree),
        hint="No function matches the given name and argument types. "
        "You might need to add explicit type casts.",
    )
