"""The statements that define things, and those that steer the session: data for `exec/define.py` and `session/`.

Names are already folded; expressions come as SQL text (what the catalog stores) and, where existing rows
must be checked or indexed, also bound.
"""

from __future__ import annotations


class Definition:
    """Base of all DDL."""

    __slots__ = ()
