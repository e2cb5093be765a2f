"""What became of one delivery attempt, first honest classes. Pure; knows no file and no clock."""

from enum import Enum


class Outcome(Enum):
    """The outcome of one attempt for one recipient."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    OURS = "ours"
