"""SELECT: FROM, WHERE, grouping, select list, DISTINCT, ORDER BY, row locks, LIMIT.

    FROM -> Filter -> [Aggregate -> Filter] -> Sort -> Lock -> Limit -> Project        as a rule
    FROM -> Filter -> [...] -> Project -> [Distinct] -> Sort -> Lock -> Limit -> Project

The second form is for DISTINCT and for ORDER BY of computed values: these become columns, hidden ones if
they are not in the select list, so that each is computed once; the last Project removes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from minidb.errors import ProgrammingError, SyntaxError_
from minidb.expr.cast import cast
from minidb.expr.logic import require_boolean
from minidb.expr.node import Column, Constant, Expr, Parameter, walk
from minidb.plan.nodes import Distinct, Filter, Lock, Plan, Project, RowMark, Sort, SortKey
from minidb.sql.bind_aggregate import Groups, sort_key
from minidb.sql.bind_expression import bind_condition, bind_expression, bind_in_clause
from minidb.sql.bind_from import bind_from
from minidb.sql.bind_order import limited, position_in_list
from minidb.sql.bind_series import lift_series, with_series
from minidb.sql.binder import Binder, BoundQuery
from minidb.sql.modifiers import Modifiers
from minidb.sql.names import identifier, position_of, refuse
from minidb.sql.output_names import output_name
from minidb.sql.row_locks import lock_clauses, marks_of, not_allowed_with
from minidb.sql.scope import Scope, find_relation
from minidb.value.sql_types import TEXT, Kind


@dataclass(slots=True)
class Output:
    """One column of the select list."""

    name: str
    expression: Expr
    tree: exp.Expression


@dataclass(slots=True)
class Ordering:
    """An ORDER BY term: its place in the select list, if it is there."""

    key: SortKey
    output: int | None
    tree: exp.Expression


def bind_select(
    binder: Binder,
    tree: exp.Expression,
    outer: Scope | None,
    keep_unknown: bool,
    modifiers: Modifiers,
) -> BoundQuery:
    """The plan of one SELECT with what follows it."""
    scope = Scope(outer)
    from_ = tree.args.get("from_")
    locks = lock_clauses(modifiers.locks) + modifiers.pushed
    plan = bind_from(
        binder, None if from_ is None else from_.this, tree.args.get("joins") or [], scope, locks
    )
    if tree.args.get("laterals"):
        raise refuse("LATERAL VIEW is", tree)
    where = tree.args.get("where")
    if where is not None:
        plan = Filter(plan, bind_condition(binder, where.this, scope, "WHERE"))
    scope.level.aggregates_allowed = True
    outputs = _select_list(binder, tree.expressions, scope, keep_unknown)
    grouping = _group_by(binder, tree.args.get("group"), scope, outputs)
    having = tree.args.get("having")
    condition = None if having is None else _having(binder, having.this, scope)
    orderings = [_ordering(binder, item, scope, outputs) for item in modifiers.order]
    on = _distinct_on(binder, tree.args.get("distinct"), scope, outputs)
    scope.level.aggregates_allowed = False
    grouped = grouping is not None or condition is not None or bool(scope.level.calls)
    if scope.level.series:
        if locks:
            raise not_allowed_with(locks, "set-returning functions in the target list")
        if grouped:
            raise refuse("a set-returning function in the select list of a grouped query is", tree)
        plan = with_series(plan, scope.level.series)
    if grouped:
        if locks:
            what = "GROUP BY clause" if grouping is not None else "HAVING clause"
            calls_only = grouping is None and condition is None
            raise not_allowed_with(locks, "aggregate functions" if calls_only else what)
        plan = _grouped(binder, plan, scope, grouping, condition, having, outputs, orderings, on)
    distinct = tree.args.get("distinct") is not None
    if distinct and locks:
        raise not_allowed_with(locks, "DISTINCT clause")
    marks = marks_of(scope, locks)
    names = tuple([output.name for output in outputs])
    select = _Select(binder, scope, outer, outputs, orderings, on, marks, modifiers)
    if marks and not (modifiers.locks or modifiers.order or modifiers.limit or modifiers.offset):
        # Locked by the query around, so that rows which that leaves out are not.
        plan, marks = select.with_keys(plan)
        return BoundQuery(plan, names, scope.level.free, marks)
    return BoundQuery(select.finish(plan, distinct), names, scope.level.free)


# --- select list ----------------------------------------------------------------------------------


def _select_list(
    binder: Binder, trees: list[exp.Expression], scope: Scope, keep_unknown: bool
) -> list[Output]:
    outputs: list[Output] = []
    scope.level.clause = "SELECT"
    for tree in trees:
        if isinstance(tree, exp.Star):
            outputs.extend(all_columns(scope, tree))
        elif isinstance(tree, exp.Column) and isinstance(tree.this, exp.Star):
            record = _record_fields(binder, tree)
            outputs.extend(relation_columns(scope, tree) if record is None else record)
        else:
            value = tree.this if isinstance(tree, exp.Alias) else tree
            expression = bind_expression(binder, lift_series(binder, value, scope), scope)
            if expression.type.kind is Kind.UNKNOWN and not keep_unknown:
                expression = cast(expression, TEXT, "implicit")
            outputs.append(Output(output_name(tree), expression, value))
    return outputs


def _record_fields(binder: Binder, tree: exp.Expression) -> list[Output] | None:
    """record.*, of a routine's variable."""
    if binder.variables is None or tree.args.get("db") is not None:
        return None
    fields = binder.variables.row(binder, (identifier(tree.args["table"]),))
    if fields == []:
        raise ProgrammingError(
            f'record "{identifier(tree.args["table"])}" is not assigned yet', sqlstate="55000"
        )
    return None if fields is None else [Output(name, field, tree) for name, field in fields]


