"""What `status` says of rows as they are: folding, unhealthy nodes, what needs a person."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from collector.operate import status
from collector.operate.status import Sources

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
Rows = dict[str, Any]


def node(name: str, **changes: Any) -> Rows:
    row: Rows = {
        "id": f"id of {name}",
        "name": name,
        "pool": "default",
        "status": "active",
        "liveness": "fresh",
        "silence_seconds": 1.0,
        "last_heartbeat": NOON.isoformat(),
        "addresses": [{"ip": "192.0.2.1", "in_rotation": True, "rotation_reason": None}],
        "pauses": [],
        "listings": [],
        "order": {"term": 1, "revision": 1},
        "obedience": {"term": 1, "revision": 1, "convergence": "verified", "is_silent": False},
    }
    return row | changes


def alert(key: str, severity: str = "low", **changes: Any) -> Rows:
    row: Rows = {
        "key": key,
        "severity": severity,
        "text": f"text of {key}",
        "opened_at": (NOON - timedelta(minutes=5)).isoformat(),
        "resolved_at": None,
        "node_id": "id of mta-1",
    }
    return row | changes


def composed(*nodes: Rows, alerts: tuple[Rows, ...] = (), decisions: tuple[Rows, ...] = ()) -> Any:
    sources = Sources(
        nodes=nodes or (node("mta-1"),),
        pools=({"name": "default", "automation": "act"},),
        alerts=alerts,
        switches={"automation_stopped": False, "sending_stopped": False},
        decisions={"id of mta-1": decisions},
    )
    return status.compose(sources, now=NOON)


def decision(**changes: Any) -> Rows:
    row: Rows = {
        "kind": "remove",
        "reason": "SILENCE",
        "address": "192.0.2.1",
        "fate": "withheld",
        "brake": "floor",
    }
    return row | changes


@pytest.mark.parametrize("count", [1, 2, 200])
def test_one_line_an_incident(count: int) -> None:
    alerts = tuple(alert(f"quarantine:zen.spamhaus.org:{n}") for n in range(count))
    (need,) = composed(alerts=alerts)["needs_you"]
    if count > 1:
        assert need["text"] == f"{count} nodes do not believe zen.spamhaus.org (mta-1)"
    assert need["fix"] == "mailfleet doctor"


def test_who_has_seen_it_is_said_and_what_is_silenced_counted() -> None:
    known = {"number": 7, "cause": "skew", "state": "acknowledged", "acknowledged_by": "anna"}
    quiet = {"number": 8, "cause": "blind", "state": "silenced", "acknowledged_by": ""}
    sources = Sources(
        nodes=(node("mta-1"),),
        pools=(),
        alerts=(alert("skew:1"), alert("blind:1", "medium")),
        switches={},
        decisions={},
        incidents=(known, quiet),
    )
    needs: Any = status.compose(sources, now=NOON)["needs_you"]
    assert [one["text"] for one in needs] == [
        "text of skew:1 (seen by anna)",
        "silenced, and standing: blind",
    ]
    assert needs[0]["fix"].endswith("; mailfleet alert show 7")


def test_the_gravest_comes_first() -> None:
    alerts = (alert("skew:1"), alert("disagree:zen:192.0.2.1", "high"), alert("blind:1", "medium"))
    needs = composed(alerts=alerts)["needs_you"]
    assert [one["severity"] for one in needs] == ["high", "medium", "low"]
    assert [one["fix"] for one in needs] == [
        "mailfleet why 192.0.2.1",
        "mailfleet doctor",
        "set the clock of mta-1 (chrony)",
    ]


@pytest.mark.parametrize(
    "is_member, decisions, did",
    [
        (False, (), "taken out of the rotation; back after two heartbeats in a row"),
        (True, (decision(),), "withheld by the floor"),
        (True, (decision(brake="detector health"),), "withheld by the detector health"),
        (True, (decision(fate="would", brake=None),), "only observed: would have removed it"),
        (True, (), "nothing yet"),
    ],
)
def test_an_unhealthy_node_says_what_was_done(
    is_member: bool, decisions: tuple[Rows, ...], did: str
) -> None:
    address = {"ip": "192.0.2.1", "in_rotation": is_member, "rotation_reason": None}
    lost = node("mta-1", status="unhealthy", silence_seconds=95.0, addresses=[address])
    (hurting,) = composed(lost, decisions=decisions)["hurting"]
    assert hurting["evidence"] == "no heartbeat for 95.0 s"
    assert hurting["did"].startswith(did)


def test_what_a_restore_brought_back_needs_a_person() -> None:
    pause = {"reason": "RESTORED", "address": None, "owner": "automation", "decision_id": ""}
    (need,) = composed(node("mta-1", status="paused", pauses=[pause]))["needs_you"]
    assert need["fix"] == "mailfleet node resume mta-1 --reason TEXT"
    many = [node(f"mta-{n}", pauses=[pause]) for n in range(9)]
    needs = composed(*many)["needs_you"]
    assert needs[-1]["text"].startswith("4 more nodes")


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"obedience": None}, "has not reported yet"),
        ({"order": None}, "no directive yet"),
        ({"order": {"term": 1, "revision": 2}}, "has not taken the directive yet"),
        (
            {
                "obedience": {
                    "term": 1,
                    "revision": 1,
                    "convergence": "failed",
                    "is_silent": False,
                    "problem": "postfix reload: exit 1",
                }
            },
            "failed: postfix reload: exit 1",
        ),
        (
            {
                "obedience": {
                    "term": 1,
                    "revision": 1,
                    "convergence": "verified",
                    "is_silent": False,
                    "problem": "deliveries begun since Postfix was closed: 2",
                },
                "order": {
                    "term": 1,
                    "revision": 1,
                    "node_pauses": [],
                    "addresses": {"192.0.2.1": ["LISTED"]},
                },
            },
            "paused, but not silent: deliveries begun since Postfix was closed: 2",
        ),
    ],
)
def test_a_pause_not_yet_obeyed_is_not_called_silence(changes: Rows, said: str) -> None:
    listing = {
        "zone": "zen.spamhaus.org",
        "address": "192.0.2.1",
        "details": "127.0.0.2 SBL",
        "opened_at": NOON.isoformat(),
        "consequence": "pause",
    }
    pause = {"reason": "LISTED", "address": "192.0.2.1", "owner": "automation"}
    listed = node("mta-1", status="paused", listings=[listing], pauses=[pause], **changes)
    (hurting,) = composed(listed)["hurting"]
    assert hurting["did"].startswith("paused; ")
    assert said in hurting["did"]
    assert "silent, verified" not in hurting["did"]


def test_only_a_day_of_recovery_is_shown() -> None:
    over = [
        alert(f"unhealthy:{hours}", resolved_at=(NOON - timedelta(hours=hours)).isoformat())
        for hours in (1, 23, 25)
    ]
    answer = composed(alerts=tuple(over))
    assert [one["text"] for one in answer["recovered"]] == [
        "text of unhealthy:1",
        "text of unhealthy:23",
    ]
    assert answer["needs_you"] == []


def test_long_lists_are_cut_and_counted() -> None:
    lost = [node(f"mta-{n}", status="unhealthy") for n in range(50)]
    answer = composed(*lost)
    assert (len(answer["hurting"]), answer["hurting_more"]) == (status.SHOWN_MAX, 30)
