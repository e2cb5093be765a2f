"""What is asked once, before the loops begin: who we are, our addresses, zones and transports."""

import random
import secrets
from contextlib import suppress
from datetime import timedelta

from agent import config
from agent.config import AgentConfig, ConfigError
from agent.dnsbl import sockets
from agent.dnsbl.sweep import Sweep
from agent.dnsbl.watch import Chance, ZoneWatch
from agent.host import facts
from agent.maillog.hosts import Own
from agent.maillog.logs import Logs, Use
from agent.postfix import commands
from agent.postfix.client import PostfixClient, PostfixError
from agent.postfix.commands import PostfixProblem
from agent.session import Self
from agent.state import State
from agent.version import VERSION
from deliverability.zones import ZoneKeys

LOG_DEFAULT = "/var/log/mail.log"
FIRST_LOOK = timedelta(seconds=5)


def who(settings: AgentConfig, own: tuple[str, ...]) -> Self:
    return Self(
        version=VERSION,
        machine_id=facts.machine_id(settings.machine_id, fallback=settings.state / "machine-id"),
        boot_id=facts.boot_id(),
        run_id=secrets.token_hex(8),
        hostname=settings.hostname or facts.hostname(),
        addresses=own,
    )


async def outbound(settings: AgentConfig) -> frozenset[bytes]:
    """Without a helper none is known, and a pipe counts as a delivery on this machine."""
    client = PostfixClient(settings.helper, timeout=FIRST_LOOK)
    try:
        return frozenset(name.encode() for name in (await client.observe()).outbound)
    except PostfixError:
        return frozenset()
    finally:
        client.close()


def own_names(settings: AgentConfig) -> Own:
    """What syslogd calls this machine, which is asked each time; and what Postfix, which writes its
    own name where it writes the log itself (maillog_file in postconf(5))."""
    told = [settings.hostname]
    with suppress(PostfixProblem):
        told.append(commands.run("postconf", "-h", "myhostname").strip())
    names = frozenset(name.encode("utf-8", "replace") for name in told if name)
    return lambda: names | {facts.hostname().encode("utf-8", "replace")}


def zone_watch(
    settings: AgentConfig, state: State, *, own: tuple[str, ...], keys: ZoneKeys
) -> ZoneWatch:
    """Goes on where an earlier run ended: with its zones, and with when each was asked."""
    known = state.zone_readings()
    ways = sockets.ways(
        config.nameservers_of(settings),
        own=(*own, *facts.global_addresses()),
        are_chosen=bool(settings.nameservers),
    )
    watch = ZoneWatch(
        Sweep(ways, keys=keys, known=known),
        own,
        chosen=settings.zones,
        keys=keys,
        chance=Chance(luck=random.random, token=lambda: secrets.token_hex(8)),
    )
    if state.handed_out is not None:
        with suppress(ValueError):  # of a version with other bounds; the collector sends another
            watch.take(state.handed_out)
    watch.resume(known)
    return watch


def logs(settings: AgentConfig) -> Logs:
    """The configured ones, else Debian's, or the journal where that is missing."""
    if settings.log == (config.JOURNAL,):
        return Logs(use=Use.JOURNAL)
    if settings.log:
        return Logs(patterns=settings.log)
    return Logs(patterns=(LOG_DEFAULT,), use=Use.FIRST_FOUND)


def addresses(settings: AgentConfig) -> tuple[str, ...]:
    """The configured ones, else the machine's only global IPv4 address."""
    if settings.addresses:
        return settings.addresses
    found = facts.global_addresses()
    if len(found) != 1:
        seen = f"the machine has {len(found)} global IPv4 addresses ({', '.join(found) or 'none'})"
        raise ConfigError([f"{config.place()}: node.addresses: missing, and {seen}"])
    return found
