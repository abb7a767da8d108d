"""Column ids -> positions: the last step before execution.

    Column(id 7)  ->  Slot(2)       the input row's third value
    Column(id 7)  ->  OuterSlot(7)  no input yields it: an enclosing query, or a nested loop's left side, will

What a plan leaves to its surroundings is collected on the way (`_Resolver.free`). Whoever runs the plan
anew for each row binds those of its own columns that are in there: a `Subquery` as its `outer_values`, a
`NestedLoop` as its `bindings`; the rest is left to what encloses *it*. So rules may move
expressions between a query and its sub-plans and need not keep lists of what is correlated.

One rewrite happens here, where nobody refers to the columns in between any more: a projection of plain
columns above a scan, or above LIMIT of one, becomes the scan's own if that delivers all that its `where`
needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from minidb.expr.node import Column, Constant, Expr, OuterSlot, Parameter, Slot
from minidb.expr.specialise import specialise
from minidb.plan.changes import Change, Delete, Insert, OnConflict, Update
from minidb.plan.nodes import (
    Aggregate,
    AggregateCall,
    Cte,
    CteScan,
    Distinct,
    Filter,
    FunctionScan,
    HashJoin,
    Join,
    KeyLookup,
    KeyRange,
    Limit,
    Lock,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SetOperation,
    Sort,
    SortKey,
    SystemScan,
    Values,
    With,
)
from minidb.plan.subqueries import QuantifiedComparison, Subquery
from minidb.plan.traverse import column_ids

Positions = dict[int, int]  # column id -> position in the row

_NO_ROW: Positions = {}


def resolve(plan: Plan) -> Plan:
    """The plan with positions for ids, ready to be executed. It must not hold a `Join`: see `optimize`."""
    resolver = _Resolver()
    resolved = resolver.plan(plan)
    assert not resolver.free, f"columns that nothing yields: {list(resolver.free.values())}"
    return resolved


def _positions(columns: Sequence[Column]) -> Positions:
    return {column.id: position for position, column in enumerate(columns)}


class _Resolver:
    """Resolves one plan that is run as a unit; `free` are the columns it needs from its surroundings."""

    __slots__ = ("free",)

    def __init__(self) -> None:
        self.free: dict[int, Column] = {}

    # --- expressions ---

    def expression(self, expression: Expr, row: Positions) -> Expr:
        """The expression over a row with these positions."""
        kind = type(expression)
        if kind is Column:
            column = cast(Column, expression)
            position = row.get(column.id)
            if position is not None:
                return Slot(position, column.type, column.name)
            self.free.setdefault(column.id, column)
            return OuterSlot(column.id, column.type, column.name)
        if kind is Constant or kind is Parameter:
            return expression
        if isinstance(expression, Subquery):
            return self.subquery(expression, row)
        operands = expression.children()
        if not operands:
            return expression
        return expression.with_children(tuple([self.expression(operand, row) for operand in operands]))

    def final(self, expression: Expr, row: Positions) -> Expr:
        """The expression in the form that is fastest for many rows."""
        return specialise(self.expression(expression, row))

    def final_optional(self, expression: Expr | None, row: Positions) -> Expr | None:
        """The same, if there is one."""
        return None if expression is None else self.final(expression, row)

    def finals(self, expressions: tuple[Expr, ...], row: Positions) -> tuple[Expr, ...]:
        """The same for each expression."""
        return tuple([self.final(expression, row) for expression in expressions])

    def expressions(self, expressions: tuple[Expr, ...], row: Positions) -> tuple[Expr, ...]:
        """Each expression over the row."""
        return tuple([self.expression(expression, row) for expression in expressions])

    def optional(self, expression: Expr | None, row: Positions) -> Expr | None:
        """The expression, if there is one."""
        return None if expression is None else self.expression(expression, row)

    def sort_keys(self, keys: tuple[SortKey, ...], row: Positions) -> tuple[SortKey, ...]:
        """The sort keys over the row."""
        return tuple(
            [SortKey(self.expression(key.expression, row), key.descending, key.nulls_first) for key in keys]
        )

    def subquery(self, subquery: Subquery, row: Positions) -> Expr:
        """A sub-plan with what it needs from this row, or from further out, as its `outer_values`."""
        inner = _Resolver()
        plan = inner.plan(subquery.plan)
        test = None
        if isinstance(subquery, QuantifiedComparison) and subquery.test is not None:
            test = inner.expression(subquery.test, _positions(subquery.plan.columns))
        given = dict(zip(subquery.outer_ids, subquery.outer_values, strict=True))
        values = [self.expression(given.get(id_, column), row) for id_, column in inner.free.items()]
        ids, outer_values = tuple(inner.free), tuple(values)
        if isinstance(subquery, QuantifiedComparison):
            return replace(subquery, plan=plan, outer_ids=ids, outer_values=outer_values, test=test)
        return replace(subquery, plan=plan, outer_ids=ids, outer_values=outer_values)

    # --- plans ---

    def plan(self, plan: Plan) -> Plan:
        """The plan; columns that none of its nodes yields are added to `free`."""
        match plan:
            case Scan():
                return self.scan(plan)
            case Project(source, columns, expressions):
                if isinstance(source, Scan) and source.key is None:
                    projected = self.projected_scan(plan, source)
                    if projected is not None:
                        return projected
                if isinstance(source, Limit) and isinstance(source.source, Scan) and not source.ties:
                    if all(type(expression) is Column for expression in expressions):
                        inner = Project(source.source, columns, expressions)
                        return self.plan(Limit(inner, source.count, source.offset))
                row = _positions(source.columns)
                return Project(self.plan(source), columns, self.finals(expressions, row))
            case Filter(source, where):
                return Filter(self.plan(source), self.final(where, _positions(source.columns)))
            case Values(columns, rows):
                return Values(columns, tuple([self.expressions(each, _NO_ROW) for each in rows]))
            case Sort(source, keys, limit):
                row = _positions(source.columns)
                return Sort(self.plan(source), self.sort_keys(keys, row), self.optional(limit, _NO_ROW))
            case Limit(source, count, offset, ties):
                return Limit(
                    self.plan(source),
                    self.optional(count, _NO_ROW),
                    self.optional(offset, _NO_ROW),
                    self.sort_keys(ties, _positions(source.columns)),
                )
            case Aggregate(source, group, expressions, calls):
                row = _positions(source.columns)
                return Aggregate(
                    self.plan(source),
                    group,
                    self.expressions(expressions, row),
                    tuple([self.call(call, row) for call in calls]),
                )
            case Distinct(source, on):
                return Distinct(self.plan(source), self.expressions(on, _positions(source.columns)))
            case HashJoin():
                return self.hash_join(plan)
            case NestedLoop():
                return self.nested_loop(plan)
            case SetOperation(left=left, right=right):
                return replace(plan, left=self.plan(left), right=self.plan(right))
            case CteScan() | SystemScan():
                return plan
            case FunctionScan(arguments=arguments):
                return replace(plan, arguments=self.expressions(arguments, _NO_ROW))
            case Lock(source=source):
                return replace(plan, source=self.plan(source))
            case With(ctes, body):
                return With(tuple([self.cte(cte) for cte in ctes]), self.plan(body))
            case Change():
                return self.change(plan)
            case Join():
                raise AssertionError("a join without an algorithm cannot be executed")
            case _:
                raise AssertionError(f"{type(plan).__name__} cannot be executed")

    def scan(self, scan: Scan) -> Scan:
        """Keys and bounds see no row of this scan; `where` sees its output row."""
        access = scan.access
        match access:
            case KeyLookup(index, keys):
                access = KeyLookup(index, tuple([self.expressions(key, _NO_ROW) for key in keys]))
            case KeyRange():
                access = replace(
                    access,
                    equal=self.expressions(access.equal, _NO_ROW),
                    low=self.optional(access.low, _NO_ROW),
                    high=self.optional(access.high, _NO_ROW),
                )
        where = scan.where
        if where is not None:
            where = self.final(where, _positions(scan.columns))
        return replace(scan, access=access, where=where)

    def projected_scan(self, project: Project, scan: Scan) -> Scan | None:
        """The scan delivering the projection itself, if it can."""
        slot_of = {column.id: slot for column, slot in zip(scan.columns, scan.slots, strict=True)}
        old: list[Column] = []
        for expression in project.expressions:
            if type(expression) is not Column or expression.id not in slot_of:
                return None
            old.append(expression)
        if scan.where is not None:
            delivered = {column.id for column in old}
            if not (column_ids(scan.where) & slot_of.keys()) <= delivered:
                return None
        slots = tuple([slot_of[column.id] for column in old])
        resolved = self.scan(
            Scan(scan.table, scan.alias, tuple(old), slots, scan.access, scan.where, scan.reverse)
        )
        return Scan(
            scan.table, scan.alias, project.columns, slots, resolved.access, resolved.where, scan.reverse
        )

    def call(self, call: AggregateCall, row: Positions) -> AggregateCall:
        """An aggregate over its source's row."""
        return AggregateCall(
            call.column,
            call.function,
            self.finals(call.arguments, row),
            call.distinct,
            self.final_optional(call.where, row),
            self.sort_keys(call.order_by, row),
        )

    def hash_join(self, join: HashJoin) -> HashJoin:
        """Keys over their side's row, the residual over both."""
        left, right = join.left.columns, join.right.columns
        return HashJoin(
            join.kind,
            self.plan(join.left),
            self.plan(join.right),
            self.expressions(join.left_keys, _positions(left)),
            self.expressions(join.right_keys, _positions(right)),
            self.final_optional(join.residual, _positions(left + right)),
            join.null_aware,
        )

    def nested_loop(self, join: NestedLoop) -> NestedLoop:
        """What the right side needs of the left row becomes `bindings`."""
        left_columns = join.left.columns
        left = self.plan(join.left)
        inner = _Resolver()
        right = inner.plan(join.right)
        position = _positions(left_columns)
        bindings: list[Column] = []
        for id_, column in inner.free.items():
            if id_ in position:
                bindings.append(column)
            else:
                self.free.setdefault(id_, column)
        return NestedLoop(
            join.kind,
            left,
            right,
            self.final_optional(join.on, _positions(left_columns + join.right.columns)),
            tuple(bindings),
            tuple([position[column.id] for column in bindings]),
        )

    def cte(self, cte: Cte) -> Cte:
        """A WITH item."""
        step = None if cte.step is None else self.plan(cte.step)
        return Cte(cte.id, cte.name, self.plan(cte.plan), step, cte.union_all)

    # --- changes ---

    def change(self, change: Change) -> Change:
        """See `plan/changes.py` for which expression is over which row."""
        source = self.plan(change.source)
        from_source = change.source.columns
        target_row = change.targets[0].row
        targets = change.targets  # bound over stored slots from the start
        match change:
            case Insert(on_conflict=conflict):
                returning = self.expressions(change.returning, _positions(target_row))
                if conflict is not None:
                    conflict = self.on_conflict(conflict, target_row)
                return Insert(targets, source, change.columns, returning, conflict)
            case Update():
                row = _positions(from_source)
                return Update(
                    targets,
                    source,
                    change.columns,
                    self.expressions(change.returning, _positions(target_row + from_source)),
                    change.key,
                    change.old,
                    tuple([(slot, self.expression(value, row)) for slot, value in change.assignments]),
                )
            case Delete():
                returning = self.expressions(change.returning, _positions(from_source))
                return Delete(targets, source, change.columns, returning, change.key, change.old)
            case _:
                raise AssertionError(f"{type(change).__name__} cannot be executed")

    def on_conflict(self, conflict: OnConflict, target_row: tuple[Column, ...]) -> OnConflict:
        """Over the existing row and the one proposed for insertion."""
        row = _positions(target_row + conflict.excluded)
        assignments = conflict.assignments
        if assignments is not None:
            assignments = tuple([(slot, self.expression(value, row)) for slot, value in assignments])
        return replace(conflict, assignments=assignments, where=self.optional(conflict.where, row))
