"""One sync serves all who wait; whoever is not served leads the next."""

from __future__ import annotations

import threading

import pytest

from minidb.errors import InternalError
from minidb.storage.group_commit import GroupCommit


class Disk:
    """A log whose syncs the test lets through one at a time."""

    def __init__(self) -> None:
        self.written = 0
        self.syncs: list[int] = []
        self.gate = threading.Semaphore(0)
        self.started = threading.Semaphore(0)
        self.group = GroupCommit(self.flush, 0)

    def flush(self) -> int:
        target = self.written
        self.started.release()
        self.gate.acquire()
        self.syncs.append(target)
        return target

    def commit(self) -> threading.Thread:
        self.written += 1
        thread = threading.Thread(target=self.group.wait, args=(self.written,))
        thread.start()
        return thread


def wait_until_queued(group: GroupCommit, count: int) -> None:
    pause = threading.Event()
    while len(group.waiting) < count:
        pause.wait(0.001)


def test_followers_share_the_next_sync() -> None:
    disk = Disk()
    leader = disk.commit()
    disk.started.acquire()
    followers = [disk.commit() for _ in range(5)]
    wait_until_queued(disk.group, 5)
    disk.gate.release()
    leader.join()
    disk.started.acquire()  # exactly one of the five leads now
    disk.gate.release()
    for thread in followers:
        thread.join()
    assert disk.syncs == [1, 6]
    assert disk.group.durable_id == 6
    assert not disk.group.leader and not disk.group.waiting


def test_what_is_durable_needs_no_sync() -> None:
    disk = Disk()
    disk.gate.release()
    disk.commit().join()
    disk.group.wait(1)
    disk.group.wait(0)
    assert disk.syncs == [1]


def test_a_checkpoint_keeps_syncs_out() -> None:
    disk = Disk()
    disk.group.begin()
    thread = disk.commit()
    wait_until_queued(disk.group, 1)
    assert disk.syncs == []
    disk.gate.release()
    disk.group.end()
    thread.join()
    assert disk.syncs == [1]


def test_a_checkpoint_waits_its_turn() -> None:
    disk = Disk()
    leader = disk.commit()
    disk.started.acquire()
    checkpoint = threading.Thread(target=disk.group.begin)
    checkpoint.start()
    wait_until_queued(disk.group, 1)
    disk.gate.release()
    leader.join()
    checkpoint.join()
    assert disk.group.leader
    disk.group.end()


def test_a_failure_passes_leadership_on() -> None:
    attempts: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def flush() -> int:
        attempts.append(len(attempts))
        if len(attempts) == 1:
            entered.set()
            go_on.wait()
            raise OSError("broken")
        return 2

    group = GroupCommit(flush, 0)
    failures: list[str] = []

    def wait(commit_id: int) -> None:
        try:
            group.wait(commit_id)
        except OSError as error:
            failures.append(str(error))

    first = threading.Thread(target=wait, args=(1,))
    first.start()
    entered.wait()
    second = threading.Thread(target=wait, args=(2,))
    second.start()
    wait_until_queued(group, 1)
    go_on.set()
    first.join()
    second.join()
    assert failures == ["broken"]
    assert group.durable_id == 2


def test_an_interrupted_leader_does_not_block_others() -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    group = GroupCommit(interrupted, 0)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            group.wait(1)
    assert not group.leader


def left_to_the_disk(group: GroupCommit, ends: list[int]) -> None:
    """The calling thread begins a sync of commit 1, and goes on."""

    def finish() -> None:
        ends.append(threading.get_ident())
        group.durable_id = 1

    assert group.try_begin()
    group.leave(finish)


def test_a_sync_left_to_the_disk_is_ended_by_who_needs_it() -> None:
    disk = Disk()
    disk.written = 1
    ends: list[int] = []
    left_to_the_disk(disk.group, ends)
    assert not disk.group.try_begin()
    served = threading.Thread(target=disk.group.wait, args=(1,))
    served.start()
    served.join(60)
    assert ends == [served.ident] and not disk.group.leader
    disk.gate.release()
    later = disk.commit()
    later.join(60)
    assert disk.syncs == [2] and len(ends) == 1
    left_to_the_disk(disk.group, ends)
    disk.group.begin()  # the same thread, for something else
    assert ends[1:] == [threading.get_ident()] == [disk.group.leader]
    disk.group.end()


@pytest.mark.parametrize("error", [KeyboardInterrupt, InternalError])
def test_the_end_of_a_sync_left_to_the_disk_is_interrupted_or_fails(error: type[BaseException]) -> None:
    disk = Disk()
    disk.written = 1
    ends = 0

    def finish() -> None:
        nonlocal ends
        ends += 1
        if ends == 1:
            raise error("now")
        disk.group.durable_id = 1

    assert disk.group.try_begin()
    disk.group.leave(finish)
    with pytest.raises(error):
        disk.group.wait(1)
    disk.gate.release()
    disk.group.wait(1)  # an interruption leaves it to the next; what has failed has ended
    assert (ends, disk.syncs) == ((2, []) if error is KeyboardInterrupt else (1, [1]))
    assert not disk.group.leader
