"""Random queries give the same rows optimized, as written, and after any selection of the rules."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from minidb.catalog.catalog import Catalog
from minidb.driver.connection import Connection, connect
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import drain
from minidb.exec.run import run_query
from minidb.plan.explain import explain
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
from minidb.plan.traverse import PlanFunction
from minidb.sql.bind import bind
from minidb.sql.parse import parse
from minidb.value.sql_types import Row
from minidb_testkit.planning import with_indexes
from minidb_testkit.random_queries import DEFINITIONS, QueryMaker, random_rows

IN_ORDER: tuple[PlanFunction, ...] = (
    decorrelate, inline_ctes, fold_constants, factor_or, flatten, push_filters, choose_join, min_max,
    remove_sort, choose_index, top_n, prune_columns,
)  # fmt: skip


class Runner:
    """Runs plans on one database."""

    def __init__(self, connection: Connection) -> None:
        self.database = connection._session.database
        self.catalog: Catalog = self.database.catalog

    def plan(self, query: str) -> Plan:
        """The query as bound."""
        (statement,) = parse(query)
        bound = bind(statement, self.catalog).plan
        assert isinstance(bound, Plan)
        return with_indexes(bound, self.catalog)

    def rows(self, plan: Plan) -> list[Row]:
        """A plan's rows, in a form in which NaN equals itself."""
        now = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
        context = ExecutionContext(self.database.store.latest, self.catalog, [], {"timezone": "UTC"}, now)
        rows = drain(run_query(resolve(plan), context))
        return [tuple(["NaN" if value != value else value for value in row]) for row in rows]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    random = Random(5)
    connection = connect(":memory:", autocommit=True)
    for statement in [*DEFINITIONS.split(";"), *random_rows(random), "ANALYZE"]:
        if statement.strip():
            connection.execute(statement)
    yield Runner(connection)
    connection.close()


def same(left: list[Row], right: list[Row], in_order: bool) -> bool:
    return left == right if in_order else Counter(left) == Counter(right)


@pytest.mark.parametrize("seed", range(8))
def test_optimized_plans_give_the_same_rows(runner: Runner, seed: int) -> None:
    random = Random(seed)
    for _ in range(60):
        query, in_order = QueryMaker(random).query()
        plan = runner.plan(query)
        expected = runner.rows(lower_joins(plan))
        optimized = optimize(plan)
        assert same(runner.rows(optimized), expected, in_order), (
            f"{query}\n{explain(optimized, verbose=True)}"
        )


@pytest.mark.parametrize("seed", range(4))
def test_every_selection_of_rules_gives_the_same_rows(runner: Runner, seed: int) -> None:
    random = Random(100 + seed)
    for _ in range(60):
        query, in_order = QueryMaker(random).query()
        plan = runner.plan(query)
        expected = runner.rows(lower_joins(plan))
        chosen = [rule for rule in IN_ORDER if random.random() < 0.5]
        changed = plan
        for rule in chosen:
            changed = rule(changed)
        changed = lower_joins(changed)
        names = ", ".join([rule.__name__ for rule in chosen])
        assert same(runner.rows(changed), expected, in_order), (
            f"{query}\n{names}\n{explain(changed, verbose=True)}"
        )
