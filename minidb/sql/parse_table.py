"""CREATE TABLE and ALTER TABLE from tokens."""

from __future__ import annotations

from minidb.errors import NotSupportedError, SyntaxError_
from minidb.sql.define_syntax import (
    Action,
    AddColumn,
    AddConstraint,
    AlterTableSyntax,
    Check,
    ColumnSyntax,
    Constraint,
    CreateTableAsSyntax,
    CreateTableSyntax,
    Default,
    DefinitionSyntax,
    DropColumn,
    DropConstraint,
    Generated,
    Identity,
    Key,
    Like,
    NotNull,
    References,
    RenameColumn,
    RenameConstraint,
    RenameSyntax,
    SequenceOptions,
    SetDefault,
    SetIdentity,
    SetNotNull,
    SetType,
    ValidateConstraint,
)
from minidb.sql.definition_reader import CONSTRAINT_WORDS, DefinitionReader
from minidb.sql.utility import TableName

_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE"})
_LIKE_PARTS = frozenset({"DEFAULTS", "CONSTRAINTS", "IDENTITY", "INDEXES", "GENERATED"})
_LIKE_NOTHING = frozenset({"COMMENTS", "COMPRESSION", "STATISTICS", "STORAGE"})  # minidb has none to copy
_QUERY_WORDS = frozenset({"SELECT", "VALUES", "WITH", "TABLE", "("})


def create_table(reader: DefinitionReader) -> DefinitionSyntax:
    """What follows CREATE TABLE."""
    if_not_exists = reader.if_not_exists()
    table = reader.table()
    if reader.word() == "AS":
        return _create_table_as(reader, table, if_not_exists, ())
    start = reader.reader.index
    if reader.word() == "(" and (columns := _only_names(reader)) is not None and reader.word() == "AS":
        return _create_table_as(reader, table, if_not_exists, columns)
    reader.reader.index = start
    if reader.word() in ("OF", "PARTITION"):
        raise reader.refuse("CREATE TABLE ... OF and partitions are")
    reader.expect("(")
    elements: list[ColumnSyntax | Constraint | Like] = []
    while reader.word() != ")":
        if elements:
            reader.expect(",")
        elements.append(_element(reader))
    reader.expect(")")
    _table_options(reader)
    return CreateTableSyntax(table, if_not_exists, tuple(elements))


def _create_table_as(
    reader: DefinitionReader, table: TableName, if_not_exists: bool, columns: tuple[str, ...]
) -> CreateTableAsSyntax:
    reader.expect("AS")
    tokens = list(reader.reader.rest())
    words = [token.text.upper() for token in tokens[-3:]]
    with_data = words != ["WITH", "NO", "DATA"]
    if not with_data:
        del tokens[-3:]
    elif words[-2:] == ["WITH", "DATA"]:
        del tokens[-2:]
    if not tokens:
        raise reader.error()
    return CreateTableAsSyntax(table, if_not_exists, columns, tuple(tokens), with_data, reader.text)


def _only_names(reader: DefinitionReader) -> tuple[str, ...] | None:
    """(a, b) if nothing but names stands in the parentheses."""
    try:
        return reader.names()
    except SyntaxError_:
        return None


def _table_options(reader: DefinitionReader) -> None:
    if reader.word() == "INHERITS":
        raise reader.refuse("table inheritance is")
    if reader.word() == "PARTITION":
        raise reader.refuse("partitioned tables are")
    if reader.word() == "TABLESPACE":
        raise reader.refuse("tablespaces are")
    if reader.word() in ("WITH", "USING", "ON"):
        raise reader.refuse(f"{reader.word()} after a table's columns is")


def _element(reader: DefinitionReader) -> ColumnSyntax | Constraint | Like:
    word = reader.word()
    if word in _TABLE_CONSTRAINTS:
        constraint = table_constraint(reader)
        if reader.word() == "NOT":
            raise reader.refuse("NOT VALID in CREATE TABLE is")
        return constraint
    if word == "LIKE":
        return _like(reader)
    return column(reader)


def _like(reader: DefinitionReader) -> Like:
    reader.expect("LIKE")
    table = reader.table()
    including: set[str] = set()
    while verb := reader.accept_any("INCLUDING", "EXCLUDING"):
        part = reader.word()
        if part == "ALL":
            parts = _LIKE_PARTS
        elif part in _LIKE_PARTS:
            parts = frozenset({part})
        elif part in _LIKE_NOTHING:
            parts = frozenset()
        else:
            raise reader.error()
        reader.reader.index += 1
        including = including | parts if verb == "INCLUDING" else including - parts
    return Like(table, frozenset(including))


def column(reader: DefinitionReader) -> ColumnSyntax:
    """name type constraints"""
    position = reader.position()
    name = reader.name()
    type_, serial = reader.type()
    constraints: list[Constraint] = []
    reader.collation()
    while reader.word() not in (",", ")", ""):
        constraints.append(_column_constraint(reader))
        reader.collation()
    if reader.word() == "" and not reader.reader.at_end():
        raise reader.error()
    return ColumnSyntax(name, type_, serial, tuple(constraints), position)


