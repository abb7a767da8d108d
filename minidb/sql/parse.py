"""SQL text to statements: sqlglot's trees for queries and changes, own data for the rest.

    text -> tokens.statements -> first word -> sqlglot -> check_tree         SELECT, INSERT, WITH ...
                                            -> parse_define                  CREATE, ALTER, DROP ...
                                            -> session_statements, utility   BEGIN, SET, EXPLAIN, COPY ...

Trees are sqlglot's stock classes. sqlglot accepts more than PostgreSQL does and drops what it does not
understand here and there; `check_tree` refuses what the binder would not look at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel, ParseError
from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import NotSupportedError, SyntaxError_
from minidb.plan.definitions import Commit, Rollback, RollbackTo, Utility
from minidb.sql import parse_routine, session_statements, utility
from minidb.sql.check_tree import check_tree
from minidb.sql.copy_statement import parse_copy
from minidb.sql.do_statement import parse_do
from minidb.sql.overriding import without_overriding
from minidb.sql.parse_define import parse_definition
from minidb.sql.routine_syntax import CreateRoutineSyntax
from minidb.sql.token_sequence import check_sequence, near, too_deep
from minidb.sql.tokens import statements
from minidb.sql.typed_literals import parenthesised
from minidb.sql.utility import TokenReader, UnboundUtility

Tree = exp.Expression | Utility | UnboundUtility

_DIALECT: Final = Postgres()
_QUERIES: Final = frozenset({"select", "values", "table", "with", "("})
_CHANGES: Final = frozenset({"insert", "update", "delete"})
_DEFINITIONS: Final = frozenset({"create", "alter", "drop", "truncate", "reindex"})
_STATEMENTS: Final = (exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete)
_FROM_TOKENS: Final[dict[str, Callable[[TokenReader], Utility | UnboundUtility]]] = {
    **session_statements.PARSERS,
    **utility.PARSERS,
    **parse_routine.PARSERS,
    "copy": parse_copy,
    "do": parse_do,
}
_UNSUPPORTED: Final = frozenset(
    {"close", "cluster", "comment", "deallocate", "declare", "execute", "fetch", "grant"}
    | {"import", "listen", "load", "merge", "move", "notify", "prepare", "reassign", "refresh"}
    | {"revoke", "security", "unlisten"}
)


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """One statement: its tree, where it stands in the text, and its parameters.

    `kind` is select, insert, update or delete, else the statement's first word. Positions in errors and in
    `node.meta['start']` count from the beginning of `source`, the whole text, of which `text` is a part.
    """

    tree: Tree
    text: str
    offset: int
    kind: str
    parameters: tuple[str | None, ...]
    source: str

    @property
    def ends_transaction(self) -> bool:
        """Whether a failed transaction accepts it: COMMIT, ROLLBACK, ROLLBACK TO."""
        return isinstance(self.tree, Commit | Rollback | RollbackTo)


def parse(text: str) -> list[ParsedStatement]:
    """The statements of a script, in order."""
    return [
        parse_tokens(text, statement.tokens, tuple(statement.parameters)) for statement in statements(text)
    ]


def parse_query(text: str) -> exp.Expression:
    """The tree of a stored query: a view's."""
    found = parse(text)
    assert len(found) == 1 and isinstance(found[0].tree, exp.Expression)
    return found[0].tree


def parse_expression(text: str) -> exp.Expression:
    """The tree of a stored expression: a default, a check, an index key."""
    tree = parse_query("SELECT " + text)
    assert isinstance(tree, exp.Select) and len(tree.expressions) == 1
    expression: exp.Expression = tree.expressions[0]
    return expression.this if isinstance(expression, exp.Alias) else expression


