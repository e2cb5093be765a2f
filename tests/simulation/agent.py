# long: one simulated agent: what it asks, obeys and says
"""A simulated agent: the real enforcement and convergence over a simulated machine, zones and
stream. Its state survives restarts, and may be put back from a snapshot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agent.enforcement import Enforcement
from agent.model import Convergence, Directive
from agent.self_silence import SelfSilence
from agent.standing_orders import StandingWatch
from collector.core.heartbeat import (
    Cell,
    Event,
    Heartbeat,
    Hello,
    HostReading,
    PostfixReading,
    ZoneReading,
)
from collector.core.model import Order
from collector.core.readings import StandingReport
from deliverability.catalogue import CATALOGUE
from deliverability.zones import Zone
from tests.simulation import readings
from tests.simulation.clock import START, VirtualClock
from tests.simulation.journal import moment
from tests.simulation.machine import HelperGone, Log, Postfix, add
from tests.simulation.world import World


@dataclass(slots=True)
class State:
    """What lies on the node's disk."""

    epoch: str
    sequence: int = 0
    round: int = 0
    held: Directive | None = None
    term_highest: int = 0
    readings: dict[tuple[str, str], ZoneReading] = field(default_factory=dict)
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    # In the log: how far it was read.
    position: int = 0
    events: list[Event] = field(default_factory=list)
    event_last: int = 0
    acknowledged: int = 0

    def copy(self) -> "State":
        return replace(
            self,
            readings=self.readings.copy(),
            cells=self.cells.copy(),
            events=self.events.copy(),
        )


