"""The naive model of exact SSI refuses what the design's executable model refuses, on the same seeds."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from minidb_testkit.conflict_model import COMMIT, REFUSED, ConflictModel, ModelTransaction, schedule

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


@pytest.mark.parametrize("seed", range(12))
def test_same_refusals(design_model: ModuleType, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[ModelTransaction, bool]] = []

    class Recording(design_model.ConflictGraph):  # type: ignore[name-defined,misc]
        def closes_cycle(self, t: Any, edges: Any) -> bool:
            refused = bool(super().closes_cycle(t, edges))
            asked.append((ModelTransaction(t.number, t.strategy, t.snapshot, t.reads, t.writes), refused))
            return refused

    monkeypatch.setattr(design_model, "ConflictGraph", Recording)
    serializable, counts = design_model.run(seed, "nothing")
    assert serializable and counts["refused"] > 0
    model = ConflictModel()
    assert [not model.commit(transaction) for transaction, _ in asked] == [refused for _, refused in asked]


def test_schedules_refuse_some_and_commit_some() -> None:
    kinds = Counter(event.kind for seed in range(5) for event in schedule(seed))
    assert kinds[REFUSED] > 20
    assert kinds[COMMIT] > 10 * kinds[REFUSED]


def test_write_skew_is_refused_and_one_edge_is_not() -> None:
    model = ConflictModel()
    assert model.commit(ModelTransaction(1, "ssi", 0, {1: 0}, {2}))
    assert model.commit(ModelTransaction(2, "ssi", 0, {3: 0}, {1}))
    assert not model.commit(ModelTransaction(3, "ssi", 0, {2: 0}, {3}))
