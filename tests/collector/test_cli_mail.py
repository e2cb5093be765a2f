"""What the commands about mail show: receivers, queues, the day's report, a node's targets."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.core import histograms
from collector.core.heartbeat import Cell, Detail, Heartbeat, Numbers, Reply, UnknownLines
from deliverability.replies import Outcome
from tests import collector_bed
from tests.collector_bed import Bed

EVIL = "<b>=1+1</b>.example"


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        await running.join("mta-1", "mta-2")
        yield running


async def tell(bed: Bed, name: str, *cells: Cell, replies: tuple[Reply, ...] = ()) -> None:
    """One more heartbeat of a node, with these."""
    node = bed.nodes[name]
    node.sequence += 1
    beat: Heartbeat = await bed._heartbeat(node)
    told = tuple(replace(cell, address=node.address) for cell in cells)
    await bed.parts.intake.heartbeat(replace(beat, cells=told, replies=replies))


def cell(receiver: str, **numbers: int) -> Cell:
    sent, deferred, bounced = (
        numbers.get(name, 0) for name in ("first_sent", "first_deferred", "first_bounced")
    )
    packed = histograms.pack([[0] * 8 + [sent], [sent], [sent], [0, 0, sent], [sent]])
    return Cell(
        address="",
        receiver=receiver,
        attempts=((Outcome.SENT, sent), (Outcome.DEFERRED, deferred), (Outcome.BOUNCED, bounced)),
        numbers=Numbers(**numbers),
        detail=Detail(delays=packed, classes=(("rate_limited", deferred),)),
    )


async def test_the_doctor_shows_what_was_not_understood(bed: Bed) -> None:
    node = bed.nodes["mta-1"]
    node.sequence += 1
    told = UnknownLines(
        lines=400,
        deliveries=1,
        overlong=2,
        daemons=(("qmgr", 3), ("smtpd", 9)),
        newest=("a line",),
        hosts=(("relay7", 30), ("old", 2)),
    )
    beat = replace(await bed._heartbeat(node), unknown_lines=told)
    await bed.parts.intake.heartbeat(beat)
    code, out, _ = await bed.mailfleet("doctor")
    assert code == 10
    assert "15 of 400 lines of Postfix's logs not understood (3.750%), on 1 nodes" in out
    assert "smtpd 9, qmgr 3, deliveries 1, too long 2" in out
    assert "32 lines of other machines not counted (old, relay7)" in out
    assert "log of mta-1, the newest lines that were not understood:\n  a line\n" in out
    _, out, _ = await bed.mailfleet("doctor", "-o", "json")
    (check,) = (one for one in json.loads(out)["checks"] if one["name"] == "log of mta-1")
    assert (check["state"], check["details"]) == ("warn", ["a line"])
    assert "logs-test" in check["remedy"]


async def test_the_doctor_shows_what_an_agent_lacks(bed: Bed) -> None:
    """As it says itself, with the group to join."""
    node = bed.nodes["mta-1"]
    node.sequence += 1
    beat = await bed._heartbeat(node)
    shut = "log: cannot read /var/log/mail.log: permission denied; add … to the group adm"
    beat = replace(beat, agent=replace(beat.agent, problems=(shut,)))
    await bed.parts.intake.heartbeat(beat)
    code, out, _ = await bed.mailfleet("doctor")
    assert code == 10
    assert any("agent of mta-1" in line and shut in line for line in out.splitlines())
    assert "on mta-1: mailfleet-agent check" in out


async def test_a_receiver_that_defers(bed: Bed) -> None:
    slow = Reply(
        receiver="google",
        reply_class="rate_limited",
        outcome=Outcome.DEFERRED,
        text="421 4.7.28 slow down",
        at=datetime.now(UTC),
    )
    bad = cell("google", first_sent=80, first_deferred=20)
    await tell(bed, "mta-1", bad, cell("yahoo", first_sent=300), replies=(slow,))
    code, out, _ = await bed.mailfleet("receiver", "ls")
    assert code == 0
    rows = {line.split()[0]: line.split() for line in out.splitlines()[1:]}
    assert rows["google"][1:3] == ["warn", "100"]
    assert rows["yahoo"][1:3] == ["ok", "300"]
    assert "20.0%" in rows["google"]
    _, out, _ = await bed.mailfleet("receiver", "show", "google")
    assert "421 4.7.28 slow down" in out
    assert "<= 0.03 s" in out
    assert "18-22 ms" in out
    assert bed.nodes["mta-1"].address in out
    code, _, err = await bed.mailfleet("receiver", "show", "nobody.example")
    assert (code, "receiver ls" in err) == (3, True)


async def test_what_waits_where(bed: Bed) -> None:
    code, out, _ = await bed.mailfleet("queue", "summary")
    assert code == 0
    *_, total = out.splitlines()
    assert total.split()[:5] == ["all", "-", "2", "0", "4"]
    _, out, _ = await bed.mailfleet("queue", "summary", "-n", "1")
    *_, rest, total = out.splitlines()
    assert rest.split()[:6] == ["1", "more", "-", "1", "0", "2"]
    assert total.split()[:5] == ["all", "-", "2", "0", "4"]


async def test_a_nodes_targets(bed: Bed) -> None:
    good = cell("google", first_sent=990, first_bounced=10)
    await tell(bed, "mta-1", good)
    _, out, _ = await bed.mailfleet("node", "show", "mta-1")
    said = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert "ok: 3 (target < 100)" in said["queue"]
    assert "ok: 100.0% (target >= 95%)" in said["within 5 minutes"]
    assert "warn: 1.00% (target < 1%)" in said["bounces"]


async def test_the_days_report(bed: Bed) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    await tell(bed, "mta-1", cell("google", first_sent=80, first_bounced=20), cell(EVIL))
    await tell(bed, "mta-2", cell("yahoo", first_sent=60), cell(EVIL, first_sent=1))
    code, out, _ = await bed.mailfleet("report", "daily", "--day", today, "-o", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    by_name = {row["name"]: row for row in rows}
    assert (by_name["google"]["bounced"], by_name["google"]["bounce_ratio"]) == ("20", "0.2")
    assert by_name[bed.nodes["mta-2"].address]["node"] == "mta-2"
    assert sum(int(row["attempts"]) for row in rows if row["of"] == "receiver") == int(
        rows[0]["attempts"]
    )
    _, page, _ = await bed.mailfleet("report", "daily", "--day", today, "-o", "html")
    assert page.startswith("<!doctype html>")
    assert "(not over yet)" in page
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "How long it took" in page
    _, table, _ = await bed.mailfleet("report", "daily", "--day", today)
    assert "google" in table
    assert f"delay, {today}" in table
    code, nothing, _ = await bed.mailfleet("report", "daily")
    assert (code, "No mail on " in nothing) == (0, True)
    code, _, err = await bed.mailfleet("report", "daily", "--day", "2020-01-01")
    assert code == 3, err
    code, _, err = await bed.mailfleet("report", "daily", "--day", "=1")
    assert code == 2, err


async def test_no_totals_are_proved_without_the_node(bed: Bed) -> None:
    code, _, err = await bed.mailfleet("audit", "totals", "mta-1")
    assert (code, "cannot count anew" in err) == (4, True)
