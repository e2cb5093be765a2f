"""What the readers of one chunk fill, and what they are told of a line's tag. Decides nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from agent.maillog.lines import Delivery, MailEvent, Parsed, Sent

LINE_BYTES_MAX = 65_536  # a longer line is nobody's delivery; it is skipped and counted
UNKNOWN_DAEMONS_MAX = 64
UNKNOWN_KEPT_MAX = 8
UNKNOWN_BYTES_MAX = 512
OTHER = b"other"


@dataclass(slots=True)
class Found:
    """The facts so far."""

    events: list[MailEvent | Sent] = field(default_factory=list)
    accepted: list[tuple[bytes, bytes, bytes, bytes]] = field(default_factory=list)
    queued: list[tuple[bytes, bytes]] = field(default_factory=list)
    shared: list[tuple[bytes, bytes, int]] = field(default_factory=list)
    removed: list[tuple[bytes, bytes]] = field(default_factory=list)
    unparsed: int = 0
    unknown: dict[bytes, int] = field(default_factory=dict)
    newest_unknown: list[bytes] = field(default_factory=list)
    foreign: int = 0
    probes: list[Delivery] = field(default_factory=list)

    def add_unknown(self, line: bytes, *, daemon: bytes) -> None:
        if daemon not in self.unknown and len(self.unknown) >= UNKNOWN_DAEMONS_MAX:
            daemon = OTHER
        self.unknown[daemon] = self.unknown.get(daemon, 0) + 1
        self._keep(line)

    def add_unparsed(self, line: bytes) -> None:
        self.unparsed += 1
        self._keep(line)

    def _keep(self, line: bytes) -> None:
        self.newest_unknown.append(line[:UNKNOWN_BYTES_MAX])
        if len(self.newest_unknown) > UNKNOWN_KEPT_MAX:
            del self.newest_unknown[0]

    def parsed(self, removed: Iterable[tuple[bytes, bytes]]) -> Parsed:
        return Parsed(
            events=self.events,
            accepted=self.accepted,
            queued=self.queued,
            shared=self.shared,
            removed=removed,
            unparsed=self.unparsed,
            unknown=self.unknown,
            newest_unknown=self.newest_unknown,
            foreign=self.foreign,
            probes=self.probes,
        )


class Tag(NamedTuple):
    """One host and tag; the tag begins `back` bytes before the body."""

    reader: "Reader"
    instance: bytes
    daemon: bytes
    back: int


class Reader(Protocol):
    """Reads one line of its program's: `body` is where its text begins."""

    def __call__(self, found: Found, line: bytes, *, tag: Tag, body: int) -> None: ...
