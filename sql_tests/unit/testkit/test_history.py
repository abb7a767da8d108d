"""The history checker: it accepts what some serial order explains, and names the cycle of what none does."""

from __future__ import annotations

import pytest

from minidb_testkit.history import DependencyGraph, History, Observation, Transaction, serial_order
from minidb_testkit.history_operations import (
    Delete,
    Follow,
    Greatest,
    Insert,
    Operation,
    Row,
    Search,
    Select,
    State,
    Update,
    by_id,
)

INITIAL: State = {1: (1, 10, 10, 101, 0), 2: (2, 20, 20, 102, 0)}


def update(id: int, version: int) -> Update:
    return Update(by_id(id), "b", version, version, returning=False)


def written(id: int, version: int, prior: int) -> Row:
    return (id, id * 10, version, version, prior)


def transaction(
    name: str, commit: int, *seen: tuple[Operation, int, list[tuple[int | None, ...]]]
) -> Transaction:
    """Each statement with the snapshot that it saw and its result."""
    observations = [Observation(operation, snapshot, rows) for operation, snapshot, rows in seen]
    return Transaction(name, "", observations, commit, end=commit)


def cycle_of(*committed: Transaction) -> list[str]:
    graph = DependencyGraph(History(dict(INITIAL), 1, list(committed)))
    assert graph.problems == []
    return [str(edge) for edge in graph.cycle() or []]


ONE = [(1,)]


def test_one_after_the_other_is_serializable() -> None:
    first = transaction("t1", 2, (Select(by_id(1)), 1, [INITIAL[1]]), (update(1, 201), 1, ONE))
    second = transaction("t2", 3, (Select(by_id(1)), 2, [written(1, 201, 101)]), (update(1, 202), 2, ONE))
    assert cycle_of(first, second) == []


def test_dirty_or_unexplained_results_are_problems() -> None:
    reader = transaction("t1", 0, (Select(by_id(1)), 1, [written(1, 999, 101)]))
    graph = DependencyGraph(History(dict(INITIAL), 1, [reader]))
    assert len(graph.problems) == 1 and "999" in graph.problems[0]


def test_lost_update() -> None:
    first = transaction("t1", 2, (Select(by_id(1)), 1, [INITIAL[1]]), (update(1, 201), 1, ONE))
    second = transaction("t2", 3, (Select(by_id(1)), 1, [INITIAL[1]]), (update(1, 202), 2, ONE))
    assert cycle_of(first, second) == ["t1 -ww(item/1)-> t2", "t2 -rw(item/1)-> t1"]


def test_write_skew() -> None:
    first = transaction("t1", 2, (Select(by_id(1)), 1, [INITIAL[1]]), (update(2, 201), 1, ONE))
    second = transaction("t2", 3, (Select(by_id(2)), 1, [INITIAL[2]]), (update(1, 202), 1, ONE))
    assert cycle_of(first, second) == ["t1 -rw(item/1)-> t2", "t2 -rw(item/2)-> t1"]


def test_one_edge_is_an_order() -> None:
    first = transaction("t1", 2, (Select(by_id(1)), 1, [INITIAL[1]]), (update(2, 201), 1, ONE))
    second = transaction("t2", 3, (update(1, 202), 1, ONE))
    assert cycle_of(first, second) == []


NEW_A, NEW_B = (3, 30, 3, 203, 0), (4, 30, 4, 204, 0)
THIRTY = Search((("a", 30, 30),))


def test_phantoms_make_a_cycle_where_they_match() -> None:
    first = transaction("t1", 2, (Select(THIRTY), 1, []), (Insert(NEW_A, False), 1, ONE))
    second = transaction("t2", 3, (Select(THIRTY), 1, []), (Insert(NEW_B, False), 1, ONE))
    assert cycle_of(first, second) == ["t1 -rw(item/4)-> t2", "t2 -rw(item/3)-> t1"]


def test_phantoms_that_do_not_match_are_none() -> None:
    narrow = Search((("a", 30, 30), ("b", 4, 4)))  # only NEW_B
    first = transaction("t1", 2, (Select(narrow), 1, []), (Insert(NEW_A, False), 1, ONE))
    second = transaction("t2", 3, (Select(narrow), 1, []), (Insert(NEW_B, False), 1, ONE))
    assert cycle_of(first, second) == []


