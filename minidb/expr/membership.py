"""IN lists, BETWEEN, and comparisons of rows such as `(a, b) < (1, 2)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from minidb.errors import ProgrammingError
from minidb.expr.cast import cast, common_type
from minidb.expr.compare import Comparison, KeyedComparison, with_operator
from minidb.expr.logic import conjunction, disjunction, negation
from minidb.expr.node import SAME_FOR_ALL_ROWS, Constant, EvaluationContext, Expr, Slot
from minidb.expr.operator_table import compare
from minidb.value.sql_types import BOOLEAN, Row, SqlType, Value


@dataclass(frozen=True)
class InList(Expr):
    """`operand` equals one of `items`; unknown rather than false if a NULL is involved.

    `equal` is the comparison of operand and item that says what equal means here.
    """

    operand: Expr
    items: tuple[Expr, ...]
    equal: Comparison
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = self.operand.evaluate(row, context)
        if value is None:
            return None
        holds = self.equal.holds
        result: bool | None = False
        for item in self.items:
            candidate = item.evaluate(row, context)
            if candidate is None:
                result = None
            elif holds(value, candidate):
                return True
        return result

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        items = self.items
        if not all(isinstance(item, SAME_FOR_ALL_ROWS) for item in items):
            evaluate = self.evaluate
            return [evaluate(row, context) for row in rows]
        candidates = [item.evaluate((), context) for item in items]
        values = self.operand.evaluate_batch(rows, context)
        missing = None if None in candidates else False
        equal = self.equal
        if isinstance(equal, KeyedComparison):
            key = equal.key
            known = {key(candidate) for candidate in candidates if candidate is not None}
            return [None if value is None else True if key(value) in known else missing for value in values]
        if any(candidate != candidate for candidate in candidates):  # NaN
            evaluate = self.evaluate
            return [evaluate(row, context) for row in rows]
        known = {candidate for candidate in candidates if candidate is not None}
        return [None if value is None else True if value in known else missing for value in values]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand, *self.items)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return InList(children[0], children[1:], self.equal)


@dataclass(frozen=True)
class InSet(InList):
    """IN of constants, none of them NULL unless `has_null`: one look into a set."""

    values: frozenset[Value] = field(default=frozenset(), compare=False, repr=False)
    has_null: bool = False

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = self.operand.evaluate(row, context)
        if value is None:
            return None
        if value in self.values:
            return True
        return None if self.has_null else False

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        values = self.values
        missing = None if self.has_null else False
        return [
            None if value is None else True if value in values else missing
            for value in self.operand.evaluate_batch(rows, context)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        values = self.values  # never holds None, so a NULL operand is not found
        operand = self.operand
        if isinstance(operand, Slot):
            index = operand.index
            return [row for row in rows if row[index] in values]
        found = operand.evaluate_batch(rows, context)
        return [row for row, value in zip(rows, found, strict=True) if value in values]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return InSet(children[0], self.items, self.equal, BOOLEAN, self.values, self.has_null)


@dataclass(frozen=True)
class RowOrder(Expr):
    """`(a, b) < (c, d)`: decided by the first pair that is not equal, unknown if that pair has a NULL.

    `equals` and `orders` compare the pairs by `=` and by `<` or `>`; `or_equal` is the result for equal rows.
    """

    equals: tuple[Comparison, ...]
    orders: tuple[Comparison, ...]
    or_equal: bool
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        for equal, order in zip(self.equals, self.orders, strict=True):
            left = equal.left.evaluate(row, context)
            if left is None:
                return None
            right = equal.right.evaluate(row, context)
            if right is None:
                return None
            if not equal.holds(left, right):
                return order.holds(left, right)
        return self.or_equal

    def children(self) -> tuple[Expr, ...]:
        return tuple([operand for equal in self.equals for operand in equal.children()])

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        equals: list[Comparison] = []
        orders: list[Comparison] = []
        for index, order in enumerate(self.orders):
            rebuilt = order.with_children(children[2 * index : 2 * index + 2])
            assert isinstance(rebuilt, Comparison)
            orders.append(rebuilt)
            equals.append(with_operator(rebuilt, "="))
        return RowOrder(tuple(equals), tuple(orders), self.or_equal)


def between(operand: Expr, low: Expr, high: Expr, *, negated: bool = False, symmetric: bool = False) -> Expr:
    """operand [NOT] BETWEEN [SYMMETRIC] low AND high, spelled out as comparisons."""

    def inside(first: Expr, last: Expr) -> Expr:
        if negated:
            return disjunction([compare("<", operand, first), compare(">", operand, last)])
        return conjunction([compare(">=", operand, first), compare("<=", operand, last)])

    if not symmetric:
        return inside(low, high)
    both = [inside(low, high), inside(high, low)]
    return conjunction(both) if negated else disjunction(both)


def in_list(operand: Expr, items: Sequence[Expr], negated: bool = False) -> Expr:
    """operand [NOT] IN (items)."""
    if not items:
        raise ProgrammingError('syntax error at or near ")"', sqlstate="42601")
    found = _in_list(operand, items)
    return negation(found) if negated else found


def _in_list(operand: Expr, items: Sequence[Expr]) -> Expr:
    if len(items) == 1:
        return compare("=", operand, items[0])
    try:
        shared = common_type([operand, *items], "IN")
    except ProgrammingError:
        return disjunction([compare("=", operand, item) for item in items])
    typed = [cast(item, SqlType(shared.kind), "implicit") for item in items]
    comparisons = [compare("=", operand, item) for item in typed]
    first = comparisons[0]
    operand = first.left
    if any(comparison.left != operand for comparison in comparisons):
        return disjunction(comparisons)
    rights = tuple([comparison.right for comparison in comparisons])
    hashable = not isinstance(first, KeyedComparison)
    if hashable and all(isinstance(right, Constant) and right.value == right.value for right in rights):
        values = [right.value for right in rights if isinstance(right, Constant)]
        known = frozenset([value for value in values if value is not None])
        return InSet(operand, rights, first, BOOLEAN, known, None in values)
    return InList(operand, rights, first)


def compare_rows(operator: str, lefts: Sequence[Expr], rights: Sequence[Expr]) -> Expr:
    """(lefts) operator (rights)."""
    if len(lefts) != len(rights):
        raise ProgrammingError("unequal number of entries in row expressions", sqlstate="42601")
    if not lefts:
        raise ProgrammingError("cannot compare rows of zero length", sqlstate="0A000")
    pairs = list(zip(lefts, rights, strict=True))
    if operator == "=":
        return conjunction([compare("=", left, right) for left, right in pairs])
    if operator == "<>":
        return disjunction([compare("<>", left, right) for left, right in pairs])
    if operator not in ("<", "<=", ">", ">="):
        raise ProgrammingError(f"could not determine interpretation of row comparison operator {operator}",
                               sqlstate="0A000")  # fmt: skip
    if len(pairs) == 1:
        return compare(operator, lefts[0], rights[0])
    equals = tuple([compare("=", left, right) for left, right in pairs])
    orders = tuple([with_operator(equal, operator[0]) for equal in equals])
    return RowOrder(equals, orders, operator in ("<=", ">="))


def rows_in(lefts: Sequence[Expr], rows: Sequence[Sequence[Expr]], negated: bool = False) -> Expr:
    """(lefts) [NOT] IN ((...), (...))."""
    found = disjunction([compare_rows("=", lefts, row) for row in rows])
    return negation(found) if negated else found
