"""The overlay against a model: plain dicts, one copy for each moment somebody looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.txn.overlay import ABSENT, Batch, Overlay, OverlayView, merged_batches

KEYS = [b"%04d" % number for number in range(40)]


def write(overlay: Overlay, key: bytes, value: bytes | None) -> None:
    overlay.undo.append((key, overlay.writes.get(key, ABSENT)))
    overlay.writes[key] = value


def write_new(overlay: Overlay, keys: list[bytes], value: bytes) -> None:
    new = [key for key in keys if key not in overlay.writes]
    overlay.undo.append((b"", new))
    overlay.writes.update(dict.fromkeys(new, value))


def in_batches(
    rows: dict[bytes, bytes], start: bytes, stop: bytes | None, reverse: bool, size: int
) -> Iterator[Batch]:
    pairs = [
        (key, rows[key])
        for key in sorted(rows, reverse=reverse)
        if key >= start and (stop is None or key < stop)
    ]
    for place in range(0, len(pairs), size):
        yield pairs[place : place + size]


def over(base: dict[bytes, bytes], writes: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    both: dict[bytes, bytes | None] = {**base, **writes}
    return {key: value for key, value in both.items() if value is not None}


keys = st.sampled_from(KEYS)
values = st.one_of(st.none(), st.binary(min_size=1, max_size=2))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), keys, values),
        st.tuples(st.just("many"), st.lists(keys, unique=True, max_size=9), st.just(b"new")),
        st.tuples(st.just("savepoint"), st.none(), st.none()),
        st.tuples(st.just("rollback"), st.integers(0, 5), st.none()),
        st.tuples(st.just("order"), st.none(), st.none()),
    ),
    max_size=60,
)


@given(
    base=st.dictionaries(keys, st.binary(min_size=1, max_size=2)),
    script=steps,
    bounds=st.tuples(keys, st.one_of(st.none(), keys)),
    reverse=st.booleans(),
    size=st.integers(1, 7),
)
@settings(max_examples=300, deadline=None)
def test_views_hold_still(
    base: dict[bytes, bytes],
    script: list[tuple[str, object, object]],
    bounds: tuple[bytes, bytes | None],
    reverse: bool,
    size: int,
) -> None:
    overlay = Overlay({}, [])
    savepoints: list[tuple[int, dict[bytes, bytes | None]]] = []
    views: list[tuple[OverlayView, dict[bytes, bytes | None]]] = []
    for kind, first, second in script:
        if kind == "write":
            assert isinstance(first, bytes)
            write(overlay, first, second)  # type: ignore[arg-type]
        elif kind == "many":
            write_new(overlay, first, b"new")  # type: ignore[arg-type]
        elif kind == "savepoint":
            savepoints.append((len(overlay.undo), dict(overlay.writes)))
            views.append((OverlayView(overlay, len(overlay.undo)), dict(overlay.writes)))
        elif kind == "order":
            assert list(overlay.ordered()) == sorted(overlay.writes)
        elif savepoints:
            assert isinstance(first, int)
            position, expected = savepoints[max(0, len(savepoints) - 1 - first)]
            del savepoints[max(0, len(savepoints) - 1 - first) + 1 :]
            views = [view for view in views if view[0].position <= position]
            overlay.rollback_to(position)
            assert overlay.writes == expected
    start, stop = bounds
    views.append((OverlayView(overlay, len(overlay.undo)), dict(overlay.writes)))
    for view, expected in views:
        for key in KEYS:
            assert view.get(key) == expected.get(key, ABSENT)
        found = list(merged_batches(in_batches(base, start, stop, reverse, size), view, start, stop, reverse))
        assert all(found)
        rows = over(base, expected)
        assert [pair for batch in found for pair in batch] == [
            pair for batch in in_batches(rows, start, stop, reverse, 1) for pair in batch
        ]
        touched = any(key >= start and (stop is None or key < stop) for key in overlay.writes)
        assert overlay.touches(start, stop) == touched


def test_a_scan_goes_on_while_its_statement_writes() -> None:
    """The Halloween problem: rows that the running statement moves ahead are not met again."""
    chance = random.Random(1)
    overlay = Overlay({}, [])
    for number in range(500):
        write(overlay, b"%06d" % number, b"old")
    view = OverlayView(overlay, len(overlay.undo))
    seen = []
    for batch in merged_batches(iter(()), view, b"", None, False):
        for key, value in batch:
            assert value == b"old"
            seen.append(key)
            write(overlay, key, None)
            write(overlay, b"%06d" % (int(key) + chance.randrange(1000)), b"new")
    assert seen == [b"%06d" % number for number in range(500)]


def test_untouched_batches_pass_whole() -> None:
    overlay = Overlay({}, [])
    write(overlay, b"0005", b"x")
    first = [(b"%04d" % number, b"v") for number in range(5)]
    second = [(b"%04d" % number, b"v") for number in range(5, 10)]
    third = [(b"%04d" % number, b"v") for number in range(10, 15)]
    found = list(merged_batches(iter([first, second, third]), OverlayView(overlay, 1), b"", None, False))
    assert found[0] is first
    assert found[2] is third
    assert found[1] == [(b"0005", b"x"), *second[1:]]


def test_a_large_overlay_comes_in_chunks() -> None:
    """The first rows of a table that this transaction filled don't cost a pass over all of it."""
    overlay = Overlay({}, [])
    for number in range(100_000):
        write(overlay, b"%06d" % number, b"v")
    batches = merged_batches(iter([[(b"a", b"v")]]), OverlayView(overlay, 100_000), b"", None, False)
    assert len(next(batches)) <= 64
    assert sum([len(batch) for batch in batches]) > 99_000


def test_rollback_keeps_the_order_of_keys() -> None:
    overlay = Overlay({}, [])
    for number in range(100):
        write(overlay, b"%06d" % number, b"v")
    overlay.ordered()
    position = len(overlay.undo)
    write(overlay, b"000050", b"changed")
    write(overlay, b"new", b"v")
    overlay.ordered()
    overlay.rollback_to(position)
    assert list(overlay.ordered()) == sorted(overlay.writes)
    overlay.rollback_to(10)
    assert list(overlay.ordered()) == sorted(overlay.writes)
    write(overlay, b"000050", b"again")
    assert list(overlay.ordered()) == sorted(overlay.writes)
