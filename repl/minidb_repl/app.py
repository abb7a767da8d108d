"""The `minidb` command: a shell on a database, a runner of scripts, and the tools.

minidb FILE                     interactive, or reads SQL from a pipe
minidb FILE -c SQL | -f SCRIPT  runs it and ends; exit status 1 on an error
minidb slt FILES...             runs sqllogictest files
minidb isolation FILES...       runs isolation specs
minidb check FILE               verifies a database
minidb replay CALLS FILE        runs a log of calls again, in an empty database
minidb digest FILE              prints a digest of every table
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import minidb
from minidb_repl.commands import run_command
from minidb_repl.render import FORMATS, describe_error
from minidb_repl.runner import Runner


def main(arguments: list[str] | None = None) -> int:
    """The console script's entry point; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in _TOOLS:
        return _guarded(lambda: _TOOLS[words[0]](words[1:]))
    options = _parser().parse_args(words)
    return _guarded(lambda: _shell(options))


_TOOL_HELP = """\
In the shell, \\? lists its commands. The exit status is 1 after an error.

tools (each has a --help):
  minidb check FILE          verify a database: log, pages, rows, indexes
  minidb slt FILES...        run sqllogictest files
  minidb isolation FILES...  run isolation specs
  minidb replay CALLS FILE   run the recorded calls of serial execution again
  minidb digest FILE         a digest of every table
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidb",
        description="An SQL database in a directory. Without -c, -f or piped input: an interactive shell.",
        epilog=_TOOL_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        nargs="?",
        default=":memory:",
        help="the database, made if need be (default :memory:)",
    )
    parser.add_argument(
        "-c", "--command", action="append", metavar="SQL", help="run this SQL and end; may be repeated"
    )
    parser.add_argument(
        "-f",
        "--script",
        action="append",
        metavar="SCRIPT",
        help="run this file (-: standard input) and end; may be repeated",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", dest="format", action="store_const", const="csv", help="print results as CSV")
    form.add_argument(
        "--json", dest="format", action="store_const", const="json", help="print results as JSON"
    )
    parser.add_argument(
        "--version", action="version", version=f"minidb {minidb.__version__} ({minidb.IMPLEMENTATION})"
    )
    return parser


def _shell(options: argparse.Namespace) -> int:
    output = FORMATS[options.format or "table"]
    interactive = not options.command and not options.script and sys.stdin.isatty()
    with minidb.connect(options.file, autocommit=True) as connection:
        runner = Runner(connection, sys.stdout, sys.stderr, output)
        if interactive:
            from minidb_repl.interactive import interact

            return interact(runner, options.file)
        for sql in options.command or []:
            if sql.lstrip().startswith("\\"):
                run_command(sql.strip(), runner)
            elif not runner.run(sql):
                return 1
        for path in options.script or []:
            if not runner.run(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")):
                return 1
        if not options.command and not options.script and not runner.run(sys.stdin.read()):
            return 1
    return 0


def _check(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="minidb check", description="Verify a database's log, pages, rows and indexes."
    )
    parser.add_argument("file", help="the database")
    options = parser.parse_args(arguments)
    problems = minidb.check(options.file)
    for problem in problems:
        print(problem)
    print(f"{options.file}: {'ok' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


def _replay(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="minidb replay", description="Run a log of calls again, then print a digest of every table."
    )
    parser.add_argument("calls", help="the log, made with record_calls")
    parser.add_argument("file", help="an empty database, made if need be")
    parser.add_argument(
        "--procedures",
        metavar="MODULE",
        help="a Python module whose register(connection) registers the procedures in Python",
    )
    options = parser.parse_args(arguments)
    register = None
    if options.procedures is not None:
        try:
            register = importlib.import_module(options.procedures).register
        except (ImportError, AttributeError) as error:
            parser.error(f"--procedures: {error}")
    calls = minidb.replay(options.calls, options.file, register)
    print(f"{calls} calls")
    _print_digest(options.file)
    return 0


def _digest(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="minidb digest", description="Print a digest of every table, to compare databases by."
    )
    parser.add_argument("file", help="the database")
    _print_digest(parser.parse_args(arguments).file)
    return 0


def _print_digest(path: str) -> None:
    for name, rows, found in minidb.digest(path):
        print(f"{found}  {name} ({rows} rows)")


def _slt(arguments: list[str]) -> int:
    from minidb_testkit.slt_command import main as slt

    return slt(arguments)


def _isolation(arguments: list[str]) -> int:
    from minidb_testkit.isolation_command import main as isolation

    return isolation(arguments)


_TOOLS: dict[str, Callable[[list[str]], int]] = {
    "slt": _slt,
    "isolation": _isolation,
    "check": _check,
    "replay": _replay,
    "digest": _digest,
}


def _guarded(work: Callable[[], int]) -> int:
    """What a user did wrong is a message and exit status 1, never a traceback."""
    try:
        return work()
    except minidb.Error as error:
        print(describe_error(error, ""), file=sys.stderr)
    except (OSError, UnicodeDecodeError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
