"""The daemon's last word: replaced as a whole, and written over where the disk is full."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import status


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with pytest.raises(status.StatusError, match="has not run yet"):
        status.read(tmp_path)
    words: tuple[dict[str, object], ...] = ({"pid": 1}, {"problems": ["x" * 5000]}, {"pid": 3})
    for said in words:
        status.write(tmp_path, said)
        assert status.read(tmp_path) == said
    (tmp_path / status.NAME).write_text("[]")
    with pytest.raises(status.StatusError, match="not an object"):
        status.read(tmp_path)


@pytest.mark.needs("root")
def test_a_full_disk_is_told_of(small_disk: Path) -> None:
    status.write(small_disk, {"pid": 1, "zones": "z" * 3000})
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    full: dict[str, object] = {
        "pid": 1,
        "zones": "z" * 3000,
        "problems": ["state: disk is full" * 50],
    }
    status.write(small_disk, full)
    assert status.read(small_disk) == full
    status.write(small_disk, {"pid": 1})
    assert status.read(small_disk) == {"pid": 1}


def test_of_very_much_the_most_important_fits(tmp_path: Path) -> None:
    zones = [
        {"zone": f"z{n}.example", "verdict": "listed" if n == 3999 else "clear", "why": "x" * 90}
        for n in range(4000)
    ]
    problems = ["y" * 5000 for _ in range(100)]
    status.write(tmp_path, {"pid": 1, "zones": zones, "problems": problems})
    told = status.read(tmp_path)
    assert isinstance(told["zones"], list)
    assert told["zones"][0]["verdict"] == "listed"
    assert told["zones_left_out"] == 4000 - len(told["zones"])
    assert (tmp_path / status.NAME).stat().st_size <= status.BYTES_MAX
