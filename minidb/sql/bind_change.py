"""INSERT, UPDATE, DELETE -> plan.changes: what rows there will be, and what their change involves.

INSERT    source yields whole stored rows: given values cast to their columns, defaults elsewhere
UPDATE    source is the table's scan with storage keys, joined to FROM; assignments are over its columns
DELETE    the same with USING
"""

from __future__ import annotations

from sqlglot import exp

from minidb.catalog.schema import Table, View
from minidb.errors import NotSupportedError, ProgrammingError, SyntaxError_
from minidb.expr.cast import cast
from minidb.expr.node import Column, Constant, Expr
from minidb.plan.changes import Delete, Insert, OnConflict, Update
from minidb.plan.nodes import Cte, Filter, Join, Plan, Project, Scan, Values, With
from minidb.plan.system_view import SystemView
from minidb.sql.bind_assignment import bind_assignments, is_default, refuse_value
from minidb.sql.bind_conflict import bind_on_conflict
from minidb.sql.bind_expression import bind_condition, bind_in_clause
from minidb.sql.bind_from import bind_from
from minidb.sql.bind_select import all_columns, relation_columns, with_record_fields
from minidb.sql.bind_table import relation_named
from minidb.sql.bind_target import Targets
from minidb.sql.bind_with import bind_with
from minidb.sql.binder import Binder, BoundQuery
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.output_names import output_name
from minidb.sql.scope import Relation, Scope
from minidb.sql.table_expressions import assign, expressions_of
from minidb.value.sql_types import TEXT, Kind, SqlType

_READ = {
    exp.Insert: frozenset({"this", "expression", "conflict", "returning", "with_", "default"}),
    exp.Update: frozenset({"this", "expressions", "from_", "where", "returning", "with_"}),
    exp.Delete: frozenset({"this", "using", "where", "returning", "with_"}),
}


def bind_change(binder: Binder, tree: exp.Expression, outer: Scope | None) -> BoundQuery:
    """The plan of a statement that changes rows; its WITH items belong to its source."""
    for name, value in tree.args.items():
        if value and name not in _READ[type(tree)]:
            raise refuse(f"{name.rstrip('_').upper()} in {tree.key.upper()} is", tree)
    visible = len(binder.common_tables)
    with_ = tree.args.get("with_")
    bound = [] if with_ is None else bind_with(binder, with_, outer)
    ctes = tuple([cte for cte, _ in bound])
    if isinstance(tree, exp.Insert):
        query = _insert(binder, tree, ctes, outer)
    elif isinstance(tree, exp.Update):
        query = _update(binder, tree, ctes, outer)
    else:
        query = _delete(binder, tree, ctes, outer)
    del binder.common_tables[visible:]
    return query


def _target_table(binder: Binder, tree: exp.Expression) -> tuple[Table, str, str | None]:
    """The changed table, the name it goes by, and its own name if that is hidden by an alias."""
    if not isinstance(tree, exp.Table) or not isinstance(tree.this, exp.Identifier):
        raise refuse("changing anything but a table is", tree)
    name = identifier(tree.this)
    schema = None if tree.args.get("db") is None else identifier(tree.args["db"])
    found = relation_named(binder, name, schema, position_of(tree))
    if isinstance(found, SystemView):
        raise ProgrammingError(
            f'cannot change rows of the system view "{name}"', sqlstate="55000", position=position_of(tree)
        )
    if isinstance(found, View):
        raise NotSupportedError(
            f'changing rows through the view "{name}" is not supported', position=position_of(tree)
        )
    alias = tree.args.get("alias")
    if alias is None:
        return found, name, None
    if alias.args.get("columns"):
        raise refuse("a column list for a changed table's alias is", alias)
    called = identifier(alias.this)
    return found, called, name if called != name else None


def _relation(table: Table, called: str, original: str | None, row: tuple[Column, ...]) -> Relation:
    """The table's columns as names over a column per slot."""
    names = tuple([column.name for column in table.columns])
    columns = tuple([row[column.slot] for column in table.columns])
    return Relation(called, names, columns, table, original)


def _with(ctes: tuple[Cte, ...], plan: Plan) -> Plan:
    return With(ctes, plan) if ctes else plan


# --- INSERT ---------------------------------------------------------------------------------------


