"""Blocklist zones: how to ask, what an answer means, whether a zone is sane. Does no look-ups."""

from enum import Enum


class Verdict(Enum):
    """The answer to one query. Unknown is an answer: it neither lists nor clears."""

    LISTED = "listed"
    CLEAR = "clear"
    UNKNOWN = "unknown"


class Sentinels(Enum):
    """Whether the zone's own test points answered rightly through the same resolver."""

    RIGHT = "right"
    WRONG = "wrong"
    UNASKED = "unasked"
