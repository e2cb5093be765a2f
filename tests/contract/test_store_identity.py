"""Tokens, nodes, certificates, terms, policy and the people's keys."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.core.model import Automation
from collector.core.policy import Policy
from collector.ports import Refused, Store
from collector.ports_identity import ApiToken
from tests.store_bed import (
    START,
    HandClock,
    certificate,
    enrol,
    entry,
    hello,
    ip,
    new_node,
    node_id,
    opened,
    pool_of,
    token,
)
from tests.stores import STORES


@pytest.fixture(params=STORES)
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path, HandClock()) as found:
        yield found


def test_it_is_the_port(journal: Store) -> None:
    port: Store = journal
    assert port is journal


async def test_a_token_admits_one_node(journal: Store) -> None:
    pool_id = await pool_of(journal)
    await journal.add_token(token("secret", pool_id), entry("make token"))
    attempts = [
        journal.enrol(
            "secret",
            new_node(n, pool_id),
            certificate=certificate(n, node_id(n)),
            entry=entry("enrol"),
        )
        for n in range(1, 9)
    ]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [outcome.code for outcome in outcomes if isinstance(outcome, Refused)]
    assert refused == ["TOKEN_USED"] * 7
    (node,) = await journal.members()
    (held,) = await journal.certificates()
    assert held == certificate(int(node[-2:]), node)
    assert (await journal.load(None)).nodes[0].pool_id == pool_id
    used = await journal.token("secret")
    assert used is not None
    assert used.used_at == START


async def test_unknown_and_late_tokens_admit_nobody(journal: Store) -> None:
    pool_id = await pool_of(journal)
    late = new_node(1, pool_id, at=START + timedelta(minutes=30))
    with pytest.raises(Refused) as unknown:
        await journal.enrol("secret", late, certificate=certificate(1, late.id), entry=entry())
    assert unknown.value.code == "TOKEN_UNKNOWN"
    await journal.add_token(token("secret", pool_id), entry())
    with pytest.raises(Refused) as expired:
        await journal.enrol("secret", late, certificate=certificate(1, late.id), entry=entry())
    assert expired.value.code == "TOKEN_EXPIRED"
    assert await journal.members() == {}
    assert await journal.certificates() == []
    with pytest.raises(Refused):
        await journal.add_token(token("other", "no such pool"), entry())


async def test_enrolling_again_keeps_the_node_and_ends_its_old_keys(journal: Store) -> None:
    pool_id = await pool_of(journal)
    await enrol(journal, [1], pool_id)
    await journal.add_token(token("again", pool_id, node_id=node_id(1)), entry())
    other = replace(new_node(1, pool_id), machine_id="another", addresses=(ip(1), ip(3)))
    await journal.enrol("again", other, certificate=certificate(9, node_id(1)), entry=entry())
    by_print = {held.fingerprint[-1]: held.revoked_at for held in await journal.certificates()}
    assert by_print == {"1": START, "9": None}
    account = await journal.account(node_id(1))
    assert account is not None
    assert (account.machine_id, account.addresses) == ("another", (ip(1), ip(3)))
    assert list(await journal.members()) == [node_id(1)]


async def test_two_machines_of_one_name_stay_apart(journal: Store) -> None:
    pool_id = await pool_of(journal)
    for number in (1, 2, 3):
        await journal.add_token(token(f"token-{number}", pool_id), entry())
        node = replace(new_node(number, pool_id), name="mail")
        await journal.enrol(
            f"token-{number}", node, certificate=certificate(number, node.id), entry=entry()
        )
    assert [row["name"] for row in await journal.nodes()] == ["mail", "mail-2", "mail-3"]


async def test_revoking_ends_every_certificate_of_the_node(journal: Store) -> None:
    pool_id = await pool_of(journal)
    await enrol(journal, [1, 2], pool_id)
    await journal.add_certificate(certificate(7, node_id(1)), entry("renew", node_id(1)))
    ended = await journal.revoke(node_id(1), entry("revoke", node_id(1)))
    assert ended == [certificate(1, "").fingerprint, certificate(7, "").fingerprint]
    assert await journal.revoke(node_id(1), entry("revoke", node_id(1))) == []
    good = [held.node_id for held in await journal.certificates() if held.revoked_at is None]
    assert good == [node_id(2)]
    *_, told = await journal.journal(after=0, limit=99, node_id=node_id(1))
    assert told["text"] == f"anna: revoke {node_id(1)}"


async def test_certificates_are_known_for_half_a_year_after_their_end(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, [1], await pool_of(journal))
        clock.move(timedelta(days=30 + 180).total_seconds())
        assert len(await journal.certificates()) == 1
        clock.move(1)
        assert await journal.certificates() == []


async def test_terms_only_grow(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        assert await journal.begin_term(at_least=0, at=START) == 1
        assert await journal.begin_term(at_least=41, at=START) == 42
        assert await journal.begin_term(at_least=7, at=START) == 43
    async with opened(tmp_path) as journal:
        assert (await journal.load(())).term == 43
        assert await journal.begin_term(at_least=0, at=START) == 44


async def test_policy_is_kept_by_revision(journal: Store) -> None:
    assert await journal.policy() == Policy()
    demo = Policy(revision=2, heartbeat_interval=timedelta(seconds=2), floor_ratio=0.5)
    await journal.set_policy(demo, entry("set policy"))
    assert await journal.policy() == demo
    with pytest.raises(Refused) as stale:
        await journal.set_policy(demo, entry("set policy"))
    assert stale.value.code == "POLICY_STALE"


async def test_switches_and_automation(journal: Store) -> None:
    pool_id = await pool_of(journal, automation=Automation.OBSERVE)
    await enrol(journal, [1], pool_id)
    await journal.set_switch("sending_stopped", on=True, entry=entry("stop sending"))
    assert await journal.switches() == {"automation_stopped": False, "sending_stopped": True}
    with pytest.raises(Refused):
        await journal.set_switch("gravity", on=True, entry=entry())
    for node, pool, value in (
        (node_id(1), None, Automation.OBSERVE),
        (None, pool_id, Automation.ACT),
    ):
        await journal.set_automation(pool_id=pool, node_id=node, value=value, entry=entry())
    snapshot = await journal.load(None)
    assert snapshot.fleet.sending_stopped
    assert snapshot.nodes[0].automation is Automation.OBSERVE
    assert snapshot.fleet.pools[pool_id].automation is Automation.ACT
    await journal.set_automation(pool_id=None, node_id=node_id(1), value=None, entry=entry())
    assert (await journal.load(None)).nodes[0].automation is None
    for node, pool in ((node_id(7), None), (None, "none"), (None, None)):
        with pytest.raises(Refused):
            await journal.set_automation(
                pool_id=pool, node_id=node, value=Automation.ACT, entry=entry()
            )


async def test_names_keys_and_pools_are_taken_once(journal: Store) -> None:
    await journal.set_fleet_name("fleet.example", entry())
    await journal.set_fleet_name("fleet.example", entry())
    with pytest.raises(Refused):
        await journal.set_fleet_name("other.example", entry())
    key = ApiToken(secret_hash="a" * 64, name="admin", role="admin", created_at=START)
    await journal.add_api_token(key, entry())
    assert await journal.api_token("a" * 64) == key
    assert await journal.api_token("b" * 64) is None
    with pytest.raises(Refused):
        await journal.add_api_token(replace(key, secret_hash="c" * 64), entry())
    await pool_of(journal)
    with pytest.raises(Refused):
        await pool_of(journal)


async def test_every_change_is_audited(journal: Store) -> None:
    await journal.add_audit(entry("looked at", "everything"))
    (row,) = await journal.journal(after=-1, limit=9, node_id=None)
    assert (row["kind"], row["text"]) == ("audit", "anna: looked at everything")
    details = row["details"]
    assert isinstance(details, dict)
    assert (details["origin"], details["before"], details["after"]) == (
        "192.0.2.200",
        {"was": 1},
        {"is": 2},
    )


async def test_addresses_of_a_hello_wait_for_their_admission(journal: Store) -> None:
    await enrol(journal, [1], await pool_of(journal))
    await journal.record_hello(hello(1, addresses=(ip(1), ip(2))))
    (node,) = (await journal.load([node_id(1)])).nodes
    assert [(one.ip, one.in_rotation) for one in node.addresses] == [(ip(1), False), (ip(2), False)]


async def test_a_hello_takes_no_other_nodes_address(journal: Store) -> None:
    await enrol(journal, [1, 2], await pool_of(journal))
    await journal.record_hello(hello(2, addresses=(ip(2), ip(1))))
    await journal.record_hello(hello(2, addresses=(ip(1),)))
    first, second = (await journal.load([node_id(1), node_id(2)])).nodes
    assert [one.ip for one in first.addresses] == [ip(1)]
    assert [one.ip for one in second.addresses] == [ip(2)]
    told = [
        str(row["text"]) for row in await journal.journal(after=0, limit=50, node_id=node_id(2))
    ]
    assert any(f"claims {ip(1)}, which another node has" in text for text in told)
