"""CASE, COALESCE, NULLIF, GREATEST, LEAST: what is evaluated depends on what came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minidb.expr.cast import cast, common_type
from minidb.expr.compare import Comparison
from minidb.expr.logic import require_boolean
from minidb.expr.node import Constant, EvaluationContext, Expr
from minidb.expr.operator_table import compare, resolved
from minidb.value.sql_types import UNKNOWN, Kind, Row, SqlType, Value


@dataclass(frozen=True)
class Case(Expr):
    """CASE WHEN: the result of the first condition that is true, else `otherwise`.

    CASE operand WHEN value ... has `operand = value` as conditions.
    """

    conditions: tuple[Expr, ...]
    results: tuple[Expr, ...]
    otherwise: Expr
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        for index, condition in enumerate(self.conditions):
            if condition.evaluate(row, context):
                return self.results[index].evaluate(row, context)
        return self.otherwise.evaluate(row, context)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        values: list[Value] = [None] * len(rows)
        still_open = list(range(len(rows)))  # positions of the rows that no condition has taken yet
        for condition, result in zip(self.conditions, self.results, strict=True):
            if not still_open:
                return values
            taken: list[int] = []
            left: list[int] = []
            outcomes = condition.evaluate_batch([rows[position] for position in still_open], context)
            for position, outcome in zip(still_open, outcomes, strict=True):
                (taken if outcome else left).append(position)
            still_open = left
            _fill(values, taken, result, rows, context)
        _fill(values, still_open, self.otherwise, rows, context)
        return values

    def children(self) -> tuple[Expr, ...]:
        return self.conditions + self.results + (self.otherwise,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        count = len(self.conditions)
        return Case(children[:count], children[count:-1], children[-1], self.type)


def _fill(
    values: list[Value], positions: list[int], result: Expr, rows: list[Row], context: EvaluationContext
) -> None:
    """Put the result of the rows at `positions` into `values`."""
    if positions:
        computed = result.evaluate_batch([rows[position] for position in positions], context)
        for position, value in zip(positions, computed, strict=True):
            values[position] = value


@dataclass(frozen=True)
class Coalesce(Expr):
    """The first argument that is not NULL; later ones are not evaluated."""

    arguments: tuple[Expr, ...]
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        for argument in self.arguments:
            value = argument.evaluate(row, context)
            if value is not None:
                return value
        return None

    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Coalesce(children, self.type)


@dataclass(frozen=True)
class NullIf(Expr):
    """NULL if `operand` equals `other`, else `operand`; `equal` compares the two, perhaps converted."""

    operand: Expr
    equal: Comparison
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        if self.equal.evaluate(row, context):
            return None
        return self.operand.evaluate(row, context)

    def children(self) -> tuple[Expr, ...]:
        return (self.operand, *self.equal.children())

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        equal = self.equal.with_children(children[1:])
        assert isinstance(equal, Comparison)
        return NullIf(children[0], equal, self.type)


@dataclass(frozen=True)
class Extremum(Expr):
    """GREATEST or LEAST: NULLs are left out; `better` compares two arguments by `>` or `<`."""

    name: str
    arguments: tuple[Expr, ...]
    better: Comparison
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        best: Value = None
        holds = self.better.holds
        for argument in self.arguments:
            value = argument.evaluate(row, context)
            if value is not None and (best is None or holds(value, best)):
                best = value
        return best

    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Extremum(self.name, children, self.better, self.type)


def unified(expressions: Sequence[Expr], construct: str) -> tuple[list[Expr], SqlType]:
    """All converted to their common type; 42804 `CASE types integer and text cannot be matched` if none."""
    found = common_type(expressions, construct)
    return [cast(expression, found, "implicit") for expression in expressions], found


def case(branches: Sequence[tuple[Expr, Expr]], otherwise: Expr | None = None) -> Expr:
    """CASE WHEN condition THEN result ... [ELSE otherwise] END, of (condition, result) pairs."""
    conditions = [require_boolean(condition, "CASE/WHEN") for condition, _ in branches]
    last = otherwise if otherwise is not None else Constant(None, UNKNOWN)
    # PostgreSQL looks at ELSE first, so an error names its type first.
    (last, *results), type_ = unified([last, *[result for _, result in branches]], "CASE")
    return Case(tuple(conditions), tuple(results), last, type_)


def coalesce(arguments: Sequence[Expr]) -> Expr:
    """COALESCE(arguments)."""
    typed, type_ = unified(arguments, "COALESCE")
    return typed[0] if len(typed) == 1 else Coalesce(tuple(typed), type_)


def nullif(left: Expr, right: Expr) -> Expr:
    """NULLIF(left, right): `left` in the type in which the two are compared."""
    equal = compare("=", left, right)
    declared = resolved("=", (left, right)).kinds[0]
    kind = left.type.kind
    keeps = kind is declared or (kind is Kind.VARCHAR and declared is Kind.TEXT)
    operand = left if keeps else cast(left, SqlType(declared), "implicit")
    return NullIf(operand, equal, operand.type)


def greatest(arguments: Sequence[Expr]) -> Expr:
    """GREATEST(arguments)."""
    return _extremum("GREATEST", ">", arguments)


def least(arguments: Sequence[Expr]) -> Expr:
    """LEAST(arguments)."""
    return _extremum("LEAST", "<", arguments)


def _extremum(name: str, operator: str, arguments: Sequence[Expr]) -> Expr:
    typed, type_ = unified(arguments, name)
    return Extremum(name, tuple(typed), compare(operator, typed[0], typed[0]), type_)
