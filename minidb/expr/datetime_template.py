"""The templates of to_char, to_date and to_timestamp, such as `YYYY-MM-DD HH24:MI:SS`, as lists of fields.

Keywords are known in upper and in lower case (which names are printed in), day and month names
also capitalised. A field may have the prefixes FM (no padding) and TM, FX, and the suffix TH or th.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ROMAN_MONTHS: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

_WORDS: Final = (
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "D", "FF1", "FF2", "FF3", "FF4",
    "FF5", "FF6", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MI", "MM",
    "MONTH", "MON", "MS", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS", "TZH", "TZM", "TZ",
    "US", "WW", "W",
    "Y,YYY", "YYYY", "YYY", "YY", "Y",
)  # fmt: skip
_SPELLED: Final = sorted(
    {*_WORDS, *[word.lower() for word in _WORDS], "Day", "Dy", "Month", "Mon"}, key=len, reverse=True
)
_TOKEN: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"?|\\(.)|((?:FM|fm|TM|tm|FX|fx)*)('
    + "|".join([re.escape(word) for word in _SPELLED])
    + r")(TH|th)?|(FM|fm|FX|fx|TM|tm)|(.)",
    re.DOTALL,
)


class Field(NamedTuple):
    """`key` is the keyword in upper case, or "" for `literal` text."""

    key: str
    literal: str = ""
    spelled: str = ""
    fill: bool = False  # FM
    suffix: str = ""  # TH or th
    quoted: bool = False


@lru_cache(maxsize=256)
def fields_of(template: str) -> tuple[Field, ...]:
    """The template's fields and the text between them."""
    found: list[Field] = []
    for match in _TOKEN.finditer(template):
        quoted, escaped, prefixes, word, suffix, lone_prefix, other = match.groups()
        if word is not None:
            found.append(Field(word.upper(), "", word, "FM" in prefixes.upper(), suffix or ""))
        elif lone_prefix is not None:
            continue
        elif quoted is not None:
            literal = re.sub(r"\\(.)", r"\1", quoted)
            found.extend([Field("", character, quoted=True) for character in literal])
        else:
            literal = escaped if escaped is not None else other
            found.append(Field("", literal))
    return tuple(found)


def is_fixed(template: str) -> bool:
    """Whether the template begins with FX: the text must follow it exactly."""
    return template[:2].upper() == "FX"
