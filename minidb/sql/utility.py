"""Statements read from tokens instead of sqlglot's trees: the reader, and EXPLAIN, ANALYZE, VACUUM, LOCK.

What needs no catalog becomes a `plan.definitions.Utility` at once (see `session_statements`); the others are
`UnboundUtility`: data for `bind`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from minidb.errors import NotSupportedError, ProgrammingError
from minidb.plan.definitions import Utility
from minidb.sql.names import fold
from minidb.sql.token_sequence import near
from minidb.sql.tokens import unmarked
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, TABLE_NAMES


class UnboundUtility:
    """Base of the utility statements that name tables or hold a statement."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's name as written, folded, and where."""

    name: str
    schema: str | None
    position: int


@dataclass(frozen=True, slots=True)
class ExplainStatement(UnboundUtility):
    """EXPLAIN: `tokens` are the explained statement's."""

    tokens: tuple[Token, ...]
    analyze: bool
    verbose: bool
    costs: bool
    timing: bool
    locks: bool
    format: str


@dataclass(frozen=True, slots=True)
class AnalyzeStatement(UnboundUtility):
    """ANALYZE or VACUUM of tables (none: of all)."""

    tables: tuple[TableName, ...]
    vacuum: bool = False
    analyze: bool = True


@dataclass(frozen=True, slots=True)
class LockStatement(UnboundUtility):
    """LOCK TABLE."""

    tables: tuple[TableName, ...]
    mode: int
    wait: bool


class TokenReader:
    """A cursor over one statement's tokens: `accept` moves on if the words match, `expect` insists."""

    __slots__ = ("index", "text", "tokens")

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0

    @property
    def token(self) -> Token | None:
        """The next token."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def word(self) -> str:
        """The next token as an upper-case keyword; empty at the end and for quoted things."""
        token = self.token
        if token is None or token.token_type is TokenType.STRING or self.text[token.start] == '"':
            return ""
        return unmarked(token.text).upper()

    def accept(self, *words: str) -> bool:
        """Move past these words, if they come next."""
        start = self.index
        for word in words:
            if self.word() != word:
                self.index = start
                return False
            self.index += 1
        return True

    def expect(self, *words: str) -> None:
        """Move past these words, or fail."""
        for word in words:
            if not self.accept(word):
                raise self.error()

    def error(self) -> ProgrammingError:
        """A syntax error at the next token."""
        token = self.token
        return near(self.text[: self.tokens[-1].end + 1] if token is None else self.text, token)

    def unsupported(self, what: str) -> NotSupportedError:
        """That `what` is not supported, at the next token."""
        token = self.token
        return NotSupportedError(
            f"{what} is not supported", position=None if token is None else token.start + 1
        )

    def at_end(self) -> bool:
        """Whether nothing follows."""
        return self.index >= len(self.tokens)

    def expect_end(self) -> None:
        """Fail if something follows."""
        if not self.at_end():
            raise self.error()

    def name(self) -> str:
        """A name, folded."""
        token = self.token
        if token is None or token.token_type in (TokenType.STRING, TokenType.NUMBER):
            raise self.error()
        if token.token_type is not TokenType.IDENTIFIER and not (
            token.text[0].isalpha() or token.text[0] == "_"
        ):
            raise self.error()
        self.index += 1
        quoted = token.token_type is TokenType.IDENTIFIER
        return token.text if quoted else fold(unmarked(token.text))

    def string(self) -> str:
        """A quoted string."""
        token = self.token
        if token is None or token.token_type is not TokenType.STRING:
            raise self.error()
        self.index += 1
        return token.text

    def table(self) -> TableName:
        """A table's name, perhaps with its schema."""
        token = self.token
        position = 0 if token is None else token.start + 1
        name = self.name()
        if self.accept("."):
            return TableName(self.name(), name, position)
        return TableName(name, None, position)

    def rest(self) -> tuple[Token, ...]:
        """All that follows."""
        found = tuple(self.tokens[self.index :])
        if not found:
            raise self.error()
        self.index = len(self.tokens)
        return found


# --- EXPLAIN, ANALYZE, VACUUM ---------------------------------------------------------------------


def _options(reader: TokenReader, allowed: frozenset[str], command: str) -> dict[str, str | bool]:
    """(name [value], ...) of EXPLAIN, ANALYZE and VACUUM, after the opening parenthesis."""
    found: dict[str, str | bool] = {}
    while True:
        token = reader.token
        name = reader.name()
        if name == "analyse":
            name = "analyze"
        if name not in allowed:
            position = None if token is None else token.start + 1
            if name in _KNOWN_OPTIONS:
                raise NotSupportedError(f'{command} option "{name}" is not supported', position=position)
            raise ProgrammingError(
                f'unrecognized {command} option "{name}"', sqlstate="42601", position=position
            )
        found[name] = option_value(reader)
        if reader.accept(")"):
            return found
        reader.expect(",")


