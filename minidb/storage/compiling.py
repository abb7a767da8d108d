"""What the source tells mypyc, and is nothing to Python: without a compiler no package is needed for it.

https://mypyc.readthedocs.io/en/latest/native_classes.html#inheritance
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_: bool):
        """A decorator of classes."""
        return lambda class_: class_


__all__ = ["mypyc_attr"]
