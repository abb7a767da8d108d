"""Reads and commits that SERIALIZABLE must not overlook: each case here once let a cycle pass, or hung."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from database_fixture import key

import minidb
from minidb.txn.conflict_graph import ConflictGraph
from minidb.txn.footprint import Footprint
from minidb.txn.lock_modes import ACCESS_SHARE
from minidb.txn.lock_observer import LockObserver
from minidb.txn.read_set import ReadRange, ReadSet, whole
from minidb.txn.state import LockRequest
from minidb.txn.transaction import Transaction
from minidb_testkit.interleaving import Stepper

BEGIN = "BEGIN ISOLATION LEVEL SERIALIZABLE"
Connect = Callable[[], minidb.Connection]


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes connections to one database with t(id, u unique, v), rows 1 and 2."""
    opened: list[minidb.Connection] = []

    def one_more() -> minidb.Connection:
        opened.append(minidb.connect(f":memory:{request.node.name}", autocommit=True))
        return opened[-1]

    keeper = one_more()
    keeper.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, u INTEGER UNIQUE, v INTEGER)")
    keeper.execute("INSERT INTO t VALUES (1, 1, 0), (2, 2, 0)")
    yield one_more
    for connection in opened:
        connection.close()


def begin(connect: Connect, mode: str = "") -> minidb.Connection:
    connection = connect()
    connection.execute(BEGIN + mode)
    return connection


def read(connection: minidb.Connection, id: int) -> int:
    (value,) = connection.execute("SELECT v FROM t WHERE id = ?", (id,)).fetchone()
    return int(value)


def engine(connection: minidb.Connection) -> Transaction:
    transaction = connection._session.transaction
    assert transaction is not None
    return transaction


@contextmanager
def refused(sqlstate: str = "40001") -> Iterator[None]:
    with pytest.raises(minidb.Error) as caught:
        yield
    assert caught.value.sqlstate == sqlstate


class _Announced:
    """A mutex that tells when another thread than the first asks for it."""

    def __init__(self, mutex: Any, asked: threading.Event) -> None:
        self.mutex = mutex
        self.asked = asked
        self.first = threading.get_ident()

    def __enter__(self) -> None:
        if threading.get_ident() != self.first:
            self.asked.set()
        self.mutex.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.mutex.release()


def test_a_snapshot_taken_while_a_lone_writer_commits(connect: Connect) -> None:
    """The writer saw nobody to conflict with, so the graph does not know it: the reader must see it."""
    writer, reader = begin(connect), connect()
    read(writer, 2)
    writer.execute("UPDATE t SET v = 1 WHERE id = 1")
    store = engine(writer).store
    moved = threading.Event()  # the reader has read, or waits for the commit
    found: list[int] = []

    def read_meanwhile() -> None:
        reader.execute(BEGIN)
        found.append(read(reader, 1))
        moved.set()

    def while_committing(transaction: Transaction, commit_id: int) -> None:
        thread.start()
        assert moved.wait(10)

    thread = threading.Thread(target=read_meanwhile)
    mutex = store.commit_mutex
    store.commit_mutex = _Announced(mutex, moved)  # type: ignore[assignment]
    engine(writer).on_commit = while_committing
    try:
        writer.execute("COMMIT")
        thread.join(10)
    finally:
        store.commit_mutex = mutex
    assert found == [1]


def test_a_reader_of_what_is_durable_sees_what_the_graph_has_forgotten(tmp_path: Path) -> None:
    """Fekete's read-only anomaly, with the second commit not durable when the reader begins."""
    path = str(tmp_path / "bank.db")
    keeper, first, second, reader = [minidb.connect(path, autocommit=True) for _ in range(4)]
    keeper.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
    keeper.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
    first.execute("SET synchronous_commit = off")
    first.execute(BEGIN)
    assert (read(first, 1), read(first, 2)) == (0, 0)
    second.execute(BEGIN)
    second.execute("UPDATE t SET v = v + 20 WHERE id = 2")
    second.execute("COMMIT")
    first.execute("UPDATE t SET v = -11 WHERE id = 1")
    first.execute("COMMIT")
    reader.execute(BEGIN + " READ ONLY")
    assert (read(reader, 1), read(reader, 2)) == (-11, 20)
    reader.execute("COMMIT")
    for connection in (keeper, first, second, reader):
        connection.close()


def test_lock_table_gives_a_safe_snapshot_back(connect: Connect) -> None:
    reader = begin(connect, " READ ONLY")
    reader.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    writer = begin(connect)
    read(writer, 1)
    read(reader, 2)
    assert engine(reader).reads is not None, "its snapshot is not safe any more"


@pytest.mark.parametrize("arbiter", ["id", "u"])
def test_do_update_reads_the_row_that_its_condition_leaves_alone(connect: Connect, arbiter: str) -> None:
    one, two = begin(connect), begin(connect)
    upsert = f"INSERT INTO t VALUES (1, 1, 5) ON CONFLICT ({arbiter}) DO UPDATE SET v = 9 WHERE t.v = 7"
    assert one.execute(upsert).rowcount == 0
    one.execute("UPDATE t SET v = 1 WHERE id = 2")
    read(two, 2)
    one.execute("COMMIT")
    with refused():
        two.execute("UPDATE t SET v = 7 WHERE id = 1")
        two.execute("COMMIT")


