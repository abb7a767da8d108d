"""The order that a scan's rows come in, compared with the order that is wanted.

    key (a, b DESC), a fixed by a = 1      order b DESC
    wanted ORDER BY a, b DESC              satisfied: a is the same in all rows
    wanted ORDER BY b                      satisfied by the reverse scan
    wanted ORDER BY b DESC, c              satisfied only if the key is unique: then c never decides

NULLs sort where a key part says; a part that cannot be NULL fits both ways.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidb.catalog import statistics
from minidb.catalog.schema import Table
from minidb.expr.compare import Comparison
from minidb.expr.node import Column, Constant, Expr, Parameter
from minidb.plan.access import CONDITION, FETCH, RANGE_START, ROW, Key, Path, Terms, keys_of, path_by_key
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import KeyLookup, KeyRange, Scan, SortKey
from minidb.plan.predicates import split


def ordered_path(
    scan: Scan, keys: Sequence[SortKey], limit: float | None, estimator: Estimator
) -> tuple[Path, bool] | None:
    """The cheapest way to the scan's rows in this order, and whether it is a reverse scan.

    `limit`: how many rows will be read of it at most, once they have passed its conditions.
    """
    wanted = _slots(scan, keys)
    if wanted is None:
        return None
    conjuncts = split(scan.where)
    terms = Terms(scan, conjuncts)
    fixed = _fixed_slots(scan, conjuncts)
    best: tuple[Path, bool] | None = None
    for key in keys_of(scan):
        path = path_by_key(scan.table, key, terms, estimator) or _whole(scan, key, terms)
        if path is None:
            continue
        reverse = _direction(scan.table, key, path, wanted, fixed)
        if reverse is None:
            continue
        if limit is not None:
            path.cost = _limited_cost(path, key, limit, estimator)
        if best is None or path.cost < best[0].cost:
            best = path, reverse
    return best


def _slots(scan: Scan, keys: Sequence[SortKey]) -> list[tuple[int, SortKey]] | None:
    slot_of = {column.id: slot for column, slot in zip(scan.columns, scan.slots, strict=False)}
    found: list[tuple[int, SortKey]] = []
    for key in keys:
        expression = key.expression
        if not isinstance(expression, Column) or expression.id not in slot_of:
            return None
        found.append((slot_of[expression.id], key))
    return found


def _fixed_slots(scan: Scan, conjuncts: Sequence[Expr]) -> set[int]:
    """Slots that have one value in all rows."""
    slot_of = {column.id: slot for column, slot in zip(scan.columns, scan.slots, strict=False)}
    found: set[int] = set()
    for conjunct in conjuncts:
        if isinstance(conjunct, Comparison) and conjunct.operator == "=":
            left, right = conjunct.left, conjunct.right
            if not isinstance(left, Column):
                left, right = right, left
            if isinstance(left, Column) and left.id in slot_of and isinstance(right, Constant | Parameter):
                found.add(slot_of[left.id])
    return found


def _whole(scan: Scan, key: Key, terms: Terms) -> Path | None:
    """All rows in the order of the key. Never a `FullScan`, which promises no order to the other rules."""
    used = terms.implied(key.predicate)
    if used is None:
        return None
    rows = statistics.row_count(scan.table)
    rest = terms.without(used)
    each = (ROW if key.index is None else FETCH) + CONDITION * len(rest)
    return Path(KeyRange(key.index), rest, rows, rows * each, key)


def _direction(
    table: Table, key: Key, path: Path, wanted: list[tuple[int, SortKey]], fixed: set[int]
) -> bool | None:
    """Whether the path must be read in reverse to give the wanted order; None if it cannot."""
    access = path.access
    if isinstance(access, KeyLookup) and len(access.keys) == 1:
        return False
    start = len(access.equal) if isinstance(access, KeyRange) else 0
    same = fixed | {part.key for part in key.parts[:start] if isinstance(part.key, int)}
    parts = [part for part in key.parts[start:] if part.key not in fixed]
    nullable = {column.slot: column.nullable for column in table.columns}
    reverse: bool | None = None
    place = 0
    for slot, sort in wanted:
        if slot in same:
            continue
        if place == len(parts):
            break
        part = parts[place]
        if part.key != slot:
            return None
        backward = sort.descending != part.descending
        if nullable.get(slot, True) and backward != (sort.nulls_first != part.nulls_first):
            return None
        if reverse is not None and backward != reverse:
            return None
        reverse = backward
        same.add(slot)
        place += 1
    if any(slot not in same for slot, _ in wanted) and not _decides(key, place, parts, nullable):
        return None
    return bool(reverse)


def _decides(key: Key, place: int, parts: Sequence[object], nullable: dict[int, bool]) -> bool:
    """Whether no two rows are equal in the key, so that further sort keys do not matter."""
    return (
        key.unique
        and place == len(parts)
        and not any(isinstance(part.key, int) and nullable.get(part.key, True) for part in key.parts)
    )


def _limited_cost(path: Path, key: Key, limit: float, estimator: Estimator) -> float:
    passing = max(estimator.selectivity(path.rest), 1e-6)
    rows = min(path.rows, limit / passing)
    each = (ROW if key.index is None else FETCH) + CONDITION * len(path.rest)
    return RANGE_START + rows * each