def with_record_fields(binder: Binder, trees: list[exp.Expression]) -> list[exp.Expression]:
    """The fields of a VALUES list, `record.*` of a routine's variable taken apart."""
    if binder.variables is None:
        return trees
    found: list[exp.Expression] = []
    for tree in trees:
        outputs = None
        if isinstance(tree, exp.Column) and isinstance(tree.this, exp.Star):
            outputs = _record_fields(binder, tree)
        if outputs is None:
            found.append(tree)
        else:
            found.extend([exp.column(output.name, tree.args["table"], quoted=True) for output in outputs])
    return found


def all_columns(scope: Scope, tree: exp.Expression) -> list[Output]:
    if not scope.relations:
        raise SyntaxError_("SELECT * with no tables specified is not valid", position=position_of(tree))
    outputs: list[Output] = []
    for visible in scope.visible:
        _owned(scope, visible.expression)
        outputs.append(Output(visible.name, visible.expression, tree))
    return outputs


def relation_columns(scope: Scope, tree: exp.Expression) -> list[Output]:
    """t.*"""
    table = tree.args["table"]
    schema = tree.args.get("db")
    name = identifier(table)
    position = position_of(table)
    if schema is not None and identifier(schema) != "public":
        raise ProgrammingError(
            f'missing FROM-clause entry for table "{name}"', sqlstate="42P01", position=position
        )
    relation, where = find_relation(scope, name, position)
    if where.level is not scope.level:
        raise refuse("all columns of an enclosing query's table are", tree)
    for column in relation.columns:
        _owned(scope, column)
    return [Output(own, column, tree) for own, column in zip(relation.names, relation.columns, strict=True)]


def _owned(scope: Scope, expression: Expr) -> None:
    for part in walk(expression):
        if isinstance(part, Column):
            scope.level.owned.add(part.id)


# --- GROUP BY, HAVING -----------------------------------------------------------------------------


def _having(binder: Binder, tree: exp.Expression, scope: Scope) -> Expr:
    scope.level.clause = "HAVING"
    return require_boolean(bind_expression(binder, tree, scope), "HAVING")


def _group_by(
    binder: Binder, tree: exp.Expression | None, scope: Scope, outputs: list[Output]
) -> list[Expr] | None:
    """The GROUP BY expressions; None without the clause."""
    if tree is None:
        return None
    for name in ("grouping_sets", "cube", "rollup"):
        if tree.args.get(name):
            raise refuse(f"{name.replace('_', ' ').upper()} is", tree)
    found: list[Expr] = []
    for item in tree.expressions:
        if isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets):
            raise refuse(f"{item.key.upper()} is", item)
        if isinstance(item, exp.Tuple):
            if not item.expressions:
                raise refuse("an empty grouping set is", tree)
            found.extend([_group_item(binder, field, scope, outputs) for field in item.expressions])
        else:
            found.append(_group_item(binder, item, scope, outputs))
    return found


