"""The collector's parts, made in the order they need each other. Starts nothing."""

import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version

from collector.adapters import ca, secrets, store
from collector.adapters.clock import SystemClock
from collector.adapters.doorbell import Bell
from collector.adapters.resolver import DnsResolver, chosen
from collector.census import Census
from collector.config import Config
from collector.control import Control
from collector.core.policy import Policy
from collector.dispatch import Dispatch
from collector.identity import Register
from collector.intake import Around, Intake
from collector.operate.desk import Desk, Standing
from collector.ports import Authority, Clock, Store
from collector.presence import Presence
from collector.reign import Reign
from collector.rejections import Rejections
from collector.rpc.listeners import Listeners
from collector.rpc.streams import LiveStreams
from collector.service.founding import ca_folder, master_key
from collector.service.progress import Progress
from collector.vitals import Vitals
from deliverability.zones import ZoneKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything there is one of."""

    config: Config
    clock: Clock
    store: Store
    authority: Authority
    listeners: Listeners
    streams: LiveStreams
    register: Register
    rejections: Rejections
    reign: Reign
    intake: Intake
    control: Control
    dispatch: Dispatch
    judge_bell: Bell
    dispatch_bell: Bell
    progress: Progress
    vitals: Vitals
    # The port each listener really has; filled when it is bound.
    ports: dict[str, int]
    desk: Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the other parts stand on."""

    config: Config
    clock: Clock
    store: Store
    authority: Authority
    policy: Policy
    key: ZoneKey | None


@asynccontextmanager
async def made(config: Config, *, key: ZoneKey | None) -> AsyncIterator[Parts]:
    """Opens the journal and takes a term; closes the journal at the end.

    StoreError, SecretsError, AuthorityError when the state folder is not as `init` left it.
    """
    clock = SystemClock()
    authority = ca.load(ca_folder(config), secrets=secrets.load(master_key(config)))
    journal = await store.open(config.state, clock)
    try:
        policy = await journal.policy()
        ground = _Ground(
            config=config,
            clock=clock,
            store=journal,
            authority=authority,
            policy=policy,
            key=key,
        )
        parts = _assemble(ground)
        await parts.register.load()
        await parts.intake.load()
        await parts.reign.begin()
        yield parts
    finally:
        await journal.close()


def _assemble(ground: _Ground) -> Parts:
    clock, journal = ground.clock, ground.store
    presence = Presence(started_at=clock.monotonic())
    census = Census(presence, started_at=clock.monotonic())
    streams, vitals, progress = LiveStreams(clock), Vitals(clock), Progress(clock)
    judge_bell, dispatch_bell = Bell(), Bell()
    register = Register(store=journal, authority=ground.authority, streams=streams, clock=clock)
    reign = Reign(store=journal, clock=clock)
    resolver = DnsResolver(chosen(ground.config.nameservers), clock, key=ground.key)
    around = Around(
        clock=clock,
        doorbell=judge_bell,
        policy=lambda: ground.policy,
        fleet_size=lambda: len(census),
    )
    listeners = Listeners(ground.authority, names=ground.config.names, clock=clock)
    ports: dict[str, int] = {}
    desk = Desk(
        store=journal,
        clock=clock,
        presence=presence,
        census=census,
        policy=lambda: ground.policy,
        doorbell=judge_bell,
        authority=ground.authority,
        register=register,
        streams=streams,
        resolver=resolver,
        standing=_standing(
            ground, reign=reign, progress=progress, listeners=listeners, ports=ports
        ),
    )
    return Parts(
        config=ground.config,
        clock=clock,
        store=journal,
        authority=ground.authority,
        listeners=listeners,
        streams=streams,
        register=register,
        rejections=Rejections(store=journal, clock=clock),
        reign=reign,
        intake=Intake(journal, presence=presence, terms=reign, around=around),
        control=Control(
            journal, clock=clock, census=census, vitals=vitals, policy=lambda: ground.policy
        ),
        dispatch=Dispatch(
            journal, resolver=resolver, streams=streams, clock=clock, judged=judge_bell
        ),
        judge_bell=judge_bell,
        dispatch_bell=dispatch_bell,
        progress=progress,
        vitals=vitals,
        ports=ports,
        desk=desk,
    )


def _standing(
    ground: _Ground,
    *,
    reign: Reign,
    progress: Progress,
    listeners: Listeners,
    ports: dict[str, int],
) -> Standing:
    return Standing(
        version=version("mailfleet"),
        started_at=ground.clock.now(),
        term=lambda: reign.term,
        state=str(ground.config.state),
        names=ground.config.names,
        ports=ports,
        zones=ground.config.zones,
        nameservers=tuple(map(str, chosen(ground.config.nameservers))),
        has_zone_key=ground.key is not None,
        progress=progress.read,
        certificate_ends_at=lambda: listeners.certificate.not_after,
        ca_ends_at=lambda: ends_of(ground.authority.ca_pem()),
        disk=lambda: _disk(ground.config),
    )


def ends_of(pem: bytes) -> tuple[datetime, ...]:
    """When each root of a bundle ends, as the ssl module reads them."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(cadata=pem.decode())
    ends = (ssl.cert_time_to_seconds(str(one["notAfter"])) for one in trust.get_ca_certs())
    return tuple(datetime.fromtimestamp(end, timezone.utc) for end in ends)


def _disk(config: Config) -> tuple[int, int]:
    usage = shutil.disk_usage(config.state)
    return usage.total, usage.free
