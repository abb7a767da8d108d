"""Conditions on a key become the way to the rows: full scans turn into key lookups and key ranges.

Scan t where id = 7 and x > 1       ->   Scan t by primary key 7, where x > 1
Scan t where c between 3 and 9      ->   Scan t by the range 3..9 of the index on c
"""

from __future__ import annotations

from dataclasses import replace

from minidb.plan.access import best_path
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import FullScan, NestedLoop, Plan, Project, Scan
from minidb.plan.predicates import join, split
from minidb.plan.traverse import map_children


def choose_index(plan: Plan, estimator: Estimator | None = None) -> Plan:
    """The best access for each scan that has conditions and no access yet."""
    known = Estimator(plan) if estimator is None else estimator

    def visit(node: Plan) -> Plan:
        if type(node) is Scan:
            return with_best_access(node, known)
        return map_children(node, visit)

    return visit(plan)


def with_best_access(scan: Scan, estimator: Estimator) -> Plan:
    """The scan by the key that costs least."""
    if scan.where is None or type(scan.access) is not FullScan:
        return scan
    path = best_path(scan, split(scan.where), estimator)
    if type(path.access) is FullScan:
        return scan
    found = replace(scan, access=path.access, where=join(path.rest))
    if path.alternatives is None:
        return found
    repeated = NestedLoop("inner", path.alternatives, found, None, path.alternatives.columns)
    return Project(repeated, scan.columns, scan.columns)
