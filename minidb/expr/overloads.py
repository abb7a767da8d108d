"""PostgreSQL's choice among operators or functions of one name.

Given the argument types and the candidates' declared types, in this order (PostgreSQL 15, chapter 10):

1. an exact match wins; for an operator with one untyped operand, both sides of the other's type;
2. candidates whose arguments cannot be converted implicitly are dropped;
3. those with the most exact matches stay, then those that take the most preferred types;
4. for each untyped argument the remaining candidates vote for a category, string first;
5. untyped arguments are taken to be of the type that all typed arguments share.

One candidate left is the answer; none or several is an error that the caller words.
Only kinds take part; modifiers such as a length never do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from minidb.value.sql_types import Kind

_CATEGORIES: Final[dict[Kind, str]] = {
    Kind.BOOLEAN: "B",
    Kind.SMALLINT: "N",
    Kind.INTEGER: "N",
    Kind.BIGINT: "N",
    Kind.REAL: "N",
    Kind.DOUBLE: "N",
    Kind.NUMERIC: "N",
    Kind.TEXT: "S",
    Kind.VARCHAR: "S",
    Kind.CHAR: "S",
    Kind.BYTEA: "U",
    Kind.DATE: "D",
    Kind.TIME: "D",
    Kind.TIMESTAMP: "D",
    Kind.TIMESTAMPTZ: "D",
    Kind.INTERVAL: "T",
    Kind.UUID: "U",
    Kind.JSON: "U",
    Kind.JSONB: "U",
    Kind.UNKNOWN: "X",
}
_PREFERRED: Final = frozenset({Kind.BOOLEAN, Kind.DOUBLE, Kind.TEXT, Kind.TIMESTAMPTZ, Kind.INTERVAL})

# What PostgreSQL's pg_cast calls implicit, between different kinds.
_IMPLICIT: Final[dict[Kind, frozenset[Kind]]] = {
    Kind.SMALLINT: frozenset({Kind.INTEGER, Kind.BIGINT, Kind.REAL, Kind.DOUBLE, Kind.NUMERIC}),
    Kind.INTEGER: frozenset({Kind.BIGINT, Kind.REAL, Kind.DOUBLE, Kind.NUMERIC}),
    Kind.BIGINT: frozenset({Kind.REAL, Kind.DOUBLE, Kind.NUMERIC}),
    Kind.NUMERIC: frozenset({Kind.REAL, Kind.DOUBLE}),
    Kind.REAL: frozenset({Kind.DOUBLE}),
    Kind.TEXT: frozenset({Kind.VARCHAR, Kind.CHAR}),
    Kind.VARCHAR: frozenset({Kind.TEXT, Kind.CHAR}),
    Kind.CHAR: frozenset({Kind.TEXT, Kind.VARCHAR}),
    Kind.DATE: frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
    Kind.TIMESTAMP: frozenset({Kind.TIMESTAMPTZ}),
    Kind.TIME: frozenset({Kind.INTERVAL}),
}
_NO_KINDS: Final[frozenset[Kind]] = frozenset()


class Signature(NamedTuple):
    """One candidate: its declared argument kinds, and its place in the caller's table."""

    kinds: tuple[Kind, ...]
    position: int


def converts_implicitly(source: Kind, target: Kind) -> bool:
    """Whether an argument of kind `source` may stand where `target` is declared."""
    return source is target or source is Kind.UNKNOWN or target in _IMPLICIT.get(source, _NO_KINDS)


def choose(
    signatures: Sequence[Signature], arguments: Sequence[Kind], *, is_operator: bool = False
) -> Signature | list[Signature] | None:
    """The best candidate; None if nothing fits; a list if several fit equally well."""
    given = tuple(arguments)
    for signature in signatures:
        if signature.kinds == given:
            return signature
    if is_operator and len(given) == 2 and (given[0] is Kind.UNKNOWN) != (given[1] is Kind.UNKNOWN):
        known = given[0] if given[1] is Kind.UNKNOWN else given[1]
        for signature in signatures:
            if signature.kinds == (known, known):
                return signature
    fitting = [
        signature
        for signature in signatures
        if len(signature.kinds) == len(given)
        and all(
            converts_implicitly(source, target) for source, target in zip(given, signature.kinds, strict=True)
        )
    ]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    fitting = _most(fitting, [_exact(given, signature) for signature in fitting])
    if len(fitting) == 1:
        return fitting[0]
    fitting = _most(fitting, [_exact_or_preferred(given, signature) for signature in fitting])
    if len(fitting) == 1:
        return fitting[0]
    if Kind.UNKNOWN not in given:
        return fitting
    return _by_untyped_arguments(fitting, given)


def _most(candidates: list[Signature], scores: list[int]) -> list[Signature]:
    best = max(scores)
    return [candidate for candidate, score in zip(candidates, scores, strict=True) if score == best]


def _exact(given: tuple[Kind, ...], signature: Signature) -> int:
    return sum(
        [
            source is target and source is not Kind.UNKNOWN
            for source, target in zip(given, signature.kinds, strict=True)
        ]
    )


def _exact_or_preferred(given: tuple[Kind, ...], signature: Signature) -> int:
    score = 0
    for source, target in zip(given, signature.kinds, strict=True):
        if source is not Kind.UNKNOWN:
            same_category = _CATEGORIES[source] == _CATEGORIES[target]
            score += source is target or (same_category and target in _PREFERRED)
    return score


def _by_untyped_arguments(
    candidates: list[Signature], given: tuple[Kind, ...]
) -> Signature | list[Signature] | None:
    """Steps 4 and 5."""
    narrowed = candidates
    for index, source in enumerate(given):
        if source is not Kind.UNKNOWN:
            continue
        categories = {_CATEGORIES[candidate.kinds[index]] for candidate in narrowed}
        if "S" in categories:
            category = "S"
        elif len(categories) == 1:
            category = categories.pop()
        else:
            narrowed = []
            break
        accepting = [c for c in narrowed if _CATEGORIES[c.kinds[index]] == category]
        preferring = [c for c in accepting if c.kinds[index] in _PREFERRED]
        narrowed = preferring or accepting
    if len(narrowed) == 1:
        return narrowed[0]
    candidates = narrowed or candidates
    known = {kind for kind in given if kind is not Kind.UNKNOWN}
    if len(known) == 1:
        shared = known.pop()
        fitting = [
            c
            for c in candidates
            if all(
                source is not Kind.UNKNOWN or converts_implicitly(shared, target)
                for source, target in zip(given, c.kinds, strict=True)
            )
        ]
        if len(fitting) == 1:
            return fitting[0]
    return candidates
