"""Planning stays fast however many relations a query names. The limits leave room for a slow machine."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from time import perf_counter

import pytest

from minidb.plan.explain import explain
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb_testkit.planning import Planning

MOST = 64


@pytest.fixture(scope="module")
def planning() -> Planning:
    tables = [f"CREATE TABLE t{n} (a{n} INTEGER PRIMARY KEY, b{n} INTEGER, x{n} TEXT)" for n in range(MOST)]
    return Planning(";".join(tables))


def chain(random: Random, count: int) -> str:
    """A comma join of `count` tables in random order, each equal to the next in some column."""
    tables = random.sample(range(MOST), count)
    conditions = [f"a{tables[0]} = 7"]
    for left, right in pairwise(tables):
        conditions.append(random.choice([f"a{left} = b{right}", f"b{left} = a{right}"]))
    random.shuffle(conditions)
    random.shuffle(tables)
    names = ", ".join([f"t{number}" for number in tables])
    return f"SELECT count(*) FROM {names} WHERE {' AND '.join(conditions)}"


@pytest.mark.parametrize("count", [2, 8, 10, 11, 32, 64])
def test_chains_are_planned_in_milliseconds(planning: Planning, count: int) -> None:
    plan = planning.plan(chain(Random(count), count))
    best = min([seconds(plan) for _ in range(3)])
    assert best < 0.002 * count + 0.05


def test_a_star_of_many_tables(planning: Planning) -> None:
    names = ", ".join([f"t{n}" for n in range(20)])
    conditions = " AND ".join([f"b0 = a{n}" for n in range(1, 20)])
    plan = planning.plan(f"SELECT * FROM {names} WHERE {conditions}")
    assert min([seconds(plan) for _ in range(3)]) < 0.25
    assert "Join Filter" not in explain(optimize(plan))


def test_no_cross_join_where_conditions_connect(planning: Planning) -> None:
    for count in (5, 12, 40):
        text = explain(optimize(planning.plan(chain(Random(100 + count), count))))
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if "Nested Loop" in line:  # only with index lookups inside
                assert any("Index Cond" in other for other in lines[number + 1 :])


def seconds(plan: object) -> float:
    start = perf_counter()
    resolve(optimize(plan))  # type: ignore[arg-type]
    return perf_counter() - start
