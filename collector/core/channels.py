"""Ways to reach people, as they are configured: values only. Secrets show themselves to nobody."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.core.notice import Notice, Occasion
from collector.core.severity import Severity


class Secret:
    """A password, key or address that gives access. No text of it shows it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(<hidden>)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """`failed_at`: when last a notice was given up or refused; `failing_since`: the oldest that
    waits after an attempt."""

    waiting: int = 0
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    failing_since: datetime | None = None
    problem: str = ""


# Apprise is not part of every installation.
APPRISE_REMEDY = "run install-collector.sh --with-apprise, or pip install 'mailfleet[notify]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """JSON by POST, signed with the channel's secret where it has one."""

    name: str
    url: str
    kind: str = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """Mail through a relay that is none of our nodes. `security`: starttls, tls, or none (to this
    machine alone). The secret is the password of `username`; `ca`: a PEM file beside the system's
    roots."""

    name: str
    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    security: str = "starttls"
    username: str = ""
    ca: str = ""
    kind: str = "smtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """Prometheus Alertmanager, API v2. A secret is a bearer token."""

    name: str
    url: str
    kind: str = "alertmanager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise:
    """Anything else that apprise knows; the secret is its address (slack://…, tgram://…)."""

    name: str
    kind: str = "apprise"


Settings = Webhook | Smtp | Alertmanager | Apprise


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Who is told of what: every field given must fit, `severity` and graver. One that names
    tenants is theirs: it gets only what is about them, and what is infrastructure-critical
    whatever its severity."""

    channels: tuple[str, ...]
    severity: Severity = Severity.LOW
    pools: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()

    def wants(self, notice: Notice) -> bool:
        is_grave = notice.severity.rank >= self.severity.rank
        if self.tenants:
            is_grave = is_grave or notice.is_critical
            if notice.tenant not in self.tenants:
                return False
        is_cause = not self.causes or notice.cause.partition(":")[0] in self.causes
        is_pool = not self.pools or not set(self.pools).isdisjoint(notice.pools)
        return is_grave and is_cause and is_pool


def wanting(
    notice: Notice, routes: Sequence[Route], *, known: Sequence[str], before: Collection[str]
) -> tuple[str, ...]:
    """The channels for a notice, of those `known`: by the routes, or all where there are none.
    Whoever heard of an incident `before` hears of its end. A channel is not told that it fails."""
    named = (channel for route in routes if route.wants(notice) for channel in route.channels)
    chosen = set(named) if routes else set(known)
    if notice.event is Occasion.RESOLVED:
        chosen |= set(before)
    elif notice.cause == "channel":
        chosen -= set(notice.subjects)
    return tuple(name for name in known if name in chosen)
