"""Functions of text: length, case, parts, padding, replacing.  Positions count characters from 1."""

from __future__ import annotations

import re
from typing import Final

from minidb.errors import DataError, OperationalError
from minidb.expr.function_table import Overload, define

_LONGEST: Final = 0x3FFFFFFF  # PostgreSQL's limit for one value
_WORD: Final = re.compile(r"[^\W_]+")


def check_length(length: int) -> None:
    """54000 for a result that no value may have."""
    if length > _LONGEST:
        raise OperationalError("requested length too large", sqlstate="54000")


def blank_trimmed_length(text: str) -> int:
    """length(character): trailing blanks are padding."""
    return len(text.rstrip(" "))


def octet_length(text: str) -> int:
    """octet_length: bytes in UTF-8."""
    return len(text.encode())


def bit_length(text: str) -> int:
    """bit_length."""
    return 8 * len(text.encode())


def upper(text: str) -> str:
    """upper: one character for one, as PostgreSQL does it ('ß' stays)."""
    return text.upper() if text.isascii() else "".join([_single(c, c.upper()) for c in text])


def lower(text: str) -> str:
    """lower: one character for one."""
    return text.lower() if text.isascii() else "".join([_single(c, c.lower()) for c in text])


def _single(character: str, changed: str) -> str:
    return changed if len(changed) == 1 else character


def initcap(text: str) -> str:
    """initcap: each word's first letter upper, the rest lower; words are runs of letters and digits."""
    return _WORD.sub(lambda word: upper(word[0][0]) + lower(word[0][1:]), text)


def substring_from(text: str, start: int) -> str:
    """substring(text from start)."""
    return text[max(start, 1) - 1 :]


def substring(text: str, start: int, count: int) -> str:
    """substring(text from start for count): a start before the text uses up some of the count."""
    if count < 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    end = start + count
    return text[max(start, 1) - 1 : end - 1] if end > 1 else ""


def strpos(text: str, part: str) -> int:
    """strpos, position(part in text): 0 if it is not there."""
    return text.find(part) + 1


def left(text: str, count: int) -> str:
    """left: all but the last -count characters if negative."""
    return text[:count]


def right(text: str, count: int) -> str:
    """right: all but the first -count characters if negative."""
    if count == 0:
        return ""
    return text[-count:] if count < 0 or count < len(text) else text