def _column_constraint(reader: DefinitionReader) -> Constraint:
    name = reader.name() if reader.accept("CONSTRAINT") else None
    position = reader.position()
    if reader.accept("NOT", "NULL"):
        return NotNull(name, position)
    if reader.accept("NULL"):
        return NotNull(name, position, nullable=True)
    if reader.accept("DEFAULT"):
        return Default(name, position, reader.fragment(CONSTRAINT_WORDS))
    if reader.accept("GENERATED"):
        return _generated(reader, name, position)
    if reader.accept("CHECK"):
        return _check(reader, name, position)
    if reader.accept("PRIMARY", "KEY"):
        _key_options(reader)
        return Key(name, position, primary=True)
    if reader.accept("UNIQUE"):
        _nulls_distinct(reader)
        _key_options(reader)
        return Key(name, position, primary=False)
    if reader.accept("REFERENCES"):
        return _references(reader, name, position, ())
    if reader.word() in ("STORAGE", "COMPRESSION"):
        raise reader.refuse(f"{reader.word()} is")
    raise reader.error()


def _generated(reader: DefinitionReader, name: str | None, position: int) -> Constraint:
    if reader.accept("BY", "DEFAULT"):
        kind = "by default"
    else:
        reader.expect("ALWAYS")
        kind = "always"
    reader.expect("AS")
    if reader.accept("IDENTITY"):
        options = SequenceOptions()
        if reader.accept("("):
            options = reader.sequence_options(closing=True)
            reader.expect(")")
        return Identity(name, position, kind, options)
    expression = reader.parenthesized()
    if kind != "always":
        raise SyntaxError_("for a generated column, GENERATED ALWAYS must be specified", position=position)
    if reader.word() == "VIRTUAL":
        raise reader.refuse("virtual generated columns are")
    reader.expect("STORED")
    return Generated(name, position, expression)


def _check(reader: DefinitionReader, name: str | None, position: int) -> Check:
    expression = reader.parenthesized()
    if reader.word() == "NO":
        raise reader.refuse("NO INHERIT is")
    _validity(reader)
    return Check(name, position, expression)


def table_constraint(reader: DefinitionReader) -> Constraint:
    """[CONSTRAINT name] PRIMARY KEY (...) | UNIQUE (...) | CHECK (...) | FOREIGN KEY (...) ..."""
    name = reader.name() if reader.accept("CONSTRAINT") else None
    position = reader.position()
    if reader.accept("PRIMARY", "KEY"):
        if reader.word() == "USING":
            raise reader.refuse("USING INDEX is")
        columns = reader.names()
        _key_options(reader)
        return Key(name, position, True, columns)
    if reader.accept("UNIQUE"):
        if reader.word() == "USING":
            raise reader.refuse("USING INDEX is")
        _nulls_distinct(reader)
        columns = reader.names()
        _key_options(reader)
        return Key(name, position, False, columns)
    if reader.accept("CHECK"):
        return _check(reader, name, position)
    if reader.accept("FOREIGN", "KEY"):
        columns = reader.names()
        reader.expect("REFERENCES")
        return _references(reader, name, position, columns)
    if reader.word() == "EXCLUDE":
        raise reader.refuse("exclusion constraints are")
    raise reader.error()


def _nulls_distinct(reader: DefinitionReader) -> None:
    if reader.accept("NULLS", "NOT", "DISTINCT"):
        raise reader.refuse("NULLS NOT DISTINCT is")
    reader.accept("NULLS", "DISTINCT")


def _key_options(reader: DefinitionReader) -> None:
    if reader.word() in ("INCLUDE", "WITH", "USING"):
        raise reader.refuse(f"{reader.word()} in a key constraint is")
    _validity(reader)


def _references(
    reader: DefinitionReader, name: str | None, position: int, columns: tuple[str, ...]
) -> References:
    table = reader.table()
    targets = reader.names() if reader.word() == "(" else ()
    match_full = False
    actions = {"DELETE": "no action", "UPDATE": "no action"}
    seen: set[str] = set()
    while True:
        if reader.accept("MATCH"):
            if reader.word() == "PARTIAL":
                raise reader.refuse("MATCH PARTIAL is")
            match_full = reader.accept("FULL")
            if not match_full:
                reader.expect("SIMPLE")
        elif reader.word() == "ON" and not {"DELETE", "UPDATE"} <= seen:
            reader.expect("ON")
            event = reader.accept_any("DELETE", "UPDATE")
            if event is None or event in seen:
                raise reader.error()
            seen.add(event)
            actions[event] = _action(reader)
        else:
            break
    _validity(reader)
    return References(
        name, position, columns, table, targets, match_full, actions["DELETE"], actions["UPDATE"]
    )


def _action(reader: DefinitionReader) -> str:
    for words in (("NO", "ACTION"), ("RESTRICT",), ("CASCADE",), ("SET", "NULL"), ("SET", "DEFAULT")):
        if reader.accept(*words):
            if words[0] == "SET" and reader.word() == "(":
                raise reader.refuse("a column list in a referential action is")
            return " ".join(words).lower()
    raise reader.error()


