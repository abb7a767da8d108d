"""What running a plan costs, in units of reading one row of a scan (below a microsecond).

The constants were measured on the interpreted executor and matter only relative to each other.
"""

from __future__ import annotations

import math
from typing import Final

from minidb.plan.access import CONDITION, FETCH, LOOKUP, RANGE_START, RERUN, ROW, best_path
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    FullScan,
    HashJoin,
    KeyLookup,
    NestedLoop,
    Plan,
    Project,
    Scan,
    Sort,
)
from minidb.plan.predicates import split
from minidb.plan.traverse import children

HASH_ROW: Final = 0.5  # putting a row into a hash table
PROBE_ROW: Final = 0.4  # looking for a row's partners
PAIR: Final = 0.3  # trying a pair in a nested loop
OUTPUT: Final = 0.2  # making a joined row
SORT_ROW: Final = 0.1  # times the logarithm
GROUP_ROW: Final = 0.5
OTHER_ROW: Final = 0.2


def plan_cost(plan: Plan, estimator: Estimator) -> float:
    """The cost of running the plan to its end. A scan without an access counts with its best one."""
    total = 0.0
    for child in children(plan):
        total += plan_cost(child, estimator)
    match plan:
        case Scan(where=where, access=FullScan()):
            return best_path(plan, split(where), estimator).cost
        case Scan():
            return _access_cost(plan, estimator)
        case HashJoin():
            left, right = estimator.rows(plan.left), estimator.rows(plan.right)
            return total + left * PROBE_ROW + right * HASH_ROW + estimator.rows(plan) * OUTPUT
        case NestedLoop():
            left = estimator.rows(plan.left)
            if plan.bindings:
                inner = plan_cost(plan.right, estimator)
                return total - inner + left * (RERUN + inner) + estimator.rows(plan) * OUTPUT
            return total + left * estimator.rows(plan.right) * PAIR
        case Sort(source=source):
            rows = estimator.rows(source)
            return total + rows * SORT_ROW * math.log2(rows + 2)
        case Aggregate() | Distinct():
            return total + estimator.rows(plan.source) * GROUP_ROW
        case Filter(source=source) | Project(source=source):
            return total + estimator.rows(source) * OTHER_ROW
        case _:
            return total + estimator.rows(plan) * OTHER_ROW


def _access_cost(scan: Scan, estimator: Estimator) -> float:
    rows = estimator.rows(scan)
    access = scan.access
    if isinstance(access, KeyLookup):
        return len(access.keys) * LOOKUP + rows * (ROW + CONDITION)
    each = ROW if getattr(access, "index", None) is None else FETCH
    return RANGE_START + rows * (each + CONDITION)