class Agent:
    """`asker`: under which name it asks the world; `luck`: where in its pace it begins, 0 to 1."""

    def __init__(
        self,
        node_id: str,
        name: str,
        *,
        addresses: tuple[str, ...],
        zones: Sequence[Zone],
        clock: VirtualClock,
        world: World,
        luck: float,
    ) -> None:
        self.node_id = node_id
        self.name = name
        self.machine_id = f"machine of {name}"
        self.addresses = addresses
        self.zones = tuple(zones)
        self.clock = clock
        self.world = world
        self.luck = luck
        self.runs = 0
        # Changes when its state is put back.
        self.lineage = 0
        self.epochs = 0
        self.log = Log()
        self.postfix = Postfix(clock)
        self.skew = timedelta(0)
        self.disk_ratio = 0.25
        self.services: dict[str, str] = {}
        self.state = State(epoch=self.new_epoch_name())
        self.next_sweep_at: dict[str, float] = {}
        self.has_news = False
        self.begin_run()

    def new_epoch_name(self) -> str:
        """Of chance, in a real agent: never one it had before, whatever was put back."""
        self.epochs += 1
        return f"{self.name}-epoch-{self.epochs}"

    def begin_run(self) -> None:
        """A new process on what lies on the disk."""
        self.runs += 1
        self.run_id = f"{self.name}-run-{self.runs}"
        self.enforcement = Enforcement(
            self.postfix,
            self.state.held,
            failures=(HelperGone,),
            witness=self.postfix.witness,
            intent=self.postfix,
        )
        now = self.clock.seconds
        self.next_sweep_at = {zone.name: now + 5 + 10 * self.luck for zone in self.zones}
        self.is_obeying, self.obeys_at = True, 0.0
        self.standing = StandingWatch(CATALOGUE.get, monotonic=lambda: self.clock.seconds)

    def now(self) -> datetime:
        return self.clock.true_now() + self.skew

    def hello(self) -> Hello:
        held = self.enforcement.wanted
        return Hello(
            node_id=self.node_id,
            agent_version="1.0",
            machine_id=self.machine_id,
            boot_id="boot",
            run_id=self.run_id,
            epoch=self.state.epoch,
            sequence=self.state.sequence,
            counted_from=START,
            applied=None if held is None else readings.order(held),
            term_highest=self.state.term_highest,
            capabilities=("pause",),
            sent_at=self.now(),
            received_at=self.clock.now(),
            hostname=self.name,
            addresses=self.addresses,
        )

    def told(self, order: Order) -> None:
        """A directive came: in force at once, stored, answered with the next heartbeat."""
        self.standing.heard()
        directive = readings.directive(order)
        if self.enforcement.order(directive):
            self.state.held = directive
            self.is_obeying, self.obeys_at = True, 0.0
            self.has_news = True

    async def obey(self) -> None:
        """Until Postfix does as the directive says, or cannot."""
        if self.is_obeying and self.clock.seconds >= self.obeys_at:
            before = self.enforcement.reading
            again = await self.enforcement.once()
            now = self.enforcement.reading
            self.is_obeying = again is not None
            self.obeys_at = self.clock.seconds + (again.total_seconds() if again else 0.0)
            if (before.convergence, before.is_silent, before.directive_order) != (
                now.convergence,
                now.is_silent,
                now.directive_order,
            ):
                self.has_news = True

    @property
    def is_settled(self) -> bool:
        """Nothing of it is under way."""
        settled = self.enforcement.reading.convergence is not Convergence.FAILED
        return settled and not self.is_obeying and not self.has_news

    def spread_sweeps(self, pace: Callable[[Zone], float], *, luck: float) -> None:
        """It sweeps on, somewhere in its pace."""
        for zone in self.zones:
            self.next_sweep_at[zone.name] = self.clock.seconds + luck * pace(zone)

    def hurry_sweeps(self, pace: Callable[[Zone], float], *, luck: float) -> None:
        """As soon as at its usual pace, if that is sooner."""
        for zone in self.zones:
            soon = self.clock.seconds + luck * pace(zone)
            self.next_sweep_at[zone.name] = min(self.next_sweep_at[zone.name], soon)

    def sleep(self, until: float) -> None:
        """Sweeps that could say nothing new are passed over."""
        for name, at in self.next_sweep_at.items():
            self.next_sweep_at[name] = max(at, until)

    def sweep(self, pace: Callable[[Zone], float], *, early: float) -> bool:
        """Asks about what is due within `early` seconds; a change is news. Whether it did."""
        now = self.clock.seconds
        due = [zone for zone in self.zones if self.next_sweep_at[zone.name] <= now + early]
        if not due:
            return False
        self.state.round += 1
        asked: list[tuple[str, str]] = []
        for zone in due:
            self.next_sweep_at[zone.name] = now + pace(zone)
            for address in self.addresses:
                asked.append((address, zone.name))
                reading = self._ask(zone, address)
                before = self.state.readings.get((address, zone.name))
                if before is None or readings.said(before) != readings.said(reading):
                    self.has_news = True
                self.state.readings[address, zone.name] = reading
        self.standing.saw([readings.own(self.state.readings[key]) for key in asked])
        self._stand()
        return True

    def _stand(self) -> None:
        """Silence by standing orders, when nobody else commands it."""
        wanted = self.enforcement.wanted
        why = self.standing.reason(wanted.standing if wanted else None)
        if why and self.enforcement.self_silence is None:
            self.enforcement.silence_itself(SelfSilence(since=moment(self.now()), why=why))
            self.is_obeying, self.obeys_at = True, 0.0

    def _ask(self, zone: Zone, address: str) -> ZoneReading:
        finding = self.world.find(zone, address, asker=self.name)
        return ZoneReading(
            address=address,
            zone=zone.name,
            verdict=finding.verdict,
            answers=finding.answers,
            sentinels=finding.sentinels,
            round=self.state.round,
            checked_at=self.now(),
            why=finding.why,
        )

    def read_log(self) -> None:
        for entry in self.log.entries[self.state.position :]:
            key = (entry.address, entry.receiver)
            self.state.cells[key] = add(self.state.cells.get(key), entry)
        self.state.position = len(self.log.entries)

    def recount_from(self, position: int) -> None:
        """A new epoch, begun there; what the log no longer holds is lost, and said."""
        self.state.epoch = self.new_epoch_name()
        self.state.sequence = self.state.acknowledged = 0
        self.state.cells = {}
        self.state.position = min(position, len(self.log.entries))

    def note(self, kind: str, text: str) -> None:
        """A rare fact, told until it is acknowledged."""
        self.state.event_last += 1
        self.state.events.append(
            Event(
                id=self.state.event_last,
                kind=kind,
                at=self.now(),
                zone=None,
                window=None,
                text=text,
            )
        )

    def beat(self) -> Heartbeat:
        self.read_log()
        self.has_news = False
        self.state.sequence += 1
        now = self.now()
        return Heartbeat(
            node_id=self.node_id,
            epoch=self.state.epoch,
            sequence=self.state.sequence,
            sent_at=now,
            received_at=self.clock.now(),
            host=self._host(),
            queue=readings.QUEUE,
            services=(("postfix", self._postfix_state()), *sorted(self.services.items())),
            cells=tuple(self.state.cells.values()),
            senders=(readings.sender(self.name, self.state.cells.values()),),
            full_state=False,
            zones=tuple(self.state.readings.values()),
            postfix=self._postfix(),
            agent=replace(readings.AGENT, lines_read=self.state.position),
            events=tuple(self.state.events),
            log_position=str(self.state.position).encode(),
            counted_to=now,
        )

    def acknowledged(self, beat: Heartbeat) -> None:
        self.standing.heard()
        if beat.epoch == self.state.epoch:
            self.state.acknowledged = beat.sequence
        told = {event.id for event in beat.events}
        self.state.events = [event for event in self.state.events if event.id not in told]

    def set_service(self, name: str, *, state: str) -> None:
        if name == "postfix":
            running = state == "running"
            self.postfix.observed = replace(self.postfix.observed, running=running)
        else:
            self.services[name] = state
        self.is_obeying = self.has_news = True
        self.obeys_at = 0.0

    def _postfix_state(self) -> str:
        return "running" if self.postfix.observed.running else "stopped"

    def _host(self) -> HostReading:
        return replace(
            readings.HOST, disk_bytes_used=int(self.disk_ratio * readings.HOST.disk_bytes_total)
        )

    def _postfix(self) -> PostfixReading:
        reading = self.enforcement.reading
        observed = self.postfix.observed
        return PostfixReading(
            running=observed.running,
            version=observed.version,
            outbound=observed.outbound,
            deferred=observed.deferred,
            reload_at=reading.reload_at,
            order=reading.directive_order,
            convergence=reading.convergence.value,
            problem=reading.problem,
            deliveries_in_flight=0,
            deliveries_begun=0,
            is_silent=reading.is_silent,
            standing=None
            if reading.standing is None
            else StandingReport(since=reading.standing.since, text=reading.standing.why),
        )
