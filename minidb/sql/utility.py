"""The statements that steer the session, parsed from tokens: transactions, settings, EXPLAIN, COPY ...

What needs no catalog becomes a `plan.definitions.Utility` here; the others are data for `bind`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlglot.tokens import Token, TokenType

from minidb.errors import NotSupportedError, ProgrammingError
from minidb.plan import definitions
from minidb.plan.definitions import Utility
from minidb.sql.names import fold
from minidb.sql.tokens import near, unmarked


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
    format: str


@dataclass(frozen=True, slots=True)
class AnalyzeStatement(UnboundUtility):
    """ANALYZE or VACUUM of tables (none: of all)."""

    tables: tuple[TableName, ...]
    vacuum: bool = False
    analyze: bool = True


@dataclass(frozen=True, slots=True)
class CopyStatement(UnboundUtility):
    """COPY: of a table's columns or of a query (its tokens), `to` or from a file."""

    table: TableName | None
    columns: tuple[tuple[str, int], ...] | None  # name, position
    query: tuple[Token, ...]
    to: bool
    path: str
    options: dict[str, str | bool | tuple[str, ...]]


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


# --- transactions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Modes:
    level: str | None
    read_only: bool | None
    deferrable: bool | None


_LEVELS: Final = (
    ("READ", "UNCOMMITTED"),
    ("READ", "COMMITTED"),
    ("REPEATABLE", "READ"),
    ("SERIALIZABLE",),
)


def _modes(reader: TokenReader, *, required: bool) -> _Modes:
    """ISOLATION LEVEL ..., READ ONLY, READ WRITE, [NOT] DEFERRABLE, with or without commas."""
    level: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None
    first = True
    while not reader.at_end():
        comma = not first and reader.accept(",")
        if reader.accept("ISOLATION", "LEVEL"):
            for words in _LEVELS:
                if reader.accept(*words):
                    level = " ".join(words).lower()
                    break
            else:
                raise reader.error()
        elif reader.accept("READ", "ONLY"):
            read_only = True
        elif reader.accept("READ", "WRITE"):
            read_only = False
        elif reader.accept("DEFERRABLE"):
            deferrable = True
        elif reader.accept("NOT", "DEFERRABLE"):
            deferrable = False
        elif comma or first:
            raise reader.error()
        else:
            break
        first = False
    if required and first:
        raise reader.error()
    return _Modes(level, read_only, deferrable)


def _begin(reader: TokenReader) -> Utility:
    if reader.accept("START"):
        reader.expect("TRANSACTION")
    else:
        reader.expect("BEGIN")
        if not reader.accept("WORK"):
            reader.accept("TRANSACTION")
    modes = _modes(reader, required=False)
    return definitions.Begin(modes.level, modes.read_only, modes.deferrable)


def _chain(reader: TokenReader) -> bool:
    if not reader.accept("WORK"):
        reader.accept("TRANSACTION")
    if reader.accept("AND", "NO", "CHAIN"):
        return False
    return reader.accept("AND", "CHAIN")


def _commit(reader: TokenReader) -> Utility:
    reader.index += 1
    if reader.word() == "PREPARED":
        raise reader.unsupported("COMMIT PREPARED")
    return definitions.Commit(_chain(reader))


def _rollback(reader: TokenReader) -> Utility:
    reader.index += 1
    if reader.word() == "PREPARED":
        raise reader.unsupported("ROLLBACK PREPARED")
    if not reader.accept("WORK"):
        reader.accept("TRANSACTION")
    if reader.accept("TO"):
        reader.accept("SAVEPOINT")
        return definitions.RollbackTo(reader.name())
    return definitions.Rollback(_chain(reader))


def _savepoint(reader: TokenReader) -> Utility:
    reader.expect("SAVEPOINT")
    return definitions.Savepoint(reader.name())


def _release(reader: TokenReader) -> Utility:
    reader.expect("RELEASE")
    reader.accept("SAVEPOINT")
    return definitions.Release(reader.name())


# --- settings -------------------------------------------------------------------------------------


