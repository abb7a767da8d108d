"""How many rows: from what ANALYZE stored, with PostgreSQL's habits where nothing is known.

    column = value        1 / distinct values of the column
    column = column       1 / the greater number of distinct values
    column < value        the part of [least, greatest] below the value; a third if that is unknown
    A and B               the product (independence), A or B  the sum less the product

An `Estimator` serves one statement. Columns are traced to the stored column that they come from through the
scans of the plan; a computed column has no statistics.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from minidb.catalog import statistics
from minidb.catalog.schema import Table
from minidb.expr.calls import Call
from minidb.expr.cast import Relabel
from minidb.expr.compare import Comparison
from minidb.expr.logic import And, IsNotNull, IsNull, Not, Or
from minidb.expr.membership import InList
from minidb.expr.node import Column, Constant, Expr
from minidb.plan.changes import Change
from minidb.plan.nodes import (
    Access,
    Aggregate,
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
    MultiJoin,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SetOperation,
    Sort,
    Values,
    With,
)
from minidb.plan.predicates import split
from minidb.plan.traverse import walk_plan
from minidb.value.sql_types import Value

UNKNOWN_EQUALITY: Final = 0.005
UNKNOWN_RANGE: Final = 1 / 3
UNKNOWN_BETWEEN: Final = 0.1
UNKNOWN_MATCH: Final = 0.1
UNKNOWN_CONDITION: Final = 0.5
FUNCTION_ROWS: Final = 1000.0
RECURSION_ROWS: Final = 10.0  # for each that a recursion starts with
_RANGE_OPERATORS: Final = frozenset({"<", "<=", ">", ">="})


class Estimator:
    """Row counts and selectivities for one plan."""

    __slots__ = ("_origins", "_rows", "ctes")

    def __init__(self, plan: Plan) -> None:
        self._origins: dict[int, tuple[Table, int]] = {}
        self._rows: dict[int, tuple[Plan, float]] = {}  # by identity; the plan is kept so that it stays taken
        self.ctes: dict[int, Cte] = {}
        self.learn(plan)

    def learn(self, plan: Plan) -> None:
        """Note where the columns of the plan's scans come from, and what its CTEs are."""
        origins = self._origins
        for node in walk_plan(plan):
            if isinstance(node, Scan):
                table = node.table
                for column, slot in zip(node.columns, node.slots, strict=False):
                    origins[column.id] = (table, slot)
            elif isinstance(node, With):
                for cte in node.ctes:
                    self.ctes[cte.id] = cte

    # --- rows ---

    def rows(self, plan: Plan) -> float:
        """How many rows the plan is thought to yield, at least 1 but for what is certainly empty."""
        known = self._rows.get(id(plan))
        if known is not None:
            return known[1]
        rows = self._estimate(plan)
        self._rows[id(plan)] = (plan, rows)
        return rows

    def _estimate(self, plan: Plan) -> float:
        match plan:
            case Scan(table=table, access=access, where=where):
                found = statistics.row_count(table) * self.access_selectivity(table, access)
                return max(found * self.selectivity(split(where)), 1.0)
            case Filter(source, where):
                return max(self.rows(source) * self.selectivity(split(where)), 1.0)
            case Values(rows=rows):
                return float(len(rows))
            case Project() | Sort(limit=None) | Change():
                return self.rows(plan.source)
            case Sort(source, _, limit):
                return self._limited(source, limit)
            case Limit(source, count):
                return self._limited(source, count)
            case Aggregate(source, group, expressions):
                return self.groups(expressions, self.rows(source)) if group else 1.0
            case Distinct(source, on):
                return self.groups(on or source.columns, self.rows(source))
            case Join(kind, left, right, on) | NestedLoop(kind, left, right, on):
                return self.joined(kind, self.rows(left), self.rows(right), self.selectivity(split(on)))
            case HashJoin():
                return self._hash_joined(plan)
            case MultiJoin(relations, conjuncts, filters):
                product = self.selectivity(conjuncts)
                for relation in relations:
                    product *= self.rows(relation)
                for semi in filters:
                    product = self.joined(
                        semi.kind, product, self.rows(semi.right), self.selectivity(split(semi.on))
                    )
                return max(product, 1.0)
            case SetOperation(kind=kind, left=left, right=right):
                first, second = self.rows(left), self.rows(right)
                return first + second if kind == "union" else first
            case With(body=body):
                return self.rows(body)
            case CteScan(cte=cte):
                found_cte = self.ctes.get(cte)
                if found_cte is None:
                    return FUNCTION_ROWS
                return self.rows(found_cte.plan) * (1.0 if found_cte.step is None else RECURSION_ROWS)
            case FunctionScan(routine=0, arguments=arguments):
                return _series_rows(arguments)
            case _:
                return self.rows(plan.source) if hasattr(plan, "source") else FUNCTION_ROWS

    def _limited(self, source: Plan, limit: Expr | None) -> float:
        rows = self.rows(source)
        if isinstance(limit, Constant) and isinstance(limit.value, int):
            return max(min(rows, float(limit.value)), 0.0)
        return rows

    def joined(self, kind: str, left: float, right: float, selectivity: float) -> float:
        """Rows of a join of this kind."""
        matching = left * right * selectivity
        match kind:
            case "inner":
                rows = matching
            case "left":
                rows = max(matching, left)
            case "right":
                rows = max(matching, right)
            case "full":
                rows = max(matching, left, right)
            case "semi":
                rows = left * min(1.0, right * selectivity)
            case _:
                rows = left * max(0.1, 1.0 - right * selectivity)
        return max(rows, 1.0)

    def _hash_joined(self, plan: HashJoin) -> float:
        selectivity = self.selectivity(split(plan.residual))
        for left, right in zip(plan.left_keys, plan.right_keys, strict=True):
            selectivity *= self.equality(left, right)
        return self.joined(plan.kind, self.rows(plan.left), self.rows(plan.right), selectivity)

    def groups(self, expressions: Sequence[Expr], rows: float) -> float:
        """How many different values the expressions are thought to have together."""
        product = 1.0
        for expression in expressions:
            product *= self.distinct(expression) or max(rows * statistics.ASSUMED_DISTINCT_FRACTION, 1.0)
            if product >= rows:
                break
        return max(min(product, rows), 1.0)

    # --- selectivities ---

    def distinct(self, expression: Expr) -> float | None:
        """How many different values a stored column has; None for anything else."""
        if isinstance(expression, Relabel):
            expression = expression.operand
        if isinstance(expression, Column):
            origin = self._origins.get(expression.id)
            if origin is not None:
                return statistics.distinct_values(*origin)
        return 1.0 if isinstance(expression, Constant) else None

    def equality(self, left: Expr, right: Expr) -> float:
        """Of `left = right`."""
        first = None if isinstance(left, Constant) else self.distinct(left)
        second = None if isinstance(right, Constant) else self.distinct(right)
        if first is None and second is None:
            return UNKNOWN_EQUALITY
        return 1.0 / max(first or 1.0, second or 1.0)

    def selectivity(self, conjuncts: Sequence[Expr]) -> float:
        """The part of the rows for which all of these are true."""
        if not conjuncts:
            return 1.0
        product = 1.0
        ranged: set[int] = set()
        for conjunct in conjuncts:
            part = self._condition(conjunct)
            if isinstance(conjunct, Comparison) and conjunct.operator in _RANGE_OPERATORS:
                # The second bound of the same column: together they are narrower than apart.
                if isinstance(conjunct.left, Column):
                    if conjunct.left.id in ranged and part == UNKNOWN_RANGE:
                        part = UNKNOWN_BETWEEN / UNKNOWN_RANGE
                    ranged.add(conjunct.left.id)
            product *= part
        return product

    def _condition(self, condition: Expr) -> float:
        match condition:
            case Constant(value=value):
                return 1.0 if value is True else 0.0
            case Comparison(operator="="):
                return self.equality(condition.left, condition.right)
            case Comparison(operator="<>"):
                return 1.0 - self.equality(condition.left, condition.right)
            case Comparison(operator=operator, left=left, right=right):
                return self._inequality(operator, left, right)
            case InList(operand=operand, items=items):
                distinct = self.distinct(operand)
                each = UNKNOWN_EQUALITY if distinct is None else 1.0 / distinct
                return min(1.0, each * len(items))
            case And(operands=operands):
                return self.selectivity(operands)
            case Or(operands=operands):
                missed = 1.0
                for operand in operands:
                    missed *= 1.0 - self._condition(operand)
                return 1.0 - missed
            case Not(operand=operand):
                return 1.0 - self._condition(operand)
            case IsNull(operand=operand):
                return self._null_fraction(operand)
            case IsNotNull(operand=operand):
                return 1.0 - self._null_fraction(operand)
            case Call(name="~~" | "~~*" | "~"):
                return UNKNOWN_MATCH
            case _:
                return UNKNOWN_CONDITION

    def _null_fraction(self, operand: Expr) -> float:
        origin = self._origins.get(operand.id) if isinstance(operand, Column) else None
        if origin is None or origin[0].statistics is None:
            return UNKNOWN_EQUALITY
        return statistics.null_fraction(*origin)

    def _inequality(self, operator: str, left: Expr, right: Expr) -> float:
        if isinstance(right, Column) and isinstance(left, Constant):
            left, right = right, left
            operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[operator]
        origin = self._origins.get(left.id) if isinstance(left, Column) else None
        if origin is None or not isinstance(right, Constant):
            return UNKNOWN_RANGE
        below = part_below(origin[0], origin[1], right.value)
        if below is None:
            return UNKNOWN_RANGE
        return below if operator in ("<", "<=") else 1.0 - below

    # --- index access ---

    def access_selectivity(self, table: Table, access: Access) -> float:
        """The part of the table's rows that the access finds."""
        rows = max(statistics.row_count(table), 1.0)
        match access:
            case KeyLookup(keys=keys):
                return min(1.0, len(keys) / rows)
            case KeyRange(index=index, equal=equal):
                slots: tuple[int | None, ...]
                slots = table.primary_key if index is None else tuple([key.slot for key in index.keys])
                product = 1.0
                for slot in slots[: len(equal)]:
                    product *= (
                        UNKNOWN_EQUALITY if slot is None else 1.0 / statistics.distinct_values(table, slot)
                    )
                if access.low is not None or access.high is not None:
                    product *= _range_part(table, slots[len(equal)], access)
                return product
            case _:
                return 1.0


