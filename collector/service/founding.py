"""Founds a collector: master key, CA, journal, pool `default`, one admin token, configuration.

Every step looks first and makes only what is missing; nothing that is there is overwritten. A run
cut short is finished by the next.
"""

import hashlib
import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from collector import config as configuration
from collector.adapters import ca, secrets, store
from collector.config import Config
from collector.core.model import Automation
from collector.identity import Register
from collector.operate import access, membership
from collector.ports import Actor, AuditEntry, Clock, Store
from collector.ports_identity import Authority, Secrets
from collector.service.absent import NoStreams
from deliverability.zones import ZoneKey

POOL = "default"
USER = "mailfleet-collector"


class FoundingError(Exception):
    """The collector cannot be founded; `fix` helps."""

    def __init__(self, text: str, *, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """What there is now. Tokens are shown once; "" when nothing was made."""

    steps: tuple[str, ...]
    ca_sha256: str
    admin_token: str = field(repr=False)
    join_token: str = field(repr=False)
    command: str = field(repr=False)


def master_key(config: Config) -> Path:
    return config.state / "master.key"


def ca_folder(config: Config) -> Path:
    return config.state / "ca"


def plan(config: Config, path: Path, *, key: ZoneKey | None) -> list[str]:
    """The steps that are still to be made, in order, as sentences."""
    steps = {
        f"the folder {config.state}, closed to others": not config.state.is_dir(),
        f"the master key {master_key(config)}": not master_key(config).exists(),
        f"the CA of fleet {config.fleet} in {ca_folder(config)}": not _has_ca(config),
        f"the journal {config.state}/journal.db": not (config.state / "journal.db").exists(),
        f"the pool {POOL} (automation: observe) and one admin token": not path.exists(),
        f"the Spamhaus DQS key in {path.with_name(configuration.KEY_NAME)}": key is not None,
        f"the configuration {path}": not path.exists(),
    }
    return [step for step, is_missing in steps.items() if is_missing]


async def found(
    config: Config, path: Path, *, key: ZoneKey | None, actor: Actor, clock: Clock
) -> Founded:
    """The configuration is written last: while it is missing, the founding is not over."""
    steps = plan(config, path, key=key)
    if key is not None:
        _write(path.with_name(configuration.KEY_NAME), f"{key.reveal()}\n", mode=0o600)
    if _is_founded(path):
        return Founded(steps=tuple(steps), ca_sha256="", admin_token="", join_token="", command="")
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealing = _master_key(config)
    authority = _authority(config, sealing, clock=clock)
    journal = await store.open(config.state, clock)
    try:
        admin, join = await _furnish(journal, authority, actor=actor, clock=clock)
    finally:
        await journal.close()
    _write(path, configuration.render(config), mode=0o644)
    _give(config.state)
    return Founded(
        steps=tuple(steps),
        ca_sha256=hashlib.sha256(authority.ca_pem()).hexdigest(),
        admin_token=admin,
        join_token=join,
        command=membership.command(join, collector=config.names[0]),
    )


async def _furnish(
    journal: Store, authority: Authority, *, actor: Actor, clock: Clock
) -> tuple[str, str]:
    """Pool, admin token, and a first join token."""
    named = AuditEntry(actor=actor, action="fleet named", subject=authority.fleet, at=clock.now())
    await journal.set_fleet_name(authority.fleet, named)
    pools = {str(pool["name"]): str(pool["id"]) for pool in await journal.pools()}
    entry = AuditEntry(actor=actor, action="pool added", subject=POOL, at=clock.now())
    pool_id = pools.get(POOL) or await journal.add_pool(
        POOL, automation=Automation.OBSERVE, entry=entry
    )
    made = AuditEntry(
        actor=actor,
        action="api token created",
        subject="admin",
        after={"role": "admin"},
        at=clock.now(),
    )
    admin = await access.make_api_token(
        journal, name=f"admin {clock.now():%Y-%m-%d %H:%M:%S}", role="admin", entry=made
    )
    register = Register(store=journal, authority=authority, streams=NoStreams(), clock=clock)
    return admin, await register.new_token(pool_id, actor=actor)


def _is_founded(path: Path) -> bool:
    return path.exists()


def _has_ca(config: Config) -> bool:
    return (ca_folder(config) / "ca.json").exists()


def _master_key(config: Config) -> Secrets:
    place = master_key(config)
    return secrets.load(place) if place.exists() else secrets.create(place)


def _authority(config: Config, sealing: Secrets, *, clock: Clock) -> Authority:
    place = ca_folder(config)
    if not _has_ca(config):
        return ca.create(place, config.fleet, secrets=sealing, now=clock.now())
    found = ca.load(place, secrets=sealing)
    if found.fleet != config.fleet:
        raise FoundingError(
            f"{place} is the CA of fleet {found.fleet}, not of {config.fleet}",
            fix=f"mailfleet init --fleet {found.fleet}",
        )
    return found


def _write(path: Path, text: str, *, mode: int) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _give(state: Path) -> None:
    """To the collector's own user, when root founds and that user is here."""
    if os.geteuid() != 0:
        return
    try:
        owner = pwd.getpwnam(USER)
    except KeyError:
        return
    for path in _tree(state):
        shutil.chown(path, owner.pw_uid, owner.pw_gid)


def _tree(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")
