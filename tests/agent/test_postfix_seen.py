"""What the helper sees of a real Postfix, and what it says when it cannot do its work."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from agent.postfix.client import PostfixError
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
