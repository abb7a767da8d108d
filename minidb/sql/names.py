"""Names: folding, and PostgreSQL's way to quote them in messages."""

from __future__ import annotations

from sqlglot import exp

from minidb.errors import NotSupportedError
from minidb.sql.tokens import unmarked


def fold(name: str) -> str:
    """An unquoted name: ASCII letters to lower case, others as they are."""
    if name.isascii():
        return name.lower()
    return "".join([letter.lower() if letter.isascii() else letter for letter in name])


def identifier(node: object) -> str:
    """The name that an identifier stands for."""
    if isinstance(node, exp.Identifier):
        name = str(node.this)
        return name if node.args.get("quoted") else fold(unmarked(name))
    if isinstance(node, exp.Expression):
        if isinstance(node, exp.Column | exp.TableAlias | exp.Table) and node.this is not None:
            return identifier(node.this)
        return fold(unmarked(node.name))
    return fold(unmarked(str(node)))


def position_of(node: object) -> int | None:
    """Where the text of a node begins, from 1, if a part of it remembers."""
    if not isinstance(node, exp.Expression):
        return None
    start = node.meta.get("start")
    if start is not None:
        return int(start) + 1
    starts = [int(part.meta["start"]) for part in node.walk() if "start" in part.meta]
    return min(starts) + 1 if starts else None


def refuse(what: str, node: object = None) -> NotSupportedError:
    """0A000: PostgreSQL can, minidb cannot."""
    return NotSupportedError(f"{what} not supported", position=position_of(node))
