"""Which tokens cannot follow each other: what sqlglot's parser would read over.

It leaves out empty places of a list, an alias after AS that is not there, an ORDER BY without a term.
"""

from __future__ import annotations

from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import OperationalError, SyntaxError_

_CLAUSES: Final = frozenset(
    {
        TokenType.FROM,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.OFFSET,
        TokenType.FETCH,
        TokenType.UNION,
        TokenType.INTERSECT,
        TokenType.EXCEPT,
        TokenType.RETURNING,
    }
)
_ENDS: Final = _CLAUSES | {TokenType.COMMA, TokenType.R_PAREN, TokenType.R_BRACKET}

# Something must follow these.
_OPEN: Final = frozenset(
    {
        TokenType.COMMA,
        TokenType.ALIAS,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.OFFSET,
        TokenType.ON,
        TokenType.AND,
        TokenType.OR,
        TokenType.IS,
        TokenType.BETWEEN,
        TokenType.JOIN,
    }
)
_STARTS: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.SELECT, TokenType.COMMA})


_DEEPER: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE})
_SHALLOWER: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END})
MOST_NESTED: Final = 500  # sqlglot's compiled parser would run out of the machine's stack


def too_deep() -> OperationalError:
    """54001: nested more deeply than the parser and the binder can follow."""
    return OperationalError(
        "stack depth limit exceeded", sqlstate="54001", hint="The statement is nested too deeply."
    )


def near(text: str, token: Token | None) -> SyntaxError_:
    """PostgreSQL's syntax error for an unexpected token (None: the end)."""
    if token is None:
        return SyntaxError_("syntax error at end of input", position=len(text.rstrip()) + 1)
    written = text[token.start : token.end + 1]
    if token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER):
        written = written.split()[0]
    return SyntaxError_(f'syntax error at or near "{written}"', position=token.start + 1)


def check_sequence(text: str, tokens: list[Token]) -> None:
    """Fail at the first token of a statement that cannot stand after the one before it."""
    previous: Token | None = None
    before: Token | None = None
    depth = 0
    for token in tokens:
        kind = token.token_type
        if kind in _DEEPER:
            depth += 1
            if depth > MOST_NESTED:
                raise too_deep()
        elif kind in _SHALLOWER:
            depth -= 1
        if previous is not None:
            if previous.token_type in _OPEN and kind in _ENDS:
                raise near(text, token)
            if previous.token_type in _STARTS and kind in (TokenType.COMMA, TokenType.ALIAS):
                raise near(text, token)
            if previous.token_type is TokenType.L_PAREN and kind is TokenType.FROM:
                if before is None or before.text.lower() != "trim":
                    raise near(text, token)
        before, previous = previous, token
    if previous is not None and previous.token_type in _OPEN:
        raise near(text[: previous.end + 1], None)
