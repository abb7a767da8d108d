"""Transactions and settings: BEGIN, COMMIT, SAVEPOINT ..., SET, RESET, SHOW, CHECKPOINT, DISCARD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlglot.tokenizer_core import TokenType

from minidb.plan import definitions
from minidb.plan.definitions import Utility
from minidb.sql.utility import TokenReader

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


PARSERS: Final[dict[str, Callable[[TokenReader], Utility]]] = {
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
}