def lpad(text: str, length: int, fill: str = " ") -> str:
    """lpad: `fill` repeated on the left; too long a text is cut on the right."""
    length = max(length, 0)
    check_length(length)
    missing = length - len(text)
    if missing <= 0 or not fill:
        return text[:length]
    return (fill * (missing // len(fill) + 1))[:missing] + text


def rpad(text: str, length: int, fill: str = " ") -> str:
    """rpad: `fill` repeated on the right."""
    length = max(length, 0)
    check_length(length)
    missing = length - len(text)
    if missing <= 0 or not fill:
        return text[:length]
    return text + (fill * (missing // len(fill) + 1))[:missing]


def btrim(text: str, characters: str = " ") -> str:
    """btrim, TRIM(BOTH): without those characters at both ends."""
    return text.strip(characters) if characters else text


def ltrim(text: str, characters: str = " ") -> str:
    """ltrim, TRIM(LEADING)."""
    return text.lstrip(characters) if characters else text


def rtrim(text: str, characters: str = " ") -> str:
    """rtrim, TRIM(TRAILING)."""
    return text.rstrip(characters) if characters else text


def replace(text: str, old: str, new: str) -> str:
    """replace: every occurrence; of nothing, nothing."""
    return text.replace(old, new) if old else text


def translate(text: str, old: str, new: str) -> str:
    """translate: characters of `old` by those of `new` at the same place, the surplus left out."""
    table: dict[int, str | None] = {}
    for index, character in enumerate(old):
        table.setdefault(ord(character), new[index] if index < len(new) else None)
    return text.translate(table)


def overlay(text: str, new: str, start: int, count: int | None = None) -> str:
    """overlay(text placing new from start for count)."""
    if start <= 0:
        raise DataError("negative substring length not allowed", sqlstate="22011")
    end = start + (len(new) if count is None else count)
    return text[: start - 1] + new + text[max(end, 1) - 1 :]


def repeat(text: str, count: int) -> str:
    """repeat."""
    if count <= 0:
        return ""
    check_length(len(text) * count)
    return text * count


def reverse(text: str) -> str:
    """reverse."""
    return text[::-1]


def split_part(text: str, delimiter: str, position: int) -> str:
    """split_part: the position-th field, from the end if negative; empty if there is none."""
    if position == 0:
        raise DataError("field position must not be zero", sqlstate="22023")
    fields = text.split(delimiter) if delimiter else [text]
    if not text:
        return ""
    index = position - 1 if position > 0 else len(fields) + position
    return fields[index] if 0 <= index < len(fields) else ""


def ascii_code(text: str) -> int:
    """ascii: the first character's code point, 0 for an empty text."""
    return ord(text[0]) if text else 0


def chr_of(code: int) -> str:
    """chr: the character of a code point."""
    if code < 0:
        raise DataError("character number must be positive", sqlstate="22023")
    if code == 0:
        raise OperationalError("null character not permitted", sqlstate="54000")
    if code > 0x10FFFF:
        raise OperationalError("requested character too large for encoding: " + str(code), sqlstate="54000")
    if 0xD800 <= code < 0xE000:
        raise OperationalError("requested character not valid for encoding: " + str(code), sqlstate="54000")
    return chr(code)


def to_hex32(value: int) -> str:
    """to_hex(integer): two's complement."""
    return format(value & 0xFFFFFFFF, "x")


def to_hex64(value: int) -> str:
    """to_hex(bigint)."""
    return format(value & 0xFFFFFFFFFFFFFFFF, "x")


FUNCTIONS: Final[tuple[Overload, ...]] = (
    define("length(text) integer", len),
    define("length(character) integer", blank_trimmed_length),
    define("length(bytea) integer", len),
    define("char_length(text) integer", len),
    define("char_length(character) integer", blank_trimmed_length),
    define("character_length(text) integer", len),
    define("character_length(character) integer", blank_trimmed_length),
    define("octet_length(text) integer", octet_length),
    define("octet_length(character) integer", octet_length),
    define("octet_length(bytea) integer", len),
    define("bit_length(text) integer", bit_length),
    define("bit_length(bytea) integer", lambda data: 8 * len(data)),
    define("upper(text) text", upper),
    define("lower(text) text", lower),
    define("initcap(text) text", initcap),
    define("substring(text, integer) text", substring_from),
    define("substring(text, integer, integer) text", substring),
    define("substr(text, integer) text", substring_from),
    define("substr(text, integer, integer) text", substring),
    define("position(text, text) integer", strpos),
    define("strpos(text, text) integer", strpos),
    define("left(text, integer) text", left),
    define("right(text, integer) text", right),
    define("lpad(text, integer) text", lpad),
    define("lpad(text, integer, text) text", lpad),
    define("rpad(text, integer) text", rpad),
    define("rpad(text, integer, text) text", rpad),
    define("btrim(text) text", btrim),
    define("btrim(text, text) text", btrim),
    define("ltrim(text) text", ltrim),
    define("ltrim(text, text) text", ltrim),
    define("rtrim(text) text", rtrim),
    define("rtrim(text, text) text", rtrim),
    define("replace(text, text, text) text", replace),
    define("translate(text, text, text) text", translate),
    define("overlay(text, text, integer) text", overlay),
    define("overlay(text, text, integer, integer) text", overlay),
    define("repeat(text, integer) text", repeat),
    define("reverse(text) text", reverse),
    define("split_part(text, text, integer) text", split_part),
    define("ascii(text) integer", ascii_code),
    define("chr(integer) text", chr_of),
    define("to_hex(integer) text", to_hex32),
    define("to_hex(bigint) text", to_hex64),
    define("starts_with(text, text) boolean", str.startswith),
)
