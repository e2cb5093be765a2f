"""What stands against the fleet is read once and then carried on: it is what a reader that knows
nothing yet finds, and a pass over nothing new reads nothing of it."""

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore, engines, snapshot
from collector.adapters.store.kept import Kept
from collector.adapters.store.moments import to_ms
from collector.core.incident import Incident, IncidentDraft, Silence, Told
from collector.core.model import AlertFact, Severity, Snapshot
from tests import statement_plans
from tests.store_bed import START, ZONE, HandClock, enrol, entry, ip, node_id, opened, pool_of
from tests.store_judged import draft, judgement

NODES = range(1, 7)
HOUR = timedelta(hours=1)


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        await enrol(found, NODES, await pool_of(found))
        yield found


def alert(number: int, dice: random.Random) -> AlertFact:
    return AlertFact(
        key=f"listed:{ZONE}:{ip(number)}",
        severity=dice.choice(list(Severity)),
        text=f"words {dice.randrange(9)}",
        opened_at=START,
        node_id=dice.choice((None, node_id(number))),
    )


def incident(number: int, dice: random.Random, *, clock: HandClock) -> IncidentDraft:
    told = Told(severity=Severity.HIGH, words="w", did="d")
    made = Incident(
        number=number,
        cause=f"cause-{number}",
        tenant=None,
        opened_at=START,
        told={"key": told} if dice.random() < 0.5 else {},
        notices=dice.randrange(9),
        resolved_at=clock.now() if dice.random() < 0.4 else None,
    )
    return IncidentDraft(incident=made)


class Fleet:
    """Things happen to it, one after another."""

    def __init__(self, journal: SqlStore, folder: Path, clock: HandClock) -> None:
        self.journal, self.folder, self.clock = journal, folder, clock
        self.dice = random.Random(7)
        self.happenings = (
            *(self.alert, self.over, self.incident, self.list, self.delist),
            *(self.acknowledge, self.silence, self.rename, self.wait),
            *(self.block, self.relent, self.place, self.place, self.live),
        )

    async def alert(self) -> None:
        facts = tuple(alert(n, self.dice) for n in self.dice.sample(NODES, 2))
        await self.journal.commit(judgement(alerts_open=facts))

    async def over(self) -> None:
        keys = tuple(f"listed:{ZONE}:{ip(n)}" for n in self.dice.sample(NODES, 3))
        await self.journal.commit(judgement(alerts_resolve=keys))

    async def incident(self) -> None:
        made = incident(self.dice.randrange(1, 6), self.dice, clock=self.clock)
        await self.journal.commit(judgement(incidents=(made,)))

    async def list(self) -> None:
        made = draft(self.dice.choice(NODES))
        consequence = self.dice.choice(("pause", "policy"))
        await self.journal.commit(
            judgement(listings_open=(replace(made, consequence=consequence),))
        )

    async def delist(self) -> None:
        listings = (await self.journal.load(())).fleet.open_listings
        ids = [one.id for ones in listings.values() for one in ones]
        await self.journal.commit(judgement(listings_close=tuple(ids[:1])))

    async def acknowledge(self) -> None:
        number, said = self.dice.randrange(1, 6), entry("acknowledged")
        await self.journal.acknowledge(number, by="anna", why="seen", at=START, entry=said)

    async def silence(self) -> None:
        now = self.clock.now()
        made = Silence(
            number=0,
            starts_at=now,
            ends_at=now + HOUR,
            made_by="anna",
            reason="r",
            cause="c",
        )
        await self.journal.add_silence(made, entry("silenced"))

    async def rename(self) -> None:
        table = self.dice.choice(("nodes", "pools"))
        values = (f"n{self.dice.randrange(10**9)}", self.dice.choice(("t1", None)))
        self.does(f"UPDATE {table} SET name = ?, tenant_id = ? WHERE rowid = 1", *values)

    async def block(self) -> None:
        node, at = self.one(), to_ms(self.clock.now())
        self.does(
            "INSERT OR IGNORE INTO pauses (id, node_id, address, receiver, reason, owner, note,"
            " decision_id, opened_at) SELECT ?, node_id, ip, ?, 'BLOCKED', 'automation', '', 'd', ?"
            " FROM addresses WHERE node_id = ?",
            *(str(self.dice.random()), self.dice.choice(("gmail", "yahoo", "")), at, node),
        )

    async def relent(self) -> None:
        at = to_ms(self.clock.now())
        self.does("UPDATE pauses SET closed_at = ? WHERE node_id = ?", at, self.one())

    async def place(self) -> None:
        reason = self.dice.choice(("LISTED", "SILENCE", "OPERATOR"))
        self.does(
            "UPDATE addresses SET in_rotation = ?, rotation_reason = ?, rotation_since = ?"
            " WHERE node_id = ?",
            *(self.dice.randrange(2), reason, to_ms(self.clock.now()), self.one()),
        )

    async def live(self) -> None:
        life = self.dice.choice(("active", "active", "warming", "draining"))
        self.does("UPDATE nodes SET lifecycle = ? WHERE id = ?", life, self.one())

    def one(self) -> str:
        return node_id(self.dice.choice(NODES))

    def does(self, statement: str, *values: object) -> None:
        """What no judgement of this test does."""
        with closing(sqlite3.connect(self.folder / "journal.db")) as file, file:
            file.execute(statement, values)

    async def wait(self) -> None:
        self.clock.move(self.dice.choice((60, 400, 7_200, 90_000)))