def _set(reader: TokenReader) -> Utility:
    reader.expect("SET")
    if reader.accept("TRANSACTION"):
        if reader.word() == "SNAPSHOT":
            raise reader.unsupported("SET TRANSACTION SNAPSHOT")
        modes = _modes(reader, required=True)
        return definitions.SetTransaction(modes.level, modes.read_only, modes.deferrable)
    if reader.accept("SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"):
        modes = _modes(reader, required=True)
        return definitions.SetSessionCharacteristics(modes.level, modes.read_only, modes.deferrable)
    if reader.word() == "CONSTRAINTS":
        raise reader.unsupported("SET CONSTRAINTS")
    local = reader.accept("LOCAL")
    if not local:
        reader.accept("SESSION")
    if reader.word() in ("ROLE", "AUTHORIZATION"):
        raise reader.unsupported("SET " + reader.word())
    if reader.accept("TIME", "ZONE"):
        return definitions.SetSetting("timezone", _value(reader), local)
    if reader.accept("SCHEMA"):
        return definitions.SetSetting("search_path", reader.string(), local)
    if reader.accept("NAMES"):
        return definitions.SetSetting("client_encoding", _value(reader), local)
    name = _setting_name(reader)
    if not reader.accept("TO"):
        reader.expect("=")
    values = [_value(reader)]
    while reader.accept(","):
        values.append(_value(reader))
    if values == [None]:
        return definitions.SetSetting(name, None, local)
    return definitions.SetSetting(name, ", ".join([value or "" for value in values]), local)


def _setting_name(reader: TokenReader) -> str:
    name = reader.name().lower()
    while reader.accept("."):
        name += "." + reader.name().lower()
    return name


def _value(reader: TokenReader) -> str | None:
    """A setting's value: a word, a number, a string; None is DEFAULT."""
    if reader.accept("DEFAULT"):
        return None
    if reader.accept("INTERVAL"):
        raise reader.unsupported("an INTERVAL as a setting")
    token = reader.token
    if token is None:
        raise reader.error()
    if token.token_type is TokenType.STRING:
        return reader.string()
    sign = ""
    if reader.accept("-"):
        sign = "-"
    else:
        reader.accept("+")
    token = reader.token
    if token is not None and token.token_type is TokenType.NUMBER:
        reader.index += 1
        return sign + token.text
    if sign:
        raise reader.error()
    if token is not None and token.text.upper() in ("ON", "TRUE", "FALSE", "LOCAL"):
        reader.index += 1
        return token.text.lower()
    return reader.name()


def _reset(reader: TokenReader) -> Utility:
    reader.expect("RESET")
    if reader.accept("TIME", "ZONE"):
        return definitions.SetSetting("timezone", None)
    return definitions.SetSetting(_setting_name(reader), None)


def _show(reader: TokenReader) -> Utility:
    reader.expect("SHOW")
    if reader.accept("TRANSACTION", "ISOLATION", "LEVEL"):
        return definitions.Show("transaction_isolation")
    if reader.accept("TIME", "ZONE"):
        return definitions.Show("timezone")
    return definitions.Show(_setting_name(reader))


def _checkpoint(reader: TokenReader) -> Utility:
    reader.expect("CHECKPOINT")
    return definitions.Checkpoint()


def _discard(reader: TokenReader) -> Utility:
    reader.expect("DISCARD")
    for what in ("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY"):
        if reader.accept(what):
            return definitions.Discard("temp" if what == "TEMPORARY" else what.lower())
    raise reader.error()


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
        found[name] = _option_value(reader)
        if reader.accept(")"):
            return found
        reader.expect(",")


_KNOWN_OPTIONS: Final = frozenset(
    {"buffers", "wal", "settings", "summary", "generic_plan", "serialize", "memory"}
)


def _option_value(reader: TokenReader) -> str | bool:
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
        options = _options(reader, frozenset({"analyze", "verbose", "costs", "timing", "format"}), "EXPLAIN")
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


# --- COPY -----------------------------------------------------------------------------------------

_COPY_OPTIONS: Final = frozenset(
    {
        "format",
        "header",
        "delimiter",
        "null",
        "quote",
        "escape",
        "force_quote",
        "force_not_null",
        "force_null",
    }
    | {"encoding", "compression"}
)


