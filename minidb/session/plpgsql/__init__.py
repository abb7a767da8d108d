"""Running PL/pgSQL: `program.compile_body` makes a parsed body runnable, `Program.run` runs one call."""
