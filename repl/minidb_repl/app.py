"""The `minidb` command: a shell on a database, a runner of scripts, and the tools.

minidb FILE                     interactive, or reads SQL from a pipe
minidb FILE -c SQL | -f SCRIPT  runs it and ends; exit status 1 on an error
minidb slt FILES...             runs sqllogictest files
minidb isolation FILES...       runs isolation specs
minidb check FILE               verifies a database
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import minidb
from minidb_repl.render import FORMATS, describe_error
from minidb_repl.runner import Runner


def main(arguments: list[str] | None = None) -> int:
    """The console script's entry point; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in _TOOLS:
        return _guarded(lambda: _TOOLS[words[0]](words[1:]))
    options = _parser().parse_args(words)
    return _guarded(lambda: _shell(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidb",
        description="An SQL database in a directory. Without -c, -f or piped input: an interactive shell.",
        epilog="Tools: minidb slt FILES...   minidb isolation FILES...   minidb check FILE",
    )
    parser.add_argument(
        "file",
        nargs="?",
        default=":memory:",
        help="the database, made if need be (default :memory:)",
    )
    parser.add_argument("-c", "--command", action="append", metavar="SQL", help="run this SQL and end")
    parser.add_argument("-f", "--script", action="append", metavar="SCRIPT", help="run this file and end")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", dest="format", action="store_const", const="csv", help="print results as CSV")
    form.add_argument("--json", dest="format", action="store_const", const="json", help="results as JSON")
    parser.add_argument("--version", action="version", version=f"minidb {minidb.__version__}")
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
            if not runner.run(sql):
                return 1
        for path in options.script or []:
            if not runner.run(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")):
                return 1
        if not options.command and not options.script and not runner.run(sys.stdin.read()):
            return 1
    return 0


def _check(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="minidb check", description="Verify a database's log, pages and rows."
    )
    parser.add_argument("file", help="the database")
    options = parser.parse_args(arguments)
    problems = minidb.check(options.file)
    for problem in problems:
        print(problem)
    print(f"{options.file}: {'ok' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


def _slt(arguments: list[str]) -> int:
    from minidb_testkit.slt_command import main as slt

    return slt(arguments)


def _isolation(arguments: list[str]) -> int:
    from minidb_testkit.isolation_command import main as isolation

    return isolation(arguments)


_TOOLS: dict[str, Callable[[list[str]], int]] = {"slt": _slt, "isolation": _isolation, "check": _check}


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