def test_a_deletion_shows_by_what_is_missing() -> None:
    deleted = transaction("t1", 2, (Select(by_id(2)), 1, [INITIAL[2]]), (Delete(by_id(1), False), 1, ONE))
    reader = transaction(
        "t2", 3, (Select(Search((("a", 5, 15),))), 2, []), (update(2, 202), 1, ONE)
    )  # sees the deletion, yet t1 did not see its update: in order
    assert cycle_of(deleted, reader) == []
    missed = transaction("t2", 3, (Select(by_id(1)), 1, [INITIAL[1]]), (update(2, 202), 1, ONE))
    assert cycle_of(deleted, missed) == ["t1 -rw(item/2)-> t2", "t2 -rw(item/1)-> t1"]


def test_a_row_that_comes_and_goes_unseen_is_no_matter() -> None:
    searcher = transaction("t1", 4, (Select(THIRTY), 1, []), (update(1, 205), 3, ONE))
    inserted = transaction("t2", 2, (Insert(NEW_A, False), 1, ONE))
    moved = transaction("t3", 3, (Update(by_id(3), "a", 31, 206, False), 2, ONE))
    graph = DependencyGraph(History(dict(INITIAL), 1, [searcher, inserted, moved]))
    assert [str(edge) for edge in graph.successors["t1"].values()] == ["t1 -rw(item/3)-> t2"]


def test_read_only_anomaly() -> None:
    withdrawal = transaction(
        "t2", 3, (Select(Search(())), 1, [INITIAL[1], INITIAL[2]]), (update(1, 201), 1, ONE)
    )
    deposit = transaction("t1", 2, (update(2, 202), 1, ONE))
    reader = transaction("t3", 0, (Select(Search(())), 2, [INITIAL[1], written(2, 202, 102)]))
    assert cycle_of(withdrawal, deposit) == []
    assert set(cycle_of(withdrawal, deposit, reader)) == {
        "t2 -rw(item/2)-> t1",
        "t1 -wr(item/2)-> t3",
        "t3 -rw(item/1)-> t2",
    }


def test_own_writes_are_no_dependency() -> None:
    own = transaction("t1", 3, (update(1, 201), 1, ONE), (Select(by_id(1)), 1, [written(1, 201, 101)]))
    other = transaction("t2", 2, (update(2, 202), 1, ONE))
    assert cycle_of(own, other) == []


def test_the_end_of_an_index_depends_on_nothing_below() -> None:
    greatest = transaction("t1", 3, (Greatest(), 1, [INITIAL[2]]), (update(1, 201), 1, ONE))
    below = transaction(
        "t2", 2, (Select(by_id(1)), 1, [INITIAL[1]]), (Insert((3, 15, 0, 202, 0), False), 1, ONE)
    )
    assert cycle_of(greatest, below) == []
    above = transaction(
        "t2", 2, (Select(by_id(1)), 1, [INITIAL[1]]), (Insert((3, 25, 0, 202, 0), False), 1, ONE)
    )
    assert cycle_of(greatest, above) == ["t1 -rw(item/3)-> t2", "t2 -rw(item/1)-> t1"]


def test_a_join_depends_on_what_it_looked_for() -> None:
    nobody = (None,) * 5
    join = transaction("t1", 3, (Follow(1), 1, [(*INITIAL[1], *nobody)]), (update(2, 201), 1, ONE))
    found = transaction(
        "t2", 2, (Select(by_id(2)), 1, [INITIAL[2]]), (Insert((10, 1, 1, 202, 0), False), 1, ONE)
    )
    assert cycle_of(join, found) == ["t1 -rw(item/10)-> t2", "t2 -rw(item/2)-> t1"]


@pytest.mark.parametrize("end", [2, 4])
def test_false_aborts(end: int) -> None:
    """A refused transaction is judged by those that ended before it."""
    committed = transaction("t1", 3, (Select(by_id(1)), 1, [INITIAL[1]]), (update(2, 201), 1, ONE))
    refused = transaction("t2", 0, (Select(by_id(2)), 1, [INITIAL[2]]), (update(1, 202), 1, ONE))
    refused.end = end
    graph = DependencyGraph(History(dict(INITIAL), 1, [committed]))
    assert graph.would_close_cycle(refused) == (end == 4)


def test_a_serial_order_is_found_by_running_it() -> None:
    first = transaction("t1", 3, (Select(by_id(1)), 1, [INITIAL[1]]), (update(2, 201), 1, ONE))
    second = transaction("t2", 2, (update(1, 202), 1, ONE))
    end = {1: written(1, 202, 101), 2: written(2, 201, 102)}
    assert serial_order(History(dict(INITIAL), 1, [second, first]), end) == ["t1", "t2"]
    assert serial_order(History(dict(INITIAL), 1, [second, first]), dict(INITIAL)) is None
    skew = transaction("t2", 2, (Select(by_id(2)), 1, [INITIAL[2]]), (update(1, 202), 1, ONE))
    assert serial_order(History(dict(INITIAL), 1, [skew, first]), end) is None
