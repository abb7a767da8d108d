"""A plan as an indented tree, in PostgreSQL's words: what EXPLAIN prints and golden plans hold.

    Limit  (rows=10)
      ->  Nested Loop  (rows=40)
            ->  Seq Scan on orders  (rows=40)
                  Filter: (orders.total > 100)
            ->  Index Scan using customers_pkey on customers  (rows=1)
                  Index Cond: (customers.id = orders.customer_id)

It works on plans by id as well as on resolved ones. `rows` is the estimate. Projections are left out unless
`verbose`, as PostgreSQL has none. A sub-plan inside an expression is printed below the node that evaluates it
and named there by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minidb.catalog.schema import IndexSchema, Table
from minidb.expr.node import Expr, transform
from minidb.expr.render import render
from minidb.plan.changes import Change, Insert
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import (
    Aggregate,
    Cte,
    CteScan,
    Distinct,
    Filter,
    FunctionScan,
    HashJoin,
    Join,
    JoinKind,
    KeyLookup,
    KeyRange,
    Limit,
    Lock,
    MultiJoin,
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
from minidb.plan.predicates import join as conjunction
from minidb.plan.subqueries import Exists, QuantifiedComparison, Subquery
from minidb.plan.traverse import children, contains_subquery, expressions, map_expressions, subqueries

_MOST_VALUES = 8  # rows of VALUES that are printed

_JOINS: dict[JoinKind, str] = {
    "inner": "", "left": " Left", "right": " Right", "full": " Full", "semi": " Semi", "anti": " Anti",
}  # fmt: skip


def explain(plan: Plan, *, costs: bool = True, verbose: bool = False) -> str:
    """The tree as text, a line per node and property; `costs`: with estimated rows."""
    printer = Printer(plan, costs, verbose)
    printer.node(plan, 0)
    return "\n".join(printer.lines)


def scan_conditions(scan: Scan, value_of: Callable[[Expr], Expr]) -> str | None:
    """What a scan asks of its rows, key and all, with `value_of` applied to each node; None: nothing."""
    given = map_expressions(scan, lambda expression: transform(expression, value_of))
    assert isinstance(given, Scan)
    texts = [text for _, text in Printer(given, False, False).scan_properties(given)]
    return " AND ".join(texts) if texts else None


class Printer:
    """Collects the lines; numbers sub-plans in the order of their appearance."""

    __slots__ = ("costs", "estimator", "lines", "numbers", "pending", "verbose")

    def __init__(self, plan: Plan, costs: bool, verbose: bool) -> None:
        self.costs = costs
        self.verbose = verbose
        self.estimator = Estimator(plan)
        self.lines: list[str] = []
        self.numbers: dict[int, int] = {}  # by identity of the sub-plan
        self.pending: list[Subquery] = []

    def node(self, plan: Plan, depth: int) -> None:
        """A node, its properties, its sub-plans and inputs. `depth` counts the inputs above it."""
        while isinstance(plan, Project) and not self.verbose and not _runs_subplans(plan):
            plan = plan.source
        arrow = "" if depth == 0 else " " * (6 * depth - 4) + "->  "
        rows = f"  (rows={round(self.estimator.rows(plan))})" if self.costs else ""
        body = plan.body if isinstance(plan, With) else plan
        self.lines.append(f"{arrow}{_title(body)}{rows}")
        indent = " " * (6 * depth + 2)
        outside = self.pending
        self.pending = []
        for name, value in self.properties(body):
            self.lines.append(f"{indent}{name}: {value}")
        for expression in expressions(body):
            for subquery in subqueries(expression):
                self.number(subquery)
        inner, self.pending = self.pending, outside
        if isinstance(plan, With):
            for cte in plan.ctes:
                self.cte(cte, depth, indent)
        for subquery in inner:
            self.estimator.learn(subquery.plan)
            self.lines.append(f"{indent}SubPlan {self.numbers[id(subquery)]}")
            self.below(subquery.plan, depth)
        for child in children(body):
            self.node(child, depth + 1)

    def below(self, plan: Plan, depth: int) -> None:
        """A plan under a heading, two columns further in than an input would be."""
        start = len(self.lines)
        self.node(plan, depth + 1)
        self.lines[start:] = ["  " + line for line in self.lines[start:]]

    def cte(self, cte: Cte, depth: int, indent: str) -> None:
        """A WITH item."""
        self.lines.append(f"{indent}CTE {cte.name}")
        if cte.step is None:
            self.below(cte.plan, depth)
            return
        start = len(self.lines)
        arrow = " " * (6 * depth + 2) + "->  "
        self.lines.append(f"{arrow}Recursive Union")
        self.node(cte.plan, depth + 2)
        self.node(cte.step, depth + 2)
        self.lines[start:] = ["  " + line for line in self.lines[start:]]

    def number(self, subquery: Subquery) -> int:
        """The sub-plan's number; one not seen yet is printed with the present node."""
        found = self.numbers.get(id(subquery))
        if found is None:
            found = self.numbers[id(subquery)] = len(self.numbers) + 1
            self.pending.append(subquery)
        return found

    # --- properties ---

    def text(self, expression: Expr) -> str:
        """An expression as SQL."""
        return render(expression, self.subplan)

    def subplan(self, expression: Expr) -> str:
        """A node of expressions that only the planner knows."""
        if not isinstance(expression, Subquery):
            return type(expression).__name__
        number = self.number(expression)
        if isinstance(expression, Exists):
            return f"EXISTS(SubPlan {number})"
        if isinstance(expression, QuantifiedComparison) and expression.test is not None:
            word = "ALL" if expression.every else "ANY"
            return f"({word} {self.text(expression.test)} in SubPlan {number})"
        return f"(SubPlan {number})"

    def listed(self, values: Sequence[Expr]) -> str:
        """Several expressions."""
        return ", ".join([self.text(value) for value in values])

    def sort_key(self, key: SortKey) -> str:
        """One ORDER BY term."""
        text = self.text(key.expression)
        if key.descending:
            return text + (" DESC" if key.nulls_first else " DESC NULLS LAST")
        return text + (" NULLS FIRST" if key.nulls_first else "")

    def properties(self, plan: Plan) -> list[tuple[str, str]]:
        """What is printed below a node's title."""
        match plan:
            case Scan():
                return self.scan_properties(plan)
            case Filter(where=where):
                return [("Filter", self.text(where))]
            case Sort(keys=keys, limit=limit):
                found = [("Sort Key", ", ".join([self.sort_key(key) for key in keys]))]
                return found if limit is None else [*found, ("Top", self.text(limit))]
            case Limit(count=count, offset=offset, ties=ties):
                found = [("Rows", self.text(count))] if count is not None else []
                if offset is not None:
                    found.append(("Offset", self.text(offset)))
                if ties:
                    found.append(("With Ties", ", ".join([self.sort_key(key) for key in ties])))
                return found
            case Aggregate(group=group, group_expressions=values):
                return [("Group Key", self.listed(values))] if group else []
            case Distinct(on=on):
                return [("On", self.listed(on))] if on else []
            case Join(on=on) | NestedLoop(on=on):
                return [] if on is None else [("Join Filter", self.text(on))]
            case MultiJoin(conjuncts=conjuncts):
                on = conjunction(conjuncts)
                found = [] if on is None else [("Join Filter", self.text(on))]
                for semi in plan.filters:
                    condition = "true" if semi.on is None else self.text(semi.on)
                    found.append((f"{semi.kind.capitalize()} Join Filter", condition))
                return found
            case HashJoin():
                pairs = [
                    f"({self.text(left)} = {self.text(right)})"
                    for left, right in zip(plan.left_keys, plan.right_keys, strict=True)
                ]
                condition = pairs[0] if len(pairs) == 1 else f"({' AND '.join(pairs)})"
                found = [("Hash Cond", condition)]
                if plan.residual is not None:
                    found.append(("Join Filter", self.text(plan.residual)))
                return found
            case Project(expressions=values):
                return [("Output", self.listed(values))]
            case Values(rows=rows) if 0 < len(rows) <= _MOST_VALUES and rows != ((),):
                return [("Values", ", ".join([f"({self.listed(row)})" for row in rows]))]
            case FunctionScan(function=function, arguments=arguments):
                return [("Function Call", f"{function}({self.listed(arguments)})")]
            case Insert(on_conflict=conflict) if conflict is not None:
                resolution = "NOTHING" if conflict.assignments is None else "UPDATE"
                return [("Conflict Resolution", resolution)]
            case _:
                return []

    def scan_properties(self, scan: Scan) -> list[tuple[str, str]]:
        """The conditions on the key, and those on the rows."""
        found: list[tuple[str, str]] = []
        if self.verbose:
            found.append(("Output", self.listed(scan.columns)))
        access = scan.access
        if isinstance(access, KeyLookup):
            parts = _key_names(scan.table, scan.alias, access.index)
            if len(access.keys) == 1:
                found.append(("Index Cond", self.equal(parts, access.keys[0])))
            else:
                names = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
                keys = [self.listed(key) if len(key) == 1 else f"({self.listed(key)})" for key in access.keys]
                found.append(("Index Cond", f"({names} IN ({', '.join(keys)}))"))
        elif isinstance(access, KeyRange):
            condition = self.range(access, _key_names(scan.table, scan.alias, access.index))
            if condition:
                found.append(("Index Cond", condition))
        if scan.where is not None:
            found.append(("Filter", self.text(scan.where)))
        return found

    def equal(self, parts: Sequence[str], values: Sequence[Expr]) -> str:
        """Key parts and their values."""
        texts = [f"({part} = {self.text(value)})" for part, value in zip(parts, values, strict=False)]
        return texts[0] if len(texts) == 1 else f"({' AND '.join(texts)})"

    def range(self, access: KeyRange, parts: Sequence[str]) -> str:
        """The bounds of a key range."""
        texts = [f"({part} = {self.text(value)})" for part, value in zip(parts, access.equal, strict=False)]
        if access.low is not None:
            operator = ">=" if access.low_inclusive else ">"
            texts.append(f"({parts[len(access.equal)]} {operator} {self.text(access.low)})")
        if access.high is not None:
            operator = "<=" if access.high_inclusive else "<"
            texts.append(f"({parts[len(access.equal)]} {operator} {self.text(access.high)})")
        if access.not_null:
            texts.append(f"({parts[len(access.equal)]} IS NOT NULL)")
        return texts[0] if len(texts) == 1 else f"({' AND '.join(texts)})" if texts else ""


