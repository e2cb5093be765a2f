"""What the journal keeps of incidents, silences and deliveries."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.adapters.store import SqlStore
from collector.core import notices
from collector.core.incident import Incident, IncidentDraft, Place, Silence, Told
from collector.core.judgement import Judgement
from collector.core.model import AlertFact, Severity
from tests.core.said import notice
from tests.store_bed import START, ZONE, HandClock, enrol, entry, ip, node_id, opened, pool_of

HOUR = timedelta(hours=1)
OPEN = Incident(
    number=1,
    cause=f"listed:{ZONE}",
    tenant=None,
    opened_at=START,
    told={f"listed:{ZONE}:{ip(1)}": Told(severity=Severity.HIGH, words="listed", did="paused")},
    severity=Severity.HIGH,
    notices=2,
    told_at=START,
    reminders=1,
    reopened=3,
)


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, range(1, 4), await pool_of(found))
        yield found


async def put(journal: SqlStore, *drafts: IncidentDraft, **rest: Any) -> None:
    await journal.commit(Judgement(at=START, term=1, incidents=drafts, **rest))


async def docket_of(journal: SqlStore) -> Any:
    """As people read it; a judgement reads the same."""
    docket = (await journal.troubles()).docket
    assert docket == (await journal.load(())).docket
    return docket


async def test_an_incident_comes_back_as_it_was(journal: SqlStore, clock: HandClock) -> None:
    assert (await docket_of(journal)).next_number == 1
    await put(journal, IncidentDraft(incident=OPEN))
    docket = await docket_of(journal)
    assert (docket.incidents, docket.next_number) == ((OPEN,), 2)
    over = replace(OPEN, told={}, calm_since=START, resolved_at=START)
    await put(journal, IncidentDraft(incident=over))
    assert (await docket_of(journal)).incidents == (over,), "it may open again"
    clock.move(86_401)
    later = await docket_of(journal)
    assert (later.incidents, later.next_number) == ((), 2), "its number is not given twice"


async def test_a_pass_does_not_take_back_what_a_person_said(journal: SqlStore) -> None:
    await put(journal, IncidentDraft(incident=OPEN))
    said = entry("incident acknowledged")
    assert await journal.acknowledge(1, by="anna", why="seen", at=START, entry=said)
    await put(journal, IncidentDraft(incident=replace(OPEN, notices=3)))
    (kept,) = (await docket_of(journal)).incidents
    assert (kept.acknowledged_by, kept.notices) == ("anna", 3)
    await put(journal, IncidentDraft(incident=OPEN, unacknowledge=True))
    (ended,) = (await docket_of(journal)).incidents
    assert ended.acknowledged_by == ""
    assert await journal.acknowledge(1, by="", why="", at=None, entry=said)
    await put(journal, IncidentDraft(incident=replace(OPEN, resolved_at=START)))
    for number in (1, 9):
        assert not await journal.acknowledge(number, by="a", why="", at=START, entry=said)


async def test_silences_last_until_their_end_or_a_persons_word(
    journal: SqlStore, clock: HandClock
) -> None:
    made = Silence(
        number=0,
        starts_at=START,
        ends_at=START + HOUR,
        made_by="anna",
        reason="known",
        zone=ZONE,
        node="mx1",
    )
    assert [await journal.add_silence(made, entry("silence made")) for _ in (1, 2)] == [1, 2]
    assert (await docket_of(journal)).silences == (replace(made, number=1), replace(made, number=2))
    assert await journal.end_silence(2, entry("silence ended", at=START + timedelta(minutes=5)))
    clock.move(300)
    assert not await journal.end_silence(2, entry("silence ended", at=clock.now()))
    assert [one.number for one in (await docket_of(journal)).silences] == [1]
    rows = await journal.silences(active_only=False, limit=9)
    assert [(row["number"], row["ended_by"]) for row in rows] == [(2, "anna"), (1, None)]
    clock.move(3600)
    assert (await docket_of(journal)).silences == ()
    assert await journal.silences(active_only=True, limit=9) == []


async def test_an_incident_is_shown_with_its_alerts_and_their_notices(journal: SqlStore) -> None:
    def alert(key: str, node: int | None) -> AlertFact:
        where = node_id(node) if node else None
        return AlertFact(key=key, severity=Severity.HIGH, text=key, opened_at=START, node_id=where)

    told = notice(1, thread=OPEN.name, key=f"notify:{OPEN.name}.1")
    keys = (f"listed:{ZONE}:{ip(1)}", f"zone-brake:{ZONE}", f"listed:other.{ZONE}:{ip(2)}")
    await put(
        journal,
        IncidentDraft(incident=OPEN),
        alerts_open=tuple(alert(key, n) for key, n in zip(keys, (1, None, 2), strict=True)),
        notices=(notices.effect(told),),
    )
    assert (await docket_of(journal)).places == {
        node_id(n): Place(node=f"mx{n}", pool="default") for n in (1, 2)
    }
    assert await journal.untold(limit=9) == [told]
    await journal.queue(told, ("ops", "pager"), at=START)
    await journal.queue(told, ("ops", "pager"), at=START)
    assert sorted(await journal.told_channels(OPEN.name)) == ["ops", "pager"]
    await journal.attempted("ops", [told.key], problem="refused", at=START)
    await journal.delivered("ops", {told.key: "sent"}, said="250", at=START)
    assert await journal.standing("ops") == [told]
    assert await journal.standing("pager") == []
    row: Any = await journal.incident(1)
    assert {one["key"] for one in row["alerts"]} == set(keys[:2])
    (sent,) = row["sent"]
    assert [(one["channel"], one["outcome"], one["attempts"]) for one in sent["deliveries"]] == [
        ("ops", "sent", 2),
        ("pager", "waiting", 0),
    ]
    assert await journal.incident(2) is None
    (listed,) = await journal.incidents(open_only=True, limit=9)
    assert (listed["number"], listed["told"]) == (1, [keys[0]])
    assert await journal.abandon(["ops"], before=START, at=START) == 1
    states = await journal.channel_states()
    assert {name: one.waiting for name, one in states.items()} == {"ops": 0, "pager": 0}


async def test_our_own_are_known_by_every_name(journal: SqlStore) -> None:
    assert await journal.own_names() >= {ip(1), "mx1", "mx1.example.net"}
