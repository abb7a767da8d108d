"""generate_series in a select list: each row is repeated for every element.

    SELECT a, generate_series(1, n) FROM t      ->      NestedLoop(t, FunctionScan), and the list over it

The call is taken out of the item and replaced by the column of a function scan that the rows of FROM and
WHERE are joined with. PostgreSQL does the same after grouping; with several calls it runs them side by side:
both are refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from minidb.expr.node import Column, walk
from minidb.plan.nodes import FunctionScan, NestedLoop, Plan
from minidb.sql.bind_expression import bind_expression
from minidb.sql.bind_function import function_name
from minidb.sql.bind_table import series
from minidb.sql.binder import Binder
from minidb.sql.names import refuse
from minidb.sql.scope import Relation, Scope

_NAME = "generate_series"


def lift_series(binder: Binder, tree: exp.Expression, scope: Scope) -> exp.Expression:
    """The item of a select list without its call, which is noted down in `scope.level.series`."""
    calls = list(_calls(tree))
    if not calls:
        return tree
    if len(calls) + len(scope.level.series) > 1:
        raise refuse("more than one set-returning function in a select list is", calls[-1])
    call = calls[0]
    arguments, type_ = series([bind_expression(binder, each, scope) for each in call.expressions], call)
    column = binder.new_column(_NAME, type_, _NAME)
    scope.level.series.append(FunctionScan(_NAME, tuple(arguments), (column,)))
    hidden = f"{_NAME} {column.id}"
    scope.add(Relation(hidden, (_NAME,), (column,)), visible=False)
    scope.level.owned.add(column.id)
    found = exp.Column(
        this=exp.to_identifier(_NAME, quoted=True), table=exp.to_identifier(hidden, quoted=True)
    )
    # A copy: the tree may be bound again.
    return tree.copy().transform(lambda node: found if node == call else node)


def _calls(tree: exp.Expression) -> Iterator[exp.Expression]:
    pending = [(tree, False)]  # a stack of its own: chains of operators can be long
    while pending:
        node, conditional = pending.pop()
        if isinstance(node, exp.Anonymous) and function_name(node) == _NAME:
            if conditional:
                raise refuse("a set-returning function in CASE is", node)
            yield node
        if not isinstance(node, exp.Query):
            inside = conditional or isinstance(node, exp.Case)
            pending.extend([(child, inside) for child in node.iter_expressions()])


def with_series(plan: Plan, found: list[FunctionScan]) -> Plan:
    """The rows of `plan`, each for every element of the series."""
    for scan in found:
        there = {column.id: column for column in plan.columns}
        used = {part.id for each in scan.arguments for part in walk(each) if isinstance(part, Column)}
        bindings = tuple([column for id_, column in there.items() if id_ in used])
        plan = NestedLoop("inner", plan, scan, None, bindings)
    return plan
