"""Functions that spell values otherwise: encode and decode, digests, quoting, bytea access."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from typing import Final

from minidb.errors import DataError
from minidb.expr.function_table import Overload, define

_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/=]")
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_UNICODE_ESCAPE: Final = re.compile(
    r"\\(?:(\\)|([0-9A-Fa-f]{4})|u([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|U([0-9A-Fa-f]{8}))"
)
# PostgreSQL's words that quote_ident always quotes: all but the unreserved ones.
_QUOTED_WORDS: Final = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer
    intersect interval into is isnull join lateral leading least left like limit localtime localtimestamp
    national natural nchar none normalize not notnull null nullif numeric offset on only or order out outer
    overlaps overlay placing position precision primary real references returning right row select
    session_user setof similar smallint some substring symmetric table tablesample then time timestamp to
    trailing treat trim true union unique user using values varchar variadic verbose when where window with
    xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """.split()  # noqa: SIM905
)


def encode(data: bytes, encoding: str) -> str:
    """encode(data, 'hex' | 'base64' | 'escape')."""
    name = encoding.lower()
    if name == "hex":
        return data.hex()
    if name == "base64":
        text = base64.b64encode(data).decode("ascii")
        return "\n".join([text[start : start + 76] for start in range(0, len(text), 76)])
    if name == "escape":
        return "".join(
            [
                f"\\{byte:03o}" if byte == 0 or byte > 127 else "\\\\" if byte == 92 else chr(byte)
                for byte in data
            ]
        )
    raise _unknown_encoding(encoding)


def decode(text: str, encoding: str) -> bytes:
    """decode(text, 'hex' | 'base64' | 'escape')."""
    name = encoding.lower()
    if name == "hex":
        return _decode_hex(text)
    if name == "base64":
        return _decode_base64(text)
    if name == "escape":
        return _decode_escape(text)
    raise _unknown_encoding(encoding)


def _unknown_encoding(encoding: str) -> DataError:
    return DataError(f'unrecognized encoding: "{encoding}"', sqlstate="22023")


def _decode_hex(text: str) -> bytes:
    digits = "".join(text.split())
    for character in digits:
        if character not in _HEX_DIGITS:
            raise DataError(f'invalid hexadecimal digit: "{character}"', sqlstate="22023")
    if len(digits) % 2:
        raise DataError("invalid hexadecimal data: odd number of digits", sqlstate="22023")
    return bytes.fromhex(digits)


def _decode_base64(text: str) -> bytes:
    stripped = "".join(text.split())
    wrong = _NOT_BASE64.search(stripped)
    if wrong is not None:
        raise DataError(f'invalid symbol "{wrong[0]}" found while decoding base64 sequence', sqlstate="22023")
    try:
        return base64.b64decode(stripped, validate=True)
    except binascii.Error:
        raise DataError(
            "invalid base64 end sequence",
            sqlstate="22023",
            hint="Input data is missing padding, is truncated, or is otherwise corrupted.",
        ) from None


def _decode_escape(text: str) -> bytes:
    data = text.encode()
    parts = bytearray()
    index = 0
    while index < len(data):
        byte = data[index]
        if byte != 92:
            parts.append(byte)
            index += 1
        elif data[index + 1 : index + 2] == b"\\":
            parts.append(92)
            index += 2
        elif re.match(rb"[0-3][0-7][0-7]", data[index + 1 : index + 4]):
            parts.append(int(data[index + 1 : index + 4], 8))
            index += 4
        else:
            raise DataError("invalid input syntax for type bytea", sqlstate="22P02")
    return bytes(parts)


def md5(text: str) -> str:
    """md5(text)."""
    return md5_bytes(text.encode())