def _group_item(binder: Binder, tree: exp.Expression, scope: Scope, outputs: list[Output]) -> Expr:
    """A position, an input column, an output alias, or an expression, in this order."""
    if isinstance(tree, exp.Literal):
        if tree.is_string:
            raise SyntaxError_("non-integer constant in GROUP BY", position=position_of(tree))
        place = position_in_list(tree, len(outputs), "GROUP BY")
        return _without_aggregates(scope, outputs[place].expression, tree)
    if isinstance(tree, exp.Column) and tree.args.get("table") is None and not _is_input(scope, tree):
        matches = _outputs_named(outputs, identifier(tree.this))
        if matches:
            if any(match.expression != matches[0].expression for match in matches):
                raise ProgrammingError(
                    f'GROUP BY "{identifier(tree.this)}" is ambiguous',
                    sqlstate="42702",
                    position=position_of(tree),
                )
            return _without_aggregates(scope, matches[0].expression, tree)
    return bind_in_clause(binder, tree, scope, "GROUP BY")


def _is_input(scope: Scope, tree: exp.Expression) -> bool:
    name = identifier(tree.this)
    return any(visible.name == name for visible in scope.visible)


def _outputs_named(outputs: list[Output], name: str) -> list[Output]:
    return [output for output in outputs if output.name == name]


def _without_aggregates(scope: Scope, expression: Expr, tree: exp.Expression) -> Expr:
    computed = {call.column.id for call in scope.level.calls}
    for part in walk(expression):
        if isinstance(part, Column) and part.id in computed:
            raise ProgrammingError(
                "aggregate functions are not allowed in GROUP BY",
                sqlstate="42803",
                position=position_of(tree),
            )
    return expression


def _grouped(
    binder: Binder,
    plan: Plan,
    scope: Scope,
    grouping: list[Expr] | None,
    condition: Expr | None,
    having: exp.Expression | None,
    outputs: list[Output],
    orderings: list[Ordering],
    on: list[Expr],
) -> Plan:
    """Everything after WHERE, over the groups."""
    groups = Groups(binder, scope, grouping or [])
    for output in outputs:
        output.expression = groups.over(output.expression, output.tree)
    if condition is not None:
        condition = groups.over(condition, having)
    for ordering in orderings:
        key = ordering.key
        expression = groups.over(key.expression, ordering.tree)
        ordering.key = SortKey(expression, key.descending, key.nulls_first)
    for place, expression in enumerate(on):
        on[place] = groups.over(expression, None)
    plan = groups.plan(plan)
    return plan if condition is None else Filter(plan, condition)


# --- ORDER BY, DISTINCT ON ------------------------------------------------------------------------


def _ordering(binder: Binder, item: exp.Expression, scope: Scope, outputs: list[Output]) -> Ordering:
    scope.level.clause = "ORDER BY"
    expression, place = _sort_expression(binder, item.this, scope, outputs, "ORDER BY")
    return Ordering(sort_key(expression, item), place, item.this)


def _sort_expression(
    binder: Binder, tree: exp.Expression, scope: Scope, outputs: list[Output], clause: str
) -> tuple[Expr, int | None]:
    """A position, an output name, or an expression over the input; with its place among the outputs."""
    if isinstance(tree, exp.Literal):
        if tree.is_string:
            raise SyntaxError_(f"non-integer constant in {clause}", position=position_of(tree))
        place = position_in_list(tree, len(outputs), clause)
        return outputs[place].expression, place
    if isinstance(tree, exp.Column) and tree.args.get("table") is None:
        name = identifier(tree.this)
        matches = [place for place, output in enumerate(outputs) if output.name == name]
        if matches:
            first = matches[0]
            if any(outputs[place].expression != outputs[first].expression for place in matches):
                raise ProgrammingError(
                    f'{clause} "{name}" is ambiguous', sqlstate="42702", position=position_of(tree)
                )
            return outputs[first].expression, first
    expression = bind_expression(binder, tree, scope)
    if expression.type.kind is Kind.UNKNOWN:
        expression = cast(expression, TEXT, "implicit")
    for place, output in enumerate(outputs):
        if output.expression == expression and not _is_volatile(expression):
            return expression, place
    return expression, None


def _is_volatile(expression: Expr) -> bool:
    return any(part.is_volatile() for part in walk(expression))


def _distinct_on(
    binder: Binder, tree: exp.Expression | None, scope: Scope, outputs: list[Output]
) -> list[Expr]:
    on = None if tree is None else tree.args.get("on")
    if on is None:
        return []
    scope.level.clause = "DISTINCT ON"
    trees = on.expressions if isinstance(on, exp.Tuple) else [on]
    return [_sort_expression(binder, item, scope, outputs, "DISTINCT ON")[0] for item in trees]


# --- the end of the plan --------------------------------------------------------------------------


