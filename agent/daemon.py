"""Builds the agent and runs it: one process, one task group. `mailfleet-agent run` becomes this.

Losing the collector changes nothing here: the log is counted, the zones are asked and the last
directive is kept in force, with or without a stream.
"""

import random
import secrets
import signal
import sys
import time
from contextlib import suppress
from datetime import timedelta

import anyio
import structlog

from agent import clock, config, garbage, identity, logs, notify, outset, present, renewal, status
from agent.bell import Bell
from agent.config import AgentConfig, ConfigError
from agent.converge import LogWitness
from agent.enforcement import Enforcement
from agent.filewatch import FileWatch
from agent.health import Health
from agent.host.machine import Machine, OwnMemory
from agent.host.services import Services
from agent.identity import IdentityError
from agent.loops import Edges, Loops
from agent.maillog.accounting import Accounting
from agent.maillog.accounting_recount import Recounter
from agent.membership import Identity
from agent.model import AgentReading, NewEpoch, QueueReading, RecountRequest
from agent.postfix.client import PostfixClient, PostfixError
from agent.postfix.queue import QueueReader, read_queue
from agent.progress import Progress
from agent.pulse import Pulse, Sources
from agent.recounting import Recounting
from agent.session import Bells, Pace, Parts, Session
from agent.standing_orders import StandingWatch
from agent.state import State, StateError
from agent.uplink import Outside, Uplink
from deliverability.zones import ZoneKeys

QUEUE_SECONDS_MAX = 5
IDENTITY_LOOK_SECONDS = 5
PATIENCE = {
    "follow": timedelta(seconds=30),
    "beat": timedelta(minutes=3),
    "obey": timedelta(minutes=4),
    "sweep": timedelta(minutes=15),
}
WATCHDOG_DEFAULT = timedelta(minutes=1)

log = structlog.get_logger()


