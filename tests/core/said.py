"""Notices for whoever routes, folds, sends or reads them."""

from typing import Any

from collector.core.model import Severity
from collector.core.notice import Notice, Occasion
from tests.core.fleet import NOON


def notice(number: int = 1, sequence: int = 1, **changes: Any) -> Notice:
    """Of incident `number`: a listing, in full."""
    values: dict[str, Any] = {
        "key": f"notify:{number}.1795348800.{sequence}",
        "thread": f"{number}.1795348800",
        "incident": number,
        "sequence": sequence,
        "event": Occasion.OPENED if sequence == 1 else Occasion.UPDATED,
        "cause": "listed:zen.spamhaus.org",
        "severity": Severity.HIGH,
        "was": None if sequence == 1 else Severity.HIGH,
        "is_critical": True,
        "at": NOON,
        "opened_at": NOON,
        "title": "HIGH: mta-1 198.51.100.1 is listed by zen.spamhaus.org: SBL - paused",
        "what": ("198.51.100.1 is listed by zen.spamhaus.org: 127.0.0.2 SBL – ärgerlich",),
        "evidence": ("answers: 127.0.0.2",),
        "did": ("198.51.100.1 is paused (LISTED)",),
        "coming": ("the zone is asked again",),
        "can": ("mailfleet why 198.51.100.1",),
        "nodes": ("mta-1",),
        "pools": ("default",),
        "addresses": ("198.51.100.1",),
        "subjects": ("198.51.100.1",),
        "standing": 1,
    }
    return Notice(**{**values, **changes})