def _insert(binder: Binder, tree: exp.Expression, ctes: tuple[Cte, ...], outer: Scope | None) -> BoundQuery:
    named = tree.this
    explicit = isinstance(named, exp.Schema)
    table, called, original = _target_table(binder, named.this if explicit else named)
    slots = _insert_slots(table, named.expressions) if explicit else [each.slot for each in table.columns]
    overriding = tree.meta.get("overriding")
    values = tree.args.get("expression")
    if tree.args.get("default"):
        source = _from_values(binder, table, [], [[]], overriding, outer)
    elif isinstance(values, exp.Values) and not _has_modifiers(values):
        source = _from_value_lists(binder, table, slots, values, explicit, overriding, outer)
    elif values is None:
        raise SyntaxError_("INSERT has no source of rows", position=position_of(tree))
    else:
        source = _from_query(binder, table, slots, values, explicit, overriding, outer)
    targets = Targets(binder.catalog, table)
    targets.insert()
    conflict_tree = tree.args.get("conflict")
    updated = conflict_tree is not None and "UPDATE" in str(conflict_tree.args.get("action")).upper()
    if updated:
        targets.update([column.slot for column in table.columns])
    bound = targets.finish(binder)
    conflict: OnConflict | None = None
    if conflict_tree is not None:
        relation = _relation(table, called, original, bound[0].row)
        conflict = bind_on_conflict(binder, conflict_tree, table, relation, outer)
    scope = Scope(outer)
    scope.add(_relation(table, called, original, bound[0].row))
    columns, names, returning = _returning(binder, tree, scope)
    plan = Insert(bound, _with(ctes, source), columns, returning, conflict)
    return BoundQuery(plan, names, scope.level.free)


def _has_modifiers(tree: exp.Expression) -> bool:
    return any(tree.args.get(name) for name in ("order", "limit", "offset", "with_"))


def _insert_slots(table: Table, identifiers: list[exp.Expression]) -> list[int]:
    slots: list[int] = []
    for node in identifiers:
        name = identifier(node)
        column = table.column(name)
        if column is None:
            raise ProgrammingError(
                f'column "{name}" of relation "{table.name}" does not exist',
                sqlstate="42703",
                position=position_of(node),
            )
        if column.slot in slots:
            raise ProgrammingError(
                f'column "{name}" specified more than once', sqlstate="42701", position=position_of(node)
            )
        slots.append(column.slot)
    return slots


def _fitting(slots: list[int], count: int, explicit: bool, tree: exp.Expression) -> list[int]:
    """The columns that `count` values go to."""
    if count > len(slots):
        raise SyntaxError_("INSERT has more expressions than target columns", position=position_of(tree))
    if count < len(slots) and explicit:
        raise SyntaxError_("INSERT has more target columns than expressions", position=position_of(tree))
    return slots[:count]


def _from_value_lists(
    binder: Binder,
    table: Table,
    slots: list[int],
    tree: exp.Expression,
    explicit: bool,
    overriding: str | None,
    outer: Scope | None,
) -> Plan:
    lists: list[list[exp.Expression]] = []
    for item in tree.expressions:
        fields = item.expressions if isinstance(item, exp.Tuple) else [item]
        fields = with_record_fields(binder, fields)
        if lists and len(fields) != len(lists[0]):
            raise SyntaxError_("VALUES lists must all be the same length", position=position_of(item))
        lists.append(fields)
    return _from_values(
        binder, table, _fitting(slots, len(lists[0]), explicit, tree), lists, overriding, outer
    )


def _from_values(
    binder: Binder,
    table: Table,
    slots: list[int],
    lists: list[list[exp.Expression]],
    overriding: str | None,
    outer: Scope | None,
) -> Plan:
    """Whole rows of expressions: values where given, defaults elsewhere and for DEFAULT."""
    scope = Scope(outer)
    defaults = _defaults(binder, table)
    columns = {column.slot: column for column in table.columns}
    rows: list[tuple[Expr, ...]] = []
    for fields in lists:
        row = list(defaults)
        for slot, field in zip(slots, fields, strict=True):
            column = columns[slot]
            if is_default(field):
                continue
            if column.identity is not None and overriding == "user":
                continue
            refuse_value(column, overriding, position_of(field))
            value = bind_in_clause(binder, field, scope, "VALUES")
            row[slot] = _positioned(value, column.type, column.name, field)
        rows.append(tuple(row))
    return Values(_row_columns(binder, table), tuple(rows))


def _positioned(value: Expr, type_: SqlType, name: str, tree: exp.Expression) -> Expr:
    try:
        return assign(value, type_, name)
    except ProgrammingError as error:
        if error.position is None:
            error.position = position_of(tree)
        raise


def _defaults(binder: Binder, table: Table) -> tuple[Expr, ...]:
    return tuple(
        [
            Constant(None, type_) if default is None else default
            for default, type_ in zip(
                expressions_of(binder.catalog, table).defaults, table.slot_types, strict=True
            )
        ]
    )


def _row_columns(binder: Binder, table: Table, relation: str = "") -> tuple[Column, ...]:
    names = {column.slot: column.name for column in table.columns}
    return tuple(
        [
            binder.new_column(names.get(slot, f"dropped {slot}"), type_, relation)
            for slot, type_ in enumerate(table.slot_types)
        ]
    )


def _from_query(
    binder: Binder,
    table: Table,
    slots: list[int],
    tree: exp.Expression,
    explicit: bool,
    overriding: str | None,
    outer: Scope | None,
) -> Plan:
    query = binder.query(tree, outer, keep_unknown=True)
    plan = query.plan
    if not isinstance(plan, Project) and any(column.type.kind is Kind.UNKNOWN for column in plan.columns):
        plan = binder.query(tree, outer).plan
    given: tuple[Expr, ...] = plan.columns
    if isinstance(plan, Project):  # its expressions are cast where they stand: a literal still has no type
        given, plan = plan.expressions, plan.source
    columns = {column.slot: column for column in table.columns}
    row = list(_defaults(binder, table))
    for slot, value in zip(_fitting(slots, len(given), explicit, tree), given, strict=True):
        column = columns[slot]
        if column.identity is not None and overriding == "user":
            continue
        refuse_value(column, overriding, position_of(tree))
        row[slot] = assign(value, column.type, column.name)
    return Project(plan, _row_columns(binder, table), tuple(row))


