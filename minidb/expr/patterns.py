"""Pattern matching: LIKE, ILIKE, SIMILAR TO and POSIX regular expressions, all by Python's `re`.

A pattern is compiled once and cached by its text; LIKE patterns that only ask for a prefix, a suffix, a part
or the whole need no regular expression. PostgreSQL's regular expressions prefer the longest match over all
alternatives where Python takes the first alternative that matches: whether there is a match never differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from minidb.errors import DataError

Matcher = Callable[[str], bool]
_CLASSES: Final = {
    "alpha": r"^\W\d_",
    "digit": r"\d",
    "alnum": r"^\W_",
    "space": r"\s",
    "upper": "A-ZÀ-ÖØ-Þ",
    "lower": "a-zß-öø-ÿ",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "graph": r"!-~",
    "print": r" -~",
    "word": r"\w",
}


@lru_cache(maxsize=1024)
def like_matcher(pattern: str, escape: str | None, insensitive: bool = False) -> Matcher:
    """Whether a text matches the LIKE pattern; `escape` None or "" means there is no escape character."""
    pieces = _like_pieces(pattern, escape)
    if not insensitive:
        quick = _without_regular_expression(pieces)
        if quick is not None:
            return quick
    source = "".join([re.escape(piece) if literal else _WILD[piece] for literal, piece in pieces])
    match = re.compile(source, re.DOTALL | (re.IGNORECASE if insensitive else 0)).fullmatch
    return lambda text: match(text) is not None


_WILD: Final = {"%": ".*", "_": "."}


def _like_pieces(pattern: str, escape: str | None) -> list[tuple[bool, str]]:
    """The pattern as runs of literal text (True) and wildcards (False)."""
    pieces: list[tuple[bool, str]] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        literal = character not in "%_"
        if escape and character == escape:
            index += 1
            if index == len(pattern):
                raise DataError("LIKE pattern must not end with escape character", sqlstate="22025")
            character, literal = pattern[index], True
        if literal and pieces and pieces[-1][0]:
            pieces[-1] = (True, pieces[-1][1] + character)
        elif literal or character == "_" or not pieces or pieces[-1] != (False, "%"):
            pieces.append((literal, character))
        index += 1
    return pieces


def _without_regular_expression(pieces: list[tuple[bool, str]]) -> Matcher | None:
    match pieces:
        case []:
            return lambda text: not text
        case [(True, whole)]:
            return whole.__eq__
        case [(False, "%")]:
            return lambda text: True
        case [(True, prefix), (False, "%")]:
            return lambda text: text.startswith(prefix)
        case [(False, "%"), (True, suffix)]:
            return lambda text: text.endswith(suffix)
        case [(False, "%"), (True, part), (False, "%")]:
            return lambda text: part in text
        case _:
            return None


def like_prefix(pattern: str, escape: str | None = "\\") -> tuple[str, bool]:
    """The literal text that every match begins with, and whether the pattern asks for nothing more than it.

    For planner rules: `x LIKE 'abc%'` is the key range from 'abc' up to its successor; the flag says
    that the whole pattern is `prefix%`, so that the range needs no recheck.
    """
    pieces = _like_pieces(pattern, escape)
    if not pieces or not pieces[0][0]:
        return "", pieces == [(False, "%")]
    return pieces[0][1], len(pieces) == 2 and pieces[1] == (False, "%")


def like(text: str, pattern: str, escape: str = "\\") -> bool:
    """text LIKE pattern."""
    return like_matcher(pattern, _one_character(escape))(text)


def not_like(text: str, pattern: str, escape: str = "\\") -> bool:
    """text NOT LIKE pattern."""
    return not like_matcher(pattern, _one_character(escape))(text)


def ilike(text: str, pattern: str, escape: str = "\\") -> bool:
    """text ILIKE pattern."""
    return like_matcher(pattern, _one_character(escape), True)(text)


def not_ilike(text: str, pattern: str, escape: str = "\\") -> bool:
    """text NOT ILIKE pattern."""
    return not like_matcher(pattern, _one_character(escape), True)(text)


def _one_character(escape: str) -> str:
    if len(escape) > 1:
        raise DataError(
            "invalid escape string", sqlstate="22025", hint="Escape string must be empty or one character."
        )
    return escape


@lru_cache(maxsize=1024)
def similar_matcher(pattern: str, escape: str) -> Matcher:
    """Whether a text matches the SIMILAR TO pattern as a whole."""
    match = compiled(similar_source(pattern, escape), re.DOTALL).fullmatch
    return lambda text: match(text) is not None


def similar_source(pattern: str, escape: str) -> str:
    """The regular expression of a SIMILAR TO pattern: % _ | * + ? {} () [] are special, the rest is not."""
    parts: list[str] = []
    index = 0
    inside_brackets = False
    while index < len(pattern):
        character = pattern[index]
        if escape and character == escape:
            index += 1
            if index == len(pattern):
                raise DataError("invalid escape sequence", sqlstate="22025")
            parts.append(re.escape(pattern[index]))
        elif inside_brackets:
            inside_brackets = character != "]"
            parts.append("\\\\" if character == "\\" else character)
        elif character == "[":
            inside_brackets = True
            parts.append("[")
        elif character in "%_":
            parts.append(_WILD[character])
        elif character == "(":
            parts.append("(?:")
        elif character in "|*+?{})":
            parts.append(character)
        else:
            parts.append(re.escape(character))
        index += 1
    return "".join(parts)


def similar_to(text: str, pattern: str, escape: str = "\\") -> bool:
    """text SIMILAR TO pattern."""
    return similar_matcher(pattern, _one_character(escape))(text)


@lru_cache(maxsize=1024)
def regular_expression(pattern: str, insensitive: bool = False) -> re.Pattern[str]:
    """PostgreSQL's advanced regular expression as Python's; 2201B if it is malformed."""
    return compiled(python_source(pattern), re.DOTALL | (re.IGNORECASE if insensitive else 0))


def compiled(source: str, flags: int) -> re.Pattern[str]:
    """`re.compile`, its errors as 2201B in PostgreSQL's words."""
    try:
        return re.compile(source, flags)
    except (re.error, OverflowError, RecursionError) as error:
        text = str(error)
        described = [message for part, message in _COMPLAINTS if part in text]
        raise DataError(
            f"invalid regular expression: {described[0] if described else text}", sqlstate="2201B"
        ) from None


