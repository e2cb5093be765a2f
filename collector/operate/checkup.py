"""The collector's own health: what it stands on, checked now; each fault with its remedy."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from collector.core.model import Look
from collector.operate import reaching
from collector.operate.desk import Desk
from collector.operate.moments import lasting
from collector.operate.overview import row_of, rows_of
from collector.ports import Row, StoreError
from deliverability.catalogue import CATALOGUE
from deliverability.nameservers_judged import NameserverState
from deliverability.zones import Sentinels, Tier, Verdict

OK, WARN, FAIL = "ok", "warn", "fail"
CERTIFICATE_WARN = timedelta(days=14)
DISK_FREE_BYTES_MIN = 1_000_000_000
DISK_FREE_RATIO_MIN = 0.05
CONNECT_SECONDS_MAX = 2.0
SKEW_NODES_MIN = 3
NODES_SHOWN_MAX = 20
# Of a log's lines; what is no delivery's changes no total.
UNKNOWN_RATIO_WARN = 0.001
# Resolvers shared by the whole world: blocklists refuse them (Spamhaus, "Fair Use Policy").
NAMESERVERS_SHOWN_MAX = 20
OWN_RESOLVER = "run a recursive resolver (apt-get install unbound), name it in dns.nameservers"
KEY = "and give the collector a Spamhaus DQS key: mailfleet init --dqs-key-file FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    state: str
    text: str
    remedy: str = ""
    details: tuple[str, ...] = ()


async def examine(desk: Desk) -> dict[str, object]:
    """Every check, in the order of what depends on what."""
    now, nodes = desk.clock.now(), await desk.store.nodes()
    checks = [
        await _journal(desk),
        _progress(desk),
        _disk(desk),
        *[await _listener(name, port) for name, port in sorted(desk.standing.ports.items())],
        _certificate("listeners' certificate", desk.standing.certificate_ends_at(), now=now),
        *[_certificate("CA", end, now=now) for end in desk.standing.ca_ends_at()],
        _clock(nodes),
        *await _nameservers(desk),
        _nodes_nameservers(nodes),
        *await _zones(desk),
        *await _channels(desk),
        *map(_agent, await desk.store.ailing(limit=NODES_SHOWN_MAX)),
        *_logs(await desk.store.unknown_lines(limit=NODES_SHOWN_MAX)),
    ]
    states = {check.state for check in checks}
    worst = FAIL if FAIL in states else WARN if WARN in states else OK
    return {
        "state": worst,
        "checks": [
            {
                "name": c.name,
                "state": c.state,
                "text": c.text,
                "remedy": c.remedy,
                "details": list(c.details),
            }
            for c in checks
        ],
    }


def stalled(desk: Desk) -> list[str]:
    """Loops that have not advanced within their time."""
    progress = desk.standing.progress()
    return sorted(name for name, (ago, at_most) in progress.items() if ago > at_most)


async def _journal(desk: Desk) -> Check:
    try:
        revision = await desk.store.schema_revision()
    except StoreError as error:
        return Check(
            name="journal", state=FAIL, text=str(error), remedy=f"ls {desk.standing.state}"
        )
    return Check(name="journal", state=OK, text=f"{desk.standing.state}, schema {revision}")


def _progress(desk: Desk) -> Check:
    still = stalled(desk)
    if still:
        return Check(
            name="loops",
            state=FAIL,
            text=f"not advancing: {', '.join(still)}",
            remedy="journalctl -u mailfleet-collector",
        )
    return Check(name="loops", state=OK, text=f"advancing: {', '.join(desk.standing.progress())}")


def _disk(desk: Desk) -> Check:
    total, free = desk.standing.disk()
    is_low = free < DISK_FREE_BYTES_MIN or free < DISK_FREE_RATIO_MIN * total
    text = f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB free for {desk.standing.state}"
    remedy = f"du -xh {desk.standing.state}; make room" if is_low else ""
    return Check(name="disk", state=WARN if is_low else OK, text=text, remedy=remedy)


async def _listener(name: str, port: int) -> Check:
    """A connection to ourselves, over loopback."""
    try:
        with anyio.fail_after(CONNECT_SECONDS_MAX):
            await (await anyio.connect_tcp("localhost", port)).aclose()
    except (OSError, TimeoutError) as error:
        text = f"port {port}: {str(error) or 'no answer'}"
        remedy = "journalctl -u mailfleet-collector"
        return Check(name=f"listener {name}", state=FAIL, text=text, remedy=remedy)
    return Check(name=f"listener {name}", state=OK, text=f"port {port} answers")


def _certificate(name: str, ends_at: datetime, *, now: datetime) -> Check:
    left = ends_at - now
    text = f"ends {ends_at:%Y-%m-%d}, in {lasting(left)}"
    if left <= timedelta(0):
        return Check(name=name, state=FAIL, text=f"ended {ends_at:%Y-%m-%d}", remedy=_renew(name))
    if left < CERTIFICATE_WARN:
        return Check(name=name, state=WARN, text=text, remedy=_renew(name))
    return Check(name=name, state=OK, text=text)


def _renew(name: str) -> str:
    return "mailfleet ca rotate" if name == "CA" else "systemctl restart mailfleet-collector"


def _clock(nodes: Sequence[Row]) -> Check:
    """Our clock against the nodes': when most disagree, it is ours that is wrong."""
    skews = [float(str(row["clock_skew_seconds"])) for row in nodes if row["last_heartbeat"]]
    if len(skews) < SKEW_NODES_MIN:
        return Check(name="clock", state=OK, text="too few nodes to compare with")
    median = statistics.median(skews)
    text = f"{median:+.1f} s against the median of {len(skews)} nodes"
    if abs(median) <= 5:
        return Check(name="clock", state=OK, text=text)
    return Check(name="clock", state=WARN, text=text, remedy="chronyc makestep; timedatectl")


