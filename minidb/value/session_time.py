"""What values need to know about a session: its time zone, and when its transaction began.

Only the types whose text or arithmetic depends on the zone (timestamp with time zone), and the special
inputs `now`, `today`, `tomorrow` and `yesterday` look at it.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from functools import lru_cache

from minidb.errors import DataError

UTC = datetime.UTC

# The abbreviations of PostgreSQL's default set that people use; zoneinfo knows a few of them by itself.
_ABBREVIATION_HOURS: dict[str, float] = {
    "z": 0, "zulu": 0, "gmt": 0, "ut": 0, "utc": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "met": 1,
    "mez": 1, "cest": 2, "mest": 2, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "msd": 4, "est": -5, "edt": -4,
    "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10,
    "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "acst": 9.5, "acdt": 10.5, "awst": 8, "nzst": 12, "nzdt": 13,
    "sgt": 8, "hkt": 8, "pkt": 5, "brt": -3, "art": -3, "nst": -3.5, "ndt": -2.5, "ast": -4, "adt": -3,
}  # fmt: skip

_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?\Z")
_POSIX = re.compile(r"(?:<[^<>]+>|[A-Za-z]{1,10})([+-]?)(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\Z")
_MAX_OFFSET = datetime.timedelta(hours=15, minutes=59, seconds=59)


class SessionTime:
    """A session's zone, and the `now` of its transaction (aware)."""

    __slots__ = ("now", "zone")

    def __init__(self, zone: datetime.tzinfo = UTC, now: datetime.datetime | None = None) -> None:
        self.zone = zone
        self.now = now

    def current(self) -> datetime.datetime:
        """The transaction's start in the session's zone."""
        return (self.now or datetime.datetime.now(UTC)).astimezone(self.zone)


UTC_SESSION = SessionTime()


@lru_cache(maxsize=1)
def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def fixed_zone(sign: int, hours: int, minutes: int = 0, seconds: int = 0) -> datetime.tzinfo:
    """The zone `sign` * that much east of UTC; UTC itself when that is nothing."""
    offset = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or offset > _MAX_OFFSET:
        raise DataError("time zone displacement out of range", sqlstate="22009")
    return datetime.timezone(sign * offset) if offset else UTC


def abbreviated_zone(name: str) -> datetime.tzinfo | None:
    """The fixed offset of an abbreviation such as EST or CEST, None if it is none."""
    hours = _ABBREVIATION_HOURS.get(name.lower())
    return None if hours is None else datetime.timezone(datetime.timedelta(hours=hours)) if hours else UTC


def named_zone(name: str) -> datetime.tzinfo | None:
    """The zone of the tz database called so, in any case, or None."""
    if name.lower() in ("utc", "etc/utc", "gmt", "etc/gmt", "universal", "zulu"):
        return UTC
    if name.startswith(("/", ".")) or len(name) > 100:
        return None
    known = _names_by_lower_case().get(name.lower())
    return None if known is None else zoneinfo.ZoneInfo(known)


@lru_cache(maxsize=256)
def zone_by_name(name: str) -> datetime.tzinfo:
    """The zone that AT TIME ZONE 'name' or SET TIME ZONE 'name' means; 22023 if there is none.

    `+02` counts east of Greenwich as ISO 8601 does. `UTC-2`, a POSIX name, counts west, as POSIX does.
    """
    text = name.strip()
    zone = abbreviated_zone(text) or named_zone(text)
    if zone is not None:
        return zone
    if match := _OFFSET.match(text):
        # PostgreSQL reads a bare offset in a zone *name* as POSIX as well: west is positive.
        sign = -1 if match[1] == "+" else 1
        return fixed_zone(sign, int(match[2]), int(match[3] or 0), int(match[4] or 0))
    zone = posix_zone(text)
    if zone is None:
        raise DataError(f'time zone "{name}" not recognized', sqlstate="22023")
    return zone


def posix_zone(name: str) -> datetime.tzinfo | None:
    """The zone of a POSIX name such as UTC+3, which is west of Greenwich, or None."""
    match = _POSIX.match(name)
    if match is None:
        return None
    return fixed_zone(1 if match[1] == "-" else -1, int(match[2]), int(match[3] or 0), int(match[4] or 0))


def zone_by_hours(hours: float) -> datetime.tzinfo:
    """SET TIME ZONE -7: that many hours east of Greenwich."""
    seconds = round(abs(hours) * 3600)
    return fixed_zone(1 if hours >= 0 else -1, seconds // 3600, seconds // 60 % 60, seconds % 60)
