"""The naive model of exact SSI and the engine's graph refuse what the design's model does, seed by seed."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from minidb.txn.conflict_graph import ConflictGraph
from minidb.txn.footprint import Footprint
from minidb.txn.read_set import ReadSet
from minidb_testkit.conflict_model import COMMIT, REFUSED, SSI, ConflictModel, ModelTransaction, schedule

DESIGN_MODEL = Path(__file__).parents[4] / "shared" / "model" / "exact_ssi.py"


@pytest.fixture
def design_model() -> ModuleType:
    if not DESIGN_MODEL.exists():
        pytest.skip("the design's model (../shared/model/exact_ssi.py) is not beside this checkout")
    specification = importlib.util.spec_from_file_location("exact_ssi", DESIGN_MODEL)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["exact_ssi"] = module
    specification.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Attempt:
    """One transaction at its COMMIT in the design's model, and how far the graph was pruned after it."""

    transaction: ModelTransaction
    refused: bool
    commit: int  # its number, unless refused
    oldest_snapshot: int


def attempts(design_model: ModuleType, seed: int, monkeypatch: pytest.MonkeyPatch) -> list[Attempt]:
    """All commits of one run of the design's model, in their order."""
    found: list[Attempt] = []
    asked: list[tuple[Any, bool]] = []

    class Recording(design_model.ConflictGraph):  # type: ignore[name-defined,misc]
        def closes_cycle(self, t: Any, edges: Any) -> bool:
            refused = bool(super().closes_cycle(t, edges))
            asked.append((t, refused))
            return refused

        def prune(self, oldest_snapshot: int) -> None:
            super().prune(oldest_snapshot)
            t, refused = asked[-1]
            transaction = ModelTransaction(t.number, t.strategy, t.snapshot, t.reads, t.writes)
            found.append(Attempt(transaction, refused, t.commit, oldest_snapshot))

    monkeypatch.setattr(design_model, "ConflictGraph", Recording)
    serializable, counts = design_model.run(seed, "nothing")
    assert serializable and counts["refused"] > 0 and len(found) == counts["committed"] + counts["refused"]
    return found


@pytest.mark.parametrize("seed", range(12))
def test_same_refusals(design_model: ModuleType, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ConflictModel()
    for attempt in attempts(design_model, seed, monkeypatch):
        assert model.commit(attempt.transaction) != attempt.refused


@pytest.mark.parametrize("seed", range(12))
def test_the_engine_refuses_the_same(
    design_model: ModuleType, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's graph alone, without the database around it."""
    graph = ConflictGraph()
    for attempt in attempts(design_model, seed, monkeypatch):
        transaction = attempt.transaction
        reads = ReadSet(1000)
        reads.add_keys([_key(key) for key in transaction.reads])
        writes: dict[bytes, bytes | None] = {_key(key): b"" for key in transaction.writes}
        as_of = transaction.snapshot if transaction.strategy == SSI else None
        node = Footprint(transaction.number, as_of, reads, writes, (), None)
        found = graph.dependencies(node)
        assert (graph.cycle(found) is not None) == attempt.refused
        if not attempt.refused:
            graph.add(node, attempt.commit, found)
        graph.prune([attempt.oldest_snapshot])
        assert len(graph.nodes) < 40


def _key(number: int) -> bytes:
    return b"item" + bytes([number])


def test_schedules_refuse_some_and_commit_some() -> None:
    kinds = Counter(event.kind for seed in range(5) for event in schedule(seed))
    assert kinds[REFUSED] > 20
    assert kinds[COMMIT] > 10 * kinds[REFUSED]


def test_write_skew_is_refused_and_one_edge_is_not() -> None:
    model = ConflictModel()
    assert model.commit(ModelTransaction(1, "ssi", 0, {1: 0}, {2}))
    assert model.commit(ModelTransaction(2, "ssi", 0, {3: 0}, {1}))
    assert not model.commit(ModelTransaction(3, "ssi", 0, {2: 0}, {3}))
