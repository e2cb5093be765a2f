"""Readings of this machine: they are taken, they fit each other, and unknown stays unknown."""

import os
from pathlib import Path

import pytest

from agent.host import facts, machine, services
from agent.host.machine import CpuTimes, Machine
from agent.host.services import Services
from agent.model import ServiceReading, ServiceState


def test_the_machine_is_read(tmp_path: Path) -> None:
    reading = Machine(tmp_path).read()
    assert 0.0 <= reading.cpu_ratio <= 1.0
    assert reading.cpu_count == os.cpu_count()
    assert 0 < reading.memory_bytes_used < reading.memory_bytes_total
    assert 0 <= reading.disk_bytes_used <= reading.disk_bytes_total
    assert reading.disk_bytes_total > 0
    assert reading.uptime_seconds > 0


def test_a_busy_processor_shows(tmp_path: Path) -> None:
    watched = Machine(tmp_path)
    ended = os.times().user + 0.3
    while os.times().user < ended:
        pass
    assert watched.read().cpu_ratio > 0.05


@pytest.mark.parametrize(
    "before, after, ratio",
    [
        (CpuTimes(busy=10, total=100), CpuTimes(busy=15, total=110), 0.5),
        (CpuTimes(busy=10, total=100), CpuTimes(busy=10, total=100), 0.0),
        (CpuTimes(busy=10, total=100), CpuTimes(busy=9, total=110), 0.0),
        (CpuTimes(busy=10, total=100), CpuTimes(busy=30, total=110), 1.0),
    ],
)
def test_the_processors_ratio(before: CpuTimes, after: CpuTimes, ratio: float) -> None:
    assert machine.cpu_ratio(before=before, after=after) == ratio


def test_the_disk_is_counted_as_df_does(tmp_path: Path) -> None:
    disk = machine.disk_of(tmp_path)
    found = os.statvfs(tmp_path)
    free = disk.bytes_total - disk.bytes_used
    assert abs(free - found.f_bavail * found.f_frsize) < 1 << 30
    assert disk.inodes_total == found.f_files


def test_a_queue_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    missing = machine.disk_of(tmp_path / "no" / "such")
    assert missing.bytes_total == machine.disk_of(tmp_path).bytes_total


def test_own_memory_is_known() -> None:
    assert 1_000_000 < machine.memory_bytes_own() < 10_000_000_000


def test_own_memory_is_asked_for_now_and_then() -> None:
    own = machine.OwnMemory()
    first = own.bytes(7.0)
    more = b"x" * 50_000_000
    assert own.bytes(300.0) == first
    assert own.bytes(307.0) > first + len(more) // 2


SHOWN = """LoadState=loaded
ActiveState=active

LoadState=not-found
ActiveState=inactive

LoadState=loaded
ActiveState=failed

LoadState=loaded
ActiveState=activating
"""


def test_systemds_words() -> None:
    units = ("postfix@-", "nothing", "redis-server", "opendkim")
    states = [reading.state for reading in services.parse(SHOWN, units)]
    assert states == [
        ServiceState.RUNNING,
        ServiceState.UNKNOWN,
        ServiceState.STOPPED,
        ServiceState.UNKNOWN,
    ]


@pytest.mark.parametrize("text", ["", "LoadState=loaded", "nonsense\n\n\n\nmore", SHOWN])
def test_an_answer_that_does_not_fit_says_nothing(text: str) -> None:
    assert services.parse(text, ("a", "b")) == (
        ServiceReading(name="a", state=ServiceState.UNKNOWN),
        ServiceReading(name="b", state=ServiceState.UNKNOWN),
    )


async def test_without_systemd_all_is_unknown() -> None:
    if services.is_booted():
        pytest.skip("systemd is the init of this machine")
    assert await Services(("postfix",)).read() == (
        ServiceReading(name="postfix", state=ServiceState.UNKNOWN),
    )


async def test_no_units_no_readings() -> None:
    assert await Services(()).read() == ()


def test_the_machines_id(tmp_path: Path) -> None:
    own, fallback = tmp_path / "machine-id", tmp_path / "made"
    own.write_text("3D1219C7C4C5404AAA1F6D2A48ADFDA4\n")
    assert facts.machine_id(own, fallback=fallback) == "3d1219c7c4c5404aaa1f6d2a48adfda4"
    assert not fallback.exists()


@pytest.mark.parametrize("text", ["", "uninitialized\n", "short", None])
def test_where_there_is_no_id_one_is_made_and_kept(tmp_path: Path, text: str | None) -> None:
    own, fallback = tmp_path / "machine-id", tmp_path / "made"
    if text is not None:
        own.write_text(text)
    made = facts.machine_id(own, fallback=fallback)
    assert len(made) == 32
    assert facts.machine_id(own, fallback=fallback) == made


def test_loopback_is_no_global_address() -> None:
    assert not any(address.startswith("127.") for address in facts.global_addresses())
