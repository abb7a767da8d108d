"""A value in the memtable. Not compiled: a compiled class cannot be kept from the garbage collector."""

from __future__ import annotations

import msgspec


class Version(msgspec.Struct, gc=False):
    """A key as of one commit. The cyclic garbage collector, which there is nothing to find for, is kept out:
    it would look at each of a large commit's versions several times."""

    commit_id: int
    value: bytes | None
    older: Version | None
