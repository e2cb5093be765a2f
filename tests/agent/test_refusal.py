"""What a refusal or a failed handshake means, in words with a remedy."""

from datetime import datetime, timedelta, timezone

import pytest

from agent import refusal
from agent.refusal import Validity

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
DAY = timedelta(days=1)
VALID = Validity(not_before=NOW - DAY, not_after=NOW + 30 * DAY)


@pytest.mark.parametrize(
    "status, details, says, is_refusal",
    [
        ("PERMISSION_DENIED", "REVOKED: by an operator", "revoked", True),
        ("ABORTED", "DUPLICATE_IDENTITY: another machine", "cloned", True),
        ("UNAUTHENTICATED", "", "UNAUTHENTICATED", True),
        ("UNAVAILABLE", "failed to connect", "failed to connect", False),
        ("CANCELLED", "", "CANCELLED", False),
        ("UNAVAILABLE", "CERTIFICATE_VERIFY_FAILED: self signed", "collector.host", False),
        ("UNAVAILABLE", "CERTIFICATE_VERIFY_FAILED: certificate has expired", "clocks", False),
        ("UNAVAILABLE", "certificate is not yet valid", "clocks", False),
    ],
)
def test_explanations(status: str, details: str, says: str, is_refusal: bool) -> None:
    trouble = refusal.explain(status, details=details, validity=VALID, now=NOW)
    assert says in trouble.problem
    assert trouble.is_refusal is is_refusal


@pytest.mark.parametrize(
    "now, says",
    [
        (NOW - 2 * DAY, "set the clock"),
        (NOW + 31 * DAY, "being renewed"),
        (NOW + 300 * DAY, "too long"),
    ],
)
def test_the_own_certificates_dates_explain_a_dead_stream(now: datetime, says: str) -> None:
    trouble = refusal.explain("UNAVAILABLE", details="reset", validity=VALID, now=now)
    assert says in trouble.problem
    assert not trouble.is_refusal


@pytest.mark.parametrize(
    "skew, says",
    [(timedelta(seconds=30), ""), (timedelta(hours=1), "3600 s ahead"), (-2 * DAY, "behind")],
)
def test_skew_is_said_from_a_minute_on(skew: timedelta, says: str) -> None:
    said = refusal.skew_problem(collector_time=NOW, now=NOW + skew)
    assert says in said
    assert bool(said) is bool(says)


def test_an_endless_text_is_cut() -> None:
    trouble = refusal.explain("UNKNOWN", details="x" * 100_000, validity=VALID, now=NOW)
    assert len(trouble.problem) < 1_000
