"""EXPLAIN (LOCKS): what a statement will lock, and what its reads leave behind, told from its plan alone.

    Locks:
      ROW EXCLUSIVE on table account
      FOR NO KEY UPDATE on each row of account with (account.id = 1)
      FOR KEY SHARE on the row of branch that it then refers to, if that is another (account_branch_fkey)
    Reads: recorded (SERIALIZABLE, ssi)
      keys of account: (account.id = 1)

Writes lock alike at every level. Reads leave nothing below SERIALIZABLE; there each access of the plan is
recorded or share-locked, as a key or as a range with the condition that its rows must meet besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from minidb.catalog.schema import ForeignKeySchema, Table
from minidb.plan.changes import Change, Delete, Insert, Target, Update, needed_slots
from minidb.plan.explain import Printer
from minidb.plan.nodes import FullScan, KeyLookup, Lock, Plan, Scan
from minidb.plan.traverse import expressions, subqueries, walk_plan
from minidb.txn.isolation import SERIAL
from minidb.txn.lock_modes import ROW_NAMES

_INDENT: Final = "  "


def explain_locks(plan: Plan, level: str, strategy: str, range_locking: str, safe: bool = False) -> list[str]:
    """The lines for an optimized plan at this level; the others matter under `serializable` only. `safe`: the
    transaction reads a safe snapshot."""
    plans = _all_plans(plan)
    printer = Printer(plan, costs=False, verbose=False)
    printer.node(plan, 0)  # numbers the sub-plans as EXPLAIN does
    locks: list[str] = []
    for node in plans:
        if isinstance(node, Scan) and level == "serializable" and strategy == "2pl":
            locks.append(f"ACCESS SHARE on table {node.table.name}")
        elif isinstance(node, Lock):
            locks.extend(_row_locks(node, printer))
        elif isinstance(node, Change):
            locks.extend(_change_locks(node, printer))
    lines = ["Locks:" if locks else "Locks: none"]
    lines.extend([_INDENT + line for line in dict.fromkeys(locks)])
    if level != "serializable" or safe:
        lines.append(
            f"Reads: nothing is locked or recorded ({level.upper()}{', safe snapshot' if safe else ''})"
        )
        return lines
    if strategy == SERIAL:
        lines.append("Reads: recorded only if others that are SERIALIZABLE are open (SERIALIZABLE, serial)")
        return lines
    reads: list[str] = []
    for node in plans:
        if isinstance(node, Scan):
            reads.append(_read(node, printer, strategy, range_locking))
        elif isinstance(node, Insert) and node.on_conflict is not None:
            reads.append(f"keys of {node.targets[0].table.name} that are found taken")
    if strategy == "2pl":
        how = f"share-locked to the end, and recorded (SERIALIZABLE, 2pl, {range_locking})"
    else:
        how = f"recorded (SERIALIZABLE, {strategy})"
    lines.append(f"Reads: {how}" if reads else f"Reads: none (SERIALIZABLE, {strategy})")
    lines.extend([_INDENT + line for line in dict.fromkeys(reads)])
    return lines


def _all_plans(plan: Plan) -> list[Plan]:
    """The nodes of the plan and of the sub-plans in its expressions."""
    found: list[Plan] = []
    pending = [plan]
    while pending:
        for node in walk_plan(pending.pop(0)):
            found.append(node)
            for expression in expressions(node):
                pending.extend([subquery.plan for subquery in subqueries(expression)])
    return found


# --- reads ----------------------------------------------------------------------------------------


def _read(scan: Scan, printer: Printer, strategy: str, range_locking: str) -> str:
    """One access: the keys, the range or the table that it reads."""
    name = scan.table.name
    access = scan.access
    condition = dict(printer.scan_properties(scan))
    bounds = condition.get("Index Cond", "")
    where = f", where {condition['Filter']}" if "Filter" in condition else ""
    next_key = strategy == "2pl" and range_locking == "next-key"
    if isinstance(access, FullScan):
        return f"all of {name}, since no index serves" if next_key else f"all rows of {name}{where}"
    index = scan.table.primary_key_name if access.index is None else access.index.name
    if isinstance(access, KeyLookup):
        by = "" if access.index is None else f" by {index}"
        found = f"keys of {name}{by}: {bounds}"
        return f"{found}, and the gap where there is no such key" if next_key else found
    bounds = bounds or "all of it"
    if next_key:
        return f"keys of {name} by {index}: {bounds}, the gaps before them, and the key that follows"
    return f"range of {name} by {index}: {bounds}{where}"


# --- SELECT ... FOR -------------------------------------------------------------------------------


_WAITS: Final = {"block": "", "error": ", or 55P03 if it is locked", "skip": " that is not locked"}


def _row_locks(plan: Lock, printer: Printer) -> Iterator[str]:
    for mark in plan.marks:
        yield f"ROW SHARE on table {mark.table.name}"
    for mark in plan.marks:
        rows = _matching(_scan_of(plan.source, mark.key.id), plan.source, printer)
        yield f"{ROW_NAMES[mark.mode]} on {rows}{_WAITS[mark.wait]}"


def _scan_of(source: Plan, key: int) -> Scan:
    """The scan that yields this key column."""
    for node in walk_plan(source):
        if isinstance(node, Scan) and node.key is not None and node.key.id == key:
            return node
    raise AssertionError("no scan yields the key column")


def _matching(scan: Scan, source: Plan, printer: Printer) -> str:
    """The rows that come out of `source`: those of the scan, or those of them that a join finds."""
    table = scan.table.name
    called = table if scan.alias == table else f"{table} {scan.alias}"
    texts = [text for _, text in printer.scan_properties(scan)]
    joined = sum(isinstance(node, Scan) for node in walk_plan(source)) > 1
    conditions = f" with {' and '.join(texts)}" if texts else ""
    return f"each row of {called}{conditions}" + (" that the join finds" if joined else "")


# --- INSERT, UPDATE, DELETE -----------------------------------------------------------------------


def _change_locks(plan: Change, printer: Printer) -> Iterator[str]:
    target = plan.targets[0]
    yield f"ROW EXCLUSIVE on table {target.table.name}"
    if isinstance(plan, Insert):
        yield from _insert_locks(plan, target)
    elif isinstance(plan, Update):
        assert plan.key is not None
        rows = _matching(_scan_of(plan.source, plan.key.id), plan.source, printer)
        yield from _update_locks(target, frozenset([slot for slot, _ in plan.assignments]), rows)
    elif isinstance(plan, Delete):
        assert plan.key is not None
        yield from _delete_locks(target, _matching(_scan_of(plan.source, plan.key.id), plan.source, printer))
    tables = {each.table.id: each for each in plan.targets}
    yield from _parents(target, tables, isinstance(plan, Insert))
    yield from _children(plan, tables)


def _insert_locks(plan: Insert, target: Target) -> Iterator[str]:
    unique = _unique_keys(target.table)
    conflict = plan.on_conflict
    if conflict is not None:
        for name in unique if conflict.arbiters is None else conflict.arbiters:
            yield f"FOR NO KEY UPDATE on the proposed row's key of {name}, before it is looked up"
        if conflict.assignments is not None:
            assigned = frozenset([slot for slot, _ in conflict.assignments])
            yield from _update_locks(target, assigned, "the row that has this key, if there is one")
    for name in unique:
        yield f"FOR UPDATE on each new row's key of {name}"


def _update_locks(target: Target, assigned: frozenset[int], rows: str) -> Iterator[str]:
    changed = assigned | {slot for slot, _ in target.generated}
    moves = not changed.isdisjoint(target.table.primary_key)
    yield f"FOR NO KEY UPDATE on {rows}"
    if moves:
        name = target.table.primary_key_name
        yield f"FOR UPDATE on its key of {name} and on the new one, if it changes"
    for index in target.indexes:
        if index.schema.unique and not changed.isdisjoint(needed_slots(index)):
            yield f"FOR UPDATE on its key of {index.schema.name} and on the new one, if it changes"


def _delete_locks(target: Target, rows: str) -> Iterator[str]:
    yield f"FOR UPDATE on {rows}"
    for index in target.indexes:
        if index.schema.unique:
            yield f"FOR UPDATE on its key of {index.schema.name}"


def _unique_keys(table: Table) -> list[str]:
    names = [table.primary_key_name] if table.primary_key else []
    return names + [index.name for index in table.indexes if index.unique]


# --- foreign keys ---------------------------------------------------------------------------------


def _parents(target: Target, tables: dict[int, Target], inserted: bool) -> Iterator[str]:
    for key in target.foreign_keys:
        parent = tables[key.target_table].table.name
        if inserted:
            yield f"FOR KEY SHARE on the row of {parent} that it refers to ({key.name})"
        else:
            yield f"FOR KEY SHARE on the row of {parent} that it refers to, if that changes ({key.name})"


def _children(plan: Change, tables: dict[int, Target]) -> Iterator[str]:
    """What referential actions lock, and the actions that follow from those."""
    assigned: frozenset[int] | None = None  # of the changed table; None: what its target tells is exact
    if isinstance(plan, Insert):
        conflict = plan.on_conflict
        assigned = frozenset([slot for slot, _ in (conflict and conflict.assignments) or ()])
    pending = [(plan.targets[0], "delete" if isinstance(plan, Delete) else "update")]
    seen: set[tuple[int, str]] = set()
    while pending:
        parent, event = pending.pop(0)
        for child_id, key in parent.referencing:
            if assigned is not None and parent is plan.targets[0] and assigned.isdisjoint(key.target_slots):
                continue
            action = key.on_delete if event == "delete" else key.on_update
            child = tables[child_id]
            if action in ("no action", "restrict"):
                continue
            following = "delete" if action == "cascade" and event == "delete" else "update"
            yield from _action_locks(child, key, event, action, following)
            if (child_id, following) not in seen:
                seen.add((child_id, following))
                pending.append((child, following))


def _action_locks(
    child: Target, key: ForeignKeySchema, event: str, action: str, following: str
) -> Iterator[str]:
    yield f"ROW EXCLUSIVE on table {child.table.name}"
    rows = (
        f"each row of {child.table.name} that refers to it ({key.name} ON {event.upper()} {action.upper()})"
    )
    if following == "delete":
        yield from _delete_locks(child, rows)
    else:
        yield from _update_locks(child, frozenset(key.slots), rows)
