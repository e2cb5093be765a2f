"""Where this node's key and certificate lie, and how both are swapped at once. No cryptography.

An identity is one directory with four files; `identity` is a symbolic link to the newest one, so
that a crash at any point leaves a key and a certificate that belong together.
"""

import json
import os
import secrets
import shutil
from datetime import datetime, timezone
from pathlib import Path

from agent.membership import Identity

LINK = "identity"
FILE_BYTES_MAX = 65_536


class IdentityError(Exception):
    """The identity on disk cannot be read, or cannot be written."""


def present(state: Path) -> str:
    """A name for the identity in place, which changes whenever it is swapped; "": none."""
    try:
        return str((state / LINK).readlink())
    except OSError:
        return ""


def load(state: Path) -> Identity | None:
    """The identity in place; None before the first enrolment; IdentityError when damaged."""
    while name := present(state):
        try:
            return _load(state / name)
        except IdentityError:
            # Swapped while we read: the old files are gone, the new ones are in place.
            if present(state) == name:
                raise
    return None


def _load(folder: Path) -> Identity:
    try:
        about = json.loads(_read(folder / "identity.json"))
        return Identity(
            node_id=str(about["node_id"]),
            fleet=str(about["fleet"]),
            not_before=_moment(about["not_before"]),
            not_after=_moment(about["not_after"]),
            key=_read(folder / "key.pem"),
            certificate=_read(folder / "certificate.pem"),
            ca=_read(folder / "ca.pem"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IdentityError(f"{folder}: {error!r}; enrol this node again") from error


def swap(state: Path, identity: Identity) -> None:
    """Put this identity in place of any other, durably and at once."""
    name = f"{LINK}.{secrets.token_hex(6)}"
    about = {
        "node_id": identity.node_id,
        "fleet": identity.fleet,
        "not_before": identity.not_before.isoformat(),
        "not_after": identity.not_after.isoformat(),
    }
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / name).mkdir(mode=0o700)
        _write(state / name / "identity.json", json.dumps(about).encode(), mode=0o644)
        _write(state / name / "key.pem", identity.key, mode=0o600)
        _write(state / name / "certificate.pem", identity.certificate, mode=0o644)
        _write(state / name / "ca.pem", identity.ca, mode=0o644)
        _sync(state / name)
        _give_to_owner(state / name, state=state)
        (state / f"{name}.link").symlink_to(name)
        (state / f"{name}.link").replace(state / LINK)
        _sync(state)
    except OSError as error:
        raise IdentityError(f"{state}: {error}") from error
    _sweep_up(state)


def _give_to_owner(folder: Path, *, state: Path) -> None:
    """Enrolled by root, used by the agent: the files belong to whom the state directory does."""
    if os.geteuid() != 0:
        return
    owner = state.stat()
    for path in (*folder.iterdir(), folder):
        os.chown(path, owner.st_uid, owner.st_gid)


def _sweep_up(state: Path) -> None:
    """Remove what earlier identities and interrupted swaps left."""
    kept = present(state)
    for leftover in state.glob(f"{LINK}.*"):
        if leftover.name == kept:
            continue
        if leftover.is_symlink():
            leftover.unlink()
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if not 0 < len(content) <= FILE_BYTES_MAX:
        raise ValueError(f"{path.name} is empty or too large")
    return content


def _write(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return moment.astimezone(timezone.utc)
