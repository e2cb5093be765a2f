"""A collector killed between the commit and the delivery: every notice arrives, under one key."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest

from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.core import notices
from collector.core.channels import Webhook
from collector.core.judgement import Judgement
from collector.service import founding
from tests import collector_bed
from tests.core.said import notice
from tests.fleet_bed import until
from tests.notify_bed import Receiver, receiving

CUTS = 2

pytestmark = pytest.mark.timeout(180)


@contextmanager
def collector(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Killed at the end of the block, as by a power cut."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "collector.cli", "collector", "run"],
            stderr=log,
            env={**os.environ, "MAILFLEET_CONFIG": str(folder / "collector.toml")},
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def founded(folder: Path, receiver: Receiver) -> Path:
    """A collector with one channel, and three notices committed by a pass nobody survived."""
    chosen = replace(
        collector_bed.config(folder, nameservers=("127.0.0.1:9",)),
        channels=(Webhook(name="pager", url=receiver.url),),
    )
    clock = SystemClock()
    place = folder / "collector.toml"
    await founding.found(chosen, place, key=None, actor=collector_bed.OPERATOR, clock=clock)
    journal = await store.open(chosen.state, clock)
    try:
        effects = tuple(notices.effect(notice(number)) for number in (1, 2, 3))
        await journal.commit(Judgement(at=clock.now(), term=1, notices=effects))
    finally:
        await journal.close()
    return folder


async def test_killed_between_the_commit_and_the_delivery(tmp_path: Path) -> None:
    async with receiving() as receiver:
        folder = await founded(tmp_path, receiver)
        receiver.mood = "hang"
        for cut in range(1, CUTS + 1):
            with collector(folder):
                await until(partial(asked, receiver, cut), seconds=60)
        receiver.mood = 200
        with collector(folder):
            await until(partial(kept, receiver), 3, seconds=60)
            await anyio.sleep(2)
        with collector(folder):
            await anyio.sleep(4)
        keys = [said["key"] for said in receiver.said]
        assert sorted(keys) == sorted(notice(number).key for number in (1, 2, 3))
        assert [head["Idempotency-Key"] for head in receiver.heads] == keys


async def asked(receiver: Receiver, times: int) -> bool:
    return receiver.asked >= times


async def kept(receiver: Receiver) -> int:
    return len(receiver.bodies)
