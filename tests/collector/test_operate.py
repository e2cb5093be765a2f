"""What operators may do and see, over the real journal: acts, refusals, explanations."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from collector.core.model import Automation
from collector.operate import change, membership, overview, status, timeline, why, zones
from collector.operate.desk import Wish
from collector.operate.timeline import Asked
from collector.ports import Refused
from tests import collector_bed
from tests.collector_bed import OPERATOR, Bed

FREELY = Wish(actor=OPERATOR, reason="a test", affected_max=100)
CAREFULLY = Wish(actor=OPERATOR, reason="a test")


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2", "mta-3", "mta-4", "mta-5", "mta-6")
        yield running


async def node(bed: Bed, name: str) -> dict[str, Any]:
    return dict(await overview.one(bed.parts.desk, name))


async def lines(bed: Bed, subject: str) -> dict[str, str]:
    """Chapter -> its text."""
    answer: Any = await why.read(bed.parts.desk, subject)
    return {one["title"]: "\n".join(one["lines"]) for one in answer["chapters"]}


async def refused(code: str, act: Any) -> str:
    with pytest.raises(Refused) as said:
        await act
    assert said.value.code == code
    return f"{said.value} {said.value.remedy}"


async def test_nodes_carry_the_derived_words(bed: Bed) -> None:
    row = await node(bed, "mta-1")
    assert (row["status"], row["health_status"], row["liveness"]) == ("active", "healthy", "fresh")
    assert row["addresses"][0]["in_rotation"]
    assert (await node(bed, row["id"]))["name"] == (await node(bed, "192.0.2.1"))["name"] == "mta-1"


async def test_pause_silences_and_resume_undoes(bed: Bed) -> None:
    desk = bed.parts.desk
    done = await change.pause(desk, "mta-1", address=None, wish=FREELY)
    assert done.changed
    await bed.settle()
    row = await node(bed, "mta-1")
    assert (row["status"], row["health_status"]) == ("paused", "degraded")
    assert row["order"]["is_silent"]
    assert not row["addresses"][0]["in_rotation"]
    again = await change.pause(desk, "mta-1", address=None, wish=FREELY)
    assert not again.changed
    await change.resume(desk, "mta-1", address=None, override=False, wish=FREELY)
    await bed.settle()
    row = await node(bed, "mta-1")
    assert (row["status"], row["addresses"][0]["in_rotation"]) == ("active", False)
    # It enters once it has shown that it sends again.
    await bed.hear("mta-1")
    await bed.settle()
    assert (await node(bed, "mta-1"))["addresses"][0]["in_rotation"]


async def test_a_dry_run_changes_nothing(bed: Bed) -> None:
    desk, before = bed.parts.desk, await bed.parts.store.journal(after=-1, limit=1, node_id=None)
    dry = Wish(actor=OPERATOR, reason="a test", dry_run=True)
    for done in (
        await change.pause(desk, "mta-1", address=None, wish=dry),
        await change.switch(desk, "sending", stop=True, wish=dry),
        await change.automate_pool(desk, "default", value=Automation.OBSERVE, wish=dry),
        await membership.revoke(desk, "mta-1", wish=dry),
        await membership.rotate_ca(desk, wish=dry),
    ):
        assert (done.changed, done.dry_run) == (False, True)
    assert await bed.parts.store.journal(after=-1, limit=1, node_id=None) == before


async def test_every_change_is_audited_with_who_and_why(bed: Bed) -> None:
    await change.pause(bed.parts.desk, "mta-1", address=None, wish=FREELY)
    rows = await bed.parts.store.journal(after=-20, limit=20, node_id=None)
    details: Any = next(row["details"] for row in reversed(rows) if row["kind"] == "audit")
    assert (details["actor"], details["origin"], details["action"]) == ("operator", "test", "pause")
    assert details["after"]["reason"] == "a test"
    assert details["before"] == {"pauses": []}


async def test_what_affects_many_wants_the_count(bed: Bed) -> None:
    desk = bed.parts.desk
    said = await refused("AFFECTS_MANY", change.switch(desk, "sending", stop=True, wish=CAREFULLY))
    assert "6 nodes" in said
    assert "--max-affected 6" in said
    few = Wish(actor=OPERATOR, reason="a test", affected_max=5)
    await refused("AFFECTS_MANY", change.switch(desk, "sending", stop=True, wish=few))
    # One of six is 17 %: a person may do that without saying more.
    await change.pause(desk, "mta-1", address=None, wish=CAREFULLY)
    await bed.settle()
    # One of five still sending is 20 %, one of four is more.
    await change.pause(desk, "mta-2", address=None, wish=CAREFULLY)
    await bed.settle()
    await refused("AFFECTS_MANY", change.pause(desk, "mta-3", address=None, wish=CAREFULLY))


async def test_a_listed_node_resumes_only_over_the_listing(bed: Bed) -> None:
    desk = bed.parts.desk
    await bed.list("mta-2", "127.0.0.4")
    assert (await node(bed, "mta-2"))["status"] == "paused"
    resuming = change.resume(desk, "mta-2", address=None, override=False, wish=FREELY)
    said = await refused("STILL_LISTED", resuming)
    assert "192.0.2.2 by zen.spamhaus.org (127.0.0.4)" in said
    assert "--override-listing" in said
    await change.resume(desk, "mta-2", address=None, override=True, wish=FREELY)
    for _ in range(2):
        await bed.hear("mta-2")
        await bed.settle()
    row = await node(bed, "mta-2")
    assert (row["status"], row["addresses"][0]["in_rotation"]) == ("active", True)
    (hurting,) = _hurting(await status.read(desk))
    assert hurting["did"] == "sends all the same: a person overrode the listing"


async def test_an_operators_pause_is_lifted_under_a_listing(bed: Bed) -> None:
    desk = bed.parts.desk
    await bed.list("mta-2", "127.0.0.4")
    await change.pause(desk, "mta-2", address=None, wish=FREELY)
    done = await change.resume(desk, "mta-2", address=None, override=False, wish=FREELY)
    assert done.text == "mta-2: OPERATOR lifted; still paused: LISTED"


async def test_what_is_not_paused_cannot_be_resumed(bed: Bed) -> None:
    resuming = change.resume(bed.parts.desk, "mta-1", address=None, override=False, wish=FREELY)
    assert "mailfleet why mta-1" in await refused("NOT_PAUSED", resuming)


async def test_strangers_are_named(bed: Bed) -> None:
    desk = bed.parts.desk
    await refused("NODE_UNKNOWN", overview.one(desk, "mta-9"))
    await refused("POOL_UNKNOWN", overview.pool(desk, "nope"))
    await refused("SUBJECT_UNKNOWN", why.read(desk, "192.0.2.99"))
    pausing = change.pause(desk, "mta-1", address="192.0.2.2", wish=FREELY)
    assert "it has 192.0.2.1" in await refused("ADDRESS_UNKNOWN", pausing)
    await refused("ZONE_UNKNOWN", zones.test(desk, "bl.example", address="192.0.2.1"))
    await refused("ADDRESS_WRONG", zones.test(desk, "zen.spamhaus.org", address="x"))


async def test_status_tells_what_hurts_what_was_done_and_what_is_over(bed: Bed) -> None:
    await bed.list("mta-2", "127.0.0.4")
    answer = await status.read(bed.parts.desk)
    (hurting,) = _hurting(answer)
    assert hurting["symptom"] == "listed by zen.spamhaus.org"
    assert hurting["evidence"] == "127.0.0.4 XBL, exploited or infected machine"
    assert hurting["did"] == "paused; silent, verified"
    assert answer["fleet"]["statuses"] == {"active": 5, "paused": 1}  # type: ignore[index]
    await bed.delist("mta-2")
    answer = await status.read(bed.parts.desk)
    assert _hurting(answer) == []
    assert [one["node"] for one in answer["recovered"]] == ["mta-2"]  # type: ignore[attr-defined]


async def test_an_observing_pool_says_what_it_would_have_done(bed: Bed) -> None:
    await bed.automation(Automation.OBSERVE)
    await bed.list("mta-2", "127.0.0.4")
    (hurting,) = _hurting(await status.read(bed.parts.desk))
    assert hurting["did"].startswith("only observed: would have paused it")
    chapters = await lines(bed, "mta-2")
    assert "only recorded, automation observes" in chapters["decision"]
    assert "mailfleet pool act default" in chapters["undo"]


async def test_the_switches_need_you(bed: Bed) -> None:
    await change.switch(bed.parts.desk, "automation", stop=True, wish=FREELY)
    answer: Any = await status.read(bed.parts.desk)
    (need,) = answer["needs_you"]
    assert need["fix"].startswith("mailfleet stop automation --lift")
    await change.switch(bed.parts.desk, "automation", stop=False, wish=FREELY)
    answer = await status.read(bed.parts.desk)
    assert answer["needs_you"] == []


async def test_stop_sending_tells_every_node(bed: Bed) -> None:
    await change.switch(bed.parts.desk, "sending", stop=True, wish=FREELY)
    await bed.settle()
    for name in bed.nodes:
        assert (await node(bed, name))["order"]["is_silent"]
    said = await lines(bed, "mta-1")
    assert "STOP_SENDING" in said["directive"]
    assert "mailfleet stop sending --lift" in said["undo"]
    answer: Any = await why.read(bed.parts.desk, "mta-1")
    assert not answer["sends"]
    assert answer["headline"].endswith("sending is stopped for the whole fleet")


async def test_why_goes_from_evidence_to_undoing(bed: Bed) -> None:
    await bed.list("mta-2", "127.0.0.4")
    answer: Any = await why.read(bed.parts.desk, "mta-2")
    assert answer["headline"] == "mta-2 is paused: LISTED (zen.spamhaus.org)"
    chapters = await lines(bed, "192.0.2.2")
    assert "zen.spamhaus.org answered 127.0.0.4 XBL" in chapters["evidence"]
    assert "sentinels through the node's resolver: right" in chapters["evidence"]
    assert "the collector's resolver 127.0.0.1:" in chapters["second look"]
    assert " said: listed 127.0.0.4, sentinels right" in chapters["second look"]
    assert "zone brake: 1 newly listed on the zone, holds above 3 of 6" in chapters["brakes"]
    assert "be silent (LISTED)" in chapters["directive"]
    assert "silent, verified" in chapters["effect"]
    assert "2 deliveries in flight ended, 0 began" in chapters["effect"]
    assert "--override-listing" in chapters["undo"]
    order = [one["title"] for one in answer["chapters"]]
    steps = ["evidence", "second look", "rule", "decision", "directive", "effect", "undo"]
    assert [title for title in order if title in steps] == steps
    decision = answer["decision"]["id"]
    alone: Any = await why.read(bed.parts.desk, decision)
    assert alone["headline"] == "PAUSE of 192.0.2.2 for LISTED: made"


async def test_why_of_a_healthy_node_says_why_it_sends(bed: Bed) -> None:
    answer: Any = await why.read(bed.parts.desk, "mta-1")
    assert answer["sends"]
    assert answer["headline"] == "mta-1 is active and may send: nothing speaks against it"
    chapters = await lines(bed, "mta-1")
    assert "clear, sentinels right" in chapters["zones now"]
    assert "is in the rotation since" in chapters["rotation"]


async def test_the_timeline_begins_where_it_is_asked(bed: Bed) -> None:
    desk = bed.parts.desk
    before: Any = await timeline.read(desk, Asked(limit=1000))
    await anyio.sleep(0.01)
    since = bed.parts.clock.now()
    await change.pause(desk, "mta-1", address=None, wish=FREELY)
    await bed.settle()
    part: Any = await timeline.read(desk, Asked(limit=1000, since=since))
    whole: Any = await timeline.read(desk, Asked(limit=1000))
    assert part["items"]
    assert before["items"] + part["items"] == whole["items"]
    late: Any = await timeline.read(desk, Asked(limit=10, after=whole["after"]))
    assert (late["items"], late["after"]) == ([], whole["after"])
    mine: Any = await timeline.read(desk, Asked(limit=1000, node="mta-1"))
    assert {row["node"] for row in mine["items"]} == {"mta-1"}


async def test_a_token_comes_with_the_line_to_run(bed: Bed) -> None:
    answer = await membership.token(bed.parts.desk, pool="default", node=None, wish=FREELY)
    assert str(answer["token"]).startswith("mft1.")
    assert str(answer["token"]) in str(answer["command"])
    assert "localhost" in str(answer["command"])


async def test_revoking_ends_the_certificates(bed: Bed) -> None:
    done = await membership.revoke(bed.parts.desk, "mta-1", wish=FREELY)
    assert "1 certificates" in done.text
    revoked = [one for one in await bed.parts.store.certificates() if one.revoked_at]
    assert [one.node_id for one in revoked] == [bed.nodes["mta-1"].id]
    await bed.settle()
    row = await overview.one(bed.parts.desk, "mta-1")
    assert [address["in_rotation"] for address in overview.rows_of(row, "addresses")] == [False]


def _hurting(answer: Any) -> Any:
    return answer["hurting"]
