"""A line written to the log wakes the follower at once, before and after a rotation."""

import time
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from agent.filewatch import FileWatch
from agent.watched import Watched

LONG = timedelta(seconds=5)


def watch_of(*paths: Path, folder: Path | None = None) -> FileWatch:
    folders = () if folder is None else (str(folder),)
    watched = Watched(tuple(map(str, paths)), folders)
    return FileWatch(lambda: watched)


async def wait(watch: FileWatch, at_most: timedelta) -> bool:
    """Until it rings (True), or the time is over."""
    with anyio.move_on_after(at_most.total_seconds()):
        await anyio.wait_readable(watch.descriptor())
        watch.hush()
        return True
    return False


async def waited(watch: FileWatch, at_most: timedelta = LONG) -> float:
    began = time.monotonic()
    await wait(watch, at_most)
    return time.monotonic() - began


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "mail.log"
    path.write_text("old\n")
    return path


async def test_a_line_wakes(log: Path) -> None:
    watch = watch_of(log)

    async def write_later() -> None:
        await anyio.sleep(0.2)
        with log.open("a") as file:
            file.write("line\n")

    await wait(watch, timedelta(milliseconds=1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_later)
        assert 0.1 < await waited(watch) < 2
    watch.close()


async def test_a_line_written_before_we_wait_counts(log: Path) -> None:
    watch = watch_of(log)
    await wait(watch, timedelta(milliseconds=1))
    with log.open("a") as file:
        file.write("line\n")
    assert await waited(watch) < 1
    watch.close()


async def test_silence_ends_in_time(log: Path) -> None:
    watch = watch_of(log)
    assert 0.2 <= await waited(watch, timedelta(seconds=0.2)) < 2
    watch.close()


async def test_the_name_is_followed_through_a_rotation(log: Path) -> None:
    watch = watch_of(log)
    await wait(watch, timedelta(milliseconds=1))
    log.rename(log.with_suffix(".1"))
    assert await waited(watch) < 1
    log.write_text("new\n")
    await wait(watch, timedelta(milliseconds=1))
    with log.open("a") as file:
        file.write("line\n")
    assert await waited(watch) < 1
    watch.close()


def test_without_a_file_there_is_nothing_to_wait_for_until_there_is(tmp_path: Path) -> None:
    watch = watch_of(tmp_path / "none" / "mail.log")
    assert watch.descriptor() == -1
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "mail.log").touch()
    assert watch.descriptor() >= 0
    watch.close()


async def test_any_of_several_wakes(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text("old\n")
    watch = watch_of(log, tmp_path / "none", other)
    for path in (other, log):
        await wait(watch, timedelta(milliseconds=1))
        with path.open("a") as file:
            file.write("line\n")
        assert await waited(watch) < 1
    watch.close()


async def test_a_file_that_comes_into_the_folder_wakes(tmp_path: Path) -> None:
    watch = watch_of(tmp_path / "mail.log", folder=tmp_path)
    await wait(watch, timedelta(milliseconds=1))
    (tmp_path / "mail.log").write_text("first\n")
    assert await waited(watch) < 1
    watch.close()


async def test_writing_alone_arms_nothing_anew(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls of the system for every burst of lines."""
    watch = watch_of(log, folder=log.parent)
    armed: list[Watched] = []
    arm = watch._arm

    def noted(watched: Watched) -> None:
        armed.append(watched)
        arm(watched)

    monkeypatch.setattr(watch, "_arm", noted)
    for _ in range(3):
        await wait(watch, timedelta(milliseconds=1))
        with log.open("a") as file:
            file.write("line\n")
        assert await wait(watch, LONG)
    assert len(armed) == 1
    log.rename(log.with_suffix(".1"))
    assert await wait(watch, LONG)
    watch.descriptor()
    assert len(armed) == 2
    watch.close()
