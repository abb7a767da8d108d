"""Values: what SQL's types mean in Python, and everything that can be done to a value without a table.

    sql_types            the types, and the Python class of each one's values
    types_by_name        SQL's names for them
    text                 text in and out: `from_text`, `to_text`; `reader` and `writer` for many values
      float_text  date_input  date_output  interval_input  json_text        the texts of single types
    cast                 from type to type: `cast_function`, with the rules in `cast_matrix`
      fit                what modifiers such as (10,2) do
    numeric              exact arithmetic; `numeric_functions` has roots, powers and logarithms
    interval             the interval; `interval_arithmetic`
    datetimes            arithmetic of dates and times; `date_fields` has EXTRACT and date_trunc
    date_patterns  date_pattern_input  number_patterns  number_pattern_input      to_char and its inverses
    regex                regular expressions and SIMILAR TO
    order                keys to sort, compare and hash by
    python_values        parameters in, results out
    session_time         the session's zone and `now`, which some of these need

The measure of all of it is PostgreSQL 15, down to the digits and the messages; `sql_tests/unit/value/` holds
its answers.
"""
