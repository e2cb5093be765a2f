"""Four nodes in a rotation, and grants asked of it, over the real store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from collector.adapters.store import SqlStore
from collector.core.judgement import Judgement
from collector.core.ledger import Wanted
from collector.core.model import Order
from collector.core.policy import Policy
from collector.core.rotation import Member
from collector.ports_rotation import Answer
from collector.rotations import Rotations
from tests.store_bed import START, HandClock, beat, enrol, ip, node_id, opened, pool_of
from tests.store_judged import admit, the_pool

NODES = range(1, 5)
POLICY = Policy()


@asynccontextmanager
async def in_rotation(folder: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    """Four nodes in the rotation, each verified in step with its directive (1, 1)."""
    async with opened(folder, clock) as found:
        await enrol(found, NODES, await pool_of(found))
        await admit(found, NODES)
        orders = tuple(
            (node_id(n), Order(term=1, revision=1, addresses=((ip(n), ()),))) for n in NODES
        )
        await found.commit(Judgement(at=START, term=1, orders=orders))
        for number in NODES:
            await found.record(beat(number, 1))
        yield found


async def members(journal: SqlStore) -> dict[str, Member]:
    found = await journal.rotation(await the_pool(journal))
    return {one.ip: one for one in found.members}


def asked(
    messages: int, receiver: str = "google", *, minutes: int = 10, domain: str = ""
) -> Wanted:
    until = START + timedelta(minutes=minutes)
    return Wanted(messages=messages, receiver=receiver, expires_at=until, domain=domain)


async def grant(
    rotations: Rotations, journal: SqlStore, messages: int, *, key: str = "k", **more: Any
) -> Answer:
    return await rotations.grant(await the_pool(journal), asked(messages, **more), key=key)


def given(answer: Answer) -> dict[str, int]:
    return {} if answer.grant is None else {key[1]: n for key, n in sorted(answer.grant.to)}
