"""Settings of a session: `SET`, `SHOW`, `RESET`, with PostgreSQL's names, units and errors.

A setting is refused when unknown (42704) and when its value does not parse (22023); none is accepted
and ignored, except those whose only possible value is the one that minidb already has.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minidb.errors import InternalError, NotSupportedError, ProgrammingError
from minidb.session.notices import SEVERITIES
from minidb.txn.isolation import PREDICATE, RANGE_LOCKINGS, SSI, STRATEGIES

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$")
_MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZE = re.compile(r"^\s*(\d+)\s*(B|kB|MB|GB|TB)?\s*$")
_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_BOOLEANS = {
    "on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False,
}  # fmt: skip


def _bad_value(name: str, text: str, hint: str | None = None) -> ProgrammingError:
    return ProgrammingError(f'invalid value for parameter "{name}": "{text}"', sqlstate="22023", hint=hint)


def _in_range(name: str, text: str, number: int) -> int:
    if number > 2**31 - 1:
        raise _bad_value(name, text, "Value exceeds integer range.")
    return number


def parse_boolean(name: str, text: str) -> bool:
    """on/off, true/false, yes/no, 1/0."""
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise _bad_value(name, text, "The value must be on or off.")
    return value


def parse_duration(name: str, text: str) -> int:
    """Milliseconds; a bare number is milliseconds already; 0 turns a timeout off."""
    match = _DURATION.match(text)
    if match is None:
        raise _bad_value(name, text, 'Valid units are "us", "ms", "s", "min", "h", and "d".')
    return _in_range(name, text, round(float(match[1]) * _MILLISECONDS[match[2] or "ms"]))


def parse_size(name: str, text: str) -> int:
    """Bytes; a bare number is kilobytes, as PostgreSQL has it."""
    match = _SIZE.match(text)
    if match is None:
        raise _bad_value(name, text, 'Valid units are "B", "kB", "MB", "GB", and "TB".')
    size = int(match[1]) * _BYTES[match[2] or "kB"]
    _in_range(name, text, size // 1024)
    return size


def parse_isolation(name: str, text: str) -> str:
    """An isolation level's name in lower case."""
    level = " ".join(text.lower().split())
    if level not in ("read uncommitted", "read committed", "repeatable read", "serializable"):
        raise _bad_value(name, text)
    return level


def parse_time_zone(name: str, text: str) -> str:
    """A zone that `zoneinfo` knows, or UTC."""
    if text.lower() in ("utc", "default", "local", "z"):
        return "UTC"
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _bad_value(name, text) from None
    return text


def parse_choice(*choices: str) -> Callable[[str, str], str]:
    """One of these words, in any case."""

    def parse(name: str, text: str) -> str:
        value = text.strip().lower()
        if value not in choices:
            raise _bad_value(name, text, f"Available values: {', '.join(choices)}.")
        return value

    return parse


def _text(name: str, text: str) -> str:
    return text


def parse_severity(name: str, text: str) -> str:
    """The least severity of messages that the client is told of."""
    value = text.strip().lower()
    value = "debug" if value in ("debug1", "debug2", "debug3", "debug4", "debug5") else value
    if value not in SEVERITIES:
        raise _bad_value(name, text)
    return value


def _only(*allowed: str) -> Callable[[str, str], str]:
    """A setting whose value is fixed: it may be set to what it is, anything else is refused."""

    def parse(name: str, text: str) -> str:
        if text.strip().strip('"').lower() not in [value.lower() for value in allowed]:
            raise NotSupportedError(f'parameter "{name}" supports only {allowed[0]!r}')
        return allowed[0]

    return parse


def _format_duration(value: Any) -> str:
    for unit in ("d", "h", "min", "s"):
        if value and value % _MILLISECONDS[unit] == 0:
            return f"{int(value // _MILLISECONDS[unit])}{unit}"
    return f"{value}ms" if value else "0"


def _format_size(value: Any) -> str:
    for unit in ("GB", "MB", "kB"):
        if value and value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value}B"


def _format_boolean(value: Any) -> str:
    return "on" if value else "off"


@dataclass(frozen=True)
class Setting:
    """A known setting: how its text is read and shown."""

    default: Any
    parse: Callable[[str, str], Any]
    show: Callable[[Any], str] = str
    read_only: bool = False


