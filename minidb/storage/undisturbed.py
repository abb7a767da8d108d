"""Work that a keyboard interrupt must not leave half done.

Python raises KeyboardInterrupt in the main thread only, at any call. So there such work gets a thread of its
own, and it is the waiting for it that is interrupted.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def undisturbed(work: Callable[[], _T], *, to_the_end: bool = False) -> _T:
    """Run `work`; whatever it raises, this raises.

    An interrupt ends the waiting, and the work goes on; `to_the_end`: only after the work is done.
    """
    if threading.current_thread() is not threading.main_thread() or sys.is_finalizing():
        return work()  # no thread begins any more while the interpreter ends
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="minidb", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is about to end, or may have no more threads
        return work()
    interrupt: KeyboardInterrupt | None = None
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt as error:
            if not to_the_end:
                raise
            interrupt = error
    if errors:
        raise errors[0]
    if interrupt is not None:
        raise interrupt
    return results[0]
