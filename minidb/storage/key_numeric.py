"""NUMERIC to bytes that sort by value: 1, 1.0 and 1.00 are the same bytes.

    class byte, then for finite non-zero values: exponent, digit pairs, end

The value is written 0.d1d2d3... * 10^exponent with d1 not 0. The exponent is four bytes, biased; the digits
follow two to a byte as 1..100, the last padded with 0; a zero byte ends them, below every digit pair, so
that 0.12 sorts before 0.1201. A negative value has all bytes after its class inverted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

NEGATIVE_INFINITY: Final = 0x01
NEGATIVE: Final = 0x02
ZERO: Final = 0x03
POSITIVE: Final = 0x04
INFINITY: Final = 0x05
NAN: Final = 0x06  # above everything, and equal to itself, as in PostgreSQL

_BIAS: Final = 1 << 31
_INVERT: Final = bytes(255 - byte for byte in range(256))


def encode_numeric(value: Decimal) -> bytes:
    """The class byte and what follows it."""
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, str):  # 'F' for infinity, 'n' and 'N' for the NaNs
        if exponent == "F":
            return b"\x01" if sign else b"\x05"
        return b"\x06"
    if not value:
        return b"\x03"
    text = "".join(map(str, digits)).lstrip("0")
    scale = exponent + len(text)
    text = text.rstrip("0")
    if len(text) % 2:
        text += "0"
    pairs = bytes([int(text[i : i + 2]) + 1 for i in range(0, len(text), 2)])
    body = (scale + _BIAS).to_bytes(4, "big") + pairs + b"\x00"
    return b"\x02" + body.translate(_INVERT) if sign else b"\x04" + body


def decode_numeric(data: bytes, position: int) -> tuple[Decimal, int]:
    """The value whose class byte is at `position`, and the position after it. Its display scale is lost."""
    kind = data[position]
    position += 1
    if kind == ZERO:
        return Decimal(0), position
    if kind in (NEGATIVE_INFINITY, INFINITY):
        return Decimal("-Infinity" if kind == NEGATIVE_INFINITY else "Infinity"), position
    if kind == NAN:
        return Decimal("NaN"), position
    negative = kind == NEGATIVE
    end = data.index(0xFF if negative else 0x00, position + 4)
    body = data[position:end]
    if negative:
        body = body.translate(_INVERT)
    scale = int.from_bytes(body[:4], "big") - _BIAS
    digits = "".join([f"{pair - 1:02d}" for pair in body[4:]]).rstrip("0")
    return Decimal(f"{'-' if negative else ''}0.{digits}E{scale}"), end + 1