def anew(folder: Path, clock: HandClock) -> Snapshot:
    """As somebody who knows nothing yet reads it."""
    engine = engines.build(folder / "journal.db", engines.READING, writes=False)
    try:
        with engine.begin() as connection:
            return snapshot.load(connection, (), kept=Kept(), now=to_ms(clock.now()))
    finally:
        engine.dispose()


async def test_what_is_carried_on_is_what_stands(
    journal: SqlStore, tmp_path: Path, clock: HandClock
) -> None:
    fleet, seen = Fleet(journal, tmp_path, clock), set[tuple[int, ...]]()
    for step in range(220):
        await fleet.dice.choice(fleet.happenings)()
        if step % 47 == 0:
            await journal.members()
        found, real = await journal.load(()), anew(tmp_path, clock)
        for one, other in ((found, real), (await journal.troubles(), real)):
            assert one.alerts == other.alerts
            assert one.docket == other.docket
        assert found.fleet == real.fleet
        (pool,) = found.fleet.pools.values()
        stands = (found.alerts, found.docket.incidents, found.fleet.open_listings, pool.blocked)
        seen.add((*map(len, stands), pool.baseline, *pool.blocked_lately.values()))
    assert len(seen) > 5 * len(NODES), "enough happened"


async def test_what_was_handed_out_stays_as_it_was(journal: SqlStore) -> None:
    dice = random.Random(1)
    facts = tuple(replace(alert(n, dice), node_id=node_id(n)) for n in NODES)
    await journal.commit(judgement(alerts_open=facts, listings_open=(draft(1),)))
    before = await journal.load(())
    places, listings = dict(before.docket.places), dict(before.fleet.open_listings)
    keys = tuple(one.key for one in facts)
    (one,) = listings[ZONE]
    await journal.commit(judgement(alerts_resolve=keys, listings_close=(one.id,)))
    after = await journal.load(())
    assert (after.alerts, after.docket.places, after.fleet.open_listings) == ((), {}, {})
    assert (before.docket.places, before.fleet.open_listings) == (places, listings)


@pytest.mark.parametrize("standing", [0, 600])
async def test_a_pass_over_nothing_new_reads_nothing_of_what_stands(
    journal: SqlStore, tmp_path: Path, standing: int
) -> None:
    """Rows of everything that is asked, with much trouble and with none."""
    dice = random.Random(1)
    facts = tuple(replace(alert(n, dice), node_id=None) for n in range(1, standing + 1))
    listings = tuple(replace(draft(1), address=ip(n)) for n in range(1, standing + 1))
    await journal.commit(judgement(alerts_open=facts, listings_open=listings))
    known = await journal.load(())
    assert len(known.alerts) == standing
    with statement_plans.listening() as heard:
        again = await journal.load(())
    assert again.alerts is known.alerts
    with closing(sqlite3.connect(tmp_path / "journal.db")) as file:
        rows = sum(len(file.execute(*asked).fetchall()) for asked in heard)
    assert 0 < rows < 20, heard
