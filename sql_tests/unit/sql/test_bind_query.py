"""Grouping, ordering, limits, set operations, WITH and subqueries."""

from __future__ import annotations

import pytest
from bind_fixture import expression, failure, names, outline, plan, raised, types

from minidb.expr.node import Column, Expr
from minidb.plan.nodes import (
    Aggregate,
    Filter,
    Limit,
    Plan,
    Project,
    SetOperation,
    Sort,
    Values,
    With,
)
from minidb.plan.subqueries import QuantifiedComparison, ScalarSubquery, Subquery


def find(node: Plan, kind: type[Plan]) -> Plan:
    """The topmost node of that class."""
    while not isinstance(node, kind):
        node = node.source if hasattr(node, "source") else node.body  # type: ignore[attr-defined]
    return node


# --- grouping -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "select b, count(*) from t group by b",
        "select b as k, count(*) from t group by k",
        "select b, count(*) from t group by 1",
        "select lower(b) || 'x', max(a) from t group by lower(b) having min(a) > 1 order by lower(b)",
        "select a, b, c, count(*) from t group by a",
        "select t.a, t.b, sum(u.x) from t join u using (a) group by t.a",
        "select count(*) from t",
        "select 1 from t having count(*) > 1",
        "select b, (select max(x) from u where u.y = t.b) from t group by b",
        "select a + 1, (select max(x) from u where u.a = t.a + 1) from t group by a + 1, a",
        "select sum(a) in (select x from u) from t",
        "select (b), (c) from t group by (b, c)",
    ],
)
def test_grouped(sql: str) -> None:
    assert isinstance(find(plan(sql), Aggregate), Aggregate)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        (
            "select a, b from t group by b",
            "42803",
            'column "t.a" must appear in the GROUP BY clause or be used in an aggregate function',
        ),
        (
            "select q.x, count(*) from u q group by q.y",
            "42803",
            'column "q.x" must appear in the GROUP BY clause or be used in an aggregate function',
        ),
        (
            "select b, (select max(x) from u where u.a = t.a) from t group by b",
            "42803",
            'subquery uses ungrouped column "t.a" from outer query',
        ),
        (
            "select x, count(*) from u group by a",
            "42803",
            'column "u.x" must appear in the GROUP BY clause or be used in an aggregate function',
        ),
        ("select a from t where count(*) > 1", "42803", "aggregate functions are not allowed in WHERE"),
        ("select 1 from t group by count(*)", "42803", "aggregate functions are not allowed in GROUP BY"),
        (
            "select count(*) as n from t group by n",
            "42803",
            "aggregate functions are not allowed in GROUP BY",
        ),
        ("select sum(max(a)) from t", "42803", "aggregate function calls cannot be nested"),
        (
            "select count() from t",
            "42809",
            "count(*) must be used to call a parameterless aggregate function",
        ),
        ("select sum(b) from t", "42883", "function sum(text) does not exist"),
        ("select a from t group by 2", "42P10", "GROUP BY position 2 is not in select list"),
        ("select a from t group by 'x'", "42601", "non-integer constant in GROUP BY"),
        ("select b, count(*) from t group by rollup (b)", "0A000", "ROLLUP is not supported"),
        ("select b, count(*) from t group by cube (b)", "0A000", "CUBE is not supported"),
        ("select b from t group by grouping sets ((b), ())", "0A000", "GROUPING SETS is not supported"),
        (
            "select string_agg(distinct b, ',' order by a) from t",
            "42P10",
            "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
        ),
        (
            "select percentile_cont(0.5) within group (order by a) from t",
            "0A000",
            "ordered-set aggregates (WITHIN GROUP) are not supported",
        ),
    ],
)
def test_grouping_errors(sql: str, sqlstate: str, message: str) -> None:
    if "grouping sets" in sql:
        assert raised(sql).sqlstate == sqlstate
        return
    assert failure(sql) == (sqlstate, message)


def test_equal_calls_are_one() -> None:
    aggregate = find(plan("select sum(a), sum(a) + 1, sum(distinct a) from t having sum(a) > 0"), Aggregate)
    assert isinstance(aggregate, Aggregate)
    assert [call.distinct for call in aggregate.calls] == [False, True]


def test_an_aggregate_belongs_to_the_query_of_its_columns() -> None:
    outer = plan("select (select count(t.a) from u) from t")
    assert isinstance(find(outer, Aggregate), Aggregate)
    (value,) = outer.expressions  # type: ignore[attr-defined]
    assert isinstance(value, ScalarSubquery)
    assert outline(value.plan) == "Project(Scan)"
    inner = expression("select (select count(t.a + u.a) from u) from t")
    assert isinstance(inner, ScalarSubquery) and outline(inner.plan) == "Project(Aggregate(Scan))"