_KNOWN_OPTIONS: Final = frozenset(
    {"buffers", "wal", "settings", "summary", "generic_plan", "serialize", "memory"}
)


def option_value(reader: TokenReader) -> str | bool:
    token = reader.token
    if token is None or token.token_type in (TokenType.COMMA, TokenType.R_PAREN):
        return True
    reader.index += 1
    value = unmarked(token.text)
    if token.token_type is TokenType.STRING:
        return value
    lowered = value.lower()
    if lowered in ("on", "true", "1"):
        return True
    if lowered in ("off", "false", "0"):
        return False
    return lowered


def _flag(options: dict[str, str | bool], name: str, default: bool) -> bool:
    value = options.get(name, default)
    if isinstance(value, bool):
        return value
    raise ProgrammingError(f"{name} requires a Boolean value", sqlstate="42601")


def _explain(reader: TokenReader) -> UnboundUtility:
    reader.expect("EXPLAIN")
    options: dict[str, str | bool] = {}
    token = reader.token
    following = reader.tokens[reader.index + 1] if reader.index + 1 < len(reader.tokens) else None
    if (
        token is not None
        and token.token_type is TokenType.L_PAREN
        and following is not None
        and following.token_type
        not in (TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.L_PAREN)
    ):
        reader.index += 1
        allowed = frozenset({"analyze", "verbose", "costs", "timing", "locks", "format"})
        options = _options(reader, allowed, "EXPLAIN")
    else:
        if reader.accept("ANALYZE") or reader.accept("ANALYSE"):
            options["analyze"] = True
        if reader.accept("VERBOSE"):
            options["verbose"] = True
    layout = str(options.get("format", "text")).lower()
    if layout not in ("text", "json", "xml", "yaml"):
        raise ProgrammingError(
            f'unrecognized value for EXPLAIN option "format": "{layout}"', sqlstate="22023"
        )
    return ExplainStatement(
        reader.rest(),
        _flag(options, "analyze", False),
        _flag(options, "verbose", False),
        _flag(options, "costs", True),
        _flag(options, "timing", True),
        _flag(options, "locks", False),
        layout,
    )


def _table_list(reader: TokenReader) -> tuple[TableName, ...]:
    tables: list[TableName] = []
    if reader.at_end():
        return ()
    while True:
        tables.append(reader.table())
        if reader.word() == "(":
            raise reader.unsupported("ANALYZE of single columns")
        if not reader.accept(","):
            return tuple(tables)


def _analyze(reader: TokenReader) -> UnboundUtility:
    reader.index += 1
    if reader.accept("("):
        _flag(_options(reader, frozenset({"verbose"}), "ANALYZE"), "verbose", False)
    else:
        reader.accept("VERBOSE")
    return AnalyzeStatement(_table_list(reader))


def _vacuum(reader: TokenReader) -> UnboundUtility:
    reader.expect("VACUUM")
    analyze = False
    if reader.accept("("):
        allowed = frozenset({"verbose", "analyze", "full", "freeze"})
        analyze = _flag(_options(reader, allowed, "VACUUM"), "analyze", False)
    else:
        reader.accept("FULL")
        reader.accept("FREEZE")
        reader.accept("VERBOSE")
        analyze = reader.accept("ANALYZE") or reader.accept("ANALYSE")
    return AnalyzeStatement(_table_list(reader), vacuum=True, analyze=analyze)


def _lock(reader: TokenReader) -> UnboundUtility:
    reader.expect("LOCK")
    reader.accept("TABLE")
    tables: list[TableName] = []
    while not tables or reader.accept(","):
        reader.accept("ONLY")  # there is no inheritance: the same
        tables.append(reader.table())
        reader.accept("*")
    mode = ACCESS_EXCLUSIVE
    if reader.accept("IN"):
        for candidate, name in TABLE_NAMES.items():
            if reader.accept(*name.split(), "MODE"):
                mode = candidate
                break
        else:
            raise reader.error()
    return LockStatement(tuple(tables), mode, not reader.accept("NOWAIT"))


PARSERS: Final[dict[str, Callable[[TokenReader], Utility | UnboundUtility]]] = {
    "explain": _explain,
    "lock": _lock,
    "analyze": _analyze,
    "analyse": _analyze,
    "vacuum": _vacuum,
}
