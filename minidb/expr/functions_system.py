"""Functions that look at the session: identity, settings, sequences; random UUIDs; pg_sleep."""

from __future__ import annotations

import time
import uuid
from typing import Final

from minidb.errors import ProgrammingError
from minidb.expr.function_table import Overload, define
from minidb.expr.node import EvaluationContext

_USER: Final = "minidb"
_VERSION: Final = "PostgreSQL 15.0 compatible minidb"


def sequence_name(name: str) -> str:
    """The sequence that nextval's text means: folded to lower case unless quoted, `public.` left out."""
    parts: list[str] = []
    current = ""
    quoted = False
    for character in name:
        if character == '"':
            quoted = not quoted
        elif character == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            current += character if quoted else character.lower()
    parts.append(current)
    if quoted or "" in parts or len(parts) > 2:
        raise ProgrammingError(f'invalid name syntax: "{name}"', sqlstate="42602")
    if len(parts) == 2 and parts[0] != "public":
        raise ProgrammingError(f'schema "{parts[0]}" does not exist', sqlstate="3F000")
    return parts[-1]


def nextval(context: EvaluationContext, name: str) -> int:
    """nextval('sequence')."""
    return context.sequence_value("nextval", sequence_name(name), None)


def currval(context: EvaluationContext, name: str) -> int:
    """currval('sequence')."""
    return context.sequence_value("currval", sequence_name(name), None)


def lastval(context: EvaluationContext) -> int:
    """lastval()."""
    return context.sequence_value("lastval", "", None)


def setval(context: EvaluationContext, name: str, value: int, is_called: bool = True) -> int:
    """setval('sequence', value [, is_called]): with false, the next nextval is `value` itself."""
    operation = "setval" if is_called else "setval_uncalled"
    return context.sequence_value(operation, sequence_name(name), value)


def current_setting(context: EvaluationContext, name: str, missing_ok: bool = False) -> str | None:
    """current_setting('name' [, missing_ok])."""
    settings = context.settings
    key = name.lower()
    if key not in settings:
        if missing_ok:
            return None
        raise ProgrammingError(f'unrecognized configuration parameter "{name}"', sqlstate="42704")
    value = settings[key]
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


def random_uuid(context: EvaluationContext) -> uuid.UUID:
    """gen_random_uuid(): of version 4."""
    return uuid.UUID(int=context.chance().getrandbits(128), version=4)


def backend_pid(context: EvaluationContext) -> int:
    """pg_backend_pid(): a session is no process here, but it has a number, as in pg_stat_activity."""
    return context.session_id()


def sleep(context: EvaluationContext, seconds: float) -> str:
    """pg_sleep(seconds): waits, but not past a cancel or a timeout."""
    end = time.monotonic() + seconds
    while True:
        context.check_cancel()
        left = end - time.monotonic()
        if left <= 0:
            return ""
        time.sleep(min(left, 0.05))


FUNCTIONS: Final[tuple[Overload, ...]] = (
    define("version() text", lambda: _VERSION, "stable"),
    define("current_database() text", lambda: _USER, "stable"),
    define("current_catalog() text", lambda: _USER, "stable"),
    define("current_schema() text", lambda: "public", "stable"),
    define("current_user() text", lambda: _USER, "stable"),
    define("current_role() text", lambda: _USER, "stable"),
    define("session_user() text", lambda: _USER, "stable"),
    define("current_setting(text) text", current_setting, "stable", with_context=True),
    define("current_setting(text, boolean) text", current_setting, "stable", with_context=True),
    define("nextval(text) bigint", nextval, "volatile", with_context=True),
    define("currval(text) bigint", currval, "volatile", with_context=True),
    define("lastval() bigint", lastval, "volatile", with_context=True),
    define("setval(text, bigint) bigint", setval, "volatile", with_context=True),
    define("setval(text, bigint, boolean) bigint", setval, "volatile", with_context=True),
    define("pg_sleep(double) text", sleep, "volatile", with_context=True),
    define("pg_backend_pid() integer", backend_pid, "stable", with_context=True),
    define("pg_client_encoding() text", lambda: "UTF8", "stable"),
    define("gen_random_uuid() uuid", random_uuid, "volatile", with_context=True),
)