SETTINGS: dict[str, Setting] = {
    "default_transaction_isolation": Setting("read committed", parse_isolation),
    "default_transaction_read_only": Setting(False, parse_boolean, _format_boolean),
    "default_transaction_deferrable": Setting(False, parse_boolean, _format_boolean),
    "serializable_strategy": Setting(SSI, parse_choice(*STRATEGIES)),
    "range_locking": Setting(PREDICATE, parse_choice(*RANGE_LOCKINGS)),
    "lock_timeout": Setting(0, parse_duration, _format_duration),
    "statement_timeout": Setting(0, parse_duration, _format_duration),
    "idle_in_transaction_session_timeout": Setting(0, parse_duration, _format_duration),
    "transaction_timeout": Setting(0, parse_duration, _format_duration),
    "procedure_timeout": Setting(0, parse_duration, _format_duration),
    "synchronous_commit": Setting(True, parse_boolean, _format_boolean),
    "work_mem": Setting(64 * 1024**2, parse_size, _format_size),
    "timezone": Setting("UTC", parse_time_zone),
    "client_min_messages": Setting("notice", parse_severity),
    "application_name": Setting("", _text),
    "search_path": Setting("public", _only("public", '"$user", public', "public, pg_catalog")),
    "client_encoding": Setting("UTF8", _only("UTF8", "utf-8", "unicode")),
    "datestyle": Setting("ISO, MDY", _only("ISO, MDY", "ISO")),
    "intervalstyle": Setting("postgres", _only("postgres")),
    "standard_conforming_strings": Setting("on", _only("on", "true")),
    "server_version": Setting("15.0", _text, read_only=True),
    "server_encoding": Setting("UTF8", _text, read_only=True),
}

# What `minidb_settings` says of each.
DESCRIPTIONS: dict[str, str] = {
    "default_transaction_isolation": "Isolation level of each new transaction.",
    "default_transaction_read_only": "Whether new transactions may not write.",
    "default_transaction_deferrable": "Whether new SERIALIZABLE READ ONLY transactions are DEFERRABLE.",
    "serializable_strategy": "How SERIALIZABLE is reached: ssi, 2pl or serial.",
    "range_locking": "What 2pl locks of a range: predicate or next-key.",
    "lock_timeout": "Longest wait for a lock; 0 waits as long as it takes.",
    "statement_timeout": "Longest run of a statement; 0 for no limit.",
    "idle_in_transaction_session_timeout": "Longest idle time of an open transaction; 0 for no limit.",
    "transaction_timeout": "Longest life of a transaction; 0 for no limit.",
    "procedure_timeout": "Longest run of a call under serial execution; 0 for no limit.",
    "synchronous_commit": "Whether COMMIT returns only when the commit is on disk.",
    "work_mem": "Memory for each sort or hash, before it goes to disk.",
    "timezone": "Time zone in which timestamps are read and shown.",
    "client_min_messages": "Least severity of the messages that the client is told of.",
    "application_name": "What the application calls itself, for those who watch.",
    "search_path": "Schemas in which names are looked up.",
    "client_encoding": "Encoding of texts on the client's side.",
    "datestyle": "Format of dates.",
    "intervalstyle": "Format of intervals.",
    "standard_conforming_strings": "Whether a backslash in a string is an ordinary character.",
    "server_version": "The PostgreSQL version whose behaviour this follows.",
    "server_encoding": "Encoding of texts in the database.",
}


def unit_of(setting: Setting) -> str | None:
    """What a bare number in SET means."""
    return "ms" if setting.parse is parse_duration else "kB" if setting.parse is parse_size else None


_ALIASES = {"time zone": "timezone", "transaction isolation level": "transaction_isolation"}


def find(name: str) -> tuple[str, Setting]:
    """The setting's canonical name and definition; 42704 if there is none."""
    key = _ALIASES.get(name.lower(), name.lower())
    setting = SETTINGS.get(key)
    if setting is None:
        raise ProgrammingError(f'unrecognized configuration parameter "{name}"', sqlstate="42704")
    return key, setting


def parse(name: str, text: str | None) -> tuple[str, Any]:
    """(canonical name, value) of `SET name = text`; None is DEFAULT."""
    key, setting = find(name)
    if setting.read_only:
        raise InternalError(f'parameter "{key}" cannot be changed', sqlstate="55P02")
    return key, setting.default if text is None else setting.parse(key, text)


def defaults() -> dict[str, Any]:
    """Every setting's initial value."""
    return {name: setting.default for name, setting in SETTINGS.items()}
