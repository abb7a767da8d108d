"""FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE: which rows of a SELECT are locked, and how.

A clause without OF means all tables of the FROM, and reaches into views and derived tables; where several
clauses mean one table, the strongest mode counts, and the least patient way to wait (PostgreSQL's rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from minidb.errors import NotSupportedError, ProgrammingError, SyntaxError_
from minidb.plan.nodes import RowMark, Waiting
from minidb.sql.names import identifier, position_of
from minidb.sql.scope import Scope
from minidb.txn.lock_modes import KEY_SHARE, NO_KEY_UPDATE, ROW_NAMES, SHARE_ROW, UPDATE

_IMPATIENCE: tuple[Waiting, ...] = ("block", "skip", "error")


@dataclass(frozen=True, slots=True)
class LockClause:
    """One clause; `of` is empty if it means everything."""

    mode: int
    wait: Waiting
    of: tuple[exp.Expression, ...] = ()

    @property
    def name(self) -> str:
        """`FOR SHARE`"""
        return ROW_NAMES[self.mode]

    def means(self, alias: str) -> bool:
        """Whether it locks the relation of that name."""
        return not self.of or any(identifier(table.this) == alias for table in self.of)


def lock_clauses(trees: Sequence[exp.Expression]) -> tuple[LockClause, ...]:
    """The clauses of one SELECT, as written."""
    return tuple([_clause(tree) for tree in trees])


def _clause(tree: exp.Expression) -> LockClause:
    key, wait = bool(tree.args.get("key")), tree.args.get("wait")
    if tree.args.get("update"):
        mode = NO_KEY_UPDATE if key else UPDATE
    else:
        mode = KEY_SHARE if key else SHARE_ROW
    of = tuple(tree.args.get("expressions") or ())
    clause = LockClause(mode, "block" if wait is None else "error" if wait else "skip", of)
    for table in of:
        if table.args.get("db") is not None:
            raise SyntaxError_(
                f"{clause.name} must specify unqualified relation names", position=position_of(table)
            )
    return clause


def strongest(clauses: Sequence[LockClause], alias: str | None = None) -> LockClause | None:
    """What the clauses that mean `alias` (None: all) come to; None if there are none."""
    found = [clause for clause in clauses if alias is None or clause.means(alias)]
    if not found:
        return None
    wait = max([clause.wait for clause in found], key=_IMPATIENCE.index)
    return LockClause(max([clause.mode for clause in found]), wait)


def marks_of(scope: Scope, clauses: Sequence[LockClause]) -> tuple[RowMark, ...]:
    """What is locked of each row of a FROM; 42P01 or 0A000 for a relation that OF must not name."""
    for clause in clauses:
        for table in clause.of:
            name = identifier(table.this)
            relation = scope.relation(name)
            if relation is None:
                raise ProgrammingError(
                    f'relation "{name}" in {clause.name} clause not found in FROM clause',
                    sqlstate="42P01",
                    position=position_of(table),
                )
            if relation.unlockable is not None:
                raise NotSupportedError(
                    f"{clause.name} cannot be applied to {relation.unlockable}", position=position_of(table)
                )
    return tuple([mark for relation in scope.relations for mark in relation.marks])


def not_allowed_with(clauses: Sequence[LockClause], what: str) -> NotSupportedError:
    """`FOR UPDATE is not allowed with DISTINCT clause`"""
    return NotSupportedError(f"{clauses[0].name} is not allowed with {what}")
