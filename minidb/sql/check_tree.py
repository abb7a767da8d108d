"""Refuses what a sqlglot tree holds and the binder does not read; nothing in a statement is ignored.

For each class of node that the binder understands, the arguments it reads are listed. Another argument
that is set is a clause that is not supported, and is named. Classes that are not listed here are met, and
refused, by the binder itself. INSERT, UPDATE, DELETE and definitions are checked where they are bound.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import NotSupportedError, SyntaxError_
from minidb.sql.names import position_of
from minidb.sql.token_sequence import near
from minidb.sql.tokens import MARK, unmarked

_QUERY: Final = frozenset({"with_", "order", "limit", "offset", "locks"})

_READ: Final[dict[type[exp.Expr], frozenset[str]]] = {
    exp.Select: _QUERY
    | {"kind", "expressions", "distinct", "from_", "joins", "where", "group", "having", "laterals"},
    exp.Subquery: _QUERY | {"this", "alias", "joins"},
    exp.Union: _QUERY | {"this", "expression", "distinct"},
    exp.Intersect: _QUERY | {"this", "expression", "distinct"},
    exp.Except: _QUERY | {"this", "expression", "distinct"},
    exp.Values: frozenset({"expressions", "alias", "order", "limit", "offset", "with_"}),
    exp.Table: frozenset({"this", "alias", "db", "catalog", "joins", "only", "ordinality"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Join: frozenset({"this", "on", "side", "kind", "using", "method"}),
    exp.Lateral: frozenset({"this", "alias", "ordinality"}),
    exp.With: frozenset({"expressions", "recursive"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Order: frozenset({"this", "expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression", "limit_options"}),
    exp.Fetch: frozenset({"direction", "count", "limit_options"}),
    exp.LimitOptions: frozenset({"rows", "with_ties"}),
    exp.Offset: frozenset({"expression"}),
    exp.Lock: frozenset({"update", "expressions", "wait", "key"}),
    exp.Group: frozenset({"expressions", "grouping_sets", "cube", "rollup"}),
    exp.Distinct: frozenset({"expressions", "on"}),
    exp.Star: frozenset(),
    exp.Column: frozenset({"this", "table", "db", "catalog"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true", "false"}),
    exp.In: frozenset({"this", "expressions", "query", "field"}),
    exp.Between: frozenset({"this", "low", "high", "symmetric"}),
    exp.Substring: frozenset({"this", "start", "length"}),
    exp.Trim: frozenset({"this", "expression", "position"}),
    exp.StrPosition: frozenset({"this", "substr"}),
}

_CLAUSES: Final = {
    "windows": "the WINDOW clause is",
    "sample": "TABLESAMPLE is",
    "into": "SELECT INTO is",
    "search": "SEARCH is",
    "cycle": "CYCLE is",
    "hint": "hints are",
    "catalog": "cross-database references are",
    "percent": "FETCH ... PERCENT is",
    "rows_from": "ROWS FROM is",
    "this": "LIMIT in the arguments of a function is",
}


def check_tree(tree: exp.Expression, text: str, tokens: list[Token]) -> None:
    """Fail with 0A000 at the first argument that nobody reads; take the marks off function names."""
    offsets = 0
    fetches = False
    for node in tree.walk():
        arguments = node.args
        if isinstance(node, exp.Identifier):
            if node.this.startswith(MARK):
                node.set("this", unmarked(node.this))
            continue
        if isinstance(node, exp.Anonymous):
            if isinstance(node.this, str):
                node.set("this", unmarked(node.this))
            continue
        read = _READ.get(type(node))
        if read is None:
            continue
        for name, value in arguments.items():
            if value and name not in read:
                what = _CLAUSES.get(name, f"the clause {name.rstrip('_').upper()} is")
                raise NotSupportedError(f"{what} not supported", position=position_of(node))
        if isinstance(node, exp.Select) and arguments.get("kind"):
            raise NotSupportedError(f"SELECT AS {arguments['kind']} is not supported")
        if isinstance(node, exp.Offset):
            offsets += 1
        elif isinstance(node, exp.Join):
            _check_join(node, text, tokens)
        elif isinstance(node, exp.Between):
            _check_between(node, text, tokens)
        elif isinstance(node, exp.Fetch):
            fetches = True
        elif isinstance(node, exp.StrPosition):
            _check_position(text, tokens)
        elif isinstance(node, exp.Lock):
            _check_lock(node, text, tokens)
    if offsets:
        _check_offsets(offsets, text, tokens)
    if fetches:
        _check_fetch(text, tokens)


def _check_join(node: exp.Join, text: str, tokens: list[Token]) -> None:
    """JOIN without ON looks like a comma in the tree; what stands before its right side tells."""
    arguments = node.args
    if arguments.get("using"):
        index = _index_at(tokens, position_of(arguments["using"][0]))
        if tokens[index - 1].token_type is not TokenType.L_PAREN:
            raise near(text, tokens[index])
    if arguments.get("on") or arguments.get("using"):
        if arguments.get("method") or arguments.get("kind") == "CROSS":
            on = arguments.get("on") or arguments["using"][0]
            index = _index_at(tokens, position_of(on))
            words = [token for token in tokens[:index] if token.token_type in (TokenType.ON, TokenType.USING)]
            raise near(text, words[-1] if words else None)
        return
    if arguments.get("method") or arguments.get("kind") == "CROSS":
        return
    position = position_of(node.this)
    if position is None:
        return
    index = _index_at(tokens, position)
    if arguments.get("side") or arguments.get("kind"):
        raise _after_join(node, text, tokens, index)
    depth = 0
    for token in reversed(tokens[:index]):
        if token.token_type is TokenType.R_PAREN:
            depth += 1
        elif token.token_type is TokenType.L_PAREN:
            depth -= 1
        elif depth <= 0 and token.token_type is TokenType.COMMA:
            return
        elif depth <= 0 and token.token_type is TokenType.JOIN:
            raise _after_join(node, text, tokens, index)


def _index_at(tokens: list[Token], position: int | None) -> int:
    """The index of the token at that position; past the end if there is none."""
    for index, token in enumerate(tokens):
        if position is not None and token.start >= position - 1:
            return index
    return len(tokens)


def _check_between(node: exp.Between, text: str, tokens: list[Token]) -> None:
    """sqlglot does without the AND of BETWEEN low AND high."""
    index = _index_at(tokens, position_of(node.args["high"]))
    depth = 0
    for token in reversed(tokens[:index]):
        if token.token_type is TokenType.R_PAREN:
            depth += 1
        elif token.token_type is TokenType.L_PAREN:
            depth -= 1
        elif depth <= 0 and token.token_type is TokenType.AND:
            return
        elif depth <= 0 and token.token_type is TokenType.BETWEEN:
            raise near(text, tokens[index] if index < len(tokens) else None)


def _check_position(text: str, tokens: list[Token]) -> None:
    """POSITION(a IN b): with a comma sqlglot takes it for another dialect's."""
    for index, token in enumerate(tokens):
        if token.text.lower() != "position" or token.token_type is TokenType.IDENTIFIER:
            continue
        depth = 0
        for inner in tokens[index + 1 :]:
            if depth == 1 and inner.token_type is TokenType.COMMA:
                raise near(text, inner)
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(inner.token_type, 0)
            if depth <= 0:
                break


