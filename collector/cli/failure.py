"""How a command fails: what, cause, fix, and the exit code scripts rely on."""

import sys
from enum import IntEnum

import click


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    NOT_ALLOWED = 5
    UNREACHABLE = 6
    TIMED_OUT = 7
    PARTLY = 8
    WARN = 10
    CRITICAL = 11


class Failure(click.ClickException):
    """`what` happened, if known its `cause` and the `fix`, a command where there is one; `problem`
    is the code of the collector that refused."""

    def __init__(
        self, what: str, *, cause: str = "", fix: str = "", code: Exit, problem: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix
        self.code = code
        self.problem = problem


def report(error: click.ClickException | OSError) -> int:
    """Says it on stderr; the exit code."""
    if isinstance(error, OSError):
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has gone, such as `head`: that is their right.
            sys.stderr.close()
            return Exit.OK
        error = Failure(str(error), code=Exit.FAILED)
    if isinstance(error, Failure):
        say(f"{click.style('error:', fg='red', bold=True)} {error.what}")
        if error.cause:
            say(f"cause: {error.cause}")
        if error.fix:
            say(f"fix:   {error.fix}")
        return error.code
    error.show()
    return error.exit_code


def say(text: str) -> None:
    """For people, on stderr: never part of the data."""
    click.echo(text, err=True, color=None if colourful(sys.stderr) else False)


def colourful(stream: object) -> bool:
    """On a terminal, unless NO_COLOR is set (no-color.org)."""
    import os

    is_terminal = getattr(stream, "isatty", lambda: False)()
    return bool(is_terminal) and not os.environ.get("NO_COLOR")
