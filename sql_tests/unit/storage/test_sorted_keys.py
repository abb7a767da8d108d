"""The memtable's sorted keys, against a sorted list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minidb.storage.sorted_keys import SortedKeys


def keys_of(numbers: set[int]) -> list[bytes]:
    return [number.to_bytes(2, "big") for number in numbers]


@given(
    st.lists(st.sets(st.integers(0, 5000), max_size=30)),
    st.sets(st.integers(0, 5000)),
    st.integers(0, 5001),
    st.none() | st.integers(0, 5001),
    st.integers(1, 40),
)
def test_like_a_sorted_list(
    groups: list[set[int]], removed: set[int], low: int, high: int | None, count: int
) -> None:
    keys = SortedKeys()
    model: set[int] = set()
    for group in groups:
        keys.update(keys_of(group - model))
        model |= group
    for key in keys_of(removed):
        keys.discard(key)
    model -= removed
    check(keys, model, low, high, count)


def test_keys_after_the_last() -> None:
    keys = SortedKeys()
    model: set[int] = set()
    start = 0
    for size in (5, 1, 600, 1, 511, 3000, 1, 2):
        group = set(range(start, start + size))
        start += size
        keys.update(keys_of(group)[::-1])
        model |= group
        check(keys, model, start - size, None, 1000)
    check(keys, model, 0, None, 10_000)


def test_many_chunks() -> None:
    keys = SortedKeys()
    model: set[int] = set()
    for start in (3000, 0, 1, 2999):
        group = set(range(start, 10_000, 7)) - model
        keys.update(keys_of(group))
        model |= group
    for number in range(0, 10_000, 3):
        if number not in model:
            keys.add(number.to_bytes(2, "big"))
            model.add(number)
    for low in (0, 1, 511, 512, 4000, 9998, 9999, 10_000):
        for high in (None, 0, 512, 4001, 9999, 12_000):
            for count in (1, 10, 600, 3000):
                check(keys, model, low, high, count)
    for key in keys_of(set(model)):
        keys.discard(key)
    check(keys, set(), 0, None, 10)


def check(keys: SortedKeys, model: set[int], low: int, high: int | None, count: int) -> None:
    everything = sorted(keys_of(model))
    assert list(keys) == everything
    assert len(keys) == len(everything)
    start = low.to_bytes(2, "big")
    stop = None if high is None else high.to_bytes(2, "big")
    expected = [key for key in everything if start <= key and (stop is None or key < stop)]
    assert keys.from_start(start, stop, count, False) == expected[:count]
    assert keys.from_start(start, stop, count, True) == [key for key in expected if key != start][:count]
    assert keys.from_stop(start, stop, count) == expected[::-1][:count]
