"""Durations as an incident writes them."""

import re
from datetime import timedelta

DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
# Deliveries are written to the log this often.
MAIL_EVERY_SECONDS = 300.0


class IncidentError(Exception):
    """The file is no incident; the text names the place."""


def seconds(text: object) -> float:
    """`90s`, `5m`, `1h30m`, `2d`."""
    found = DURATION.fullmatch(text) if isinstance(text, str) else None
    if not text or found is None:
        raise IncidentError(f"{text!r} is no duration: 90s, 5m, 1h30m, 2d")
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def span(text: object) -> timedelta:
    """`+1h` or `-90s`."""
    plain = text.lstrip("+-") if isinstance(text, str) else text
    sign = -1 if isinstance(text, str) and text.startswith("-") else 1
    return sign * timedelta(seconds=seconds(plain))
