"""The DECLARE section: variables, their types, aliases."""

from __future__ import annotations

from minidb.errors import SyntaxError_
from minidb.sql.plpgsql.lexer import END, NUMBER, QUOTED, WORD
from minidb.sql.plpgsql.reader import Reader
from minidb.sql.plpgsql.syntax import Declaration, Name, TypeReference

_MORE_OF_A_TYPE = frozenset({"precision", "varying", "with", "without", "time", "zone"})


def declarations(reader: Reader) -> tuple[Declaration, ...]:
    """All declarations up to BEGIN; DECLARE has been read."""
    found: list[Declaration] = []
    names: set[str] = set()
    while not reader.at("begin"):
        if reader.accept("declare"):
            continue
        if reader.at("<<"):
            raise reader.wrong("block label must be placed before DECLARE, not after")
        token = reader.token
        declaration = _declaration(reader)
        if declaration.name in names:
            written = reader.text[token.start : token.end]
            raise reader.wrong(f'duplicate declaration at or near "{written}"', token)
        names.add(declaration.name)
        found.append(declaration)
    return tuple(found)


def _declaration(reader: Reader) -> Declaration:
    position = reader.token.start
    name = reader.name()
    if reader.at("alias", "for"):
        reader.index += 2
        token = reader.token
        if token.kind == NUMBER and token.text.startswith("$"):
            reader.index += 1
            target = Name((token.text,), token.start)
        else:
            target = reader.path()
        reader.expect(";")
        return Declaration(name, position, alias_of=target)
    if reader.at("cursor") or reader.at("scroll", "cursor") or reader.at("no", "scroll"):
        raise reader.unsupported("a cursor variable")
    constant = reader.accept("constant")
    type_ = type_reference(reader)
    if reader.at("collate"):
        raise reader.unsupported("COLLATE of a variable")
    place = reader.token
    not_null = reader.accept("not")
    if not_null:
        reader.expect("null")
    default = None
    if reader.accept(":=") or reader.accept("=") or reader.accept("default"):
        default = reader.expression(";")
    elif not_null:
        raise reader.wrong(
            f'variable "{name}" must have a default value, since it\'s declared NOT NULL', place
        )
    reader.expect(";")
    return Declaration(name, position, type_, constant, not_null, default)


def type_reference(reader: Reader) -> TypeReference:
    """A type's name with its modifiers, name%TYPE, name%ROWTYPE or RECORD."""
    position = reader.token.start
    words: list[str] = []
    path: list[str] = []
    modifiers: list[int] = []
    while True:
        token = reader.token
        if token.kind == END:
            raise reader.error()
        if token.kind == WORD and token.text in ("not", "default", "collate", "constant"):
            break
        if token.kind in (WORD, QUOTED) and (not words or token.text in _MORE_OF_A_TYPE):
            reader.index += 1
            words.append(token.text)
            path.append(token.text)
            while reader.at("."):
                reader.index += 1
                part = reader.token
                if part.kind not in (WORD, QUOTED):
                    raise reader.error()
                reader.index += 1
                path.append(part.text)
                words[-1] += "." + part.text
        elif reader.at("("):
            reader.index += 1
            modifiers = _modifiers(reader)
        elif reader.at("["):
            raise reader.unsupported("an array type")
        else:
            break
    if not words:
        written = reader.text[reader.token.start : reader.token.end]
        raise reader.wrong(f'missing data type declaration at or near "{written}"')
    if reader.accept("%"):
        if reader.accept("type"):
            return TypeReference("type", position, tuple(path))
        if reader.accept("rowtype"):
            return TypeReference("rowtype", position, tuple(path))
        raise reader.error(reader.tokens[reader.index - 1])
    if words == ["record"]:
        return TypeReference("record", position)
    name = " ".join(words)
    if len(words) > 1 or len(path) == 1:
        path = [name]
    return TypeReference("name", position, tuple(path), tuple(modifiers))


def _modifiers(reader: Reader) -> list[int]:
    """The numbers of `numeric(10, 2)`, after the opening parenthesis."""
    found: list[int] = []
    while True:
        sign = -1 if reader.accept("-") else 1
        token = reader.token
        if token.kind != NUMBER or not token.text.isdigit():
            raise SyntaxError_("type modifiers must be simple constants", position=token.start + 1)
        reader.index += 1
        found.append(sign * int(token.text))
        if reader.accept(")"):
            return found
        reader.expect(",")
