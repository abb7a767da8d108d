"""`DATE '2024-01-31'::text` for sqlglot, which would cast the bare literal to text first and that to a date.

PostgreSQL takes the type and the literal together as one constant. So parentheses are put around them where a
cast follows:

    timestamp(2) with time zone '2024-01-31 10:00' :: text
    (                                            )
"""

from __future__ import annotations

from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

_LITERALS: Final = frozenset({TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.BYTE_STRING})
# INTERVAL is not among them: sqlglot has a node of its own for its literals.
_TYPES: Final = frozenset(
    {
        TokenType.BIGINT,
        TokenType.BOOLEAN,
        TokenType.BPCHAR,
        TokenType.CHAR,
        TokenType.DATE,
        TokenType.DECIMAL,
        TokenType.DOUBLE,
        TokenType.FLOAT,
        TokenType.INT,
        TokenType.JSON,
        TokenType.JSONB,
        TokenType.NAME,
        TokenType.SMALLINT,
        TokenType.TEXT,
        TokenType.TIME,
        TokenType.TIMESTAMP,
        TokenType.TIMESTAMPTZ,
        TokenType.TIMETZ,
        TokenType.UUID,
        TokenType.VARBINARY,
        TokenType.VARCHAR,
    }
)


def parenthesised(tokens: list[Token]) -> list[Token]:
    """The tokens with such constants in parentheses."""
    found: list[tuple[int, int]] = []
    for place in range(1, len(tokens) - 1):
        if tokens[place + 1].token_type is TokenType.DCOLON and tokens[place].token_type in _LITERALS:
            start = _type_start(tokens, place - 1)
            if start is not None:
                found.append((start, place))
    if not found:
        return tokens
    changed: list[Token] = []
    done = 0
    for start, end in found:
        changed += tokens[done:start]
        changed.append(_parenthesis(TokenType.L_PAREN, "(", tokens[start]))
        changed += tokens[start : end + 1]
        changed.append(_parenthesis(TokenType.R_PAREN, ")", tokens[end]))
        done = end + 1
    return changed + tokens[done:]


def _type_start(tokens: list[Token], last: int) -> int | None:
    """Where the type that ends at `last` begins; None if there is none."""
    if last >= 3 and [token.text.lower() for token in tokens[last - 1 : last + 1]] == ["time", "zone"]:
        last -= 3  # before WITH or WITHOUT
    if last >= 2 and tokens[last].token_type is TokenType.R_PAREN:
        while last > 0 and tokens[last].token_type is not TokenType.L_PAREN:
            last -= 1
        last -= 1
    return last if last >= 0 and tokens[last].token_type in _TYPES else None


def _parenthesis(kind: TokenType, text: str, beside: Token) -> Token:
    return Token(kind, text, beside.line, beside.col, beside.start, beside.end)
