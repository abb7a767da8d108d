"""Runs a piece of SQL for the shell: each statement's result or error is printed."""

from __future__ import annotations

import time
from typing import TextIO

import minidb
from minidb_repl.render import Output, describe_error, describe_notice


class Runner:
    """A connection, where its results go, and how they look."""

    def __init__(
        self, connection: minidb.Connection, out: TextIO, errors: TextIO, output: Output, timing: bool = False
    ) -> None:
        self.connection = connection
        self.out = out
        self.errors = errors
        self.output = output
        self.timing = timing
        connection.add_notice_handler(self._say)

    def run(self, sql: str) -> bool:
        """Run the statements until one fails; whether all succeeded."""
        started = time.perf_counter()
        cursor = self.connection.cursor()
        try:
            for result in cursor.each_result(sql):
                self._print(result)
        except minidb.Error as error:
            self.out.flush()
            print(describe_error(error, sql), file=self.errors, flush=True)
            return False
        finally:
            cursor.close()
        if self.timing:
            print(f"Time: {(time.perf_counter() - started) * 1000:.3f} ms", file=self.out)
        self.out.flush()
        return True

    def _say(self, notice: minidb.Notice) -> None:
        self.out.flush()
        print(describe_notice(notice), file=self.errors, flush=True)

    def _print(self, cursor: minidb.Cursor) -> None:
        description = cursor.description
        if description is None:
            print(cursor.statusmessage, file=self.out)
            return
        self.output(self.out, [d[0] for d in description], [d[1] for d in description], cursor)
