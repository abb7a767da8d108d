"""Options and fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

import minidb

# These derive from compiled classes where they are imported; see `pytest_runtest_call`.
collect_ignore = (
    ["unit/exec/test_joins.py", "unit/exec/test_pipeline.py"] if minidb.IMPLEMENTATION == "compiled" else []
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write what happens now into the golden files instead of comparing with them",
    )


@pytest.fixture
def rewrite_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--rewrite-golden"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test that puts a class of its own in the place of a compiled one needs that one as Python."""
    try:
        return (yield)
    except TypeError as error:
        if minidb.IMPLEMENTATION == "compiled" and "cannot inherit from compiled" in str(error):
            pytest.skip(str(error))
        raise