def _range_part(table: Table, slot: int | None, access: KeyRange) -> float:
    low = high = None
    if slot is not None and isinstance(access.low, Constant):
        low = part_below(table, slot, access.low.value)
    if slot is not None and isinstance(access.high, Constant):
        high = part_below(table, slot, access.high.value)
    if access.low is not None and access.high is not None:
        return UNKNOWN_BETWEEN if low is None or high is None else max(high - low, 0.0)
    if access.low is not None:
        return UNKNOWN_RANGE if low is None else 1.0 - low
    return UNKNOWN_RANGE if high is None else high


def part_below(table: Table, slot: int, value: Value) -> float | None:
    """The part of a column's values below `value`, if they are spread evenly; None if that is unknown."""
    found = statistics.bounds(table, slot)
    if found is None:
        return None
    least, greatest, here = _number(found[0]), _number(found[1]), _number(value)
    if least is None or greatest is None or here is None:
        return None
    if greatest <= least:
        return 0.0 if here <= least else 1.0
    return min(max((here - least) / (greatest - least), 0.0), 1.0)


def _number(value: Value) -> float | None:
    """A position on a line, for the types that have one."""
    number: float
    if isinstance(value, int | float | Decimal):
        number = float(value)
    elif isinstance(value, datetime.datetime):
        number = value.toordinal() + (value.hour * 3600 + value.minute * 60 + value.second) / 86400
    elif isinstance(value, datetime.date):
        number = float(value.toordinal())
    else:
        return None
    return number if abs(number) < 1e300 else None  # neither infinite nor NaN


def _series_rows(arguments: tuple[Expr, ...]) -> float:
    """Of generate_series(start, stop[, step])."""
    values = [argument.value for argument in arguments if isinstance(argument, Constant)]
    if len(values) != len(arguments) or not all(isinstance(value, int) for value in values):
        return FUNCTION_ROWS
    start, stop, *rest = values
    step = rest[0] if rest else 1
    return max(float((stop - start) // step + 1), 0.0) if step else FUNCTION_ROWS