async def _channels(desk: Desk) -> list[Check]:
    """Each way to reach people, without telling anybody anything."""
    found = [
        Check(
            name=f"channel {name}",
            state=OK if is_good else FAIL,
            text=said,
            remedy="" if is_good else f"mend [notify.channels.{name}]; mailfleet alert test {name}",
        )
        for name, is_good, said in await reaching.checked(desk)
    ]
    if found:
        return found
    text = "none is named in [notify]: who does not look at mailfleet status hears of nothing"
    return [Check(name="channels", state=OK, text=text)]


async def _nameservers(desk: Desk) -> list[Check]:
    return [
        Check(
            name=f"nameserver {text}",
            state=OK if state is NameserverState.GOOD else WARN,
            text=f"{state.value}: {why}" if why else "to be believed about blocklists",
            remedy="" if state is NameserverState.GOOD else f"{OWN_RESOLVER}, {KEY}",
        )
        for text, state, why in await desk.resolver.tried()
    ]


def _nodes_nameservers(nodes: Sequence[Row]) -> Check:
    """What nodes found when they tried their own nameservers."""
    told = [
        (str(node["name"]), one)
        for node in nodes
        for one in rows_of(row_of(node, "latest") or {}, "nameservers")
    ]
    wrong = [(name, one) for name, one in told if one["state"] != "good"]
    text = f"{len(told)} tried by nodes, {len(wrong)} not to be believed about blocklists"
    return Check(
        name="nodes' nameservers",
        state=WARN if wrong else OK,
        text=text,
        remedy=f"on these nodes: {OWN_RESOLVER}" if wrong else "",
        details=tuple(
            f"{name}: {one['nameserver']} {one['state']}: {one['why']}"
            for name, one in wrong[:NAMESERVERS_SHOWN_MAX]
        ),
    )


async def _zones(desk: Desk) -> list[Check]:
    """The critical zones the fleet looks at, and those the configuration names."""
    critical = [z.name for z in desk.zoning.catalogue().enabled() if z.tier is Tier.CRITICAL]
    names = list(dict.fromkeys([*critical, *desk.standing.zones]))
    found: dict[str, Check] = {}

    async def examine_one(name: str) -> None:
        found[name] = await _zone(desk, name)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(examine_one, name)
    return [found[name] for name in names]


async def _zone(desk: Desk, zone: str) -> Check:
    """The zone's own test point through our resolver: it must say listed."""
    look = await desk.resolver.look(zone, address=CATALOGUE[zone].sentinel_listed)
    key = " with our key" if desk.standing.has_zone_key else ""
    if look.sentinels is Sentinels.RIGHT and look.verdict is Verdict.LISTED:
        return Check(name=f"zone {zone}", state=OK, text=f"answers rightly{key}")
    return Check(name=f"zone {zone}", state=FAIL, text=_unusable(look), remedy=_cure(desk, look))


def _agent(row: Row) -> Check:
    """What a node's agent says of itself; each problem names its own cure where there is one."""
    return Check(
        name=f"agent of {row['name']}",
        state=WARN,
        text="; ".join(map(str, rows_of(row, "problems"))),
        remedy=f"on {row['name']}: mailfleet-agent check",
    )


def _logs(told: Row) -> Iterator[Check]:
    """What agents did not understand of their logs: of all nodes, then of each that has some."""
    if told["unknown"]:
        share = _share(told["unknown"], of=told["lines"])
        text = f"{told['unknown']} of {told['lines']} lines of Postfix's logs not understood{share}"
        yield Check(name="logs", state=OK, text=f"{text}, on {told['nodes_unknown']} nodes")
    elif told["nodes"]:
        text = f"every line of Postfix's that {told['nodes']} nodes read was understood"
        yield Check(name="logs", state=OK, text=text)
    yield from map(_log, rows_of(told, "items"))


def _log(row: Row) -> Check:
    """A delivery's line that is not understood is missing from the totals."""
    lines, unknown, deliveries = (int(str(row[k])) for k in ("lines", "unknown", "deliveries"))
    daemons = row_of(row, "daemons") or {}
    counts = sorted(daemons.items(), key=lambda one: (-int(str(one[1])), one[0]))
    parts = [f"{daemon} {count}" for daemon, count in counts]
    parts += [f"deliveries {deliveries}"] * (deliveries > 0)
    parts += [f"too long {row['overlong']}"] * (row["overlong"] != 0)
    hosts = row_of(row, "hosts") or {}
    others = sum(int(str(count)) for count in hosts.values())
    if others:
        parts.append(f"{others} lines of other machines not counted ({', '.join(sorted(hosts))})")
    is_much = deliveries > 0 or unknown > UNKNOWN_RATIO_WARN * lines
    return Check(
        name=f"log of {row['node']}",
        state=WARN if is_much else OK,
        text=f"{unknown} of {lines} not understood{_share(unknown, of=lines)}: {', '.join(parts)}",
        remedy=f"on {row['node']}: mailfleet-agent logs-test FILE; report these lines"
        if is_much
        else "",
        details=tuple(map(str, rows_of(row, "newest"))),
    )


def _share(part: object, *, of: object) -> str:
    lines = int(str(of))
    return f" ({int(str(part)) / lines:.3%})" if lines else ""


def _unusable(look: Look) -> str:
    return f"no usable answer: {look.why or 'its test points are wrong'}"


def _cure(desk: Desk, look: Look) -> str:
    if "refused" not in look.why:
        return f"dig {look.address} at the nameservers of dns.nameservers; is the network up?"
    return OWN_RESOLVER if desk.standing.has_zone_key else f"{OWN_RESOLVER}, {KEY}"
