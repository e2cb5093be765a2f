"""Counting queue directories through descriptors: what is counted, cached, unknown, and late."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.model import QueueReading
from agent.postfix import directories, queue
from agent.postfix.client import QueueDirectory
from agent.postfix.queue import QueueReader

# "4dGYMg" as a number to the base 52 of postconf(5).
LONG_ID = "4dGYMg0Pyjz3yBF"
LONG_ID_AT = datetime(2025, 11, 26, 8, 56, 47, tzinfo=timezone.utc)


def now() -> datetime:
    return datetime.now(timezone.utc)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for name in queue.QUEUES:
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def reader() -> Iterator[QueueReader]:
    reader = QueueReader()
    yield reader
    reader.close()


def opened(spool: Path, label: str = "postfix") -> list[QueueDirectory]:
    found = directories.open_queues(str(spool), label=label, room=directories.DIRECTORIES_MAX)
    return [QueueDirectory(name, descriptor) for name, descriptor in found]


def settle(path: Path) -> None:
    """As if the last change in it were a while ago."""
    then = now().timestamp() - 60
    os.utime(path, (then, then))


def test_every_queue_is_counted_with_its_hashed_levels(spool: Path, reader: QueueReader) -> None:
    for name in ("deferred/A/1A2B3C", "deferred/0/FFFFFF", "deferred/A/B/0AB123", "hold/1A2B3C"):
        path = spool / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    reader.replace(opened(spool))
    assert not reader.is_stale
    assert reader.read(now()) == QueueReading(active=0, incoming=0, deferred=3, hold=1, maildrop=0)
    assert not reader.is_stale


def test_two_instances_are_added_up(spool: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for name in queue.QUEUES:
        (other / name).mkdir()
        (other / name / "1A2B3C").touch()
    (spool / "hold" / "1A2B3C").touch()
    reader = QueueReader()
    reader.replace([*opened(spool), *opened(other, "postfix-out")])
    assert reader.read(now()).hold == 2
    reader.close()
    # A queue that one of them lacks is unknown, not the other's count.
    (other / "hold" / "1A2B3C").unlink()
    (other / "hold").rmdir()
    reader.replace([*opened(spool), *opened(other, "postfix-out")])
    assert reader.is_stale
    reading = reader.read(now())
    assert (reading.hold, reading.active) == (None, 1)
    reader.close()


def test_a_new_hashed_level_is_asked_for_and_not_guessed(spool: Path, reader: QueueReader) -> None:
    reader.replace(opened(spool))
    assert reader.read(now()).deferred == 0
    (spool / "deferred/7").mkdir()
    (spool / "deferred/7/1A2B3C").touch()
    assert reader.read(now()).deferred is None
    assert reader.is_stale
    reader.replace(opened(spool))
    assert reader.read(now()).deferred == 1


def test_a_directory_that_went_away_is_unknown(spool: Path, reader: QueueReader) -> None:
    reader.replace(opened(spool))
    (spool / "active").rmdir()
    (spool / "active").mkdir()
    (spool / "active" / "1A2B3C").touch()
    assert reader.read(now()).active is None
    assert reader.is_stale
    reader.replace(opened(spool))
    assert reader.read(now()).active == 1


def test_nothing_open_is_unknown_everywhere(reader: QueueReader) -> None:
    assert reader.is_stale
    assert reader.read(now()) == QueueReading()


def test_an_unchanged_directory_is_not_read_again(
    spool: Path, reader: QueueReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spool / "hold" / "1A2B3C").touch()
    for name in queue.QUEUES:
        settle(spool / name)
    reader.replace(opened(spool))
    first = reader.read(now())
    monkeypatch.setattr(queue, "count_entries", lambda *_, **__: pytest.fail("read again"))
    assert reader.read(now()) == first
    monkeypatch.undo()
    (spool / "hold" / "1A2B3D").touch()
    assert reader.read(now()).hold == 2


def test_a_change_within_one_tick_of_the_clock_is_not_missed(
    spool: Path, reader: QueueReader
) -> None:
    hold = spool / "hold"
    (hold / "1A2B3C").touch()
    reader.replace(opened(spool))
    before = hold.stat().st_mtime_ns
    assert reader.read(now()).hold == 1
    (hold / "1A2B3D").touch()
    os.utime(hold, ns=(before, before))  # as a coarse clock would leave it
    assert reader.read(now()).hold == 2


def test_a_link_is_not_followed(spool: Path, reader: QueueReader, tmp_path: Path) -> None:
    (spool / "hold").rmdir()
    (spool / "hold").symlink_to("/etc")
    reader.replace(opened(spool))
    assert reader.read(now()).hold is None


def test_more_directories_than_there_is_room_for_leave_the_queue_out(spool: Path) -> None:
    for first in directories.HASHES:
        (spool / "deferred" / first).mkdir()
    found = directories.open_queues(str(spool), label="postfix", room=10)
    names = [name for name, _ in found]
    directories.close(found)
    assert names == [f"postfix:{name}" for name in ("active", "incoming", "hold", "maildrop")]


def test_a_long_queue_id_says_when() -> None:
    assert queue.queued_at(LONG_ID) == LONG_ID_AT
    with pytest.raises(ValueError, match="substring"):
        queue.queued_at("4dGY~g0Pyjz3yBF")


@pytest.mark.parametrize("size", [0, queue.LISTED_BYTES_MAX + 1])
@pytest.mark.parametrize(
    "names, counted",
    [
        ([], (0, queue.NO_ID, False, set())),
        (["A", "F"], (0, queue.NO_ID, False, {"A", "F"})),
        ([LONG_ID, "4dGYMh0Pyjz3yBF"], (2, LONG_ID, False, set())),
        ([LONG_ID, "7"], (1, LONG_ID, False, {"7"})),
        (["1A2B3C", "1A2B3D4E5F"], (2, queue.NO_ID, True, set())),
        (["1A2B3C", "0"], (1, queue.NO_ID, True, {"0"})),
        (["1A2B3C", LONG_ID], (2, queue.NO_ID, True, set())),
        ([f"{number:06X}" for number in range(10_000)], (10_000, queue.NO_ID, True, set())),
    ],
)
def test_small_and_large_directories_are_counted_alike(
    tmp_path: Path, names: list[str], counted: tuple[object, ...], size: int
) -> None:
    for name in names:
        (tmp_path / name).touch()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    found = queue.count_entries(descriptor, size=size)
    again = queue.count_entries(descriptor, size=size)
    os.close(descriptor)
    assert found == again
    assert (found.messages, found.oldest, found.has_short_ids, found.hashes) == counted


@pytest.mark.parametrize(
    "names, age",
    [
        ((), None),
        ((f"active/{LONG_ID}",), timedelta(minutes=10)),
        ((f"incoming/{LONG_ID}", "active/4dGYMh0Pyjz3yBF"), timedelta(minutes=10)),
        (("deferred/4dGYMh0Pyjz3yBF",), timedelta(minutes=10, seconds=-1)),
        ((f"hold/{LONG_ID}",), None),
        ((f"active/{LONG_ID}", "deferred/1A2B3C4D5E"), None),
        (("active/1A2B3C4D5E",), None),
        (("active/~~~~~~~~~~z",), None),
        (("active/4dGZZZ0Pyjz3yBF",), timedelta(0)),
    ],
)
def test_the_age_of_the_oldest(
    spool: Path, reader: QueueReader, names: tuple[str, ...], age: timedelta | None
) -> None:
    for name in names:
        (spool / name).touch()
    reader.replace(opened(spool))
    assert reader.read(LONG_ID_AT + timedelta(minutes=10)).oldest_age == age


def test_descriptors_are_closed(spool: Path) -> None:
    before = open_descriptors()
    reader = QueueReader()
    for _ in range(3):
        reader.replace(opened(spool))
    assert open_descriptors() == before + len(queue.QUEUES)
    reader.close()
    assert open_descriptors() == before


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