_COMPLAINTS: Final = (
    ("parenthesis", "parentheses () not balanced"),
    ("subpattern", "parentheses () not balanced"),
    ("character set", "brackets [] not balanced"),
    ("repeat", "quantifier operand invalid"),
    ("character range", "invalid character range"),
    ("group reference", "invalid backreference number"),
    ("escape", "invalid escape \\ sequence"),
)


_ESCAPES: Final = {
    "m": r"(?<!\w)(?=\w)",
    "M": r"(?<=\w)(?!\w)",
    "y": r"\b",
    "Y": r"\B",
    "A": r"\A",
    "Z": r"\Z",
    "e": r"\x1b",
    "B": r"\\",
}


def python_source(pattern: str, *, multiline: bool = False) -> str:
    r"""Translates what the two dialects write differently: \m \M \y \Y, [[:alpha:]], `$`, `***:`, `***=`."""
    if pattern.startswith("***="):
        return re.escape(pattern[4:])
    if pattern.startswith("***:"):
        pattern = pattern[4:]
    parts: list[str] = []
    index = 0
    length = len(pattern)
    while index < length:
        character = pattern[index]
        if character == "\\" and index + 1 < length:
            following = pattern[index + 1]
            parts.append(_ESCAPES.get(following, character + following))
            index += 2
        elif character == "[":
            if pattern.startswith(("[[:<:]]", "[[:>:]]"), index):
                parts.append(_ESCAPES["m" if pattern[index + 3] == "<" else "M"])
                index += 7
                continue
            source, index = _bracket(pattern, index)
            parts.append(source)
        else:
            # Python's $ also matches before a final newline.
            parts.append(r"\Z" if character == "$" and not multiline else character)
            index += 1
    return "".join(parts)


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    """A bracket expression from `start`, and the position behind it."""
    index = start + 1
    negated = pattern.startswith("^", index)
    index += negated
    inside: list[str] = []
    complements: list[str] = []  # classes that Python spells only as "not these"
    first = True
    while index < len(pattern) and (first or pattern[index] != "]"):
        if pattern.startswith("[:", index):
            end = pattern.find(":]", index)
            name = pattern[index + 2 : end] if end > 0 else ""
            if name not in _CLASSES:
                raise DataError("invalid regular expression: invalid character class", sqlstate="2201B")
            members = _CLASSES[name]
            (complements if members.startswith("^") else inside).append(members)
            index = end + 2
        elif pattern[index] == "\\" and index + 1 < len(pattern):
            inside.append(pattern[index : index + 2])
            index += 2
        else:
            inside.append("\\" + pattern[index] if pattern[index] in "[]&~|" else pattern[index])
            index += 1
        first = False
    if index >= len(pattern):
        raise DataError("invalid regular expression: brackets [] not balanced", sqlstate="2201B")
    if not complements:
        return f"[{'^' if negated else ''}{''.join(inside)}]", index + 1
    choices = [f"[{complement}]" for complement in complements] + ([f"[{''.join(inside)}]"] if inside else [])
    source = "|".join(choices)
    return (f"(?!{source})." if negated else f"(?:{source})"), index + 1


def matches(text: str, pattern: str) -> bool:
    """text ~ pattern."""
    return regular_expression(pattern).search(text) is not None


def not_matches(text: str, pattern: str) -> bool:
    """text !~ pattern."""
    return regular_expression(pattern).search(text) is None


def matches_insensitive(text: str, pattern: str) -> bool:
    """text ~* pattern."""
    return regular_expression(pattern, True).search(text) is not None


def not_matches_insensitive(text: str, pattern: str) -> bool:
    """text !~* pattern."""
    return regular_expression(pattern, True).search(text) is None


def matcher(operator: str, pattern: str) -> Matcher:
    """The test that `~~`, `~~*`, `~` or `~*` makes of a text; for the negated operators what they negate."""
    insensitive = operator.endswith("*")
    if "~~" in operator:
        return like_matcher(pattern, "\\", insensitive)
    search = regular_expression(pattern, insensitive).search
    return lambda text: search(text) is not None
