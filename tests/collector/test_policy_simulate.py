"""`mailfleet policy simulate`: the past of a running collector's journal, under other values."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.core.model import Automation
from tests import collector_bed
from tests.collector_bed import Bed

HOUR = 3600


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2", "mta-3")
        yield running


def remember(
    bed: Bed, name: str, *, hours: int, sent: int, bounced: int, address: str | None = None
) -> None:
    """Sums of the last hours, as the collector would have rolled them up; of the node's address,
    or of another."""
    node, now = bed.nodes[name], int(bed.parts.clock.now().timestamp())
    said = node.address if address is None else address
    with closing(sqlite3.connect(bed.parts.config.state / "journal.db", timeout=5)) as file, file:
        (number,) = file.execute(
            "SELECT number FROM node_states WHERE node_id = ?", (node.id,)
        ).fetchone()
        file.executemany(
            "INSERT INTO windows (span, slot, node_number, address, receiver, sent, bounced,"
            " first_sent, first_bounced) VALUES (3600, ?, ?, ?, '', ?, ?, ?, ?)",
            [
                (now // HOUR * HOUR - n * HOUR, number, said, sent, bounced, sent, bounced)
                for n in range(2, hours + 2)
            ],
        )


async def asked(bed: Bed, *words: str) -> Any:
    code, out, err = await bed.mailfleet("policy", "simulate", *words, "-o", "json")
    assert code == 0, err
    return json.loads(out)


async def test_nothing_happened_and_nothing_would_have(bed: Bed) -> None:
    answer = await asked(bed)
    assert (answer["items"], answer["addresses"], answer["nodes"]) == ([], 3, 3)
    assert answer["summary"]["addresses_would"] == 0
    assert answer["limits"]


async def test_a_stricter_policy_names_whom_it_would_have_paused(bed: Bed) -> None:
    remember(bed, "mta-2", hours=30, sent=92, bounced=8)
    assert (await asked(bed))["items"] == []
    answer = await asked(bed, "bounce_pause=7%", "--since", "3d")
    (item,) = answer["items"]
    assert (item["node"], item["verdict"]) == ("mta-2", "only under this policy")
    assert {one["reason"] for one in item["would"]} == {"BOUNCE_RATE"}
    assert item["hours_would"] > 20
    assert item["mail_would"] > 2000
    assert answer["changes"] == [{"name": "bounce_pause", "before": "0.1", "after": "0.07"}]
    assert 0 < answer["summary"]["capacity_would"] < 1 / 3 + 0.01
    code, out, _ = await bed.mailfleet("policy", "simulate", "bounce_pause=7%", "--since", "3d")
    assert code == 0
    assert "only under this policy" in out
    assert "What this cannot tell:" in out


async def test_mail_of_no_address_is_that_of_a_nodes_only_one(bed: Bed) -> None:
    remember(bed, "mta-2", hours=30, sent=46, bounced=4)
    remember(bed, "mta-2", hours=30, sent=42, bounced=8, address="")
    answer = await asked(bed, "bounce_pause=11%", "--since", "3d")
    (item,) = answer["items"]
    assert (item["node"], item["would"][0]["reason"]) == ("mta-2", "BOUNCE_RATE")
    assert item["would"][0]["why"].split(" bounced")[0].split(" of ") == ["12", "100"]


async def test_what_really_happened_stands_beside_it(bed: Bed) -> None:
    await bed.list("mta-1", "127.0.0.2")
    answer = await asked(bed, "--since", "1h")
    (item,) = answer["items"]
    assert (item["verdict"], item["would"][0]["reason"]) == ("both", "LISTED")
    assert item["really"][0]["until"] is None


async def test_values_that_contradict_are_refused_here_too(bed: Bed) -> None:
    code, _, err = await bed.mailfleet("policy", "simulate", "bounce_pause=4%")
    assert code == 4
    assert "must be below bounce_pause" in err
    code, _, err = await bed.mailfleet("policy", "simulate", "--since", "90d")
    assert (code, "31 days" in err) == (4, True)


async def test_a_large_fleet_is_gone_through_in_slices(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.operate.simulate.NODES_AT_ONCE", 2)
    for name in bed.nodes:
        remember(bed, name, hours=30, sent=80, bounced=20)
    answer = await asked(bed, "--since", "2d")
    assert [one["node"] for one in answer["items"]] == ["mta-1", "mta-2", "mta-3"]
    sums = answer["summary"]
    assert (answer["nodes"], sums["addresses_would"], sums["hours"]) == (3, 3, 3 * 48)
    assert sums["hours_would"] == sum(one["hours_would"] for one in answer["items"])
    assert sums["capacity_would"] == round(sums["hours_would"] / sums["hours"], 6)