# --- ORDER BY, LIMIT, DISTINCT --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("select a from t order by b", "Project(Sort(Scan))"),
        ("select a from t order by 1 limit 2 offset 1", "Project(Limit(Sort(Scan)))"),
        ("select a + 1 as k from t order by k", "Sort(Project(Scan))"),
        ("select a from t order by a + 1", "Project(Sort(Project(Scan)))"),
        ("select distinct a from t order by a", "Sort(Distinct(Project(Scan)))"),
        ("select distinct on (b) a from t order by b, a", "Project(Distinct(Sort(Project(Scan))))"),
        ("(select a from t) order by b limit 1", "Project(Limit(Sort(Scan)))"),
        ("select b, count(*) from t group by b order by 2", "Project(Sort(Aggregate(Scan)))"),
        ("values (2), (1) order by 1", "Sort(Values)"),
    ],
)
def test_shapes(sql: str, shape: str) -> None:
    assert outline(plan(sql)) == shape


def test_null_placement() -> None:
    sort = find(plan("select 1 from t order by a, b desc, c nulls first, d desc nulls last"), Sort)
    assert isinstance(sort, Sort)
    assert [(key.descending, key.nulls_first) for key in sort.keys] == [
        (False, False),
        (True, True),
        (False, True),
        (True, False),
    ]


def test_limits() -> None:
    assert outline(plan("select a from t limit all")) == "Project(Scan)"
    assert outline(plan("select a from t offset 2 rows")) == "Project(Limit(Scan))"
    limit = find(plan("select a from t order by a fetch first 2 rows with ties"), Limit)
    assert isinstance(limit, Limit) and len(limit.ties) == 1
    assert outline(plan("select (select a from t limit u.a) from u")) == "Project(Scan)"


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("select a from t order by 2", "42P10", "ORDER BY position 2 is not in select list"),
        ("select a from t order by 'x'", "42601", "non-integer constant in ORDER BY"),
        ("select a as k, b as k from t order by k", "42702", 'ORDER BY "k" is ambiguous'),
        ("select a + 1 as k from t order by k + 1", "42703", 'column "k" does not exist'),
        (
            "select distinct a from t order by b",
            "42P10",
            "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
        ),
        (
            "select distinct on (b) a from t order by a",
            "42P10",
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
        ),
        ("select a from t limit a", "42703", 'column "a" does not exist'),
        ("select a from t limit b'1'", "0A000", "type bit is not supported"),
        (
            "select a from t limit date '2020-01-01'",
            "42804",
            "argument of LIMIT must be type bigint, not type date",
        ),
        (
            "select a from t fetch first row with ties",
            "42601",
            "WITH TIES cannot be specified without ORDER BY clause",
        ),
        ("(select a from t order by 1) order by 1", "42601", "multiple ORDER BY clauses not allowed"),
    ],
)
def test_order_errors(sql: str, sqlstate: str, message: str) -> None:
    assert failure(sql) == (sqlstate, message)


# --- set operations and VALUES --------------------------------------------------------------------


def test_set_operations() -> None:
    assert types("select 1 union select 2.5") == ["numeric"]
    assert types("select null union select 1 union all select null") == ["integer"]
    assert types("select 'x' union select null") == ["text"]
    found = plan("select 1 union select 2 intersect select 3")
    assert isinstance(found, SetOperation) and found.kind == "union"
    assert isinstance(found.right, SetOperation) and found.right.kind == "intersect"
    found = plan("select 1 except all select 2 except select 3")
    assert isinstance(found, SetOperation) and not found.all
    assert isinstance(found.left, SetOperation) and found.left.all
    assert outline(plan("(select 1 limit 1) union all (values (2)) order by 1 limit 1")).startswith(
        "Limit(Sort(SetOperation("
    )
    assert types(" union all ".join(["select 1"] * 2000)) == ["integer"]


def test_values() -> None:
    assert types("values (1, 'a', null), (2.5, null, null)") == ["numeric", "text", "text"]
    found = plan("values (1, 'x')")
    assert isinstance(found, Values)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("select 1 union select 2, 3", "42601", "each UNION query must have the same number of columns"),
        (
            "select a from t except select b from t",
            "42804",
            "EXCEPT types integer and text cannot be matched",
        ),
        (
            "select a from t union select a from u order by a + 1",
            "0A000",
            "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
        ),
        ("select a from t union select a from u order by b", "42703", 'column "b" does not exist'),
        ("values (1, 2), (3)", "42601", "VALUES lists must all be the same length"),
        ("values ()", "42601", 'syntax error at or near ")"'),
        ("values (1), (date '2020-01-01')", "42804", "VALUES types integer and date cannot be matched"),
    ],
)
def test_set_errors(sql: str, sqlstate: str, message: str) -> None:
    assert failure(sql) == (sqlstate, message)


