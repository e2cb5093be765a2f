"""One archive of what a collector cannot be made anew without: the journal, the CA, the master key.

The archive opens every secret of the fleet: it is written 0600 and is to be kept as the state
folder is. Samples are charts and not in it. Encrypts nothing and sends nothing anywhere.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

JOURNAL = "journal.db"
KEY = "master.key"
LOCK = "journal.lock"
MANIFEST = "manifest.json"
FORMAT = 1
NAMES = re.compile(r"journal\.db|master\.key|ca/[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MANIFEST_BYTES_MAX = 1_048_576
CHUNK_BYTES = 1_048_576
ATTEMPTS = 3  # to read the CA's folder while nobody changes it


class BackupError(Exception):
    """No archive was made, or nothing was restored: all is as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive holds: SHA-256 (hex) and size in bytes by name."""

    made_at: str
    files: dict[str, tuple[str, int]]


def create(state: Path, *, target: Path, now: datetime) -> Manifest:
    """Writes the archive beside its final name and renames it there: whole or not at all.

    A running collector is not disturbed: the journal is copied by SQLite's backup API.
    """
    if target.exists():
        raise BackupError(f"{target} is there already")
    with _failures(target), _workshop(target.parent) as place:
        _copy_journal(state / JOURNAL, to=place / JOURNAL)
        _copy_keys(state, to=place)
        manifest = _manifest(place, now)
        archive = place / "archive"
        with os.fdopen(os.open(archive, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _pack(place, manifest, out=out)
            out.flush()
            os.fsync(out.fileno())
        os.link(archive, target)  # unlike rename, never over an archive that came meanwhile
        _sync(target.parent)
    return manifest


def verify(archive: Path) -> Manifest:
    """Reads all of it. BackupError when anything is missing, damaged or does not belong."""
    with _failures(archive), _workshop(Path(tempfile.gettempdir())) as place:
        return _unpack(archive, into=place)


def restore(archive: Path, *, state: Path, force: bool, now: datetime) -> Path | None:
    """Puts the archive's files where the state folder is, after all of them proved whole.

    A folder that holds anything is refused unless forced, and then kept aside: its new name is
    returned. BackupError while a collector has it open.
    """
    state = state.absolute()
    with _failures(archive), _workshop(state.parent) as place:
        _unpack(archive, into=place)
        _check_journal(place / JOURNAL)
        if not state.is_dir() or not any(state.iterdir()):
            _put(place, at=state)
            return None
        if not force:
            raise BackupError(f"{state} is not empty")
        aside = state.with_name(f"{state.name}.before-{now:%Y%m%dT%H%M%SZ}")
        if aside.exists():
            raise BackupError(f"{aside} is there already")
        with _stopped(state):
            owner = state.stat()
            state.rename(aside)
            _put(place, at=state, owner=(owner.st_uid, owner.st_gid))
        return aside


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        raise BackupError(f"{path}: {error}") from error


@contextmanager
def _workshop(parent: Path) -> Iterator[Path]:
    """A folder of our own on the same filesystem, gone afterwards whatever happens."""
    place = Path(tempfile.mkdtemp(prefix=".mailfleet-", dir=parent))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copy_journal(source: Path, *, to: Path) -> None:
    if not source.is_file():
        raise BackupError(f"{source}: no journal there")
    to.touch(mode=0o600)
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True)) as journal,
        closing(sqlite3.connect(to)) as copy,
    ):
        journal.backup(copy)
    _check_journal(to)


def _check_journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as copy:
        ((answer,),) = copy.execute("PRAGMA quick_check(1)")
        known = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'nodes'").fetchall()
    if answer != "ok" or not known:
        raise BackupError(f"{JOURNAL} is damaged: {answer}" if known else "that is no journal")


def _copy_keys(state: Path, *, to: Path) -> None:
    """The CA's files belong together: they are read again when they changed meanwhile."""
    for name in (KEY, "ca/ca.json"):
        if not (state / name).is_file():
            raise BackupError(f"{state / name}: not there; mailfleet init makes it")
    for _ in range(ATTEMPTS):
        shutil.rmtree(to / "ca", ignore_errors=True)
        (to / "ca").mkdir(mode=0o700)
        try:
            before = _seen(state)
            for name in before:
                shutil.copyfile(state / name, to / name)
            if _seen(state) == before:
                return
        except FileNotFoundError:
            continue  # a root was dropped between the listing and the copy
    raise BackupError(f"{state / 'ca'} changed while it was read, {ATTEMPTS} times")


