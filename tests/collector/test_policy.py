"""`mailfleet policy` against a running collector: read, refused, set at once, told, rolled back."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.core import policy_words
from collector.core.model import Automation, Liveness
from tests import collector_bed
from tests.collector_bed import Bed

WHY = ("--reason", "a test")


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


async def asked(bed: Bed, *words: str) -> Any:
    code, out, err = await bed.mailfleet("policy", *words, "-o", "json")
    assert code == 0, err
    return json.loads(out)


async def test_every_value_is_shown_with_its_bounds(bed: Bed) -> None:
    items = {one["name"]: one for one in (await asked(bed, "show"))["items"]}
    assert set(items) == set(policy_words.DOES)
    floor = items["floor_ratio"]
    assert (floor["value"], floor["least"], floor["most"]) == ("0.6", 0.3, 0.95)
    assert floor["does"]
    changed = (await asked(bed, "show", "--changed"))["items"]
    assert {one["name"] for one in changed} == {"second_sweep_after", "look_again_after"}
    assert [one["name"] for one in (await asked(bed, "show", "floor"))["items"]] == ["floor_ratio"]
    code, out, _ = await bed.mailfleet("policy", "show", "floor")
    assert code == 0
    assert "revision 2, by operator" in out


async def test_a_change_is_a_revision_with_who_and_why(bed: Bed) -> None:
    would = await asked(bed, "set", "floor_ratio=70%", *WHY, "--dry-run")
    assert (would["changed"], would["revision"]) == (False, 2)
    done = await asked(bed, "set", "floor_ratio=70%", "blind_after=2h", *WHY)
    assert (done["changed"], done["revision"]) == (True, 3)
    assert bed.parts.desk.policy().floor_ratio == 0.7
    newest, first, default = (await asked(bed, "history"))["items"]
    assert newest["note"] == "a test"
    assert {"name": "floor_ratio", "before": "0.6", "after": "0.7"} in newest["changes"]
    assert (first["revision"], default["made_by"], default["changes"]) == (2, "default", [])
    _, out, _ = await bed.mailfleet("policy", "history")
    assert "floor_ratio 0.6 → 0.7" in out
    back = await asked(bed, "rollback", "2", *WHY)
    assert (back["revision"], bed.parts.desk.policy().floor_ratio) == (4, 0.6)
    again = await asked(bed, "rollback", "2", *WHY)
    assert not again["changed"]
    assert (await bed.parts.store.policy()).revision == 4


async def test_what_is_unsound_is_refused_with_every_reason(bed: Bed) -> None:
    for words, why in (
        (["bounce_close=6%"], "bounce_close (0.06) must be below bounce_alert (0.05)"),
        (["floor_ratio=0.01"], "floor_ratio = 0.01 is outside 0.3 to 0.95"),
        (["shoe_size=43", "floor_ratio=x"], "shoe_size is no value of the policy; floor_ratio"),
    ):
        code, _, err = await bed.mailfleet("policy", "set", *words, *WHY)
        assert code == 4
        assert why in err
    code, _, err = await bed.mailfleet("policy", "set", "floor_ratio", *WHY)
    assert (code, "is not NAME=VALUE" in err) == (2, True)
    code, _, err = await bed.mailfleet("policy", "rollback", "99", *WHY)
    assert (code, "no revision 99" in err) == (3, True)
    assert (await bed.parts.store.policy()).revision == 2


async def test_the_next_judgement_is_by_the_new_revision(bed: Bed) -> None:
    bed.parts.judge_bell.take()
    await asked(bed, "set", "clean_rounds=4", *WHY)
    assert bed.parts.judge_bell.take() is None, "everybody is judged anew"
    await bed.list("mta-1", "127.0.0.2")
    (newest, *_) = await bed.parts.store.decisions("mta-1", limit=1)
    assert newest["policy_revision"] == 3
    await bed.delist("mta-1")
    (row,) = await bed.parts.store.nodes(node="mta-1")
    assert row["listings"], "three clean rounds are not four"


async def test_a_quicker_pace_makes_nobody_silent(bed: Bed) -> None:
    """Agents beat at the old pace until they hear of the new one."""
    parts, node_id = bed.parts, bed.nodes["mta-1"].id
    await asked(bed, "set", "heartbeat_interval=10s", *WHY)
    policy, heard = parts.desk.policy(), parts.clock.monotonic()
    assert policy.heartbeat_interval == timedelta(seconds=10)
    assert parts.intake.pace(node_id).heartbeat_interval == policy.heartbeat_interval
    assert parts.desk.census.liveness(node_id, policy, now=heard + 40) is Liveness.FRESH
    assert parts.desk.census.liveness(node_id, policy, now=heard + 100) is Liveness.LOST


async def test_a_shorter_round_does_not_let_go_of_what_a_brake_holds(bed: Bed) -> None:
    await bed.join("mta-4", "mta-5")
    for name in bed.nodes:
        await bed.list(name, "127.0.0.4")
    assert (await bed.parts.store.load(())).fleet.brakes
    code, _, err = await bed.mailfleet("policy", "set", "sweep_critical=2m", *WHY)
    assert code == 4
    assert "the zone brake holds zen.spamhaus.org" in err
    assert (await asked(bed, "set", "sweep_critical=10m", *WHY))["changed"]


def bounces(bed: Bed, name: str, *, sent: int, bounced: int) -> None:
    """Sums of its last day and week, as the collector would have made them."""
    node, now = bed.nodes[name], int(bed.parts.clock.now().timestamp())
    with closing(sqlite3.connect(bed.parts.config.state / "journal.db", timeout=5)) as file, file:
        file.execute(
            "INSERT INTO rates (node_number, address, slot, day_sent, day_bounced, day_first_sent,"
            " day_first_bounced, week_sent, week_bounced, week_first_sent, week_first_bounced)"
            " SELECT number, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM node_states WHERE node_id = ?",
            (node.address, now // 900 * 900, *(sent, bounced) * 4, node.id),
        )


async def test_a_change_that_is_tried_names_whom_it_would_hit_now(bed: Bed) -> None:
    """Only one may leave at once: the others are withheld, by the brakes of the new values."""
    for name in ("mta-1", "mta-2"):
        bounces(bed, name, sent=184, bounced=16)
    would = await asked(bed, "set", "bounce_pause=7%", *WHY, "--dry-run")
    preview = would["preview"]
    said = {(one["node"], one["kind"], one["reason"], one["fate"]) for one in preview["items"]}
    assert said == {
        ("mta-1", "pause", "BOUNCE_RATE", "made"),
        ("mta-2", "pause", "BOUNCE_RATE", "withheld"),
    }
    assert {one["fate_now"] for one in preview["items"]} == {None}
    assert (preview["nodes"], preview["in_rotation"], preview["would_leave"]) == (3, 3, 1)
    assert preview["capacity_lost"] == round(1 / 3, 6)
    assert not (await bed.parts.store.nodes(node="mta-1"))[0]["pauses"]
    code, out, _ = await bed.mailfleet("policy", "set", "bounce_pause=7%", *WHY, "--dry-run")
    assert code == 0
    assert "would leave the rotation  1 of 3 addresses" in out
    assert "pause BOUNCE_RATE" in out
    _, out, _ = await bed.mailfleet("policy", "set", "disk_pause=97%", *WHY, "--dry-run")
    assert "nobody would be paused or let go by it" in out


async def test_slices_count_for_each_others_brakes(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mta-1", "mta-2"):
        bounces(bed, name, sent=184, bounced=16)
    monkeypatch.setattr("collector.operate.preview.NODES_AT_ONCE", 1)
    preview = (await asked(bed, "set", "bounce_pause=7%", *WHY, "--dry-run"))["preview"]
    assert [one["fate"] for one in preview["items"]] == ["made", "withheld"]
    assert (preview["nodes"], preview["would_leave"]) == (3, 1)


async def test_nor_does_a_zone_whose_round_becomes_shorter(bed: Bed) -> None:
    """By its tier, its pace, or by taking a slower one back."""
    await bed.join("mta-4", "mta-5")
    for name in bed.nodes:
        await bed.list(name, "127.0.0.4")
    other = ("bl.spamcop.net", "--tier", "critical", *WHY)
    held = ("zen.spamhaus.org", *WHY)
    assert (await bed.mailfleet("zone", "set", *other))[0] == 0
    assert (await bed.mailfleet("zone", "set", *held, "--tier", "major", "--pace", "2h"))[0] == 0
    for words in (("set", *held, "--pace", "90m"), ("set", *held, "--tier", "critical")):
        code, _, err = await bed.mailfleet("zone", *words)
        assert (code, "the zone brake holds zen.spamhaus.org" in err) == (4, True), words
    code, _, err = await bed.mailfleet("zone", "reset", *held)
    assert (code, "a shorter round would let go of it" in err) == (4, True)
    assert (await bed.mailfleet("zone", "set", *held, "--pace", "3h"))[0] == 0
    assert (await bed.mailfleet("zone", "set", "bl.spamcop.net", "--pace", "1h", *WHY))[0] == 0
