"""Pause, resume and observe on a real Postfix that really delivers, through the real helper."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from tests import helper_bed, postfix_bed
from tests.postfix_bed import PostfixBed

pytestmark = pytest.mark.needs("postfix", "root")

DOMAINS = ("sink.test", "google.test", "relay.test", "lmtp.test")
OUTBOUND = ("google", "lmtp", "relay", "smtp")


@pytest.fixture
def bed() -> Iterator[PostfixBed]:
    with postfix_bed.running() as bed:
        yield bed


@pytest.fixture
def stopped() -> Iterator[PostfixBed]:
    with postfix_bed.made() as bed:
        yield bed


async def test_a_pause_closes_every_outbound_service_and_a_resume_opens_them(
    bed: PostfixBed,
) -> None:
    with helper_bed.client(bed) as client:
        before = await client.observe()
        assert before.running
        assert not before.is_closed
        assert not before.paused
        assert (before.outbound, before.deferred) == (OUTBOUND, ())
        assert before.version.startswith("3.")

        await client.pause()
        observed = await helper_bed.closed(client)
        assert observed.deferred == OUTBOUND
        assert observed.paused
        for domain in DOMAINS:
            bed.send(3, to=f"u@{domain}")
        bed.wait_for(lambda: bed.messages("deferred") == 3 * len(DOMAINS))
        await asyncio.sleep(3)  # a queue run or more
        assert bed.delivered() == []
        assert bed.messages("deferred") + bed.messages("active") == 3 * len(DOMAINS)
        assert sum("deferred transport" in line for line in bed.lines()) >= 3 * len(DOMAINS)

        await client.resume()
        after = await helper_bed.loaded(client)
        assert after.deferred == ()
        assert not after.paused
        bed.wait_for(lambda: len(bed.delivered()) == 3 * len(DOMAINS), 20)
        assert {len(bed.delivered(domain)) for domain in DOMAINS} == {3}


async def test_no_delivery_begins_after_the_reload_line_under_load(bed: PostfixBed) -> None:
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            for domain in DOMAINS:
                bed.send(10, to=f"u@{domain}", sessions=2)

    sender = threading.Thread(target=load)
    sender.start()
    try:
        with helper_bed.client(bed) as client:
            bed.wait_for(lambda: len(bed.delivered()) > 100)
            await client.pause()
            await helper_bed.closed(client)
            await asyncio.sleep(2)
    finally:
        over.set()
        sender.join()
    bed.wait_for(lambda: bed.messages("deferred") > 20)
    delivered = bed.delivered()
    reload_at = max(_logged_at(line) for line in bed.lines() if "reload -- version" in line)
    assert all(_began_at(line) <= reload_at + timedelta(seconds=1) for line in delivered)
    # Nothing is delivered any more, and what was not delivered is still there.
    await asyncio.sleep(1)
    assert len(bed.delivered()) == len(delivered)


async def test_a_transport_made_during_a_pause_is_seen_and_closed(bed: PostfixBed) -> None:
    with helper_bed.client(bed) as client:
        await client.pause()
        await helper_bed.closed(client)
        bed.postconf("-M", "yahoo/unix=yahoo unix - - n - - smtp")
        bed.postconf("-e", f"transport_maps = inline:{{{{ y.test = yahoo:[{bed.address}]:2600 }}}}")
        observed = await helper_bed.seen(client, lambda observed: not observed.is_closed)
        assert "yahoo" in observed.outbound
        assert "yahoo" not in observed.deferred

        await client.pause()
        assert "yahoo" in (await helper_bed.closed(client)).deferred
        bed.send(2, to="u@y.test")
        bed.wait_for(lambda: bed.messages("deferred") == 2)
        assert bed.delivered() == []


@pytest.mark.parametrize("theirs", ["google", "google lmtp", "$theirs, lmtp"])
async def test_what_the_operator_deferred_stays_as_it_was(bed: PostfixBed, theirs: str) -> None:
    own = ["theirs = google"] if "$theirs" in theirs else []
    bed.postconf("-e", *own, f"defer_transports = {theirs}")
    before = (bed.config / "main.cf").read_text()
    bed.reload()
    with helper_bed.client(bed) as client:
        await client.pause()
        await helper_bed.closed(client)
        assert bed.postconf("-h", "defer_transports") == f"{theirs}, $mailfleet_paused\n"
        await client.resume()
        assert "google" in (await helper_bed.loaded(client)).deferred
    assert (bed.config / "main.cf").read_text() == before


async def test_main_cf_is_the_same_to_the_byte_after_pause_and_resume(stopped: PostfixBed) -> None:
    path = stopped.config / "main.cf"
    odd = "# a comment\n\nmyorigin =\n   # inside\n   a.test\n\nsmtpd_banner = ${x?{a b}}é\n# end\n"
    path.write_text(path.read_text() + odd)
    stopped.settle()
    before = path.read_bytes()
    mode = path.stat().st_mode
    with helper_bed.client(stopped) as client:
        await client.pause()
        during = path.read_text().splitlines()
        assert [line for line in during if "mailfleet_paused" not in line] == (
            before.decode().splitlines()
        )
        await client.resume()
    assert path.read_bytes() == before
    assert path.stat().st_mode == mode


async def test_nothing_is_written_or_reloaded_when_nothing_differs(bed: PostfixBed) -> None:
    def reloads() -> int:
        return sum("reload -- version" in line for line in bed.lines())

    with helper_bed.client(bed) as client:
        await client.resume()
        assert reloads() == 0
        await client.pause()
        await client.pause()  # while the reload may still be on its way
        await helper_bed.closed(client)
        written = (bed.config / "main.cf").stat()
        await client.pause()
        bed.wait_for(lambda: reloads() == 1)
        after = (bed.config / "main.cf").stat()
        assert (after.st_ino, after.st_ctime_ns) == (written.st_ino, written.st_ctime_ns)


async def test_paused_while_stopped_is_closed_from_the_first_moment(stopped: PostfixBed) -> None:
    with helper_bed.client(stopped) as client:
        await client.pause()
        observed = await client.observe()
        assert not observed.running
        assert observed.qmgr_started_at is None
        assert observed.is_closed
        stopped.settle()
        stopped.start_sinks()
        stopped.start()
        stopped.send(5, to="u@sink.test")
        stopped.wait_for(lambda: stopped.messages("deferred") == 5)
        observed = await helper_bed.closed(client)
        assert observed.running
        assert stopped.delivered() == []


async def test_two_instances_are_closed_together_and_seen_as_one(bed: PostfixBed) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(postfix_bed.running())
        second = bed.directory / "postfix-out"
        second.symlink_to(other.config)
        bed.postconf("-e", f"multi_instance_directories = {second}")
        bed.reload()
        client = stack.enter_context(helper_bed.client(bed))
        observed = await client.observe()
        assert set(observed.outbound) == {*OUTBOUND, *(f"postfix-out/{name}" for name in OUTBOUND)}

        await client.pause()
        await helper_bed.closed(client)
        for one in (bed, other):
            one.send(3, to="u@google.test")
        bed.wait_for(lambda: bed.messages("deferred") == other.messages("deferred") == 3)
        assert bed.delivered() + other.delivered() == []

        # A person opens the second one: the whole is no longer closed.
        other.postconf("-X", "mailfleet_paused", "defer_transports")
        other.reload()
        assert not (await helper_bed.loaded(client)).is_closed
        other.stop()
        observed = await client.observe()
        assert observed.running
        assert not observed.is_closed

        await client.resume()
        await helper_bed.loaded(client)
        bed.wait_for(lambda: len(bed.delivered()) == 3, 20)


def _logged_at(line: str) -> datetime:
    """Only differences are looked at: year and time zone do not matter."""
    return datetime.strptime(f"2026 {line[:15]} +0000", "%Y %b %d %H:%M:%S %z")


def _began_at(line: str) -> datetime:
    delays = re.search(r"delays=[\d.]+/[\d.]+/([\d.]+)/([\d.]+)", line)
    assert delays, line
    return _logged_at(line) - timedelta(seconds=float(delays[1]) + float(delays[2]))