def _seen(state: Path) -> dict[str, tuple[int, int]]:
    """Half-written files of the CA begin with a dot and are no part of it."""
    found = [state / KEY, *sorted((state / "ca").iterdir())]
    statuses = {str(path.relative_to(state)): path.stat() for path in found if path.is_file()}
    return {
        name: (status.st_mtime_ns, status.st_size)
        for name, status in statuses.items()
        if NAMES.fullmatch(name)
    }


def _manifest(place: Path, now: datetime) -> Manifest:
    names = [JOURNAL, KEY, *sorted(f"ca/{path.name}" for path in (place / "ca").iterdir())]
    return Manifest(
        made_at=now.isoformat(timespec="seconds"),
        files={name: (_sha256(place / name), (place / name).stat().st_size) for name in names},
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(place: Path, manifest: Manifest, *, out: BinaryIO) -> None:
    """The manifest first, so that whoever reads knows what must follow."""
    body = json.dumps(
        {"format": FORMAT, "made_at": manifest.made_at, "files": manifest.files}, indent=1
    )
    (place / MANIFEST).write_text(body)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in (MANIFEST, *manifest.files):
            tar.add(place / name, arcname=name, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(uid=0, gid=0, uname="", gname="", mode=0o600, deep=False)


def _unpack(archive: Path, *, into: Path) -> Manifest:
    """Into an empty folder, every file checked against the manifest."""
    with tarfile.open(archive, mode="r:") as tar:
        members = iter(tar)
        manifest = _read_manifest(tar, next(members, None))
        (into / "ca").mkdir(mode=0o700)
        missing = dict(manifest.files)
        for member in members:
            digest, size = missing.pop(member.name, ("", -1))
            if not member.isreg() or member.size != size:
                raise BackupError(f"{archive}: {member.name} does not belong or has another size")
            content = tar.extractfile(member)
            assert content is not None, member
            descriptor = os.open(into / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with content, os.fdopen(descriptor, "wb") as out:
                shutil.copyfileobj(content, out, CHUNK_BYTES)
                out.flush()
                os.fsync(out.fileno())
            if _sha256(into / member.name) != digest:
                raise BackupError(f"{archive}: {member.name} is damaged")
    if missing:
        raise BackupError(f"{archive}: {', '.join(sorted(missing))} missing")
    return manifest


def _read_manifest(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or member.name != MANIFEST or not member.isreg():
        raise BackupError("not an archive of mailfleet backup create")
    if member.size > MANIFEST_BYTES_MAX:
        raise BackupError("the manifest is too long")
    content = tar.extractfile(member)
    assert content is not None, member
    try:
        with content:
            told = json.loads(content.read())
        if told["format"] != FORMAT:
            raise BackupError(f"an archive of format {told['format']}, this reads {FORMAT}")
        files = {str(name): (str(sha), int(size)) for name, (sha, size) in told["files"].items()}
        manifest = Manifest(made_at=str(told["made_at"]), files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"the manifest cannot be read: {error}") from error
    if not {JOURNAL, KEY} <= files.keys() or not all(map(NAMES.fullmatch, files)):
        raise BackupError("the manifest names what does not belong, or not all that does")
    return manifest


@contextmanager
def _stopped(state: Path) -> Iterator[None]:
    """Holds the lock a collector would hold."""
    with (state / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"a collector has {state} open; stop it first") from error
        yield


def _put(place: Path, *, at: Path, owner: tuple[int, int] | None = None) -> None:
    """The workshop becomes the state folder in one step."""
    place.chmod(0o700)
    if owner is None:
        parent = (at if at.is_dir() else at.parent).stat()
        owner = (parent.st_uid, parent.st_gid)
    if os.geteuid() == 0:
        for path in (place, *place.rglob("*")):
            os.chown(path, *owner)
    place.rename(at)
    _sync(at.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
