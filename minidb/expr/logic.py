"""AND, OR, NOT and the IS tests, in three-valued logic; None is unknown.

AND and OR take any number of operands, flattened, and stop at the first that decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minidb.errors import ProgrammingError
from minidb.expr.cast import cast
from minidb.expr.node import Constant, EvaluationContext, Expr
from minidb.value.sql_types import BOOLEAN, Kind, Row, SqlType, Value


@dataclass(frozen=True)
class And(Expr):
    """False if any operand is false, else unknown if any is unknown, else true."""

    operands: tuple[Expr, ...]
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        result: bool | None = True
        for operand in self.operands:
            value = operand.evaluate(row, context)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        """Later operands see only the rows that earlier ones did not make false."""
        results: list[Value] = self.operands[0].evaluate_batch(rows, context)
        for operand in self.operands[1:]:
            open_rows = [row for row, result in zip(rows, results, strict=True) if result is not False]
            if not open_rows:
                return results
            values = iter(operand.evaluate_batch(open_rows, context))
            merged: list[Value] = []
            for result in results:
                if result is not False:
                    value = next(values)
                    # None and True is None; anything and False is False.
                    merged.append(value if result is True or value is False else None)
                else:
                    merged.append(False)
            results = merged
        return results

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        for operand in self.operands:
            if not rows:
                return rows
            rows = operand.filter_batch(rows, context)
        return rows

    def children(self) -> tuple[Expr, ...]:
        return self.operands

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return And(children)


@dataclass(frozen=True)
class Or(Expr):
    """True if any operand is true, else unknown if any is unknown, else false."""

    operands: tuple[Expr, ...]
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        result: bool | None = False
        for operand in self.operands:
            value = operand.evaluate(row, context)
            if value is True:
                return True
            if value is None:
                result = None
        return result

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        """Later operands see only the rows that earlier ones did not make true."""
        results: list[Value] = self.operands[0].evaluate_batch(rows, context)
        for operand in self.operands[1:]:
            open_rows = [row for row, result in zip(rows, results, strict=True) if result is not True]
            if not open_rows:
                return results
            values = iter(operand.evaluate_batch(open_rows, context))
            merged: list[Value] = []
            for result in results:
                if result is not True:
                    value = next(values)
                    # None or False is None; anything or True is True.
                    merged.append(value if result is False or value is True else None)
                else:
                    merged.append(True)
            results = merged
        return results

    def children(self) -> tuple[Expr, ...]:
        return self.operands

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Or(children)


@dataclass(frozen=True)
class Not(Expr):
    """The opposite; unknown stays unknown."""

    operand: Expr
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = self.operand.evaluate(row, context)
        return None if value is None else not value

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return [None if value is None else not value for value in self.operand.evaluate_batch(rows, context)]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return Not(children[0])


@dataclass(frozen=True)
class IsNull(Expr):
    """IS NULL."""

    operand: Expr
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.operand.evaluate(row, context) is None

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return [value is None for value in self.operand.evaluate_batch(rows, context)]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return IsNull(children[0])


@dataclass(frozen=True)
class IsNotNull(Expr):
    """IS NOT NULL."""

    operand: Expr
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.operand.evaluate(row, context) is not None

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return [value is not None for value in self.operand.evaluate_batch(rows, context)]

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return IsNotNull(children[0])


@dataclass(frozen=True)
class IsTruth(Expr):
    """IS [NOT] TRUE / FALSE / UNKNOWN: never unknown itself."""

    operand: Expr
    truth: bool | None
    negated: bool = False
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return (self.operand.evaluate(row, context) is self.truth) is not self.negated

    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return IsTruth(children[0], self.truth, self.negated)


def require_boolean(expression: Expr, construct: str) -> Expr:
    """The condition of WHERE, JOIN/ON, HAVING, AND, NOT, CASE/WHEN or FILTER; 42804 if it is no boolean."""
    kind = expression.type.kind
    if kind is Kind.BOOLEAN:
        return expression
    if kind is Kind.UNKNOWN:
        return cast(expression, BOOLEAN, "implicit")
    raise ProgrammingError(
        f"argument of {construct} must be type boolean, not type {kind.value}", sqlstate="42804"
    )


def conjunction(operands: Sequence[Expr]) -> Expr:
    """All of them; nested ANDs are flattened; of no operands, true."""
    flat: list[Expr] = []
    for operand in operands:
        checked = require_boolean(operand, "AND")
        if isinstance(checked, And):
            flat.extend(checked.operands)
        else:
            flat.append(checked)
    if not flat:
        return Constant(True, BOOLEAN)
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(operands: Sequence[Expr]) -> Expr:
    """Any of them; nested ORs are flattened; of no operands, false."""
    flat: list[Expr] = []
    for operand in operands:
        checked = require_boolean(operand, "OR")
        if isinstance(checked, Or):
            flat.extend(checked.operands)
        else:
            flat.append(checked)
    if not flat:
        return Constant(False, BOOLEAN)
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def conjuncts(expression: Expr | None) -> tuple[Expr, ...]:
    """The operands of an AND; an expression that is none is its own only conjunct."""
    if expression is None:
        return ()
    return expression.operands if isinstance(expression, And) else (expression,)


def negation(operand: Expr) -> Expr:
    """NOT operand."""
    checked = require_boolean(operand, "NOT")
    if isinstance(checked, IsNull):
        return IsNotNull(checked.operand)
    if isinstance(checked, IsNotNull):
        return IsNull(checked.operand)
    return Not(checked)


def is_null(operand: Expr, negated: bool = False) -> Expr:
    """operand IS [NOT] NULL."""
    return IsNotNull(operand) if negated else IsNull(operand)


def is_truth(operand: Expr, truth: bool | None, negated: bool = False) -> Expr:
    """operand IS [NOT] TRUE (True), FALSE (False) or UNKNOWN (None)."""
    word = "UNKNOWN" if truth is None else "TRUE" if truth else "FALSE"
    construct = f"IS NOT {word}" if negated else f"IS {word}"
    return IsTruth(require_boolean(operand, construct), truth, negated)


def row_is_null(operands: Sequence[Expr], negated: bool = False) -> Expr:
    """ROW(...) IS [NOT] NULL: whether all fields are (not) null."""
    return conjunction([is_null(operand, negated) for operand in operands])