def md5_bytes(data: bytes) -> str:
    """md5(bytea)."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def quote_ident(name: str) -> str:
    """quote_ident: in double quotes unless it is a plain lower-case name and no keyword."""
    if _PLAIN_NAME.match(name) and name not in _QUOTED_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """quote_literal: as a string literal."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def unistr(text: str) -> str:
    """unistr: backslash escapes of code points."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] is not None:
            return "\\"
        code = int(match[2] or match[3] or match[4] or match[5], 16)
        if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise DataError("invalid Unicode code point: " + format(code, "04X"), sqlstate="22023")
        return chr(code)

    rest = _UNICODE_ESCAPE.sub("", text)
    if "\\" in rest:
        hint = r"Unicode escapes must be \XXXX, \+XXXXXX, \uXXXX, or \UXXXXXXXX."
        raise DataError("invalid Unicode escape", sqlstate="42601", hint=hint)
    return _UNICODE_ESCAPE.sub(replaced, text)


def normalize(text: str, form: str = "NFC") -> str:
    """normalize(text, form)."""
    match form.upper():
        case ("NFC" | "NFD" | "NFKC" | "NFKD") as known:
            return unicodedata.normalize(known, text)
        case _:
            raise DataError(f"invalid normalization form: {form}", sqlstate="22023")


def substring_bytes_from(data: bytes, start: int) -> bytes:
    """substring(bytea from start)."""
    return data[max(start, 1) - 1 :]


def substring_bytes(data: bytes, start: int, count: int) -> bytes:
    """substring(bytea from start for count)."""
    if count < 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    end = start + count
    return data[max(start, 1) - 1 : end - 1] if end > 1 else b""


def position_bytes(data: bytes, part: bytes) -> int:
    """position(part in bytea)."""
    return data.find(part) + 1


def overlay_bytes(data: bytes, new: bytes, start: int, count: int | None = None) -> bytes:
    """overlay(bytea placing new from start for count)."""
    if start <= 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    end = start + (len(new) if count is None else count)
    return data[: start - 1] + new + data[max(end, 1) - 1 :]


def get_byte(data: bytes, index: int) -> int:
    """get_byte."""
    _check_index(index, len(data))
    return data[index]


def set_byte(data: bytes, index: int, value: int) -> bytes:
    """set_byte."""
    _check_index(index, len(data))
    return data[:index] + bytes([value & 255]) + data[index + 1 :]


def _check_index(index: int, length: int) -> None:
    if not 0 <= index < length:
        raise DataError(f"index {index} out of valid range, 0..{length - 1}", sqlstate="2202E")


def bit_count(data: bytes) -> int:
    """bit_count."""
    return int.from_bytes(data, "big").bit_count()


def convert_from(data: bytes, encoding: str) -> str:
    """convert_from(bytea, encoding)."""
    try:
        return data.decode(_codec(encoding))
    except UnicodeDecodeError as error:
        shown = " ".join([f"0x{byte:02x}" for byte in data[error.start : error.end]])
        raise DataError(
            f'invalid byte sequence for encoding "{encoding.upper()}": {shown}', sqlstate="22021"
        ) from None


def convert_to(text: str, encoding: str) -> bytes:
    """convert_to(text, encoding)."""
    try:
        return text.encode(_codec(encoding))
    except UnicodeEncodeError:
        raise DataError(
            f'character has no equivalent in encoding "{encoding.upper()}"', sqlstate="22P05"
        ) from None


def _codec(encoding: str) -> str:
    known = {"UTF8": "utf-8", "UNICODE": "utf-8", "LATIN1": "latin-1", "SQLASCII": "ascii"}
    found = known.get(encoding.upper().replace("-", "").replace("_", ""))
    if found is None:
        raise DataError(f'invalid encoding name "{encoding}"', sqlstate="22023")
    return found


FUNCTIONS: Final[tuple[Overload, ...]] = (
    define("encode(bytea, text) text", encode),
    define("decode(text, text) bytea", decode),
    define("convert_from(bytea, text) text", convert_from),
    define("convert_to(text, text) bytea", convert_to),
    define("md5(text) text", md5),
    define("md5(bytea) text", md5_bytes),
    define("sha224(bytea) bytea", lambda data: hashlib.sha224(data).digest()),
    define("sha256(bytea) bytea", lambda data: hashlib.sha256(data).digest()),
    define("sha384(bytea) bytea", lambda data: hashlib.sha384(data).digest()),
    define("sha512(bytea) bytea", lambda data: hashlib.sha512(data).digest()),
    define("quote_ident(text) text", quote_ident),
    define("unistr(text) text", unistr),
    define("normalize(text) text", normalize),
    define("normalize(text, text) text", normalize),
    define("substring(bytea, integer) bytea", substring_bytes_from),
    define("substring(bytea, integer, integer) bytea", substring_bytes),
    define("substr(bytea, integer) bytea", substring_bytes_from),
    define("substr(bytea, integer, integer) bytea", substring_bytes),
    define("position(bytea, bytea) integer", position_bytes),
    define("overlay(bytea, bytea, integer) bytea", overlay_bytes),
    define("overlay(bytea, bytea, integer, integer) bytea", overlay_bytes),
    define("btrim(bytea, bytea) bytea", lambda data, drop: data.strip(drop) if drop else data),
    define("ltrim(bytea, bytea) bytea", lambda data, drop: data.lstrip(drop) if drop else data),
    define("rtrim(bytea, bytea) bytea", lambda data, drop: data.rstrip(drop) if drop else data),
    define("get_byte(bytea, integer) integer", get_byte),
    define("set_byte(bytea, integer, integer) bytea", set_byte),
    define("bit_count(bytea) bigint", bit_count),
)
