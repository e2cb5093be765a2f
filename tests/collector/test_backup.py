"""An archive holds journal, CA and master key, is made while the collector runs, and comes back."""

import asyncio
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from collector.adapters import backup, ca, secrets
from tests.store_bed import START, beat, cell, enrol, hello, ip, node_id, opened, pool_of

NOW = START


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A collector's state folder as `init` and a first node leave it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    key = secrets.create(folder / "master.key")
    ca.create(folder / "ca", "fleet.example", secrets=key, now=START)
    asyncio.run(furnish(folder))
    return folder


async def furnish(folder: Path) -> None:
    async with opened(folder) as journal:
        await enrol(journal, [1], await pool_of(journal))
        await journal.record(beat(1, 4, cells=[cell(ip(1), "gmail", sent=4)]))


def contents(folder: Path) -> dict[str, bytes]:
    names = ("master.key", *(f"ca/{path.name}" for path in (folder / "ca").iterdir()))
    return {name: (folder / name).read_bytes() for name in sorted(names)}


def archive_of(state: Path) -> Path:
    target = state.parent / "backup.tar"
    backup.create(state, target=target, now=NOW)
    return target


def rewritten(archive: Path, change: dict[str, bytes | None]) -> Path:
    """The archive with members replaced, added or (None) left out."""
    changed = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(changed, "w") as new:
        bodies = {m.name: old.extractfile(m).read() for m in old}  # type: ignore[union-attr]
        for name, body in (bodies | change).items():
            if body is not None:
                member = tarfile.TarInfo(name)
                member.size = len(body)
                new.addfile(member, io.BytesIO(body))
    return changed


async def sequence_in(folder: Path) -> int:
    async with opened(folder) as journal:
        account = await journal.account(node_id(1))
        assert account is not None
        return account.sequence


def test_it_comes_back_as_it_was(state: Path, tmp_path: Path) -> None:
    archive = archive_of(state)
    assert archive.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    assert backup.restore(archive, state=other, force=False, now=NOW) is None
    assert contents(other) == contents(state)
    assert other.stat().st_mode & 0o777 == 0o700
    key = secrets.load(other / "master.key")
    assert ca.load(other / "ca", secrets=key).fleet == "fleet.example"
    assert asyncio.run(sequence_in(other)) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"state", "other", "backup.tar"}


async def test_it_is_made_while_heartbeats_come_in(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    ca.create(state / "ca", "f.example", secrets=secrets.create(state / "master.key"), now=START)
    async with opened(state) as journal:
        await enrol(journal, range(1, 5), await pool_of(journal))

        async def report() -> None:
            for sequence in range(1, 12):
                await asyncio.gather(*(journal.record(beat(n, sequence)) for n in range(1, 5)))

        making = asyncio.to_thread(backup.create, state, target=tmp_path / "b.tar", now=NOW)
        await asyncio.gather(report(), making)
    backup.restore(tmp_path / "b.tar", state=tmp_path / "other", force=False, now=NOW)
    async with opened(tmp_path / "other") as copy:
        accounts = [await copy.account(node_id(number)) for number in range(1, 5)]
        assert len({account.sequence for account in accounts if account}) == 1  # one commit


async def test_the_store_copies_its_journal_by_itself(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    async with opened(tmp_path) as journal:
        await enrol(journal, [1], await pool_of(journal))
        await journal.record_hello(hello(1))
        await journal.backup(str(tmp_path / "copy"))
    async with opened(tmp_path / "copy") as copy:
        assert await copy.node_ids(after="", limit=9) == [node_id(1)]


def test_a_state_that_is_not_empty_is_kept_aside_when_forced(state: Path) -> None:
    archive = archive_of(state)
    with pytest.raises(backup.BackupError, match="not empty"):
        backup.restore(archive, state=state, force=False, now=NOW)
    (state / "mark").write_text("of the old one")
    aside = backup.restore(archive, state=state, force=True, now=NOW)
    assert aside == state.with_name("state.before-20260301T120000Z")
    assert (aside / "mark").read_text() == "of the old one"
    assert not (state / "mark").exists()
    assert asyncio.run(sequence_in(state)) == 4


def test_a_running_collector_is_not_robbed_of_its_state(state: Path) -> None:
    archive = archive_of(state)

    async def attempt() -> None:
        async with opened(state):
            with pytest.raises(backup.BackupError, match="stop it first"):
                backup.restore(archive, state=state, force=True, now=NOW)

    asyncio.run(attempt())
    assert asyncio.run(sequence_in(state)) == 4


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"master.key": b"x" * 32}, "damaged"),
        ({"ca/ca.json": None}, "missing"),
        ({"ca/extra.pem": b"hello"}, "does not belong"),
        ({"../escape": b"hello"}, "does not belong"),
        ({"manifest.json": b"{}"}, "manifest"),
        ({"manifest.json": b"not json"}, "manifest"),
        ({"manifest.json": json.dumps({"format": 9, "files": {}}).encode()}, "format 9"),
        (
            {
                "manifest.json": json.dumps(
                    {"format": 1, "made_at": "", "files": {"../escape": ["", 5]}}
                ).encode(),
                "../escape": b"hello",
            },
            "does not belong",
        ),
    ],
)
def test_what_is_not_whole_changes_nothing(
    state: Path, tmp_path: Path, change: dict[str, bytes | None], complaint: str
) -> None:
    archive = rewritten(archive_of(state), change)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(backup.BackupError, match=complaint):
        backup.verify(archive)
    with pytest.raises(backup.BackupError, match=complaint):
        backup.restore(archive, state=tmp_path / "other", force=True, now=NOW)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert asyncio.run(sequence_in(state)) == 4


def test_cut_short_or_something_else(state: Path, tmp_path: Path) -> None:
    archive = archive_of(state)
    whole = archive.read_bytes()
    for body in (whole[: len(whole) // 2], b"", b"a letter to the editor" * 100):
        archive.write_bytes(body)
        with pytest.raises(backup.BackupError):
            backup.verify(archive)
    with pytest.raises(backup.BackupError):
        backup.verify(tmp_path / "nothing.tar")


def test_nothing_to_save(state: Path, tmp_path: Path) -> None:
    archive = archive_of(state)
    with pytest.raises(backup.BackupError, match="there already"):
        backup.create(state, target=archive, now=NOW)
    for name in ("ca/ca.json", "master.key", "journal.db"):
        (state / name).rename(tmp_path / "aside")
        with pytest.raises(backup.BackupError):
            backup.create(state, target=tmp_path / "other.tar", now=NOW)
        (tmp_path / "aside").rename(state / name)
    assert not (tmp_path / "other.tar").exists()


def test_a_journal_that_is_none_is_not_saved(state: Path, tmp_path: Path) -> None:
    (state / "journal.db").unlink()
    with closing(sqlite3.connect(state / "journal.db")) as other, other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(backup.BackupError, match="no journal"):
        backup.create(state, target=tmp_path / "other.tar", now=NOW)


def test_verify_says_what_is_in_it(state: Path) -> None:
    manifest = backup.verify(archive_of(state))
    assert {"journal.db", "master.key", "ca/ca.json"} <= manifest.files.keys()
    assert manifest.made_at == "2026-03-01T12:00:00+00:00"
    assert manifest.files["master.key"][1] == (state / "master.key").stat().st_size
