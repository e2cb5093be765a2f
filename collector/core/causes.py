"""What each cause of an alert means for people: how many of it are named, what comes next, what
helps. Reads an alert's key (`cause:subject`, or `cause:zone:subject`); opens and closes nothing.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Owner(Enum):
    """Who opens alerts of a cause, and so alone may resolve them."""

    # A judgement: of the nodes it judged, or of the fleet.
    NODE = "node"
    FLEET = "fleet"
    VIGIL = "vigil"
    INTAKE = "intake"
    COURIER = "courier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`many` names several of it: {n}, {part}. `coming` and `can` may name {node}, {part},
    {address}, {subject}, and figures of the policy (`notices`); a sentence whose word is not known
    is left out."""

    many: str
    # None: of a cause without a row, which is nobody's.
    owner: Owner | None = None
    coming: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    # What stands between cause and subject in its keys: a zone, a receiver, or another name. Zones
    # and receivers make incidents of their own.
    part: str = ""
    # Told at once, whatever its severity.
    is_listing: bool = False
    # The cause whose incident it belongs to; "" is its own.
    part_of: str = ""
    # What its presence adds to the headline of the incident it is part of.
    aside: str = ""
    # Decisions of these reasons are about it; of others, not.
    reasons: tuple[str, ...] = ()
    # It follows from whatever else is wrong with its subject, and belongs to that.
    is_echo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """What an alert's key says. `part` is its zone, receiver or name, None where it has none."""

    cause: str
    part: str | None
    subject: str

    @property
    def address(self) -> str | None:
        """The subject, where it is one."""
        try:
            return str(ipaddress.ip_address(self.subject))
        except ValueError:
            return None

    @property
    def zone(self) -> str | None:
        return self.part if known(self.cause).part == ZONE else None


# The same alerts stand pass after pass: each key is read once.
KEYS_REMEMBERED = 20_000
ZONE, RECEIVER, NAME = "zone", "receiver", "name"
_DELISTED = "the zone is asked again; after {clean_rounds} clean rounds the pause ends by itself"
_DELIST = "ask the zone to delist {address}, once its reason is gone"

