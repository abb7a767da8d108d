"""The shortest path for the simplest queries: one closure from parameters to rows, without operators.

    SELECT columns FROM table WHERE primary key = ?             key -> get -> decode -> pick
    ... WHERE unique key = ?                                    entry -> get -> the same
    ... WHERE a prefix of a key = ? [AND next part range]       scan -> decode -> pick, if the result is short
    ... AND condition, computed columns, LIMIT n                on top of any of them

`compile_query` looks at a resolved plan once and returns a function (reader, parameters) -> rows, or None if
the plan has another shape. The function returns NotImplemented for whatever it is not made for (a parameter
of another Python type, an integer out of range, NULL, a long key, a long result): the operators then run
the same plan, and report what is to be reported. `reader` is a snapshot or a transaction.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from minidb.exec.fast_access import FastQuery, Operand, compile_lookup, compile_range, operand_for
from minidb.exec.fast_conditions import is_immutable, parameter_context
from minidb.exec.fast_fields import parameter_count
from minidb.exec.pipeline import row_maker
from minidb.expr.node import Constant, Expr, Parameter, walk
from minidb.plan.nodes import KeyLookup, KeyRange, Limit, Plan, Project, Scan


def compile_query(plan: Plan, known: int | None = None) -> FastQuery | None:
    """The closure for a resolved plan, or None. `known`: how many parameters the statement has."""
    shape = _shape(plan)
    if shape is None:
        return None
    limit, computed, scan = shape
    access = scan.access
    if isinstance(access, KeyLookup):
        found = [part for key in access.keys for part in key]
    elif isinstance(access, KeyRange):
        found = [*access.equal, *[bound for bound in (access.low, access.high) if bound is not None]]
    else:
        return None
    others = [*computed, *([] if scan.where is None else [scan.where])]
    count = parameter_count([*found, *others], known)
    run: FastQuery | None
    if isinstance(access, KeyLookup):
        if limit is not None and len(access.keys) > 1:
            return None
        run = compile_lookup(scan, access, count)
    else:
        assert isinstance(access, KeyRange)
        if limit is not None and scan.where is not None:
            return None  # it might read far to find the first few
        run = compile_range(scan, access, limit, count)
    return _with_expressions(run, scan.where, computed, others) if run is not None and others else run


def _shape(plan: Plan) -> tuple[int | None, tuple[Expr, ...], Scan] | None:
    """(limit, expressions to compute or none, scan) if the plan is a chain of these."""
    limit: int | None = None
    if isinstance(plan, Limit):
        count = plan.count
        if plan.offset is not None or plan.ties or not isinstance(count, Constant) or count.value is None:
            return None
        limit = int(count.value)
        if limit < 1:
            return None
        plan = plan.source
    computed: tuple[Expr, ...] = ()
    if isinstance(plan, Project):
        computed = plan.expressions
        plan = plan.source
    if not isinstance(plan, Scan) or plan.key is not None or not plan.slots:
        return None
    return limit, computed, plan


def _with_expressions(
    run: FastQuery, where: Expr | None, computed: tuple[Expr, ...], expressions: list[Expr]
) -> FastQuery | None:
    """`run`, then the scan's condition and the projection, if they need nothing but rows and parameters."""
    if not all(is_immutable(expression, parameters=True) for expression in expressions):
        return None
    operands: list[Operand] = []
    parameters = [node for each in expressions for node in walk(each) if isinstance(node, Parameter)]
    for parameter in parameters:
        operand = operand_for(parameter, parameter.type)
        if operand is None or operand.python_type is Decimal:  # what it is computed into may show its scale
            return None
        operands.append(operand)
    keep = None if where is None else where.filter_batch
    make = row_maker(computed) if computed else None
    evaluates = [expression.evaluate for expression in computed]

    def run_all(reader: Any, parameters: Any) -> Any:
        rows = run(reader, parameters)
        if rows is NotImplemented or not rows:
            return rows
        for operand in operands:
            if operand.of(parameters) is NotImplemented:
                return NotImplemented
        context = parameter_context(parameters)
        if keep is not None:
            rows = keep(rows, context)
        if make is None or not rows:
            return rows
        if len(rows) == 1:
            row = rows[0]
            return [tuple([evaluate(row, context) for evaluate in evaluates])]
        return make(rows, context)

    return run_all
