"""What a person says about a node: pauses, resumes, overrides, each with its decision."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.core.model import Kind, Reason, StandingKey
from collector.ports import OperatorPause, Refused, Store
from tests.store_bed import HandClock, enrol, entry, ip, node_id, pool_of
from tests.store_judged import first, judgement, listed
from tests.stores import STORES


@pytest.fixture(params=STORES)
async def journal(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path, clock) as found:
        await enrol(found, range(1, 6), await pool_of(found))
        yield found


KEY = StandingKey(node_id(1), ip(1), Kind.PAUSE, Reason.LISTED)


async def test_a_person_pauses_and_resumes(journal: Store) -> None:
    wish = OperatorPause(node_id=node_id(1), address=None, pausing=True, note="repairs")
    await journal.operator_pause(wish, entry("pause", node_id(1)))
    (pause,) = (await journal.load([node_id(1)])).nodes[0].pauses
    assert (pause.reason, pause.owner, pause.address) == (Reason.OPERATOR, "anna", None)
    (why,) = await journal.decisions(node_id(1), limit=9)
    assert (why["rule"], why["id"]) == ("operator", pause.decision_id)
    assert why["evidence"] == {"who": "anna", "from": "192.0.2.200", "why": "repairs"}
    resume = OperatorPause(node_id=node_id(1), address=None, pausing=False, note="done")
    await journal.operator_pause(resume, entry("resume", node_id(1)))
    assert (await journal.load([node_id(1)])).nodes[0].pauses == ()
    with pytest.raises(Refused, match="no pause") as refused:
        await journal.operator_pause(resume, entry("resume", node_id(1)))
    assert refused.value.code == "NOTHING_TO_RESUME"
    stranger = OperatorPause(node_id=node_id(77), address=None, pausing=True, note="")
    with pytest.raises(Refused):
        await journal.operator_pause(stranger, entry("pause", node_id(77)))


async def test_a_person_may_override_a_listing_and_automation_is_told(journal: Store) -> None:
    await journal.commit(await listed(journal))
    plain = OperatorPause(node_id=node_id(1), address=ip(1), pausing=False, note="")
    with pytest.raises(Refused):
        await journal.operator_pause(plain, entry("resume", node_id(1)))
    override = OperatorPause(
        node_id=node_id(1), address=ip(1), pausing=False, note="mistaken", override=True
    )
    await journal.operator_pause(override, entry("resume", node_id(1)))
    snapshot, address = await first(journal)
    assert snapshot.nodes[0].pauses == ()
    assert len(address.listings) == 1
    assert snapshot.denials[KEY].about == (address.listings[0].id,)
    assert [row["fate"] for row in await journal.decisions(ip(1), limit=9)].count("overridden") == 1
    await journal.commit(judgement(denials_end=(KEY,)))
    assert (await journal.load([node_id(1)])).denials == {}


async def test_a_configuration_fault_is_nothing_to_say_no_to(journal: Store) -> None:
    asked = await listed(journal)
    (draft,) = asked.listings_open
    fault = replace(draft, zone="bl.spamcop.net", consequence="policy")
    await journal.commit(replace(asked, listings_open=(draft, fault)))
    override = OperatorPause(
        node_id=node_id(1), address=None, pausing=False, note="mistaken", override=True
    )
    await journal.operator_pause(override, entry("resume", node_id(1)))
    snapshot, address = await first(journal)
    assert len(address.listings) == 2
    (paused,) = (one.id for one in address.listings if one.consequence == "pause")
    assert snapshot.denials[KEY].about == (paused,)
    await journal.commit(judgement(listings_close=(paused,)))
    with pytest.raises(Refused):
        await journal.operator_pause(override, entry("resume", node_id(1)))
