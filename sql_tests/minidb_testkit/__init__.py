"""Runners of test suites: sqllogictest files, golden files, deterministic interleavings."""
