"""TPC-H on minidb and DuckDB over the same Parquet files: load by COPY, run queries, compare the answers.

tpchgen-cli parquet -s 0.1 --output-dir DIR
python -m benchmarks.tpch DIR
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

import minidb

TABLES = {
    "region": "r_regionkey BIGINT PRIMARY KEY, r_name TEXT, r_comment TEXT",
    "nation": "n_nationkey BIGINT PRIMARY KEY, n_name TEXT, n_regionkey BIGINT, n_comment TEXT",
    "supplier": """s_suppkey BIGINT PRIMARY KEY, s_name TEXT, s_address TEXT, s_nationkey BIGINT,
        s_phone TEXT,
        s_acctbal NUMERIC(15,2), s_comment TEXT""",
    "customer": """c_custkey BIGINT PRIMARY KEY, c_name TEXT, c_address TEXT, c_nationkey BIGINT,
        c_phone TEXT,
        c_acctbal NUMERIC(15,2), c_mktsegment TEXT, c_comment TEXT""",
    "part": """p_partkey BIGINT PRIMARY KEY, p_name TEXT, p_mfgr TEXT, p_brand TEXT, p_type TEXT,
        p_size INTEGER,
        p_container TEXT, p_retailprice NUMERIC(15,2), p_comment TEXT""",
    "partsupp": """ps_partkey BIGINT, ps_suppkey BIGINT, ps_availqty INTEGER, ps_supplycost NUMERIC(15,2),
        ps_comment TEXT, PRIMARY KEY (ps_partkey, ps_suppkey)""",
    "orders": """o_orderkey BIGINT PRIMARY KEY, o_custkey BIGINT, o_orderstatus TEXT,
        o_totalprice NUMERIC(15,2), o_orderdate DATE, o_orderpriority TEXT, o_clerk TEXT,
        o_shippriority INTEGER, o_comment TEXT""",
    "lineitem": """l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INTEGER,
        l_quantity NUMERIC(15,2), l_extendedprice NUMERIC(15,2), l_discount NUMERIC(15,2),
        l_tax NUMERIC(15,2), l_returnflag TEXT, l_linestatus TEXT, l_shipdate DATE, l_commitdate DATE,
        l_receiptdate DATE, l_shipinstruct TEXT, l_shipmode TEXT, l_comment TEXT,
        PRIMARY KEY (l_orderkey, l_linenumber)""",
}

QUERIES = {
    1: """SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty,
        sum(l_extendedprice) AS sum_base_price, sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
        sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS avg_qty,
        avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
        FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL '90' DAY
        GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""",
    3: """SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
        FROM customer, orders, lineitem
        WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
        AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
        GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10""",
    4: """SELECT o_orderpriority, count(*) AS order_count FROM orders
        WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-07-01' + INTERVAL '3' MONTH
        AND EXISTS (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
        GROUP BY o_orderpriority ORDER BY o_orderpriority""",
    5: """SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM customer, orders, lineitem, supplier, nation, region
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey
        AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey
        AND r_name = 'ASIA' AND o_orderdate >= DATE '1994-01-01'
        AND o_orderdate < DATE '1994-01-01' + INTERVAL '1' YEAR GROUP BY n_name ORDER BY revenue DESC""",
    6: """SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
        WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1994-01-01' + INTERVAL '1' YEAR
        AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24""",
    10: """SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name,
        c_address, c_phone, c_comment FROM customer, orders, lineitem, nation
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= DATE '1993-10-01'
        AND o_orderdate < DATE '1993-10-01' + INTERVAL '3' MONTH AND l_returnflag = 'R'
        AND c_nationkey = n_nationkey
        GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
        ORDER BY revenue DESC, c_custkey LIMIT 20""",
    12: """SELECT l_shipmode, sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH'
        THEN 1 ELSE 0 END) AS high_line_count, sum(CASE WHEN o_orderpriority <> '1-URGENT'
        AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS low_line_count
        FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP')
        AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
        AND l_receiptdate >= DATE '1994-01-01' AND l_receiptdate < DATE '1994-01-01' + INTERVAL '1' YEAR
        GROUP BY l_shipmode ORDER BY l_shipmode""",
    14: """SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount)
        ELSE 0 END) / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue FROM lineitem, part
        WHERE l_partkey = p_partkey AND l_shipdate >= DATE '1995-09-01'
        AND l_shipdate < DATE '1995-09-01' + INTERVAL '1' MONTH""",
}


def agree(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> bool:
    """Equal rows in equal order; numbers to nine digits, since DuckDB averages and divides in doubles."""
    if len(ours) != len(theirs):
        return False
    for row, other in zip(ours, theirs, strict=True):
        for value, expected in zip(row, other, strict=True):
            if isinstance(expected, float | Decimal):
                if abs(float(value) - float(expected)) > 1e-9 * max(1.0, abs(float(expected))):
                    return False
            elif value != expected:
                return False
    return True


def main() -> int:
    """Load, run, compare; exit status 1 if any answer differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tpch", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder that tpchgen-cli filled with Parquet files")
    options = parser.parse_args()
    peer = duckdb.connect()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, minidb.connect(f"{folder}/tpch.db", autocommit=True) as own:
        for table, columns in TABLES.items():
            path = options.folder / f"{table}.parquet"
            peer.execute(f"CREATE TABLE {table} AS SELECT * FROM '{path}'")
            own.execute(f"CREATE TABLE {table} ({columns})")
            start = time.perf_counter()
            count = own.execute(f"COPY {table} FROM '{path}' (FORMAT parquet)").rowcount
            print(f"{table}: {count} rows in {time.perf_counter() - start:.1f} s", flush=True)
        own.execute("ANALYZE")
        for number, query in QUERIES.items():
            start = time.perf_counter()
            ours = own.execute(query).fetchall()
            between = time.perf_counter()
            theirs = peer.execute(query).fetchall()
            after = time.perf_counter()
            same = agree(ours, theirs)
            failed += not same
            print(
                f"query {number}: {'agrees' if same else 'DIFFERS'}, {len(ours)} rows, "
                f"{between - start:.2f} s, DuckDB {after - between:.2f} s",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