def _copy(reader: TokenReader) -> UnboundUtility:
    reader.expect("COPY")
    table: TableName | None = None
    columns: list[tuple[str, int]] | None = None
    query: tuple[Token, ...] = ()
    if reader.word() == "(":
        query = _parenthesised(reader)
    else:
        table = reader.table()
        if reader.accept("("):
            columns = []
            while True:
                token = reader.token
                columns.append((reader.name(), 0 if token is None else token.start + 1))
                if reader.accept(")"):
                    break
                reader.expect(",")
    to = reader.accept("TO")
    if not to:
        reader.expect("FROM")
        if query:
            raise reader.error()
    for place in ("STDIN", "STDOUT", "PROGRAM"):
        if reader.word() == place:
            raise reader.unsupported(f"COPY {'TO' if to else 'FROM'} {place}")
    path = reader.string()
    options = _copy_options(reader)
    if reader.word() == "WHERE":
        raise reader.unsupported("COPY FROM with WHERE")
    return CopyStatement(table, None if columns is None else tuple(columns), query, to, path, options)


def _parenthesised(reader: TokenReader) -> tuple[Token, ...]:
    """The tokens between this parenthesis and its partner."""
    start = reader.index + 1
    depth = 0
    while (token := reader.token) is not None:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        reader.index += 1
        if depth == 0:
            return tuple(reader.tokens[start : reader.index - 1])
    raise reader.error()


def _copy_options(reader: TokenReader) -> dict[str, str | bool | tuple[str, ...]]:
    """[WITH] (name value, ...), or the old spelling without parentheses."""
    options: dict[str, str | bool | tuple[str, ...]] = {}
    reader.accept("WITH")
    if not reader.accept("("):
        _old_copy_options(reader, options)
        return options
    while True:
        token = reader.token
        position = None if token is None else token.start + 1
        name = reader.name()
        if name not in _COPY_OPTIONS:
            if name in ("freeze", "default", "log_verbosity", "on_error"):
                raise NotSupportedError(f"COPY option {name} is not supported", position=position)
            raise ProgrammingError(f'option "{name}" not recognized', sqlstate="42601", position=position)
        if name in options:
            raise ProgrammingError("conflicting or redundant options", sqlstate="42601", position=position)
        if reader.accept("("):
            names = [reader.name()]
            while reader.accept(","):
                names.append(reader.name())
            reader.expect(")")
            options[name] = tuple(names)
        elif reader.accept("*"):
            options[name] = ("*",)
        else:
            options[name] = _option_value(reader)
        if reader.accept(")"):
            return options
        reader.expect(",")


def _old_copy_options(reader: TokenReader, options: dict[str, str | bool | tuple[str, ...]]) -> None:
    while not reader.at_end() and reader.word() != "WHERE":
        if reader.accept("CSV"):
            options["format"] = "csv"
        elif reader.accept("HEADER"):
            options["header"] = True
        elif reader.word() in ("DELIMITER", "NULL", "QUOTE", "ESCAPE", "ENCODING"):
            name = reader.word().lower()
            reader.index += 1
            reader.accept("AS")
            options[name] = reader.string()
        else:
            raise reader.error()


UTILITY_PARSERS: Final[dict[str, Callable[[TokenReader], Utility | UnboundUtility]]] = {
    "begin": _begin,
    "start": _begin,
    "commit": _commit,
    "end": _commit,
    "rollback": _rollback,
    "abort": _rollback,
    "savepoint": _savepoint,
    "release": _release,
    "set": _set,
    "reset": _reset,
    "show": _show,
    "checkpoint": _checkpoint,
    "discard": _discard,
    "explain": _explain,
    "analyze": _analyze,
    "analyse": _analyze,
    "vacuum": _vacuum,
    "copy": _copy,
}

UNSUPPORTED_COMMANDS: Final = frozenset(
    ["call", "close", "cluster", "comment", "deallocate", "declare", "do", "execute", "fetch", "grant", "import", "listen", "load", "lock", "merge", "move", "notify", "prepare", "reassign", "refresh", "reindex", "revoke", "security", "unlisten"]
)
