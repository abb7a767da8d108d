"""What counts as read where a scan ends early: up to the last row used, and no further."""

from __future__ import annotations

import pytest

import minidb

FIRST_THREE = "SELECT k FROM t ORDER BY k LIMIT 3"


@pytest.mark.parametrize(
    ("query", "inserts", "serializable"),
    [
        ("SELECT min(k) FROM t", ["(101, 5000)", "(102, 6000)"], True),
        ("SELECT min(k) FROM t", ["(101, 5000)", "(102, 1)"], True),
        ("SELECT min(k) FROM t", ["(101, 1)", "(102, 2)"], False),
        ("SELECT max(k) FROM t", ["(101, 1)", "(102, 2)"], True),
        ("SELECT max(k) FROM t", ["(101, 10001)", "(102, 10002)"], False),
        (FIRST_THREE, ["(101, 31)", "(102, 32)"], True),
        (FIRST_THREE, ["(101, 30)", "(102, 29)"], True),  # the first comes behind the third row
        (FIRST_THREE, ["(101, 28)", "(102, 29)"], False),
        ("SELECT id FROM t ORDER BY id DESC LIMIT 2", ["(101, 1)", "(102, 1)"], False),
        ("SELECT id FROM t ORDER BY id DESC LIMIT 2", ["(-1, 1)", "(-2, 1)"], True),
        ("SELECT id FROM t WHERE id > 50 ORDER BY id LIMIT 1 OFFSET 3", ["(101, 1)", "(102, 1)"], True),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM t WHERE k > 990)", ["(101, 1010)", "(102, 1020)"], True),
    ],
)
def test_two_that_read_and_insert(query: str, inserts: list[str], serializable: bool) -> None:
    path = f":memory:read extent {query} {inserts}"
    with minidb.connect(path, autocommit=True) as outside:
        outside.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER)")
        outside.execute("CREATE INDEX ON t (k)")
        outside.execute("INSERT INTO t SELECT n, n * 10 FROM generate_series(1, 100) AS n")
        one = minidb.connect(path, isolation_level="serializable")
        two = minidb.connect(path, isolation_level="serializable")
        for connection, values in zip((one, two), inserts, strict=True):
            connection.execute(query).fetchall()
            connection.execute(f"INSERT INTO t VALUES {values}")
        one.commit()
        if serializable:
            two.commit()
        else:
            with pytest.raises(minidb.SerializationFailure) as caught:
                two.commit()
            assert caught.value.detail is not None and "-rw->" in caught.value.detail
        one.close()
        two.close()
