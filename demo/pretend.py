"""A pretended Postfix: writes its log in the true grammar, keeps queue directories, and obeys the
helper's verbs as the real one does, reload and deliveries in flight included.
"""

import heapq
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent.postfix import serving, verbs
from agent.postfix.serving import Serving
from agent.postfix.verbs import Message as Datagram
from demo import grammar
from demo.grammar import DEFERRED, Attempt, Form, Message, Voice
from demo.traffic import Destination, Odds

QUEUES = ("active", "incoming", "deferred", "hold", "maildrop")
OUTBOUND = ("lmtp", "relay", "smtp")
RELOAD_SECONDS = (0.4, 1.2)
RETRY_SECONDS = 20.0
BACKLOG_MAX = 400
RESUME_PER_TICK = 5


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """Something that ends later; `number` breaks ties."""

    at: datetime
    number: int
    message: Message
    destination: Destination
    attempt: Attempt


class PretendPostfix:
    """One node's Postfix. `tick` moves it on; it answers the helper's socket meanwhile."""

    def __init__(self, name: str, folder: Path, *, odds: Odds, socket: Path) -> None:
        self.log = folder / "mail.log"
        self.queue = folder / "queue"
        self.socket = socket
        self._voice = Voice(hostname=name, form=Form.RFC3339)
        self._odds = odds
        self._is_closed = False
        self._wants_closed = False
        self._reload_at: datetime | None = None
        self._config_changed: datetime | None = None
        self._qmgr_started: datetime | None = None
        self._next: datetime | None = None
        self._under_way: list[_Due] = []
        self._backlog: deque[tuple[Message, Destination, datetime]] = deque()
        self._count = 0
        self._now: datetime | None = None
        self._serving: Serving | None = None

    def start(self, now: datetime) -> None:
        """Directories, the first log lines, the helper's socket."""
        for queue in QUEUES:
            (self.queue / queue).mkdir(parents=True, exist_ok=True)
        self._now = self._config_changed = self._qmgr_started = now
        self._write([grammar.master_started(self._voice, now)])
        uid = os.getuid()
        listener = serving.listen(str(self.socket), uid=uid)
        self._serving = Serving(listener, uids=frozenset({0, uid}), answer=self._answer)

    def stop(self) -> None:
        if self._serving is not None:
            self._serving.close()

    def tick(self, now: datetime, *, per_second: float) -> None:
        """Everything that is due by now. Reads no clock."""
        assert self._serving is not None, "started"
        self._now = now
        self._serving.step(0)
        if self._reload_at is not None and now >= self._reload_at:
            self._reload(now)
        self._end_due(now)
        if not self._is_closed:
            self._drain(now)
        self._bring(now, per_second)

    def _bring(self, now: datetime, per_second: float) -> None:
        """New mail from the platform, which knows nothing of a pause."""
        if per_second <= 0:
            self._next = None
            return
        self._next = self._next or now
        while self._next <= now:
            self._next += timedelta(seconds=self._odds.wait(per_second))
            if len(self._backlog) < BACKLOG_MAX:
                self._receive(now)

    def _receive(self, now: datetime) -> None:
        self._count += 1
        queue_id = grammar.queue_id(now, self._count)
        message = Message(
            queue_id=queue_id,
            sender="news@shop.example",
            message_id=f"{queue_id}@shop.example",
            size=int(self._odds.between(900, most=60_000)),
        )
        self._write(grammar.received(self._voice, now, message=message))
        self._try(message, self._odds.destination(), arrived=now, now=now)

    def _try(
        self, message: Message, destination: Destination, *, arrived: datetime, now: datetime
    ) -> None:
        """An attempt begins, or the closed transport refuses to begin one."""
        waited = (now - arrived).total_seconds()
        recipient = self._odds.recipient(destination)
        if self._is_closed:
            ours = grammar.closed_by_us(recipient, waited=waited)
            self._write([grammar.delivery(self._voice, now, message=message, attempt=ours)])
            self._defer(message, destination, arrived)
            return
        attempt = self._odds.attempt(destination, recipient, waited=waited)
        spent = attempt.delays.connecting + attempt.delays.transmitting
        self._count += 1
        due = _Due(now + timedelta(seconds=spent), self._count, message, destination, attempt)
        heapq.heappush(self._under_way, due)

    def _end_due(self, now: datetime) -> None:
        while self._under_way and self._under_way[0].at <= now:
            due = heapq.heappop(self._under_way)
            lines = grammar.attempted(
                self._voice, due.at, message=due.message, attempts=[due.attempt]
            )
            self._write(lines)
            if due.attempt.status == DEFERRED:
                self._defer(due.message, due.destination, due.at)

    def _defer(self, message: Message, destination: Destination, arrived: datetime) -> None:
        self._backlog.append((message, destination, arrived))
        (self.queue / "deferred" / message.queue_id).touch()

    def _drain(self, now: datetime) -> None:
        """The queue manager's retries: a few at a time, never a flush."""
        for _ in range(min(RESUME_PER_TICK, len(self._backlog))):
            message, destination, arrived = self._backlog[0]
            if now - arrived < timedelta(seconds=RETRY_SECONDS):
                return
            self._backlog.popleft()
            (self.queue / "deferred" / message.queue_id).unlink(missing_ok=True)
            self._try(message, destination, arrived=arrived, now=now)

    def _reload(self, now: datetime) -> None:
        self._reload_at = None
        self._is_closed, self._qmgr_started = self._wants_closed, now
        self._write([grammar.master_reload(self._voice, now)])

    def _answer(self, request: Datagram) -> list[tuple[Datagram, list[int]]]:
        """The helper's verbs."""
        if request.kind == "queue":
            return self._directories()
        if request.kind == "observe":
            return [(self._observed(), [])]
        if request.kind == "version":
            verbs_known = tuple(verbs.REQUESTS)
            said = Datagram("version", {"protocol": verbs.PROTOCOL, "verbs": verbs_known})
            return [(said, [])]
        return [(self._want(closed=request.kind == "pause"), [])]

    def _want(self, *, closed: bool) -> Datagram:
        changed = closed is not self._wants_closed
        if changed:
            assert self._now is not None, "started"
            self._wants_closed, self._config_changed = closed, self._now
            after = timedelta(seconds=self._odds.between(RELOAD_SECONDS[0], most=RELOAD_SECONDS[1]))
            self._reload_at = self._now + after
        return Datagram("done", {"changed": changed, "reloaded": changed})

    def _observed(self) -> Datagram:
        return Datagram(
            "observed",
            {
                "running": True,
                "version": self._voice.version,
                "outbound": OUTBOUND,
                "deferred": OUTBOUND if self._wants_closed else (),
                "paused": self._wants_closed,
                "config_changed_us": _microseconds(self._config_changed),
                "qmgr_started_us": _microseconds(self._qmgr_started),
            },
        )

    def _directories(self) -> list[tuple[Datagram, list[int]]]:
        names = tuple(f"postfix:{queue}" for queue in QUEUES)
        flags = os.O_RDONLY | os.O_DIRECTORY
        opened = [os.open(self.queue / queue, flags) for queue in QUEUES]
        return [(Datagram("directories", {"part": 1, "parts": 1, "names": names}), opened)]

    def _write(self, lines: Iterable[bytes]) -> None:
        with self.log.open("ab", buffering=0) as file:
            file.write(b"".join(lines))


def _microseconds(at: datetime | None) -> int:
    assert at is not None, "started"
    return int(at.timestamp() * 1_000_000)
