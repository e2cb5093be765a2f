"""The collector's parts, made in the order they need each other. Starts nothing."""

import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from types import MappingProxyType

from collector.adapters import ca, secrets, store
from collector.adapters.clock import SystemClock
from collector.adapters.doorbell import Bell
from collector.adapters.resolver import VOUCHED_FOR, DnsResolver, chosen
from collector.adapters.store import SqlStore
from collector.census import Census
from collector.config import Config
from collector.control import Control, Ties
from collector.core.channels import Secret
from collector.core.policy import Policy
from collector.courier import Courier
from collector.dispatch import Dispatch
from collector.governor import Governor, Sway
from collector.identity import Register
from collector.intake import Around, Intake
from collector.lookout import Lookout
from collector.operate.desk import Bureau, Desk, Standing
from collector.ports import Clock, Store
from collector.ports_identity import Authority
from collector.ports_rotation import RotationStore
from collector.ports_zones import ZoneStore
from collector.presence import Presence
from collector.reign import Reign
from collector.rejections import Rejections
from collector.rotations import Rotations
from collector.rpc.listeners import Listeners
from collector.rpc.streams import LiveStreams
from collector.service import bureaus
from collector.service.founding import ca_folder, master_key
from collector.service.progress import Progress
from collector.version import VERSION
from collector.vitals import Vitals
from collector.zoning import Zoning
from deliverability.zones import ZEN, ZoneKeys


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
    zoning: Zoning
    lookout: Lookout
    intake: Intake
    control: Control
    dispatch: Dispatch
    courier: Courier
    judge_bell: Bell
    dispatch_bell: Bell
    progress: Progress
    vitals: Vitals
    # The port each listener really has; filled when it is bound.
    ports: dict[str, int]
    desk: Desk
    rotations: Rotations


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the other parts stand on."""

    config: Config
    keys: ZoneKeys
    clock: Clock
    store: Store
    rotating: RotationStore
    rotations: Rotations
    authority: Authority
    sway: Sway
    zoning: Zoning
    zone_store: ZoneStore
    presence: Presence
    census: Census
    streams: LiveStreams
    register: Register
    reign: Reign
    resolver: partial[DnsResolver]  # one for each of its users: none waits for another's answers
    listeners: Listeners
    progress: Progress
    bell: Bell
    ports: dict[str, int]


NO_SECRETS: Mapping[str, Secret] = MappingProxyType({})


@asynccontextmanager
async def made(
    config: Config, *, keys: ZoneKeys, channels: Mapping[str, Secret] = NO_SECRETS
) -> AsyncIterator[Parts]:
    """Opens the journal and takes a term; closes the journal at the end.

    StoreError, SecretsError, AuthorityError when the state folder is not as `init` left it.
    """
    clock = SystemClock()
    authority = ca.load(ca_folder(config), secrets=secrets.load(master_key(config)))
    journal = await store.open(config.state, clock)
    try:
        policy = await journal.policy()
        ground = _ground(config, journal, keys=keys, authority=authority, policy=policy)
        bureau = bureaus.made(config, journal, secrets=channels)
        courier = bureaus.courier(bureau, journal, clock=clock, term=lambda: ground.reign.term)
        parts = _parts(ground, bureau, courier=courier)
        await parts.register.load()
        await parts.intake.load()
        await parts.zoning.load()
        await parts.reign.begin()
        yield parts
    finally:
        await journal.close()


def _ground(
    config: Config,
    journal: SqlStore,
    *,
    keys: ZoneKeys,
    authority: Authority,
    policy: Policy,
) -> _Ground:
    clock, bell = SystemClock(), Bell()
    presence = Presence(started_at=clock.monotonic())
    sway, streams = Sway(policy, clock=clock), LiveStreams(clock)
    zoning = Zoning(journal, policy=sway.policy, doorbell=bell, told=streams.hand_out)
    return _Ground(
        config=config,
        keys=keys,
        clock=clock,
        store=journal,
        rotating=journal,
        rotations=Rotations(journal, clock=clock, policy=sway.policy),
        authority=authority,
        sway=sway,
        zoning=zoning,
        zone_store=journal,
        presence=presence,
        census=Census(presence, started_at=clock.monotonic(), ears=sway.ears),
        streams=streams,
        register=Register(store=journal, authority=authority, streams=streams, clock=clock),
        reign=Reign(store=journal, clock=clock),
        resolver=partial(DnsResolver, chosen(config.nameservers), clock, keys=keys),
        listeners=Listeners(authority, names=config.names, clock=clock),
        progress=Progress(clock),
        bell=bell,
        ports={},
    )


def _intake(ground: _Ground, vitals: Vitals) -> Intake:
    clock, zoning = ground.clock, ground.zoning
    around = Around(
        clock=clock,
        doorbell=ground.bell,
        policy=ground.sway.policy,
        ears=ground.sway.ears,
        fleet_size=lambda: len(ground.census),
        catalogue=zoning.catalogue,
        handed_out=zoning.handed_out,
        committed=vitals.committed,
        failed=vitals.failed,
    )
    return Intake(ground.store, presence=ground.presence, terms=ground.reign, around=around)


def _governor(ground: _Ground, intake: Intake) -> Governor:
    """Another pace is told to the nodes that have a stream."""

    def told() -> None:
        ground.zoning.tell_pace()
        ground.streams.tell_pace(intake.pace)

    return Governor(ground.sway, store=ground.store, doorbell=ground.bell, told=told)


def _parts(ground: _Ground, bureau: Bureau, *, courier: Courier) -> Parts:
    clock, journal, vitals = ground.clock, ground.store, Vitals(ground.clock)
    zoning, intake = ground.zoning, _intake(ground, vitals)
    control = Control(
        journal,
        clock=clock,
        census=ground.census,
        vitals=vitals,
        ties=Ties(
            policy=ground.sway.policy,
            catalogue=zoning.catalogue,
            rotated=ground.rotations.changed,
            told=courier.ring,
        ),
    )
    return Parts(
        config=ground.config,
        clock=clock,
        store=journal,
        authority=ground.authority,
        listeners=ground.listeners,
        streams=ground.streams,
        register=ground.register,
        rejections=Rejections(store=journal, clock=clock),
        reign=ground.reign,
        zoning=zoning,
        lookout=Lookout(
            ground.zone_store,
            resolver=ground.resolver(vouched_for=VOUCHED_FOR),
            catalogue=zoning.catalogue,
            clock=clock,
            doorbell=ground.bell,
        ),
        intake=intake,
        control=control,
        dispatch=_dispatch(ground),
        courier=courier,
        judge_bell=ground.bell,
        dispatch_bell=Bell(),
        progress=ground.progress,
        vitals=vitals,
        ports=ground.ports,
        desk=_desk(ground, bureau, intake=intake),
        rotations=ground.rotations,
    )


def _dispatch(ground: _Ground) -> Dispatch:
    return Dispatch(
        ground.store,
        resolver=ground.resolver(),
        streams=ground.streams,
        clock=ground.clock,
        judged=ground.bell,
    )


def _desk(ground: _Ground, bureau: Bureau, *, intake: Intake) -> Desk:
    return Desk(
        store=ground.store,
        clock=ground.clock,
        presence=ground.presence,
        census=ground.census,
        policy=ground.sway.policy,
        governor=_governor(ground, intake),
        zoning=ground.zoning,
        doorbell=ground.bell,
        authority=ground.authority,
        register=ground.register,
        streams=ground.streams,
        resolver=ground.resolver(),
        standing=_standing(ground),
        bureau=bureau,
        rotating=ground.rotating,
        rotations=ground.rotations,
    )


def _standing(ground: _Ground) -> Standing:
    config = ground.config
    return Standing(
        version=VERSION,
        started_at=ground.clock.now(),
        term=lambda: ground.reign.term,
        state=str(config.state),
        names=config.names,
        ports=ground.ports,
        zones=config.zones,
        has_zone_key=ground.keys.of(ZEN) is not None,
        progress=ground.progress.read,
        certificate_ends_at=lambda: ground.listeners.certificate.not_after,
        ca_ends_at=lambda: ends_of(ground.authority.ca_pem()),
        disk=lambda: _disk(config),
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
