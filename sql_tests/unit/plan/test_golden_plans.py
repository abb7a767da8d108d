"""The golden plans: what each rule makes of a plan, and what all of them together do.

`sql_tests/plans/<rule>.golden` shows a query's plan before and after that one rule; where a rule expects the
work of others, these have run before. `optimize.golden` shows only the result.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from minidb.plan.explain import explain
from minidb.plan.explain_locks import explain_locks
from minidb.plan.nodes import Plan
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb.plan.rules.choose_index import choose_index
from minidb.plan.rules.choose_join import choose_join
from minidb.plan.rules.decorrelate import decorrelate
from minidb.plan.rules.factor_or import factor_or
from minidb.plan.rules.flatten import flatten
from minidb.plan.rules.fold_constants import fold_constants
from minidb.plan.rules.inline_ctes import inline_ctes
from minidb.plan.rules.lower_joins import lower_joins
from minidb.plan.rules.min_max import min_max
from minidb.plan.rules.prune_columns import prune_columns
from minidb.plan.rules.push_filters import push_filters
from minidb.plan.rules.remove_sort import remove_sort
from minidb.plan.rules.top_n import top_n
from minidb_testkit.golden import GoldenCase, Results, check
from minidb_testkit.planning import Planning

PLANS = Path(__file__).parents[2] / "plans"

Rule = Callable[[Plan], Plan]

# The rule of each file, and what runs before it.
RULES: dict[str, tuple[Rule, tuple[Rule, ...]]] = {
    "choose_index": (choose_index, (push_filters,)),
    "choose_join": (choose_join, (decorrelate, flatten, push_filters)),
    "decorrelate": (decorrelate, ()),
    "factor_or": (factor_or, ()),
    "flatten": (flatten, ()),
    "fold_constants": (fold_constants, ()),
    "inline_ctes": (inline_ctes, ()),
    "lower_joins": (lower_joins, ()),
    "min_max": (min_max, (push_filters,)),
    "prune_columns": (prune_columns, ()),
    "push_filters": (push_filters, ()),
    "remove_sort": (remove_sort, (push_filters,)),
    "top_n": (top_n, ()),
}


@pytest.fixture(scope="module")
def planning() -> Planning:
    """The tables of `schema.sql`, with made-up statistics."""
    planning = Planning((PLANS / "schema.sql").read_text(encoding="utf-8"))
    planning.analyzed("customers", 1_000, {"city": (50, 0.1, "Aachen", "Zwolle")})
    planning.analyzed(
        "orders",
        10_000,
        {
            "customer_id": (1_000, 0.0, 1, 1_000),
            "total": (5_000, 0.0, 0, 1_000),
            "status": (4, 0.0, "a", "z"),
        },
    )
    planning.analyzed("items", 40_000, {"order_id": (10_000, 0.0, 1, 10_000), "product": (200, 0.2, 1, 200)})
    planning.analyzed("tags", 20)
    return planning


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule(name: str, planning: Planning, rewrite_golden: bool) -> None:
    rule, before = RULES[name]

    def run(case: GoldenCase) -> Results:
        plan = planning.plan("\n".join(case.script))
        for earlier in before:
            plan = earlier(plan)
        changed = rule(plan)
        return {"before": lines(plan), "after": lines(changed)}

    check(PLANS / f"{name}.golden", run, rewrite_golden)


def test_optimize(planning: Planning, rewrite_golden: bool) -> None:
    def run(case: GoldenCase) -> Results:
        plan = optimize(planning.plan("\n".join(case.script)))
        resolve(plan)
        return {"": explain(plan).splitlines()}

    check(PLANS / "optimize.golden", run, rewrite_golden)


def test_explain_locks(rewrite_golden: bool) -> None:
    """What is locked whatever the level, and what else under each way to be serializable."""
    planning = Planning((PLANS / "explain_locks.sql").read_text(encoding="utf-8"))
    ways = (("ssi", "predicate"), ("2pl", "predicate"), ("2pl", "next-key"))

    def run(case: GoldenCase) -> Results:
        plan = optimize(planning.plan("\n".join(case.script)))
        found = {"": explain_locks(plan, "repeatable read", "ssi", "predicate")}
        for way in ways:
            lines = explain_locks(plan, "serializable", *way)
            found[" ".join(way)] = [line for line in lines if line not in found[""]]
        return found

    check(PLANS / "explain_locks.golden", run, rewrite_golden)


@pytest.fixture(scope="module")
def tpch() -> Planning:
    """TPC-H's tables with the statistics of scale factor 0.1."""
    planning = Planning((PLANS / "tpch.sql").read_text(encoding="utf-8"))
    first, last = datetime.date(1992, 1, 1), datetime.date(1998, 12, 1)
    planning.analyzed("region", 5, {"r_name": (5, 0, None, None)})
    planning.analyzed("nation", 25, {"n_name": (25, 0, None, None), "n_regionkey": (5, 0, 0, 4)})
    planning.analyzed("supplier", 1_000, {"s_nationkey": (25, 0, 0, 24)})
    planning.analyzed("customer", 15_000, {"c_nationkey": (25, 0, 0, 24), "c_mktsegment": (5, 0, None, None)})
    planning.analyzed(
        "part",
        20_000,
        {"p_size": (50, 0, 1, 50), "p_brand": (25, 0, None, None), "p_container": (40, 0, None, None)},
    )
    planning.analyzed(
        "partsupp", 80_000, {"ps_partkey": (20_000, 0, 1, 20_000), "ps_suppkey": (1_000, 0, 1, 1_000)}
    )
    planning.analyzed(
        "orders",
        150_000,
        {
            "o_custkey": (10_000, 0, 1, 15_000),
            "o_orderdate": (2_406, 0, first, last),
            "o_orderstatus": (3, 0, None, None),
        },
    )
    planning.analyzed(
        "lineitem",
        600_572,
        {
            "l_orderkey": (150_000, 0, 1, 600_000),
            "l_partkey": (20_000, 0, 1, 20_000),
            "l_suppkey": (1_000, 0, 1, 1_000),
            "l_shipdate": (2_526, 0, first, last),
            "l_receiptdate": (2_554, 0, first, last),
            "l_shipmode": (7, 0, None, None),
            "l_returnflag": (3, 0, None, None),
            "l_quantity": (50, 0, 1, 50),
            "l_discount": (11, 0, 0.0, 0.1),
        },
    )
    return planning


def test_tpch(tpch: Planning, rewrite_golden: bool) -> None:
    def run(case: GoldenCase) -> Results:
        plan = optimize(tpch.plan("\n".join(case.script)))
        resolve(plan)
        return {"": explain(plan).splitlines()}

    check(PLANS / "tpch.golden", run, rewrite_golden)


def lines(plan: Plan) -> list[str]:
    """The tree without estimates."""
    return explain(plan, costs=False, verbose=True).splitlines()
