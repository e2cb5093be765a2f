"""`warmup`, `rotation` and `pool set` against a real collector: words, JSON, undo, why."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from collector.core.model import Automation, Lifecycle
from collector.operate import rotation, why
from collector.ports import Refused
from tests import collector_bed
from tests.collector_bed import Bed


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2")
        yield running


async def done(bed: Bed, *arguments: str, code: int = 0) -> str:
    exit_code, out, err = await bed.mailfleet(*arguments)
    assert exit_code == code, (out, err)
    return out + err


async def read(bed: Bed, *arguments: str) -> Any:
    return json.loads(await done(bed, *arguments, "-o", "json"))


async def test_a_plan_is_begun_held_and_goes_on(bed: Bed) -> None:
    ip = bed.nodes["mta-1"].address
    assert (await read(bed, "warmup", "ls"))["items"] == []
    assert len((await read(bed, "warmup", "ls", "--all"))["items"]) == 2
    start = ("warmup", "start", ip, "--reason", "new")
    many = await done(bed, *start, code=4)
    assert "--max-affected 1" in many
    dry = await done(bed, *start, "--dry-run")
    assert "would be" in dry
    assert (await read(bed, "warmup", "ls"))["items"] == []
    assert "stage 1 of 21: 10 a day" in await done(bed, *start, "--max-affected", "1")
    (item,) = (await read(bed, "warmup", "ls"))["items"]
    named = ("subject", "node", "state", "stage", "cap_day", "cap_hour", "sent_today")
    assert [item[name] for name in named] == [ip, "mta-1", "warming", 1, 10, 5, 10]
    await bed.settle()
    assert (await read(bed, "node", "show", "mta-1"))["lifecycle"] == Lifecycle.WARMING.value
    held = await done(bed, "warmup", "hold", ip, "--reason", "audit")
    assert "until a person resumes it" in held
    assert "held already" in await done(bed, "warmup", "hold", ip, "--reason", "again")
    table = await done(bed, "warmup", "ls")
    for word in ("held: audit", "1/21 owners-10k", f"mailfleet warmup resume {ip}"):
        assert word in table
    decided = await why.read(bed.parts.desk, ip)
    assert {(one["kind"], one["reason"]) for one in decided["decisions"]} >= {  # type: ignore[attr-defined]
        ("hold", "OPERATOR"),
        ("warm", "OPERATOR"),
    }
    text = await done(bed, "why", "mta-1")
    assert f"{ip} may send 10 a day, 5 an hour: stage 1 of owners-10k" in text
    assert f"held by operator: audit; mailfleet warmup resume {ip}" in text
    (newest,) = await bed.parts.store.decisions(ip, limit=1)
    text = await done(bed, "why", str(newest["id"]))
    assert f"WARM-UP HELD of {ip} for OPERATOR: made" in text
    assert ": audit" in text
    assert "goes on" in await done(bed, "warmup", "resume", ip)
    assert "nobody holds" in await done(bed, "warmup", "resume", ip, code=4)
    rows = await bed.parts.store.journal(after=-20, limit=20, node_id=bed.nodes["mta-1"].id)
    assert sum(row["kind"] == "audit" and "warm-up" in str(row["text"]) for row in rows) == 3


async def test_show_tells_days_behind_and_ahead(bed: Bed) -> None:
    ip = bed.nodes["mta-1"].address
    await done(
        *(bed, "warmup", "start", ip, "--ladder", "ses", "--stage", "44"),
        *("--reason", "moved", "--max-affected", "1"),
    )
    shown = await read(bed, "warmup", "show", ip)
    assert [day["cap_day"] for day in shown["ahead"]] == [42752, 50020, None]
    text = await done(bed, "warmup", "show", ip)
    assert "ses, stage 44 of 45" in text
    assert "50020" in text
    assert "nobody keeps" in await done(bed, "warmup", "show", "192.0.2.99", code=3)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--monthly", "10000"), "20 days that count from today"),
        (("--monthly", "10000", "--ladder", "owners-10k-gentle"), "37 days that count"),
        (("--monthly", "100000", "--addresses", "3"), "1112 a day: on owners-100k"),
        (("--monthly", "100000", "--ladder", "owners-10k"), "more than owners-10k reaches"),
        (("--domain",), "on owners-domain-10k"),
    ],
)
async def test_the_planner_prints_the_true_date(
    bed: Bed, arguments: tuple[str, ...], said: str
) -> None:
    assert said in await done(bed, "warmup", "plan", *arguments)


async def test_plans_and_ladders_that_do_not_fit_are_refused(bed: Bed) -> None:
    ip = bed.nodes["mta-1"].address
    reason = ("--reason", "r", "--max-affected", "1")
    for code, said, arguments in (
        (3, "no ladder", ("start", ip, "--ladder", "none", *reason)),
        (2, "for a domain", ("start", ip, "--ladder", "owners-domain-10k", *reason)),
        (2, "stages 1 to 21", ("start", ip, "--stage", "22", *reason)),
        (3, "no node has", ("start", "192.0.2.99", *reason)),
        (2, "neither an address", ("start", "nonsense", *reason)),
        (4, "has no cap", ("hold", ip, *reason)),
        (3, "nobody keeps", ("resume", "192.0.2.99")),
        (3, "nobody keeps", ("plan", "192.0.2.99")),
    ):
        assert said in await done(bed, "warmup", *arguments, code=code)
    names = await done(bed, "warmup", "ladders", "-o", "name")
    assert names.splitlines()[0] == "owners-10k"
    assert "sendgrid" in await done(bed, "warmup", "ladders")


async def test_a_sending_domain_says_by_what_its_days_count(bed: Bed) -> None:
    text = await done(bed, "warmup", "start", "news.example", "--reason", "new")
    assert "a day counts by what all nodes sent for it" in text
    (item,) = (await read(bed, "warmup", "ls"))["items"]
    assert (item["kind"], item["node"], item["sent_today"]) == ("domain", None, 0)
    assert "after one more day that counts" in item["next_step"]
    asked = ("rotation", "grant", "default", "500", "google", "--domain", "News.Example")
    answer = await read(bed, *asked, "--key", "one")
    assert (answer["domain"], answer["granted"]) == ("news.example", item["cap_hour"])
    held = await done(bed, *asked, "--key", "two", code=4)
    assert "cap of the sending domain" in held


async def test_grants_are_given_or_held_with_their_reasons(bed: Bed) -> None:
    ask = ("rotation", "grant", "default", "4", "google", "--key")
    answer = await read(bed, *ask, "one")
    assert (answer["decision"], answer["granted"]) == ("grant", 4)
    assert [one["messages"] for one in answer["allocations"]] == [2, 2]
    assert await read(bed, *ask, "one") == answer
    assert "4 of 4 for google" in await done(bed, *ask, "two")
    for name in ("mta-1", "mta-2"):
        await done(bed, "node", "pause", name, "--reason", "stop", "--max-affected", "1")
    held = await done(bed, *ask, "three", code=4)
    assert "hold them" in held
    assert "2 of the addresses: OPERATOR" in held
    again = await read(bed, *ask, "one")
    assert again["allocations"] == answer["allocations"]
    long = ("rotation", "grant", "default", "4", "google", "--key", "x", "--seconds", "86400")
    assert "at most 3600 s" in await done(bed, *long, code=2)
    large = ("rotation", "grant", "default", "10001", "google", "--key", "x")
    assert "at most 10000" in await done(bed, *large, code=2)
    there = ("rotation", "grant", "default", "1", "google", "--key", "x", "--only-there")
    assert "region" in await done(bed, *there, code=2)


async def test_a_pool_says_what_it_rotates_by(bed: Bed) -> None:
    change = ("pool", "set", "default", "--strategy", "region", "--region", "eu")
    assert "would be" in await done(bed, *change, "--dry-run")
    assert "strategy region, region eu, monthly -" in await done(bed, *change)
    assert "already" in await done(bed, *change)
    shown = await read(bed, "rotation", "show", "default")
    assert (shown["strategy"], shown["region"]) == ("region", "eu")
    assert {one["may_send"] for one in shown["members"]} == {True}
    text = await done(bed, "rotation", "show")
    assert "region, eu first" in text
    assert "no pool" in await done(bed, "rotation", "show", "nope", code=3)
    (pool,) = (await read(bed, "pool", "ls"))["items"]
    assert (pool["strategy"], pool["region"], pool["monthly"]) == ("region", "eu", 0)


async def test_a_watch_hears_of_the_next_revision(bed: Bed) -> None:
    desk = bed.parts.desk
    before = int(str((await rotation.show(desk, "default"))["revision"]))
    seen: list[int] = []

    async def watch() -> None:
        answer = await rotation.show(desk, "default", after=before, wait=20)
        seen.append(int(str(answer["revision"])))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await anyio.sleep(0.1)
        assert seen == []
        await done(bed, "node", "pause", "mta-1", "--reason", "r", "--max-affected", "1")
        with anyio.fail_after(5):
            await bed.settle()
            while not seen:
                await anyio.sleep(0.01)
    assert seen[0] > before
    with pytest.raises(Refused, match="no pool"):
        await rotation.show(desk, "nope")


async def test_after_a_delisting_an_address_comes_back_under_a_cap(bed: Bed) -> None:
    ip = bed.nodes["mta-1"].address
    await bed.list("mta-1", "127.0.0.2")
    assert not (await read(bed, "rotation", "show"))["members"][0]["may_send"]
    await bed.delist("mta-1")
    await bed.hear("mta-1")
    await bed.settle()
    (item,) = (await read(bed, "warmup", "ls"))["items"]
    assert (item["subject"], item["stage"], item["cap_day"]) == (ip, 21, 383)
    decided = await why.read(bed.parts.desk, str(item["decision_id"]))
    assert str(decided["headline"]).startswith(f"WARM-UP STEPPED BACK of {ip} for LISTED: made")
    assert (await read(bed, "node", "show", "mta-1"))["lifecycle"] == Lifecycle.WARMING.value
    member = (await read(bed, "rotation", "show"))["members"][0]
    assert (member["may_send"], member["cap_day"]) == (True, 383)


async def test_why_of_a_sending_domain_needs_no_decision_and_no_node(bed: Bed) -> None:
    assert "sending domain" in await done(bed, "why", "shop.example", code=3)
    await done(bed, "warmup", "start", "shop.example", "--reason", "new")
    said = await done(bed, "why", "Shop.example")
    assert said.startswith("shop.example warms up: stage 1 of 21, 10 a day")
    for word in ("10 a day, 5 an hour", "by all nodes: 0", "next: 12 a day", "warmup hold"):
        assert word in said
    await done(bed, "warmup", "hold", "shop.example", "--reason", "audit")
    said = await done(bed, "why", "shop.example")
    assert "shop.example is held" in said
    assert "held by operator: audit; mailfleet warmup resume shop.example" in said