# --- UPDATE, DELETE -------------------------------------------------------------------------------


def _scan(binder: Binder, table: Table, called: str) -> tuple[Scan, tuple[Column, ...], Column]:
    """The table with all its slots and storage keys."""
    row = _row_columns(binder, table, called)
    key = binder.new_column("key", SqlType(Kind.BYTEA), called)
    return Scan(table, called, (*row, key), tuple(range(len(row))), key=key), row, key


def _joined(
    binder: Binder, scan: Plan, items: list[exp.Expression], scope: Scope, condition: exp.Expression | None
) -> Plan:
    """The scan beside the FROM or USING items, restricted by WHERE."""
    plan = scan
    if items:
        first = items[0].copy()
        joins = list(first.args.get("joins") or [])
        first.set("joins", None)
        for item in items[1:]:
            joins.append(exp.Join(this=item))
        others = scope.sibling()
        beside = bind_from(binder, first, joins, others)
        scope.join(others)
        plan = Join("inner", plan, beside, None)
    if condition is not None:
        plan = Filter(plan, bind_condition(binder, condition.this, scope, "WHERE"))
    return plan


def _update(binder: Binder, tree: exp.Expression, ctes: tuple[Cte, ...], outer: Scope | None) -> BoundQuery:
    table, called, original = _target_table(binder, tree.this)
    scan, old, key = _scan(binder, table, called)
    scope = Scope(outer)
    scope.add(_relation(table, called, original, old))
    from_ = tree.args.get("from_")
    items = [] if from_ is None else [from_.this]
    source = _joined(binder, scan, items, scope, tree.args.get("where"))
    assignments = bind_assignments(binder, table, tree.expressions, scope)
    targets = Targets(binder.catalog, table)
    targets.update([slot for slot, _ in assignments])
    bound = targets.finish(binder)
    after = Scope(outer, scope.level)
    after.add(_relation(table, called, original, bound[0].row))
    _add_others(after, scope)
    columns, names, returning = _returning(binder, tree, after)
    plan = Update(bound, _with(ctes, source), columns, returning, key, old, tuple(assignments))
    return BoundQuery(plan, names, scope.level.free)


def _add_others(after: Scope, scope: Scope) -> None:
    """RETURNING sees the new row of the changed table, and the others as they were joined."""
    own = {column.id for column in scope.relations[0].columns}
    after.relations.extend(scope.relations[1:])
    after.visible.extend(
        [
            visible
            for visible in scope.visible
            if not (isinstance(visible.expression, Column) and visible.expression.id in own)
        ]
    )


def _delete(binder: Binder, tree: exp.Expression, ctes: tuple[Cte, ...], outer: Scope | None) -> BoundQuery:
    table, called, original = _target_table(binder, tree.this)
    scan, old, key = _scan(binder, table, called)
    scope = Scope(outer)
    scope.add(_relation(table, called, original, old))
    source = _joined(binder, scan, tree.args.get("using") or [], scope, tree.args.get("where"))
    targets = Targets(binder.catalog, table)
    targets.delete()
    bound = targets.finish(binder)
    columns, names, returning = _returning(binder, tree, scope)
    plan = Delete(bound, _with(ctes, source), columns, returning, key, old)
    return BoundQuery(plan, names, scope.level.free)


# --- RETURNING ------------------------------------------------------------------------------------

Returning = tuple[tuple[Column, ...], tuple[str, ...], tuple[Expr, ...]]


def _returning(binder: Binder, tree: exp.Expression, scope: Scope) -> Returning:
    """The output columns, their names and expressions; nothing without RETURNING."""
    clause = tree.args.get("returning")
    if clause is None:
        return (), (), ()
    if clause.args.get("into"):
        raise refuse("RETURNING ... INTO is", clause)
    names: list[str] = []
    expressions: list[Expr] = []
    for item in clause.expressions:
        if isinstance(item, exp.Star):
            outputs = all_columns(scope, item)
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            outputs = relation_columns(scope, item)
        else:
            value = item.this if isinstance(item, exp.Alias) else item
            expression = bind_in_clause(binder, value, scope, "RETURNING")
            if expression.type.kind is Kind.UNKNOWN:
                expression = cast(expression, TEXT, "implicit")
            names.append(output_name(item))
            expressions.append(expression)
            continue
        names.extend([output.name for output in outputs])
        expressions.extend([output.expression for output in outputs])
    columns = tuple(
        [
            binder.new_column(name, expression.type)
            for name, expression in zip(names, expressions, strict=True)
        ]
    )
    return columns, tuple(names), tuple(expressions)
