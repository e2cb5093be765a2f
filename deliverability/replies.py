"""What became of one delivery attempt, first honest classes. Pure; knows no file and no clock."""

from enum import Enum


class Outcome(Enum):
    """The outcome of one attempt for one recipient."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    OURS = "ours"


# The word after `status=` in a delivery line (bounce(8), Postfix's log_adhoc()). SOFTBOUNCE is a
# refusal that soft_bounce=yes turned into another try. Address probes (deliverable, undeliverable)
# carry no mail and have no outcome.
BY_STATUS = {
    b"sent": Outcome.SENT,
    b"deferred": Outcome.DEFERRED,
    b"SOFTBOUNCE": Outcome.DEFERRED,
    b"bounced": Outcome.BOUNCED,
    b"expired": Outcome.EXPIRED,
    b"force-expired": Outcome.EXPIRED,
}
PROBES = frozenset((b"deliverable", b"undeliverable"))

# error(8) and retry answer for a next hop that was not asked: a transport map's error:, a
# transport in defer_transports, a destination the queue manager takes for dead.
UNASKED = frozenset((b"error", b"retry"))
UNASKED_TEXTS = (b"delivery temporarily suspended", b"deferred transport")


def outcome_of(daemon: bytes, *, status: bytes, text: bytes) -> Outcome | None:
    """What one delivery line says; None for an address probe or a word we do not know.

    `text` is what stands in the parentheses. A message that ran out of time has expired, whoever
    says so; all else that no receiver was asked about is OURS, or a pause of ours would count as
    the receiver's deferrals.
    """
    outcome = BY_STATUS.get(status)
    if outcome is None or outcome is Outcome.EXPIRED:
        return outcome
    if daemon in UNASKED:
        return Outcome.OURS
    if outcome is Outcome.DEFERRED and text.startswith(UNASKED_TEXTS):
        return Outcome.OURS
    return outcome