class _Select:
    """Puts the last operators on top of the input (or its groups)."""

    __slots__ = ("binder", "marks", "modifiers", "on", "orderings", "outer", "outputs", "scope")

    def __init__(
        self,
        binder: Binder,
        scope: Scope,
        outer: Scope | None,
        outputs: list[Output],
        orderings: list[Ordering],
        on: list[Expr],
        marks: tuple[RowMark, ...],
        modifiers: Modifiers,
    ) -> None:
        self.binder = binder
        self.scope = scope
        self.outer = outer
        self.outputs = outputs
        self.orderings = orderings
        self.on = on
        self.marks = marks
        self.modifiers = modifiers

    def finish(self, plan: Plan, distinct: bool) -> Plan:
        """Sorted, locked, limited and projected."""
        computed = any(
            not isinstance(ordering.key.expression, Column | Constant | Parameter)
            for ordering in self.orderings
        )
        if distinct or computed:
            return self.projected_first(plan, distinct)
        keys = tuple([ordering.key for ordering in self.orderings])
        if keys:
            plan = Sort(plan, keys)
        plan = self.locked_and_limited(plan, keys)
        columns = tuple([self.column(output) for output in self.outputs])
        return Project(plan, columns, tuple([output.expression for output in self.outputs]))

    def with_keys(self, plan: Plan) -> tuple[Plan, tuple[RowMark, ...]]:
        """Projected only, with the keys of the rows that are still to be locked behind the outputs."""
        marks = tuple(
            [replace(mark, key=self.binder.new_column("key", mark.key.type)) for mark in self.marks]
        )
        columns = [*[self.column(output) for output in self.outputs], *[mark.key for mark in marks]]
        values = [*[output.expression for output in self.outputs], *[mark.key for mark in self.marks]]
        return Project(plan, tuple(columns), tuple(values)), marks

    def column(self, output: Output) -> Column:
        """A new column for an output."""
        return self.binder.new_column(output.name, output.expression.type)

    def locked_and_limited(self, plan: Plan, keys: tuple[SortKey, ...]) -> Plan:
        """Locks are taken before LIMIT counts, so that a row that is gone does not count."""
        if self.marks:
            plan = Lock(plan, self.marks)
        return limited(self.binder, plan, self.outer, self.scope.level.free, self.modifiers, keys)

    def projected_first(self, plan: Plan, distinct: bool) -> Plan:
        """Project, then DISTINCT and ORDER BY over its columns, hidden ones among them."""
        visible = [self.column(output) for output in self.outputs]
        columns = list(visible)
        expressions = [output.expression for output in self.outputs]
        keys = tuple(
            [self.over_columns(ordering, columns, expressions, distinct) for ordering in self.orderings]
        )
        on = [self.on_column(expression, columns, expressions) for expression in self.on]
        locked = [mark.key for mark in self.marks]
        columns.extend(locked)
        expressions.extend(locked)
        plan = Project(plan, tuple(columns), tuple(expressions))
        if self.on:
            plan = Distinct(self.sorted_for(plan, keys, on), tuple(on))
        else:
            if distinct:
                plan = Distinct(plan)
            if keys:
                plan = Sort(plan, keys)
        plan = self.locked_and_limited(plan, keys)
        if len(columns) == len(visible):
            return plan
        return Project(plan, tuple([self.column(output) for output in self.outputs]), tuple(visible))

    def over_columns(
        self, ordering: Ordering, columns: list[Column], expressions: list[Expr], distinct: bool
    ) -> SortKey:
        """The term as a column of the projection, a hidden one if need be."""
        key = ordering.key
        place = ordering.output
        if place is None and distinct and not self.on:
            raise ProgrammingError(
                "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                sqlstate="42P10",
                position=position_of(ordering.tree),
            )
        column = columns[place] if place is not None else self.on_column(key.expression, columns, expressions)
        return SortKey(column, key.descending, key.nulls_first)

    def on_column(self, expression: Expr, columns: list[Column], expressions: list[Expr]) -> Column:
        """The column of the projection that holds the expression; added if it is not there."""
        for column, present in zip(columns, expressions, strict=True):
            if present == expression:
                return column
        column = self.binder.new_column("?column?", expression.type)
        columns.append(column)
        expressions.append(expression)
        return column

    def sorted_for(self, plan: Plan, keys: tuple[SortKey, ...], on: list[Column]) -> Plan:
        """DISTINCT ON wants its expressions first in the order; without ORDER BY any order of them."""
        leading = [key.expression for key in keys[: len(set(on))]]
        if any(expression not in on for expression in leading):
            raise ProgrammingError(
                "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", sqlstate="42P10"
            )
        missing = [SortKey(column) for column in dict.fromkeys(on) if column not in leading]
        if keys and missing and len(leading) < len(keys):
            raise ProgrammingError(
                "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", sqlstate="42P10"
            )
        return Sort(plan, (*keys, *missing))