def _check_lock(node: exp.Lock, text: str, tokens: list[Token]) -> None:
    """LOCK IN SHARE MODE and FOR UPDATE WAIT n are other dialects'."""
    words = [token.text.upper() for token in tokens]
    for index, token in enumerate(tokens):
        if words[index : index + 4] == ["LOCK", "IN", "SHARE", "MODE"]:
            raise near(text, token)
        if words[index] == "WAIT" and isinstance(node.args.get("wait"), exp.Expression):
            raise near(text, token)


def _check_fetch(text: str, tokens: list[Token]) -> None:
    """FETCH FIRST | NEXT [count] ROW | ROWS ONLY | WITH TIES, in full."""
    for index, token in enumerate(tokens):
        if token.token_type is not TokenType.FETCH:
            continue
        index += 1
        if index < len(tokens) and tokens[index].text.upper() in ("FIRST", "NEXT"):
            index += 1
        depth = 0
        while index < len(tokens) and (depth or tokens[index].text.upper() not in ("ROW", "ROWS")):
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[index].token_type, 0)
            index += 1
        words = [following.text.upper() for following in tokens[index + 1 : index + 3]]
        if words[:1] != ["ONLY"] and words != ["WITH", "TIES"]:
            at = tokens[index + 1] if index + 1 < len(tokens) else None
            raise near(text, at)


def _after_join(node: exp.Join, text: str, tokens: list[Token], index: int) -> SyntaxError_:
    """The error is at the token after the joined table and its alias."""
    last = max([int(part.meta.get("start", 0)) for part in node.this.walk()] or [0])
    for token in tokens[index:]:
        if token.start > last and token.token_type is not TokenType.R_PAREN:
            return near(text, token)
    return near(text, None)


def _check_offsets(offsets: int, text: str, tokens: list[Token]) -> None:
    """MySQL's LIMIT offset, count reads as an OFFSET that was never written."""
    written = [token for token in tokens if token.token_type is TokenType.OFFSET]
    if len(written) >= offsets:
        return
    after_limit = False
    depth = 0
    for token in tokens:
        if token.token_type is TokenType.LIMIT:
            after_limit, depth = True, 0
        elif token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
            after_limit = after_limit and depth >= 0
        elif token.token_type is TokenType.COMMA and after_limit and depth == 0:
            raise near(text, token)
