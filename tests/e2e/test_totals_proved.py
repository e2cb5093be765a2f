"""`audit totals` on a real fleet: the node counts its log once more, and the journal is right.

Then the journal is changed by hand, and the proof fails by exactly that.
"""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests import fleet_bed, fleet_truth
from tests.fleet_bed import FleetBed, until

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(120)]


async def audited(bed: FleetBed, name: str) -> dict[str, Any]:
    while True:
        answer: dict[str, Any] = await bed.fleet.post(f"/nodes/{name}/recount", {})
        if answer["is_done"]:
            return answer


async def test_the_totals_are_proved_and_a_wrong_one_is_found(tmp_path: Path) -> None:
    async with fleet_bed.running(tmp_path, nodes=1) as bed:
        await proved_and_not(bed)


async def proved_and_not(bed: FleetBed) -> None:
    (name,) = bed.nodes

    async def sent() -> bool:
        return fleet_truth.totals(bed.fleet, name)[1].get("sent", 0) >= 5

    await until(sent, seconds=60)
    proof = await audited(bed, name)
    assert (proof["is_proved"], proof["differences"], proof["gaps"]) == (True, [], [])
    assert proof["journal"] == proof["logs"]
    assert proof["logs"]["sent"] >= 5
    assert proof["text"].startswith("proved: ")
    code, shown = await typed(bed, name)
    assert (code, shown.startswith("proved: ")) == (0, True), shown

    path = bed.fleet.folder / "collector" / "journal.db"
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as journal:
        journal.execute("UPDATE totals SET bounced = bounced + 1000")
    wrong = await audited(bed, name)
    assert not wrong["is_proved"]
    assert {one["count"] for one in wrong["differences"]} == {"bounced"}
    assert all(one["journal"] - one["logs"] == 1000 for one in wrong["differences"])
    code, shown = await typed(bed, name)
    assert (code, shown.startswith("NOT proved: ")) == (11, True), shown


async def typed(bed: FleetBed, name: str) -> tuple[int, str]:
    """`mailfleet audit totals`: exit code and what it says."""
    words = (sys.executable, "-m", "collector.cli", "audit", "totals", name)
    environ = {**os.environ, "MAILFLEET_CONTEXT": str(bed.fleet.context_file)}
    done = await anyio.run_process(words, env=environ, check=False)
    return done.returncode, done.stdout.decode()
