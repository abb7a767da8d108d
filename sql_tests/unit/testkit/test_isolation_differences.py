"""The list of known differences: what it excuses, and what it must answer for."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb_testkit.isolation_differences import KnownDifferences, ListError, judge, load
from minidb_testkit.isolation_transcript import Difference

LIST = """
[[difference]]
spec = "one"
permutations = ["a b", "b *"]
steps = ["a"]
reason = "why"

[[skipped]]
spec = "two"
needs = "triggers"
"""
AT_A, AT_B = Difference("a", "differs"), Difference("b", "differs")


@pytest.fixture
def known(tmp_path: Path) -> dict[str, KnownDifferences]:
    path = tmp_path / "list.toml"
    path.write_text(LIST)
    return load(path)


def test_listed_differences_are_excused(known: dict[str, KnownDifferences]) -> None:
    verdict = judge({"a b": [AT_A], "b a": [AT_A], "c": []}, known["one"])
    assert (verdict.agreed, verdict.explained, verdict.failures) == (1, {"why": 2}, [])


def test_other_steps_and_permutations_fail(known: dict[str, KnownDifferences]) -> None:
    verdict = judge({"a b": [AT_A, AT_B], "b a": [AT_A], "c": [AT_A]}, known["one"])
    assert verdict.failed == 2
    assert verdict.failures == [
        "permutation a b",
        "    step b: differs",
        "permutation c",
        "    step a: differs",
    ]


def test_what_differs_no_longer_is_reported(known: dict[str, KnownDifferences]) -> None:
    found = {"a b": [], "b a": [AT_A]}
    assert judge(found, known["one"]).failures == ["listed as different, but agrees: a b"]
    assert judge(found, known["one"], check_list=False).failures == []
    assert judge({"b a": [AT_A]}, known["one"]).failures == ["listed, but there is no such permutation: a b"]


def test_a_skipped_spec_is_excused_until_it_agrees(known: dict[str, KnownDifferences]) -> None:
    verdict = judge({"a": [AT_A], "b": []}, known["two"])
    assert (verdict.agreed, verdict.explained, verdict.failures) == (1, {"needs triggers": 1}, [])
    assert judge({"a": [], "b": []}, known["two"]).failures == [
        "listed as needing triggers, but all permutations agree"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[[difference]]\nspec = 'x'\n",
        "[[skipped]]\nspec = 'x'\nneeds = 'y'\nmore = 1\n",
        "[other]\n",
        "nonsense",
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.toml"
    path.write_text(text)
    with pytest.raises(ListError):
        load(path)
