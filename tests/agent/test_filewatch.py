"""A line written to the log wakes the follower at once, before and after a rotation."""

import time
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from agent.filewatch import FileWatch

LONG = timedelta(seconds=5)


async def waited(watch: FileWatch, at_most: timedelta = LONG) -> float:
    began = time.monotonic()
    await watch.wait(at_most)
    return time.monotonic() - began


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "mail.log"
    path.write_text("old\n")
    return path


async def test_a_line_wakes(log: Path) -> None:
    watch = FileWatch(log)

    async def write_later() -> None:
        await anyio.sleep(0.2)
        with log.open("a") as file:
            file.write("line\n")

    await watch.wait(timedelta(milliseconds=1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_later)
        assert 0.1 < await waited(watch) < 2
    watch.close()


async def test_a_line_written_before_we_wait_counts(log: Path) -> None:
    watch = FileWatch(log)
    await watch.wait(timedelta(milliseconds=1))
    with log.open("a") as file:
        file.write("line\n")
    assert await waited(watch) < 1
    watch.close()


async def test_silence_ends_in_time(log: Path) -> None:
    watch = FileWatch(log)
    assert 0.2 <= await waited(watch, timedelta(seconds=0.2)) < 2
    watch.close()


async def test_the_name_is_followed_through_a_rotation(log: Path) -> None:
    watch = FileWatch(log)
    await watch.wait(timedelta(milliseconds=1))
    log.rename(log.with_suffix(".1"))
    assert await waited(watch) < 1
    log.write_text("new\n")
    await watch.wait(timedelta(milliseconds=1))
    with log.open("a") as file:
        file.write("line\n")
    assert await waited(watch) < 1
    watch.close()


async def test_without_a_file_it_polls(tmp_path: Path) -> None:
    watch = FileWatch(tmp_path / "none")
    assert await waited(watch) < 1
    watch.close()
