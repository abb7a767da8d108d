"""Expressions give what PostgreSQL 15 gave for them: `postgresql.txt` is its output, not ours."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from minidb.catalog.catalog import Catalog
from minidb.errors import Error
from minidb.expr.node import EvaluationContext, Expr, Slot
from minidb.expr.render import render
from minidb.expr.specialise import specialise
from minidb.plan.nodes import Project
from minidb.sql.bind import bind
from minidb.sql.parse import parse
from minidb.value.text import to_text

CASES = Path(__file__).with_name("postgresql.txt")
SETTINGS = {"timezone": "UTC"}


def read_cases() -> list[tuple[str, str]]:
    """(select list, expected line) pairs."""
    lines = CASES.read_text().split("\n")
    return [
        (line[2:], lines[number + 1].rstrip(" "))
        for number, line in enumerate(lines)
        if line.startswith("> ")
    ]


def bound(text: str) -> tuple[Expr, ...]:
    """The expressions of `SELECT text`."""
    plan = bind(parse("SELECT " + text)[0], Catalog([], 1), [], SETTINGS).plan
    assert isinstance(plan, Project)
    return plan.expressions


def shown(text: str) -> str:
    """What the file shows for it."""
    context = EvaluationContext([], dict(SETTINGS), datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC))
    try:
        return " | ".join([one_shown(expression, context) for expression in bound(text)])
    except Error as error:
        return f"!{error.sqlstate} {error.message}"


def one_shown(expression: Expr, context: EvaluationContext) -> str:
    """The value as text; evaluating a row or a batch makes no difference."""
    values = [expression.evaluate((), context), *expression.evaluate_batch([(), ()], context)]
    texts = {"NULL" if value is None else to_text(value, expression.type) for value in values}
    assert len(texts) == 1
    return texts.pop()


def test_as_postgresql() -> None:
    cases = read_cases()
    assert len(cases) > 600
    different = [
        (text, expected, got) for text, expected in cases if (got := shown(text).rstrip(" ")) != expected
    ]
    assert different == []


@pytest.mark.parametrize("text", ["1 + 2", "upper('a') || 'b'", "CASE WHEN true THEN 1 END", "1 IN (2, 3)"])
def test_constants_are_not_specialised(text: str) -> None:
    (expression,) = bound(text)
    assert specialise(expression) is expression
    assert not any(isinstance(child, Slot) for child in expression.children())


def test_every_expression_renders() -> None:
    for text, expected in read_cases():
        if not expected.startswith("!"):
            assert all(render(expression) for expression in bound(text))