def _runs_subplans(plan: Plan) -> bool:
    return any(contains_subquery(expression) for expression in expressions(plan))


def _key_names(table: Table, alias: str, index: IndexSchema | None) -> list[str]:
    names = {column.slot: f"{alias}.{column.name}" for column in table.columns}
    if index is None:
        return [names[slot] for slot in table.primary_key]
    return [names.get(key.slot, "?") if key.slot is not None else f"({key.expression})" for key in index.keys]


def _title(plan: Plan) -> str:
    match plan:
        case Scan():
            return _scan_title(plan)
        case Values(rows=rows):
            return "Result" if rows == ((),) else "Values Scan" if rows else "Result (no rows)"
        case FunctionScan(function=function):
            return f"Function Scan on {function}"
        case CteScan(name=name):
            return f"CTE Scan on {name}"
        case SystemScan(view=view, alias=alias):
            return f"System Scan on {view.name}" + ("" if alias == view.name else f" {alias}")
        case Distinct(on=on):
            return "Unique" if on else "HashAggregate"
        case Aggregate(group=group):
            return "HashAggregate" if group else "Aggregate"
        case Sort(limit=limit):
            return "Sort" if limit is None else "Top-N Sort"
        case Lock():
            return "LockRows"
        case HashJoin(kind=kind, null_aware=null_aware):
            return f"Hash{_JOINS[kind]} Join" + (" (null-aware)" if null_aware else "")
        case NestedLoop(kind=kind):
            return "Nested Loop" + (f"{_JOINS[kind]} Join" if kind != "inner" else "")
        case Join(kind=kind, null_aware=null_aware):
            return f"{_JOINS[kind].strip() or 'Inner'} Join" + (" (null-aware)" if null_aware else "")
        case MultiJoin():
            return "Inner Joins"
        case SetOperation(kind=kind, all=all_):
            return ("Append" if all_ else "HashUnion") if kind == "union" else _set_title(kind, all_)
        case Change():
            return f"{type(plan).__name__} on {plan.targets[0].table.name}"
        case Project():
            return "Result"
        case _:
            return type(plan).__name__


def _set_title(kind: str, all_: bool) -> str:
    return f"HashSetOp {kind.capitalize()}" + (" All" if all_ else "")


def _scan_title(scan: Scan) -> str:
    access = scan.access
    backward = " Backward" if scan.reverse else ""
    alias = "" if scan.alias == scan.table.name else f" {scan.alias}"
    on = f"{scan.table.name}{alias}"
    if isinstance(access, KeyLookup | KeyRange):
        index = scan.table.primary_key_name if access.index is None else access.index.name
        return f"Index Scan{backward} using {index} on {on}"
    return f"Seq Scan{backward} on {on}"