class Agent:
    """What lives as long as the process, built in the order in which it depends on each other."""

    def __init__(
        self,
        settings: AgentConfig,
        state: State,
        *,
        addresses: tuple[str, ...],
        keys: ZoneKeys,
        outbound: frozenset[bytes],
    ) -> None:
        """`outbound`: the services that carry mail away; the log's pipes are told apart by it."""
        self.settings = settings
        self.state = state
        self.started_at = clock.now()
        self.own_memory = OwnMemory()
        self.health = Health()
        self.pace = Pace()
        self.bells = Bells(beat=Bell(), obey=Bell(), sweep=Bell())
        self.progress = Progress(PATIENCE, began=time.monotonic())
        self.postfix = PostfixClient(settings.helper)
        self.queue = QueueReader()
        self.logs = outset.logs(settings)
        whose, loose = outset.whose(settings, addresses, outbound=outbound)
        self.health.say("addresses", problem=loose)
        self.maillog = Accounting(self.logs, state, whose=whose)
        self.log_watch = FileWatch(lambda: self.maillog.watched)
        self.enforcement = Enforcement(
            self.postfix,
            state.directive,
            failures=(PostfixError, StateError),
            witness=self._witness,
            intent=state,
        )
        self.zones = outset.zone_watch(settings, state, own=addresses, keys=keys)
        self.standing = StandingWatch(self.zones.zone, monotonic=time.monotonic)
        self.pulse = Pulse(state, self._sources())
        who = outset.who(settings, addresses)
        self.session = Session(who, self._parts(), pace=self.pace, bells=self.bells, now=clock.now)
        self.uplink = Uplink(
            settings.collector,
            self.session,
            outside=Outside(identity=self._identity, now=clock.now),
        )
        recounter = Recounter(logs=self.logs, whose=whose, now=clock.now)
        self.recounting = Recounting(recounter, state, answer=self.uplink.answer)
        self.loops = self._loops(addresses)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        self.loops.follow_once()
        notify.send("READY=1", "STATUS=following the log")
        log.info("running", log=str(self.logs), addresses=self.loops.addresses)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.loops.follow)
            tasks.start_soon(self.loops.obey)
            tasks.start_soon(self.loops.watch_zones)
            tasks.start_soon(self.loops.beat)
            tasks.start_soon(self.uplink.run)
            tasks.start_soon(self.recounting.run)
            tasks.start_soon(self.keep_identity)
            tasks.start_soon(self.feed_watchdog)
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for number in signals:
                    log.info("stopping", signal=number.name)
                    break
            notify.send("STOPPING=1")
            tasks.cancel_scope.cancel()
        with suppress(StateError):  # what is not committed is read again
            self.maillog.commit(clock.now())
        self.maillog.close()
        self.log_watch.close()
        self.queue.close()
        self.postfix.close()

    def _recount(self, request: RecountRequest) -> None:
        self.recounting.ask(request)

    def _loops(self, addresses: tuple[str, ...]) -> Loops:
        return Loops(
            state=self.state,
            log_watch=self.log_watch,
            maillog=self.maillog,
            enforcement=self.enforcement,
            pulse=self.pulse,
            uplink=self.uplink,
            session=self.session,
            zones=self.zones,
            standing=self.standing,
            addresses=addresses,
            pace=self.pace,
            bells=self.bells,
            health=self.health,
            edges=Edges(now=clock.now, luck=random.random, mark=self._mark),
            beaten=self._tell,
        )

    async def keep_identity(self) -> None:
        """Notice another identity, whoever put it there; renew ours when its time has come."""
        seen, check_at = identity.present(self.settings.state), 0.0
        while True:
            if time.monotonic() >= check_at:
                check_at = time.monotonic() + renewal.CHECK_EVERY.total_seconds()
                if renewal.is_due(self._identity(), clock.now()):
                    self.health.say("certificate", problem=await renewal.renew())
            found = identity.present(self.settings.state)
            if found != seen:
                seen = found
                self.uplink.identity_changed()
            await anyio.sleep(IDENTITY_LOOK_SECONDS)

    async def feed_watchdog(self) -> None:
        """Only while every loop comes back when it said."""
        interval = (notify.watchdog_interval() or WATCHDOG_DEFAULT) / 3
        while True:
            stalled = self.progress.stalled(time.monotonic())
            if stalled:
                log.error("stalled", loops=stalled)
            else:
                notify.send("WATCHDOG=1")
            await anyio.sleep(interval.total_seconds())

    def _identity(self) -> Identity | None:
        try:
            found = identity.load(self.settings.state)
        except IdentityError as error:
            self.health.say("identity", problem=str(error))
            return None
        self.health.say("identity", problem="")
        if found is not None:
            logs.speak_for(found.node_id)
        return found

    def _mark(self, loop: str, wait: timedelta) -> None:
        self.progress.mark(loop, now=time.monotonic(), wait=wait)

    def _witness(self) -> LogWitness:
        seen = self.maillog.silence
        return LogWitness(reload_at=seen.reload_at, in_flight=seen.in_flight, begun=seen.begun)

    def _sources(self) -> Sources:
        return Sources(
            machine=Machine(self.settings.queue),
            services=Services(self.settings.services),
            queue=self._queue,
            postfix=lambda: self.enforcement.reading,
            agent=self._reading,
            nameservers=lambda: self.zones.nameservers,
        )

    async def _queue(self) -> QueueReading:
        """Open descriptors need no helper; new ones are waited for a little, not for ever."""
        with anyio.move_on_after(QUEUE_SECONDS_MAX):
            return await read_queue(self.postfix, self.queue, clock.now())
        return self.queue.read(clock.now())

    def _parts(self) -> Parts:
        return Parts(
            state=self.state,
            enforcement=self.enforcement,
            pulse=self.pulse,
            health=self.health,
            restart_log=self._restart_log,
            recount=self._recount,
            zones=self.zones,
            heard=self.standing.heard,
        )

    def _restart_log(self, wanted: NewEpoch) -> None:
        self.maillog.restart_at(wanted, epoch=secrets.token_hex(16), now=clock.now())

    def _reading(self) -> AgentReading:
        return AgentReading(
            started_at=self.started_at,
            lines_read=self.maillog.lines_read,
            lines_unparsed=self.maillog.lines_unparsed,
            events_lost=self.state.events_lost,
            state_errors=self.health.state_errors,
            memory_bytes=self.own_memory.bytes(time.monotonic()),
            problems=self.health.problems,
        )

    def _tell(self) -> None:
        """For `status` and for systemd."""
        told = present.describe(
            self.state, self.enforcement, uplink=self.uplink, problems=self.health.problems
        ) | {
            "written_at": clock.now().isoformat(),
            "started_at": self.started_at.isoformat(),
            "log": str(self.logs),
            "addresses": self.loops.addresses,
        }
        try:
            status.write(self.settings.state, told)
        except OSError as error:
            self.health.say("status file", problem=str(error))
        notify.send(f"STATUS={status.sentence(told)}")


async def run(settings: AgentConfig, addresses: tuple[str, ...], *, keys: ZoneKeys) -> None:
    state = State.open(settings.state_file, now=clock.now())
    try:
        outbound = await outset.outbound(settings)
        await Agent(settings, state, addresses=addresses, keys=keys, outbound=outbound).run()
    finally:
        state.close()


def main() -> None:
    logs.configure()
    garbage.calm()
    try:
        settings = config.load(config.place())
        addresses, keys = outset.addresses(settings), config.zone_keys()
    except ConfigError as error:
        for problem in error.problems:
            log.critical("configuration", problem=problem)
        sys.exit(2)
    try:
        anyio.run(lambda: run(settings, addresses, keys=keys), backend_options={"use_uvloop": True})
    except StateError as error:
        # Without it there is no epoch to count in and no number for a heartbeat: the next start, a
        # few seconds from now, is soon enough. One that was made before needs no room to begin.
        room, newer = "make room for it, or mend its folder", "install that version again"
        remedy = room if error.retryable else newer
        log.critical("cannot use the state file", problem=str(error), remedy=remedy)
        notify.send(f"STATUS=cannot use the state file: {error}; {remedy}")
        sys.exit(1)
    except Exception:
        log.exception("ended by an error of its own")
        sys.exit(1)


if __name__ == "__main__":
    main()
