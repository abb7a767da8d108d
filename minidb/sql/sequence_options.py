"""START, INCREMENT, MINVALUE ... -> a Sequence, with PostgreSQL's defaults and checks."""

from __future__ import annotations

from msgspec.structs import replace

from minidb.catalog.schema import Sequence
from minidb.errors import ProgrammingError
from minidb.sql.define_syntax import SequenceOptions
from minidb.value.sql_types import BIGINT, INTEGER_BOUNDS, INTEGER_KINDS, SqlType


def new_sequence(name: str, options: SequenceOptions, type_: SqlType = BIGINT) -> Sequence:
    """A new sequence (ids 0); `type_` is that of the column it serves."""
    return _with(Sequence(id=0, storage_id=0, name=name), options, options.type or type_, new=True)


def altered(sequence: Sequence, options: SequenceOptions) -> Sequence:
    """The sequence with other options; what is not given stays."""
    return _with(sequence, options, options.type, new=False)


def _with(sequence: Sequence, options: SequenceOptions, type_: SqlType | None, new: bool) -> Sequence:
    if type_ is not None and type_.kind not in INTEGER_KINDS:
        raise _invalid("sequence type must be smallint, integer, or bigint")
    lowest, highest = INTEGER_BOUNDS[(type_ or BIGINT).kind]
    increment = sequence.increment if options.increment is None else options.increment
    if increment == 0:
        raise _invalid("INCREMENT must not be zero")
    retyped = new or type_ is not None
    minimum, maximum = sequence.minimum, sequence.maximum
    if isinstance(options.maximum, int):
        maximum = options.maximum
        if not lowest <= maximum <= highest:
            raise _invalid(f"MAXVALUE ({maximum}) is out of range for sequence data type {type_ or BIGINT}")
    elif options.maximum == "no" or retyped:
        maximum = highest if increment > 0 else -1
    if isinstance(options.minimum, int):
        minimum = options.minimum
        if not lowest <= minimum <= highest:
            raise _invalid(f"MINVALUE ({minimum}) is out of range for sequence data type {type_ or BIGINT}")
    elif options.minimum == "no" or retyped:
        minimum = 1 if increment > 0 else lowest
    if minimum >= maximum:
        raise _invalid(f"MINVALUE ({minimum}) must be less than MAXVALUE ({maximum})")
    if options.start is not None:
        start = options.start
    elif new:
        start = minimum if increment > 0 else maximum
    else:
        start = sequence.start
    if start < minimum:
        raise _invalid(f"START value ({start}) cannot be less than MINVALUE ({minimum})")
    if start > maximum:
        raise _invalid(f"START value ({start}) cannot be greater than MAXVALUE ({maximum})")
    cycle = sequence.cycle if options.cycle is None else options.cycle
    return replace(sequence, start=start, increment=increment, minimum=minimum, maximum=maximum, cycle=cycle)


def _invalid(message: str) -> ProgrammingError:
    return ProgrammingError(message, sqlstate="22023")
