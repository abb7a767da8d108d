"""The interactive loop: prompt, history, multi-line statements, Ctrl-C stops what runs."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from types import FrameType

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from minidb_repl.commands import run_command
from minidb_repl.runner import Runner

HISTORY_FILE = "~/.minidb_history"


def interact(runner: Runner, name: str) -> int:
    """Read and run until the user leaves; the exit status."""
    session: PromptSession[str] = PromptSession(
        history=_history(),
        multiline=True,
        key_bindings=_bindings(),
        prompt_continuation=lambda width, line, wrapped: "... ".rjust(width),
    )
    title = Path(name).stem if not name.startswith(":") else "memory"
    print(r"minidb shell: SQL ends with ';', \? for help, \q to leave", file=runner.out)
    while True:
        try:
            text = session.prompt(f"{title}{_state(runner)}> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if text.strip().startswith("\\"):
            if not run_command(text.strip(), runner):
                return 0
        elif text.strip():
            with _Interruptible(runner):
                runner.run(text)


def _state(runner: Runner) -> str:
    """`*` inside of a transaction, `!` inside of a failed one."""
    connection = runner.connection
    if not connection.in_transaction:
        return ""
    return "!" if connection.in_failed_transaction else "*"


def _history() -> History:
    path = Path(os.environ.get("MINIDB_HISTORY", HISTORY_FILE)).expanduser()
    try:
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()  # no home, or a read-only one
    return FileHistory(str(path))


def is_complete(text: str) -> bool:
    """Whether Enter runs the text: a backslash command, nothing at all, or SQL up to its semicolon."""
    stripped = text.strip()
    return not stripped or stripped.startswith("\\") or _ends_statement(stripped)


# What a statement is made of, as far as its end is concerned: comments, quotes, words, signs.
_PIECES = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|(\$\w*\$).*?\1|(?P<open>/\*|['\"]|\$\w*\$)"
    r"|(?P<word>[^\W\d]\w*)|\S",
    re.DOTALL,
)


def _ends_statement(text: str) -> bool:
    """Whether the text ends with a semicolon outside of quotes, comments and BEGIN ATOMIC ... END."""
    last = ""
    before = ""  # the word before this one
    depth = 0  # of BEGIN ATOMIC and the CASEs inside
    for piece in _PIECES.finditer(text):
        if piece["open"]:
            return False
        found = piece[0]
        if found.startswith(("--", "/*")):
            continue
        word = (piece["word"] or "").lower()
        if depth:
            depth += 1 if word == "case" else -1 if word == "end" else 0
        elif word == "atomic" and before == "begin":
            depth = 1
        last, before = found, word
    return last == ";" and depth == 0


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return bindings


class _Interruptible:
    """Ctrl-C asks the running statement to stop, instead of killing the shell."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, self._interrupt)

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._runner.connection.interrupt()
