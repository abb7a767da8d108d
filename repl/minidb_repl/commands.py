"""The table of backslash commands."""

from __future__ import annotations

from collections.abc import Callable

from minidb_repl.render import FORMATS
from minidb_repl.runner import Runner

Command = Callable[[Runner, str], bool]


def run_command(text: str, runner: Runner) -> bool:
    """Run a command such as `\\d shop`; False if the shell shall end."""
    word, _, argument = text[1:].partition(" ")
    found = COMMANDS.get(word)
    if found is None:
        print(f"unknown command \\{word}: \\? lists them", file=runner.errors)
        return True
    return found[1](runner, argument.strip())


def _help(runner: Runner, argument: str) -> bool:
    for word, (text, _) in COMMANDS.items():
        print(f"\\{word:<10} {text}", file=runner.out)
    return True


def _quit(runner: Runner, argument: str) -> bool:
    return False


def _describe(runner: Runner, argument: str) -> bool:
    for line in runner.connection.describe(argument or None):
        print(line, file=runner.out)
    return True


def _describe_system(runner: Runner, argument: str) -> bool:
    for line in runner.connection.describe_system(argument or None):
        print(line, file=runner.out)
    return True


def _describe_routines(runner: Runner, argument: str) -> bool:
    for line in runner.connection.describe_routines(argument or None):
        print(line, file=runner.out)
    return True


def _timing(runner: Runner, argument: str) -> bool:
    runner.timing = not runner.timing
    print(f"Timing is {'on' if runner.timing else 'off'}.", file=runner.out)
    return True


def _format(name: str) -> Command:
    def choose(runner: Runner, argument: str) -> bool:
        runner.output = FORMATS[name]
        return True

    return choose


def _include(runner: Runner, argument: str) -> bool:
    try:
        with open(argument, encoding="utf-8") as file:
            runner.run(file.read())
    except (OSError, UnicodeDecodeError) as error:
        print(f"ERROR: {error}", file=runner.errors)
    return True


COMMANDS: dict[str, tuple[str, Command]] = {
    "?": ("this list", _help),
    "d": (
        "the tables, views and sequences, or [NAME] one table's columns, indexes and constraints",
        _describe,
    ),
    "dS": ("the system views, or [NAME] one view's columns", _describe_system),
    "df": (
        "the functions and procedures, or [NAME] those of one name, with their bodies",
        _describe_routines,
    ),
    "i": ("[FILE] run a script", _include),
    "timing": ("show how long statements take, or stop doing so", _timing),
    "table": ("results as aligned tables", _format("table")),
    "csv": ("results as CSV", _format("csv")),
    "json": ("results as JSON", _format("json")),
    "q": ("leave", _quit),
}
