"""OVERRIDING SYSTEM | USER VALUE of INSERT, which sqlglot's parser does not know."""

from __future__ import annotations

from sqlglot.tokenizer_core import Token

_KINDS = frozenset({"SYSTEM", "USER"})


def without_overriding(tokens: list[Token]) -> tuple[list[Token], str | None]:
    """An INSERT's tokens without the clause, and what it said: 'system', 'user' or nothing."""
    depth = 0
    for place, token in enumerate(tokens):
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth == 0 and token.text.upper() == "OVERRIDING":
            following = [each.text.upper() for each in tokens[place + 1 : place + 3]]
            if len(following) == 2 and following[0] in _KINDS and following[1] == "VALUE":
                return tokens[:place] + tokens[place + 3 :], following[0].lower()
    return tokens, None
