"""Zones are handed out on the stream: to whoever understands it and holds others, and at once."""

import asyncio
from pathlib import Path

from collector.core.heartbeat import HandedOut
from tests.rpc_bed import Bed, bed
from tests.rpc_node import Call, hello

FIRST, SECOND = (
    HandedOut(revision=7, rows="name\nfirst"),
    HandedOut(revision=8, rows="name\nsecond"),
)


async def greeted(collector: Bed, **changes: object) -> Call:
    call = collector.connect(await collector.enrol())
    await call.say(hello(**changes))
    welcome = (await call.hear()).welcome
    assert welcome.catalogue_revision == 7
    return call


async def test_whoever_holds_another_one_is_handed_ours(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        collector.handed_out = FIRST
        call = await greeted(collector, capabilities=["catalogue"], catalogue_revision=3)
        told = (await call.hear()).catalogue
        assert (told.revision, told.rows) == (7, "name\nfirst")
        await call.beat(1)


async def test_whoever_holds_it_or_is_too_old_is_told_nothing(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        collector.handed_out = FIRST
        await (await greeted(collector, capabilities=["catalogue"], catalogue_revision=7)).beat(1)
        await (await greeted(collector, capabilities=["pause"])).beat(1)


async def test_a_change_reaches_who_has_a_stream(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        collector.handed_out = FIRST
        new = await greeted(collector, capabilities=["catalogue"], catalogue_revision=7)
        old = await greeted(collector, capabilities=["pause"])
        streams = asyncio.ensure_future(collector.streams.run())
        await asyncio.sleep(0)
        for _ in range(2):  # said twice, told once
            collector.streams.hand_out(SECOND)
        assert (await new.hear()).catalogue.revision == 8
        await asyncio.sleep(0.3)
        await new.beat(1)
        await old.beat(1)
        streams.cancel()