def parse_tokens(text: str, tokens: list[Token], parameters: tuple[str | None, ...] = ()) -> ParsedStatement:
    """The one statement that these tokens of `text` are."""
    first = text[tokens[0].start : tokens[0].end + 1].lower().split()[0]
    tree: Tree
    kind = first
    if first in _FROM_TOKENS:
        reader = TokenReader(text, tokens)
        tree = _FROM_TOKENS[first](reader)
        reader.expect_end()
    elif first in _DEFINITIONS:
        tree = parse_definition(text, tokens)
        if isinstance(tree, CreateRoutineSyntax):
            parameters = ()  # those of the body are the routine's
    elif first in _QUERIES or first in _CHANGES:
        tokens, overriding = without_overriding(tokens)
        found = query_tree(text, tokens)
        if overriding is not None:
            if not isinstance(found, exp.Insert):
                raise SyntaxError_('syntax error at or near "OVERRIDING"')
            found.meta["overriding"] = overriding
        is_change = isinstance(found, exp.Insert | exp.Update | exp.Delete)
        tree, kind = found, str(found.key) if is_change else "select"
    elif first in _UNSUPPORTED:
        raise NotSupportedError(f"{first.upper()} is not supported", position=tokens[0].start + 1)
    else:
        raise near(text, tokens[0])
    begin, end = tokens[0].start, tokens[-1].end + 1
    return ParsedStatement(tree, text[begin:end], begin, kind, parameters, text)


def parse_tree(text: str, tokens: list[Token]) -> exp.Expression:
    """sqlglot's tree of the query inside a definition, whose tokens may be split into single words."""
    first, last = tokens[0].start, tokens[-1].end
    whole = [token for statement in statements(text) for token in statement.tokens]
    return query_tree(text, [token for token in whole if first <= token.start <= last])


def query_tree(text: str, tokens: list[Token]) -> exp.Expression:
    """sqlglot's tree of these tokens, checked."""
    check_sequence(text, tokens)
    tree = _sqlglot(text, parenthesised(tokens))
    if not isinstance(tree, _STATEMENTS):
        raise near(text[: tokens[-1].end + 1], None)
    check_tree(tree, text, tokens)
    return tree


def _sqlglot(text: str, tokens: list[Token]) -> exp.Expression:
    parser = _DIALECT.parser(error_level=ErrorLevel.IMMEDIATE)
    try:
        trees = parser.parse(tokens, text)
    except ParseError as error:
        raise _syntax_error(text, tokens, error) from None
    except RecursionError:
        raise too_deep() from None
    except (AttributeError, TypeError, ValueError, IndexError, KeyError):
        raise SyntaxError_("syntax error", position=tokens[0].start + 1) from None  # sqlglot lost its way
    tree = trees[0] if trees else None
    if not isinstance(tree, exp.Expression):
        raise near(text, tokens[0])
    return tree


def _syntax_error(text: str, tokens: list[Token], error: ParseError) -> SyntaxError_:
    """PostgreSQL's wording: the first token that cannot stand where it stands."""
    place = error.errors[0] if error.errors else {}
    token = _token_at(tokens, place.get("line"), place.get("col"))
    if token is None:
        return near(text, tokens[0])
    if token is tokens[-1] and _fails_at_end(text, tokens):
        return near(text[: token.end + 1], None)
    return near(text, token)


def _token_at(tokens: list[Token], line: int | None, column: int | None) -> Token | None:
    for token in tokens:
        if token.line == line and token.col == column:
            return token
    return None


def _fails_at_end(text: str, tokens: list[Token]) -> bool:
    """Whether one more token would move the error: then the statement only ended too early."""
    last = tokens[-1]
    extra = Token(TokenType.VAR, "x", last.line + 1, 1, last.end + 2, last.end + 2)
    try:
        _DIALECT.parser(error_level=ErrorLevel.IMMEDIATE).parse([*tokens, extra], text)
    except ParseError as error:
        place = error.errors[0] if error.errors else {}
        return bool(place.get("line") == extra.line)
    return True


class _QuietFallback(logging.Filter):
    """sqlglot warns when it gives up on a statement; here that is an error with a message of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Falling back to parsing as a 'Command'" not in record.getMessage()


logging.getLogger("sqlglot").addFilter(_QuietFallback())
