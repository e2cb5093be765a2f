"""What is needed to tell people: the journal's side of it, and the channels that lead outside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from collector.core.channels import ChannelState
from collector.core.incident import Docket, Silence
from collector.core.model import AlertFact
from collector.core.notice import Notice
from collector.ports import AuditEntry, Row


class ChannelError(Exception):
    """It was not delivered, as far as we know. `retryable`: the same may be tried again later.
    The text never holds a secret."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


class Channel(Protocol):
    """One way out. Each call ends within the adapter's own time limit."""

    @property
    def kind(self) -> str: ...

    @property
    def is_level(self) -> bool:
        """It wants to hear again and again what still stands, one notice an incident, and no
        digests."""

    async def send(self, notice: Notice) -> str:
        """What the other side said, in a few words. ChannelError. The same notice may come twice;
        its key tells."""

    async def refresh(self, notices: Sequence[Notice]) -> None:
        """What still stands, for a channel that `is_level`. ChannelError."""

    async def check(self) -> str:
        """Whether it could be used now, without telling anybody anything. ChannelError."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notice that waits for a channel."""

    channel: str
    notice: Notice
    created_at: datetime
    attempts: int
    problem: str
    # Of a sending that was begun, and nobody knows how it ended: the key it went under.
    parcel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """Every open alert, in the order of their keys, and what people know and want to know of
    them."""

    alerts: Sequence[AlertFact]
    docket: Docket


class NotifyStore(Protocol):
    async def troubles(self) -> Troubles: ...

    async def untold(self, *, limit: int) -> Sequence[Notice]:
        """Committed and not yet handed to channels, oldest first."""

    async def told_channels(self, thread: str) -> Collection[str]:
        """Every channel a notice of this thread was for."""

    async def queue(self, notice: Notice, channels: Sequence[str], *, at: datetime) -> None:
        """For these channels, in one transaction with the end of its effect."""

    async def waiting(self, channel: str) -> Sequence[Delivery]:
        """What it has not taken yet, oldest first; bounded."""

    async def abandon(self, known: Collection[str], *, before: datetime, at: datetime) -> int:
        """Gives up what began to wait before then, and what waits for a channel nobody knows any
        more; how many."""

    async def begun(self, channel: str, keys: Collection[str], *, parcel: str) -> None:
        """These go together, under that key, until it is known how it ended."""

    async def attempted(
        self, channel: str, keys: Collection[str], *, problem: str, at: datetime
    ) -> None:
        """It was tried in vain."""

    async def delivered(
        self, channel: str, outcomes: Mapping[str, str], *, said: str, at: datetime
    ) -> None:
        """Outcome by key: sent, folded, given up, refused."""

    async def standing(self, channel: str) -> Sequence[Notice]:
        """The newest notice this channel took of each incident that is still open."""

    async def channel_states(self) -> Mapping[str, ChannelState]: ...

    async def incidents(self, *, open_only: bool, limit: int) -> Sequence[Row]:
        """Newest first: number, cause, tenant, severity, opened_at, resolved_at, calm_since,
        reopened, notices, told_at, told (keys), acknowledged_at, acknowledged_by,
        acknowledged_why."""

    async def incident(self, number: int) -> Row | None:
        """With its `alerts` (those of its cause in its time); `sent`: each notice with what became
        of it on every channel."""

    async def acknowledge(
        self, number: int, *, by: str, why: str, at: datetime | None, entry: AuditEntry
    ) -> bool:
        """`at` None takes it back. False when there is no such open incident."""

    async def silences(self, *, active_only: bool, limit: int) -> Sequence[Row]: ...

    async def add_silence(self, silence: Silence, entry: AuditEntry) -> int:
        """Its number."""

    async def end_silence(self, number: int, entry: AuditEntry) -> bool:
        """False when it is not known, or has ended."""

    async def own_names(self) -> frozenset[str]:
        """Addresses, names and hostnames of our nodes, lower case."""
