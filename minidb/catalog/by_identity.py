"""What is made of an immutable object, once, and found again by the object's identity.

Tables, indexes and plans live for as long as a catalog or a prepared statement does, and hashing a whole one
would cost more than most of what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Subject = TypeVar("Subject")
Made = TypeVar("Made")

KEPT: Final = 5_000


class ByIdentity(Generic[Subject, Made]):
    """A function of one object that remembers. It holds the objects, so that no id is used again meanwhile;
    when there are too many it forgets all of them, the dead ones too."""

    __slots__ = ("_known", "_make")

    def __init__(self, make: Callable[[Subject], Made]) -> None:
        self._make = make
        self._known: dict[int, tuple[Subject, Made]] = {}

    def __call__(self, subject: Subject) -> Made:
        known = self._known.get(id(subject))
        if known is not None and known[0] is subject:
            return known[1]
        made = self._make(subject)
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[id(subject)] = (subject, made)
        return made
