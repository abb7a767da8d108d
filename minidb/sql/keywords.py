"""Which words are keywords, by PostgreSQL's classes: the tokenizer of sqlglot knows words of many dialects.

    reserved        never a name, unless quoted
    type or function name       a function or a type, not a column or a table
    column name     a column or a table, not a function or a type (they have a syntax of their own)
    unreserved      any name

Words that PostgreSQL does not know are ordinary names here, whatever they mean elsewhere.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED: Final = _words(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
    create current_catalog current_date current_role current_time current_timestamp current_user default
    deferrable desc distinct do else end except false fetch for foreign from grant group having in initially
    intersect into lateral leading limit localtime localtimestamp not null offset on only or order placing
    primary references returning select session_user some symmetric table then to trailing true union unique
    user using variadic when where window with
    """
)

TYPE_OR_FUNCTION: Final = _words(
    """
    authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join
    left like natural notnull outer overlaps right similar tablesample verbose
    """
)

COLUMN_NAME: Final = _words(
    """
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
    inout int integer interval least national nchar none normalize nullif numeric out overlay position
    precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """
)

# Only those that sqlglot knows too: for all others it makes no difference.
UNRESERVED: Final = _words(
    """
    alter begin by cache call cluster comment commit copy cube database declare delete drop enum escape
    execute explain filter first function index insert key load lock merge next operator ordinality over
    partition prepare procedure range recursive refresh reindex rename replace reset revoke rollback rollup
    rows schema security sequence session set sets show sql temp temporary trigger truncate type unknown
    update vacuum view volatile within xml zone
    """
)

TYPE_NAMES: Final = _words(
    """
    bigserial bool bpchar bytea date daterange datemultirange float4 float8 hstore inet int2 int4 int8
    int4range int4multirange int8range int8multirange json jsonb money name numrange nummultirange oid point
    regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure
    regrole regtype serial smallserial text timestamptz timetz tsrange tsmultirange tstzrange tstzmultirange
    uuid varying double
    """
)

KNOWN: Final = RESERVED | TYPE_OR_FUNCTION | COLUMN_NAME | UNRESERVED | TYPE_NAMES

# Followed by "(" these are syntax of their own, never a function called by its name.
SPECIAL_CALLS: Final = (
    RESERVED | COLUMN_NAME | frozenset({"ilike", "like", "is", "similar", "overlaps"})
) - {
    "coalesce",
    "greatest",
    "least",
    "nullif",
}