@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ"])
def test_do_update_refuses_a_row_newer_than_the_snapshot(connect: Connect, level: str) -> None:
    one = connect()
    one.execute(f"BEGIN ISOLATION LEVEL {level}")
    read(one, 2)
    connect().execute("UPDATE t SET v = 5 WHERE id = 1")
    with refused():
        one.execute("INSERT INTO t VALUES (9, 1, 5) ON CONFLICT (u) DO UPDATE SET v = 9 WHERE t.v = 7")


@pytest.mark.parametrize("values", ["(7, 7, 0)", "(8, 7, 0), (9, 8, 0)"])
def test_an_insert_that_is_rolled_back_has_told_that_the_key_was_free(connect: Connect, values: str) -> None:
    one, two = begin(connect), begin(connect)
    one.execute("SAVEPOINT s")
    one.execute(f"INSERT INTO t VALUES {values}")
    one.execute("ROLLBACK TO s")
    one.execute("UPDATE t SET v = 1 WHERE id = 2")
    read(two, 2)
    one.execute("COMMIT")
    with refused():
        two.execute(f"INSERT INTO t VALUES {values}")
        two.execute("COMMIT")


@pytest.mark.parametrize("condition", ["f(v)", "g(v)", "v = pg_backend_pid()"])
def test_a_condition_that_only_a_running_statement_can_test(connect: Connect, condition: str) -> None:
    connect().execute(
        "CREATE FUNCTION f(x INTEGER) RETURNS BOOLEAN STABLE LANGUAGE SQL"
        " AS 'SELECT EXISTS (SELECT 1 FROM t WHERE u = x)'"
    )
    connect().execute(
        "CREATE FUNCTION g(x INTEGER) RETURNS BOOLEAN IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN x = 3; END'"
    )
    one, two = begin(connect), begin(connect)
    one.execute(f"SELECT * FROM t WHERE {condition}").fetchall()
    read(two, 2)
    two.execute("UPDATE t SET v = 3 WHERE id = 1")
    two.execute("COMMIT")
    with refused():
        one.execute("UPDATE t SET v = 3 WHERE id = 2")
        one.execute("COMMIT")


@pytest.mark.parametrize(
    "reading",
    [
        "CREATE TABLE z AS SELECT * FROM t WHERE v > 5",
        "EXPLAIN ANALYZE SELECT * FROM t WHERE v > 5",
        "COPY (SELECT * FROM t WHERE v > 5) TO '{path}'",
        "SELECT reads_t()",
    ],
)
def test_two_phase_locking_locks_the_tables_it_reads(connect: Connect, reading: str, tmp_path: Path) -> None:
    one = connect()
    one.execute(
        "CREATE FUNCTION reads_t() RETURNS INTEGER LANGUAGE plpgsql"
        " AS 'DECLARE n INTEGER; BEGIN SELECT v INTO n FROM t WHERE id = 1; RETURN n; END'"
    )
    one.execute("SELECT reads_t()").fetchall()  # from now on its statement is prepared
    one.execute("SET serializable_strategy = '2pl'")
    one.execute(BEGIN)
    (table,) = [each.id for each in one._session.database.catalog.tables() if each.name == "t"]
    one.execute(reading.format(path=tmp_path / "out.csv"))
    assert engine(one).table_locks[table] & ACCESS_SHARE
    announced = engine(one).announced
    one.execute("ROLLBACK")
    assert not announced, "a range that nobody holds would block writers for ever"


@pytest.mark.parametrize(
    "rewriting",
    [
        ["TRUNCATE t"],
        ["TRUNCATE t", "TRUNCATE t"],
        ["ALTER TABLE t ALTER v TYPE BIGINT"],
        [BEGIN, "TRUNCATE t", "COMMIT"],
    ],
)
@pytest.mark.parametrize(
    "reading",
    ["SELECT count(*) FROM t WHERE v > 5", "SELECT v FROM t WHERE id = 7", "SELECT 1 FROM t WHERE u = 7"],
)
@pytest.mark.parametrize("first", ["reader", "writer"])
def test_rows_that_come_into_new_storage(
    connect: Connect, reading: str, rewriting: list[str], first: str
) -> None:
    """A table is rewritten between a reader's snapshot and the row that the reader would have found."""
    connect().execute("CREATE TABLE other (id INTEGER PRIMARY KEY, v INTEGER)")
    connect().execute("INSERT INTO other VALUES (1, 0)")
    reader, oldest = begin(connect), begin(connect)
    read(oldest, 1)  # keeps what the reader leaves in the graph
    reader.execute(reading).fetchall()
    definer = connect()
    for statement in rewriting:
        definer.execute(statement)
    writer = begin(connect)
    writer.execute("SELECT v FROM other WHERE id = 1").fetchall()
    one, two = (reader, writer) if first == "reader" else (writer, reader)
    reader.execute("UPDATE other SET v = 1 WHERE id = 1")
    writer.execute("INSERT INTO t VALUES (7, 7, 7)")
    one.execute("COMMIT")
    with refused():
        two.execute("COMMIT")
    oldest.execute("ROLLBACK")
    graph = keeper_graph(connect)
    assert not graph.nodes and not graph.heirs


