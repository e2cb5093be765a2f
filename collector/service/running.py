"""`mailfleet collector run`: everything started in order, and ended in the other order."""

import gc
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import anyio
import structlog
import uvloop

from collector.adapters import systemd
from collector.config import Config
from collector.core.channels import Secret
from collector.operate import vigil
from collector.ports import StoreError
from collector.ports_identity import AuthorityError, SecretsError
from collector.rpc import servers
from collector.rpc.enrolment import EnrolmentFace
from collector.rpc.fleet import Behind, FleetFace
from collector.rpc.servers import ListenError, Place, Server, Setup
from collector.service import http, logs
from collector.service import parts as building
from collector.service.http import ServiceError
from collector.service.parts import NO_SECRETS, Parts
from deliverability.zones import ZoneKeys

CONTROL, WRITER = "control pass", "journal writer"
CONTROL_SECONDS_MAX = 30.0
WRITER_SECONDS_MAX = 60.0
PRUNE_SECONDS = 5.0
VIGIL_SECONDS = 60.0
WATCH_SECONDS = 1.0
RENEW_SECONDS = 60.0
RESOLVE_SECONDS = 30.0
GC_OBJECTS = 50_000

log = structlog.get_logger(__name__)


def run(config: Config, *, keys: ZoneKeys, channels: Mapping[str, Secret] = NO_SECRETS) -> None:
    """Until SIGTERM or SIGINT. ServiceError when it cannot start."""
    logs.configure()
    calm_gc()
    uvloop.run(serve(config, keys=keys, channels=channels))


def calm_gc() -> None:
    """Looks for cycles rarely, and never among what stands for ever: with 10,000 streams a full
    look stops the loop for a second. Nothing a heartbeat makes is a cycle."""
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)


async def serve(
    config: Config, *, keys: ZoneKeys, channels: Mapping[str, Secret] = NO_SECRETS
) -> None:
    """The same inside a running loop."""
    try:
        async with building.made(config, keys=keys, channels=channels) as parts:
            await _serve(parts)
    except StoreError as error:
        fix = f"does another collector run, and does this user own {config.state}?"
        raise ServiceError(
            str(error), fix=f"systemctl status mailfleet-collector; {fix}"
        ) from error
    except (SecretsError, AuthorityError) as error:
        fix = "mailfleet init founds it; a lost key comes back with mailfleet backup restore"
        raise ServiceError(str(error), fix=fix) from error


async def _serve(parts: Parts) -> None:
    """The table of contents: what runs, and in which order it ends."""
    trust = http.server_trust(parts.listeners.certificate.path)
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with AsyncExitStack() as listening:
            await _listen(parts, trust, listening=listening)
            async with anyio.create_task_group() as loops:
                loops.start_soon(_supervised, "streams", parts.streams.run)
                loops.start_soon(_supervised, "control", lambda: _control(parts))
                loops.start_soon(_supervised, "dispatch", lambda: _dispatch(parts))
                loops.start_soon(_supervised, "courier", parts.courier.run)
                loops.start_soon(_supervised, "zoning", parts.zoning.keep)
                loops.start_soon(_supervised, "lookout", parts.lookout.run)
                loops.start_soon(_supervised, "prune", lambda: _prune(parts))
                loops.start_soon(_supervised, "shares", parts.rotations.run)
                loops.start_soon(_supervised, "nuisances", lambda: _resolve(parts))
                loops.start_soon(_supervised, "vigil", lambda: _keep_vigil(parts))
                loops.start_soon(_supervised, "listeners", parts.listeners.keep)
                loops.start_soon(_supervised, "renew", lambda: _renew(parts, trust))
                loops.start_soon(_supervised, "watch", lambda: _watch(parts))
                _ready(parts)
                await _told_to_stop(signals)
                await parts.streams.farewell(parts.intake.reconnect_spread())
                # The fleet's listener first: no fact is taken that nobody would judge.
                await listening.aclose()
                loops.cancel_scope.cancel()
        await parts.control.once(parts.judge_bell.take())
    log.info("stopped", term=parts.reign.term)


