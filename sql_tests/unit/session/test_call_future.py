"""The future of a call is a Future of the standard library in all that can be seen of it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import (
    CancelledError,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from typing import Any

import pytest

from minidb.session.call_future import CallFuture


def running() -> CallFuture:
    future = CallFuture()
    assert future.set_running_or_notify_cancel()
    return future


def has_condition(future: CallFuture) -> bool:
    return "_condition" in vars(future)


def test_a_life_without_waiters_needs_no_condition() -> None:
    future = CallFuture()
    told: list[Future[Any]] = []
    assert not future.done()
    future.add_done_callback(told.append)
    assert future.set_running_or_notify_cancel()
    future.set_result(7)
    assert future.done() and future.result() == 7 and future.exception() is None
    assert told == [future]
    assert not has_condition(future)


def test_what_the_base_class_asks_for_it_finds() -> None:
    future = CallFuture()
    assert not future.running() and not future.cancelled()
    assert has_condition(future)
    assert future.set_running_or_notify_cancel()
    assert future.running()
    future.set_result(1)
    assert future.result() == 1 and not future.running()
    assert "finished returned int" in repr(future)


def test_an_error_is_raised_and_told() -> None:
    future = running()
    told: list[BaseException | None] = []
    future.add_done_callback(lambda each: told.append(each.exception()))
    error = ValueError("no")
    future.set_exception(error)
    assert told == [error] and future.exception() is error
    with pytest.raises(ValueError, match="no"):
        future.result()


def test_a_callback_of_what_is_done_runs_at_once() -> None:
    future = running()
    future.set_result(None)
    told: list[Future[Any]] = []
    future.add_done_callback(told.append)
    assert told == [future]


def test_a_callback_that_fails_keeps_no_other_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    future = running()
    told: list[Future[Any]] = []

    def fails(_: Future[Any]) -> None:
        raise RuntimeError("in a callback")

    future.add_done_callback(fails)
    future.add_done_callback(told.append)
    with caplog.at_level(logging.ERROR, logger="concurrent.futures"):
        future.set_result(1)
    assert told == [future]
    assert "exception calling callback" in caplog.text


def test_cancelled_before_it_runs() -> None:
    future = CallFuture()
    told: list[bool] = []
    future.add_done_callback(lambda each: told.append(each.cancelled()))
    assert future.cancel()
    assert told == [True] and future.done()
    assert not future.set_running_or_notify_cancel()
    with pytest.raises(CancelledError):
        future.result()
    with pytest.raises(CancelledError):
        future.exception()


def test_too_late_to_cancel() -> None:
    future = running()
    assert not future.cancel()
    future.set_result(1)
    assert not future.cancel() and future.result() == 1


@pytest.mark.parametrize("again", ["result", "exception"])
def test_a_second_end_is_refused(again: str) -> None:
    future = running()
    future.set_result(1)
    with pytest.raises(InvalidStateError):
        future.set_result(2) if again == "result" else future.set_exception(ValueError())
    assert future.result() == 1


def test_a_wait_may_end_without_it() -> None:
    with pytest.raises(TimeoutError):
        running().result(timeout=0)


def test_wait_and_as_completed_take_it_with_others() -> None:
    mine, standard, failed = running(), Future[Any](), running()
    standard.set_running_or_notify_cancel()
    futures: list[Future[Any]] = [mine, standard, failed]
    ended: Iterator[Future[Any]] = as_completed(futures)
    first: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: first.append(next(ended)))
        mine.set_result(1)
        waiting.result()
    assert first == [mine]
    standard.set_result(2)
    failed.set_exception(ValueError())
    assert wait(futures).not_done == set()
    assert set(ended) == {standard, failed}


def test_an_event_loop_can_await_it() -> None:
    async def main() -> Any:
        future = CallFuture()
        awaited = asyncio.wrap_future(future)
        future.set_running_or_notify_cancel()
        threading.Thread(target=future.set_result, args=(5,)).start()
        return await awaited

    assert asyncio.run(main()) == 5


def test_whoever_waits_is_woken_and_called_back_once() -> None:
    """A thread waits and asks to be called back while another ends it, at every moment between the steps."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            for number in range(2000):
                future = running()
                told: list[Any] = []
                both = threading.Barrier(2)

                def waits(future: CallFuture = future, both: Any = both, told: list[Any] = told) -> Any:
                    both.wait()
                    future.add_done_callback(told.append)
                    return future.result(timeout=60)

                def ends(future: CallFuture = future, both: Any = both, number: int = number) -> None:
                    both.wait()
                    future.set_result(number)

                waiter, _ = pool.submit(waits), pool.submit(ends)
                assert waiter.result() == number
                assert wait([future], timeout=60).done == {future}
                _.result()
                assert told == [future]
    finally:
        sys.setswitchinterval(interval)


def test_it_runs_or_is_cancelled_but_never_both() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    outcomes = set()
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(2000):
                future = CallFuture()
                runs = pool.submit(future.set_running_or_notify_cancel)
                cancelled = pool.submit(future.cancel).result()
                assert runs.result() is not cancelled
                outcomes.add(cancelled)
    finally:
        sys.setswitchinterval(interval)
    assert outcomes <= {True, False}
