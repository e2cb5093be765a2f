"""Looks at everything the agent needs, once, and says what to do about what is missing."""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent import identity, outset
from agent.config import AgentConfig
from agent.dnsbl.sweep import Sweep
from agent.identity import IdentityError
from agent.maillog.logs import Logs
from agent.postfix.client import PostfixClient, PostfixError
from agent.refusal import ENROL_ANEW
from deliverability.zones import Sentinels, Tier, Zone

CONNECT_SECONDS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `remedy`: what to do when it is not right."""

    name: str
    is_right: bool
    text: str
    remedy: str = ""


def log_readable(logs: Logs, now: datetime) -> Finding:
    """Begun as on a first start, and let go again."""
    with contextlib.closing(logs.open(None, counted_to=now)) as source:
        with contextlib.suppress(OSError):  # said among the problems
            source.read(now)
        problems = source.problems
    if problems:
        remedy = "set postfix.log to Postfix's log, and let the agent's user read it (ls -l)"
        return _wrong("log", text="; ".join(problems), remedy=remedy)
    return _right("log", text=f"{source} can be read")


def enrolled(config: AgentConfig, now: datetime) -> Finding:
    try:
        found = identity.load(config.state)
    except IdentityError as error:
        return _wrong("identity", text=str(error), remedy=ENROL_ANEW)
    if found is None:
        remedy = "mailfleet-agent enrol --collector HOST --token-file FILE"
        return _wrong("identity", text=f"no certificate in {config.state}", remedy=remedy)
    end = f"{found.not_after:%Y-%m-%d}"
    if not found.not_before <= now < found.not_after:
        remedy = "check the clock (timedatectl); a running agent renews an ended certificate"
        return _wrong(
            "identity", text=f"valid until {end}, which it is not by this clock", remedy=remedy
        )
    return _right("identity", text=f"node {found.node_id} of {found.fleet}, until {end}")


async def helper_answers(config: AgentConfig) -> Finding:
    client = PostfixClient(config.helper)
    try:
        seen = await client.observe()
    except PostfixError as error:
        return _wrong("helper", text=str(error), remedy="systemctl status mailfleet-helper")
    finally:
        client.close()
    running = "runs" if seen.running else "does not run"
    return _right(
        "helper", text=f"Postfix {seen.version} {running}; sends by {', '.join(seen.outbound)}"
    )


async def zones_answer(sweep: Sweep, watched: Sequence[Zone], now: datetime) -> Finding:
    """Asks for the zones' own test points, by way of an address that stands for none. The critical
    ones must answer; of the others some always refuse somebody.
    """
    readings = await sweep.once(watched, ("127.0.0.1",), number=0, now=now)
    wrong = [one for one in readings if one.sentinels is not Sentinels.RIGHT]
    critical = {zone.name for zone in watched if zone.tier is Tier.CRITICAL}
    text = f"{len(readings) - len(wrong)} of {len(readings)} zones answer rightly"
    text += "".join(f"; {one.zone}: {one.why or one.sentinels.value}" for one in wrong)
    if len(wrong) == len(readings) or any(one.zone in critical for one in wrong):
        remedy = "give dns.nameservers an own recursive resolver, or a Spamhaus DQS key"
        return _wrong("zones", text=text, remedy=remedy)
    return _right("zones", text=text)


def collector_reached(config: AgentConfig) -> Finding:
    place = config.collector
    for port in (place.https_port, place.enrolment_port, place.fleet_port):
        try:
            socket.create_connection((place.host, port), timeout=CONNECT_SECONDS_MAX).close()
        except OSError as error:
            remedy = "check collector.host, its firewall and this node's outbound rules"
            return _wrong(
                "collector", text=f"{place.target(port)}: {error.strerror or error}", remedy=remedy
            )
    return _right("collector", text=f"{place.host} listens on its three ports")


async def everything(
    config: AgentConfig, sweep: Sweep, *, watched: Sequence[Zone], clock: Callable[[], datetime]
) -> list[Finding]:
    asked: list[Awaitable[Finding]] = [
        helper_answers(config),
        zones_answer(sweep, watched, clock()),
    ]
    found = [log_readable(outset.logs(config), clock()), enrolled(config, clock())]
    found += [await each for each in asked]
    return [*found, collector_reached(config)]


def _right(name: str, *, text: str) -> Finding:
    return Finding(name=name, is_right=True, text=text)


def _wrong(name: str, *, text: str, remedy: str) -> Finding:
    return Finding(name=name, is_right=False, text=text, remedy=remedy)