async def _listen(parts: Parts, trust: ssl.SSLContext, *, listening: AsyncExitStack) -> None:
    """Opens the listeners; they close in the other order. ServiceError."""
    config, size = parts.config, parts.zoning.size().nodes
    setup = Setup(listeners=parts.listeners, fleet_size=size)
    behind = Behind(
        intake=parts.intake,
        register=parts.register,
        rejections=parts.rejections,
        streams=parts.streams,
        clock=parts.clock,
        fleet=parts.authority.fleet,
    )
    enrolment = EnrolmentFace(parts.register, rejections=parts.rejections)
    await listening.enter_async_context(http.listening(parts, trust))
    joining = await _bound(
        parts,
        "enrolment",
        port=config.enrolment_port,
        serving=lambda place: servers.serve_enrolment(enrolment, place, setup=setup),
    )
    listening.push_async_callback(joining.stop)
    streaming = await _bound(
        parts,
        "fleet",
        port=config.fleet_port,
        serving=lambda place: servers.serve_fleet(FleetFace(behind), place, setup=setup),
    )
    listening.push_async_callback(streaming.stop)


async def _bound(
    parts: Parts, name: str, *, port: int, serving: Callable[[Place], Awaitable[Server]]
) -> Server:
    """ServiceError when the port is taken: asked with a plain socket first, which knows why."""
    http.bind(parts.config, name, port=port).close()
    try:
        server = await serving(Place(address=parts.config.listen_address, port=port))
    except ListenError as error:
        raise ServiceError(f"{name}: {error}", fix=f"set listen.{name} to another port") from error
    parts.ports[name] = server.port
    return server


async def _control(parts: Parts) -> None:
    await parts.control.run(doorbell=parts.judge_bell, dispatch=parts.dispatch_bell)


async def _dispatch(parts: Parts) -> None:
    await parts.dispatch.run(parts.dispatch_bell)


async def _prune(parts: Parts) -> None:
    """In small slices. Each is a commit, and so shows that the writer lives."""
    parts.progress.expect(WRITER, within=WRITER_SECONDS_MAX)
    while True:
        try:
            await parts.store.prune()
        except StoreError as error:
            if not error.retryable:
                raise
            log.warning("not pruned, trying again", problem=str(error))
        else:
            parts.progress.advanced(WRITER)
        await anyio.sleep(PRUNE_SECONDS)


async def _keep_vigil(parts: Parts) -> None:
    while True:
        await anyio.sleep(VIGIL_SECONDS)
        try:
            await vigil.once(parts.desk)
        except StoreError as error:
            if not error.retryable:
                raise
            log.warning("no vigil, trying again", problem=str(error))


async def _resolve(parts: Parts) -> None:
    while True:
        await anyio.sleep(RESOLVE_SECONDS)
        try:
            await parts.intake.resolve_nuisances()
        except StoreError as error:
            if not error.retryable:
                raise
            log.warning("alerts not resolved, trying again", problem=str(error))


async def _renew(parts: Parts, trust: ssl.SSLContext) -> None:
    """The HTTPS listener takes a newer certificate for its next connections."""
    shown = parts.listeners.certificate
    while True:
        await anyio.sleep(RENEW_SECONDS)
        if parts.listeners.certificate is not shown:
            shown = parts.listeners.certificate
            trust.load_cert_chain(shown.path)


async def _watch(parts: Parts) -> None:
    """Feeds systemd's watchdog while control and journal advance, and only then."""
    interval = systemd.watchdog_interval()
    pause = min(WATCH_SECONDS, interval.total_seconds() / 3) if interval else WATCH_SECONDS
    parts.progress.expect(CONTROL, within=CONTROL_SECONDS_MAX)
    passes = parts.vitals.passes
    while True:
        await anyio.sleep(pause)
        if parts.vitals.passes != passes:
            passes = parts.vitals.passes
            parts.progress.advanced(CONTROL)
        stalled = parts.progress.stalled()
        if stalled:
            log.error("not advancing", loops=stalled)
        else:
            systemd.send("WATCHDOG=1")


def _ready(parts: Parts) -> None:
    systemd.send("READY=1", f"STATUS=term {parts.reign.term}")
    log.info(
        "ready",
        term=parts.reign.term,
        fleet=parts.authority.fleet,
        address=parts.config.listen_address,
        socket=str(parts.config.socket),
        ports=parts.ports,
    )


async def _told_to_stop(signals: AsyncIterator[signal.Signals]) -> None:
    async for number in signals:
        log.info("stopping", signal=number.name)
        systemd.send("STOPPING=1")
        return


async def _supervised(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """A loop that fails is a bug or a broken disk. The whole collector ends, with the trace, and
    systemd starts it again from what the journal knows."""
    try:
        await loop()
    except Exception:
        log.exception("loop failed", loop=name)
        raise