def keeper_graph(connect: Connect) -> ConflictGraph:
    return connect()._session.database.transactions.certification.graph


def test_rows_locked_for_sharing_are_not_read_as_if_to_change(connect: Connect) -> None:
    for _ in range(2):
        one = connect()
        one.execute("SET serializable_strategy = '2pl'")
        one.execute(BEGIN)
        one.execute("SET LOCAL lock_timeout = 1")
        for mode in ("FOR SHARE", "FOR KEY SHARE"):
            assert one.execute(f"SELECT v FROM t WHERE id = 1 {mode}").fetchall() == [(0,)]


class _Collector(LockObserver):
    """Runs the garbage collector where a thread holds the lock table's mutex."""

    def on_wait(self, request: LockRequest) -> None:
        gc.collect()


def test_a_connection_collected_under_the_mutex_that_its_end_needs(connect: Connect) -> None:
    forgotten, waiting = begin(connect), connect()
    forgotten.execute("UPDATE t SET v = 1 WHERE id = 1")
    locks = engine(forgotten).locks
    opened = connect.__closure__[0].cell_contents  # type: ignore[attr-defined]
    opened.remove(forgotten)
    cycle: list[Any] = [forgotten]
    cycle.append(cycle)
    del forgotten, cycle
    locks.observers = (_Collector(),)
    thread = threading.Thread(target=waiting.execute, args=("UPDATE t SET v = 2 WHERE id = 1",), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_who_waits_behind_a_range_that_is_given_up(connect: Connect) -> None:
    """reader waits for writer; a third, whose write the reader's range meets, waits for the reader."""
    writer, reader, third = begin(connect), connect(), connect()
    writer.execute("UPDATE t SET v = 1 WHERE id = 1")
    reader.execute("SET serializable_strategy = '2pl'")
    reader.execute(BEGIN)
    with Stepper(engine(writer).locks) as stepper:
        stepper.step("reader", lambda: str(reader.execute("SELECT id FROM t WHERE v >= 0").fetchall()))
        stepper.step("third", lambda: str(third.execute("UPDATE t SET v = 3 WHERE id = 2").rowcount))
        assert stepper.is_waiting("reader") and stepper.is_waiting("third")
        outcomes = stepper.wake("reader", reader.interrupt)
        assert [each.session for each in outcomes] == ["reader", "third"]
        assert not stepper.is_waiting("third")


def test_merging_may_close_a_circle_which_goes() -> None:
    """a -> b -> c, where b saw neither; a and c become one, and then each has an edge in."""
    graph = ConflictGraph(limit=5)

    def commit(id: int, as_of: int, reads: list[int], writes: list[int]) -> None:
        read_set = ReadSet(100)
        read_set.add_keys([key(number) for number in reads])
        written: dict[bytes, bytes | None] = {key(number): b"" for number in writes}
        node = Footprint(id, as_of, read_set, written, (), None)
        found = graph.dependencies(node)
        assert graph.cycle(found) is None
        graph.add(node, id, found)

    commit(11, 10, [1], [4])
    commit(12, 10, [], [2])
    commit(21, 10, [2], [1, 3])
    graph.prune([10, 15, 21])
    assert [node.merged for node in graph.nodes] == [2, 1]
    assert all(node.incoming for node in graph.nodes)
    graph.prune([30])
    assert not graph.nodes


def test_what_constraints_saw_stays_within_the_limit() -> None:
    reads = ReadSet(40)
    for number in range(1000):
        reads.add_existence(b"\x00\x00\x00\x10" + number.to_bytes(8, "big"), number)
        reads.add_existence_range(ReadRange(b"\x00\x00\x00\x11", b"\x00\x00\x00\x11", None), number)
    assert reads.size() <= 3 * 40
    first = whole(b"\x00\x00\x00\x10")
    assert any(read.start == first.start and read.stop == first.stop for read, _ in reads.existence_ranges)
    assert max(seen for _, seen in reads.existence_ranges) >= 960
    assert min(seen for _, seen in reads.existence_ranges) == 0


def test_a_key_that_was_inserted_and_deleted_again_was_found_free(connect: Connect) -> None:
    """The insert told its transaction that nobody had the key; who inserts it later comes after that."""
    one, two = begin(connect), begin(connect)
    assert read(two, 2) == 0
    one.execute("DELETE FROM t WHERE id = 2")
    one.execute("INSERT INTO t VALUES (12, 12, 0)")
    one.execute("DELETE FROM t WHERE id = 12")
    one.execute("COMMIT")
    with refused():
        two.execute("INSERT INTO t VALUES (12, 12, 1)")
        two.execute("COMMIT")