CAUSES: Mapping[str, Cause] = {
    "listed": Cause(
        owner=Owner.NODE,
        reasons=("LISTED",),
        many="{n} addresses are listed by {part}",
        coming=(_DELISTED,),
        can=("mailfleet why {address}", _DELIST),
        part=ZONE,
        is_listing=True,
    ),
    "zone-brake": Cause(
        owner=Owner.FLEET,
        reasons=("LISTED",),
        many="{part} lists much of the fleet",
        coming=(
            "its pauses are held while so many stand, longer only where nothing confirms them",
        ),
        can=(
            "mailfleet zone test {part} ADDRESS",
            "whoever is truly listed: mailfleet node pause NODE --reason TEXT",
        ),
        part=ZONE,
        part_of="listed",
        aside="its pauses are held",
    ),
    "policy-listed": Cause(
        owner=Owner.NODE,
        many="{n} addresses have a configuration fault, says {part}",
        coming=("nothing is paused for it; it ends when the zone no longer says so",),
        can=("mailfleet why {address}", _DELIST),
        part=ZONE,
        is_listing=True,
    ),
    "disagree": Cause(
        owner=Owner.NODE,
        many="{n} addresses are listed by {part} for their nodes, but not for the collector",
        coming=("both look again until they agree",),
        can=("mailfleet why {address}", "mailfleet zone test {part} {address}"),
        part=ZONE,
        is_listing=True,
    ),
    "quarantine": Cause(
        owner=Owner.NODE,
        many="{n} nodes do not believe {part}",
        coming=(
            "nothing {part} says counts until its test points answer rightly again:"
            " it pauses nobody, and ends no pause",
        ),
        can=("mailfleet doctor", "mailfleet zone show {part}"),
        part=ZONE,
    ),
    "detector": Cause(
        owner=Owner.FLEET,
        many="removals for silence are frozen",
        coming=("nobody is removed for silence until the collector has been healthy for a while",),
        can=("mailfleet doctor", "journalctl -u mailfleet-collector"),
    ),
    "unhealthy": Cause(
        owner=Owner.NODE,
        reasons=("SILENCE",),
        many="{n} nodes are unhealthy",
        coming=("it comes back by itself after {back_after} heartbeats in a row",),
        can=("mailfleet why {node}", "on the node: systemctl status mailfleet-agent"),
    ),
    "blind": Cause(
        owner=Owner.NODE,
        many="{n} nodes get no usable blocklist answer",
        coming=("unknown neither lists nor clears: a listing would not be seen meanwhile",),
        can=("mailfleet doctor", "give the nodes a resolver of their own, and a DQS key"),
    ),
    "disobedient": Cause(
        owner=Owner.NODE,
        many="{n} nodes were told to be silent and do not show it",
        coming=("the directive stands; the node is asked with every heartbeat",),
        can=("mailfleet why {node}", "on the node: systemctl status mailfleet-helper"),
    ),
    "duplicate": Cause(
        owner=Owner.INTAKE,
        many="{n} identities are used by two machines",
        can=("mailfleet node show {node}", "mailfleet node revoke {node} --reason TEXT"),
    ),
    "talkative": Cause(
        owner=Owner.INTAKE,
        many="{n} nodes send more events than any has to tell",
        can=("mailfleet events --node {node}",),
    ),
    "skew": Cause(
        owner=Owner.NODE,
        many="{n} nodes have a wrong clock",
        can=("set the clock of {node} (chrony)",),
    ),
    "deferral": Cause(
        owner=Owner.VIGIL,
        many="{n} receivers defer",
        coming=("it ends when the rate has fallen",),
        can=("mailfleet receiver show {subject}",),
    ),
    "counting": Cause(
        owner=Owner.VIGIL,
        many="{n} nodes cannot count their mail",
        can=("on the node: mailfleet-agent check", "mailfleet node show {node}"),
    ),
    "service-down": Cause(
        owner=Owner.NODE,
        reasons=("SERVICE_DOWN",),
        many="{n} nodes have a service down",
        coming=("a node whose SMTP service is down is out until it runs again",),
        can=("mailfleet why {node}", "on the node: systemctl status postfix"),
        part=NAME,
    ),
    "disk": Cause(
        owner=Owner.NODE,
        reasons=("DISK_FULL",),
        many="the queue's disk is full on {n} nodes",
        can=("mailfleet node show {node}", "on the node: postqueue -p | tail -1; df -h"),
    ),
    "cpu": Cause(owner=Owner.NODE, many="{n} nodes are busy", can=("mailfleet node show {node}",)),
    "certificate": Cause(
        owner=Owner.NODE,
        many="{n} certificates expire",
        coming=("an agent renews its own in the last third of its life",),
        can=("mailfleet node show {node}", "on the node: mailfleet-agent check"),
        part=NAME,
    ),
    "target": Cause(
        owner=Owner.NODE,
        many="{n} health targets are missed",
        can=("mailfleet node show {node}",),
        part=NAME,
    ),
    "bounces": Cause(
        owner=Owner.NODE,
        reasons=("BOUNCE_RATE",),
        many="{n} addresses bounce",
        coming=("at {bounce_pause} the address is paused",),
        can=("mailfleet why {address}",),
    ),
    "complaints": Cause(
        owner=Owner.NODE,
        reasons=("COMPLAINT_RATE",),
        many="{n} addresses draw complaints",
        can=("mailfleet why {address}",),
    ),
    "blocked": Cause(
        owner=Owner.NODE,
        reasons=("BLOCKED",),
        many="{part} refuses {n} addresses",
        coming=("every {probe_after} {probe_messages} messages may try",),
        can=("mailfleet why {node}", "mailfleet receiver show {part}"),
        part=RECEIVER,
    ),
    "dns": Cause(
        owner=Owner.NODE,
        reasons=("DNS_BROKEN",),
        many="{n} records are wrong",
        can=("mailfleet why {node}",),
        part=NAME,
    ),
    "score": Cause(
        owner=Owner.NODE,
        is_echo=True,
        many="the score of {n} addresses fell",
        can=("mailfleet node show {node}", "mailfleet why {address}"),
    ),
    "standing-order": Cause(
        owner=Owner.NODE,
        reasons=("STANDING_ORDER",),
        many="{n} nodes silenced themselves while they heard no collector",
        coming=("it is lifted when its listings are over, pauses of their own, or held as a wave",),
        can=("mailfleet why {node}",),
    ),
    "channel": Cause(
        owner=Owner.COURIER,
        many="{n} channels of notification fail",
        coming=("what waits is sent, folded, as soon as the channel answers",),
        can=("mailfleet alert test {subject}", "mailfleet doctor"),
    ),
}
ECHOES = frozenset(name for name, cause in CAUSES.items() if cause.is_echo)
LISTINGS = frozenset(name for name, cause in CAUSES.items() if cause.is_listing)


def owned_by(*owners: Owner) -> frozenset[str]:
    return frozenset(name for name, cause in CAUSES.items() if cause.owner in owners)


def known(name: str) -> Cause:
    """Of a cause without a row: its name, and nothing to advise."""
    return CAUSES.get(name) or Cause(many=f"{{n}} × {name}", can=("mailfleet events",))


@lru_cache(maxsize=KEYS_REMEMBERED)
def facets(key: str) -> Facets:
    name, _, rest = key.partition(":")
    part: str | None = None
    subject, kind = rest, known(name).part
    if kind and (":" in rest or kind == ZONE):
        part, _, subject = rest.partition(":")
    return Facets(cause=name, part=part, subject=subject)


@lru_cache(maxsize=KEYS_REMEMBERED)
def cause_of(key: str) -> str:
    """The cause that makes an incident: with its zone or receiver, where it has one."""
    said = facets(key)
    cause = known(said.cause)
    name = cause.part_of or said.cause
    return name if said.part is None or cause.part == NAME else f"{name}:{said.part}"
