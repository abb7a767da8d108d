"""Type names as SQL text spells them: PostgreSQL's names and aliases, with their modifiers."""

from __future__ import annotations

from collections.abc import Sequence

from minidb.errors import DataError, NotSupportedError, ProgrammingError, SyntaxError_
from minidb.value import sql_types
from minidb.value.sql_types import Kind, SqlType

_TYPES: dict[str, SqlType] = {
    "boolean": sql_types.BOOLEAN,
    "bool": sql_types.BOOLEAN,
    "smallint": sql_types.SMALLINT,
    "int2": sql_types.SMALLINT,
    "integer": sql_types.INTEGER,
    "int": sql_types.INTEGER,
    "int4": sql_types.INTEGER,
    "bigint": sql_types.BIGINT,
    "int8": sql_types.BIGINT,
    "real": sql_types.REAL,
    "float4": sql_types.REAL,
    "double precision": sql_types.DOUBLE,
    "double": sql_types.DOUBLE,
    "float8": sql_types.DOUBLE,
    "float": sql_types.DOUBLE,
    "numeric": sql_types.NUMERIC,
    "decimal": sql_types.NUMERIC,
    "dec": sql_types.NUMERIC,
    "text": sql_types.TEXT,
    "name": sql_types.TEXT,
    "character varying": sql_types.VARCHAR,
    "char varying": sql_types.VARCHAR,
    "varchar": sql_types.VARCHAR,
    "national character varying": sql_types.VARCHAR,
    "national char varying": sql_types.VARCHAR,
    "nchar varying": sql_types.VARCHAR,
    "character": sql_types.CHAR,
    "char": sql_types.CHAR,
    "national character": sql_types.CHAR,
    "national char": sql_types.CHAR,
    "nchar": sql_types.CHAR,
    "bpchar": SqlType(Kind.CHAR),
    "bytea": sql_types.BYTEA,
    "date": sql_types.DATE,
    "time": sql_types.TIME,
    "time without time zone": sql_types.TIME,
    "timestamp": sql_types.TIMESTAMP,
    "timestamp without time zone": sql_types.TIMESTAMP,
    "timestamptz": sql_types.TIMESTAMPTZ,
    "timestamp with time zone": sql_types.TIMESTAMPTZ,
    "interval": sql_types.INTERVAL,
    "uuid": sql_types.UUID,
    "json": sql_types.JSON,
    "jsonb": sql_types.JSONB,
    "unknown": sql_types.UNKNOWN,
}

# CREATE TABLE turns these into the integer type, a sequence and a default.
SERIAL_TYPES: dict[str, SqlType] = {
    "smallserial": sql_types.SMALLINT,
    "serial2": sql_types.SMALLINT,
    "serial": sql_types.INTEGER,
    "serial4": sql_types.INTEGER,
    "bigserial": sql_types.BIGINT,
    "serial8": sql_types.BIGINT,
}

_UNSUPPORTED = """
    time with time zone|timetz|money|bit|bit varying|varbit|xml|inet|cidr|macaddr|macaddr8|point|line|lseg|box
    path|polygon|circle|tsvector|tsquery|int4range|int8range|numrange|tsrange|tstzrange|daterange
    int4multirange|int8multirange|nummultirange|tsmultirange|tstzmultirange|datemultirange|jsonpath|oid
    regclass|regtype|regproc|regprocedure|regoper|regoperator|regnamespace|regrole|regconfig|regdictionary
    pg_lsn|txid_snapshot|pg_snapshot|xid|xid8|cid|tid|refcursor|record|anyelement|anyarray|void|trigger|hstore
    citext|int2vector
"""
_UNSUPPORTED_NAMES = frozenset([name.strip() for name in _UNSUPPORTED.strip().replace("\n", "|").split("|")])

_SECOND_DIGITS_KINDS = frozenset({Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL})
_MAX_CHARACTERS = 10485760
_MAX_NUMERIC = 1000


