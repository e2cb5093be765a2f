"""What became of one attempt, by its daemon, its status and its text."""

import pytest

from deliverability.replies import Outcome, outcome_of


@pytest.mark.parametrize(
    "daemon, status, text, expected",
    [
        (b"smtp", b"sent", b"250 ok", Outcome.SENT),
        (b"smtp", b"deferred", b"host x said: 451", Outcome.DEFERRED),
        (b"smtp", b"SOFTBOUNCE", b"host x said: 550", Outcome.DEFERRED),
        (b"smtp", b"bounced", b"host x said: 550", Outcome.BOUNCED),
        (b"smtp", b"expired", b"", Outcome.EXPIRED),
        (b"error", b"force-expired", b"", Outcome.EXPIRED),
        (b"retry", b"deferred", b"deferred transport", Outcome.OURS),
        (b"error", b"deferred", b"delivery temporarily suspended: x", Outcome.OURS),
        (b"error", b"bounced", b"closed by us", Outcome.OURS),
        (b"smtp", b"deferred", b"delivery temporarily suspended: x", Outcome.OURS),
        (b"smtp", b"bounced", b"delivery temporarily suspended: x", Outcome.BOUNCED),
        (b"smtp", b"deferred", b"said: deferred transport", Outcome.DEFERRED),
        (
            b"smtp",
            b"deferred",
            b"connect to 127.0.0.1[127.0.0.1]:10024: Connection refused",
            Outcome.OURS,
        ),
        (b"smtp", b"deferred", b"connect to filter[::1]:10024: Connection timed out", Outcome.OURS),
        (b"lmtp", b"deferred", b"connect to mx1[private/dovecot-lmtp]: No such", Outcome.OURS),
        (
            b"smtp",
            b"deferred",
            b"connect to mx.example[203.0.113.1]:25: Connection refused",
            Outcome.DEFERRED,
        ),
        (b"smtp", b"bounced", b"connect to 127.0.0.1[127.0.0.1]:25: refused", Outcome.BOUNCED),
        (b"discard", b"sent", b"x", Outcome.SENT),
        (b"smtp", b"deliverable", b"", None),
        (b"smtp", b"undeliverable", b"", None),
        (b"retry", b"SENT", b"", None),
    ],
)
def test_the_outcome(daemon: bytes, status: bytes, text: bytes, expected: Outcome | None) -> None:
    assert outcome_of(daemon, status=status, text=text) is expected
