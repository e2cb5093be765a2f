"""The agent's value of what was sent for a sending domain. No protobuf, no IO, no clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCount:
    """What was counted since the epoch for the envelope senders of one domain; its name, or one of
    those that `deliverability.senders` keeps for what has none.

    Attempts that left the machine, and the first ones of unique recipients among them, as in a
    Cell.
    """

    domain: str
    sent: int = 0
    deferred: int = 0
    bounced: int = 0
    first_sent: int = 0
    first_deferred: int = 0
    first_bounced: int = 0
    first_unknown: int = 0
