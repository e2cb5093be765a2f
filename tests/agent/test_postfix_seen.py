"""What the helper sees of a real Postfix, and what it says when it cannot do its work."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from agent.postfix import queue
from agent.postfix.client import PostfixError
from agent.postfix.installation import Installation
from agent.postfix.queue import QueueReader
from agent.postfix.verbs import Message
from tests import helper_bed, postfix_bed
from tests.postfix_bed import PostfixBed

pytestmark = pytest.mark.needs("postfix", "root")

OUTBOUND = ("google", "lmtp", "relay", "smtp")


@pytest.fixture
def bed() -> Iterator[PostfixBed]:
    with postfix_bed.running() as bed:
        yield bed


@pytest.fixture
def stopped() -> Iterator[PostfixBed]:
    with postfix_bed.made() as bed:
        yield bed


async def test_loaded_means_read_by_the_running_queue_manager(bed: PostfixBed) -> None:
    with helper_bed.client(bed) as client:
        first = await client.observe()
        assert first.is_loaded
        # An edit is not in force before a reload, whoever makes it.
        bed.postconf("-e", "mynetworks_style = host")
        edited = await client.observe()
        assert edited.config_changed_at > first.config_changed_at
        assert edited.qmgr_started_at is not None
        assert not edited.is_loaded
        bed.reload()
        again = await helper_bed.loaded(client)
        assert again.qmgr_started_at is not None
        assert again.qmgr_started_at > edited.qmgr_started_at
        assert again.config_changed_at == edited.config_changed_at


async def test_an_older_file_put_in_place_is_a_change(bed: PostfixBed) -> None:
    path = bed.config / "main.cf"
    older = bed.config / "main.cf.saved"
    shutil.copy2(path, older)
    with older.open("a") as file:
        file.write("defer_transports = smtp, relay, lmtp, google\n")
    os.utime(older, (1_000_000_000, 1_000_000_000))
    with helper_bed.client(bed) as client:
        assert (await client.observe()).is_loaded
        older.replace(path)
        observed = await client.observe()
        # The file says closed; the queue manager does not know it.
        assert set(observed.deferred) == set(OUTBOUND)
        assert not observed.is_closed


async def test_a_file_dated_in_the_future_is_closed_like_any(bed: PostfixBed) -> None:
    ahead = datetime.now(timezone.utc).timestamp() + 3600
    with helper_bed.client(bed) as client:
        await client.pause()
        await helper_bed.closed(client)
        os.utime(bed.config / "main.cf", (ahead, ahead))
        await client.pause()
        await helper_bed.closed(client)


async def test_a_queue_manager_with_its_own_list_is_never_closed(bed: PostfixBed) -> None:
    bed.postconf("-P", "qmgr/unix/defer_transports=smtp")
    with helper_bed.client(bed) as client:
        with pytest.raises(PostfixError, match="qmgr line") as caught:
            await client.pause()
        assert not caught.value.retryable
        assert not (await client.observe()).is_closed


async def test_a_configuration_that_postfix_refuses_is_said_in_its_words(bed: PostfixBed) -> None:
    bed.postconf("-e", "inet_interfaces = 127.1.2.3")
    with helper_bed.client(bed) as client:
        with pytest.raises(PostfixError, match=r"no local interface found for 127\.1\.2\.3"):
            await client.pause()
        assert bed.master_pid() is not None  # not told to read what it would end on
        assert (await client.observe()).paused  # and yet it is written, for the next start


async def test_a_queue_that_is_away_is_said(stopped: PostfixBed) -> None:
    stopped.config.rename(stopped.directory / "elsewhere")
    with helper_bed.client(stopped) as client:
        with pytest.raises(PostfixError, match=r"main\.cf"):
            await client.observe()
        (stopped.directory / "elsewhere").rename(stopped.config)
        assert (await client.observe()).outbound == OUTBOUND


@pytest.mark.parametrize("long_ids", ["yes", "no"])
async def test_the_queue_is_counted_as_postfix_fills_and_empties_it(long_ids: str) -> None:
    with (
        postfix_bed.running(enable_long_queue_ids=long_ids) as bed,
        helper_bed.client(bed) as client,
        contextlib.closing(QueueReader()) as reader,
    ):
        empty = await queue.read_queue(client, reader, now())
        assert (empty.active, empty.deferred, empty.hold, empty.oldest_age) == (0, 0, 0, None)
        bed.send(30, to="u@busy.test")
        bed.wait_for(lambda: bed.messages("deferred") == 30)
        # Postfix made new levels below deferred: the helper is asked for them.
        reading = await queue.read_queue(client, reader, now())
        assert (reading.active or 0) + (reading.incoming or 0) + (reading.deferred or 0) == 30
        if long_ids == "yes":
            assert reading.oldest_age is not None
            assert reading.oldest_age < timedelta(seconds=30)
        else:
            assert reading.oldest_age is None
        subprocess.run(("postsuper", "-c", str(bed.config), "-h", "ALL"), check=True)
        held = await queue.read_queue(client, reader, now())
        assert (held.hold, held.deferred) == (30, 0)


async def test_an_unprivileged_process_counts_through_the_descriptors(bed: PostfixBed) -> None:
    subprocess.run(("postsuper", "-c", str(bed.config)), check=True)
    (bed.queue / "hold" / "1A2B3C").touch()
    with helper_bed.client(bed) as client:
        opened = {one.name: one.descriptor for one in await client.queue_descriptors()}
    hold = opened["postfix:hold"]
    script = f"""
import os
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    os.listdir({str(bed.queue / "hold")!r})
except PermissionError:
    print(os.listdir({hold}))
"""
    words = (sys.executable, "-c", script)
    result = subprocess.run(words, capture_output=True, text=True, pass_fds=[hold], check=True)
    for descriptor in opened.values():
        os.close(descriptor)
    assert result.stdout == "['1A2B3C']\n"


def test_looking_again_starts_no_process(bed: PostfixBed, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = Installation(str(bed.config))
    observe = Message("observe")
    time.sleep(2.1)  # until the files are old enough to be trusted
    first = installation.answer(observe)[0][0].values
    monkeypatch.setattr(os, "posix_spawn", lambda *_, **__: pytest.fail("a process"))
    again = installation.answer(observe)[0][0].values
    assert {**again, "qmgr_started_us": 0} == {**first, "qmgr_started_us": 0}
    monkeypatch.undo()
    bed.postconf("-M", "yahoo/unix=yahoo unix - - n - - smtp")
    assert "yahoo" in installation.answer(observe)[0][0].names("outbound")


def test_a_clock_that_was_set_back_does_not_keep_a_pause_from_being_loaded(
    bed: PostfixBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files were changed "later" than now: their change must be moved to now."""
    installation = Installation(str(bed.config))
    installation.answer(Message("pause"))
    before = (bed.config / "main.cf").stat()
    real = time.clock_gettime_ns

    def behind(clock: int) -> int:
        return real(clock) - (3600 * 10**9 if clock == time.CLOCK_REALTIME else 0)

    monkeypatch.setattr(time, "clock_gettime_ns", behind)
    done = installation.answer(Message("pause"))[0][0]
    after = (bed.config / "main.cf").stat()
    assert (done.flag("changed"), done.flag("reloaded")) == (False, True)
    assert after.st_ctime_ns > before.st_ctime_ns
    assert after.st_ino == before.st_ino


def now() -> datetime:
    return datetime.now(timezone.utc)
