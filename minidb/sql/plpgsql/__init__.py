"""Parsing PL/pgSQL: `parse.parse_body(text)`, one tree of `syntax` nodes a body."""
