"""Benchmarks: the same work on minidb and on sqlite3, interleaved in one run, as ratios."""