def type_from_name(name: str, modifiers: Sequence[int] = ()) -> SqlType:
    """The type called `name` in any case, e.g. ("varchar", [20]); 42704 if unknown, 0A000 if unsupported."""
    folded = " ".join(name.lower().split())
    if folded.startswith("pg_catalog."):
        folded = folded[len("pg_catalog.") :]
    if folded.endswith(("]", " array")) or folded.startswith("_"):
        raise NotSupportedError("array types are not supported")
    found = _TYPES.get(folded)
    if found is None:
        if folded.startswith("interval "):
            raise NotSupportedError(f"interval fields are not supported: {name}")
        if folded in _UNSUPPORTED_NAMES:
            raise NotSupportedError(f"type {name} is not supported")
        raise ProgrammingError(f'type "{name}" does not exist', sqlstate="42704")
    if not modifiers:
        return found
    if folded == "float":
        return _float_of_bits(modifiers)
    return _with_modifiers(found, folded, modifiers)


def _with_modifiers(found: SqlType, name: str, modifiers: Sequence[int]) -> SqlType:
    kind = found.kind
    if kind is Kind.VARCHAR or kind is Kind.CHAR:
        return SqlType(kind, length=_checked_length("varchar" if kind is Kind.VARCHAR else "char", modifiers))
    if kind is Kind.NUMERIC:
        return _numeric(modifiers)
    if kind in _SECOND_DIGITS_KINDS:
        return _with_second_digits(found, modifiers)
    raise SyntaxError_(f'type modifier is not allowed for type "{name}"')


def _checked_length(name: str, modifiers: Sequence[int]) -> int:
    if len(modifiers) != 1:
        raise DataError("invalid type modifier", sqlstate="22023")
    length = modifiers[0]
    if length < 1:
        raise DataError(f"length for type {name} must be at least 1", sqlstate="22023")
    if length > _MAX_CHARACTERS:
        raise DataError(f"length for type {name} cannot exceed {_MAX_CHARACTERS}", sqlstate="22023")
    return length


def _numeric(modifiers: Sequence[int]) -> SqlType:
    if len(modifiers) > 2:
        raise DataError("invalid NUMERIC type modifier", sqlstate="22023")
    precision, scale = modifiers[0], modifiers[1] if len(modifiers) == 2 else 0
    if not 1 <= precision <= _MAX_NUMERIC:
        message = f"NUMERIC precision {precision} must be between 1 and {_MAX_NUMERIC}"
        raise DataError(message, sqlstate="22023")
    if not -_MAX_NUMERIC <= scale <= _MAX_NUMERIC:
        message = f"NUMERIC scale {scale} must be between -{_MAX_NUMERIC} and {_MAX_NUMERIC}"
        raise DataError(message, sqlstate="22023")
    return SqlType(Kind.NUMERIC, precision=precision, scale=scale)


def _with_second_digits(found: SqlType, modifiers: Sequence[int]) -> SqlType:
    if len(modifiers) != 1:
        raise DataError("invalid type modifier", sqlstate="22023")
    digits = modifiers[0]
    if digits < 0:
        first, space, rest = found.kind.value.upper().partition(" ")
        zone = "" if rest.startswith("WITHOUT") else space + rest
        message = f"{first}({digits}){zone} precision must not be negative"
        raise DataError(message, sqlstate="22023")
    # PostgreSQL reduces more than six digits to six with a warning.
    return SqlType(found.kind, precision=min(digits, 6))


def _float_of_bits(modifiers: Sequence[int]) -> SqlType:
    if len(modifiers) != 1:
        raise SyntaxError_('type modifier is not allowed for type "float"')
    bits = modifiers[0]
    if bits < 1:
        raise DataError("precision for type float must be at least 1 bit", sqlstate="22023")
    if bits > 53:
        raise DataError("precision for type float must be less than 54 bits", sqlstate="22023")
    return sql_types.REAL if bits <= 24 else sql_types.DOUBLE
