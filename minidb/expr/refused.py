"""What PostgreSQL has and minidb has not: known by name, so that the error can say so (0A000, not 42883)."""

from __future__ import annotations

from typing import Final

from minidb.errors import NotSupportedError

FUNCTIONS: Final = frozenset(
    """
    abbrev array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_to_json array_to_string array_to_tsvector
    array_upper broadcast cardinality col_description convert current_query current_schemas cursor_to_xml
    daterange enum_first enum_last enum_range family format_type get_bit has_column_privilege
    has_database_privilege has_schema_privilege has_table_privilege host hostmask inet_client_addr
    inet_client_port inet_merge inet_same_family inet_server_addr inet_server_port int4multirange int4range
    int8multirange int8range is_normalized isempty json_array_elements json_array_elements_text json_each
    json_each_text json_object json_object_keys json_populate_record json_populate_recordset json_to_record
    json_to_recordset json_to_tsvector jsonb_array_elements jsonb_array_elements_text jsonb_each
    jsonb_each_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz
    jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz
    jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record
    jsonb_populate_recordset jsonb_set jsonb_set_lax jsonb_to_record jsonb_to_recordset jsonb_to_tsvector
    lo_create lo_export lo_import lower_inc lower_inf masklen multirange netmask network numrange
    nummultirange obj_description parse_ident
    pg_blocking_pids pg_cancel_backend pg_column_compression pg_column_size pg_conf_load_time
    pg_current_snapshot pg_current_xact_id pg_current_xact_id_if_assigned pg_database_size
    pg_get_constraintdef pg_get_expr
    pg_get_functiondef pg_get_indexdef pg_get_serial_sequence pg_get_userbyid pg_get_viewdef
    pg_is_in_recovery pg_notify pg_postmaster_start_time pg_relation_size pg_size_bytes pg_size_pretty
    pg_sleep_for pg_sleep_until pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin pg_table_is_visible
    pg_table_size pg_terminate_backend pg_total_relation_size
    phraseto_tsquery plainto_tsquery query_to_xml range_merge regexp_match regexp_matches
    regexp_split_to_array regexp_split_to_table row_security_active row_to_json set_bit set_config setseed
    set_masklen setweight string_to_array string_to_table strip table_to_xml text_to_xml to_ascii
    to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure
    to_regrole to_regtype to_tsquery to_tsvector trim_array ts_headline ts_rank ts_rank_cd ts_rewrite
    tsmultirange tsrange tstzmultirange tstzrange txid_current txid_current_if_assigned
    txid_current_snapshot txid_status unnest upper_inc upper_inf websearch_to_tsquery xml_is_well_formed
    xml_is_well_formed_content xml_is_well_formed_document xmlagg xmlcomment xpath xpath_exists
    """.split()  # noqa: SIM905
)
AGGREGATES: Final = frozenset(
    {
        "array_agg",
        "mode",
        "percentile_cont",
        "percentile_disc",
        "range_agg",
        "range_intersect_agg",
        "xmlagg",
    }
)
OPERATORS: Final = frozenset(
    {"#>", "#>>", "#-", "?|", "?&", "@?", "@@", "&&", "-|-", "&<", "&>", "<->", "<<|", "|>>", "&<|", "|&>"}
)


def refuse(what: str, name: str) -> NotSupportedError:
    """The error for one of them."""
    return NotSupportedError(f"{what} {name} is not supported")