def _validity(reader: DefinitionReader) -> None:
    """[NOT DEFERRABLE] [INITIALLY IMMEDIATE] say what holds anyway; NOT VALID is for ALTER TABLE."""
    while True:
        if reader.word() == "DEFERRABLE" or (reader.word() == "INITIALLY" and not _immediate(reader)):
            raise reader.refuse("deferrable constraints are")
        if reader.accept("NOT", "DEFERRABLE"):
            continue
        if reader.accept("INITIALLY", "IMMEDIATE"):
            continue
        return


def _immediate(reader: DefinitionReader) -> bool:
    start = reader.reader.index
    found = reader.accept("INITIALLY", "IMMEDIATE")
    reader.reader.index = start
    return found


# --- ALTER TABLE ----------------------------------------------------------------------------------


def alter_table(reader: DefinitionReader) -> DefinitionSyntax:
    """What follows ALTER TABLE."""
    if_exists = reader.if_exists()
    reader.accept("ONLY")
    table = reader.table()
    reader.accept("*")
    if reader.accept("RENAME", "TO"):
        return RenameSyntax("TABLE", table, reader.name(), if_exists)
    actions = [_alteration(reader)]
    while reader.accept(","):
        actions.append(_alteration(reader))
    if len(actions) > 1 and any(isinstance(each, RenameColumn | RenameConstraint) for each in actions):
        raise reader.error()
    return AlterTableSyntax(table, if_exists, tuple(actions))


def _add_constraint(reader: DefinitionReader) -> AddConstraint:
    constraint = table_constraint(reader)
    position = reader.position()
    if not reader.accept("NOT", "VALID"):
        return AddConstraint(constraint)
    if isinstance(constraint, Key):
        kind = "PRIMARY KEY" if constraint.primary else "UNIQUE"
        raise NotSupportedError(f"{kind} constraints cannot be marked NOT VALID", position=position)
    return AddConstraint(constraint, validate=False)


def _alteration(reader: DefinitionReader) -> Action:
    if reader.accept("ADD"):
        if reader.word() in _TABLE_CONSTRAINTS:
            return _add_constraint(reader)
        reader.accept("COLUMN")
        if_not_exists = reader.if_not_exists()
        return AddColumn(column(reader), if_not_exists)
    if reader.accept("DROP"):
        if reader.accept("CONSTRAINT"):
            lenient = reader.if_exists()
            return DropConstraint(reader.name(), lenient, reader.cascade())
        reader.accept("COLUMN")
        lenient = reader.if_exists()
        position = reader.position()
        return DropColumn(reader.name(), lenient, reader.cascade(), position)
    if reader.accept("RENAME"):
        if reader.accept("CONSTRAINT"):
            name = reader.name()
            reader.expect("TO")
            return RenameConstraint(name, reader.name())
        reader.accept("COLUMN")
        position = reader.position()
        name = reader.name()
        reader.expect("TO")
        return RenameColumn(name, reader.name(), position)
    if reader.accept("VALIDATE", "CONSTRAINT"):
        return ValidateConstraint(reader.name())
    if reader.accept("ALTER"):
        reader.accept("COLUMN")
        return _alter_column(reader)
    raise (
        reader.refuse(f"ALTER TABLE ... {reader.word()} is") if reader.word() in _REFUSED else reader.error()
    )


_REFUSED = frozenset(
    [
        "ATTACH",
        "CLUSTER",
        "DETACH",
        "DISABLE",
        "ENABLE",
        "FORCE",
        "INHERIT",
        "NO",
        "NOT",
        "OF",
        "OWNER",
        "REPLICA",
        "RESET",
        "SET",
    ]
)


def _alter_column(reader: DefinitionReader) -> Action:
    position = reader.position()
    name = reader.name()
    if reader.accept("SET", "DATA", "TYPE") or reader.accept("TYPE"):
        type_, serial = reader.type()
        if serial:
            raise reader.error()
        reader.collation()
        using = reader.fragment(frozenset()) if reader.accept("USING") else None
        return SetType(name, type_, using, position)
    if reader.accept("SET", "DEFAULT"):
        return SetDefault(name, reader.fragment(frozenset()), position)
    if reader.accept("DROP", "DEFAULT"):
        return SetDefault(name, None, position)
    if reader.accept("SET", "NOT", "NULL"):
        return SetNotNull(name, True, position)
    if reader.accept("DROP", "NOT", "NULL"):
        return SetNotNull(name, False, position)
    if reader.accept("ADD", "GENERATED"):
        found = _generated(reader, None, position)
        if not isinstance(found, Identity):
            raise reader.error()
        return SetIdentity(name, found, "", False, position)
    if word := (reader.accept("DROP") and reader.accept_any("IDENTITY", "EXPRESSION")):
        return SetIdentity(name, None, word.lower(), reader.if_exists(), position)
    raise reader.refuse(f"ALTER COLUMN ... {reader.word()} is")