# --- WITH -----------------------------------------------------------------------------------------


def test_with() -> None:
    found = plan("with p(k) as (select a from t), q as (select k + 1 as l from p) select * from q, p, p as r")
    assert isinstance(found, With) and [cte.name for cte in found.ctes] == ["p", "q"]
    assert names("with p(k) as (select a, b from t) select * from p") == ["k", "b"]
    assert names("with t as (select 1 as one) select * from t") == ["one"]
    assert names("with p as (values (1)) select * from p") == ["column1"]
    assert types("select (with p as (select u.x) select x from p) from u") == ["bigint"]


def test_recursive_with() -> None:
    found = plan(
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 9) select * from r"
    )
    assert isinstance(found, With)
    (cte,) = found.ctes
    assert cte.step is not None and cte.union_all
    assert outline(cte.step) == "Project(Filter(CteScan))"


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        (
            "with p as (select 1), p as (select 2) select 1",
            "42712",
            'WITH query name "p" specified more than once',
        ),
        (
            "with p(a, b) as (select 1) select 1",
            "42P10",
            'WITH query "p" has 1 columns available but 2 columns specified',
        ),
        ("with p as (select 1 from p) select 1", "42P01", 'relation "p" does not exist'),
        (
            "with recursive r as (select 1 from r) select 1",
            "42P19",
            'recursive query "r" does not have the form non-recursive-term UNION [ALL] recursive-term',
        ),
        (
            "with recursive r(n) as (select 1 union all select n + 1.5 from r) select 1",
            "42804",
            'recursive query "r" column 1 has type integer in non-recursive term but type numeric overall',
        ),
        (
            "with recursive r(n) as (select 1 union all select r.n from r, r s) select 1",
            "42P19",
            'recursive reference to query "r" must not appear more than once',
        ),
        (
            "select 1 from (with p as (delete from t returning a) select * from p) s",
            "0A000",
            "WITH clause containing a data-modifying statement must be at the top level",
        ),
    ],
)
def test_with_errors(sql: str, sqlstate: str, message: str) -> None:
    assert failure(sql) == (sqlstate, message)


# --- subqueries -----------------------------------------------------------------------------------


def subquery(sql: str) -> Subquery:
    found: Expr = expression(sql)
    assert isinstance(found, Subquery)
    return found


def test_uncorrelated_subqueries_have_no_outer_columns() -> None:
    assert subquery("select (select max(a) from t) from u").outer_ids == ()
    assert subquery("select exists (select 1 from t) from u").outer_ids == ()


def test_correlation_is_handed_through_every_level() -> None:
    outer = subquery(
        "select (select max(x) from u where exists (select 1 from w where w.b = t.b and u.y = w.b)) from t"
    )
    assert [column.name for column in outer.outer_values if isinstance(column, Column)] == ["b"]
    middle = find(outer.plan, Filter)
    assert isinstance(middle, Filter) and isinstance(middle.where, Subquery)
    assert sorted(column.name for column in middle.where.outer_values if isinstance(column, Column)) == [
        "b",
        "y",
    ]


def test_in_and_quantified_comparisons() -> None:
    found = subquery("select a in (select x from u) from t")
    assert isinstance(found, QuantifiedComparison) and not found.every
    assert len(found.outer_ids) == 1
    found = subquery("select a + 1 <> all (select x from u) from t")
    assert isinstance(found, QuantifiedComparison) and found.every
    (value,) = found.outer_values
    assert not isinstance(value, Column)
    assert types("select (a, b) in (select a, y from u), 1 < any (values (1), (2)) from t") == ["boolean"] * 2


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("select (select a, b from t)", "42601", "subquery must return only one column"),
        ("select 1 in (select a, b from t)", "42601", "subquery has too many columns"),
        ("select (1, 2) in (select a from t)", "42601", "subquery has too few columns"),
        ("select b in (select a from t) from t", "42883", "operator does not exist: text = integer"),
        ("select 1 = any (1)", "0A000", "ANY and ALL of an array are not supported"),
        ("select 1 in ()", "42601", 'syntax error at or near ")"'),
    ],
)
def test_subquery_errors(sql: str, sqlstate: str, message: str) -> None:
    assert failure(sql) == (sqlstate, message)


def test_a_select_without_columns_is_a_query() -> None:
    found = plan("select from t")
    assert isinstance(found, Project) and found.columns == ()
