"""regexp_replace, regexp_like, regexp_count, regexp_instr, regexp_substr, and substring by a pattern."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NoReturn

from minidb.errors import DataError
from minidb.expr.function_table import Overload, define
from minidb.expr.patterns import compiled, python_source, similar_source

_REPLACEMENT: Final = re.compile(r"\\([1-9&\\])|\\(.)", re.DOTALL)


@lru_cache(maxsize=1024)
def _pattern(pattern: str, options: str) -> re.Pattern[str]:
    """The pattern under option letters, without `g`."""
    flags = re.DOTALL
    for letter in options:
        if letter == "i":
            flags |= re.IGNORECASE
        elif letter == "c":
            flags &= ~re.IGNORECASE
        elif letter == "x":
            flags |= re.VERBOSE
        elif letter in "nm":
            flags = flags & ~re.DOTALL | re.MULTILINE
        elif letter == "p":
            flags = flags & ~re.DOTALL
        elif letter == "w":
            flags |= re.MULTILINE
        elif letter == "q":
            return compiled(re.escape(pattern), flags)
        elif letter not in "ste":
            raise DataError(f'invalid regular expression option: "{letter}"', sqlstate="22023")
    return compiled(python_source(pattern, multiline=bool(flags & re.MULTILINE)), flags)


def _no_global(function: str, options: str) -> str:
    if "g" in options:
        raise DataError(f'{function}() does not support the "global" option', sqlstate="22023")
    return options


def _template(replacement: str) -> list[int | str]:
    r"""The replacement as pieces: texts, and group numbers for \1 .. \9 and \& (0)."""
    pieces: list[int | str] = []
    end = 0
    for match in _REPLACEMENT.finditer(replacement):
        pieces.append(replacement[end : match.start()])
        code = match[1]
        if code == "&":
            pieces.append(0)
        elif code == "\\":
            pieces.append("\\")
        elif code is not None:
            pieces.append(int(code))
        else:
            pieces.append(match[0])
        end = match.end()
    pieces.append(replacement[end:])
    return pieces


def _filled(pieces: list[int | str], match: re.Match[str]) -> str:
    groups = match.re.groups
    return "".join(
        [
            piece if isinstance(piece, str) else (match[piece] or "") if piece <= groups else ""
            for piece in pieces
        ]
    )


def regexp_replace(text: str, pattern: str, replacement: str, options: str = "") -> str:
    """regexp_replace(text, pattern, replacement [, flags]): the first match, with g all."""
    if options[:1].isdigit():
        raise DataError(
            f'invalid regular expression option: "{options[0]}"',
            sqlstate="22023",
            hint="If you meant to use regexp_replace() with a start parameter, "
            "cast the fourth argument to integer explicitly.",
        )
    expression = _pattern(pattern, options.replace("g", ""))
    pieces = _template(replacement)
    return expression.sub(lambda match: _filled(pieces, match), text, 0 if "g" in options else 1)


def regexp_replace_nth(
    text: str, pattern: str, replacement: str, start: int, nth: int = 1, options: str = ""
) -> str:
    """regexp_replace(text, pattern, replacement, start, n, flags): the n-th match, all if n is 0."""
    _check_positive("regexp_replace", "start", start)
    if nth < 0:
        _invalid("regexp_replace", "n", nth)
    expression = _pattern(pattern, options.replace("g", ""))
    pieces = _template(replacement)
    parts: list[str] = []
    end = 0
    for number, match in enumerate(expression.finditer(text, start - 1), 1):
        if nth in (0, number):
            parts.append(text[end : match.start()])
            parts.append(_filled(pieces, match))
            end = match.end()
    parts.append(text[end:])
    return "".join(parts)


def regexp_like(text: str, pattern: str, options: str = "") -> bool:
    """regexp_like."""
    return _pattern(pattern, _no_global("regexp_like", options)).search(text) is not None


def regexp_count(text: str, pattern: str, start: int = 1, options: str = "") -> int:
    """regexp_count."""
    _check_positive("regexp_count", "start", start)
    expression = _pattern(pattern, _no_global("regexp_count", options))
    return len(list(expression.finditer(text, start - 1)))


def regexp_instr(
    text: str,
    pattern: str,
    start: int = 1,
    nth: int = 1,
    end_option: int = 0,
    options: str = "",
    group: int = 0,
) -> int:
    """regexp_instr: where the n-th match begins (0) or what follows it (1); 0 if there is none."""
    match = _nth_match("regexp_instr", text, pattern, start, nth, options, group)
    if end_option not in (0, 1):
        _invalid("regexp_instr", "endoption", end_option)
    if match is None or group > match.re.groups or match[group] is None:
        return 0
    return (match.end(group) if end_option else match.start(group)) + 1


def regexp_substr(
    text: str, pattern: str, start: int = 1, nth: int = 1, options: str = "", group: int = 0
) -> str | None:
    """regexp_substr: the n-th match, or one of its groups."""
    match = _nth_match("regexp_substr", text, pattern, start, nth, options, group)
    if match is None or group > match.re.groups:
        return None
    found: str | None = match[group]
    return found


def _nth_match(
    function: str, text: str, pattern: str, start: int, nth: int, options: str, group: int
) -> re.Match[str] | None:
    _check_positive(function, "start", start)
    _check_positive(function, "n", nth)
    if group < 0:
        _invalid(function, "subexpr", group)
    expression = _pattern(pattern, _no_global(function, options))
    for number, match in enumerate(expression.finditer(text, start - 1), 1):
        if number == nth:
            return match
    return None


def _check_positive(function: str, parameter: str, value: int) -> None:
    if value <= 0:
        _invalid(function, parameter, value)


def _invalid(function: str, parameter: str, value: int) -> NoReturn:
    raise DataError(f'invalid value for parameter "{parameter}": {value}', sqlstate="22023")


def substring_by_pattern(text: str, pattern: str) -> str | None:
    """substring(text from pattern): the first group of the first match, or all of it."""
    match = _pattern(pattern, "").search(text)
    if match is None:
        return None
    found: str | None = match[1] if match.re.groups else match[0]
    return found


def substring_similar(text: str, pattern: str, escape: str) -> str | None:
    """substring(text similar pattern escape '#'): what `#"` and `#"` enclose, or all of it."""
    parts = pattern.split(f'{escape}"') if escape else [pattern]
    if len(parts) == 3:
        # The outer parts match as little as they can, so the middle one gets the most.
        first, middle, last = [similar_source(part, escape) for part in parts]
        source = f"(?:{_lazy(first)})({middle})(?:{last})"
    elif len(parts) == 1:
        source = f"({similar_source(pattern, escape)})"
    else:
        raise DataError(
            "SQL regular expression may not contain more than two escape-double-quote separators",
            sqlstate="2201B",
        )
    match = compiled(source, re.DOTALL).fullmatch(text)
    return None if match is None else match[1]


def _lazy(source: str) -> str:
    return source.replace(".*", ".*?")


FUNCTIONS: Final[tuple[Overload, ...]] = (
    define("regexp_replace(text, text, text) text", regexp_replace),
    define("regexp_replace(text, text, text, text) text", regexp_replace),
    define("regexp_replace(text, text, text, integer) text", regexp_replace_nth),
    define("regexp_replace(text, text, text, integer, integer) text", regexp_replace_nth),
    define("regexp_replace(text, text, text, integer, integer, text) text", regexp_replace_nth),
    define("regexp_like(text, text) boolean", regexp_like),
    define("regexp_like(text, text, text) boolean", regexp_like),
    define("regexp_count(text, text) integer", regexp_count),
    define("regexp_count(text, text, integer) integer", regexp_count),
    define("regexp_count(text, text, integer, text) integer", regexp_count),
    define("regexp_instr(text, text) integer", regexp_instr),
    define("regexp_instr(text, text, integer) integer", regexp_instr),
    define("regexp_instr(text, text, integer, integer) integer", regexp_instr),
    define("regexp_instr(text, text, integer, integer, integer) integer", regexp_instr),
    define("regexp_instr(text, text, integer, integer, integer, text) integer", regexp_instr),
    define("regexp_instr(text, text, integer, integer, integer, text, integer) integer", regexp_instr),
    define("regexp_substr(text, text) text", regexp_substr),
    define("regexp_substr(text, text, integer) text", regexp_substr),
    define("regexp_substr(text, text, integer, integer) text", regexp_substr),
    define("regexp_substr(text, text, integer, integer, text) text", regexp_substr),
    define("regexp_substr(text, text, integer, integer, text, integer) text", regexp_substr),
    define("substring(text, text) text", substring_by_pattern),
    define("substring(text, text, text) text", substring_similar),
)
