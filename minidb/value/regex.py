r"""PostgreSQL's regular expressions (ARE) as Python's: a parser of the one that writes the other.

    ARE                            Python's `re`
    $  \Z                          \Z, since Python's $ also matches before a final newline
    \m \M \y \Y  [[:<:]] [[:>:]]   look-arounds on \w
    [[:alpha:]] [[.-.]] [[=a=]]    sets, or look-aheads where Python has no such set
    a{,3}  (?n)  ***=a.b           literal text, options at the start, all literal
    parentheses in a look-ahead    non-capturing

What PostgreSQL refuses is refused with its message (2201B), what Python cannot do (a look-behind of varying
width) as 0A000. Whether a text matches never differs. *Which* match is found may: PostgreSQL takes the
longest over all alternatives, Python the first alternative that succeeds; so `a|ab` finds `ab` there and `a`
here. Option letters: c i (case), n m p w s (newlines), x t (white space and comments), q (literal), e (ARE).

"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NoReturn

from minidb.errors import DataError, NotSupportedError

_MAX_REPEAT: Final = 255
# Members of a class as they stand within a set; those beginning with ^ are "all but these".
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
    "graph": r"^\s\x00-\x1f\x7f",
    "print": r"^\t-\r\x00-\x1f\x7f",
    "word": r"\w",
}
_CONTROL_ESCAPES: Final = {
    "a": "\x07", "b": "\b", "B": "\\", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_HEXADECIMAL: Final = {"u": re.compile("[0-9A-Fa-f]{4}"), "U": re.compile("[0-9A-Fa-f]{8}")}
_HEXADECIMAL["x"] = re.compile("[0-9A-Fa-f]+")
_WORD_START: Final = r"(?:(?<!\w)(?=\w))"
_WORD_END: Final = r"(?:(?<=\w)(?!\w))"
_CONSTRAINTS: Final = {
    "A": r"\A", "Z": r"\Z", "m": _WORD_START, "M": _WORD_END,
    "y": r"(?:(?<!\w)(?=\w)|(?<=\w)(?!\w))",
    "Y": r"(?:(?<!\w)(?!\w)|(?<=\w)(?=\w))",
}  # fmt: skip
_BOUND: Final = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_LOOK_AROUNDS: Final = ("(?<=", "(?<!", "(?=", "(?!")


def _refuse(problem: str) -> NoReturn:
    raise DataError(f"invalid regular expression: {problem}", sqlstate="2201B")


@lru_cache(maxsize=2048)
def regular_expression(pattern: str, options: str = "") -> re.Pattern[str]:
    """The compiled ARE; `options` are letters as regexp_replace takes them, without g."""
    translator = _Translator(pattern)
    for letter in options:
        if letter not in "bceimnpqstwx":
            raise DataError(f'invalid regular expression option: "{letter}"', sqlstate="22023")
        translator.set_option(letter)
    return compiled(translator.translate(), translator.ignores_case)


def compiled(source: str, ignores_case: bool = False) -> re.Pattern[str]:
    """Python's pattern, in which a dot matches newlines too."""
    try:
        return re.compile(source, re.DOTALL | (re.IGNORECASE if ignores_case else 0))
    except re.error as error:
        if "look-behind" in str(error):
            raise NotSupportedError("look-behind of varying width is not supported") from None
        _refuse(str(error))
    except (OverflowError, RecursionError):
        _refuse("regular expression is too complex")


