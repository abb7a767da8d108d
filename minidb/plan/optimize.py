"""The rules, in order.

    decorrelate      EXISTS and IN become semi and anti joins
    inline_ctes      WITH items scanned once become derived tables
    fold_constants   what needs no row is evaluated; sub-plans that remain in expressions are optimized here
    factor_or        what all branches of an OR ask for is taken out
    flatten          derived tables dissolve
    push_filters     predicates towards the scans; inner joins are gathered
    choose_join      their order, and an algorithm for every join
    min_max          first and last entries of keys
    remove_sort      keys that give the order
    choose_index     keys for the conditions of the scans
    top_n            sorts that need only their first rows
    prune_columns    columns nobody reads

Each rule is a function from plan to plan and is right on its own; the order decides only what it finds. The
rules that estimate share one `Estimator`.
"""

from __future__ import annotations

from minidb.plan.estimate import Estimator
from minidb.plan.nodes import Plan
from minidb.plan.rules.choose_index import choose_index
from minidb.plan.rules.choose_join import choose_join
from minidb.plan.rules.decorrelate import decorrelate
from minidb.plan.rules.factor_or import factor_or
from minidb.plan.rules.flatten import flatten
from minidb.plan.rules.fold_constants import fold_constants
from minidb.plan.rules.inline_ctes import inline_ctes
from minidb.plan.rules.min_max import min_max
from minidb.plan.rules.prune_columns import prune_columns
from minidb.plan.rules.push_filters import push_filters
from minidb.plan.rules.remove_sort import remove_sort
from minidb.plan.rules.top_n import top_n


def optimize(plan: Plan) -> Plan:
    """An equivalent plan that is cheaper to run; see `resolve` for the last step before running it."""
    plan = decorrelate(plan)
    plan = inline_ctes(plan)
    plan = fold_constants(plan, optimize)
    plan = factor_or(plan)
    plan = flatten(plan)
    plan = push_filters(plan)
    estimator = Estimator(plan)
    plan = choose_join(plan, estimator)
    plan = min_max(plan, estimator)
    plan = remove_sort(plan, estimator)
    plan = choose_index(plan, estimator)
    plan = top_n(plan)
    return prune_columns(plan)
