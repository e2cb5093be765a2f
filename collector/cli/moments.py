"""Times as the command line reads and shows them."""

import re
from datetime import UTC, datetime, timedelta

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def since(text: str) -> datetime:
    """`24h`, `90m`, `7d`, or a date and time (UTC when it names no zone). click.BadParameter."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match:
        return datetime.now(UTC) - timedelta(seconds=int(match[1]) * UNITS[match[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        said = f"{text!r} is neither like 24h, 90m, 7d nor a date and time"
        raise click.BadParameter(said, param_hint="'--since'") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def ago(value: str | None) -> str:
    """`4m`, `3h`: how long ago; "-" when never."""
    if value is None:
        return "-"
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(value)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def between(first: str, *, then: str) -> timedelta:
    return datetime.fromisoformat(then) - datetime.fromisoformat(first)


def short(value: str) -> str:
    """`11-22 10:02:03`, in UTC."""
    return f"{datetime.fromisoformat(value).astimezone(UTC):%m-%d %H:%M:%S}"