class _Translator:
    """One pass over a pattern; `translate` yields Python's source."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.ignores_case = False
        self.dot_stops = False  # a dot and [^...] do not match newlines
        self.lines = False  # ^ and $ match at newlines
        self.expanded = False
        self.literal = False
        self.groups: list[bool] = []  # of each capturing group: whether it is closed
        self.look_arounds = 0  # how many we are in

    def set_option(self, letter: str) -> None:
        if letter == "i" or letter == "c":
            self.ignores_case = letter == "i"
        elif letter == "x" or letter == "t":
            self.expanded = letter == "x"
        elif letter == "q":
            self.literal = True
        elif letter == "b":
            raise NotSupportedError("basic regular expressions are not supported")
        elif letter in "nmpws":
            self.dot_stops = letter in "nmp"
            self.lines = letter in "nmw"

    def translate(self) -> str:
        """All of it; 2201B where PostgreSQL would refuse it."""
        self.read_prefix()
        if self.literal:
            return re.escape(self.pattern[self.position :])
        try:
            source = self.alternatives()
        except RecursionError:
            _refuse("regular expression is too complex")
        if self.position < len(self.pattern):
            _refuse("parentheses () not balanced")
        return source

    def read_prefix(self) -> None:
        pattern = self.pattern
        if pattern.startswith("***"):
            if pattern[3:4] == "=":
                self.literal = True
            elif pattern[3:4] != ":":
                _refuse("quantifier operand invalid")
            self.position = 4
        match = re.compile(r"\(\?([a-zA-Z]+)").match(pattern, self.position)
        if match is None or self.literal:
            return
        if not pattern.startswith(")", match.end()):
            _refuse("invalid embedded option")
        for letter in match[1]:
            if letter not in "bceimnpqstwx":
                _refuse("invalid embedded option")
            self.set_option(letter)
        self.position = match.end() + 1

    # --- structure --------------------------------------------------------------------------------

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.position)

    def alternatives(self) -> str:
        branches = [self.branch()]
        while self.peek("|"):
            self.position += 1
            branches.append(self.branch())
        return "|".join(branches)

    def branch(self) -> str:
        parts: list[str] = []
        while True:
            self.skip_blanks()
            if self.position >= len(self.pattern) or self.pattern[self.position] in "|)":
                return "".join(parts)
            atom, is_quantifiable = self.atom()
            self.skip_blanks()
            parts.append(atom + self.quantifier(is_quantifiable))

    def skip_blanks(self) -> None:
        """What the x option ignores, and comments of the form (?#...)."""
        pattern = self.pattern
        while self.position < len(pattern):
            if self.peek("(?#"):
                end = pattern.find(")", self.position)
                self.position = len(pattern) if end < 0 else end + 1
            elif self.expanded and pattern[self.position].isspace():
                self.position += 1
            elif self.expanded and pattern[self.position] == "#":
                end = pattern.find("\n", self.position)
                self.position = len(pattern) if end < 0 else end + 1
            else:
                return

    def atom(self) -> tuple[str, bool]:
        """The next atom or constraint, and whether it may be repeated."""
        character = self.pattern[self.position]
        if character == "(":
            return self.group()
        if character == "[":
            if self.peek("[[:<:]]") or self.peek("[[:>:]]"):
                start = self.peek("[[:<:]]")
                self.position += 7
                return (_WORD_START if start else _WORD_END), False
            return self.bracket(), True
        if character == "\\":
            return self.escape()
        self.position += 1
        if character == "^":
            return (r"(?:(?<![^\n])|\A)" if self.lines else r"\A"), False
        if character == "$":
            return (r"(?=\n|\Z)" if self.lines else r"\Z"), False
        if character == ".":
            return ("[^\n]" if self.dot_stops else "."), True
        if character in "*+?" or (character == "{" and self.starts_bound(self.position)):
            _refuse("quantifier operand invalid")
        return re.escape(character), True

    def starts_bound(self, after: int) -> bool:
        """Whether a brace before `after` begins a repeat count: else it is an ordinary character."""
        return after < len(self.pattern) and "0" <= self.pattern[after] <= "9"

    def group(self) -> tuple[str, bool]:
        for opening in _LOOK_AROUNDS:
            if self.peek(opening):
                self.position += len(opening)
                self.look_arounds += 1
                inside = self.alternatives()
                self.look_arounds -= 1
                self.close()
                return f"{opening}{inside})", False
        if self.peek("(?:"):
            self.position += 3
            inside = self.alternatives()
            self.close()
            return f"(?:{inside})", True
        if self.peek("(?"):
            _refuse("invalid embedded option" if self.pattern[self.position + 2 : self.position + 3].isalpha()
                    else "quantifier operand invalid")  # fmt: skip
        self.position += 1
        if self.look_arounds:
            inside = self.alternatives()
            self.close()
            return f"(?:{inside})", True
        number = len(self.groups)
        self.groups.append(False)
        inside = self.alternatives()
        self.close()
        self.groups[number] = True
        return f"({inside})", True

    def close(self) -> None:
        if not self.peek(")"):
            _refuse("parentheses () not balanced")
        self.position += 1

    def quantifier(self, is_quantifiable: bool) -> str:
        quantifier = ""
        if self.position < len(self.pattern):
            character = self.pattern[self.position]
            if character in "*+?":
                quantifier = character
                self.position += 1
            elif character == "{" and self.starts_bound(self.position + 1):
                quantifier = self.bound()
        if not quantifier:
            return ""
        if not is_quantifiable:
            _refuse("quantifier operand invalid")
        if self.peek("?"):
            quantifier += "?"
            self.position += 1
        following = self.pattern[self.position : self.position + 1]
        if following and (following in "*+?" or (following == "{" and self.starts_bound(self.position + 1))):
            _refuse("quantifier operand invalid")
        return quantifier

    def bound(self) -> str:
        match = _BOUND.match(self.pattern, self.position)
        if match is None:
            is_open = re.compile(r"\{[0-9,]*\Z").match(self.pattern, self.position) is not None
            _refuse("braces {} not balanced" if is_open else "invalid repetition count(s)")
        least = int(match[1][:9])
        greatest = int(match[3][:9]) if match[3] else least
        if least > _MAX_REPEAT or greatest > _MAX_REPEAT or least > greatest:
            _refuse("invalid repetition count(s)")
        self.position = match.end()
        return match[0]

    # --- escapes ----------------------------------------------------------------------------------

    def escape(self) -> tuple[str, bool]:
        letter = self.pattern[self.position + 1 : self.position + 2]
        if not letter:
            _refuse("invalid escape \\ sequence")
        if letter in _CONSTRAINTS:
            self.position += 2
            return _CONSTRAINTS[letter], False
        if letter in "dswDSW":
            self.position += 2
            return "\\" + letter, True
        if letter in "123456789":
            reference = self.back_reference()
            if reference is not None:
                return reference, True
        return re.escape(self.character_escape()), True

    def back_reference(self) -> str | None:
        r"""\1 .. \9, or more digits where there are so many groups; otherwise it is an octal number."""
        match = re.compile("[0-9]+").match(self.pattern, self.position + 1)
        assert match is not None
        number = int(match[0][:9])
        if len(match[0]) > 1 and number > len(self.groups):
            return None
        if number > len(self.groups) or not self.groups[number - 1] or self.look_arounds:
            _refuse("invalid backreference number")
        self.position = match.end()
        return f"(?:\\{number})"

    def character_escape(self) -> str:
        """The character that an escape stands for; moves behind it."""
        pattern, start = self.pattern, self.position + 1
        letter = pattern[start : start + 1]
        self.position = start + 1
        if letter in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[letter]
        if letter == "c" and self.position < len(pattern):
            self.position += 1
            return chr(ord(pattern[start + 1]) & 0x1F)
        if letter in _HEXADECIMAL:
            match = _HEXADECIMAL[letter].match(pattern, start + 1)
            if match is None:
                _refuse("invalid escape \\ sequence")
            self.position = match.end()
            return self.character(int(match[0], 16))
        if letter and "0" <= letter <= "9":
            match = re.compile("[0-7]{1,3}").match(pattern, start)
            if match is None:
                _refuse("invalid escape \\ sequence")
            self.position = match.end()
            return self.character(int(match[0], 8))
        if not letter or (letter.isascii() and letter.isalnum()):
            _refuse("invalid escape \\ sequence")
        return letter

    def character(self, code: int) -> str:
        if code > 0x10FFFF:
            _refuse("invalid escape \\ sequence")
        return chr(code)

    # --- brackets ---------------------------------------------------------------------------------

    def bracket(self) -> str:
        """A bracket expression: one set, or a choice of sets where a class is all but something."""
        self.position += 1
        negated = self.peek("^")
        self.position += negated
        members: list[str] = []
        complements: list[str] = []
        first = True
        while first or not self.peek("]"):
            if self.position >= len(self.pattern):
                _refuse("brackets [] not balanced")
            self.member(members, complements)
            first = False
        self.position += 1
        if negated and self.dot_stops:
            members.append("\\n")
        if not complements:
            return f"[{'^' if negated else ''}{''.join(members)}]"
        choices = [f"[{complement}]" for complement in complements]
        if members:
            choices.append(f"[{''.join(members)}]")
        source = "|".join(choices)
        return f"(?:(?!{source}).)" if negated else f"(?:{source})"

    def member(self, members: list[str], complements: list[str]) -> None:
        if self.peek("[:"):
            name = self.named("[:", ":]", "invalid character class")
            content = _CLASSES.get(name)
            if content is None:
                _refuse("invalid character class")
            (complements if content.startswith("^") else members).append(content)
            return
        following = self.pattern[self.position + 1 : self.position + 2]
        if self.peek("\\") and following and following in "dswDSW":
            self.position += 2
            members.append("\\" + following)
            return
        start = self.element()
        if self.peek("-") and not self.pattern.startswith("]", self.position + 1):
            self.position += 1
            if self.peek("[:") or self.peek("[="):
                _refuse("invalid character range")
            end = self.element()
            if end < start:
                _refuse("invalid character range")
            members.append(f"{_in_set(start)}-{_in_set(end)}")
        else:
            members.append(_in_set(start))

    def named(self, opening: str, closing: str, problem: str) -> str:
        end = self.pattern.find(closing, self.position + 2)
        if end < 0:
            _refuse("brackets [] not balanced" if "]" not in self.pattern[self.position :] else problem)
        name = self.pattern[self.position + 2 : end]
        self.position = end + 2
        return name

    def element(self) -> str:
        """One character of a bracket expression."""
        for opening, closing in (("[.", ".]"), ("[=", "=]")):
            if self.peek(opening):
                name = self.named(opening, closing, "invalid collating element")
                if len(name) != 1:
                    _refuse("invalid collating element")
                return name
        if self.position >= len(self.pattern):
            _refuse("brackets [] not balanced")
        if self.peek("\\"):
            return self.character_escape()
        character = self.pattern[self.position]
        self.position += 1
        return character


def _in_set(character: str) -> str:
    """A character within a Python set, where more is special than in PostgreSQL's."""
    return "\\" + character if character in "\\[]^-&~|#" else character


@lru_cache(maxsize=1024)
def similar_expression(pattern: str, escape: str = "\\") -> re.Pattern[str]:
    """The expression whose `fullmatch` is SIMILAR TO; an empty `escape` means there is none."""
    return compiled(similar_source(pattern, escape))


def similar_source(pattern: str, escape: str) -> str:
    """Python's source of a SIMILAR TO pattern: % _ | * + ? {} () [] are special in it, the rest is not."""
    if len(escape) > 1:
        hint = "Escape string must be empty or one character."
        raise DataError("invalid escape string", sqlstate="22025", hint=hint)
    parts: list[str] = []
    index, in_brackets = 0, False
    while index < len(pattern):
        character = pattern[index]
        if escape and character == escape:
            index += 1
            if index == len(pattern):
                break  # PostgreSQL overlooks an escape character at the end
            literal = pattern[index]
            parts.append(literal if literal.isalnum() or literal == "_" else "\\" + literal)
        elif in_brackets:
            in_brackets = character != "]"
            parts.append("\\\\" if character == "\\" else character)
        elif character == "[":
            in_brackets = True
            parts.append("[")
        else:
            parts.append(_SIMILAR.get(character, character))
        index += 1
    return _Translator("(?:" + "".join(parts) + ")").translate()


_SIMILAR: Final = {"%": ".*", "_": ".", "(": "(?:", "\\": "\\\\", ".": "\\.", "^": "\\^", "$": "\\$"}


@lru_cache(maxsize=1024)
def like_expression(pattern: str, escape: str = "\\", ignores_case: bool = False) -> re.Pattern[str]:
    """The expression whose `fullmatch` is LIKE or ILIKE; an empty `escape` means there is none."""
    if len(escape) > 1:
        hint = "Escape string must be empty or one character."
        raise DataError("invalid escape string", sqlstate="22025", hint=hint)
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        if escape and character == escape:
            index += 1
            if index == len(pattern):
                raise DataError("LIKE pattern must not end with escape character", sqlstate="22025")
            parts.append(re.escape(pattern[index]))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
        index += 1
    return compiled("".join(parts), ignores_case)
